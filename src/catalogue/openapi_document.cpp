#include "catalogue/openapi_document.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "catalogue/openapi.hpp"
#include "yaml/document.hpp"

namespace interlock::catalogue {
namespace {

constexpr std::array<std::string_view, 9> kUnread{"schemas", "responses", "requestBody", "requestBodies", "examples",
                                                  "example", "callbacks", "schema",      "links"};

// Members of these names are left out on the way, where they are not names of the API's own (paths, parameters' names are values).
bool is_unread(std::string_view key) { return std::find(kUnread.begin(), kUnread.end(), key) != kUnread.end() || key.starts_with("x-"); }

json::value from_yaml(yaml::Node& node, bool keys_are_names) {
  switch (node.kind) {
    case yaml::Node::Kind::kNull: return nullptr;
    case yaml::Node::Kind::kScalar:
      if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
      return json::value(std::string_view(node.text));
    case yaml::Node::Kind::kSequence: {
      json::array out;
      for (yaml::Node& item : node.items) out.push_back(from_yaml(item, false));
      return out;
    }
    case yaml::Node::Kind::kMap: {
      json::object out;
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& key = node.keys[i].text;
        if (!keys_are_names && is_unread(key)) continue;
        out[key] = from_yaml(node.items[i], key == "paths" || key == "pathItems");
      }
      return out;
    }
  }
  return nullptr;
}

// "a~1b" is "a/b" (RFC 6901 §4); a fragment may be percent-encoded (RFC 3986), of which only braces and slashes are met.
std::string pointer_part(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const std::string_view rest = raw.substr(i);
    constexpr std::array<std::pair<std::string_view, char>, 6> kEscapes{
        {{"~1", '/'}, {"~0", '~'}, {"%7B", '{'}, {"%7D", '}'}, {"%7b", '{'}, {"%7d", '}'}}};
    const auto* escape = std::find_if(kEscapes.begin(), kEscapes.end(), [&](const auto& one) { return rest.starts_with(one.first); });
    if (escape == kEscapes.end()) {
      out += raw[i];
    } else {
      out += escape->second;
      i += escape->first.size() - 1;
    }
  }
  return out;
}

const json::value* at_pointer(const json::value& document, std::string_view pointer) {
  const json::value* at = &document;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t slash = pointer.find('/');
    at = json::find(*at, pointer_part(pointer.substr(0, slash)));
    if (at == nullptr || slash == std::string_view::npos) return at;
    pointer.remove_prefix(slash);
  }
  return at;
}

}  // namespace

Result<json::value> read_openapi(std::string_view text) {
  if (text.size() > kOpenApiBytes) {
    return fail(ErrorCode::kTooLarge, "the description has more than " + std::to_string(kOpenApiBytes >> 20) + " MiB",
                "leave out schemas and examples: only paths are read");
  }
  json::value document;
  const std::size_t start = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (start != std::string_view::npos && text[start] == '{') {
    auto parsed = json::parse(text.substr(start), {.size_bytes = kOpenApiBytes, .depth = kOpenApiDepth});
    if (!parsed) return fail(std::move(parsed.error()));
    document = std::move(*parsed);
  } else {
    auto parsed = yaml::parse(text, "the description", {.size_bytes = kOpenApiBytes, .nodes = kOpenApiYamlNodes, .depth = kOpenApiDepth});
    if (!parsed) return fail(std::move(parsed.error()));
    document = from_yaml(*parsed, false);
  }
  const json::object* object = document.if_object();
  if (object == nullptr)
    return fail(ErrorCode::kInvalid, "the description is no object", "give an OpenAPI 3.0 or 3.1 description, as JSON or YAML");
  if (json::find(*object, "swagger") != nullptr)
    return fail(ErrorCode::kUnsupported, "this is Swagger 2.0", "convert it to OpenAPI 3 first, for example with `npx swagger2openapi`");
  const auto version = json::string_at(*object, "openapi");
  if (!version) return fail(ErrorCode::kInvalid, "`openapi` names no version", "give an OpenAPI 3.0 or 3.1 description, as JSON or YAML");
  if (!version->starts_with("3.0") && !version->starts_with("3.1"))
    return fail(ErrorCode::kUnsupported, "this version of OpenAPI is not read", "give an OpenAPI 3.0 or 3.1 description");
  return document;
}

const json::object* follow(const json::value& document, const json::value& node, std::string& why_not) {
  const json::value* at = &node;
  for (std::size_t step = 0; step <= kReferenceSteps; ++step) {
    const json::object* object = at->if_object();
    if (object == nullptr) {
      why_not = "it is no object";
      return nullptr;
    }
    const json::value* reference = json::find(*object, "$ref");
    if (reference == nullptr) return object;
    const json::string* text = reference->if_string();
    if (text == nullptr || !json::view(*text).starts_with("#/")) {
      why_not = "it refers to something outside of the description";
      return nullptr;
    }
    at = at_pointer(document, json::view(*text).substr(1));
    if (at == nullptr) {
      why_not = "it refers to something that is not there";
      return nullptr;
    }
  }
  why_not = "its references go round";
  return nullptr;
}

}  // namespace interlock::catalogue
