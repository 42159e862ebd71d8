#include "surface/acp/message.hpp"

#include <utility>

#include "net/jsonrpc.hpp"

namespace interlock::acp {
namespace {

bool is_id(const json::value& id) { return id.is_string() || id.is_int64() || id.is_uint64(); }

}  // namespace

const json::object& Message::object() const {
  static const json::object kNothing;
  const auto* found = params.if_object();
  return found == nullptr ? kNothing : *found;
}

std::expected<Message, Unread> read_message(std::string_view line, std::size_t message_bytes) {
  auto document = json::parse(line, {.size_bytes = message_bytes});
  if (!document) return std::unexpected(Unread{net::kParseError, nullptr, "Parse error: " + document.error().text()});
  const auto wrong = [&](std::string_view why) {
    return std::unexpected(Unread{net::kInvalidRequest, net::salvage_id(*document), "Invalid Request: " + std::string(why)});
  };
  auto* object = document->if_object();
  if (object == nullptr) return wrong("a message is an object, and ACP has no batches");
  const auto* id = object->if_contains("id");
  const auto* method = object->if_contains("method");
  auto* result = object->if_contains("result");
  const auto* error = object->if_contains("error");
  Message out;
  out.line = line;
  if (method != nullptr) {
    if (!method->is_string()) return wrong("the method is no string");
    if (result != nullptr || error != nullptr) return wrong("it is a request and an answer at once");
    if (id != nullptr && !is_id(*id)) return wrong("an id is a string or an integer");
    out.kind = id == nullptr ? Message::Kind::kNotification : Message::Kind::kRequest;
    out.method = json::view(method->get_string());
    if (auto* params = object->if_contains("params")) out.params = std::move(*params);
  } else {
    if ((result == nullptr) == (error == nullptr)) return wrong("it has neither a method nor one answer");
    if (id == nullptr || !is_id(*id)) return wrong("an answer names what it answers");
    out.kind = Message::Kind::kAnswer;
    out.failed = error != nullptr;
    if (result != nullptr) out.result = std::move(*result);
  }
  if (id != nullptr) out.id = *id;
  return out;
}

std::string text_at(const json::object& object, std::string_view key) { return std::string(json::string_at(object, key).value_or("")); }

std::string shell_word(std::string_view word) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') out += "'\\''";
    else out += c;
  }
  return out + "'";
}

}  // namespace interlock::acp
