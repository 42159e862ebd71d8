// From YAML to cases.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/config.hpp"
#include "cli/policy_cases.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/yaml_json.hpp"
#include "yaml/document.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;
using yaml::Node;

constexpr std::size_t kMaxCases = 100'000;
constexpr std::size_t kMaxNames = 1'000;
constexpr UnixMs kDefaultNowMs = 1'767'225'600'000;  // 2026-01-01T00:00:00Z: a test tells the same every day
constexpr std::int64_t kTaskMs = 3'600'000;

class CaseReader {
 public:
  CaseReader(const fs::path& file, PolicyCaseFile& out) : reader_(file.string()), folder_(file.parent_path()), out_(out) {
    out_.name = file.string();
  }

  Status read(const Node& document) {
    yaml::Map top(reader_, document, "");
    read_policies(top);
    read_servers(top);
    for (const auto& folder : top.texts("workspace", kMaxNames))
      out_.workspace.push_back(fs::absolute(beside(folder)).lexically_normal().string());
    const std::string schema = top.text("schema");
    const std::string entities = top.text("entities");
    const std::vector<std::string> catalogues = top.texts("catalogue", kMaxNames);
    if (const Node* defaults = top.find("defaults")) read_surroundings(*defaults, "defaults", defaults_);
    const Node& cases = top.require("cases");
    top.close();
    if (!reader_.failed() && (cases.kind != Node::Kind::kSequence || cases.items.empty() || cases.items.size() > kMaxCases)) {
      reader_.complain(cases, "cases is a list of at least one case", "- {name: ..., server: ..., tool: ..., expect: allow}");
    }
    for (const Node& node : cases.items) {
      if (!reader_.failed()) read_case(node);
    }
    if (reader_.failed()) return fail(*reader_.error());
    return load(schema, entities, catalogues);
  }

 private:
  fs::path beside(const std::string& name) const { return folder_ / name; }

  void read_policies(yaml::Map& top) {
    preset_ = top.text("preset", "none");
    for (const auto& name : top.texts("policies", kMaxNames)) policies_.push_back(beside(name).lexically_normal().string());
  }

  // name: entry, or name: {catalogue, cwd, home}
  void read_servers(yaml::Map& top) {
    const Node* servers = top.find("servers");
    if (servers == nullptr) return;
    if (servers->kind != Node::Kind::kMap)
      return reader_.complain(*servers, "servers is a map from a name to a catalogue entry", "servers: {files: filesystem}");
    for (std::size_t i = 0; i < servers->keys.size(); ++i) {
      catalogue::ServerBinding binding{.name = servers->keys[i].text, .catalogue = {}, .command = {}, .url = {}, .cwd = {}, .home = {}};
      if (servers->items[i].kind == Node::Kind::kMap) {
        yaml::Map map(reader_, servers->items[i], "servers." + binding.name);
        binding.catalogue = map.text("catalogue");
        binding.cwd = map.text("cwd");
        binding.home = map.text("home");
        map.close();
      } else {
        binding.catalogue = reader_.text(servers->items[i], "servers." + binding.name);
      }
      servers_.push_back(std::move(binding));
    }
  }

  cedar::EntityUid uid(yaml::Map& map, std::string_view key) {
    const Node* node = map.find(key);
    if (node == nullptr) return {};
    auto read = cedar::EntityUid::parse(reader_.text(*node, key));
    if (!read) reader_.complain(*node, read.error().message, read.error().hint);
    return read ? std::move(*read) : cedar::EntityUid();
  }

  // What defaults and cases have alike; what is not said stays.
  void read_surroundings(const Node& node, const std::string& what, PolicyCase& into) {
    yaml::Map map(reader_, node, what);
    read_surroundings(map, into);
    map.close();
  }

