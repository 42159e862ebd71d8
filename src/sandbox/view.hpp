// The view of files inside: a new root on tmpfs, what the plan names laid into it, /dev, /proc and no more; then the host's root is gone.
//
// Runs in the new mount namespace, with the namespace's privileges, before the command exists. Nothing on the host is changed but what
// sealed.hpp puts there for the time of a run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sandbox/descriptor.hpp"
#include "sandbox/placeholder.hpp"
#include "sandbox/plan.hpp"

namespace interlock::sandbox {

class View {
 public:
  // `placeholders` is told of each thing that is made on the host.
  static Result<View> begin(ReportPlaceholder placeholders);

  Status lay(const Mount& mount);
  // /dev, /proc, /sys. `terminal`: the path of the launcher's terminal on the host, or empty.
  Status lay_system(const std::string& terminal);
  // The process stands in the new root, which nobody can write to, and the old one is unmounted.
  Status enter();

 private:
  View() = default;

  // What to make of the last part of a path that is not there.
  struct Missing {
    bool folder = false;
    std::string_view text = {};
  };
  // What stands at `path` in the view, made where it is not there. Each folder and link on the way that somebody inside could move away is
  // mounted onto itself, which keeps it where it is. An empty descriptor: it is not there, and nobody inside can make it.
  Result<Descriptor> walk(const std::string& path, const Missing& missing);
  Result<Descriptor> open_part(int folder, const std::string& name, const Missing& missing);
  Status make_part_of_view(int folder, const std::string& name, const Missing& missing);
  Status pin(int folder, const std::string& name, Descriptor& part);
  struct Place {
    std::string path;
    bool folder = false;
    bool optional = false;
  };
  Status attach(int tree, const Place& place);

  Status lay_tree(const Mount& mount, std::uint64_t attributes);
  Status lay_in_memory(const Mount& mount);
  Status lay_link(const Mount& mount);
  Status seal(const Mount& mount);
  Status lay_device(const std::string& from, const std::string& at);
  Status lay_processes();
  // A file or folder of the scratch mount: its name.
  Result<std::string> make_in_memory(const Mount& mount);

  Descriptor root_;
  Descriptor scratch_;  // tmpfs whose parts are laid into the view
  dev_t root_device_ = 0;
  dev_t scratch_device_ = 0;
  int parts_ = 0;
  ReportPlaceholder report_;
  Descriptor last_folder_;  // of walk()
  std::string last_folder_path_;
};

}  // namespace interlock::sandbox
