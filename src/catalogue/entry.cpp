// From a YAML file to an Entry. Everything that could be misread later is refused here, with its place.
#include "catalogue/entry.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "yaml/document.hpp"

namespace interlock::catalogue {
namespace {

using yaml::Map;
using yaml::Node;
using yaml::Reader;

constexpr std::size_t kMaxWords = 64;      // items of a small list
constexpr std::size_t kMaxCases = 32;      // of a tool
constexpr std::size_t kMaxPathParts = 16;  // of an argument path
// Types whose names the catalogue computes itself, or that the gate adds: a template may not pretend to be one.
constexpr std::array<std::string_view, 10> kOwnTypes{"File",   "Folder", "Url",   "Host",   "Tool",
                                                     "Server", "Agent",  "Human", "Action", "Workspace"};

bool is_identifier(std::string_view word) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !word.empty() && letter(word.front()) &&
         std::all_of(word.begin(), word.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// "path" is a member of the arguments; "/edits/*/path" is a JSON pointer in which * stands for each element.
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

class EntryParser {
 public:
  explicit EntryParser(const CatalogueSource& source) : reader_(source.name) { entry_.source = source.name; }

  Result<Entry> parse(const Node& root) {
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
    map.close();
    if (reader_.failed()) return fail(*reader_.error());
    return std::move(entry_);
  }

 private:
  static bool is_entry_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
  }

  void read_match(const Node& node) {
    Map map(reader_, node, "match");
    entry_.packages = map.texts("packages", kMaxWords);
    entry_.programs = map.texts("programs", kMaxWords);
    entry_.urls = map.texts("urls", kMaxWords);
    map.close();
  }

  void read_reads(const Node& node) {
    Map map(reader_, node, "reads");
    entry_.resource_band = static_cast<model::Band>(map.integer("band", 1, 0, 3));
    entry_.resource_trusted = map.flag("result_trusted", false);
    entry_.private_realm = map.text("private");
    map.close();
  }

  void read_tools(const Node& node, const std::string& what, std::unordered_map<std::string, ToolEntry>& tools) {
    if (node.kind != Node::Kind::kMap) {
      reader_.complain(node, "`" + what + "` must be a map from a name to what it does");
      return;
    }
    if (node.keys.size() > kMaxCatalogueTools) {
      reader_.complain(node, "`" + what + "` has more than " + std::to_string(kMaxCatalogueTools) + " names", {}, ErrorCode::kTooLarge);
      return;
    }
    for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
      tools.emplace(node.keys[i].text, read_tool(node.items[i], what + "." + node.keys[i].text));
    }
  }

  ToolEntry read_tool(const Node& node, const std::string& what) {
    ToolEntry tool;
    Map map(reader_, node, what);
    tool.facts = read_facts(map);
    if (const Node* resource = map.find("resource")) {
      if (resource->kind == Node::Kind::kSequence) {
        for (const Node& item : resource->items) tool.resources.push_back(read_resource(item, what + ".resource"));
        if (resource->items.size() > kMaxWords)
          reader_.complain(*resource, "`" + what + ".resource` is too long", {}, ErrorCode::kTooLarge);
      } else {
        tool.resources.push_back(read_resource(*resource, what + ".resource"));
      }
    }
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
    if (const Node* spends = map.find("spends")) {
      const auto path = argument_path(reader_.text(*spends, what + ".spends"));
      if (!reader_.failed() && (!path || std::find(path->begin(), path->end(), "*") != path->end()))
        reader_.complain(*spends, "`" + what + ".spends` names no argument", "write the name of the one that holds the amount");
      if (path) tool.spends = *path;
    }
    map.close();
    return tool;
  }

  Facts read_facts(Map& map) {
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

  void read_cases(const Node& node, const std::string& what, ToolEntry& tool) {
    if (node.kind != Node::Kind::kSequence || node.items.size() > kMaxCases) {
      reader_.complain(node, "`" + what + "` must be a list of at most " + std::to_string(kMaxCases) + " cases");
      return;
    }
    for (const Node& item : node.items) {
      ToolCase one;
      Map map(reader_, item, what);
      const Node& when = map.require("when");
      if (!reader_.failed() && (when.kind != Node::Kind::kMap || when.keys.empty())) {
        reader_.complain(when, "`" + what + ".when` must name arguments and their values", "write when: { method: delete }");
      }
      for (std::size_t i = 0; i < when.keys.size() && !reader_.failed(); ++i) {
        const auto path = argument_path(when.keys[i].text);
        if (!path || std::find(path->begin(), path->end(), "*") != path->end()) {
          reader_.complain(when.keys[i], "`" + when.keys[i].text + "` names no single argument");
          return;
        }
        one.when.emplace_back(*path, read_values(when.items[i]));
      }
      one.facts = read_facts(map);
      map.close();
      tool.cases.push_back(std::move(one));
    }
  }

  // Values to compare with; none for { present: true }.
  std::vector<json::value> read_values(const Node& node) {
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

  json::value read_value(const Node& node) {
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

  ArgumentPath read_path(const Node& node, const std::string& what) {
    const std::string text = reader_.text(node, what);
    if (reader_.failed()) return {};
    auto path = argument_path(text);
    if (!path) {
      reader_.complain(node, "`" + text + "` names no argument", "write a name, or a JSON pointer such as /files/*/path");
      return {};
    }
    return *path;
  }

  ResourceRule read_resource(const Node& node, const std::string& what) {
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

  void read_within(const Node& node, const std::string& what, ResourceRule& rule) {
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

  std::string read_type(const Node& node, const std::string& what) {
    std::string type = reader_.text(node, what + ".type");
    if (reader_.failed()) return type;
    if (std::find(kOwnTypes.begin(), kOwnTypes.end(), type) != kOwnTypes.end()) {
      reader_.complain(node, "the type `" + type + "` is the gate's own", "choose another name, or use file, folder or url");
    } else if (!is_identifier(type)) {
      reader_.complain(node, "`" + type + "` is no name for a type", "for example Repo, Mailbox, Table");
    }
    return type;
  }

  IdTemplate read_template(const Node& node, const std::string& what) {
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

  Reader reader_;
  Entry entry_;
};

}  // namespace

Result<Entry> parse_entry(const CatalogueSource& source) {
  auto root = yaml::parse(source.text, source.name, {.size_bytes = kMaxCatalogueBytes});
  if (!root) return fail(root.error());
  return EntryParser(source).parse(*root);
}

}  // namespace interlock::catalogue
