// From a YAML file to an Entry. Everything that could be misread later is refused here, with its place.
#include "catalogue/entry.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "catalogue/entry_parser.hpp"

namespace interlock::catalogue {

using yaml::Map;
using yaml::Node;

namespace {

// Of values in a file: aliases count as often as they are used, and a connector uses the same resource in each operation.
constexpr std::size_t kMaxCatalogueNodes = 400'000;

bool is_entry_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

std::optional<ArgumentPath> argument_path(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.front() != '/') return ArgumentPath{std::string(text)};
  ArgumentPath path;
  text.remove_prefix(1);
  while (true) {
    const std::size_t slash = text.find('/');
    std::string part;
    const std::string_view raw = text.substr(0, slash);
    for (std::size_t i = 0; i < raw.size(); ++i) {  // RFC 6901 §4
      if (raw[i] != '~') {
        part += raw[i];
      } else if (i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1')) {
        part += raw[++i] == '0' ? '~' : '/';
      } else {
        return std::nullopt;
      }
    }
    if (part.empty() || path.size() >= kMaxPathParts) return std::nullopt;
    path.push_back(std::move(part));
    if (slash == std::string_view::npos) return path;
    text.remove_prefix(slash + 1);
  }
}

Result<Entry> EntryParser::parse(const Node& root) {
  Map map(reader_, root, "");
  const Node& version = map.require("catalogue");
  if (!reader_.failed()) reader_.integer(version, "catalogue", 1, 1);
  const Node& name = map.require("entry");
  entry_.name = reader_.text(name, "entry");
  if (!reader_.failed() && !is_entry_name(entry_.name)) {
    reader_.complain(name, "`entry` must be letters, digits, `-`, `_` and `.`", "for example `entry: filesystem`");
  }
  entry_.replaces = map.flag("replaces", false);
  if (const Node* match = map.find("match")) read_match(*match);
  entry_.relative_from_cwd = map.choice<bool>("relative_paths", false, {{"unknown", false}, {"cwd", true}});
  if (const Node* reads = map.find("reads")) read_reads(*reads);
  if (const Node* tools = map.find("tools")) read_tools(*tools, "tools", entry_.tools);
  if (const Node* prompts = map.find("prompts")) read_tools(*prompts, "prompts", entry_.prompts);
  read_connector(map);
  map.close();
  if (reader_.failed()) return fail(*reader_.error());
  return std::move(entry_);
}

void EntryParser::read_match(const Node& node) {
  Map map(reader_, node, "match");
  entry_.packages = map.texts("packages", kMaxWords);
  entry_.programs = map.texts("programs", kMaxWords);
  entry_.urls = map.texts("urls", kMaxWords);
  map.close();
}

void EntryParser::read_reads(const Node& node) {
  Map map(reader_, node, "reads");
  entry_.resource_band = static_cast<model::Band>(map.integer("band", 1, 0, 3));
  entry_.resource_trusted = map.flag("result_trusted", false);
  entry_.private_realm = map.text("private");
  map.close();
}

void EntryParser::read_tools(const Node& node, const std::string& what, std::unordered_map<std::string, ToolEntry>& tools) {
  if (node.kind != Node::Kind::kMap) {
    reader_.complain(node, "`" + what + "` must be a map from a name to what it does");
    return;
  }
  if (node.keys.size() > kMaxCatalogueTools) {
    reader_.complain(node, "`" + what + "` has more than " + std::to_string(kMaxCatalogueTools) + " names", {}, ErrorCode::kTooLarge);
    return;
  }
  for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
    const std::string name = what + "." + node.keys[i].text;
    Map map(reader_, node.items[i], name);
    tools.emplace(node.keys[i].text, read_what(map, name));
    map.close();
  }
}

// What a tool and an operation alike say of themselves.
ToolEntry EntryParser::read_what(Map& map, const std::string& what) {
  ToolEntry tool;
  tool.facts = read_facts(map);
  if (const Node* resource = map.find("resource")) tool.resources = read_resources(*resource, what + ".resource");
  if (const Node* cases = map.find("cases")) read_cases(*cases, what + ".cases", tool);
  tool.result_trusted = map.flag("result_trusted", false);
  tool.private_realm = map.text("private");
  if (const Node* sensitive = map.find("sensitive")) {
    tool.sensitive = reader_.texts(*sensitive, what + ".sensitive", kMaxWords);
    for (std::size_t i = 0; i < tool.sensitive.size() && !reader_.failed(); ++i) {
      if (!tool.sensitive[i].starts_with('/') || !argument_path(tool.sensitive[i])) {
        reader_.complain(sensitive->items[i], "`" + tool.sensitive[i] + "` is not a JSON pointer", "write /name");
      }
    }
  }
  if (const Node* spends = map.find("spends")) read_spends(*spends, what + ".spends", tool);
  return tool;
}