  void read_surroundings(yaml::Map& map, PolicyCase& into) {
    if (const Node* subject = map.find("subject")) {
      if (subject->kind == Node::Kind::kMap) {
        yaml::Map inner(reader_, *subject, "subject");
        into.subject.id = inner.text("id", into.subject.id);
        into.subject.owner = inner.text("owner", into.subject.owner);
        into.subject.client = inner.text("client", into.subject.client);
        into.subject.assurance = inner.choice("assurance", into.subject.assurance,
                                              {{"none", model::Assurance::kNone},
                                               {"bearer", model::Assurance::kBearer},
                                               {"dpop", model::Assurance::kDpop},
                                               {"mtls", model::Assurance::kMtls},
                                               {"kernel", model::Assurance::kKernel}});
        if (const Node* attributes = inner.find("attributes")) {
          const json::value read = json_of(*attributes);
          if (const auto* object = read.if_object()) into.subject.attributes = *object;
          else reader_.complain(*attributes, "attributes is a map");
        }
        inner.close();
      } else {
        into.subject.id = reader_.text(*subject, "subject");
      }
    }
    into.subject.owner = map.text("owner", into.subject.owner);
    into.request.surface = map.text("surface", into.request.surface);
    into.request.server = map.text("server", into.request.server);
    into.approved = map.flag("approved", into.approved);
    if (const Node* now = map.find("now")) {
      const auto read = parse_rfc3339(reader_.text(*now, "now"));
      if (!read) reader_.complain(*now, "now is a moment such as 2026-01-01T00:00:00Z");
      into.now_ms = read.value_or(kDefaultNowMs);
      into.task.started_ms = into.now_ms;
      into.task.expires_ms = into.now_ms + kTaskMs;
    }
    if (const Node* task = map.find("task")) {
      yaml::Map inner(reader_, *task, "task");
      into.task.id = inner.text("id", into.task.id);
      into.task.purpose = inner.text("purpose", into.task.purpose);
      into.task.band_ceiling = static_cast<model::Band>(inner.integer("band_ceiling", static_cast<int>(into.task.band_ceiling), 0, 3));
      into.task.calls = inner.integer("calls", into.task.calls, 0, INT64_MAX);
      into.task.calls_last_minute = inner.integer("calls_last_minute", into.task.calls_last_minute, 0, INT64_MAX);
      inner.close();
    }
  }

  void read_case(const Node& node) {
    PolicyCase one = defaults_;
    yaml::Map map(reader_, node, "case");
    one.name = reader_.text(map.require("name"), "name");
    one.place = out_.name + ':' + std::to_string(node.line);
    one.is_plain = map.find("principal") != nullptr;
    if (one.is_plain) {
      one.principal = uid(map, "principal");
      map.require("action");
      one.action = uid(map, "action");
      map.require("resource");
      one.resource = uid(map, "resource");
      if (const Node* context = map.find("context")) one.context = json_of(*context);
    } else {
      read_surroundings(map, one);
      read_act(map, node, one);
    }
    map.require("expect");
    one.expect = map.choice<std::string>("expect", "deny", {{"allow", "allow"}, {"deny", "deny"}, {"step_up", "step_up"}});
    if (one.is_plain && one.expect == "step_up") reader_.complain(node, "a plain request is allowed or denied; step_up is an act's");
    if (map.find("by") != nullptr) one.by = map.texts("by", kMaxNames);
    if (map.find("errors") != nullptr) one.errors = map.texts("errors", kMaxNames);
    one.reason = map.text("reason");
    map.close();
    out_.cases.push_back(std::move(one));
  }

  void read_act(yaml::Map& map, const Node& node, PolicyCase& one) {
    one.request.operation = map.text("operation", "tools/call");
    const std::string tool = map.text("tool");
    const std::string target = map.text("target");
    one.request.target = tool.empty() ? target : tool;
    if (one.request.server.empty() || one.request.target.empty()) {
      return reader_.complain(node, "a case is an act (server, tool, args) or a plain request (principal, action, resource)");
    }
    const Node* args = map.find("args");
    one.request.args = args == nullptr ? json::value(json::object{}) : json_of(*args);
    if (!one.request.args.is_object()) reader_.complain(node, "args is a map");
  }

