// Cedar's JSON form of values, with its escapes. Private to the library.
#pragma once

#include "cedar/storage.hpp"

namespace interlock::cedar {

struct JsonUid {
  std::string_view type;
  std::string_view id;
};

// {"type": T, "id": I}, or that inside {"__entity": ...}: what stands where only a uid can stand.
Result<JsonUid> read_uid_json(const json::value& v);

// The object inside {"__entity": {"type": ..., "id": ...}} or {"__extn": {"fn": ..., "arg"|"args": ...}}; nullptr when `v` is
// no such escape and so an ordinary record.
const json::object* entity_escape(const json::value& v);
const json::object* extension_escape(const json::value& v);
bool is_type_and_id(const json::object& o);

// Untyped reading. Strings are copied into the arena.
Result<Value> read_cedar_json(Arena& arena, const json::value& v);

// A uid value in the arena.
Value make_uid(Arena& arena, std::string_view type, std::string_view id);

constexpr int kMaxJsonValueDepth = 200;

}  // namespace interlock::cedar
