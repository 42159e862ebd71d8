// Tasks at the gate: their scopes as Cedar, what owners and agents may do with them, and their receipts.
#include <algorithm>

#include "base/hash.hpp"
#include "gate/gate_state.hpp"
#include "gate/record.hpp"
#include "ledger/files.hpp"
#include "ledger/index.hpp"
#include "ledger/reading.hpp"
#include "task/scope.hpp"

namespace interlock::gate {
namespace {

constexpr std::size_t kCompiledScopes = 2'000;
constexpr std::size_t kSessionMarkBytes = 12;  // of the hash that stands for a session: its id is a credential
constexpr std::size_t kTasksOfAgent = 256;     // open at once, started by one agent
constexpr std::string_view kWiden = "interlock/widen_task";

// `shop/note (write, band 1) on File::"/work/a"`
std::string act_text(const model::Classification& classification) {
  std::string out = classification.action + " (";
  for (const auto effect : classification.effects) out.append(model::effect_name(effect)).append(", ");
  return out + "band " + std::to_string(static_cast<int>(classification.band)) + ") on " + model::text_of(classification.resource);
}

std::string how_to_ask(const std::string& task) {
  return "ask for more within the task (POST /v1/tasks/" + task + "/requests), or let its owner run: interlock task extend " + task;
}

Error not_yours(std::string_view task) {
  return {ErrorCode::kNotFound, "agent's own task " + std::string(task.substr(0, task::kNameBytes)) + " does not exist", "list your tasks"};
}

bool is_of(const task::TaskRecord& record, const Caller& caller) {
  if (record.started_by == task::StartedBy::kSession) return record.subject == caller.subject.id && record.session == caller.session;
  return record.subject == caller.subject.id || (record.started_by == task::StartedBy::kAgent && record.by == caller.subject.id);
}

}  // namespace

// ---- scopes -----------------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const policy::PolicyEngine>> Gate::State::scope_engine(const std::vector<std::string>& texts,
                                                                              const std::string& key) {
  if (!key.empty()) {
    if (const auto it = scopes.find(key); it != scopes.end()) return it->second;
  }
  std::vector<policy::PolicySource> sources;
  for (const auto& text : texts) sources.push_back({"scope-" + std::to_string(sources.size() + 1), text});
  auto engine = policy::PolicyEngine::load(sources, {.observe = false, .workspace = rules.policy->workspace()});
  if (!engine || key.empty()) return engine;
  if (scopes.size() >= kCompiledScopes) scopes.clear();
  scopes.emplace(key, *engine);
  return engine;
}

Status Gate::State::check_scope(const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  auto engine = scope_engine(texts, {});
  if (!engine) return fail(ErrorCode::kInvalid, "the scope cannot be used: " + engine.error().message, engine.error().hint);
  return {};
}

// An act passes where policy and every scope up to the root allow it. What one of them leaves to a human, a human is asked about.
void Gate::State::apply_scopes(Act& act, const model::Task& task, bool approved) {
  parts.tasks->each_scope(act.task, [&](const task::TaskBook::Scope& scope) {
    auto engine = scope_engine(scope.texts, scope.key);
    if (!engine) {
      deny(act.verdict, model::Layer::kTask, "the scope of task " + scope.task + " cannot be used: " + engine.error().message,
           "end the task, and start another");
      return false;
    }
    const auto verdict = (*engine)->decide({.subject = act.caller.subject,
                                            .task = &task,
                                            .request = act.request,
                                            .classification = act.classification,
                                            .approved = approved,
                                            .now_ms = parts.clock->now_ms()});
    if (verdict.allows()) return true;
    if (verdict.kind == model::VerdictKind::kStepUp) {
      if (!act.verdict.allows()) return true;  // policy asks already
      act.verdict.kind = model::VerdictKind::kStepUp;
      act.verdict.layer = model::Layer::kTask;
      act.verdict.observed = false;
      act.verdict.reason = "the scope of task " + scope.task + " asks for a human: " + verdict.reason;
      act.verdict.next = verdict.next;
      return true;
    }
    deny(act.verdict, model::Layer::kTask,
         "outside the scope of task " + scope.task + ", which would have to permit " + act_text(act.classification),
         how_to_ask(scope.task));
    act.verdict.policies.clear();
    return false;
  });
}

void Gate::State::charge(Act& act) {
  const auto& classification = act.classification;
  if (!classification.spends || !act.verdict.allows() || !parts.tasks->has_spend_budget(act.task)) return;
  if (!classification.spend_micros) {
    return deny(act.verdict, model::Layer::kTask,
                "task " + act.task + " has a budget, and what the act spends cannot be told from its arguments",
                "name the amount as a plain decimal number");
  }
  if (auto spent = parts.tasks->spend(act.task, *classification.spend_micros, parts.clock->now_ms()); !spent)
    deny(act.verdict, model::Layer::kTask, std::move(spent.error().message), std::move(spent.error().hint));
}

// ---- asking for more --------------------------------------------------------------------------------------------------------

