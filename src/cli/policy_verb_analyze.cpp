// `interlock policy analyze`: one question from the command line, or files of claims.
#include <algorithm>
#include <cstdio>

#include "analyze/analyze.hpp"
#include "approval/display.hpp"
#include "cedar/validate.hpp"
#include "cli/policy_claims.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using analyze::Analysis;
using analyze::Answer;
using approval::printable;

constexpr const char* kHelp =
    "usage: interlock policy analyze QUESTION --schema FILE FILE|DIR... [--other FILE|DIR ...] [--given EXPRESSION]\n"
    "       interlock policy analyze CLAIMS.yaml...\n"
    "  Answers a question for every request that the schema allows, by an SMT solver (cvc5), or shows a request that refutes it.\n\n"
    "  never-errors  no policy's evaluation fails          implies     what the policies allow, --other allows, too\n"
    "  denies        no request is allowed                 equivalent  the policies and --other allow the same\n"
    "  allows        every request is allowed              disjoint    no request is allowed by both\n\n"
    "    --given EXPRESSION  only requests for which this Cedar expression holds\n"
    "    --gate              as in a gate: a forbid that fails denies; only principal and resource have attributes\n"
    "    --time SECONDS      for each action with each pair of types (default 10)\n"
    "    --solver PROGRAM    the cvc5 to run (default: cvc5 on the PATH)\n"
    "  A claims file holds questions with the answers they should get: docs/analyze.md. Counterexamples were tried in the\n"
    "  evaluator; one that does not reproduce is \"unconfirmed\". Exit codes: 0 proved (all as expected), 1 not so, 2 usage.\n";

constexpr std::size_t kMostShownKinds = 5;
constexpr long kMostSeconds = 3'600;

struct Asked {
  analyze::Question question;
  Words policies;
  Words other;
  std::string given;
  std::string schema;
};

Result<cedar::PolicySet> load_files(const Words& files) {
  const auto sources = read_policy_files(files);
  if (!sources) return fail(sources.error());
  return load_policies(*sources);
}

// What the schema does not declare is, for a proof, not there. Where it is in real requests all the same, the proof is about
// other requests: then there is none. (That an attribute is missing refutes `never-errors`, so there it may stay.)
Status expect_declared(const cedar::PolicySet& set, const cedar::Schema& schema, bool attributes_may_lack) {
  using Kind = cedar::FindingKind;
  const auto report = cedar::validate(set, schema, {.mode = cedar::ValidationOptions::Mode::kPermissive, .level = {}});
  for (const auto& finding : report.errors) {
    const bool names = finding.kind == Kind::kUnknownEntityType || finding.kind == Kind::kUnknownAction;
    const bool attributes = finding.kind == Kind::kUnknownAttribute || finding.kind == Kind::kNoTags;
    if (!names && (attributes_may_lack || !attributes)) continue;
    const auto& place = finding.place;
    return fail(ErrorCode::kInvalid,
                place.source + ':' + std::to_string(place.line) + ':' + std::to_string(place.column) + ": " + place.message,
                "a proof would be about requests without it: declare it in the schema, or correct the policy");
  }
  return {};
}

Result<Analysis> ask(const Asked& asked, analyze::Options options) {
  const auto schema = read_schema_file(asked.schema);
  if (!schema) return fail(schema.error());
  const auto first = load_files(asked.policies);
  if (!first) return fail(first.error());
  cedar::PolicySet second;
  if (!asked.other.empty()) {
    auto loaded = load_files(asked.other);
    if (!loaded) return fail(loaded.error());
    second = std::move(*loaded);
  }
  cedar::PolicySet given;
  if (!asked.given.empty()) {
    auto parsed = cedar::PolicySet::parse({{"given", "permit (principal, action, resource) when {" + asked.given + "\n};"}});
    if (!parsed) return fail(ErrorCode::kInvalid, "the given expression: " + parsed.error().message, parsed.error().hint);
    if (parsed->policies().size() != 1) return fail(ErrorCode::kInvalid, "the given expression is one expression, as in `when { ... }`");
    given = std::move(*parsed);
    options.given = &given;
  }
  const bool errors_count = asked.question == analyze::Question::kNeverErrors;
  if (auto declared = expect_declared(*first, *schema, errors_count); !declared) return fail(std::move(declared.error()));
  for (const cedar::PolicySet* set : {&second, &given}) {
    if (auto declared = expect_declared(*set, *schema, false); !declared) return fail(std::move(declared.error()));
  }
  return analyze::analyze(asked.question, *first, asked.other.empty() ? nullptr : &second, *schema, options);
}

