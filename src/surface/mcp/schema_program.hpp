// A JSON Schema as it is checked: one node a subschema, references resolved to nodes. Made by schema.cpp, run by schema_check.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/mcp/pattern.hpp"

namespace interlock::mcp {

using NodeIndex = std::uint32_t;

// The bits of `type`. An integer is a number as well.
enum : std::uint8_t {
  kTypeNull = 1,
  kTypeBoolean = 2,
  kTypeObject = 4,
  kTypeArray = 8,
  kTypeNumber = 16,
  kTypeString = 32,
  kTypeInteger = 64
};

// Absent keywords are empty. Strings and values point into the program's document.
struct SchemaNode {
  bool never = false;      // the schema `false`
  std::uint8_t types = 0;  // 0: any
  const json::value* constant = nullptr;
  const json::array* enumeration = nullptr;

  std::optional<long double> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
  std::optional<std::size_t> min_length, max_length, min_items, max_items, min_properties, max_properties, min_contains, max_contains;
  std::unique_ptr<const Pattern> pattern;
  std::string_view pattern_text;

  std::vector<NodeIndex> prefix_items;
  std::optional<NodeIndex> items, contains, unevaluated_items;
  bool unique_items = false;

  std::vector<std::string_view> required;
  const json::object* property_names_known = nullptr;  // the object of `properties`
  std::vector<std::pair<std::string_view, NodeIndex>> properties;
  std::vector<std::pair<std::unique_ptr<const Pattern>, NodeIndex>> pattern_properties;
  std::optional<NodeIndex> additional_properties, property_names, unevaluated_properties;
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> dependent_required;
  std::vector<std::pair<std::string_view, NodeIndex>> dependent_schemas;

  std::vector<NodeIndex> all_of, any_of, one_of;
  std::optional<NodeIndex> not_this, if_this, then_this, else_this, reference;
};

struct SchemaProgram {
  json::value document;
  std::vector<SchemaNode> nodes;  // the first is the root
};

Status run_schema(const SchemaProgram& program, const json::value& instance);

}  // namespace interlock::mcp
