// `interlock policy check`: every fault of policy files at once, with its place; by a schema, too, where one is given.
#include <cstdio>

#include "approval/display.hpp"
#include "cedar/validate.hpp"
#include "cli/config.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHelp =
    "usage: interlock policy check [FILE|DIR...] [--schema FILE] [--permissive] [--level N] [--gate] [--json]\n"
    "  Parses policies as one set and shows every fault with its line. Without files: the preset and policies of interlock.yaml,\n"
    "  checked as a gate checks them.\n"
    "    --schema FILE   validate by this Cedar schema (text, or JSON in a file called *.json); implies no --gate\n"
    "    --permissive    with --schema: also take what strict validation finds unclear\n"
    "    --level N       with --schema: expressions may look up at most N entities in a row\n"
    "    --gate          files, too, are checked as a gate checks them: annotations, the names that requests have\n"
    "  Exit codes: 0 no errors (warnings are no errors), 1 errors, 2 usage.\n";

constexpr std::int64_t kMostLevels = 100;

struct Outcome {
  std::vector<std::pair<cedar::Diagnostic, std::string>> list;  // with "error" or "warning"
  std::size_t errors = 0;
  std::size_t policies = 0;

  void add(cedar::Diagnostic diagnostic, std::string level) {
    errors += level == "error" ? 1 : 0;
    list.emplace_back(std::move(diagnostic), std::move(level));
  }
  // What has no place of its own: the message may begin with one.
  void add(const Error& error) {
    cedar::Diagnostic diagnostic;
    diagnostic.source = "interlock";
    diagnostic.message = error.message;
    diagnostic.hint = error.hint;
    add(std::move(diagnostic), "error");
  }
};

void validate_by(const cedar::PolicySet& set, const std::string& schema_file, const cedar::ValidationOptions& options, Outcome& out) {
  std::vector<cedar::Diagnostic> all;
  const auto schema = read_schema_file(schema_file, &all);
  if (!schema) {
    for (auto& one : all) out.add(std::move(one), "error");
    if (all.empty()) out.add(schema.error());
    return;
  }
  const auto report = cedar::validate(set, *schema, options);
  for (const auto& finding : report.errors) out.add(finding.place, "error");
  for (const auto& finding : report.warnings) out.add(finding.place, "warning");
}

// As a gate loads them; its errors carry their place in the message.
void check_as_gate(std::span<const cedar::PolicySource> sources, Outcome& out) {
  std::vector<policy::PolicySource> copies;
  for (const auto& source : sources) copies.push_back({source.name, source.text});
  if (const auto engine = policy::PolicyEngine::load(copies); !engine) out.add(engine.error());
}

Result<std::vector<cedar::PolicySource>> configured_sources(const Places& places) {
  const auto config = load_places(places);
  if (!config) return fail(config.error());
  std::vector<cedar::PolicySource> out;
  if (config->preset != Preset::kNone) {
    const auto preset = policy::preset_sources(preset_name(config->preset));
    if (!preset) return fail(preset.error());
    for (const auto& source : *preset) out.push_back({source.name, source.text});
  }
  Words files;
  for (const auto& path : config->policies) files.push_back(path.string());
  auto own = read_policy_files(files);
  if (!own) return own;
  for (auto& source : *own) out.push_back(std::move(source));
  return out;
}

int show(const Outcome& outcome, bool as_json) {
  if (as_json) {
    json::array list;
    for (const auto& [diagnostic, level] : outcome.list) list.emplace_back(described(diagnostic, level));
    const json::value out = json::object{{"ok", outcome.errors == 0}, {"policies", outcome.policies}, {"findings", std::move(list)}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
  } else {
    for (const auto& [diagnostic, level] : outcome.list) std::printf("%s", shown(diagnostic, level).c_str());
    const std::size_t warnings = outcome.list.size() - outcome.errors;
    if (outcome.errors == 0)
      std::printf("ok: %zu polic%s, %zu warning%s\n", outcome.policies, outcome.policies == 1 ? "y" : "ies", warnings,
                  warnings == 1 ? "" : "s");
    else std::printf("%zu error%s, %zu warning%s\n", outcome.errors, outcome.errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  }
  return outcome.errors == 0 ? kDone : kRefused;
}

}  // namespace

int run_policy_check(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {"--permissive", "--gate"}, {"--schema", "--level"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const std::string schema = arguments.value("--schema");
  if (schema.empty() && (arguments.has("--permissive") || !arguments.value("--level").empty()))
    return complain_of_usage("--permissive and --level need --schema", kHelp);
  cedar::ValidationOptions options;
  if (arguments.has("--permissive")) options.mode = cedar::ValidationOptions::Mode::kPermissive;
  if (const std::string level = arguments.value("--level"); !level.empty()) {
    const bool is_number = level.size() <= 3 && level.find_first_not_of("0123456789") == std::string::npos;
    if (!is_number || std::stoll(level) > kMostLevels) return complain_of_usage("--level takes a number from 0 to 100", kHelp);
    options.level = static_cast<std::uint32_t>(std::stoll(level));
  }
  const bool as_json = arguments.has("--json");
  const auto sources = arguments.rest.empty() ? configured_sources(places) : read_policy_files(arguments.rest);
  if (!sources) return complain(sources.error(), as_json);

  Outcome outcome;
  std::vector<cedar::Diagnostic> all;
  const auto set = load_policies(*sources, &all);
  if (!set) {
    for (auto& one : all) outcome.add(std::move(one), "error");
    if (all.empty()) outcome.add(set.error());
    return show(outcome, as_json);
  }
  outcome.policies = set->policies().size();
  if (!schema.empty()) validate_by(*set, schema, options, outcome);
  if (arguments.has("--gate") || (arguments.rest.empty() && schema.empty())) check_as_gate(*sources, outcome);
  return show(outcome, as_json);
}

}  // namespace interlock::cli
