// Which file an exec names, as the kernel would find it: links, working folder, descriptors, and the interpreters of a script.
//
// Seen from outside, through /proc/PID; so the file may be another one by the time the kernel looks. `final` says which one was looked at.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
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

struct ProgramName {
  int folder = 0;  // AT_FDCWD, or a descriptor of the process
  std::string path;
  int flags = 0;  // of execveat
};

class ProgramFinder {
 public:
  // `folder`: /proc/PID of the process. `root`: of the view.
  ProgramFinder(int folder, int root, std::string cwd) : folder_(folder), root_(root), cwd_(std::move(cwd)) {}
  // The errno that the exec would get, as an unexpected value.
  std::expected<ProgramFile, int> find(const ProgramName& name) const;

 private:
  std::expected<Descriptor, int> open_program(const ProgramName& name) const;
  std::expected<Descriptor, int> open_path(const std::string& path) const;

  int folder_;
  int root_;
  std::string cwd_;
};

}  // namespace interlock::sandbox
