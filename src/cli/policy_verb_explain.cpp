// `interlock policy explain`: each policy against one case, as far as it was evaluated.
#include <cstdio>

#include "approval/display.hpp"
#include "cedar/trace.hpp"
#include "cli/policy_cases.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"
#include "policy/trace.hpp"

namespace interlock::cli {
namespace {

using approval::printable;
using Outcome = cedar::PolicyTrace::Outcome;

constexpr const char* kHelp =
    "usage: interlock policy explain FILE [CASE] [--all] [--json]\n"
    "  Says why a case of a test file (docs/policy-tools.md) gets its verdict: which policies apply, which part of a scope does\n"
    "  not match, and what each condition and the expressions in it come to.\n"
    "    CASE   the case's name, or a part of it (default: the first)\n"
    "    --all  also policies whose scope does not match\n"
    "  Exit codes: 0 shown, 1 there is no such case, or the file is wrong, 2 usage.\n";

std::string id_of(const cedar::Policy& policy) {
  const auto id = policy.annotation("id");
  return id && !id->empty() ? std::string(*id) : policy.id();
}

std::string outcome_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOutOfScope: return "is about something else";
    case Outcome::kUnsatisfied: return "does not apply";
    case Outcome::kSatisfied: return "applies";
    case Outcome::kFailed: return "fails";
  }
  return {};
}

std::string mismatch_text(const cedar::PolicyTrace& trace) {
  std::string out;
  auto add = [&](bool matches, const char* name) {
    if (!matches) out += std::string(out.empty() ? "" : ", ") + name;
  };
  add(trace.principal_matches, "principal");
  add(trace.action_matches, "action");
  add(trace.resource_matches, "resource");
  return out;
}

void show(const cedar::PolicyTrace& trace) {
  const cedar::Policy& policy = *trace.policy;
  std::printf("  %s %s %s  (%s:%u)\n", policy.effect() == cedar::Effect::kPermit ? "permit" : "forbid", printable(id_of(policy)).c_str(),
              outcome_text(trace.outcome).c_str(), printable(policy.source_name()).c_str(), policy.line());
  if (trace.outcome == Outcome::kOutOfScope) {
    std::printf("    scope: %s does not match\n", mismatch_text(trace).c_str());
    return;
  }
  if (trace.outcome == Outcome::kFailed) std::printf("    error: %s\n", printable(trace.error).c_str());
  for (const auto& condition : trace.conditions) {
    if (!condition.reached) {
      std::printf("    %s: not reached\n", condition.unless ? "unless" : "when");
      continue;
    }
    std::printf("    %s\n", condition.unless ? "unless" : "when");
    for (const auto& term : condition.terms) {
      std::printf("      %s%s = %s\n", std::string(2 * std::size_t{term.depth}, ' ').c_str(), printable(term.text, 200).c_str(),
                  printable(term.failed ? "error: " + term.value : term.value, 400).c_str());
    }
  }
}

void show(const std::vector<cedar::PolicyTrace>& traces, bool all) {
  std::size_t hidden = 0;
  for (const auto& trace : traces) {
    if (trace.outcome == Outcome::kOutOfScope && !all) ++hidden;
    else show(trace);
  }
  if (hidden > 0) std::printf("  and %zu whose scope does not match (--all shows them)\n", hidden);
}

json::array described(const std::vector<cedar::PolicyTrace>& traces) {
  static constexpr const char* kOutcomes[] = {"out_of_scope", "unsatisfied", "satisfied", "failed"};
  json::array out;
  for (const auto& trace : traces) {
    json::array conditions;
    for (const auto& condition : trace.conditions) {
      json::array terms;
      for (const auto& term : condition.terms) {
        terms.emplace_back(json::object{{"text", term.text},
                                        {"value", term.value},
                                        {"failed", term.failed},
                                        {"depth", term.depth},
                                        {"line", term.line},
                                        {"column", term.column}});
      }
      conditions.emplace_back(
          json::object{{"kind", condition.unless ? "unless" : "when"}, {"reached", condition.reached}, {"terms", std::move(terms)}});
    }
    out.emplace_back(json::object{
        {"policy", id_of(*trace.policy)},
        {"effect", trace.policy->effect() == cedar::Effect::kPermit ? "permit" : "forbid"},
        {"file", trace.policy->source_name()},
        {"line", trace.policy->line()},
        {"outcome", kOutcomes[static_cast<std::size_t>(trace.outcome)]},
        {"scope",
         json::object{{"principal", trace.principal_matches}, {"action", trace.action_matches}, {"resource", trace.resource_matches}}},
        {"error", trace.error},
        {"conditions", std::move(conditions)}});
  }
  return out;
}

