// What a schema says, before names are resolved: what its text and its JSON have in common. Private to the library.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cedar/schema_data.hpp"
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
  std::vector<Annotation> annotations;
  std::string name;
  std::uint32_t offset = 0;
  TypeNode type = kNoType;
  bool required = true;
};

struct TypeSyntax {
  enum class Kind : std::uint8_t { kName, kSet, kRecord };
  // Text leaves open what a name is; JSON can say it.
  enum class Means : std::uint8_t { kAny, kEntity, kCommon, kBuiltin };
  Kind kind = Kind::kName;
  Means means = Means::kAny;  // kName
  std::uint32_t offset = 0;
  NameSyntax name;                          // kName
  TypeNode element = kNoType;               // kSet
  std::vector<AttributeSyntax> attributes;  // kRecord
};

struct EntitySyntax {
  std::vector<Annotation> annotations;
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
  std::vector<Annotation> annotations;
  std::vector<NameSyntax> names;
  std::vector<ActionNameSyntax> parents;
  bool applies = false;
  std::vector<NameSyntax> principals;
  std::vector<NameSyntax> resources;
  TypeNode context = kNoType;
};

struct CommonTypeSyntax {
  std::vector<Annotation> annotations;
  NameSyntax name;
  TypeNode type = kNoType;
};

struct NamespaceSyntax {
  std::vector<Annotation> annotations;
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

// A diagnostic for the place that an `offset` of the syntax stands for.
using SchemaPlaces = std::function<Diagnostic(std::uint32_t offset, std::string message, std::string hint)>;

// Nothing when a name does not resolve; the first fault is reported.
std::shared_ptr<SchemaData> resolve_schema(const SchemaSyntax& syntax, const SchemaPlaces& places, Diagnostics& diagnostics);

// From JSON. An `offset` is an index into `places`, which say where in the document.
bool read_schema_json(const json::value& document, SchemaSyntax& schema, std::vector<std::string>& places, std::string& fault);
json::value write_schema_json(const SchemaSyntax& schema);
// Fails when the text would mean something else: text does not say whether a name is an entity type or a common type.
Result<std::string> write_schema_text(const SchemaSyntax& schema);

constexpr std::size_t kMaxSchemaBytes = std::size_t{16} << 20;
constexpr int kMaxTypeDepth = 200;

class SchemaParser : private TokenCursor {
 public:
  SchemaParser(const SourceText& source, Diagnostics& diagnostics) : TokenCursor(source, diagnostics) {}
  bool parse(SchemaSyntax& schema);

 private:
  bool parse_declarations(NamespaceSyntax& into, bool braced);
  bool parse_entity(NamespaceSyntax& into, std::vector<Annotation> annotations);
  bool parse_choices(EntitySyntax& entity);
  bool parse_action(NamespaceSyntax& into, std::vector<Annotation> annotations);
  bool parse_action_parents(ActionSyntax& action);
  bool parse_applies_to(ActionSyntax& action);
  bool parse_common_type(NamespaceSyntax& into, std::vector<Annotation> annotations);
  bool parse_type(TypeNode& type);
  bool parse_record(TypeNode& type);
  bool parse_attribute(AttributeSyntax& attribute);
  bool parse_path(NameSyntax& name);
  bool parse_paths(std::vector<NameSyntax>& names);  // one, or a list in brackets
  bool parse_identifier(NameSyntax& name);
  bool parse_identifier_or_string(NameSyntax& name);
  SchemaSyntax* schema_ = nullptr;
  int depth_ = 0;
};

}  // namespace interlock::cedar
