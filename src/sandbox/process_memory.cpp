#include "sandbox/process_memory.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace interlock::sandbox {
namespace {

constexpr std::size_t kPage = 4096;         // the smallest: a read that stays within one either works or does not
constexpr std::size_t kFirstBytes = 128;    // of a string; most are shorter
constexpr std::size_t kStringsAtOnce = 64;  // in one call

std::size_t left_in_page(std::uint64_t address) { return kPage - address % kPage; }

Error unreadable() { return system_error("the memory of a process inside", errno); }

}  // namespace

Status ProcessMemory::spend(std::size_t bytes) {
  if (bytes > budget_bytes_) return fail(ErrorCode::kTooLarge, "more arguments and environment than an exec may have");
  budget_bytes_ -= bytes;
  return {};
}

Status ProcessMemory::finish_string(std::uint64_t address, std::string& text) {
  std::array<char, kPage> page;
  for (;;) {
    const std::uint64_t from = address + text.size();
    iovec local{page.data(), left_in_page(from)};
    iovec remote{reinterpret_cast<void*>(from), left_in_page(from)};
    const ssize_t size = ::process_vm_readv(process_, &local, 1, &remote, 1, 0);
    if (size <= 0) return fail(unreadable());
    const std::size_t length = ::strnlen(page.data(), static_cast<std::size_t>(size));
    if (auto spent = spend(length); !spent) return spent;
    text.append(page.data(), length);
    if (length < static_cast<std::size_t>(size)) return {};
  }
}

Result<std::string> ProcessMemory::string_at(std::uint64_t address) {
  std::string text;
  if (auto done = finish_string(address, text); !done) return fail(done.error());
  return text;
}

Result<std::vector<std::uint64_t>> ProcessMemory::pointers_at(std::uint64_t address, std::size_t bound) {
  std::vector<std::uint64_t> pointers;
  std::array<std::uint64_t, kPage / sizeof(std::uint64_t)> page;
  while (address != 0) {
    // A list that is not aligned may have a pointer across two pages: then one is read at a time.
    const std::size_t size_wanted = std::max(left_in_page(address) / sizeof page[0], std::size_t{1}) * sizeof page[0];
    iovec local{page.data(), size_wanted};
    iovec remote{reinterpret_cast<void*>(address), size_wanted};
    const ssize_t size = ::process_vm_readv(process_, &local, 1, &remote, 1, 0);
    if (size < static_cast<ssize_t>(sizeof page[0])) return fail(unreadable());
    const std::size_t count = static_cast<std::size_t>(size) / sizeof page[0];
    for (std::size_t i = 0; i < count; ++i) {
      if (page[i] == 0) return pointers;
      if (pointers.size() >= bound) return fail(ErrorCode::kTooLarge, "more arguments or variables than are read");
      pointers.push_back(page[i]);
    }
    address += count * sizeof page[0];
  }
  return pointers;
}

Result<std::vector<std::string>> ProcessMemory::strings_at(std::uint64_t address, std::size_t bound) {
  const auto pointers = pointers_at(address, bound);
  if (!pointers) return fail(pointers.error());
  std::vector<std::string> strings(pointers->size());
  std::array<std::array<char, kFirstBytes>, kStringsAtOnce> firsts;
  std::array<iovec, kStringsAtOnce> local, remote;
  for (std::size_t done = 0; done < strings.size();) {
    const std::size_t count = std::min(kStringsAtOnce, strings.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t from = (*pointers)[done + i];
      const std::size_t size = std::min(kFirstBytes, left_in_page(from));
      local[i] = {firsts[i].data(), size};
      remote[i] = {reinterpret_cast<void*>(from), size};
    }
    const ssize_t size = ::process_vm_readv(process_, local.data(), count, remote.data(), count, 0);
    if (size <= 0) return fail(unreadable());
    // Of the part in which it stopped nothing is taken: it is read by itself, with its own error.
    std::size_t rest = static_cast<std::size_t>(size);
    for (std::size_t i = 0; i < count; ++i, ++done) {
      const std::size_t part = local[i].iov_len;
      const std::size_t length = rest >= part ? ::strnlen(firsts[i].data(), part) : 0;
      const bool ended = rest >= part && length < part;
      rest -= std::min(rest, part);
      if (auto spent = spend(length + sizeof(std::uint64_t)); !spent) return fail(spent.error());
      strings[done].assign(firsts[i].data(), length);
      if (ended) continue;
      if (auto finished = finish_string((*pointers)[done], strings[done]); !finished) return fail(finished.error());
    }
  }
  return strings;
}

}  // namespace interlock::sandbox