// The argument that holds the amount, or { amount: ARGUMENT, hundredths_when: { ARGUMENT: values } }.
void EntryParser::read_spends(const Node& node, const std::string& what, ToolEntry& tool) {
  const auto read_amount = [&](const Node& amount) {
    const auto path = argument_path(reader_.text(amount, what));
    if (!reader_.failed() && (!path || std::find(path->begin(), path->end(), "*") != path->end()))
      reader_.complain(amount, "`" + what + "` names no argument", "write the name of the one that holds the amount");
    if (path) tool.spends = *path;
  };
  if (node.kind != Node::Kind::kMap) return read_amount(node);
  Map map(reader_, node, what);
  read_amount(map.require("amount"));
  if (const Node* when = map.find("hundredths_when")) tool.spends_hundredths = read_conditions(*when, what + ".hundredths_when");
  map.close();
}

Facts EntryParser::read_facts(Map& map) {
  Facts facts;
  const Node& effects = map.require("effects");
  if (reader_.failed()) return facts;
  const auto words = reader_.texts(effects, map.what_of("effects"), 6);
  static constexpr std::array<std::string_view, 6> kNames{"read", "write", "delete", "execute", "send", "admin"};
  for (std::size_t i = 0; i < words.size() && !reader_.failed(); ++i) {
    const auto effect = model::effect_from_name(words[i]);
    if (!effect) {
      const std::string near = yaml::nearest(words[i], kNames);
      reader_.complain(effects.items[i], "`" + words[i] + "` is no effect; effects are read, write, delete, execute, send, admin",
                       near.empty() ? "" : "did you mean `" + near + "`?");
    } else if (std::find(facts.effects.begin(), facts.effects.end(), *effect) != facts.effects.end()) {
      reader_.complain(effects.items[i], "`" + words[i] + "` is there twice");
    } else {
      facts.effects.push_back(*effect);
    }
  }
  if (!reader_.failed() && facts.effects.empty())
    reader_.complain(effects, "`" + map.what_of("effects") + "` must name at least one effect");
  // A rule that permits reading must never let an act through that does more.
  if (!reader_.failed() && facts.effects.size() > 1 &&
      std::find(facts.effects.begin(), facts.effects.end(), model::Effect::kRead) != facts.effects.end()) {
    reader_.complain(effects, "`read` stands alone: it says that the act does nothing else", "remove `read`");
  }
  const Node& band = map.require("band");
  facts.band = static_cast<model::Band>(reader_.failed() ? 0 : reader_.integer(band, map.what_of("band"), 0, 3));
  return facts;
}

void EntryParser::read_cases(const Node& node, const std::string& what, ToolEntry& tool) {
  if (node.kind != Node::Kind::kSequence || node.items.size() > kMaxCases) {
    reader_.complain(node, "`" + what + "` must be a list of at most " + std::to_string(kMaxCases) + " cases");
    return;
  }
  for (const Node& item : node.items) {
    ToolCase one;
    Map map(reader_, item, what);
    one.when = read_conditions(map.require("when"), what + ".when");
    if (reader_.failed()) return;
    one.facts = read_facts(map);
    map.close();
    tool.cases.push_back(std::move(one));
  }
}

EntryParser::Conditions EntryParser::read_conditions(const Node& node, const std::string& what) {
  Conditions out;
  if (!reader_.failed() && (node.kind != Node::Kind::kMap || node.keys.empty())) {
    reader_.complain(node, "`" + what + "` must name arguments and their values", "write when: { method: delete }");
  }
  for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
    const auto path = argument_path(node.keys[i].text);
    if (!path || std::find(path->begin(), path->end(), "*") != path->end()) {
      reader_.complain(node.keys[i], "`" + node.keys[i].text + "` names no single argument");
      return out;
    }
    out.emplace_back(*path, read_values(node.items[i]));
  }
  return out;
}

// Values to compare with; none for { present: true }.
std::vector<json::value> EntryParser::read_values(const Node& node) {
  std::vector<json::value> values;
  if (node.kind == Node::Kind::kMap) {
    Map map(reader_, node, "when");
    if (!map.flag("present", false)) reader_.complain(node, "a case compares with a value, or with { present: true }");
    map.close();
  } else if (node.kind == Node::Kind::kSequence) {
    for (const Node& item : node.items) values.push_back(read_value(item));
    if (values.empty()) reader_.complain(node, "a case needs at least one value");
  } else {
    values.push_back(read_value(node));
  }
  return values;
}

json::value EntryParser::read_value(const Node& node) {
  if (node.kind != Node::Kind::kScalar) {
    reader_.complain(node, "a case compares with texts, whole numbers, true and false");
    return nullptr;
  }
  if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
  std::int64_t number = 0;
  const auto [end, bad] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
  if (!node.quoted && bad == std::errc{} && end == node.text.data() + node.text.size()) return number;
  return json::value(node.text);
}

Result<Entry> parse_entry(const CatalogueSource& source) {
  auto root = yaml::parse(source.text, source.name, {.size_bytes = kMaxCatalogueBytes, .nodes = kMaxCatalogueNodes});
  if (!root) return fail(root.error());
  return EntryParser(source).parse(*root);
}

}  // namespace interlock::catalogue
