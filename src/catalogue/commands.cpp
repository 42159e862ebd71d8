#include "catalogue/commands.hpp"

#include <algorithm>
#include <map>

#include "catalogue/catalogue_data.hpp"
#include "catalogue/command_reader.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {

using model::Band;
using model::Classification;
using model::Effect;
using shell::Value;

namespace {

constexpr std::string_view kUnknownAction = "exec/unknown";
constexpr std::size_t kMaxVariables = 256;

Value known_value(std::string_view text) { return {.text = std::string(text), .written = std::string(text), .prefix = {}}; }

const json::object& object_of(const json::value& args) {
  static const json::object kNone;
  const json::object* object = args.if_object();
  return object == nullptr ? kNone : *object;
}

// "environment": what is known of it for sure: {"HOME": ..., "TMPDIR": ...}.
std::map<std::string, std::string> variables_of(const json::object& args) {
  std::map<std::string, std::string> out;
  const json::object* environment = json::object_at(args, "environment");
  if (environment == nullptr) return out;
  for (const auto& [name, value] : *environment) {
    if (out.size() >= kMaxVariables) break;
    if (const json::string* text = value.if_string()) out.emplace(std::string(name), std::string(json::view(*text)));
  }
  return out;
}

Place place_of(const json::object& args, const std::map<std::string, std::string>& variables) {
  Place place;
  if (const auto cwd = json::string_at(args, "cwd"); cwd && cwd->starts_with('/')) place.cwd = *cwd;
  if (const auto home = variables.find("HOME"); home != variables.end() && home->second.starts_with('/')) place.home = home->second;
  return place;
}

// How grave one part is beside another.
std::tuple<int, bool, bool, std::size_t> gravity(const Classification& what) {
  const bool reads = what.effects == std::vector{Effect::kRead};
  return {static_cast<int>(what.band), !what.known, !reads, what.effects.size()};
}

Classification whole_of(std::vector<model::ActPart> parts, Classification nothing) {
  if (parts.empty()) return nothing;
  const auto gravest =
      std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return gravity(a.what) < gravity(b.what); });
  Classification out;
  out.action = gravest->what.action;
  out.resource = gravest->what.resource;
  out.containers = gravest->what.containers;
  out.band = gravest->what.band;
  out.known = true;
  for (const model::ActPart& part : parts) {
    out.known = out.known && part.what.known;
    for (const Effect effect : part.what.effects) {
      if (effect != Effect::kRead && std::find(out.effects.begin(), out.effects.end(), effect) == out.effects.end())
        out.effects.push_back(effect);
    }
  }
  if (out.effects.empty()) out.effects.push_back(Effect::kRead);
  out.parts = std::move(parts);
  return out;
}

Classification plain(std::string action, Effect effect, Band band, model::EntityName resource) {
  Classification out;
  out.action = std::move(action);
  out.effects = {effect};
  out.band = band;
  out.resource = std::move(resource);
  out.known = true;
  return out;
}

Classification classify_shell(const CatalogueData& data, const json::object& args) {
  const auto command = json::string_at(args, "command");
  if (!command) return cautious(std::string(kUnknownAction), {"Command", "?"});
  auto variables = variables_of(args);
  const Place place = place_of(args, variables);
  CommandReader reader(data.commands, std::move(variables));
  reader.read_script(*command, place);
  return whole_of(reader.take(), plain("shell", Effect::kRead, Band::kObserve, {"Command", "sh"}));
}

model::NamedResource file_resource(std::string_view path, const Place& place) {
  auto reached = reach_file(known_value(path), Access::kRead, false, place);
  if (!reached) return {{"File", "?"}, {}};
  return std::move(reached->resource);
}

// What an executable is called: its own name, or, where one program answers to many names, the one it is called by.
const NamedProgram* program_of(const CommandBook& book, std::string_view executable, std::string_view called) {
  const auto base = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  const NamedProgram* program = book.find(base(executable));
  if (program == nullptr || !program->what->applets) return program;
  const NamedProgram* applet = book.find(base(called));
  return applet == nullptr ? program : applet;
}

