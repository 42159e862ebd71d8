// From commands to parts.
#include "catalogue/command_reader.hpp"

#include <algorithm>

#include "catalogue/catalogue_data.hpp"
#include "catalogue/command_code.hpp"
#include "catalogue/command_parser.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {

using model::Band;
using model::Effect;
using shell::Value;

namespace {

constexpr std::string_view kUnknownAction = "exec/unknown";

json::array texts_of(std::span<const std::string> texts) {
  json::array out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::array argv_of(std::span<const Value> words) {
  json::array out;
  out.reserve(words.size());
  for (const Value& word : words) out.emplace_back(shown(word));
  return out;
}

// Command::"git push" in Command::"git".
model::NamedResource command_resource(const CommandLine& line) {
  const std::span<const std::string> names(line.names);
  model::NamedResource out{{"Command", joined(names, ' ')}, {}};
  for (std::size_t count = names.size() - 1; count > 0; --count) out.containers.push_back({"Command", joined(names.first(count), ' ')});
  return out;
}

bool has(const Does& does, Effect effect) { return std::find(does.effects.begin(), does.effects.end(), effect) != does.effects.end(); }

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void add_arguments(json::object& args, std::string_view name, const std::vector<std::string>& texts) {
  if (!texts.empty()) args[name] = texts_of(texts);
}

// Whether it says what an interpreter runs, so that its input is data.
bool is_code(const RoledWord& word) {
  if (word.role == Role::kRun) return word.value.text != "-" && word.flag.empty();
  return word.role == Role::kCode || word.role == Role::kScript;
}

// Policies may ask for these of any part.
json::object complete(json::object args) {
  for (const char* name : {"argv", "flags", "operands"}) {
    if (json::find(args, name) == nullptr) args[name] = json::array{};
  }
  if (json::find(args, "program") == nullptr) args["program"] = "";
  return args;
}

}  // namespace

void Touched::add(const Value& path, Access access, const Place& place) {
  auto reached = reach_file(path, access, recursive, place);
  if (!reached) return;
  Group& group = of(access);
  group.band = std::max(group.band, reached->band);
  if (reached->known) group.known.push_back(std::move(*reached));
  else group.unknown.push_back(path.written);
}

void CommandReader::add_part(model::ActPart part) {
  if (is_full()) return;
  std::string key = part.what.action + '\0' + part.what.resource.id + '\0' + json::write(part.args);
  for (const auto& further : part.what.further_resources) key += '\0' + further.resource.id;
  if (!seen_.insert(std::move(key)).second) return;
  parts_.push_back(std::move(part));
  if (is_full()) {
    model::ActPart last;
    last.what = cautious(std::string(kUnknownAction), {"Command", "?"});
    last.args = complete(json::object{{"unknowable", json::array{"there are more commands than are looked at"}}});
    parts_.push_back(std::move(last));
  }
}

void CommandReader::add_unknown(model::NamedResource resource, json::object args, std::vector<std::string> reasons, Band band) {
  model::ActPart part;
  part.what = cautious(std::string(kUnknownAction), std::move(resource.resource));
  part.what.containers = std::move(resource.containers);
  part.what.band = std::max(part.what.band, band);
  add_arguments(args, "unknowable", reasons);
  part.args = complete(std::move(args));
  add_part(std::move(part));
}

void CommandReader::read_script(std::string_view text, const Place& place) {
  if (depth_ >= kMaxCommandNesting) return add_unknown({{"Command", "sh"}, {}}, {}, {"commands stand too deep in one another"});
  const auto script = shell::parse(text);
  if (!script) return add_unknown({{"Command", "sh"}, {}}, {}, {"it can't be read: " + script.error().message});
  shell::Surroundings around{place.cwd, variables_};
  if (!place.home.empty()) around.variables.emplace("HOME", place.home);
  if (place.cwd) around.variables.emplace("PWD", *place.cwd);
  const shell::Commands commands = shell::commands_of(*script, around);
  ++depth_;
  for (const shell::RunCommand& run : commands.commands) {
    if (is_full()) break;
    read_command(run, commands.commands, place);
  }
  --depth_;
  if (!commands.unknowable.empty()) add_unknown({{"Command", "sh"}, {}}, {}, commands.unknowable);
}

void CommandReader::read_command(const shell::RunCommand& run, const std::vector<shell::RunCommand>& all, const Place& around) {
  Place place = around;
  place.cwd = run.cwd;
  Around source{&run, &all, run.unknowable};
  const std::string_view program = run.argv.empty() || !run.argv.front().text ? std::string_view{} : base_name(*run.argv.front().text);
  for (auto& reason : read_variables(run.environment, {}, place)) source.reasons.push_back(std::move(reason));
  // Redirections are the shell's, whatever runs.
  Touched touched;
  for (const shell::Access& access : run.redirections) {
    const std::string& path = access.path.text ? *access.path.text : access.path.written;
    if (path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/")) {
      const std::string_view rest = std::string_view(path).substr(path.find('/', 5) + 1);
      if (const auto host = host_of(rest.substr(0, rest.find('/')))) touched.hosts.push_back(*host);
      else touched.unknown_hosts.push_back(access.path.written);
      continue;
    }
    touched.add(access.path, access.kind == shell::Access::Kind::kRead ? Access::kRead : Access::kWrite, place);
  }
  if (!run.argv.empty()) read_argv(run.argv, place, source);
  else if (!source.reasons.empty()) add_unknown({{"Command", "sh"}, {}}, {}, source.reasons);
  json::object args{{"program", run.argv.empty() ? std::string("sh") : std::string(program)}, {"argv", argv_of(run.argv)}};
  if (place.cwd) args["cwd"] = *place.cwd;
  args = complete(std::move(args));
  add_files(touched, {{Effect::kSend}, Band::kSensitive}, args);
}

// git takes settings from GIT_CONFIG_KEY_<n> and GIT_CONFIG_VALUE_<n> as it does from -c KEY=VALUE (git-config(1), ENVIRONMENT): a pair
// that is harmless there is harmless here.
std::vector<std::string> CommandReader::read_variables(std::span<const std::pair<std::string, Value>> variables, std::string_view program,
                                                       const Place& place) {
  constexpr std::string_view kKey = "GIT_CONFIG_KEY_";
  constexpr std::string_view kValue = "GIT_CONFIG_VALUE_";
  const auto of_pair = [&](std::string_view name, std::string_view prefix) -> const Value* {
    const auto found = std::ranges::find_if(variables, [&](const auto& one) {
      return one.first.size() == prefix.size() + name.size() && one.first.starts_with(prefix) && one.first.ends_with(name);
    });
    return found == variables.end() ? nullptr : &found->second;
  };
  const auto is_harmless = [&](std::string_view name) {
    std::string_view number = name.substr(std::min(name.find_last_of('_') + 1, name.size()));
    if (name != std::string(kKey) + std::string(number) && name != std::string(kValue) + std::string(number)) return false;
    const Value* key = of_pair(number, kKey);
    const Value* value = of_pair(number, kValue);
    return key != nullptr && value != nullptr && key->text && value->text && !key->text->contains('=') &&
           is_harmless_setting("git", *key->text + "=" + *value->text);
  };
  std::vector<std::string> reasons;
  for (const auto& [name, value] : variables) {
    if (is_harmless(name)) continue;
    if (auto reason = read_variable(name, value, program, place)) reasons.push_back(std::move(*reason));
  }
  return reasons;
}

std::optional<std::string> CommandReader::read_variable(std::string_view name, const Value& value, std::string_view program,
                                                        const Place& place) {
  if (value.text && (value.text->empty() || *value.text == "/dev/null")) return std::nullopt;
  for (const VariableRule& rule : book_.environment) {
    if (std::none_of(rule.names.begin(), rule.names.end(), [&](const std::string& pattern) { return matches(pattern, name); })) continue;
    if (!program.empty() && !rule.of.empty() && std::find(rule.of.begin(), rule.of.end(), program) == rule.of.end()) continue;
    const auto is_harmless = [&](std::string_view word) {
      return std::any_of(rule.harmless.begin(), rule.harmless.end(), [&](const std::string& pattern) { return matches(pattern, word); });
    };
    if (rule.kind == VariableRule::Kind::kFolders) {
      // Folders of the system, and what the variable held before.
      std::string_view rest = value.text ? *value.text : value.written;
      bool fine = true;
      while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
        std::string plain(folder);
        std::erase(plain, '"');
        const bool itself = plain == "$" + std::string(name) || plain == "${" + std::string(name) + "}";
        fine = fine && (itself || (plain.find('$') == std::string::npos && book_.is_system_folder(plain + "/")));
      }
      if (fine) continue;
      return std::string(name) + " changes where programs are found";
    }
    if (!value.text) return std::string(name) + " has a value that is only known when it runs";
    if (rule.kind == VariableRule::Kind::kScript) {
      if (!is_harmless(*value.text)) read_script(*value.text, place);
      continue;
    }
    const auto words = catalogue::words_of(*value.text);
    if (std::all_of(words.begin(), words.end(), is_harmless)) continue;
    return std::string(name) + " changes which code runs";
  }
  return std::nullopt;
}

