// What a child process is lent: files in memory that it inherits, and a private tmpfs that it alone sees (mount_namespaces(7),
// user_namespaces(7), memfd_create(2)). Private to the room.
//
// Made before the fork; place() runs in the child between fork and exec, where only async-signal-safe calls are allowed: it allocates
// nothing. Wiped when it dies.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "net/process.hpp"

namespace interlock::net {

inline constexpr int kFirstLentDescriptor = 3;

class LentFiles {
 public:
  // Which step of place() failed; goes through a pipe to the parent.
  enum class Step : int { kDone, kDescriptor, kNamespace, kMount, kFile };
  struct Failure {
    Step step = Step::kDone;
    int error = 0;
  };

  LentFiles() = default;
  LentFiles(const LentFiles&) = delete;
  LentFiles& operator=(const LentFiles&) = delete;
  ~LentFiles();
  // Takes the texts over, and says in `environment` where they are.
  Status prepare(std::vector<LentText>& lent, std::map<std::string, std::string>& environment);
  std::size_t descriptors() const { return memory_.size(); }
  // In the child, when nothing between kFirstLentDescriptor and kFirstLentDescriptor + descriptors() is needed any more.
  Failure place_descriptors();
  Failure mount_files() const;
  // The mount point, which is the parent's to remove when the child is gone; empty: there is none.
  std::string take_folder() { return std::exchange(folder_, {}); }

 private:
  struct File {
    std::string path;
    std::string text;
  };
  Status add_descriptor(const std::string& text);
  std::vector<int> memory_;
  std::vector<File> files_;
  std::string folder_;
  std::string uid_map_;
  std::string gid_map_;
};

// For people: what was refused, and what to do.
Error lent_error(const LentFiles::Failure& failure);

}  // namespace interlock::net
