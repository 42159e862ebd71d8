// Which file an exec names, as the kernel would find it: links, working folder, descriptors, and the interpreters of a script.
//
// Seen from outside, through /proc/PID; so the file may be another one by the time the kernel looks. `final` says which one was looked at.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <expected>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sandbox/descriptor.hpp"

namespace interlock::sandbox {

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

struct ProgramFile {
  std::string name;  // as it is called inside, links resolved
  bool in_memory = false;
  std::string interpreter;           // that a script's first line names
  std::vector<std::string> leading;  // of a script: what the kernel puts in place of argv[0]
  FileIdentity final;                // what will run: the file, or the last interpreter
};

struct FirstLine {
  std::string interpreter;
  std::string argument;
};

// Files that were looked into and are no scripts, so that they need not be read again. One that becomes a script unseen is found out when
// another file runs than was expected.
class KnownPrograms {
 public:
  bool holds(const struct stat& status) const;
  void add(const struct stat& status);

 private:
  static constexpr std::size_t kKnownPrograms = 4096;
  struct Key {
    dev_t device;
    off_t size;
    time_t changed_second;
    long changed_nanosecond;
    bool operator==(const Key&) const = default;
  };
  static Key key_of(const struct stat& status);
  std::unordered_map<ino_t, Key> programs_;
};

struct ProgramName {
  int folder = 0;  // AT_FDCWD, or a descriptor of the process
  std::string path;
  int flags = 0;  // of execveat
};

class ProgramFinder {
 public:
  // `process`: its folder, /proc/PID/. `root`: of the view.
  ProgramFinder(std::string process, int root, std::string cwd, KnownPrograms& known)
      : process_(std::move(process)), root_(root), cwd_(std::move(cwd)), known_(known) {}
  // The errno that the exec would get, as an unexpected value.
  std::expected<ProgramFile, int> find(const ProgramName& name) const;

 private:
  struct Opened {
    Descriptor file;
    std::string name;  // as it is called inside; empty where its path went through links
  };
  std::expected<Opened, int> open_program(const ProgramName& name) const;
  std::expected<Opened, int> open_path(const std::string& path) const;
  std::optional<FirstLine> script_line_of(int file, const struct stat& status) const;

  std::string process_;
  int root_;
  std::string cwd_;
  KnownPrograms& known_;
};

}  // namespace interlock::sandbox
