// What a schema's text says, before names are resolved. Private to the library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cedar/token_cursor.hpp"

namespace interlock::cedar {

using TypeNode = std::uint32_t;
constexpr TypeNode kNoType = UINT32_MAX;

// A name as written, perhaps with a namespace.
struct NameSyntax {
  std::string text;
  std::uint32_t offset = 0;
};

struct AttributeSyntax {
  std::string name;
  std::uint32_t offset = 0;
  TypeNode type = kNoType;
  bool required = true;
};

struct TypeSyntax {
  enum class Kind : std::uint8_t { kName, kSet, kRecord };
  Kind kind = Kind::kName;
  std::uint32_t offset = 0;
  NameSyntax name;                          // kName
  TypeNode element = kNoType;               // kSet
  std::vector<AttributeSyntax> attributes;  // kRecord
};

struct EntitySyntax {
  std::vector<NameSyntax> names;
  std::vector<NameSyntax> parents;
  TypeNode shape = kNoType;
  TypeNode tags = kNoType;
  std::vector<std::string> choices;  // of an enum; else empty
};

struct ActionNameSyntax {
  std::string type;  // empty when the action is named by its id alone
  std::string id;
  std::uint32_t offset = 0;
};

struct ActionSyntax {
  std::vector<NameSyntax> names;
  std::vector<ActionNameSyntax> parents;
  bool applies = false;
  std::vector<NameSyntax> principals;
  std::vector<NameSyntax> resources;
  TypeNode context = kNoType;
};

struct CommonTypeSyntax {
  NameSyntax name;
  TypeNode type = kNoType;
};

struct NamespaceSyntax {
  std::string name;  // empty for declarations outside any
  std::uint32_t offset = 0;
  std::vector<EntitySyntax> entities;
  std::vector<ActionSyntax> actions;
  std::vector<CommonTypeSyntax> common_types;
};

struct SchemaSyntax {
  std::vector<NamespaceSyntax> namespaces;  // the first is the empty one
  std::vector<TypeSyntax> types;
};

class SchemaParser : private TokenCursor {
 public:
  SchemaParser(const SourceText& source, Diagnostics& diagnostics) : TokenCursor(source, diagnostics) {}
  bool parse(SchemaSyntax& schema);

 private:
  bool parse_declarations(NamespaceSyntax& into, bool braced);
  bool parse_entity(NamespaceSyntax& into);
  bool parse_choices(EntitySyntax& entity);
  bool parse_action(NamespaceSyntax& into);
  bool parse_action_parents(ActionSyntax& action);
  bool parse_applies_to(ActionSyntax& action);
  bool parse_common_type(NamespaceSyntax& into);
  bool parse_type(TypeNode& type);
  bool parse_record(TypeNode& type);
  bool parse_attribute(AttributeSyntax& attribute);
  bool parse_path(NameSyntax& name);
  bool parse_paths(std::vector<NameSyntax>& names);  // one, or a list in brackets
  bool parse_identifier(NameSyntax& name);
  bool parse_identifier_or_string(NameSyntax& name);
  bool skip_annotations();

  SchemaSyntax* schema_ = nullptr;
  int depth_ = 0;
};

}  // namespace interlock::cedar
