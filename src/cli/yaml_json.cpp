#include "cli/yaml_json.hpp"

#include <charconv>
#include <cmath>

namespace interlock::cli {

using yaml::Node;

json::value json_of(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return nullptr;
    case Node::Kind::kSequence: {
      json::array out;
      for (const Node& item : node.items) out.push_back(json_of(item));
      return out;
    }
    case Node::Kind::kMap: {
      json::object out;
      for (std::size_t i = 0; i < node.keys.size(); ++i) out[node.keys[i].text] = json_of(node.items[i]);
      return out;
    }
    case Node::Kind::kScalar: break;
  }
  const std::string& text = node.text;
  if (node.quoted) return json::value(text);
  if (text == "true" || text == "false") return text == "true";
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (auto [at, error] = std::from_chars(text.data(), end, whole); error == std::errc{} && at == end) return whole;
  double number = 0;
  if (auto [at, error] = std::from_chars(text.data(), end, number); error == std::errc{} && at == end && std::isfinite(number))
    return number;
  return json::value(text);
}

}  // namespace interlock::cli
