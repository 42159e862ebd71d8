// UTF-8 text: cutting it to a bound without leaving half a character behind. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace interlock {

// The longest prefix of `text` (valid UTF-8) of at most `bytes` bytes that ends between characters.
inline std::string_view utf8_prefix(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace interlock
