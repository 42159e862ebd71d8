// A resolved schema. Private to the library.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cedar/schema.hpp"

namespace interlock::cedar {

using TypeId = std::uint32_t;

struct SchemaAttribute {
  std::string name;
  TypeId type = 0;
  bool required = true;
};

struct SchemaType {
  enum class Kind : std::uint8_t { kBool, kLong, kString, kEntity, kSet, kRecord, kDecimal, kDatetime, kDuration, kIp };
  Kind kind = Kind::kBool;
  std::string entity_type;                  // kEntity
  TypeId element = 0;                       // kSet
  std::vector<SchemaAttribute> attributes;  // kRecord, sorted by name

  const SchemaAttribute* find(std::string_view name) const;
};

struct SchemaEntityType {
  std::set<std::string, std::less<>> ancestors;  // types that may stand above, near or far
  TypeId shape = 0;
  std::optional<TypeId> tags;
  std::vector<std::string> choices;  // of an enum

  bool has_choice(std::string_view id) const;  // always true for a type that is no enum
};

struct SchemaAction {
  EntityUid uid;
  std::vector<EntityUid> parents;
  std::vector<std::string> principals;
  std::vector<std::string> resources;
  TypeId context = 0;
};

struct SchemaData {
  std::vector<SchemaType> types;
  std::map<std::string, SchemaEntityType, std::less<>> entity_types;
  std::map<std::string, SchemaAction, std::less<>> actions;  // by the uid's text
  Entities action_entities;

  const SchemaAction* find_action(std::string_view type, std::string_view id) const;
};

struct SchemaAccess {
  static const SchemaData* data(const Schema& schema) { return schema.data_.get(); }
  static Schema wrap(std::shared_ptr<const SchemaData> data) {
    Schema schema;
    schema.data_ = std::move(data);
    return schema;
  }
};

bool is_action_type_name(std::string_view type);

}  // namespace interlock::cedar