json::object describe(const Analysis& analysis) {
  json::array kinds;
  for (const auto& kind : analysis.kinds) {
    json::object one{{"principal_type", kind.principal_type},
                     {"action", kind.action},
                     {"resource_type", kind.resource_type},
                     {"answer", answer_name(kind.answer)},
                     {"why", kind.why}};
    if (kind.counterexample) {
      json::array what;
      for (const auto& line : kind.counterexample->what) what.emplace_back(line);
      one["counterexample"] =
          json::object{{"principal", kind.counterexample->principal.text()}, {"action", kind.counterexample->action.text()},
                       {"resource", kind.counterexample->resource.text()},   {"context", kind.counterexample->context},
                       {"entities", kind.counterexample->entities},          {"what", std::move(what)}};
    }
    kinds.emplace_back(std::move(one));
  }
  return {{"answer", answer_name(analysis.answer)},
          {"given_never_holds", analysis.given_never_holds},
          {"kinds_checked", analysis.kinds_checked},
          {"kinds_solved", analysis.kinds_solved},
          {"kinds", std::move(kinds)}};
}

void show_details(const Analysis& analysis) {
  if (analysis.given_never_holds) std::printf("  no request satisfies the given expression, so this says nothing\n");
  std::size_t shown = 0;
  // What refutes comes first.
  for (const Answer answer : {Answer::kRefuted, Answer::kUnconfirmed, Answer::kUnknown}) {
    for (const auto& kind : analysis.kinds) {
      if (kind.answer != answer || shown++ >= kMostShownKinds) continue;
      std::printf("  %s: %s by %s on %s\n", std::string(answer_name(kind.answer)).c_str(), printable(kind.action).c_str(),
                  kind.principal_type.c_str(), kind.resource_type.c_str());
      if (!kind.why.empty()) std::printf("    why        %s\n", printable(kind.why).c_str());
      if (!kind.counterexample) continue;
      std::printf("    principal  %s\n    action     %s\n    resource   %s\n", printable(kind.counterexample->principal.text()).c_str(),
                  printable(kind.counterexample->action.text()).c_str(), printable(kind.counterexample->resource.text()).c_str());
      std::printf("    context    %s\n", printable(json::write(kind.counterexample->context), SIZE_MAX).c_str());
      std::printf("    entities   %s\n", printable(json::write(kind.counterexample->entities), SIZE_MAX).c_str());
      for (const auto& line : kind.counterexample->what) std::printf("    so         %s\n", printable(line).c_str());
    }
  }
  if (analysis.kinds.size() > kMostShownKinds) std::printf("  and %zu more (see --json)\n", analysis.kinds.size() - kMostShownKinds);
}

