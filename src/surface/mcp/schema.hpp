// JSON Schema for tool arguments: compiled once a definition, checked before the server sees a call.
//
// Read: 2020-12 (the dialect of MCP) and what drafts 4 to 7 spell otherwise. Annotations and `format` are not enforced;
// `$dynamicRef` is followed as `$ref`. A `$ref` that leaves the document is never fetched: such a schema does not compile
// (2026-07-28 basic/index#json-schema-usage). Both schema and arguments come from strangers, so the work of compiling and of one
// check is bounded; what cannot be checked within the bound is refused. Immutable after compile; check() may run on any thread.
#pragma once

#include <memory>

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
