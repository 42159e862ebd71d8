#include "surface/hook/reading.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace interlock::hook {
namespace {

// What names of events before a tool's call are made of, on every host.
bool may_be_of_tool(std::string_view name) {
  const auto lower = ascii_lower(name);
  const auto has = [&](std::string_view word) { return lower.contains(word); };
  if (has("permission")) return true;
  if (!has("pre") && !has("before")) return false;
  constexpr std::string_view kWords[] = {"tool", "shell", "command", "mcp", "file", "code", "exec", "read", "write", "edit", "agent"};
  return std::ranges::any_of(kWords, has);
}

}  // namespace

const json::value* Reader::find(std::initializer_list<std::string_view> names) const {
  for (const auto name : names) {
    const auto* value = json::find(payload_, name);
    if (value != nullptr && !value->is_null()) return value;
  }
  return nullptr;
}

std::string Reader::text_of(const json::value& value, std::string_view name, std::size_t most) {
  const auto* text = value.if_string();
  if (text == nullptr) {
    complain("`" + std::string(name) + "` is no text");
    return {};
  }
  if (text->size() > most) {
    complain("`" + std::string(name) + "` is longer than " + std::to_string(most) + " bytes");
    return {};
  }
  if (json::view(*text).contains('\0')) {
    complain("`" + std::string(name) + "` has a NUL in it");
    return {};
  }
  return std::string(json::view(*text));
}

std::string Reader::required(std::initializer_list<std::string_view> names, std::size_t most) {
  auto out = optional(names, most);
  if (out.empty()) complain("`" + std::string(*names.begin()) + "` is missing");
  return out;
}

std::string Reader::optional(std::initializer_list<std::string_view> names, std::size_t most) {
  const auto* value = find(names);
  return value == nullptr ? std::string() : text_of(*value, *names.begin(), most);
}

const json::object* Reader::optional_object(std::string_view name) {
  const auto* value = find({name});
  if (value == nullptr) return nullptr;
  const auto* object = value->if_object();
  if (object == nullptr) complain("`" + std::string(name) + "` is no object");
  return object;
}

const json::object* Reader::required_object(std::string_view name) {
  const auto* object = optional_object(name);
  if (object == nullptr) complain("`" + std::string(name) + "` is missing");
  return object;
}

json::value Reader::required_value(std::initializer_list<std::string_view> names) {
  for (const auto name : names)
    if (const auto* value = json::find(payload_, name)) return *value;
  complain("`" + std::string(*names.begin()) + "` is missing");
  return {};
}

json::value Reader::optional_value(std::initializer_list<std::string_view> names) {
  const auto* value = find(names);
  return value == nullptr ? json::value() : *value;
}

json::value Reader::input(std::initializer_list<std::string_view> names) {
  const auto* value = find(names);
  if (value == nullptr) {
    complain("`" + std::string(*names.begin()) + "` is missing");
    return {};
  }
  if (value->is_object()) return *value;
  if (const auto* text = value->if_string()) {
    if (text->empty()) return json::object();
    auto parsed = json::parse(json::view(*text));
    if (parsed && parsed->is_object()) return std::move(*parsed);
  }
  complain("`" + std::string(*names.begin()) + "` is no object");
  return {};
}

bool Reader::flag(std::string_view name, bool fallback) {
  const auto* value = find({name});
  if (value == nullptr) return fallback;
  if (const auto* flag = value->if_bool()) return *flag;
  complain("`" + std::string(name) + "` is neither true nor false");
  return fallback;
}

std::string Reader::first_of(std::string_view name) {
  const auto* value = find({name});
  if (value == nullptr) return {};
  const auto* list = value->if_array();
  if (list == nullptr) {
    complain("`" + std::string(name) + "` is no list");
    return {};
  }
  return list->empty() ? std::string() : text_of(list->front(), name, kPathBytes);
}

bool Reader::has(std::string_view name) const { return find({name}) != nullptr; }

void Reader::complain(std::string what) {
  if (complaint_.empty()) complaint_ = std::move(what);
}

Status Reader::status() const {
  if (complaint_.empty()) return {};
  return fail(ErrorCode::kInvalid, "the host's event cannot be read: " + complaint_,
              "if the host is newer than this Interlock, update it; the host's event is not as it documents it");
}

void name_event(Reader& reader, std::span<const KnownEvent> table, std::string name, Event& event) {
  event.name = std::move(name);
  const auto* known = std::ranges::find(table, event.name, &KnownEvent::name).base();
  if (known != table.data() + table.size()) {
    event.kind = known->kind;
    event.failed = known->failed;
  } else if (may_be_of_tool(event.name)) {
    reader.complain("nobody has looked at the event " + std::string(utf8_prefix(event.name, 100)) + ", and it may be a tool's");
  }
}

}  // namespace interlock::hook
