#include "surface/mcp/tools.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.hpp"

namespace interlock::mcp {
namespace {

constexpr std::size_t kPoolSweep = 4096;  // look for dead entries when the pool has grown to this
constexpr int kHeaderDepth = 16;
constexpr std::int64_t kSafeInteger = 9007199254740991;  // 2^53 - 1

bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kMarks.find(c) != std::string_view::npos;
  });
}

// An x-mcp-header annotation anywhere but on a property reached by `properties` alone makes the definition invalid.
bool has_annotation(const json::value& node, int depth) {
  if (depth > kHeaderDepth * 2) return false;
  if (const auto* a = node.if_array()) {
    return std::any_of(a->begin(), a->end(), [&](const json::value& item) { return has_annotation(item, depth + 1); });
  }
  const auto* o = node.if_object();
  if (o == nullptr) return false;
  if (o->contains("x-mcp-header")) return true;
  return std::any_of(o->begin(), o->end(), [&](const auto& pair) { return has_annotation(pair.value(), depth + 1); });
}

void collect_headers(const json::object& schema, std::vector<std::string>& path, std::set<std::string>& seen, ToolDefinition& tool) {
  if (path.size() > static_cast<std::size_t>(kHeaderDepth) || !tool.header_problem.empty()) return;
  for (const auto& pair : schema) {
    if (pair.key() == "properties" || pair.key() == "x-mcp-header") continue;
    if (has_annotation(pair.value(), 0)) {
      tool.header_problem = "x-mcp-header stands where only a chain of properties may lead";
      return;
    }
  }
  const auto* properties = json::object_at(schema, "properties");
  if (properties == nullptr) return;
  for (const auto& pair : *properties) {
    const auto* property = pair.value().if_object();
    if (property == nullptr) continue;
    path.emplace_back(pair.key().data(), pair.key().size());
    if (const auto* annotation = json::find(*property, "x-mcp-header")) {
      const auto header = annotation->is_string() ? json::view(annotation->get_string()) : std::string_view();
      const auto type = json::string_at(*property, "type").value_or("");
      if (!is_token(header)) tool.header_problem = "x-mcp-header is no header name";
      else if (type != "string" && type != "integer" && type != "boolean")
        tool.header_problem = "x-mcp-header stands on a parameter that is not string, integer or boolean";
      else if (!seen.insert(ascii_lower(header)).second) tool.header_problem = "x-mcp-header \"" + std::string(header) + "\" is used twice";
      else tool.headers.push_back({std::string(header), path});
    }
    collect_headers(*property, path, seen, tool);
    path.pop_back();
    if (!tool.header_problem.empty()) return;
  }
}

const json::value* at_path(const json::value& arguments, const std::vector<std::string>& path) {
  const json::value* node = &arguments;
  for (const auto& name : path) {
    node = json::find(*node, name);
    if (node == nullptr) return nullptr;
  }
  return node->is_null() ? nullptr : node;
}

std::optional<std::string> primitive_text(const json::value& v) {
  if (v.is_string()) return std::string(json::view(v.get_string()));
  if (v.is_bool()) return v.get_bool() ? "true" : "false";
  if (v.is_int64()) return std::to_string(v.get_int64());
  if (v.is_uint64()) return std::to_string(v.get_uint64());
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const ToolDefinition> DefinitionPool::intern(const json::object& text) {
  const std::string compact = json::write(text);
  const auto digest = sha256(compact);
  const std::string key(as_bytes(digest));
  if (const auto it = known_.find(key); it != known_.end()) {
    if (auto known = it->second.lock()) return known;
  }
  auto tool = std::make_shared<ToolDefinition>();
  tool->name = std::string(json::string_at(text, "name").value_or(""));
  tool->text = text;
  tool->text_digest = digest;
  if (const auto* schema = json::find(text, "inputSchema")) {
    auto compiled = Schema::compile(*schema);
    if (compiled) tool->schema = std::move(*compiled);
    else tool->schema_problem = compiled.error().message;
    if (const auto* root = schema->if_object()) {
      std::vector<std::string> path;
      std::set<std::string> seen;
      if (root->contains("x-mcp-header")) tool->header_problem = "x-mcp-header stands on the schema's root";
      else collect_headers(*root, path, seen, *tool);
      if (!tool->header_problem.empty()) tool->headers.clear();
    }
  } else {
    tool->schema_problem = "the tool has no inputSchema";
  }
  if (known_.size() >= kPoolSweep) std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  known_[key] = tool;
  return tool;
}

std::string encode_header_value(std::string_view value) {
  const bool sentinel = value.starts_with("=?base64?") && value.ends_with("?=");
  const bool padded = !value.empty() && (value.front() == ' ' || value.front() == '\t' || value.back() == ' ' || value.back() == '\t');
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return (c >= 0x20 && c <= 0x7e) || c == '\t'; });
  if (plain && !padded && !sentinel) return std::string(value);
  return "=?base64?" + base64_encode(value) + "?=";
}

std::optional<std::string> decode_header_value(std::string_view value) {
  if (!value.starts_with("=?base64?") || !value.ends_with("?=") || value.size() < 11) return std::string(value);
  return base64_decode(value.substr(9, value.size() - 11));
}

net::Headers parameter_headers(const ToolDefinition& tool, const json::value& arguments) {
  net::Headers out;
  for (const auto& parameter : tool.headers) {
    const auto* v = at_path(arguments, parameter.path);
    const auto text = v == nullptr ? std::nullopt : primitive_text(*v);
    if (text) out.add("Mcp-Param-" + parameter.header, encode_header_value(*text));
  }
  return out;
}

std::string parameter_header_mismatch(const ToolDefinition& tool, const json::value& arguments, const net::Headers& sent) {
  for (const auto& parameter : tool.headers) {
    const std::string header = "Mcp-Param-" + parameter.header;
    const auto* v = at_path(arguments, parameter.path);
    const auto expected = v == nullptr ? std::nullopt : primitive_text(*v);
    const auto raw = sent.get(header);
    if (!expected) {
      if (raw) return header + " is sent, and the body has no such argument";
      continue;
    }
    if (!raw) return header + " is missing";
    const auto value = decode_header_value(*raw);
    if (!value) return header + " holds invalid base64";
    if (*value == *expected) continue;
    if (v->is_int64()) {  // "42.0" and 42 are equal
      double number = 0;
      const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
      if (error == std::errc() && end == value->data() + value->size() && std::abs(v->get_int64()) <= kSafeInteger &&
          number == static_cast<double>(v->get_int64())) {
        continue;
      }
    }
    return header + " does not match the argument in the body";
  }
  return {};
}

}  // namespace interlock::mcp