std::shared_ptr<Act> Gate::ask_for_more(Caller caller, std::string_view task, task::Grant grant, AdmitHandlers handlers) {
  auto& state = *state_;
  const auto now_ms = state.parts.clock->now_ms();
  auto act = std::make_shared<Act>();
  act->id = new_id("act", now_ms);
  act->started_ns = steady_ns();
  act->caller = std::move(caller);
  act->caller.task = task;
  act->request = {.surface = "api",
                  .server = "interlock",
                  .operation = "tasks/widen",
                  .target = std::string(task),
                  .args = task::to_json(grant),
                  .trace_parent = {}};
  act->classification.action = kWiden;
  act->classification.effects = {model::Effect::kAdmin};
  act->classification.band = model::Band::kSensitive;
  act->classification.resource = {"Task", std::string(task)};
  act->classification.known = true;
  std::optional<Refusal> refusal;
  if (const auto found = state.parts.tasks->find(task, now_ms); found && !grant.scope.empty()) {
    auto texts = found->record.scope;
    texts.push_back(grant.scope);
    if (auto checked = state.check_scope(texts); !checked)
      refusal = Refusal{model::Layer::kSchema, checked.error().message, checked.error().hint};
  }
  act->grant = std::move(grant);
  state.admit(act, std::move(refusal), true, std::move(handlers));
  return act;
}

// In force before the agent is told.
void Gate::State::apply_grant(Act& act) {
  const std::string by = act.approval.empty() ? "policy" : "approval " + act.approval;
  auto extended = parts.tasks->extend(act.task, *act.grant, by, parts.clock->now_ms());
  auto receipt = receipt_of(act, model::ReceiptKind::kResult);
  receipt.layer = model::layer_name(model::Layer::kTask);
  receipt.verdict = extended ? "ok" : "failed";
  if (!extended) {
    receipt.detail["note"] = extended.error().message;
    deny(act.verdict, model::Layer::kTask, std::move(extended.error().message), std::move(extended.error().hint));
  }
  (void)parts.ledger->append(receipt);
}

// ---- owners -----------------------------------------------------------------------------------------------------------------

Result<task::TaskView> Gate::start_task(task::TaskOrder order) {
  if (auto checked = state_->check_scope(order.scope); !checked) return fail(std::move(checked.error()));
  order.started_by = task::StartedBy::kOwner;
  return state_->parts.tasks->start(order, state_->parts.clock->now_ms());
}

Result<task::TaskView> Gate::extend_task(std::string_view task, const task::Grant& grant, std::string_view by) {
  auto& state = *state_;
  const auto now_ms = state.parts.clock->now_ms();
  state.parts.tasks->refresh(now_ms);
  if (const auto found = state.parts.tasks->find(task, now_ms); found && !grant.scope.empty()) {
    auto texts = found->record.scope;
    texts.push_back(grant.scope);
    if (auto checked = state.check_scope(texts); !checked) return fail(std::move(checked.error()));
  }
  return state.parts.tasks->extend(task, grant, by, now_ms);
}

Status Gate::end_task(std::string_view task, std::string_view by, std::string_view reason) {
  std::string why = "stopped by " + std::string(by);
  if (!reason.empty()) why += ": " + std::string(reason);
  return state_->parts.tasks->end(task, {.by = by, .reason = why}, state_->parts.clock->now_ms());
}

Result<task::TaskView> Gate::find_task(std::string_view task) const {
  auto& state = *state_;
  const auto now_ms = state.parts.clock->now_ms();
  state.parts.tasks->refresh(now_ms);
  auto found = state.parts.tasks->find(task, now_ms);
  if (!found)
    return fail(ErrorCode::kNotFound, "no task has the id " + std::string(task.substr(0, task::kNameBytes)),
                "see `interlock task list --all`");
  return std::move(*found);
}

std::vector<task::TaskView> Gate::list_tasks(bool with_ended) const {
  const auto now_ms = state_->parts.clock->now_ms();
  state_->parts.tasks->refresh(now_ms);
  return state_->parts.tasks->list(now_ms, with_ended);
}

// ---- agents -----------------------------------------------------------------------------------------------------------------

Result<task::TaskView> Gate::start_task_as(const Caller& caller, task::TaskOrder order) {
  auto& state = *state_;
  const auto now_ms = state.parts.clock->now_ms();
  if (auto refusal = stopped(caller)) return fail(ErrorCode::kDenied, std::move(refusal->reason), std::move(refusal->next));
  if (auto checked = state.check_scope(order.scope); !checked) return fail(std::move(checked.error()));
  // The parent named is one that the caller may act under; else it is where its acts belong now.
  auto parent = state.parts.tasks->explicit_task_of(caller.subject, order.parent.empty() ? caller.task : order.parent, now_ms);
  if (!parent) return fail(std::move(parent.error()));
  order.parent = std::move(*parent);
  if (order.subject.empty()) order.subject = caller.subject.id;
  if (order.parent.empty() && order.subject != caller.subject.id) {
    return fail(ErrorCode::kDenied, "a task for another agent has to be a child of one of the caller's own",
                "start a task for yourself, and name it as parent");
  }
  const auto own = state.parts.tasks->started_by(caller.subject.id);
  if (own >= kTasksOfAgent)
    return fail(ErrorCode::kTooLarge,
                "agent \"" + caller.subject.id + "\" has started " + std::to_string(own) + " tasks that are open, which is the bound",
                "end some");
  order.owner = caller.subject.owner;  // the agent's word makes nobody answerable
  order.started_by = task::StartedBy::kAgent;
  order.by = caller.subject.id;
  return state.parts.tasks->start(order, now_ms);
}

