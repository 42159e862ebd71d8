// A log file of any bytes: reading never fails on its content, lines cover the file, and what counts as a record is what was written.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "ledger/index.hpp"
#include "ledger/log_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock::ledger;
  static const std::string path = [] {
    char target[64];
    std::snprintf(target, sizeof target, "/tmp/interlock-fuzz-log-%d", ::getpid());
    return std::string(target);
  }();
  {
    const int out = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0 || ::write(out, data, size) != static_cast<ssize_t>(size)) std::abort();
    ::close(out);
  }
  auto reader = LogReader::open(path);
  ::unlink(path.c_str());
  if (!reader) std::abort();
  std::uint64_t covered = 0;
  for (;;) {
    auto line = reader->next();
    if (!line || line->offset != covered) std::abort();
    covered += line->length;
    if (line->state == Line::State::kEnd || line->state == Line::State::kTorn) break;
    if (line->state != Line::State::kRecord) continue;
    std::string again;
    write_line(again, line->record);
    if (again != std::string_view(reinterpret_cast<const char*>(data), size).substr(line->offset, line->length)) std::abort();
    (void)facts_of(line->record);
  }
  if (covered != size) std::abort();
  (void)facts_of(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
