// JSON Schema for tool arguments: compiled once a definition, checked before the server sees a call.
//
// Valijson behind one .cpp. Supported: draft-07 and the keywords of 2020-12 that Valijson knows ($defs, $ref within the
// document, composition, formats not enforced). A `$ref` that leaves the document is never fetched: such a schema does not
// compile (2026-07-28 basic/index#json-schema-usage). Immutable after compile; check() may run on any thread.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::mcp {

class Schema {
 public:
  static Result<std::shared_ptr<const Schema>> compile(const json::value& schema);
  virtual ~Schema() = default;
  // Ok, or what is wrong with `instance`: the JSON pointer of each offending place and why (at most a few).
  virtual Status check(const json::value& instance) const = 0;
};

}  // namespace interlock::mcp
