#include "sandbox/process_memory.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace interlock::sandbox {

Status ProcessMemory::spend(std::size_t bytes) {
  if (bytes > budget_bytes_) return fail(ErrorCode::kTooLarge, "more arguments and environment than an exec may have");
  budget_bytes_ -= bytes;
  return {};
}

Result<const ProcessMemory::Page*> ProcessMemory::page_of(std::uint64_t address) {
  const std::uint64_t start = address - address % kPage;
  Page& page = pages_[start / kPage % pages_.size()];
  if (page.address == start) return &page;
  iovec local{page.bytes.data(), kPage};
  iovec remote{reinterpret_cast<void*>(start), kPage};
  if (::process_vm_readv(process_, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(kPage)) {
    page.address = 1;
    return fail(system_error("the memory of a process inside", errno));
  }
  page.address = start;
  return &page;
}

Result<std::uint64_t> ProcessMemory::word_at(std::uint64_t address) {
  std::uint64_t word = 0;
  auto* to = reinterpret_cast<char*>(&word);
  // It may lie across two pages.
  for (std::size_t done = 0; done < sizeof word;) {
    const auto page = page_of(address + done);
    if (!page) return fail(page.error());
    const std::size_t offset = (address + done) % kPage, size = std::min(sizeof word - done, kPage - offset);
    std::memcpy(to + done, (*page)->bytes.data() + offset, size);
    done += size;
  }
  return word;
}

Result<std::string> ProcessMemory::string_at(std::uint64_t address) {
  std::string text;
  for (;;) {
    const auto page = page_of(address + text.size());
    if (!page) return fail(page.error());
    const std::size_t offset = (address + text.size()) % kPage, size = kPage - offset;
    const char* from = (*page)->bytes.data() + offset;
    const std::size_t length = ::strnlen(from, size);
    if (auto spent = spend(length + 1); !spent) return fail(spent.error());
    text.append(from, length);
    if (length < size) return text;
  }
}

Result<std::vector<std::string>> ProcessMemory::strings_at(std::uint64_t address, std::size_t bound) {
  std::vector<std::string> strings;
  for (; address != 0; address += sizeof(std::uint64_t)) {
    const auto pointer = word_at(address);
    if (!pointer) return fail(pointer.error());
    if (*pointer == 0) break;
    if (strings.size() >= bound) return fail(ErrorCode::kTooLarge, "more arguments or variables than are read");
    auto text = string_at(*pointer);
    if (!text) return fail(text.error());
    strings.push_back(std::move(*text));
  }
  return strings;
}

}  // namespace interlock::sandbox
