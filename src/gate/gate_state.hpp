// What a gate keeps between calls. Private to the room.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "approval/approvals.hpp"
#include "approval/pins.hpp"
#include "base/ids.hpp"
#include "catalogue/catalogue.hpp"
#include "credential/lease_book.hpp"
#include "gate/covered.hpp"
#include "gate/gate.hpp"
#include "ledger/ledger.hpp"
#include "policy/policy_engine.hpp"
#include "task/task_book.hpp"

namespace interlock::gate {

// What a refusal of the surface or of an organ looks like as a verdict.
inline void deny(model::Verdict& verdict, model::Layer layer, std::string reason, std::string next) {
  verdict.kind = model::VerdictKind::kDeny;
  verdict.observed = false;
  verdict.layer = layer;
  verdict.reason = std::move(reason);
  verdict.next = std::move(next);
}

struct Gate::State {
  Parts parts;
  Options options;
  Rules rules;
  std::string salt = random_bytes(16);

  struct HeldAct {
    std::shared_ptr<Act> act;
    AdmitHandlers handlers;
    UnixMs expires_ms = 0;
  };
  std::unordered_map<std::string, HeldAct> held;  // by approval id

  // Acts that were allowed, until their result is released: what the kill switch reaches.
  struct RunningAct {
    std::weak_ptr<Act> act;
    std::function<void()> on_cut;
    std::vector<std::shared_ptr<const credential::Lease>> leases = {};  // of its own: to be released with it
    bool told = false;                                                  // its verdict was handed out
    bool recorded = false;                                              // its result was
  };
  std::unordered_map<const Act*, RunningAct> running;
  struct TaskWatcher {
    std::weak_ptr<const void> who;
    std::function<void()> work;
  };
  std::unordered_map<std::string, std::vector<TaskWatcher>> task_watchers;  // by task
  KillReport cut_with_tasks;                                                // since it was last cleared

  struct Checked {
    Digest digest{};
    std::uint64_t epoch = 0;
    std::optional<Refusal> refusal;
  };
  std::unordered_map<std::string, Checked> definitions;  // by server NUL tool

  Covered covered;

  // Scopes of tasks, compiled, by TaskBook::Scope::key.
  std::unordered_map<std::string, std::shared_ptr<const policy::PolicyEngine>> scopes;

  // gate.cpp
  model::Receipt receipt_of(const Act& act, model::ReceiptKind kind) const;
  approval::BoundAct bound(const Act& act, const std::string& resource, UnixMs expires_ms) const;
  Result<ledger::Sequence> record_attempt(const Act& act) const;
  std::optional<model::Task> enter_task(Act& act);
  void judge(Act& act, const model::Task& task, bool approved);  // policy, then the task's scopes
  void cover(Act& act, const model::Task& task);
  void admit(const std::shared_ptr<Act>& act, std::optional<Refusal> refusal, bool is_shown, AdmitHandlers handlers);
  void verdict_reached(std::shared_ptr<Act> act, AdmitHandlers handlers, Result<ledger::Sequence> recorded);
  void hand_out(const std::shared_ptr<Act>& act, const AdmitHandlers& handlers);
  void tell(const std::shared_ptr<Act>& act, const AdmitHandlers& handlers);
  void forget(const Act* act);  // nothing of it is under way any more
  void hold(std::shared_ptr<Act> act, AdmitHandlers handlers);

  // gate_leases.cpp
  void check_credentials(Act& act) const;  // those that policy named
  void lease(std::shared_ptr<Act> act, AdmitHandlers handlers, std::vector<std::string> wanted);
  void no_lease(const std::shared_ptr<Act>& act, const AdmitHandlers& handlers, std::string reason, std::string next);
  void release_leases(Act& act);
  void tell_watchers(const std::string& task);
  Status record_lease(const credential::LeaseEvent& event) const;

  // gate_tasks.cpp
  Result<std::shared_ptr<const policy::PolicyEngine>> scope_engine(const std::vector<std::string>& texts, const std::string& key);
  Status check_scope(const std::vector<std::string>& texts);
  void apply_scopes(Act& act, const model::Task& task, bool approved);
  void charge(Act& act);  // what an allowed act spends, to its task's budgets
  void apply_grant(Act& act);
  Status record_task(const task::TaskEvent& event) const;
  Result<std::set<std::string>> recorded_ends(const std::vector<std::string>& ids) const;

  // gate_kill.cpp
  bool is_killed(Act& act) const;  // then its verdict says so
  KillReport cut(const std::function<bool(const Act&)>& which, const std::string& reason, const std::string& next);
  void take_over_kills();
};

}  // namespace interlock::gate
