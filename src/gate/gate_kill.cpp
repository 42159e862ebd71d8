// The kill switch: what it reaches, and in which order.
#include "gate/gate_state.hpp"

namespace interlock::gate {
namespace {

constexpr std::string_view kNext = "a human has stopped this; do not try again or another way";

std::string said_by(std::string_view by, std::string_view reason) {
  std::string out = by.empty() ? std::string("by the kill switch") : "by " + std::string(by);
  if (!reason.empty()) out += ": " + std::string(reason);
  return out;
}

std::string reason_of(const task::Kill& kill) {
  return (kill.agent == task::kEverybody ? std::string("all agents were stopped ") : "agent \"" + kill.agent + "\" was stopped ") +
         said_by(kill.by, kill.reason);
}

bool acts_for(const model::Subject& subject, std::string_view agent) {
  if (subject.id == agent) return true;
  for (const auto& delegator : subject.chain) {
    if (delegator.id == agent) return true;
  }
  return false;
}

}  // namespace

bool Gate::State::is_killed(Act& act) const {
  const auto* kill = parts.kills == nullptr ? nullptr : parts.kills->holds(act.caller.subject);
  if (kill == nullptr) return false;
  deny(act.verdict, model::Layer::kTask, reason_of(*kill), std::string(kNext));
  act.cut = true;
  return true;
}

KillReport Gate::State::cut(const std::function<bool(const Act&)>& which, const std::string& reason, const std::string& next) {
  KillReport report;
  // First all are marked: what a callback sets off finds them stopped.
  std::vector<std::pair<std::shared_ptr<Act>, std::function<void()>>> to_tell;
  for (auto it = running.begin(); it != running.end();) {
    const auto act = it->second.act.lock();
    if (!act || act->cut || !which(*act)) {
      if (act) ++it;
      else it = running.erase(it);  // its own leases are released by the next tick
      continue;
    }
    act->cut = true;
    release_leases(*act);
    deny(act->verdict, model::Layer::kTask, reason, next);
    if (!it->second.recorded) {
      auto receipt = receipt_of(*act, model::ReceiptKind::kResult);
      receipt.verdict = "killed";
      receipt.layer = model::layer_name(model::Layer::kTask);
      receipt.detail["duration_us"] = (steady_ns() - act->started_ns) / 1000;
      receipt.detail["note"] = reason;
      (void)parts.ledger->append(receipt);
    }
    ++report.cut;
    // One whose verdict is still on its way is told by that.
    if (it->second.told && it->second.on_cut) to_tell.emplace_back(act, std::move(it->second.on_cut));
    it = it->second.told ? running.erase(it) : std::next(it);
  }
  std::vector<HeldAct> waiting;
  for (auto it = held.begin(); it != held.end();) {
    if (!which(*it->second.act)) {
      ++it;
      continue;
    }
    waiting.push_back(std::move(it->second));
    it = held.erase(it);
  }
  for (auto& [act, on_cut] : to_tell) on_cut();
  for (auto& entry : waiting) {
    auto& act = *entry.act;
    act.cut = true;
    deny(act.verdict, model::Layer::kTask, reason, next);
    parts.approvals->withdraw(act.approval, reason);
    auto receipt = receipt_of(act, model::ReceiptKind::kApproval);
    receipt.verdict = approval::state_name(approval::ApprovalState::kWithdrawn);
    receipt.layer = model::layer_name(model::Layer::kTask);
    receipt.detail["approval"] = act.approval;
    receipt.detail["reason"] = reason;
    ++report.held;
    verdict_reached(entry.act, std::move(entry.handlers), parts.ledger->append(receipt));
  }
  return report;
}

// Kills that another process has put into the store.
void Gate::State::take_over_kills() {
  if (parts.kills == nullptr) return;
  for (const auto& kill : parts.kills->refresh()) {
    const bool all = kill.agent == task::kEverybody;
    cut([&](const Act& act) { return all || acts_for(act.caller.subject, kill.agent); }, reason_of(kill), std::string(kNext));
  }
}

Result<KillReport> Gate::kill(const KillOrder& order) {
  auto& state = *state_;
  const auto now_ms = state.parts.clock->now_ms();
  const bool all = order.reach == KillOrder::Reach::kAll;
  const std::string reason = "killed " + said_by(order.by, order.reason);
  KillReport report;
  Status saved;
  if (order.reach == KillOrder::Reach::kTask) {
    state.cut_with_tasks = {};
    state.parts.tasks->refresh(now_ms);  // what another gate ended is cut by that
    const auto before = state.parts.tasks->size();
    auto ended = state.parts.tasks->end(order.target, {.by = order.by, .reason = reason, .killed = true}, now_ms);
    report = state.cut_with_tasks;
    if (!ended && report.cut + report.held == 0) return fail(std::move(ended.error()));
    report.tasks = before - state.parts.tasks->size();
  } else {
    if (state.parts.kills == nullptr) return fail(ErrorCode::kUnsupported, "this gate has no kill switch");
    if (!all && (order.target.empty() || order.target == task::kEverybody))
      return fail(ErrorCode::kInvalid, "no agent is named", "name its subject id; --all is for everybody");
    const task::Kill kill{all ? std::string(task::kEverybody) : order.target, order.by, order.reason, now_ms};
    saved = state.parts.kills->add(kill);
    report =
        state.cut([&](const Act& act) { return all || acts_for(act.caller.subject, order.target); }, reason_of(kill), std::string(kNext));
    const auto theirs = [&](const task::TaskRecord& record) { return all || record.subject == order.target || record.by == order.target; };
    report.tasks = state.parts.tasks->end_where(theirs, {.by = order.by, .reason = reason, .killed = true}, now_ms);
  }
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kKill;
  receipt.act = new_id("kill", now_ms);
  receipt.at_ms = now_ms;
  receipt.surface = state.options.role;
  receipt.verdict = "killed";
  receipt.layer = model::layer_name(model::Layer::kTask);
  (order.reach == KillOrder::Reach::kTask ? receipt.task : receipt.subject) = all ? std::string(task::kEverybody) : order.target;
  receipt.detail = json::object{{"by", order.by}, {"tasks", report.tasks}, {"held", report.held}, {"cut", report.cut}};
  if (!order.reason.empty()) receipt.detail["reason"] = order.reason;
  auto recorded = record(std::move(receipt));
  if (!saved) {
    return fail(saved.error().code, "the kill holds in this process, and could not be made to last: " + saved.error().message,
                "stop the gate, mend the state folder, and kill again");
  }
  if (!recorded) return fail(std::move(recorded.error()));
  return report;
}

Status Gate::unkill(std::string_view agent, std::string_view by, std::string_view reason) {
  auto& state = *state_;
  if (state.parts.kills == nullptr) return fail(ErrorCode::kUnsupported, "this gate has no kill switch");
  if (auto lifted = state.parts.kills->lift(agent); !lifted) return lifted;
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kKill;
  receipt.at_ms = state.parts.clock->now_ms();
  receipt.act = new_id("kill", receipt.at_ms);
  receipt.surface = state.options.role;
  receipt.subject = std::string(agent);
  receipt.verdict = "lifted";
  receipt.layer = model::layer_name(model::Layer::kTask);
  receipt.detail = json::object{{"by", by}};
  if (!reason.empty()) receipt.detail["reason"] = reason;
  return record(std::move(receipt));
}

std::vector<task::Kill> Gate::kills() const {
  return state_->parts.kills == nullptr ? std::vector<task::Kill>() : state_->parts.kills->list();
}

std::optional<Refusal> Gate::stopped(const Caller& caller) const {
  const auto* kill = state_->parts.kills == nullptr ? nullptr : state_->parts.kills->holds(caller.subject);
  if (kill == nullptr) return std::nullopt;
  return Refusal{model::Layer::kTask, reason_of(*kill), std::string(kNext)};
}

bool Gate::may_perform(const std::shared_ptr<Act>& act) {
  auto& state = *state_;
  if (act->cut) return false;
  const auto open = state.parts.tasks->may_go_on(act->task, state.parts.clock->now_ms());
  if (open) return true;
  deny(act->verdict, model::Layer::kTask, open.error().message, open.error().hint);
  observe(act, {.kind = "cancelled", .result_text = {}, .note = open.error().message}, [](Status) {});
  return false;
}

}  // namespace interlock::gate