Classification classify_execve(const CatalogueData& data, const model::ActionRequest& request, const json::object& args) {
  const auto variables = variables_of(args);
  const Place place = place_of(args, variables);
  CommandReader reader(data.commands, variables);
  std::vector<Value> argv;
  if (const json::array* words = json::array_at(args, "argv")) {
    for (const json::value& word : *words) {
      if (const json::string* text = word.if_string()) argv.push_back(known_value(json::view(*text)));
    }
  }
  if (argv.empty()) argv.push_back(known_value(request.target));
  json::array shown;
  for (const Value& word : argv) shown.emplace_back(*word.text);
  json::object unknown_args{{"program", request.target.substr(request.target.rfind('/') + 1)}, {"argv", std::move(shown)}};
  if (place.cwd) unknown_args["cwd"] = *place.cwd;

  const std::string executable = normal_path(request.target, place.cwd.value_or(""), {}).value_or("");
  const bool in_memory = json::bool_at(args, "in_memory");
  const bool in_place = !in_memory && executable.starts_with('/') && data.commands.is_system_folder(executable);
  const NamedProgram* program = in_place ? program_of(data.commands, executable, *argv.front().text) : nullptr;
  std::vector<std::string> reasons;
  if (in_memory) reasons.emplace_back("the program has no file: it stands in memory alone");
  else if (!in_place) reasons.push_back("`" + request.target + "` stands where an agent can write");
  else if (program == nullptr) reasons.push_back("the catalogue has no program `" + executable.substr(executable.rfind('/') + 1) + "`");
  if (const auto script = json::string_at(args, "script"); script && !script->empty() && !in_place)
    reasons.push_back("it is a script for `" + std::string(*script) + "`");
  CommandReader::Around around;
  if (const json::array* loader = json::array_at(args, "loader")) {
    std::vector<std::pair<std::string, Value>> settings;
    for (const json::value& variable : *loader) {
      const json::string* text = variable.if_string();
      if (text == nullptr) continue;
      const std::string_view setting = json::view(*text);
      const std::size_t equals = setting.find('=');
      settings.emplace_back(setting.substr(0, equals),
                            known_value(equals == std::string_view::npos ? std::string_view{} : setting.substr(equals + 1)));
    }
    around.reasons = reader.read_variables(settings, program == nullptr ? "?" : std::string_view(program->name), place);
  }
  if (program == nullptr) {
    reasons.insert(reasons.end(), around.reasons.begin(), around.reasons.end());
    model::NamedResource resource = in_memory ? model::NamedResource{{"File", request.target}, {}} : file_resource(request.target, place);
    reader.add_unknown(std::move(resource), std::move(unknown_args), std::move(reasons), in_memory ? Band::kCritical : Band::kSensitive);
  } else {
    reader.read_argv(argv, place, std::move(around), program);
  }
  return whole_of(reader.take(), cautious(std::string(kUnknownAction), {"File", request.target}));
}

Classification classify_file(const model::ActionRequest& request, const json::object& args) {
  static constexpr struct {
    std::string_view target;
    Access access;
    Effect effect;
  } kTargets[] = {{"read", Access::kRead, Effect::kRead},
                  {"list", Access::kList, Effect::kRead},
                  {"write", Access::kWrite, Effect::kWrite},
                  {"delete", Access::kDelete, Effect::kDelete}};
  const auto* found = std::find_if(std::begin(kTargets), std::end(kTargets), [&](const auto& one) { return one.target == request.target; });
  const auto path = json::string_at(args, "path");
  if (found == std::end(kTargets) || !path) return cautious("file/unknown", {"File", "?"});
  const auto reached = reach_file(known_value(*path), found->access, false, place_of(args, variables_of(args)));
  Classification out = plain("file/" + request.target, found->effect, Band::kRoutine, {"File", "?"});
  if (!reached) {
    out.resource.id = *path;
    return out;
  }
  out.band = reached->band;
  out.known = reached->known;
  out.resource = reached->resource.resource;
  out.containers = reached->resource.containers;
  if (found->effect == Effect::kRead) out.private_realm = "files";
  return out;
}

Classification classify_fetch(const json::object& args) {
  const auto text = json::string_at(args, "url");
  const auto url = text ? normal_url(*text) : std::nullopt;
  if (!url) return cautious("web/fetch", {"Url", "?"});
  if (url->file) {
    Classification out = plain("file/read", Effect::kRead, Band::kRoutine, {"File", *url->file});
    out.containers = folders_of(*url->file, false);
    return out;
  }
  Classification out = plain("web/fetch", Effect::kRead, Band::kRoutine, {"Url", url->id});
  out.containers = hosts_of(url->host);
  return out;
}

}  // namespace

bool is_command_request(const model::ActionRequest& request) {
  if (request.surface != "exec" && request.surface != "hook" && request.surface != "acp") return false;
  static constexpr std::string_view kOperations[] = {"shell", "execve", "file", "fetch", "search", "agent", "prompt"};
  return std::find(std::begin(kOperations), std::end(kOperations), request.operation) != std::end(kOperations);
}

Classification classify_command(const CatalogueData& data, const model::ActionRequest& request) {
  const json::object& args = object_of(request.args);
  if (request.operation == "shell") return classify_shell(data, args);
  if (request.operation == "execve") return classify_execve(data, request, args);
  if (request.operation == "file") return classify_file(request, args);
  if (request.operation == "fetch") return classify_fetch(args);
  if (request.operation == "search") return plain("web/search", Effect::kRead, Band::kRoutine, {"Search", "web"});
  if (request.operation == "prompt") return plain("agent/prompt", Effect::kRead, Band::kObserve, {"Prompt", "human"});
  // A sub-agent's own acts are decided as they come.
  return plain("agent/start", Effect::kRead, Band::kRoutine, {"Subagent", "any"});
}

}  // namespace interlock::catalogue