void CommandReader::read_argv(std::span<const Value> argv, const Place& given, Around around, const NamedProgram* program) {
  if (argv.empty() || is_full()) return;
  json::object args;
  args["argv"] = argv_of(argv);
  if (given.cwd) args["cwd"] = *given.cwd;
  if (!given.elsewhere.empty()) args["elsewhere"] = given.elsewhere;
  if (depth_ >= kMaxCommandNesting) return add_unknown({{"Command", "?"}, {}}, std::move(args), {"commands stand too deep in one another"});
  const Value& first = argv.front();
  if (!first.text || first.glob || first.text->empty()) {
    around.reasons.push_back("which program it is, is only known when it runs: " + first.written);
    return add_unknown({{"Command", "?"}, {}}, std::move(args), std::move(around.reasons));
  }
  const std::string_view name = base_name(*first.text);
  args["program"] = name;
  if (program == nullptr && first.text->find('/') != std::string::npos) {
    auto reached = reach_file(first, Access::kRead, false, given);
    if (!reached || !reached->known || !book_.is_system_folder(reached->resource.resource.id)) {
      around.reasons.push_back("`" + *first.text + "` stands where an agent can write");
      return add_unknown(reached ? std::move(reached->resource) : model::NamedResource{{"File", "?"}, {}}, std::move(args),
                         std::move(around.reasons));
    }
  }
  if (program == nullptr) program = book_.find(name);
  if (program == nullptr) {
    around.reasons.push_back("the catalogue has no program `" + std::string(name) + "`");
    return add_unknown({{"Command", std::string(name)}, {}}, std::move(args), std::move(around.reasons));
  }
  ++depth_;
  if (program->what->applets && argv.size() > 1 && argv[1].text && !argv[1].text->starts_with('-')) {
    read_argv(argv.subspan(1), given, around);
    --depth_;
    return;
  }
  const CommandLine line = read_command_line(*program, argv.subspan(1));
  const Program& root = *program->what;
  args["program"] = line.names.front();
  if (line.names.size() > 1) args["verb"] = joined(std::span(line.names).subspan(1), ' ');
  args["flags"] = texts_of(line.flags);
  args["operands"] = texts_of(line.operands);

  Place place = given;
  Touched touched;
  touched.recursive = std::find(line.flags.begin(), line.flags.end(), "--recursive") != line.flags.end();
  std::vector<std::string> reasons = std::move(around.reasons);
  read_roles(line, place, touched, reasons);
  // Code on the input: a here-document, or what another command writes.
  if (line.program->reads_code && line.command.empty() && !line.only_shown && std::none_of(line.words.begin(), line.words.end(), is_code)) {
    const Value* input = around.run != nullptr && around.run->input ? &*around.run->input : nullptr;
    if (input != nullptr && input->text && line.program->language == "sh") touched.scripts.emplace_back(*input->text, place);
    else if (input != nullptr && input->text && read_code(line.program->language, *input->text, place, touched)) {
    } else if (input != nullptr || (around.run != nullptr && around.run->from_pipe)) reasons.push_back("it runs what stands on its input");
  }
  if (auto reason = read_module(line)) reasons.push_back(std::move(*reason));
  const bool runs_other = !line.command.empty() || !line.until.empty();
  if (!root.transparent || !line.known || !reasons.empty() || !runs_other) add_command(line, root, args, std::move(reasons));
  add_files(touched, line.does, args);
  for (const auto& [script, where] : touched.scripts) read_script(script, where);
  for (const auto& [command, where] : touched.commands) read_argv(command, where, {});
  read_nested(line, place, around);
  --depth_;
}

