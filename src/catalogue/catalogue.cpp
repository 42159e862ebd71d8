#include "catalogue/catalogue.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/hash.hpp"
#include "catalogue/catalogue_data.hpp"
#include "catalogue/commands.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {

// Written by cmake/Embed.cmake.
std::span<const std::pair<std::string_view, std::string_view>> shipped_files();
std::span<const std::pair<std::string_view, std::string_view>> shipped_command_files();

using model::Band;
using model::Classification;
using model::Effect;

Classification cautious(std::string action, model::EntityName whole) {
  Classification out;
  out.action = std::move(action);
  out.effects = {Effect::kWrite, Effect::kDelete, Effect::kExecute, Effect::kSend};
  out.band = Band::kSensitive;
  out.resource = std::move(whole);
  out.known = false;
  return out;
}

namespace {

void raise(Classification& out, Effect effect, Band band) {
  if (out.effects == std::vector{Effect::kRead}) out.effects.clear();
  if (std::find(out.effects.begin(), out.effects.end(), effect) == out.effects.end()) out.effects.push_back(effect);
  out.band = std::max(out.band, band);
}

// An entry says read, and the server itself says that it is more: then it is more. Nothing else that a server says counts.
void heed_annotations(Classification& out, const json::object* definition) {
  const json::object* annotations = definition == nullptr ? nullptr : json::object_at(*definition, "annotations");
  if (annotations == nullptr || out.effects != std::vector{Effect::kRead}) return;
  if (json::bool_at(*annotations, "destructiveHint")) {
    raise(out, Effect::kDelete, Band::kSensitive);
  } else if (!json::bool_at(*annotations, "readOnlyHint", true)) {
    raise(out, Effect::kWrite, Band::kRoutine);
  }
}

struct Protocol {
  std::string_view operation;
  Effect effect;
  Band band;
};
// What the protocol itself says of operations other than tools/call. All of them are asked of a server, and none acts on the
// world by its meaning.
constexpr Protocol kProtocol[] = {
    {"tools/list", Effect::kRead, Band::kObserve},
    {"resources/list", Effect::kRead, Band::kObserve},
    {"resources/templates/list", Effect::kRead, Band::kObserve},
    {"prompts/list", Effect::kRead, Band::kObserve},
    {"completion/complete", Effect::kRead, Band::kObserve},
    {"logging/setLevel", Effect::kRead, Band::kObserve},
    {"server/discover", Effect::kRead, Band::kObserve},
    {"initialize", Effect::kRead, Band::kObserve},
    {"ping", Effect::kRead, Band::kObserve},
    {"subscriptions/listen", Effect::kRead, Band::kObserve},
    {"resources/read", Effect::kRead, Band::kRoutine},
    {"resources/subscribe", Effect::kRead, Band::kRoutine},
    {"resources/unsubscribe", Effect::kRead, Band::kObserve},
    {"prompts/get", Effect::kRead, Band::kRoutine},
};

const BoundServer* find_server(const CatalogueData& data, std::string_view name) {
  const auto found = data.servers.find(name);
  return found == data.servers.end() ? nullptr : &found->second;
}

Classification classify_protocol(const model::ActionRequest& request, const BoundServer* server) {
  const Entry* entry = server == nullptr ? nullptr : server->entry;
  const std::string action = (entry != nullptr ? entry->name : request.server) + "/" + request.operation;
  model::EntityName whole{"Server", request.server};
  const auto* known =
      std::find_if(std::begin(kProtocol), std::end(kProtocol), [&](const Protocol& p) { return p.operation == request.operation; });
  if (known == std::end(kProtocol)) return cautious(action, std::move(whole));
  Classification out;
  out.action = action;
  out.effects = {known->effect};
  out.band = known->band;
  out.resource = std::move(whole);
  out.known = true;
  if (known->band == Band::kObserve) return out;
  if (entry != nullptr) {
    out.band = entry->resource_band;
    out.result_trusted = entry->resource_trusted;
    out.private_realm = entry->private_realm;
  }
  if (request.operation == "prompts/get") {
    out.resource = {"Prompt", request.server + "/" + request.target};
    return out;
  }
  auto url = normal_url(request.target);
  if (url && url->file) {
    out.resource = {"File", *url->file};
    out.containers = folders_of(*url->file, false);
  } else if (url) {
    out.resource = {"Url", url->id};
    out.containers = hosts_of(url->host);
  } else {
    return cautious(action, {"Server", request.server});
  }
  return out;
}

std::optional<Listed> find_listed(const CatalogueData& data, const model::ActionRequest& request) {
  const BoundServer* server = find_server(data, request.server);
  if (server == nullptr || server->entry == nullptr) return std::nullopt;
  const Entry& entry = *server->entry;
  const bool is_tool = request.operation == "tools/call";
  if (!is_tool && request.operation != "prompts/get") return std::nullopt;
  const auto& listed = is_tool ? entry.tools : entry.prompts;
  const auto found = listed.find(request.target);
  if (found == listed.end()) return std::nullopt;
  return Listed{server,
                &found->second,
                entry.name + "/" + (is_tool ? request.target : request.operation),
                {is_tool ? "Tool" : "Prompt", request.server + "/" + request.target}};
}

// The parts of a classification that do not depend on arguments.
Classification without_resource(const Listed& listed, const Facts& facts, const json::object* definition) {
  Classification out;
  out.action = listed.action;
  out.effects = facts.effects;
  out.band = facts.band;
  out.resource = listed.whole;
  out.known = true;
  out.result_trusted = listed.tool->result_trusted;
  out.sensitive_args = listed.tool->sensitive;
  out.private_realm = listed.tool->private_realm;
  heed_annotations(out, definition);
  return out;
}

}  // namespace

