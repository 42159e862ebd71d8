// Checking data against a schema.
#include "cedar/conformance.hpp"

#include <algorithm>

#include "cedar/extension.hpp"

namespace interlock::cedar {
namespace {

using TypeKind = SchemaType::Kind;

struct KindRow {
  TypeKind type;
  Value::Kind value;
  std::string_view name;
};
constexpr KindRow kSimpleKinds[] = {
    {TypeKind::kBool, Value::Kind::kBool, "Bool"},
    {TypeKind::kLong, Value::Kind::kLong, "Long"},
    {TypeKind::kString, Value::Kind::kString, "String"},
    {TypeKind::kSet, Value::Kind::kSet, "a set"},
    {TypeKind::kRecord, Value::Kind::kRecord, "a record"},
    {TypeKind::kIp, Value::Kind::kIp, "ipaddr"},
    {TypeKind::kDecimal, Value::Kind::kDecimal, "decimal"},
    {TypeKind::kDatetime, Value::Kind::kDatetime, "datetime"},
    {TypeKind::kDuration, Value::Kind::kDuration, "duration"},
};

std::string short_name(std::string_view name) { return "`" + std::string(name.substr(0, 80)) + "`"; }

}  // namespace

Error within(const Error& error, std::string_view where) {
  return Error{error.code, std::string(where) + ": " + error.message, error.hint};
}

Status Conformance::check_uid(const UidData& uid) const {
  auto type = schema_.entity_types.find(uid.type);
  if (type != schema_.entity_types.end() && !type->second.has_choice(uid.id)) {
    return fail(ErrorCode::kInvalid, to_text(ValueAccess::uid(&uid)) + " is not one of the ids that its enum type declares");
  }
  if (is_action_type_name(uid.type) && schema_.find_action(uid.type, uid.id) == nullptr) {
    return fail(ErrorCode::kInvalid, to_text(ValueAccess::uid(&uid)) + " is not a declared action");
  }
  return {};
}

Status Conformance::check_value(const Value& v, TypeId id) const {
  const SchemaType& type = schema_.types[id];
  if (type.kind == TypeKind::kEntity) {
    if (v.kind() != Value::Kind::kEntity || ValueAccess::uid(v).type != type.entity_type) {
      return fail(ErrorCode::kInvalid, "expected an entity of type `" + type.entity_type + "`, got " + kind_text(v));
    }
    return check_uid(ValueAccess::uid(v));
  }
  auto row = std::find_if(std::begin(kSimpleKinds), std::end(kSimpleKinds), [&](const KindRow& each) { return each.type == type.kind; });
  if (v.kind() != row->value) return fail(ErrorCode::kInvalid, "expected " + std::string(row->name) + ", got " + kind_text(v));
  if (type.kind == TypeKind::kRecord) return check_record(v, type);
  if (type.kind != TypeKind::kSet) return {};
  for (const Value& item : ValueAccess::set(v).items) {
    if (Status good = check_value(item, type.element); !good) return good;
  }
  return {};
}

Status Conformance::check_record(const Value& v, const SchemaType& type) const {
  const RecordData& record = ValueAccess::record(v);
  for (const SchemaAttribute& attribute : type.attributes) {
    const Value* field = find_field(record, attribute.name, hash_name(attribute.name));
    if (field == nullptr && attribute.required) return fail(ErrorCode::kInvalid, "the attribute `" + attribute.name + "` is missing");
    if (field == nullptr) continue;
    if (Status good = check_value(*field, attribute.type); !good) return std::unexpected(within(good.error(), attribute.name));
  }
  for (const RecordField& field : record.fields) {
    if (type.find(field.name) == nullptr) return fail(ErrorCode::kInvalid, "the attribute " + short_name(field.name) + " is not declared");
  }
  return {};
}

Status Conformance::check_entity(const EntityData& entity) const {
  if (is_action_type_name(entity.uid.type)) return check_action(entity);
  auto found = schema_.entity_types.find(entity.uid.type);
  if (found == schema_.entity_types.end())
    return fail(ErrorCode::kInvalid, "the entity type " + short_name(entity.uid.type) + " is not declared");
  const SchemaEntityType& type = found->second;
  if (Status good = check_uid(entity.uid); !good) return good;
  if (Status good = check_value(entity.attributes, type.shape); !good) return good;
  for (const UidData& ancestor : entity.ancestors) {
    if (Status good = check_uid(ancestor); !good) return good;
    if (!type.ancestors.contains(ancestor.type)) {
      return fail(ErrorCode::kInvalid, short_name(ancestor.type) + " is not declared as an ancestor of " + short_name(entity.uid.type));
    }
  }
  std::span<const RecordField> tags = ValueAccess::record(entity.tags).fields;
  if (!tags.empty() && !type.tags) return fail(ErrorCode::kInvalid, short_name(entity.uid.type) + " is declared without tags");
  for (const RecordField& tag : tags) {
    if (Status good = check_value(tag.value, *type.tags); !good) return std::unexpected(within(good.error(), tag.name));
  }
  return {};
}

Status Conformance::check_action(const EntityData& entity) const {
  const EntityStore* declared = EntitiesAccess::store(schema_.action_entities);
  const EntityData* action = declared == nullptr ? nullptr : declared->find(entity.uid);
  if (action == nullptr) return fail(ErrorCode::kInvalid, "the action is not declared");
  bool same = ValueAccess::record(entity.attributes).fields.empty() && ValueAccess::record(entity.tags).fields.empty() &&
              entity.ancestors.size() == action->ancestors.size();
  for (const UidData& ancestor : entity.ancestors) same = same && action->has_ancestor(ancestor);
  if (!same) return fail(ErrorCode::kInvalid, "the action is not as the schema declares it");
  return {};
}

Status Conformance::check_participant(std::string_view variable, const EntityUid& uid, const EntityUid& action,
                                      const std::vector<std::string>& allowed) const {
  if (!schema_.entity_types.contains(uid.type())) {
    return fail(ErrorCode::kInvalid, "the " + std::string(variable) + "'s type " + short_name(uid.type()) + " is not declared");
  }
  if (Status good = check_uid(uid_view(uid)); !good) return std::unexpected(within(good.error(), variable));
  if (std::find(allowed.begin(), allowed.end(), uid.type()) == allowed.end()) {
    return fail(ErrorCode::kInvalid,
                action.text() + " does not apply to a " + std::string(variable) + " of type " + short_name(uid.type()));
  }
  return {};
}

Status Conformance::check_request(const Request& request) const {
  const SchemaAction* action = schema_.find_action(request.action.type(), request.action.id());
  if (action == nullptr) return fail(ErrorCode::kInvalid, "the action " + request.action.text() + " is not declared");
  if (Status good = check_participant("principal", request.principal, request.action, action->principals); !good) return good;
  if (Status good = check_participant("resource", request.resource, request.action, action->resources); !good) return good;
  Arena arena;
  bool is_default = request.context.kind() == Value::Kind::kBool && !request.context.as_bool();
  Value context = is_default ? empty_record() : request.context;
  if (!solidify(arena, context, context)) return fail(ErrorCode::kInvalid, "context: something in it has no Cedar form");
  if (Status good = check_value(context, action->context); !good) return std::unexpected(within(good.error(), "context"));
  return {};
}

}  // namespace interlock::cedar
