// Entities from JSON, without a schema.
#include "cedar/conformance.hpp"
#include "cedar/entity_store.hpp"
#include "cedar/value_json.hpp"

namespace interlock::cedar {
namespace {

Result<Value> read_record(Arena& arena, const json::object& entity, std::string_view member, bool required) {
  const json::value* v = json::find(entity, member);
  if (v == nullptr && !required) return empty_record();
  if (v == nullptr || !v->is_object()) return fail(ErrorCode::kInvalid, "`" + std::string(member) + "` must be an object");
  const json::object& object = v->get_object();
  std::span<RecordField> fields = arena.array<RecordField>(object.size());
  std::size_t i = 0;
  for (const auto& each : object) {
    std::string_view name = arena.copy({each.key().data(), each.key().size()});
    Result<Value> value = read_cedar_json(arena, each.value());
    if (!value) return std::unexpected(within(value.error(), std::string(member) + "." + std::string(name.substr(0, 80))));
    fields[i++] = {name, hash_name(name), *value};
  }
  return make_record(arena, fields);
}

Result<EntityData> read_entity(Arena& arena, const json::value& v) {
  const json::object* object = v.if_object();
  const json::value* uid_value = object == nullptr ? nullptr : json::find(*object, "uid");
  if (uid_value == nullptr) return fail(ErrorCode::kInvalid, "expected an object with `uid`, `attrs` and `parents`");
  Result<JsonUid> uid = read_uid_json(*uid_value);
  if (!uid) return std::unexpected(within(uid.error(), "uid"));
  EntityData entity;
  Value uid_made = make_uid(arena, uid->type, uid->id);
  entity.uid = ValueAccess::uid(uid_made);
  std::string name = to_text(uid_made);
  Result<Value> attributes = read_record(arena, *object, "attrs", true);
  if (!attributes) return std::unexpected(within(attributes.error(), name));
  entity.attributes = *attributes;
  Result<Value> tags = read_record(arena, *object, "tags", false);
  if (!tags) return std::unexpected(within(tags.error(), name));
  entity.tags = *tags;
  const json::array* parents = json::array_at(*object, "parents");
  if (parents == nullptr) return fail(ErrorCode::kInvalid, name + ": `parents` must be an array");
  std::span<UidData> read = arena.array<UidData>(parents->size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    Result<JsonUid> parent = read_uid_json((*parents)[i]);
    if (!parent) return std::unexpected(within(parent.error(), name + ": parents"));
    if (is_action_type_name(uid->type) && !is_action_type_name(parent->type)) {
      return fail(ErrorCode::kInvalid, name + ": the parent of an action must be an action");
    }
    read[i] = ValueAccess::uid(make_uid(arena, parent->type, parent->id));
  }
  entity.parents = read;
  return entity;
}

}  // namespace

Result<Entities> Entities::from_json(const json::value& value) {
  const json::array* list = value.if_array();
  if (list == nullptr) return fail(ErrorCode::kInvalid, "entities must be a JSON array");
  EntitiesBuilder builder;
  EntityStore& store = EntitiesAccess::building(builder);
  for (std::size_t i = 0; i < list->size(); ++i) {
    Result<EntityData> entity = read_entity(store.arena, (*list)[i]);
    if (!entity) return std::unexpected(within(entity.error(), "entities[" + std::to_string(i) + "]"));
    store.entities.push_back(*entity);
  }
  return builder.build();
}

Result<Entities> Entities::from_json(std::string_view text) {
  Result<json::value> parsed = json::parse(text, {.size_bytes = std::size_t{256} << 20, .depth = kMaxJsonValueDepth + 8});
  if (!parsed) return std::unexpected(parsed.error());
  return from_json(*parsed);
}

}  // namespace interlock::cedar
