#include "credential/ssh_wire.hpp"

namespace interlock::credential {
namespace {

template <typename Number>
void put(std::string& out, Number value) {
  for (int shift = 8 * (static_cast<int>(sizeof(Number)) - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}

bool is_negative(std::string_view bytes) { return !bytes.empty() && (static_cast<unsigned char>(bytes.front()) & 0x80) != 0; }

}  // namespace

SshWriter& SshWriter::byte(std::uint8_t value) {
  out_ += static_cast<char>(value);
  return *this;
}
SshWriter& SshWriter::uint32(std::uint32_t value) {
  put(out_, value);
  return *this;
}
SshWriter& SshWriter::uint64(std::uint64_t value) {
  put(out_, value);
  return *this;
}
SshWriter& SshWriter::text(std::string_view bytes) {
  put(out_, static_cast<std::uint32_t>(bytes.size()));
  return raw(bytes);
}
SshWriter& SshWriter::number(std::string_view bytes) {
  while (!bytes.empty() && bytes.front() == '\0') bytes.remove_prefix(1);
  const auto sign = is_negative(bytes) ? 1U : 0U;
  put(out_, static_cast<std::uint32_t>(bytes.size() + sign));
  if (sign != 0) out_ += '\0';
  return raw(bytes);
}
SshWriter& SshWriter::raw(std::string_view bytes) {
  out_ += bytes;
  return *this;
}

std::optional<std::uint32_t> SshReader::uint32() {
  if (broken_ || rest_.size() < 4) {
    broken_ = true;
    return std::nullopt;
  }
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(rest_[static_cast<std::size_t>(i)]);
  rest_.remove_prefix(4);
  return value;
}

std::optional<std::string_view> SshReader::text() {
  const auto size = uint32();
  if (!size || rest_.size() < *size) {
    broken_ = true;
    return std::nullopt;
  }
  const auto bytes = rest_.substr(0, *size);
  rest_.remove_prefix(*size);
  return bytes;
}

std::optional<std::string_view> SshReader::number() {
  auto bytes = text();
  if (!bytes) return std::nullopt;
  const auto has_sign = bytes->starts_with('\0');
  if (has_sign) bytes->remove_prefix(1);
  // A zero byte stands before what would look negative, and nowhere else.
  if (has_sign ? !is_negative(*bytes) : is_negative(*bytes)) {
    broken_ = true;
    return std::nullopt;
  }
  return bytes;
}

}  // namespace interlock::credential
