// Deciding cases, and comparing with what they expect. Reading them is in policy_cases_reading.cpp.
#include "cli/policy_cases.hpp"

#include <algorithm>

#include "model/verdict.hpp"

namespace interlock::cli {
namespace {

std::string joined(std::vector<std::string> words) {
  std::ranges::sort(words);
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "none" : out;
}

CaseResult result_of(const model::Verdict& verdict) {
  return {.verdict = std::string(model::verdict_name(verdict.kind)),
          .by = verdict.policies,
          .errors = verdict.errors,
          .reason = verdict.reason,
          .next = verdict.next};
}

std::string id_of(const std::string& error) { return error.substr(0, error.find(": ")); }

}  // namespace

Result<cedar::Request> plain_request(const PolicyCaseFile& file, const PolicyCase& one, cedar::ValueArena& arena) {
  const json::value context = one.context.is_null() ? json::value(json::object{}) : one.context;
  auto value = file.schema ? file.schema->read_context(arena, one.action, context) : arena.cedar_json(context);
  if (!value) return fail(std::move(value.error()));
  cedar::Request request{.principal = one.principal, .action = one.action, .resource = one.resource, .context = *value};
  if (file.schema) {
    if (auto conforms = file.schema->check_request(request); !conforms) return fail(std::move(conforms.error()));
  }
  return request;
}

Result<CaseResult> decide(const PolicyCaseFile& file, const PolicyCase& one) {
  if (!one.is_plain) {
    const auto classification = file.catalogue->classify(one.request);
    return result_of(file.engine->decide({.subject = one.subject,
                                          .task = &one.task,
                                          .request = one.request,
                                          .classification = classification,
                                          .approved = one.approved,
                                          .now_ms = one.now_ms}));
  }
  cedar::ValueArena arena;
  const auto request = plain_request(file, one, arena);
  if (!request) return fail(request.error());
  const auto response = cedar::authorize(file.set, *request, file.entities);
  CaseResult out{
      .verdict = response.decision == cedar::Decision::kAllow ? "allow" : "deny", .by = {}, .errors = {}, .reason = {}, .next = {}};
  for (const cedar::Policy* policy : response.determining) out.by.push_back(policy->id());
  for (const cedar::PolicyError& error : response.errors) out.errors.push_back(error.policy->id() + ": " + error.message);
  return out;
}

std::vector<std::string> differences(const PolicyCase& one, const CaseResult& got) {
  std::vector<std::string> out;
  auto differ = [&](const std::string& what, const std::string& wanted, const std::string& is) {
    out.push_back(what + ": expected " + wanted + ", got " + is);
  };
  if (one.expect != got.verdict) differ("verdict", one.expect, got.verdict);
  if (one.by && joined(*one.by) != joined(got.by)) differ("by", joined(*one.by), joined(got.by));
  if (one.errors) {
    std::vector<std::string> ids;
    for (const std::string& error : got.errors) ids.push_back(id_of(error));
    if (joined(*one.errors) != joined(ids)) differ("errors", joined(*one.errors), joined(ids));
  }
  if (got.reason.find(one.reason) == std::string::npos) differ("reason", "one with \"" + one.reason + "\"", "\"" + got.reason + "\"");
  // Why, where it is not what was asked for.
  if (!out.empty()) {
    if (one.expect != got.verdict && !one.by) out.push_back("by " + joined(got.by));
    if (!got.reason.empty() && one.reason.empty()) out.push_back("reason: " + got.reason);
    for (const std::string& error : got.errors) out.push_back("error in " + error);
  }
  return out;
}

}  // namespace interlock::cli
