// `interlock policy translate`: policies and schemas from one of Cedar's forms to the other.
#include <cstdio>

#include "cedar/policy_json.hpp"
#include "cedar/schema.hpp"
#include "cli/config.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHelp =
    "usage: interlock policy translate --to json|text [--kind policies|schema] FILE\n"
    "  Prints a file of policies, or a schema, in Cedar's other form. A file called *.json is JSON, any other is text; one whose\n"
    "  name has .cedarschema in it is a schema. Policies as JSON are a whole set: static policies, templates and links.\n"
    "    --kind KIND  where the name does not tell\n"
    "  Comments have no place in JSON and are lost. Exit codes: 0 done, 1 the file is wrong, 2 usage.\n";

Result<std::string> translated(const cedar::PolicySource& source, bool is_schema, bool from_json, bool to_json,
                               std::vector<cedar::Diagnostic>& all) {
  if (is_schema) {
    // Loaded first: faults of a schema then have their places.
    const auto loaded = from_json ? cedar::Schema::parse_json(source, &all) : cedar::Schema::parse(source, &all);
    if (!loaded) return fail(loaded.error());
    if (from_json == to_json) return fail(ErrorCode::kInvalid, source.name + " has that form already");
    return from_json ? cedar::schema_json_to_text(source) : cedar::schema_text_to_json(source);
  }
  const auto set = from_json ? cedar::policies_from_json(source, {}, &all) : load_policies(std::span(&source, 1), &all);
  if (!set) return fail(set.error());
  return to_json ? cedar::policies_to_json(*set) : Result<std::string>(cedar::policies_to_text(*set));
}

}  // namespace

int run_policy_translate(const Words& words) {
  const auto arguments = parse_arguments(words, {}, {"--to", "--kind"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const std::string to = arguments.value("--to");
  const std::string kind = arguments.value("--kind");
  if (to != "json" && to != "text") return complain_of_usage("--to takes json or text", kHelp);
  if (!kind.empty() && kind != "policies" && kind != "schema") return complain_of_usage("--kind takes policies or schema", kHelp);
  if (arguments.rest.size() != 1) return complain_of_usage("translate takes one file", kHelp);
  const std::string& file = arguments.rest.front();
  auto text = read_text_file(file, kMaxToolFileBytes);
  if (!text) return complain(text.error());
  const bool is_schema = kind.empty() ? file.find(".cedarschema") != std::string::npos : kind == "schema";
  std::vector<cedar::Diagnostic> all;
  const auto out = translated({file, std::move(*text)}, is_schema, file.ends_with(".json"), to == "json", all);
  if (!out) {
    for (const auto& one : all) std::fprintf(stderr, "%s", shown(one, "error").c_str());
    return all.empty() ? complain(out.error()) : kRefused;
  }
  std::fwrite(out->data(), 1, out->size(), stdout);
  if (!out->ends_with('\n')) std::printf("\n");
  return kDone;
}

}  // namespace interlock::cli
