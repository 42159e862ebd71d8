// Reading what a process handed to the kernel: strings and lists of strings in its memory, within bounds. What is read may change behind
// the reader's back; who relies on it reads again when it cannot (exec_watch.hpp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::sandbox {

class ProcessMemory {
 public:
  ProcessMemory(pid_t process, std::size_t budget_bytes) : process_(process), budget_bytes_(budget_bytes) {}

  Result<std::string> string_at(std::uint64_t address);
  // Of pointers to strings, ended by a null pointer; a null `address` is an empty list.
  Result<std::vector<std::string>> strings_at(std::uint64_t address, std::size_t bound);

 private:
  Result<std::vector<std::uint64_t>> pointers_at(std::uint64_t address, std::size_t bound);
  Status finish_string(std::uint64_t address, std::string& text);
  Status spend(std::size_t bytes);

  pid_t process_;
  std::size_t budget_bytes_;  // for all that this object reads
};

}  // namespace interlock::sandbox
