// The log file: one line a record, `HASH RECORD\n`. RECORD is canonical JSON, which holds no newline; HASH is the first 16 hex
// digits of its leaf hash, so that a line tells by itself whether it is whole (docs/formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/hash.hpp"
#include "base/result.hpp"
#include "ledger/files.hpp"
#include "tlog/tiles.hpp"

namespace interlock::ledger {

inline constexpr std::size_t kHashDigits = 16;
inline constexpr std::size_t kLineBytes = kHashDigits + 1 + tlog::kEntryBytes + 1;

// Replaces `line` by the line of `record`. Returns the record's leaf hash.
Digest write_line(std::string& line, std::string_view record);

struct Line {
  enum class State : std::uint8_t {
    kRecord,
    kDamaged,  // a line that is no record, or not as it was written
    kTorn,     // bytes without a newline at the end of the file
    kEnd,
  };
  State state = State::kEnd;
  std::uint64_t sequence = 0;  // counts damaged lines too
  std::uint64_t offset = 0;
  std::size_t length = 0;   // in the file, with the newline
  std::string_view record;  // until the next call
  Digest hash{};            // of `record`
};

// Reads lines in order, from a place in the file on. At the end it may be asked again: the file may have grown.
class LogReader {
 public:
  static Result<LogReader> open(const std::filesystem::path& log, std::uint64_t offset = 0, std::uint64_t sequence = 0);

  // Nothing at or after `end` is read.
  void set_end(std::uint64_t end) { end_ = end; }
  Result<Line> next();

  std::uint64_t offset() const { return offset_; }  // of the next line
  std::uint64_t sequence() const { return sequence_; }

 private:
  Result<bool> fill();  // false: nothing more is there

  File file_;
  std::uint64_t end_ = UINT64_MAX;
  std::uint64_t offset_ = 0;
  std::uint64_t sequence_ = 0;
  std::string buffer_;
  std::size_t at_ = 0;  // of the next line in buffer_
};

// One record at a known place. kInvalid: no whole record begins there.
Result<std::string> read_record(const File& log, std::uint64_t offset, std::size_t length);

}  // namespace interlock::ledger