int run_claims(const Words& files, const analyze::Options& options, bool as_json) {
  std::size_t passed = 0;
  std::size_t failed = 0;
  json::array results;
  for (const auto& name : files) {
    const auto file = read_claims(name);
    if (!file) return complain(file.error(), as_json);
    for (const Claim& claim : file->claims) {
      analyze::Options own = options;
      if (file->gate) {
        own.failed_forbid_denies = true;
        own.entities = analyze::EntityScope::kRequest;
      }
      const auto analysis = ask({claim.question, claim.policies, claim.other, claim.given, file->schema}, own);
      const bool good = analysis && analysis->answer == claim.expected && !analysis->given_never_holds;
      (good ? passed : failed) += 1;
      if (as_json) {
        json::object one{{"name", claim.name}, {"place", claim.place}, {"ok", good}, {"expected", answer_name(claim.expected)}};
        if (analysis) one["analysis"] = describe(*analysis);
        else one["error"] = analysis.error().text();
        results.emplace_back(std::move(one));
        continue;
      }
      const std::string answer = analysis ? std::string(answer_name(analysis->answer)) : "error";
      std::printf("%s %s: %s%s\n", good ? "ok  " : "FAIL", printable(claim.name).c_str(), answer.c_str(),
                  good ? "" : (", expected " + std::string(answer_name(claim.expected)) + "  (" + printable(claim.place) + ")").c_str());
      if (!analysis) std::printf("  %s\n", printable(analysis.error().text()).c_str());
      else if (!good) show_details(*analysis);
    }
  }
  if (as_json)
    std::printf("%s\n",
                approval::terminal_json(json::object{{"passed", passed}, {"failed", failed}, {"claims", std::move(results)}}).c_str());
  else std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 && passed > 0 ? kDone : kRefused;
}

}  // namespace

int run_policy_analyze(const Words& words) {
  const auto arguments = parse_arguments(words, {"--gate"}, {"--schema", "--other", "--given", "--time", "--solver"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (arguments.rest.empty()) return complain_of_usage("analyze needs a question, or a file of claims", kHelp);
  analyze::Options options;
  if (arguments.has("--gate")) {
    options.failed_forbid_denies = true;
    options.entities = analyze::EntityScope::kRequest;
  }
  if (const std::string solver = arguments.value("--solver"); !solver.empty()) options.solver = solver;
  if (const std::string seconds = arguments.value("--time"); !seconds.empty()) {
    const bool is_number = seconds.size() <= 4 && seconds.find_first_not_of("0123456789") == std::string::npos;
    const long limit = is_number ? std::stol(seconds) : 0;
    if (limit < 1 || limit > kMostSeconds) return complain_of_usage("--time takes seconds, 1 to 3600", kHelp);
    options.time_limit_ms = limit * 1'000;
  }
  const bool as_json = arguments.has("--json");
  const bool only_claims =
      std::ranges::all_of(arguments.rest, [](const std::string& word) { return word.ends_with(".yaml") || word.ends_with(".yml"); });
  if (only_claims) {
    if (arguments.values.contains("--schema") || arguments.values.contains("--other") || arguments.values.contains("--given"))
      return complain_of_usage("a file of claims names schema, policies and what is given itself", kHelp);
    return run_claims(arguments.rest, options, as_json);
  }
  const auto question = analyze::question_from_name(arguments.rest.front());
  if (!question) {
    return complain_of_usage(
        "there is no question " + arguments.rest.front() +
            did_you_mean(arguments.rest.front(), {"never-errors", "denies", "allows", "implies", "equivalent", "disjoint"}),
        kHelp);
  }
  Asked asked{
      *question, Words(arguments.rest.begin() + 1, arguments.rest.end()), {}, arguments.value("--given"), arguments.value("--schema")};
  for (const auto& [name, value] : arguments.values) {
    if (name == "--other") asked.other.push_back(value);
  }
  if (asked.schema.empty()) return complain_of_usage("analyze needs --schema: \"every request\" are those that it allows", kHelp);
  if (asked.policies.empty()) return complain_of_usage("analyze needs policies", kHelp);
  if (analyze::needs_two_sets(*question) != !asked.other.empty())
    return complain_of_usage(asked.other.empty() ? "this question compares with --other" : "this question has no --other", kHelp);
  const auto analysis = ask(asked, options);
  if (!analysis) return complain(analysis.error(), as_json);
  if (as_json) {
    std::printf("%s\n", approval::terminal_json(describe(*analysis)).c_str());
  } else {
    std::printf("%s: %s (%zu kinds of requests, %zu of them by the solver)\n", std::string(answer_name(analysis->answer)).c_str(),
                arguments.rest.front().c_str(), analysis->kinds_checked, analysis->kinds_solved);
    show_details(*analysis);
  }
  return analysis->answer == Answer::kProved && !analysis->given_never_holds ? kDone : kRefused;
}

}  // namespace interlock::cli
