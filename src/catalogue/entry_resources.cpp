// The part of a catalogue file that says what is acted on.
#include <algorithm>
#include <array>

#include "catalogue/entry_parser.hpp"

namespace interlock::catalogue {

using yaml::Map;
using yaml::Node;

namespace {

// Types whose names the catalogue computes itself, or that the gate adds: a template may not pretend to be one.
constexpr std::array<std::string_view, 10> kOwnTypes{"File",   "Folder", "Url",   "Host",   "Tool",
                                                     "Server", "Agent",  "Human", "Action", "Workspace"};

bool is_identifier(std::string_view word) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !word.empty() && letter(word.front()) &&
         std::all_of(word.begin(), word.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

// One rule, or a list of them.
std::vector<ResourceRule> EntryParser::read_resources(const Node& node, const std::string& what) {
  std::vector<ResourceRule> out;
  if (node.kind != Node::Kind::kSequence) {
    out.push_back(read_resource(node, what));
    return out;
  }
  if (node.items.size() > kMaxWords) reader_.complain(node, "`" + what + "` is too long", {}, ErrorCode::kTooLarge);
  for (std::size_t i = 0; i < node.items.size() && !reader_.failed(); ++i) out.push_back(read_resource(node.items[i], what));
  return out;
}

ArgumentPath EntryParser::read_path(const Node& node, const std::string& what) {
  const std::string text = reader_.text(node, what);
  if (reader_.failed()) return {};
  auto path = argument_path(text);
  if (!path) {
    reader_.complain(node, "`" + text + "` names no argument", "write a name, or a JSON pointer such as /files/*/path");
    return {};
  }
  return *path;
}

ResourceRule EntryParser::read_resource(const Node& node, const std::string& what) {
  ResourceRule rule;
  Map map(reader_, node, what);
  rule.optional = map.flag("optional", false);
  const Node* file = map.find("file");
  const Node* folder = map.find("folder");
  const Node* url = map.find("url");
  const Node* type = map.find("type");
  const int given = (file != nullptr) + (folder != nullptr) + (url != nullptr) + (type != nullptr);
  if (!reader_.failed() && given != 1) {
    reader_.complain(node, "`" + what + "` must say exactly one of file, folder, url, type");
    return rule;
  }
  if (file != nullptr) {
    rule.kind = ResourceRule::Kind::kFile;
    rule.argument = read_path(*file, what + ".file");
  } else if (folder != nullptr) {
    rule.kind = ResourceRule::Kind::kFolder;
    rule.argument = read_path(*folder, what + ".folder");
  } else if (url != nullptr) {
    rule.kind = ResourceRule::Kind::kUrl;
    rule.argument = read_path(*url, what + ".url");
  } else if (type != nullptr) {
    rule.kind = ResourceRule::Kind::kNamed;
    rule.name.type = read_type(*type, what);
    const Node& id = map.require("id");
    if (!reader_.failed()) rule.name.id = read_template(id, what + ".id");
    rule.fold_case = map.flag("fold_case", false);
    if (const Node* within = map.find("in")) read_within(*within, what + ".in", rule);
  }
  map.close();
  return rule;
}

void EntryParser::read_within(const Node& node, const std::string& what, ResourceRule& rule) {
  if (node.kind != Node::Kind::kSequence || node.items.size() > kMaxWords) {
    reader_.complain(node, "`" + what + "` must be a list of {type, id}, nearest first");
    return;
  }
  for (const Node& item : node.items) {
    Map map(reader_, item, what);
    NamedTemplate one;
    one.type = read_type(map.require("type"), what);
    one.id = read_template(map.require("id"), what + ".id");
    map.close();
    rule.within.push_back(std::move(one));
  }
}

std::string EntryParser::read_type(const Node& node, const std::string& what) {
  std::string type = reader_.text(node, what + ".type");
  if (reader_.failed()) return type;
  if (std::find(kOwnTypes.begin(), kOwnTypes.end(), type) != kOwnTypes.end()) {
    reader_.complain(node, "the type `" + type + "` is the gate's own", "choose another name, or use file, folder or url");
  } else if (!is_identifier(type)) {
    reader_.complain(node, "`" + type + "` is no name for a type", "for example Repo, Mailbox, Table");
  }
  return type;
}

IdTemplate EntryParser::read_template(const Node& node, const std::string& what) {
  IdTemplate out;
  const std::string text = reader_.text(node, what);
  if (reader_.failed()) return out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    if (open != 0) out.parts.push_back({std::string(rest.substr(0, open)), {}});
    if (open == std::string_view::npos) break;
    const std::size_t close = rest.find('}', open);
    const auto path = close == std::string_view::npos ? std::nullopt : argument_path(rest.substr(open + 1, close - open - 1));
    if (!path || std::find(path->begin(), path->end(), "*") != path->end()) {
      reader_.complain(node, "`" + text + "` is not a template", "write \"{owner}/{repo}\" with the names of arguments");
      return out;
    }
    out.parts.push_back({{}, *path});
    rest.remove_prefix(close + 1);
  }
  if (out.parts.empty()) reader_.complain(node, "`" + what + "` is empty");
  return out;
}

}  // namespace interlock::catalogue