void CommandReader::add_command(const CommandLine& line, const Program& root, const json::object& args, std::vector<std::string> reasons) {
  const bool unknown = line.may_run || !reasons.empty();
  reasons.insert(reasons.end(), line.unknowable.begin(), line.unknowable.end());
  auto resource = command_resource(line);
  if (unknown) add_unknown(resource, args, reasons, line.does.band);
  // What it is called counts beside what is not known of it: a rule about git/push holds for GIT_CONFIG_GLOBAL=x git push, too.
  const bool only_runs =
      std::ranges::all_of(line.does.effects, [](Effect effect) { return effect == Effect::kRead || effect == Effect::kExecute; });
  if (unknown && (!line.known || line.may_run || only_runs)) return;
  model::ActPart part;
  part.what.action = joined(line.names, '/');
  part.what.effects = line.does.effects;
  part.what.band = line.does.band;
  part.what.resource = std::move(resource.resource);
  part.what.containers = std::move(resource.containers);
  part.what.known = line.known;
  if (root.transparent && part.what.effects.empty()) part.what.effects = {Effect::kRead};
  json::object own = args;
  add_arguments(own, "unknowable", reasons);
  part.args = std::move(own);
  add_part(std::move(part));
}

void CommandReader::add_files(const Touched& touched, const Does& does, const json::object& args) {
  static constexpr struct {
    std::string_view action;
    Effect effect;
  } kKinds[] = {
      {"file/read", Effect::kRead}, {"file/list", Effect::kRead}, {"file/write", Effect::kWrite}, {"file/delete", Effect::kDelete}};
  for (std::size_t i = 0; i < touched.by_access.size(); ++i) {
    const Touched::Group& group = touched.by_access[i];
    model::Classification what;
    what.action = kKinds[i].action;
    what.effects = {kKinds[i].effect};
    what.band = group.band;
    what.known = true;
    if (kKinds[i].effect != Effect::kRead && has(does, kKinds[i].effect))
      what.band = std::max(what.band, std::min(does.band, Band::kSensitive));
    for (std::size_t from = 0; from < group.known.size(); from += kMaxResourcesOfCall) {
      const std::size_t to = std::min(group.known.size(), from + kMaxResourcesOfCall);
      model::ActPart part{args, what};
      part.what.resource = group.known[from].resource.resource;
      part.what.containers = group.known[from].resource.containers;
      for (std::size_t next = from + 1; next < to; ++next) part.what.further_resources.push_back(group.known[next].resource);
      add_part(std::move(part));
    }
    if (group.unknown.empty()) continue;
    json::object own = args;
    own["paths"] = texts_of(group.unknown);
    model::ActPart part{std::move(own), what};
    part.what.resource = {"File", "?"};
    part.what.known = false;
    add_part(std::move(part));
  }
  const bool sends = has(does, Effect::kSend);
  model::Classification reach;
  reach.action = "net/connect";
  reach.effects = {sends ? Effect::kSend : Effect::kRead};
  reach.band = sends ? std::clamp(does.band, Band::kRoutine, Band::kSensitive) : Band::kRoutine;
  reach.known = true;
  for (const std::string& host : touched.hosts) {
    model::ActPart part{args, reach};
    auto named = named_host(host);
    part.what.resource = std::move(named.resource);
    part.what.containers = std::move(named.containers);
    add_part(std::move(part));
  }
  if (touched.unknown_hosts.empty()) return;
  json::object own = args;
  own["hosts"] = texts_of(touched.unknown_hosts);
  model::ActPart part{std::move(own), reach};
  part.what.resource = {"Host", "?"};
  part.what.known = false;
  add_part(std::move(part));
}

}  // namespace interlock::catalogue
