#include "cli/catalogue_command.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "approval/display.hpp"
#include "catalogue/catalogue.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

model::ActionRequest request_of(const std::string& line, const std::string& cwd) {
  json::object environment;
  for (const char* name : {"HOME", "USER", "TMPDIR"}) {
    if (const char* value = std::getenv(name); value != nullptr) environment[name] = value;
  }
  model::ActionRequest request;
  request.surface = "hook";
  request.operation = "shell";
  request.args = json::object{{"command", line}, {"cwd", cwd}, {"environment", std::move(environment)}};
  return request;
}

json::array effects_of(const model::Classification& what) {
  json::array out;
  for (const model::Effect effect : what.effects) out.emplace_back(model::effect_name(effect));
  return out;
}

json::object described(const model::ActPart& part) {
  const model::Classification& what = part.what;
  json::array resources{model::text_of(what.resource)};
  for (const auto& further : what.further_resources) resources.emplace_back(model::text_of(further.resource));
  json::array within;
  for (const auto& container : what.containers) within.emplace_back(model::text_of(container));
  return {{"action", what.action},
          {"resources", std::move(resources)},
          {"in", std::move(within)},
          {"effects", effects_of(what)},
          {"band", static_cast<int>(what.band)},
          {"known", what.known},
          {"args", part.args}};
}

// "git/push     Command::"git push"     write, send; band 2; --force"
void print(const model::ActPart& part) {
  const model::Classification& what = part.what;
  std::string text = printable(what.action, 200);
  text.resize(std::max<std::size_t>(text.size() + 2, 16), ' ');
  text += printable(model::text_of(what.resource), 1000);
  for (const auto& further : what.further_resources) text += ", " + printable(further.resource.id, 1000);
  text += "  ";
  for (std::size_t i = 0; i < what.effects.size(); ++i) text += (i == 0 ? "" : " ") + std::string(model::effect_name(what.effects[i]));
  text += ", band " + std::to_string(static_cast<int>(what.band));
  if (!what.known) text += ", not known";
  const json::object* args = part.args.if_object();
  const bool is_command = what.resource.type == "Command" || what.action == "exec/unknown";
  if (args != nullptr && is_command) {
    for (const char* name : {"flags", "unknowable"}) {
      const json::array* texts = json::array_at(*args, name);
      if (texts == nullptr || texts->empty()) continue;
      text += name == std::string_view("flags") ? "; " : ": ";
      for (std::size_t i = 0; i < texts->size(); ++i) {
        if (const json::string* one = (*texts)[i].if_string())
          text += (i == 0 ? "" : name == std::string_view("flags") ? " " : ", ") + printable(json::view(*one), 300);
      }
    }
  }
  std::printf("%s\n", text.c_str());
}

}  // namespace

int explain_command(const Places& places, const Arguments& arguments, const char* help) {
  const bool as_json = arguments.has("--json");
  if (arguments.rest.size() != 2) return complain_of_usage("give the line as one word: interlock catalogue command 'git push -f'", help);
  std::vector<catalogue::CatalogueSource> sources;
  if (auto config = load_places(places)) {
    auto read = catalogue::read_sources(config->catalogue);
    if (!read) return complain(read.error(), as_json);
    sources = std::move(*read);
  } else if (!places.config.empty() || config.error().code != ErrorCode::kNotFound) {
    return complain(config.error(), as_json);
  }
  const auto loaded = catalogue::Catalogue::load(sources, {});
  if (!loaded) return complain(loaded.error(), as_json);
  std::error_code ignored;
  const std::string here = arguments.value("--cwd").empty() ? std::filesystem::current_path(ignored).string() : arguments.value("--cwd");
  const model::Classification what = (*loaded)->classify(request_of(arguments.rest[1], here));
  if (as_json) {
    json::array parts;
    for (const auto& part : what.parts) parts.emplace_back(described(part));
    const json::object out{
        {"band", static_cast<int>(what.band)}, {"known", what.known}, {"effects", effects_of(what)}, {"parts", std::move(parts)}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return kDone;
  }
  for (const auto& part : what.parts) print(part);
  if (what.parts.empty()) std::printf("it runs nothing\n");
  return kDone;
}

}  // namespace interlock::cli
