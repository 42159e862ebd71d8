// Tool definitions as the gate keeps them: text, compiled schema, the header parameters, and a table of them a link.
//
// Definitions are shared: a thousand sessions of one server hold one copy. Loop thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "net/http.hpp"
#include "surface/mcp/schema.hpp"

namespace interlock::mcp {

struct HeaderParameter {
  std::string header;             // the part after "Mcp-Param-"
  std::vector<std::string> path;  // property names from the schema's root
};

struct ToolDefinition {
  std::string name;
  json::object text;                     // as the server sent it
  Digest text_digest{};                  // of its compact text
  std::shared_ptr<const Schema> schema;  // null where it did not compile
  std::string schema_problem;            // why
  std::vector<HeaderParameter> headers;
  std::string header_problem;  // the x-mcp-header annotations break the rules: the tool is not offered over HTTP
};

// Interns definitions by digest, so that equal ones are compiled once. Drops what nobody holds.
class DefinitionPool {
 public:
  std::shared_ptr<const ToolDefinition> intern(const json::object& text);

 private:
  std::unordered_map<std::string, std::weak_ptr<const ToolDefinition>> known_;
};

using ToolTable = std::unordered_map<std::string, std::shared_ptr<const ToolDefinition>>;

// 2026-07-28 transports/streamable-http#value-encoding, both ways. decode: nullopt where the sentinel holds bad base64.
std::string encode_header_value(std::string_view value);
std::optional<std::string> decode_header_value(std::string_view value);

// The Mcp-Param-* headers that a call of `tool` with `arguments` must carry.
net::Headers parameter_headers(const ToolDefinition& tool, const json::value& arguments);
// Compares what a client sent with what its body says; the first difference, or empty.
std::string parameter_header_mismatch(const ToolDefinition& tool, const json::value& arguments, const net::Headers& sent);

}  // namespace interlock::mcp