  Status load(const std::string& schema, const std::string& entities, const std::vector<std::string>& catalogues) {
    if (preset_ != "none") {
      const auto preset = policy::preset_sources(preset_);
      if (!preset) return fail(preset.error());
      for (const auto& source : *preset) out_.sources.push_back({source.name, source.text});
    }
    auto own = read_policy_files(policies_);
    if (!own) return fail(std::move(own.error()));
    std::ranges::move(*own, std::back_inserter(out_.sources));
    const bool any_plain = std::ranges::any_of(out_.cases, [](const PolicyCase& one) { return one.is_plain; });
    const bool any_act = std::ranges::any_of(out_.cases, [](const PolicyCase& one) { return !one.is_plain; });
    if (any_act) {
      if (auto loaded = load_gate(catalogues); !loaded) return loaded;
    }
    return any_plain ? load_plain(schema, entities) : Status{};
  }

  Status load_gate(const std::vector<std::string>& catalogues) {
    std::vector<policy::PolicySource> sources;
    for (const auto& source : out_.sources) sources.push_back({source.name, source.text});
    auto engine = policy::PolicyEngine::load(sources, {.observe = preset_ == "observe", .workspace = out_.workspace});
    if (!engine) return fail(std::move(engine.error()));
    out_.engine = std::move(*engine);
    std::vector<fs::path> paths;
    for (const auto& name : catalogues) paths.push_back(beside(name));
    const auto user = catalogue::read_sources(paths);
    if (!user) return fail(user.error());
    auto loaded = catalogue::Catalogue::load(*user, servers_);
    if (!loaded) return fail(std::move(loaded.error()));
    out_.catalogue = std::move(*loaded);
    return {};
  }

  Status load_plain(const std::string& schema, const std::string& entities) {
    auto set = load_policies(out_.sources);
    if (!set) return fail(std::move(set.error()));
    out_.set = std::move(*set);
    if (!schema.empty()) {
      auto loaded = read_schema_file(beside(schema).string());
      if (!loaded) return fail(std::move(loaded.error()));
      out_.entities = loaded->actions();
      out_.schema = std::move(*loaded);
    }
    if (entities.empty()) return {};
    const auto text = read_text_file(beside(entities), kMaxToolFileBytes);
    if (!text) return fail(text.error());
    auto loaded = out_.schema ? out_.schema->read_entities(*text) : cedar::Entities::from_json(*text);
    if (!loaded) return fail(loaded.error().code, entities + ": " + loaded.error().message, loaded.error().hint);
    out_.entities = std::move(*loaded);
    return {};
  }

  yaml::Reader reader_;
  const fs::path folder_;
  PolicyCaseFile& out_;
  std::string preset_;
  Words policies_;
  std::vector<catalogue::ServerBinding> servers_;
  PolicyCase defaults_ = [] {
    PolicyCase one;
    one.subject.id = "agent";
    one.subject.owner = "owner";
    one.subject.assurance = model::Assurance::kBearer;
    one.request.surface = "mcp";
    one.now_ms = kDefaultNowMs;
    one.task = {.id = "task",
                .purpose = {},
                .band_ceiling = model::Band::kCritical,
                .started_ms = kDefaultNowMs,
                .expires_ms = kDefaultNowMs + kTaskMs,
                .calls = 0,
                .calls_last_minute = 0};
    return one;
  }();
};

}  // namespace

Result<PolicyCaseFile> read_policy_cases(const fs::path& file) {
  const auto text = read_text_file(file, kMaxToolFileBytes);
  if (!text) return fail(text.error());
  const auto document = yaml::parse(*text, file.string(), {.size_bytes = kMaxToolFileBytes, .nodes = 1'000'000});
  if (!document) return fail(document.error());
  PolicyCaseFile out;
  if (auto read = CaseReader(file, out).read(*document); !read) return fail(std::move(read.error()));
  return out;
}

Result<std::vector<fs::path>> policy_case_files(const Words& words) {
  std::vector<fs::path> out;
  for (const std::string& word : words) {
    std::error_code error;
    if (!fs::is_directory(word, error)) {
      out.emplace_back(word);
      continue;
    }
    std::vector<fs::path> inside;
    for (fs::directory_iterator at(word, error), end; !error && at != end; at.increment(error)) {
      const auto extension = at->path().extension();
      if (extension == ".yaml" || extension == ".yml") inside.push_back(at->path());
    }
    if (error) return fail(ErrorCode::kIo, word + ": " + error.message());
    std::ranges::sort(inside);
    std::ranges::move(inside, std::back_inserter(out));
  }
  return out;
}

}  // namespace interlock::cli
