#include "ledger/log_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tlog/merkle.hpp"

namespace interlock::ledger {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kGarbageBytes = std::size_t{64} << 20;  // without a newline, and then the file is none of ours

void hash_digits(const Digest& hash, char* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = 0; i < kHashDigits / 2; ++i) {
    out[2 * i] = kHex[hash[i] >> 4];
    out[2 * i + 1] = kHex[hash[i] & 15];
  }
}

// `line` is without its newline. Sets record and hash; false: damaged.
bool parse_line(std::string_view line, Line& out) {
  if (line.size() <= kHashDigits + 1 || line.size() + 1 > kLineBytes || line[kHashDigits] != ' ') return false;
  out.record = line.substr(kHashDigits + 1);
  out.hash = tlog::leaf_hash(out.record);
  char digits[kHashDigits];
  hash_digits(out.hash, digits);
  return line.substr(0, kHashDigits) == std::string_view(digits, kHashDigits);
}

}  // namespace

Digest write_line(std::string& line, std::string_view record) {
  const auto hash = tlog::leaf_hash(record);
  line.resize(kHashDigits);
  hash_digits(hash, line.data());
  line += ' ';
  line += record;
  line += '\n';
  return hash;
}

Result<LogReader> LogReader::open(const std::filesystem::path& log, std::uint64_t offset, std::uint64_t sequence) {
  auto file = File::open(log, O_RDONLY);
  if (!file) return fail(std::move(file.error()));
  LogReader reader;
  reader.file_ = std::move(*file);
  reader.offset_ = offset;
  reader.sequence_ = sequence;
  return reader;
}

Result<bool> LogReader::fill() {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  const auto from = offset_ + buffer_.size();
  if (from >= end_) return false;
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, end_ - from));
  const auto old = buffer_.size();
  buffer_.resize(old + want);
  ssize_t count = -1;
  do {
    count = ::pread(file_.fd(), buffer_.data() + old, want, static_cast<off_t>(from));
  } while (count < 0 && errno == EINTR);
  buffer_.resize(old + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (count < 0) return fail(system_error("cannot read the log", errno));
  return count > 0;
}

Result<Line> LogReader::next() {
  std::size_t searched = at_;
  std::size_t newline = buffer_.find('\n', searched);
  while (newline == std::string::npos) {
    searched = buffer_.size() - at_;
    if (searched > kGarbageBytes)
      return fail(ErrorCode::kInvalid, "the log holds a line of more than 64 MiB at byte " + std::to_string(offset_));
    auto more = fill();
    if (!more) return fail(std::move(more.error()));
    if (!*more) {
      Line line;
      line.state = buffer_.empty() ? Line::State::kEnd : Line::State::kTorn;
      line.sequence = sequence_;
      line.offset = offset_;
      line.length = buffer_.size();
      return line;
    }
    newline = buffer_.find('\n', searched);
  }
  Line line;
  line.sequence = sequence_++;
  line.offset = offset_;
  line.length = newline - at_ + 1;
  line.state = parse_line(std::string_view(buffer_).substr(at_, newline - at_), line) ? Line::State::kRecord : Line::State::kDamaged;
  offset_ += line.length;
  at_ = newline + 1;
  return line;
}

Result<std::string> read_record(const File& log, std::uint64_t offset, std::size_t length) {
  if (length <= kHashDigits + 2 || length > kLineBytes) return fail(ErrorCode::kInvalid, "no record is of that length");
  std::string line(length, '\0');
  const auto count = ::pread(log.fd(), line.data(), length, static_cast<off_t>(offset));
  if (count < 0) return fail(system_error("cannot read the log", errno));
  Line parsed;
  if (static_cast<std::size_t>(count) != length || line.back() != '\n' ||
      !parse_line(std::string_view(line).substr(0, length - 1), parsed)) {
    return fail(ErrorCode::kInvalid, "no whole record stands at byte " + std::to_string(offset) + " of the log");
  }
  return std::string(parsed.record);
}

}  // namespace interlock::ledger
