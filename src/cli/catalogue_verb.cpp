#include "cli/catalogue_verb.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "approval/display.hpp"
#include "catalogue/catalogue.hpp"
#include "catalogue/openapi.hpp"
#include "cli/catalogue_command.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;
using approval::printable;

constexpr const char* kHelp =
    "usage: interlock catalogue import FILE [--name NAME] [-o OUT] [--force] [--json]\n"
    "       interlock catalogue list [--json]\n"
    "       interlock catalogue show ENTRY\n"
    "       interlock catalogue command [--cwd FOLDER] [--json] 'LINE'\n"
    "  import makes a connector from an OpenAPI 3.0 or 3.1 description (JSON or YAML; - is standard input). It prints the entry, or "
    "writes\n"
    "  it to OUT, and says on stderr what was left out. Effects and bands are guesses: read them, then name the file under `catalogue:` "
    "in\n"
    "  interlock.yaml. --force writes over a file that is there.\n"
    "  list names the shipped entries and those of interlock.yaml; show prints a shipped one, to start from.\n"
    "  command tells what a line for a shell is to the gate: its parts, each with action, resource, effects and band.\n";

Result<std::string> read_all(const std::string& name) {
  std::string text;
  const auto read = [&](std::istream& in) -> Status {
    std::string part(std::size_t{1} << 20, '\0');
    while (in.read(part.data(), static_cast<std::streamsize>(part.size())), in.gcount() > 0) {
      text.append(part, 0, static_cast<std::size_t>(in.gcount()));
      if (text.size() > catalogue::kOpenApiBytes)
        return fail(ErrorCode::kTooLarge, name + " has more than " + std::to_string(catalogue::kOpenApiBytes >> 20) + " MiB",
                    "leave out schemas and examples: only paths are read");
    }
    if (in.bad()) return fail(ErrorCode::kIo, name + ": reading failed");
    return {};
  };
  Status done;
  if (name == "-") {
    done = read(std::cin);
  } else {
    std::ifstream in(name, std::ios::binary);
    if (!in || fs::is_directory(name)) return fail(ErrorCode::kIo, name + " can't be read", "name a file, or - for standard input");
    done = read(in);
  }
  if (!done) return fail(std::move(done.error()));
  return text;
}

Status write_entry(const std::string& name, const std::string& text, bool over_another) {
  std::error_code ignored;
  if (!over_another && fs::exists(name, ignored))
    return fail(ErrorCode::kConflict, name + " is there already", "choose another name, or --force to write over it");
  std::ofstream out(name, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return fail(ErrorCode::kIo, name + " can't be written", "check the folder and its mode");
  return {};
}

// Why the entry would not load beside the shipped ones; empty: it would.
std::string beside_shipped(const std::string& entry) {
  const std::vector<catalogue::CatalogueSource> sources = {{"the imported entry", entry}};
  const auto loaded = catalogue::Catalogue::load(sources, {});
  return loaded ? "" : loaded.error().text();
}

int import(const Arguments& arguments) {
  const bool as_json = arguments.has("--json");
  if (arguments.rest.size() != 2) return complain_of_usage("say which description to import", kHelp);
  const auto text = read_all(arguments.rest[1]);
  if (!text) return complain(text.error(), as_json);
  auto imported = catalogue::import_openapi(*text, arguments.value("--name"));
  if (!imported) return complain(imported.error(), as_json);
  if (const std::string why_not = beside_shipped(imported->entry); !why_not.empty())
    imported->notes.push_back("it does not load as it is: " + why_not);
  const std::string file = arguments.value("-o");
  if (!file.empty()) {
    if (auto written = write_entry(file, imported->entry, arguments.has("--force")); !written) return complain(written.error(), as_json);
  }
  if (as_json) {
    json::array notes;
    for (const std::string& note : imported->notes) notes.emplace_back(note);
    json::object out{{"operations", imported->operations}, {"notes", std::move(notes)}};
    if (file.empty()) out["entry"] = imported->entry;
    else out["file"] = file;
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return kDone;
  }
  if (file.empty()) std::printf("%s", imported->entry.c_str());
  for (const std::string& note : imported->notes) std::fprintf(stderr, "note: %s\n", printable(note, 1000).c_str());
  std::fprintf(stderr,
               "%zu operation%s%s. Effects and bands are guesses: read them, then name the file under `catalogue:` in interlock.yaml.\n",
               imported->operations, imported->operations == 1 ? "" : "s", file.empty() ? "" : (" in " + printable(file, 1000)).c_str());
  return kDone;
}

int list(const Places& places, bool as_json) {
  auto config = load_places(places);
  if (!config) return complain(config.error(), as_json);
  auto sources = catalogue::read_sources(config->catalogue);
  if (!sources) return complain(sources.error(), as_json);
  const auto loaded = catalogue::Catalogue::load(*sources, {});
  if (!loaded) return complain(loaded.error(), as_json);
  const auto names = (*loaded)->entry_names();
  if (as_json) {
    json::array out;
    for (const std::string& name : names) out.emplace_back(name);
    std::printf("%s\n", approval::terminal_json(json::object{{"entries", std::move(out)}}).c_str());
    return kDone;
  }
  for (const std::string& name : names) std::printf("%s\n", printable(name).c_str());
  return kDone;
}

int show(const Arguments& arguments) {
  if (arguments.rest.size() != 2) return complain_of_usage("say which entry to show", kHelp);
  for (const auto& source : catalogue::shipped_sources()) {
    if (source.text.find("\nentry: " + arguments.rest[1] + "\n") == std::string::npos) continue;
    std::printf("%s", source.text.c_str());
    return kDone;
  }
  return complain({ErrorCode::kNotFound, "no shipped entry is called " + arguments.rest[1], "see `interlock catalogue list`"},
                  arguments.has("--json"));
}

}  // namespace

int run_catalogue(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {"--force"}, {"--name", "-o", "--cwd"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const std::string command = arguments.rest.empty() ? std::string() : arguments.rest[0];
  if (command == "import") return import(arguments);
  if (command == "list") return list(places, arguments.has("--json"));
  if (command == "show") return show(arguments);
  if (command == "command") return explain_command(places, arguments, kHelp);
  return complain_of_usage("say what to do" + did_you_mean(command, {"import", "list", "show", "command"}), kHelp);
}

}  // namespace interlock::cli