const PolicyCase* find_case(const PolicyCaseFile& file, const std::string& name) {
  if (name.empty()) return &file.cases.front();
  for (const PolicyCase& one : file.cases) {
    if (one.name == name) return &one;
  }
  for (const PolicyCase& one : file.cases) {
    if (one.name.find(name) != std::string::npos) return &one;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void show_head(const PolicyCase& one, const CaseResult& got) {
  std::printf("%s\n", printable(one.name).c_str());
  std::printf("verdict  %s%s\n", got.verdict.c_str(), got.by.empty() ? "" : printable(", by " + joined(got.by)).c_str());
  if (!got.reason.empty()) std::printf("reason   %s\n", printable(got.reason).c_str());
  if (!got.next.empty()) std::printf("next     %s\n", printable(got.next).c_str());
}

json::object head(const PolicyCase& one, const CaseResult& got) {
  json::array by;
  for (const auto& id : got.by) by.emplace_back(id);
  return {{"case", one.name}, {"verdict", got.verdict}, {"by", std::move(by)}, {"reason", got.reason}, {"next", got.next}};
}

int explain_plain(const PolicyCaseFile& file, const PolicyCase& one, const CaseResult& got, bool all, bool as_json) {
  cedar::ValueArena arena;
  const auto request = plain_request(file, one, arena);
  if (!request) return complain(request.error(), as_json);
  const auto traces = cedar::trace(file.set, *request, file.entities);
  if (as_json) {
    json::object out = head(one, got);
    out["policies"] = described(traces);
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return kDone;
  }
  show_head(one, got);
  show(traces, all);
  return kDone;
}

int explain_act(const PolicyCaseFile& file, const PolicyCase& one, const CaseResult& got, bool all, bool as_json) {
  std::vector<policy::PolicySource> sources;
  for (const auto& source : file.sources) sources.push_back({source.name, source.text});
  const auto classification = file.catalogue->classify(one.request);
  const auto traced = policy::trace(sources, {.observe = false, .workspace = file.workspace},
                                    {.subject = one.subject,
                                     .task = &one.task,
                                     .request = one.request,
                                     .classification = classification,
                                     .approved = one.approved,
                                     .now_ms = one.now_ms});
  if (!traced) return complain(traced.error(), as_json);
  std::vector<std::string> effects;
  for (const auto effect : classification.effects) effects.emplace_back(model::effect_name(effect));
  if (as_json) {
    json::object out = head(one, got);
    json::array list;
    for (const auto& effect : effects) list.emplace_back(effect);
    out["action"] = classification.action;
    out["effects"] = std::move(list);
    out["band"] = static_cast<int>(classification.band);
    out["known"] = classification.known;
    json::array resources;
    for (const auto& resource : traced->resources) {
      resources.emplace_back(json::object{
          {"resource", model::text_of(resource.resource)}, {"approved", resource.approved}, {"policies", described(resource.policies)}});
    }
    out["resources"] = std::move(resources);
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return kDone;
  }
  show_head(one, got);
  std::printf("action   %s: %s, band %d%s\n", printable(classification.action).c_str(), joined(effects).c_str(),
              static_cast<int>(classification.band), classification.known ? "" : ", unknown to the catalogue");
  for (const auto& resource : traced->resources) {
    std::vector<std::string> ancestors;
    for (const auto& name : resource.ancestors) ancestors.push_back(model::text_of(name));
    std::printf("\n%s%s\n", printable(model::text_of(resource.resource)).c_str(),
                resource.approved ? ", with an approval" : ", without an approval");
    if (!ancestors.empty()) std::printf("  in %s\n", printable(joined(ancestors)).c_str());
    show(resource.policies, all);
  }
  return kDone;
}

}  // namespace

int run_policy_explain(const Words& words) {
  const auto arguments = parse_arguments(words, {"--all"}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (arguments.rest.empty() || arguments.rest.size() > 2)
    return complain_of_usage("explain takes a file of cases, and perhaps the name of one", kHelp);
  const bool as_json = arguments.has("--json");
  const auto file = read_policy_cases(arguments.rest[0]);
  if (!file) return complain(file.error(), as_json);
  const std::string name = arguments.rest.size() > 1 ? arguments.rest[1] : "";
  const PolicyCase* one = find_case(*file, name);
  if (one == nullptr)
    return complain(
        {ErrorCode::kNotFound, file->name + " has no case called " + name, "`interlock policy test " + file->name + "` lists them"},
        as_json);
  const auto got = decide(*file, *one);
  if (!got) return complain(got.error(), as_json);
  return one->is_plain ? explain_plain(*file, *one, *got, arguments.has("--all"), as_json)
                       : explain_act(*file, *one, *got, arguments.has("--all"), as_json);
}

}  // namespace interlock::cli
