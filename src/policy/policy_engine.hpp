// Policy at request time: Cedar in, verdicts out (DESIGN §4).
//
// A PolicyEngine is one immutable snapshot of a policy set. Hot reload is loading another one and swapping the pointer; a bad
// set is refused whole, with file, line, column and a hint, and the old snapshot stays in force. Any thread; no locks, no waits.
//
// What a policy sees:
//   principal  Agent::"<subject id>"   attributes id, assurance, client, owner, attributes, chain, depth, credential, inherited, scopes,
//              on_behalf_of; in Human::"<owner>"
//   action     Action::"<entry>/<tool>", in Action::"<effect>" for each effect and in Action::"<surface>"
//   resource   as the catalogue names it, in its containers, Tool::"<server>/<tool>" and Server::"<server>", and, a file below a
//              folder of the workspace, in Workspace::"default"; attributes: see docs/policy-cookbook.md (File: path, name; Url:
//              url, scheme, host, path, local)
//   context    args, task{id, purpose, calls, band_ceiling, started, expires}, rate{last_minute}, approved, surface, operation,
//              server, tool, band, effects, known, now, workspace
//
// Beyond the user's policies two rules always hold: band 3 needs an approval ("interlock/critical-needs-approval"), and a forbid
// that fails to evaluate denies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/action.hpp"
#include "model/verdict.hpp"

namespace interlock::policy {

struct PolicySource {
  std::string name;  // of the file, as errors and policy ids call it
  std::string text;
};

struct EngineOptions {
  bool observe = false;                // decide, report, deny nothing
  std::vector<std::string> workspace;  // absolute folders: context.workspace, Workspace::"default"
};

// References: an Input lives for one call.
struct Input {
  const model::Subject& subject;
  const model::Task* task = nullptr;  // null: no task is open yet (lists)
  const model::ActionRequest& request;
  const model::Classification& classification;
  bool approved = false;
  UnixMs now_ms = 0;
};

struct CompiledEngine;

class PolicyEngine {
 public:
  static Result<std::shared_ptr<const PolicyEngine>> load(std::span<const PolicySource> sources, EngineOptions options = {});

  // Never fails: what cannot be evaluated is a denial that says so. With approved = false, what an approval would allow is
  // kStepUp. Several resources: each is decided, the strictest answer counts.
  model::Verdict decide(const Input& input) const;

  // False only where decide() denies for certain, whatever the arguments, the resource, the time, the rate and the task, and
  // with an approval as well. A policy that looks at any of those counts as one that might say yes (a forbid: might not
  // apply). `resource_known` is for requests whose resource does not depend on arguments (resources/read).
  bool may_ever(const Input& input, bool resource_known = false) const;

  const std::string& revision() const;  // hex SHA-256 over the sources, the workspace and the mode
  std::vector<std::string> policy_ids() const;
  bool observes() const;
  const std::vector<std::string>& workspace() const;  // in the one form that paths are compared in

 private:
  explicit PolicyEngine(std::shared_ptr<const CompiledEngine> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const CompiledEngine> compiled_;
};

// The *.cedar files that `paths` name: a file as it is, a folder's files sorted by name.
Result<std::vector<PolicySource>> read_sources(std::span<const std::filesystem::path> paths);

// A shipped preset: observe, balanced, strict. `observe` is `balanced` to be loaded with EngineOptions::observe.
// kNotFound for another name.
Result<std::vector<PolicySource>> preset_sources(std::string_view preset);

}  // namespace interlock::policy
