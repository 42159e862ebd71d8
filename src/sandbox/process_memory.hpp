// Reading what a process handed to the kernel: strings and lists of strings in its memory, within bounds. What is read may change behind
// the reader's back; who relies on it reads again when it cannot (exec_watch.hpp).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::sandbox {

class ProcessMemory {
 public:
  ProcessMemory(pid_t process, std::size_t budget_bytes) : process_(process), budget_bytes_(budget_bytes) {}

  Result<std::uint64_t> word_at(std::uint64_t address);
  Result<std::string> string_at(std::uint64_t address);
  // Of pointers to strings, ended by a null pointer; a null `address` is an empty list.
  Result<std::vector<std::string>> strings_at(std::uint64_t address, std::size_t bound);

 private:
  static constexpr std::size_t kPage = 4096;  // the smallest there is: a read that stays within one either works or does not
  struct Page {
    std::uint64_t address = 1;  // none is there
    std::array<char, kPage> bytes;
  };
  // Strings and pointers of one process lie close together, so few pages are read for many of them.
  Result<const Page*> page_of(std::uint64_t address);
  Status spend(std::size_t bytes);

  pid_t process_;
  std::size_t budget_bytes_;  // for all that this object hands out
  std::array<Page, 8> pages_;
};

}  // namespace interlock::sandbox