const Facts& facts_of(const ToolEntry& tool, const json::value& args) {
  const auto one = std::find_if(tool.cases.begin(), tool.cases.end(), [&](const ToolCase& c) { return holds(c.when, args); });
  return one == tool.cases.end() ? tool.facts : one->facts;
}

Classification classify_listed(const Listed& listed, const json::value& args, const Facts& facts, const json::object* definition) {
  const ToolEntry& tool = *listed.tool;
  Classification out = without_resource(listed, facts, definition);
  out.spends = !tool.spends.empty();
  if (out.spends) out.spend_micros = read_amount(args, tool);
  std::vector<model::NamedResource> resources;
  const ArgumentPlace place = listed.server == nullptr ? ArgumentPlace{} : ArgumentPlace{listed.server->cwd, listed.server->home};
  for (const ResourceRule& rule : tool.resources) {
    const Reading reading = read_resources(rule, args, place, resources);
    // Missing: the whole is decided on, so no rule about places can permit it. Of another shape than the entry knows:
    // what the server would make of it is anybody's guess.
    if (reading == Reading::kUnreadable) {
      Classification unknown = cautious(listed.action, listed.whole);
      unknown.containers = listed.around;
      unknown.sensitive_args = tool.sensitive;
      unknown.private_realm = tool.private_realm;
      unknown.spends = out.spends;
      unknown.spend_micros = out.spend_micros;
      unknown.band = std::max(unknown.band, out.band);
      return unknown;
    }
    if (reading == Reading::kAbsent && !rule.optional) resources.push_back({listed.whole, {}});
  }
  if (resources.empty()) resources.push_back({listed.whole, {}});
  for (model::NamedResource& named : resources) named.containers.insert(named.containers.end(), listed.around.begin(), listed.around.end());
  out.resource = std::move(resources.front().resource);
  out.containers = std::move(resources.front().containers);
  out.further_resources.assign(std::make_move_iterator(resources.begin() + 1), std::make_move_iterator(resources.end()));
  return out;
}

Result<std::shared_ptr<const Catalogue>> Catalogue::load(std::span<const CatalogueSource> user_sources,
                                                         std::span<const ServerBinding> servers) {
  auto data = std::make_shared<CatalogueData>();
  std::string hashed;
  for (const CatalogueSource& source : shipped_sources()) {
    auto entry = parse_entry(source);
    if (!entry) return fail(entry.error());
    hashed += to_hex(sha256(source.text));
    data->entries.emplace(entry->name, std::move(*entry));
  }
  for (const CatalogueSource& source : shipped_command_sources()) {
    if (auto added = add_command_file(source, data->commands); !added) return fail(std::move(added.error()));
    hashed += to_hex(sha256(source.text));
  }
  std::map<std::string, std::string> from_user;  // entry -> file
  for (const CatalogueSource& source : user_sources) {
    if (is_command_file(source)) {
      if (auto added = add_command_file(source, data->commands); !added) return fail(std::move(added.error()));
      hashed += to_hex(sha256(source.text));
      continue;
    }
    auto entry = parse_entry(source);
    if (!entry) return fail(entry.error());
    hashed += to_hex(sha256(source.text));
    const auto [before, is_new] = from_user.emplace(entry->name, source.name);
    if (!is_new) {
      return fail(ErrorCode::kConflict, source.name + ": the entry `" + entry->name + "` is in " + before->second + " already",
                  "keep one of them");
    }
    const bool shipped = data->entries.contains(entry->name);
    if (shipped && !entry->replaces) {
      return fail(ErrorCode::kConflict, source.name + ": the entry `" + entry->name + "` is a shipped one",
                  "add `replaces: true` to take its place, or choose another name and set `catalogue:` at the server");
    }
    if (!shipped && entry->replaces) {
      return fail(ErrorCode::kNotFound, source.name + ": `replaces: true`, but no shipped entry is called `" + entry->name + "`");
    }
    data->entries.insert_or_assign(entry->name, std::move(*entry));
  }
  for (const ServerBinding& server : servers) {
    BoundServer bound;
    if (!server.catalogue.empty()) {
      const auto found = data->entries.find(server.catalogue);
      if (found == data->entries.end()) {
        std::string names;
        for (const auto& [name, entry] : data->entries) names += (names.empty() ? "" : ", ") + name;
        return fail(ErrorCode::kNotFound, "server `" + server.name + "`: no catalogue entry is called `" + server.catalogue + "`",
                    "there are: " + names);
      }
      bound.entry = &found->second;
    } else {
      for (const auto& [name, entry] : data->entries) {
        if (!entry_matches(entry, server)) continue;
        // Two that claim a server: neither is believed, and the hint says how to choose.
        if (bound.entry != nullptr) {
          return fail(ErrorCode::kConflict,
                      "server `" + server.name + "`: the catalogue entries `" + bound.entry->name + "` and `" + name + "` both match it",
                      "set `catalogue:` at the server");
        }
        bound.entry = &entry;
      }
    }
    if (bound.entry != nullptr && bound.entry->relative_from_cwd) bound.cwd = server.cwd;
    bound.home = server.home;
    hashed += server.name + '\0' + server.cwd + '\0' + server.home + '\0' + (bound.entry == nullptr ? "" : bound.entry->name) + '\0';
    data->servers.insert_or_assign(server.name, std::move(bound));
  }
  if (auto bound = bind_hosts(*data); !bound) return fail(std::move(bound.error()));
  data->revision = to_hex(sha256(hashed));
  return std::shared_ptr<const Catalogue>(new Catalogue(std::move(data)));
}

