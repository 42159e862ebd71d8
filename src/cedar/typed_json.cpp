// Reading JSON by a schema's types: entities and contexts without escapes.
#include <algorithm>

#include "cedar/compare.hpp"
#include "cedar/conformance.hpp"
#include "cedar/entity_store.hpp"
#include "cedar/extension.hpp"
#include "cedar/value_json.hpp"

namespace interlock::cedar {
namespace {

using TypeKind = SchemaType::Kind;

struct ExtensionType {
  TypeKind type;
  Value::Kind value;
  std::string_view constructor;
};
constexpr ExtensionType kExtensionTypes[] = {
    {TypeKind::kIp, Value::Kind::kIp, "ip"},
    {TypeKind::kDecimal, Value::Kind::kDecimal, "decimal"},
    {TypeKind::kDatetime, Value::Kind::kDatetime, "datetime"},
    {TypeKind::kDuration, Value::Kind::kDuration, "duration"},
};

const ExtensionType* extension_type(TypeKind kind) {
  for (const ExtensionType& entry : kExtensionTypes) {
    if (entry.type == kind) return &entry;
  }
  return nullptr;
}

class TypedReader {
 public:
  TypedReader(const SchemaData& schema, Arena& arena) : schema_(schema), arena_(arena) {}

  Result<Value> read(const json::value& v, TypeId id) const {
    const SchemaType& type = schema_.types[id];
    switch (type.kind) {
      case TypeKind::kEntity: {
        Result<JsonUid> uid = read_uid_json(v);
        if (!uid) return std::unexpected(uid.error());
        return make_uid(arena_, uid->type, uid->id);
      }
      case TypeKind::kSet: return read_set(v, type);
      case TypeKind::kRecord: return read_record(v, type);
      default: return extension_type(type.kind) != nullptr ? read_extension(v, *extension_type(type.kind)) : read_cedar_json(arena_, v);
    }
  }

  Result<Value> read_record(const json::value& v, const SchemaType& type) const {
    const json::object* object = v.if_object();
    if (object == nullptr) return fail(ErrorCode::kInvalid, "expected a record");
    std::vector<RecordField> fields;
    for (const SchemaAttribute& attribute : type.attributes) {
      const json::value* member = json::find(*object, attribute.name);
      if (member == nullptr) {
        if (attribute.required) return fail(ErrorCode::kInvalid, "the attribute `" + attribute.name + "` is missing");
        continue;
      }
      Result<Value> value = read(*member, attribute.type);
      if (!value) return std::unexpected(within(value.error(), attribute.name));
      std::string_view name = arena_.copy(attribute.name);
      fields.push_back({name, hash_name(name), *value});
    }
    for (const auto& member : *object) {
      std::string_view name(member.key().data(), member.key().size());
      if (type.find(name) == nullptr)
        return fail(ErrorCode::kInvalid, "the attribute `" + std::string(name.substr(0, 80)) + "` is not declared");
    }
    std::span<RecordField> kept = arena_.array<RecordField>(fields.size());
    std::copy(fields.begin(), fields.end(), kept.begin());
    return make_record(arena_, kept);
  }

 private:
  Result<Value> read_set(const json::value& v, const SchemaType& type) const {
    const json::array* array = v.if_array();
    if (array == nullptr) return fail(ErrorCode::kInvalid, "expected a set, written as an array");
    std::span<Value> items = arena_.array<Value>(array->size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      Result<Value> item = read((*array)[i], type.element);
      if (!item) return std::unexpected(within(item.error(), "[" + std::to_string(i) + "]"));
      items[i] = *item;
    }
    return make_set(arena_, items);
  }

  // {"__extn": {"fn", "arg"|"args"}}, the inner object alone, or the constructor's argument alone.
  Result<Value> read_extension(const json::value& v, const ExtensionType& type) const {
    const json::object* object = v.if_object();
    const json::object* call = object == nullptr ? nullptr : json::object_at(*object, "__extn");
    if (call == nullptr) call = object;
    bool is_call = call != nullptr && json::string_at(*call, "fn") &&
                   (json::find(*call, "arg") != nullptr || json::array_at(*call, "args") != nullptr);
    if (is_call) return read_call(*call);
    Result<Value> argument = read_cedar_json(arena_, v);
    if (!argument) return argument;
    return call_function(find_extension(type.constructor)->function, {&*argument, 1});
  }

