// One line of ACP as a message. Stricter than JSON-RPC where a line could mean one thing to the gate and another to its reader: no batches,
// no null ids, nothing that is a request and an answer at once. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::acp {

inline constexpr int kRequestCancelled = -32800;
inline constexpr int kRefused = -32000;

struct Message {
  enum class Kind : std::uint8_t { kRequest, kNotification, kAnswer };
  Kind kind = Kind::kNotification;
  json::value id;         // request, answer
  std::string method;     // request, notification
  json::value params;     // request, notification; null where absent
  bool failed = false;    // answer: it is an error
  json::value result;     // answer
  std::string_view line;  // as it came

  const json::object& object() const;  // params, or nothing
};

struct Unread {
  int code = 0;
  json::value id;  // null where there is no usable one
  std::string message;
};
std::expected<Message, Unread> read_message(std::string_view line, std::size_t message_bytes);

std::string text_at(const json::object& object, std::string_view key);
// Text for one word of a shell.
std::string shell_word(std::string_view word);

}  // namespace interlock::acp
