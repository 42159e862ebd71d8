// Reading Cedar's JSON values without a schema.
#include "cedar/value_json.hpp"

#include "cedar/compare.hpp"
#include "cedar/extension.hpp"

namespace interlock::cedar {
namespace {

const json::object* sole_object_member(const json::value& v, std::string_view name) {
  const json::object* object = v.if_object();
  if (object == nullptr || object->size() != 1 || object->begin()->key() != name) return nullptr;
  return object->begin()->value().if_object();
}

Result<Value> read(Arena& arena, const json::value& v, int depth);

Result<Value> read_call(Arena& arena, const json::object& call, int depth) {
  std::string_view name = *json::string_at(call, "fn");
  const ExtensionSignature* signature = find_extension(name);
  if (signature == nullptr) return fail(ErrorCode::kInvalid, "there is no extension function `" + std::string(name) + "`");
  std::vector<Value> arguments;
  if (const json::value* single = json::find(call, "arg"); single != nullptr) {
    Result<Value> argument = read(arena, *single, depth + 1);
    if (!argument) return argument;
    arguments.push_back(*argument);
  } else {
    for (const json::value& each : *json::array_at(call, "args")) {
      Result<Value> argument = read(arena, each, depth + 1);
      if (!argument) return argument;
      arguments.push_back(*argument);
    }
  }
  auto value = call_extension(signature->function, arguments, arena);
  if (!value) return fail(ErrorCode::kInvalid, value.error());
  return *value;
}

Result<Value> read_object(Arena& arena, const json::value& v, int depth) {
  if (entity_escape(v) != nullptr) {
    Result<JsonUid> read_uid = read_uid_json(v);
    if (!read_uid) return std::unexpected(read_uid.error());
    return make_uid(arena, read_uid->type, read_uid->id);
  }
  if (const json::object* call = extension_escape(v); call != nullptr) return read_call(arena, *call, depth);
  const json::object& object = v.get_object();
  if (object.size() == 1 && object.begin()->key() == "__expr") {
    return fail(ErrorCode::kUnsupported, "the escape `__expr` is not part of Cedar any more");
  }
  std::span<RecordField> fields = arena.array<RecordField>(object.size());
  std::size_t i = 0;
  for (const auto& member : object) {
    std::string_view name = arena.copy({member.key().data(), member.key().size()});
    Result<Value> value = read(arena, member.value(), depth + 1);
    if (!value) return value;
    fields[i++] = {name, hash_name(name), *value};
  }
  return make_record(arena, fields);
}

Result<Value> read(Arena& arena, const json::value& v, int depth) {
  if (depth > kMaxJsonValueDepth) return fail(ErrorCode::kTooLarge, "the value is nested too deeply");
  switch (v.kind()) {
    case json::kind::bool_:
    case json::kind::int64: return view_json(v);
    case json::kind::string: return Value::borrowed(arena.copy(json::view(v.get_string())));
    case json::kind::array: {
      const json::array& source = v.get_array();
      std::span<Value> items = arena.array<Value>(source.size());
      for (std::size_t i = 0; i < items.size(); ++i) {
        Result<Value> item = read(arena, source[i], depth + 1);
        if (!item) return item;
        items[i] = *item;
      }
      return make_set(arena, items);
    }
    case json::kind::object: return read_object(arena, v, depth);
    case json::kind::null: return fail(ErrorCode::kInvalid, "null has no Cedar form", "leave the attribute out");
    default:
      return fail(ErrorCode::kInvalid, "the number has no Cedar form",
                  "integers of 64 bits, or {\"__extn\": {\"fn\": \"decimal\", \"arg\": \"1.5\"}}");
  }
}

}  // namespace

bool is_type_and_id(const json::object& o) { return json::string_at(o, "type") && json::string_at(o, "id"); }

const json::object* entity_escape(const json::value& v) {
  const json::object* inner = sole_object_member(v, "__entity");
  return inner != nullptr && is_type_and_id(*inner) ? inner : nullptr;
}

const json::object* extension_escape(const json::value& v) {
  const json::object* inner = sole_object_member(v, "__extn");
  if (inner == nullptr || !json::string_at(*inner, "fn")) return nullptr;
  return json::find(*inner, "arg") != nullptr || json::array_at(*inner, "args") != nullptr ? inner : nullptr;
}

Result<JsonUid> read_uid_json(const json::value& v) {
  const json::object* object = v.if_object();
  if (object != nullptr) {
    const json::object* escaped = json::object_at(*object, "__entity");
    if (escaped != nullptr && is_type_and_id(*escaped)) object = escaped;
  }
  if (object == nullptr || !is_type_and_id(*object)) {
    return fail(ErrorCode::kInvalid, "expected an entity", "an entity is {\"type\": ..., \"id\": ...}");
  }
  JsonUid uid{*json::string_at(*object, "type"), *json::string_at(*object, "id")};
  if (!is_type_name(uid.type)) return fail(ErrorCode::kInvalid, "`" + std::string(uid.type.substr(0, 80)) + "` is no entity type");
  return uid;
}

Value make_uid(Arena& arena, std::string_view type, std::string_view id) {
  std::uint64_t type_hash = hash_type(type);
  return ValueAccess::uid(arena.make(UidData{arena.copy(type), arena.copy(id), type_hash, hash_uid(type_hash, id)}));
}

Result<Value> read_cedar_json(Arena& arena, const json::value& v) { return read(arena, v, 0); }

}  // namespace interlock::cedar
