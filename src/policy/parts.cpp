#include "policy/parts.hpp"

#include <algorithm>
#include <utility>

namespace interlock::policy {
namespace {

using model::Verdict;
using model::VerdictKind;

int strictness(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kAllow: return 0;
    case VerdictKind::kModify: return 1;
    case VerdictKind::kStepUp: return 2;
    default: return 3;
  }
}
// What it would be where policy is enforced: an observing engine allows all.
VerdictKind meant(const Verdict& verdict) { return verdict.observed ? verdict.would : verdict.kind; }

void add_all(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const auto& one : from) {
    if (std::ranges::find(to, one) == to.end()) to.push_back(one);
  }
}

}  // namespace

Verdict decide_parts(const Input& input, const DecideOne& decide) {
  Verdict out;
  bool first = true;
  model::ActionRequest request = input.request;
  for (const auto& part : input.classification.parts) {
    request.args = part.args;
    auto one = decide({.subject = input.subject,
                       .task = input.task,
                       .request = request,
                       .classification = part.what,
                       .approved = input.approved,
                       .now_ms = input.now_ms});
    const auto kind = meant(one);
    // A part is named where it is the one that is denied or asked about.
    if (strictness(kind) >= strictness(VerdictKind::kStepUp) && !one.reason.empty()) one.reason = part.what.action + ": " + one.reason;
    if (first || strictness(kind) > strictness(meant(out))) {
      auto shadow = std::move(out.shadow);
      auto errors = std::move(out.errors);
      // What permits name beside a stricter part still counts once a human has said yes to all of it.
      auto credentials = std::move(out.credentials);
      auto redact = std::move(out.redact);
      out = std::move(one);
      add_all(out.shadow, shadow);
      add_all(out.errors, errors);
      add_all(out.credentials, credentials);
      add_all(out.redact, redact);
      first = false;
      continue;
    }
    if (kind == meant(out) && kind != VerdictKind::kDeny) {
      add_all(out.policies, one.policies);
      if (kind == VerdictKind::kStepUp && out.reason != one.reason) out.reason += " " + one.reason;
    }
    add_all(out.shadow, one.shadow);
    add_all(out.errors, one.errors);
    add_all(out.credentials, one.credentials);
    add_all(out.redact, one.redact);
  }
  return out;
}

}  // namespace interlock::policy