  Result<Value> read_call(const json::object& call) const {
    std::string_view name = *json::string_at(call, "fn");
    const ExtensionSignature* signature = find_extension(name);
    if (signature == nullptr) return fail(ErrorCode::kInvalid, "there is no extension function `" + std::string(name.substr(0, 80)) + "`");
    std::vector<const json::value*> given;
    if (const json::value* single = json::find(call, "arg"); single != nullptr) {
      given.push_back(single);
    } else {
      for (const json::value& each : *json::array_at(call, "args")) given.push_back(&each);
    }
    std::vector<Value> arguments;
    for (std::size_t i = 0; i < given.size(); ++i) {
      // A function over extension values takes them by their implicit form too.
      const ExtensionType* wanted = argument_type(signature->function, i);
      Result<Value> argument = wanted != nullptr ? read_extension(*given[i], *wanted) : read_cedar_json(arena_, *given[i]);
      if (!argument) return argument;
      arguments.push_back(*argument);
    }
    return call_function(signature->function, arguments);
  }

  static const ExtensionType* argument_type(ExtensionFunction function, std::size_t position) {
    using F = ExtensionFunction;
    switch (function) {
      case F::kIp:
      case F::kDecimal:
      case F::kDatetime:
      case F::kDuration: return nullptr;
      case F::kIsIpv4:
      case F::kIsIpv6:
      case F::kIsLoopback:
      case F::kIsMulticast:
      case F::kIsInRange: return extension_type(TypeKind::kIp);
      case F::kLessThan:
      case F::kLessThanOrEqual:
      case F::kGreaterThan:
      case F::kGreaterThanOrEqual: return extension_type(TypeKind::kDecimal);
      case F::kOffset: return extension_type(position == 0 ? TypeKind::kDatetime : TypeKind::kDuration);
      case F::kDurationSince:
      case F::kToDate:
      case F::kToTime: return extension_type(TypeKind::kDatetime);
      default: return extension_type(TypeKind::kDuration);
    }
  }

  Result<Value> call_function(ExtensionFunction function, std::span<const Value> arguments) const {
    auto value = call_extension(function, arguments, arena_);
    if (!value) return fail(ErrorCode::kInvalid, value.error());
    return *value;
  }

