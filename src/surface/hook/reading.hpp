// Members of a payload, read strictly: what is there has the type that the host documents. Pure.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/hook/contract.hpp"

namespace interlock::hook {

inline constexpr std::size_t kIdBytes = 512;  // of a session, a call, a sub-agent
inline constexpr std::size_t kToolNameBytes = 512;
inline constexpr std::size_t kPathBytes = 4096;

// Reads one payload; the first complaint stays.
class Reader {
 public:
  explicit Reader(const json::object& payload) : payload_(payload) {}

  // Of the first of these names that is there. Required: it is there and not empty.
  std::string required(std::initializer_list<std::string_view> names, std::size_t most);
  // Absent and null are empty; another type is refused.
  std::string optional(std::initializer_list<std::string_view> names, std::size_t most);
  const json::object* optional_object(std::string_view name);
  const json::object* required_object(std::string_view name);
  json::value required_value(std::initializer_list<std::string_view> names);
  json::value optional_value(std::initializer_list<std::string_view> names);
  // An object, or the JSON text of one (or of an empty text: no arguments).
  json::value input(std::initializer_list<std::string_view> names);
  bool flag(std::string_view name, bool fallback);
  std::string first_of(std::string_view name);  // of a list of texts; empty: there is none
  bool has(std::string_view name) const;
  void complain(std::string what);

  bool failed() const { return !complaint_.empty(); }
  Status status() const;

 private:
  const json::value* find(std::initializer_list<std::string_view> names) const;
  std::string text_of(const json::value& value, std::string_view name, std::size_t most);

  const json::object& payload_;
  std::string complaint_;
};

struct KnownEvent {
  std::string_view name;
  Event::Kind kind = Event::Kind::kOther;
  bool failed = false;
};
// By name: into event.kind and event.failed. What is not in the table and may be a tool's is refused.
void name_event(Reader& reader, std::span<const KnownEvent> table, std::string name, Event& event);

}  // namespace interlock::hook
