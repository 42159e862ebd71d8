// Cedar schemas: what entity types, actions and contexts there are, and reading data by them.
//
// With a schema, JSON needs no escapes: where an `ipaddr` is due, "10.0.0.1" is one, and where a User is due,
// {"type": "User", "id": "ada"} is one. What does not conform is refused with its place in the data.
//
// A Schema is an immutable snapshot, cheap to copy; any number of threads may read it. Policies are
// checked against it by validate.hpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

struct SchemaData;

class Schema {
 public:
  Schema();  // nothing is declared
  // The text syntax: namespaces, entity types (enum ones too), actions, common types. Refused whole when anything is wrong.
  static Result<Schema> parse(const PolicySource& source, std::vector<Diagnostic>* all = nullptr);

  // The JSON syntax (.cedarschema.json). A diagnostic has no line then; its message says where in the document.
  static Result<Schema> parse_json(const PolicySource& source, std::vector<Diagnostic>* all = nullptr);

  bool declares_entity_type(std::string_view type) const;
  bool declares_action(const EntityUid& action) const;

  // The context of a request for `action`, read as the action declares it. Built in `arena`.
  Result<Value> read_context(ValueArena& arena, const EntityUid& action, const json::value& context) const;
  // Whether the request is one that the schema declares: the action, the types of principal and resource, the context.
  Status check_request(const Request& request) const;
  // Entities JSON, read by the declared types and checked against them, with the declared actions added. An action that the
  // JSON gives must be as the schema has it.
  Result<Entities> read_entities(const json::value& entities) const;
  Result<Entities> read_entities(std::string_view text) const;
  Result<Entities> read_entities(const char* text) const { return read_entities(std::string_view(text)); }
  Result<Entities> read_entities(const std::string& text) const { return read_entities(std::string_view(text)); }
  // The declared actions and their groups alone.
  Entities actions() const;

 private:
  friend struct SchemaAccess;
  std::shared_ptr<const SchemaData> data_;
};

// From one syntax to the other: the same declarations, annotations included. What is no valid schema is refused.
Result<std::string> schema_text_to_json(const PolicySource& text);
Result<std::string> schema_json_to_text(const PolicySource& json_text);

}  // namespace interlock::cedar
