// SSH's encoding of data (RFC 4251 §5): written to a text, read within its bounds. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interlock::credential {

class SshWriter {
 public:
  SshWriter& byte(std::uint8_t value);
  SshWriter& uint32(std::uint32_t value);
  SshWriter& uint64(std::uint64_t value);
  SshWriter& text(std::string_view bytes);    // "string": length and bytes
  SshWriter& number(std::string_view bytes);  // "mpint" of an unsigned big-endian number
  SshWriter& raw(std::string_view bytes);
  std::string_view written() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Views into what is read, which outlives them. Once something was not there, everything after it is absent too.
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : rest_(bytes) {}
  std::optional<std::uint32_t> uint32();
  std::optional<std::string_view> text();
  std::optional<std::string_view> number();  // without its sign byte; negative ones and ones with more leading zeros are absent
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool broken_ = false;
};

}  // namespace interlock::credential