Classification Catalogue::classify(const model::ActionRequest& request, const json::object* definition) const {
  if (request.surface == "http") return classify_http(*data_, request);
  if (is_command_request(request)) return classify_command(*data_, request);
  if (const auto listed = find_listed(*data_, request))
    return classify_listed(*listed, request.args, facts_of(*listed->tool, request.args), definition);
  if (request.operation != "tools/call") return classify_protocol(request, find_server(*data_, request.server));
  const std::string_view entry = entry_of(request.server);
  return cautious((entry.empty() ? request.server : std::string(entry)) + "/" + request.target,
                  {"Tool", request.server + "/" + request.target});
}

std::vector<Classification> Catalogue::possible(const model::ActionRequest& request, const json::object* definition) const {
  std::vector<Classification> out;
  const auto listed = find_listed(*data_, request);
  if (!listed) {
    out.push_back(classify(request, definition));
    return out;
  }
  out.push_back(without_resource(*listed, listed->tool->facts, definition));
  for (const ToolCase& one : listed->tool->cases) out.push_back(without_resource(*listed, one.facts, definition));
  return out;
}

std::string_view Catalogue::entry_of(std::string_view server) const {
  const BoundServer* bound = find_server(*data_, server);
  return bound == nullptr || bound->entry == nullptr ? std::string_view{} : std::string_view(bound->entry->name);
}

std::vector<std::string> Catalogue::entry_names() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : data_->entries) out.push_back(name);
  return out;
}

const std::string& Catalogue::revision() const { return data_->revision; }

std::vector<CatalogueSource> shipped_sources() {
  std::vector<CatalogueSource> out;
  for (const auto& [name, text] : shipped_files()) out.push_back({"shipped:" + std::string(name), std::string(text)});
  return out;
}

std::vector<CatalogueSource> shipped_command_sources() {
  std::vector<CatalogueSource> out;
  for (const auto& [name, text] : shipped_command_files()) out.push_back({"shipped:commands/" + std::string(name), std::string(text)});
  return out;
}

Result<std::vector<CatalogueSource>> read_sources(std::span<const std::filesystem::path> paths) {
  std::vector<std::filesystem::path> files;
  for (const auto& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::filesystem::path> inside;
    for (auto one = std::filesystem::directory_iterator(path, error); !error && one != std::filesystem::directory_iterator();
         one.increment(error)) {
      if (one->path().extension() == ".yaml" || one->path().extension() == ".yml") inside.push_back(one->path());
    }
    if (error) return fail(ErrorCode::kIo, path.string() + ": " + error.message());
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  std::vector<CatalogueSource> out;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    std::string text(kMaxCatalogueBytes + 1, '\0');
    if (!in)
      return fail(ErrorCode::kIo, file.string() + ": the file can't be read", "check `catalogue:` in interlock.yaml and the file's mode");
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) return fail(ErrorCode::kIo, file.string() + ": reading failed");
    text.resize(static_cast<std::size_t>(in.gcount()));
    out.push_back({file.string(), std::move(text)});
  }
  return out;
}

}  // namespace interlock::catalogue
