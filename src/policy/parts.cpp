#include "policy/parts.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/json.hpp"

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

// What shells (bash 5.2, dash, zsh) carry out themselves: no program starts.
constexpr std::array<std::string_view, 64> kOfShells = {
    ".",       ":",         "[",        "alias",    "bg",      "bind",     "bindkey", "break", "builtin", "caller",  "cd",
    "chdir",   "command",   "compgen",  "complete", "compopt", "continue", "declare", "dirs",  "disown",  "echo",    "emulate",
    "enable",  "eval",      "exec",     "exit",     "export",  "false",    "fc",      "fg",    "getopts", "hash",    "help",
    "history", "jobs",      "kill",     "let",      "local",   "logout",   "mapfile", "popd",  "printf",  "pushd",   "pwd",
    "read",    "readarray", "readonly", "return",   "set",     "setopt",   "shift",   "shopt", "source",  "suspend", "test",
    "time",    "times",     "trap",     "true",     "type",    "typeset",  "ulimit",  "umask", "zmodload"};

// In a run each program is asked about as it starts. So a line that has begun (`sh -c`, `xargs`, `env`) does not ask for its programs what
// will be asked then, with their true words. What is denied is denied now: the agent is told of the whole line.
bool is_asked_later(const model::ActionRequest& request, const model::ActPart& part) {
  if (request.operation != "execve" || request.surface != "exec" || !part.what.known || part.what.resource.type != "Command") return false;
  const auto* args = part.args.if_object();
  const auto program = args == nullptr ? std::nullopt : json::string_at(*args, "program");
  const std::string_view target = request.target;
  return program && !program->empty() && *program != target.substr(target.rfind('/') + 1) &&
         std::ranges::find(kOfShells, *program) == kOfShells.end();
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
    if (meant(one) == VerdictKind::kStepUp && is_asked_later(input.request, part)) {
      one.kind = VerdictKind::kAllow;
      one.would = VerdictKind::kAllow;
      one.policies.clear();
      one.reason.clear();
      one.next.clear();
    }
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