  const SchemaData& schema_;
  Arena& arena_;
};

// One element of the entities array, its ancestors not computed yet.
Result<EntityData> read_typed_entity(const SchemaData& schema, Arena& arena, const json::value& v) {
  const json::object* object = v.if_object();
  const json::value* uid_value = object == nullptr ? nullptr : json::find(*object, "uid");
  if (uid_value == nullptr) return fail(ErrorCode::kInvalid, "expected an object with `uid`, `attrs` and `parents`");
  Result<JsonUid> uid = read_uid_json(*uid_value);
  if (!uid) return std::unexpected(uid.error());
  EntityData entity;
  entity.uid = ValueAccess::uid(make_uid(arena, uid->type, uid->id));
  bool is_action = is_action_type_name(uid->type);
  auto type = schema.entity_types.find(uid->type);
  if (!is_action && type == schema.entity_types.end())
    return fail(ErrorCode::kInvalid, "the entity type `" + std::string(uid->type) + "` is not declared");
  TypedReader reader(schema, arena);
  const json::value* attributes = json::find(*object, "attrs");
  if (attributes == nullptr || !attributes->is_object()) return fail(ErrorCode::kInvalid, "`attrs` must be an object");
  // An attribute object is a record even if it looks like an escape.
  auto read_members = [&](const json::object& from, auto read_one) -> Result<Value> {
    std::span<RecordField> fields = arena.array<RecordField>(from.size());
    std::size_t i = 0;
    for (const auto& member : from) {
      std::string_view name = arena.copy({member.key().data(), member.key().size()});
      Result<Value> value = read_one(name, member.value());
      if (!value) return std::unexpected(within(value.error(), name));
      fields[i++] = {name, hash_name(name), *value};
    }
    return make_record(arena, fields);
  };
  Result<Value> read = read_members(attributes->get_object(), [&](std::string_view name, const json::value& value) -> Result<Value> {
    if (is_action) return read_cedar_json(arena, value);
    const SchemaAttribute* attribute = schema.types[type->second.shape].find(name);
    if (attribute == nullptr) return fail(ErrorCode::kInvalid, "the attribute is not declared");
    return reader.read(value, attribute->type);
  });
  if (!read) return std::unexpected(read.error());
  entity.attributes = *read;
  entity.tags = empty_record();
  if (const json::value* tags = json::find(*object, "tags"); tags != nullptr) {
    if (!tags->is_object()) return fail(ErrorCode::kInvalid, "`tags` must be an object");
    Result<Value> read_tags = read_members(tags->get_object(), [&](std::string_view, const json::value& value) -> Result<Value> {
      if (is_action) return read_cedar_json(arena, value);
      if (!type->second.tags) return fail(ErrorCode::kInvalid, "the type is declared without tags");
      return reader.read(value, *type->second.tags);
    });
    if (!read_tags) return std::unexpected(read_tags.error());
    entity.tags = *read_tags;
  }
  const json::array* parents = json::array_at(*object, "parents");
  if (parents == nullptr) return fail(ErrorCode::kInvalid, "`parents` must be an array");
  std::span<UidData> parent_uids = arena.array<UidData>(parents->size());
  for (std::size_t i = 0; i < parent_uids.size(); ++i) {
    Result<JsonUid> parent = read_uid_json((*parents)[i]);
    if (!parent) return std::unexpected(within(parent.error(), "parents"));
    if (is_action && !is_action_type_name(parent->type)) return fail(ErrorCode::kInvalid, "the parent of an action must be an action");
    parent_uids[i] = ValueAccess::uid(make_uid(arena, parent->type, parent->id));
  }
  entity.parents = parent_uids;
  return entity;
}

}  // namespace

Result<Value> Schema::read_context(ValueArena& arena, const EntityUid& action, const json::value& context) const {
  const SchemaAction* declared = data_->find_action(action.type(), action.id());
  if (declared == nullptr) return fail(ErrorCode::kInvalid, "the action " + action.text() + " is not declared");
  Result<Value> read = TypedReader(*data_, ValueAccess::arena(arena)).read(context, declared->context);
  if (!read) return std::unexpected(within(read.error(), "context"));
  return read;
}

Status Schema::check_request(const Request& request) const { return Conformance(*data_).check_request(request); }

Result<Entities> Schema::read_entities(const json::value& entities) const {
  const json::array* list = entities.if_array();
  if (list == nullptr) return fail(ErrorCode::kInvalid, "entities must be a JSON array");
  EntitiesBuilder builder;
  EntityStore& store = EntitiesAccess::building(builder);
  for (std::size_t i = 0; i < list->size(); ++i) {
    Result<EntityData> entity = read_typed_entity(*data_, store.arena, (*list)[i]);
    if (!entity) return std::unexpected(within(entity.error(), "entities[" + std::to_string(i) + "]"));
    store.entities.push_back(*entity);
  }
  Result<Entities> built = builder.build();
  if (!built) return built;
  Conformance conformance(*data_);
  std::vector<EntityUid> given_actions;
  const EntityStore* read = EntitiesAccess::store(*built);
  if (read == nullptr) return data_->action_entities;
  for (const EntityData& entity : read->entities) {
    if (Status good = conformance.check_entity(entity); !good)
      return std::unexpected(within(good.error(), to_text(ValueAccess::uid(&entity.uid))));
  }
  // The declared actions stand below the rest; those that the data repeats are left out of it.
  EntitiesBuilder layer(data_->action_entities);
  EntityStore& above = EntitiesAccess::building(layer);
  for (const EntityData& entity : read->entities) {
    if (is_action_type_name(entity.uid.type)) continue;
    EntityData copied = entity;
    auto copy_uid = [&](const UidData& uid) {
      return UidData{above.arena.copy(uid.type), above.arena.copy(uid.id), uid.type_hash, uid.hash};
    };
    copied.uid = copy_uid(entity.uid);
    copied.attributes = copy_value(above.arena, entity.attributes);
    copied.tags = copy_value(above.arena, entity.tags);
    std::span<UidData> parents = above.arena.array<UidData>(entity.parents.size());
    std::transform(entity.parents.begin(), entity.parents.end(), parents.begin(), copy_uid);
    copied.parents = parents;
    copied.ancestors = {};
    above.entities.push_back(copied);
  }
  return layer.build();
}

Result<Entities> Schema::read_entities(std::string_view text) const {
  Result<json::value> parsed = json::parse(text, {.size_bytes = std::size_t{256} << 20, .depth = kMaxJsonValueDepth + 8});
  if (!parsed) return std::unexpected(parsed.error());
  return read_entities(*parsed);
}

}  // namespace interlock::cedar