Result<task::TaskView> Gate::find_task_as(const Caller& caller, std::string_view task) const {
  auto found = find_task(task);
  if (!found || !is_of(found->record, caller)) return fail(not_yours(task));
  return found;
}

std::vector<task::TaskView> Gate::list_tasks_as(const Caller& caller) const {
  auto all = list_tasks(false);
  std::erase_if(all, [&](const task::TaskView& view) { return !is_of(view.record, caller); });
  return all;
}

Status Gate::beat_task_as(const Caller& caller, std::string_view task) {
  auto found = find_task_as(caller, task);
  if (!found) return fail(std::move(found.error()));
  return state_->parts.tasks->beat(task, state_->parts.clock->now_ms());
}

Status Gate::end_task_as(const Caller& caller, std::string_view task, std::string_view reason) {
  auto found = find_task_as(caller, task);
  if (!found) return fail(std::move(found.error()));
  // It binds the agent, who would be rid of it.
  if (found->record.started_by == task::StartedBy::kOwner)
    return fail(ErrorCode::kDenied, "task " + found->record.id + " was started by its owner, who ends it",
                "ask its owner: interlock task end " + found->record.id);
  std::string why = "completed";
  if (!reason.empty()) why += ": " + std::string(reason);
  return state_->parts.tasks->end(task, {.by = caller.subject.id, .reason = why}, state_->parts.clock->now_ms());
}

// ---- receipts ---------------------------------------------------------------------------------------------------------------

Status Gate::State::record_task(const task::TaskEvent& event) const {
  const auto& record = event.task;
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kTask;
  receipt.act = record.id;
  receipt.task = record.id;
  receipt.at_ms = event.at_ms;
  receipt.subject = record.subject;
  receipt.surface = options.role;
  auto& detail = receipt.detail;
  detail["owner"] = record.owner;
  if (!record.session.empty()) detail["session"] = to_hex(sha256(record.session)).substr(0, kSessionMarkBytes);
  switch (event.change) {
    case task::TaskChange::kOpened:
      receipt.verdict = "opened";
      detail["started_by"] = task::started_by_name(record.started_by);
      if (!record.by.empty()) detail["by"] = record.by;
      if (!record.parent.empty()) detail["parent"] = record.parent;
      if (!record.purpose.empty()) detail["purpose"] = record.purpose;
      detail["band_ceiling"] = static_cast<int>(record.band_ceiling);
      detail["expires"] = rfc3339(record.expires_ms);
      if (record.heartbeat_ms != 0) detail["heartbeat_ms"] = record.heartbeat_ms;
      if (record.budget.calls) detail["calls_budget"] = *record.budget.calls;
      if (record.budget.spend_micros) detail["spend_budget"] = money_text(*record.budget.spend_micros);
      if (!record.scope.empty()) {
        json::array scope;
        for (const auto& text : record.scope) scope.emplace_back(text);
        detail["scope"] = std::move(scope);
      }
      break;
    case task::TaskChange::kExtended:
      receipt.verdict = "extended";
      detail["by"] = event.by;
      if (event.grant != nullptr) detail["grant"] = task::to_json(*event.grant);
      break;
    case task::TaskChange::kEnded:
      receipt.verdict = "ended";
      detail["reason"] = record.end_reason;
      if (!record.ended_by.empty()) detail["by"] = record.ended_by;
      detail["calls"] = event.calls;
      break;
  }
  auto appended = parts.ledger->append(receipt);
  if (!appended) return fail(std::move(appended.error()));
  return {};
}

Result<std::set<std::string>> Gate::State::recorded_ends(const std::vector<std::string>& ids) const {
  const auto folder = parts.ledger->log_folder().parent_path();
  std::set<std::string> out;
  const auto query = [](const std::string& id) { return ledger::Query{.act = id, .kind = "task", .verdict = "ended", .limit = 1}; };
  auto logs = ledger::list_logs(folder);
  if (!logs) return fail(std::move(logs.error()));
  for (const auto& paths : *logs) {
    // One opening for all; where the index cannot be brought up to date, the log itself is searched.
    auto index = ledger::Index::open(paths);
    const bool is_current = index && index->catch_up(paths);
    for (const auto& id : ids) {
      if (is_current) {
        auto rows = index->find(query(id));
        if (!rows) return fail(std::move(rows.error()));
        if (!rows->empty()) out.insert(id);
        continue;
      }
      auto found = ledger::find_receipts(folder, query(id));
      if (!found) return fail(std::move(found.error()));
      if (!found->records.empty()) out.insert(id);
    }
  }
  return out;
}

}  // namespace interlock::gate
