// The path of an act: admitted, decided, held, handed out, observed.
#include "gate/gate.hpp"

#include "base/text.hpp"
#include "gate/gate_state.hpp"
#include "gate/leasing.hpp"
#include "gate/record.hpp"

namespace interlock::gate {
namespace {

constexpr std::size_t kNoteBytes = 500;  // of what a server says of its failure
constexpr std::size_t kPartsRecorded = 100;

bool is_durable_before_act(model::Band band) { return band >= model::Band::kSensitive; }
bool is_durable_before_release(model::Band band) { return band >= model::Band::kRoutine; }

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

// How the subject was proven, and for whom it acts: what an auditor asks of an act besides its name.
void describe_identity(const model::Subject& subject, json::object& detail) {
  detail["assurance"] = model::assurance_name(subject.assurance);
  if (!subject.credential.empty()) detail["credential"] = subject.credential;
  if (!subject.chain.empty()) {
    json::array chain;
    for (const auto& one : subject.chain) chain.push_back(json::object{{"id", one.id}, {"issuer", one.issuer}, {"human", one.human}});
    detail["chain"] = std::move(chain);
  }
  if (subject.inherited) detail["inherited"] = true;
  if (const auto* from = json::find(subject.attributes, "inherited_from")) detail["inherited_from"] = *from;
  if (!subject.client.empty()) detail["client"] = subject.client;
}

}  // namespace

model::Receipt Gate::State::receipt_of(const Act& act, model::ReceiptKind kind) const {
  model::Receipt receipt;
  receipt.kind = kind;
  receipt.act = act.id;
  receipt.at_ms = parts.clock->now_ms();
  receipt.subject = act.caller.subject.id;
  receipt.task = act.task;
  receipt.surface = act.request.surface;
  receipt.server = act.request.server;
  receipt.action = act.classification.action;
  receipt.resource = without_credentials(model::text_of(act.classification.resource));
  receipt.band = act.classification.band;
  return receipt;
}

approval::BoundAct Gate::State::bound(const Act& act, const std::string& resource, UnixMs expires_ms) const {
  return {.subject = act.caller.subject.id,
          .task = act.task,
          .server = act.request.server,
          .operation = act.request.operation,
          .target = act.request.target,
          .action = act.classification.action,
          .resource = resource,
          .arguments = &act.request.args,
          .policy_revision = rules.policy->revision(),
          .expires_ms = expires_ms};
}

Gate::Gate(Parts parts, Options options, Rules rules) : state_(std::make_unique<State>()) {
  state_->parts = std::move(parts);
  state_->options = std::move(options);
  state_->rules = std::move(rules);
  auto* state = state_.get();
  state->parts.tasks->set_hooks({.record = [state](const task::TaskEvent& event) { return state->record_task(event); },
                                 .recorded_ends = [state](const std::vector<std::string>& ids) { return state->recorded_ends(ids); },
                                 .on_end =
                                     [state](const task::TaskRecord& record) {
                                       if (state->parts.leases != nullptr) state->parts.leases->end_task(record.id, record.end_reason);
                                       state->tell_watchers(record.id);
                                       if (!record.killed) return;
                                       const auto report = state->cut([&](const Act& act) { return act.task == record.id; },
                                                                      "task " + record.id + " was " + record.end_reason,
                                                                      "a human has stopped this; do not try again or another way");
                                       state->cut_with_tasks.cut += report.cut;
                                       state->cut_with_tasks.held += report.held;
                                     }});
  if (state->parts.leases != nullptr)
    state->parts.leases->set_record([state](const credential::LeaseEvent& event) { return state->record_lease(event); });
}

Gate::~Gate() {
  state_->parts.tasks->set_hooks({});
  if (state_->parts.leases != nullptr) state_->parts.leases->set_record({});
}

void Gate::replace_rules(Rules rules) {
  state_->rules = std::move(rules);
  state_->scopes.clear();  // the workspace may be another
}
const Rules& Gate::rules() const { return state_->rules; }
bool Gate::observes() const { return state_->rules.policy->observes(); }
bool Gate::elicitation_counts() const { return state_->options.elicitation_counts; }

Result<ledger::Sequence> Gate::State::record_attempt(const Act& act) const {
  auto receipt = receipt_of(act, model::ReceiptKind::kAttempt);
  const auto& verdict = act.verdict;
  receipt.verdict = model::verdict_name(verdict.kind);
  receipt.layer = model::layer_name(verdict.layer);
  auto& detail = receipt.detail;
  detail["operation"] = act.request.operation;
  detail["target"] = without_credentials(act.request.target);
  detail["args"] = recorded_arguments(act.request.args, act.classification.sensitive_args, options.arguments, salt);
  detail["revision"] = verdict.policy_revision;
  if (!verdict.policies.empty()) detail["policies"] = texts(verdict.policies);
  if (!verdict.reason.empty()) detail["reason"] = verdict.reason;
  if (!verdict.errors.empty()) detail["errors"] = texts(verdict.errors);
  if (!verdict.shadow.empty()) detail["shadow"] = texts(verdict.shadow);
  if (verdict.observed) detail["would"] = model::verdict_name(verdict.would);
  if (!act.classification.known) detail["known"] = false;
  if (!act.approval.empty()) detail["approval"] = act.approval;
  if (act.covered) detail["covered"] = true;
  if (!verdict.redact.empty()) detail["redacted"] = texts(verdict.redact);
  if (act.request.sandboxed) detail["sandboxed"] = true;
  if (!act.classification.parts.empty()) {
    json::array all;
    for (const auto& part : act.classification.parts) {
      all.push_back(json::object{{"action", part.what.action},
                                 {"resource", without_credentials(model::text_of(part.what.resource))},
                                 {"band", static_cast<std::int64_t>(part.what.band)}});
      if (all.size() == kPartsRecorded) break;
    }
    detail["parts"] = std::move(all);
  }
  if (!act.request.trace_parent.empty()) detail["traceparent"] = act.request.trace_parent;
  describe_identity(act.caller.subject, detail);
  if (!act.classification.further_resources.empty()) {
    json::array more;
    for (const auto& named : act.classification.further_resources) more.emplace_back(without_credentials(model::text_of(named.resource)));
    detail["further_resources"] = std::move(more);
  }
  return parts.ledger->append(receipt);
}

std::optional<model::Task> Gate::State::enter_task(Act& act) {
  if (is_killed(act)) return std::nullopt;
  const auto& caller = act.caller;
  if (parts.highest_band && !act.request.starts_server) {
    const auto highest = parts.highest_band(caller.subject);
    if (act.classification.band > highest) {
      deny(act.verdict, model::Layer::kIdentity,
           "the act is of band " + std::to_string(static_cast<int>(act.classification.band)) + ", and agent \"" + caller.subject.id +
               "\" may act up to band " + std::to_string(static_cast<int>(highest)),
           "its owner can raise `bands` of this agent in interlock.yaml");
      return std::nullopt;
    }
  }
  auto entered = parts.tasks->enter({.subject = caller.subject,
                                     .session = caller.session,
                                     .task = caller.task,
                                     .band = act.classification.band,
                                     .any_band = act.grant.has_value() || act.request.starts_server},
                                    parts.clock->now_ms());
  if (!entered) {
    deny(act.verdict, model::Layer::kTask, std::move(entered.error().message), std::move(entered.error().hint));
    return std::nullopt;
  }
  act.task = (*entered)->id;
  return **entered;
}

void Gate::State::judge(Act& act, const model::Task& task, bool approved) {
  act.verdict = rules.policy->decide({.subject = act.caller.subject,
                                      .task = &task,
                                      .request = act.request,
                                      .classification = act.classification,
                                      .approved = approved,
                                      .now_ms = parts.clock->now_ms()});
  if (act.grant) {
    // It is about the scope, and is not held against it. Scopes hold while policy only observes, so what widens them does, too.
    if (act.verdict.observed) act.verdict.kind = act.verdict.would;
    act.verdict.observed = false;
    return;
  }
  // Scopes and ceilings are about what an agent asks for. A server is started because it is configured; what it is asked is held against
  // them call by call.
  const bool may_pass = act.verdict.allows() || act.verdict.kind == model::VerdictKind::kStepUp;
  if (may_pass && !act.request.starts_server) apply_scopes(act, task, approved);
  if (act.verdict.allows()) check_credentials(act);
  if (act.verdict.kind == model::VerdictKind::kModify && !act.request.can_modify) {
    deny(act.verdict, model::Layer::kPolicy,
         "policy lets it through with some of its arguments blanked (@redact), and here they cannot be changed",
         "leave these arguments out, and ask again");
  }
}

std::shared_ptr<Act> Gate::admit(Caller caller, model::ActionRequest request, const json::object* definition,
                                 std::optional<Refusal> refusal, AdmitHandlers handlers) {
  auto act = std::make_shared<Act>();
  act->id = new_id("act", state_->parts.clock->now_ms());
  act->started_ns = steady_ns();
  act->caller = std::move(caller);
  act->request = std::move(request);
  act->classification = state_->rules.catalogue->classify(act->request, definition);
  const bool is_shown = refusal && refusal->layer == model::Layer::kSchema && may_ever(act->caller, act->request, definition);
  state_->admit(act, std::move(refusal), is_shown, std::move(handlers));
  return act;
}

// `is_shown`: the caller may see what it asked for, so it may be told what is wrong with its arguments.
void Gate::State::admit(const std::shared_ptr<Act>& act, std::optional<Refusal> refusal, bool is_shown, AdmitHandlers handlers) {
  act->verdict.policy_revision = rules.policy->revision();
  if (const auto task = enter_task(*act)) {
    judge(*act, *task, false);
    cover(*act, *task);
    const bool may_pass = act->verdict.allows() || act->verdict.kind == model::VerdictKind::kStepUp;
    // What policy says of arguments that the tool would not take helps nobody, where the caller may see what it takes.
    const bool is_malformed = refusal && refusal->layer == model::Layer::kSchema && is_shown;
    if (refusal && (may_pass || is_malformed)) {
      if (rules.policy->observes() && refusal->layer != model::Layer::kServer && !act->grant) {
        // Shadow mode denies nothing; the receipt says what would have been.
        act->verdict.observed = true;
        act->verdict.would = model::VerdictKind::kDeny;
        act->verdict.reason = refusal->reason;
        act->verdict.layer = refusal->layer;
      } else {
        deny(act->verdict, refusal->layer, std::move(refusal->reason), std::move(refusal->next));
      }
    }
  }
  if (act->verdict.kind == model::VerdictKind::kStepUp) return hold(act, std::move(handlers));
  charge(*act);
  verdict_reached(act, std::move(handlers), record_attempt(*act));
}

// A command that a human approved as part of its line goes through as it starts.
void Gate::State::cover(Act& act, const model::Task& task) {
  if (act.verdict.kind != model::VerdictKind::kStepUp || act.request.operation != "execve") return;
  // Of a program that is several acts only those need a yes that policy asks about.
  auto asked = act.classification;
  std::erase_if(asked.parts, [&](const model::ActPart& part) {
    model::ActionRequest request = act.request;
    request.args = part.args;
    return rules.policy
        ->decide({.subject = act.caller.subject,
                  .task = &task,
                  .request = request,
                  .classification = part.what,
                  .approved = false,
                  .now_ms = parts.clock->now_ms()})
        .allows();
  });
  if (asked.parts.empty() && !act.classification.parts.empty()) return;  // its task's scope asks
  auto approval = covered.take(act.task, act.request, asked, parts.clock->now_ms());
  if (!approval) return;
  act.approval = std::move(*approval);
  act.covered = true;
  judge(act, task, true);
}

// Hands the verdict out, once its receipt is as durable as the band demands.
void Gate::State::verdict_reached(std::shared_ptr<Act> act, AdmitHandlers handlers, Result<ledger::Sequence> recorded) {
  act->decided = true;
  if (!recorded) {
    deny(act->verdict, model::Layer::kLedger, "the attempt cannot be recorded: " + recorded.error().message,
         recorded.error().hint.empty() ? "free disk space or mend the state folder; nothing is done unrecorded" : recorded.error().hint);
    return handlers.on_verdict(act);
  }
  if (!act->verdict.allows()) return handlers.on_verdict(act);
  forget(act.get());  // one that was let go of may have stood at this address
  running.emplace(act.get(), RunningAct{.act = act, .on_cut = std::move(handlers.on_cut)});
  if (!is_durable_before_act(act->classification.band)) return hand_out(act, handlers);
  parts.ledger->when_durable(*recorded, [this, act, handlers = std::move(handlers)](Status status) {
    if (!status && !act->cut)
      deny(act->verdict, model::Layer::kLedger, "the attempt cannot be made durable: " + status.error().message, status.error().hint);
    hand_out(act, handlers);
  });
}

// Its credentials first: they are there when the verdict is.
void Gate::State::hand_out(const std::shared_ptr<Act>& act, const AdmitHandlers& handlers) {
  if (act->withdrawn || !act->verdict.allows()) return tell(act, handlers);
  if (auto wanted = wanted_credentials(act->request, act->verdict); !wanted.empty()) return lease(act, handlers, std::move(wanted));
  tell(act, handlers);
}

void Gate::State::tell(const std::shared_ptr<Act>& act, const AdmitHandlers& handlers) {
  if (act->withdrawn || !act->verdict.allows()) {
    release_leases(*act);
    running.erase(act.get());
    if (!act->withdrawn) handlers.on_verdict(act);
    return;
  }
  if (act->verdict.kind == model::VerdictKind::kModify) blank(act->request.args, act->verdict.redact);
  if (act->grant) {
    apply_grant(*act);
    running.erase(act.get());
  } else if (const auto it = running.find(act.get()); it != running.end()) {
    it->second.told = true;
  }
  handlers.on_verdict(act);
}

void Gate::State::hold(std::shared_ptr<Act> act, AdmitHandlers handlers) {
  const auto expires_ms = parts.clock->now_ms() + options.approval_lifetime_ms;
  const auto resource = model::text_of(act->classification.resource);
  act->digest = approval::action_digest(bound(*act, resource, expires_ms));
  approval::ApprovalRequest request;
  request.digest = act->digest;
  request.subject = act->caller.subject.id;
  request.owner = act->caller.subject.owner;
  request.client = act->caller.subject.client;
  request.task = act->task;
  request.server = act->request.server;
  request.operation = act->request.operation;
  request.target = without_credentials(act->request.target);
  request.action = act->classification.action;
  request.resource = without_credentials(resource);
  request.arguments = recorded_arguments(act->request.args, act->classification.sensitive_args, options.arguments, salt);
  // A human cannot judge a text that is hidden: what the catalogue calls sensitive is shown, what looks like a credential is not.
  request.shown_arguments = recorded_arguments(act->request.args, {}, ArgumentRecord::kFull, salt);
  request.band = act->classification.band;
  request.reason = act->verdict.reason;
  request.policies = act->verdict.policies;
  request.policy_revision = rules.policy->revision();
  request.expires_ms = expires_ms;
  request.client_pid = act->caller.client_pid;
  auto asked = parts.approvals->request(std::move(request));
  if (!asked) {
    deny(act->verdict, model::Layer::kApproval, "a human must approve this, and cannot be asked: " + asked.error().message,
         asked.error().hint);
    return verdict_reached(act, std::move(handlers), record_attempt(*act));
  }
  act->approval = asked->id;
  if (auto recorded = record_attempt(*act); !recorded) {
    parts.approvals->withdraw(asked->id, "the attempt cannot be recorded");
    return verdict_reached(act, std::move(handlers), std::move(recorded));
  }
  const auto recorded_args = recorded_arguments(act->request.args, act->classification.sensitive_args, ArgumentRecord::kRedact, salt);
  Held what{.approval_id = asked->id,
            .expires_ms = expires_ms,
            .summary = summary_of(act->request, recorded_args),
            .reason = act->verdict.reason};
  const auto on_held = handlers.on_held;
  held[asked->id] = {act, std::move(handlers), expires_ms};
  if (on_held) on_held(what);
}

void Gate::on_approval(const approval::Approval& approval) {
  auto& state = *state_;
  const auto it = state.held.find(approval.id);
  if (it == state.held.end()) return;
  auto entry = std::move(it->second);
  state.held.erase(it);
  auto act = entry.act;
  auto receipt = state.receipt_of(*act, model::ReceiptKind::kApproval);
  receipt.detail["approval"] = approval.id;
  receipt.detail["digest"] = act->digest;
  receipt.detail["channel"] = approval::channel_name(approval.channel);
  if (!approval.approver.empty()) receipt.detail["approver"] = approval.approver;
  if (!approval.decision_reason.empty()) receipt.detail["reason"] = approval.decision_reason;
  receipt.verdict = approval::state_name(approval.state);
  receipt.layer = model::layer_name(model::Layer::kApproval);

  if (approval.state != approval::ApprovalState::kApproved) {
    const bool expired = approval.state == approval::ApprovalState::kExpired;
    std::string reason = expired ? "the approval expired before a human answered" : "a human refused it";
    if (approval.state == approval::ApprovalState::kLapsed || approval.state == approval::ApprovalState::kWithdrawn)
      reason = "the approval was taken back";
    if (!approval.decision_reason.empty() && !expired) reason += ": " + approval.decision_reason;
    deny(act->verdict, model::Layer::kApproval, std::move(reason),
         expired ? "ask the human in charge, then call again" : "do not repeat the call; ask the human what to do instead");
    return state.verdict_reached(act, std::move(entry.handlers), state.parts.ledger->append(receipt));
  }
  // The digest is computed anew: another policy revision, or anything else that moved, and the yes is for another act.
  const auto digest = approval::action_digest(state.bound(*act, model::text_of(act->classification.resource), entry.expires_ms));
  if (auto used = state.parts.approvals->consume(approval.id, digest); !used) {
    deny(act->verdict, model::Layer::kApproval, "the approval cannot be used: " + used.error().message,
         "call again; the approval is asked for anew");
    receipt.verdict = "unusable";
    return state.verdict_reached(act, std::move(entry.handlers), state.parts.ledger->append(receipt));
  }
  const auto now_ms = state.parts.clock->now_ms();
  const auto may_go_on = state.parts.tasks->may_go_on(act->task, now_ms);
  const auto task = state.parts.tasks->view(act->task, now_ms);
  if (!state.is_killed(*act)) {
    if (may_go_on && task) state.judge(*act, *task, true);
    else deny(act->verdict, model::Layer::kTask, "the task ended while the act was held", "begin a new session");
  }
  state.charge(*act);
  if (act->verdict.allows()) state.covered.add(act->task, act->approval, act->request, act->classification, now_ms);
  if (!act->verdict.allows()) receipt.detail["after"] = act->verdict.reason;
  state.verdict_reached(act, std::move(entry.handlers), state.parts.ledger->append(receipt));
}

Status Gate::decide_in_band(const std::shared_ptr<Act>& act, bool yes) {
  approval::Approver approver;
  approver.channel = approval::Channel::kElicitation;
  approver.name = act->caller.subject.client;
  auto decided = state_->parts.approvals->decide(act->approval, yes, approver, yes ? "" : "declined in the client");
  if (!decided) return fail(std::move(decided.error()));
  return {};
}

void Gate::withdraw(const std::shared_ptr<Act>& act, std::string_view why) {
  auto& state = *state_;
  act->withdrawn = true;
  state.release_leases(*act);
  if (act->approval.empty() || state.held.erase(act->approval) == 0) return;
  state.parts.approvals->withdraw(act->approval, why);
  auto receipt = state.receipt_of(*act, model::ReceiptKind::kApproval);
  receipt.verdict = approval::state_name(approval::ApprovalState::kWithdrawn);
  receipt.layer = model::layer_name(model::Layer::kApproval);
  receipt.detail["approval"] = act->approval;
  receipt.detail["reason"] = why;
  (void)state.parts.ledger->append(receipt);
}

void Gate::observe(const std::shared_ptr<Act>& act, const ActOutcome& outcome, std::function<void(Status)> release) {
  auto& state = *state_;
  state.release_leases(*act);
  if (act->cut) return release(fail(ErrorCode::kDenied, act->verdict.reason, act->verdict.next));
  auto receipt = state.receipt_of(*act, model::ReceiptKind::kResult);
  receipt.verdict = outcome.kind;
  receipt.layer = model::layer_name(model::Layer::kServer);
  receipt.detail["duration_us"] = (steady_ns() - act->started_ns) / 1000;
  if (!outcome.result_text.empty()) {
    receipt.detail["result_bytes"] = outcome.result_text.size();
    receipt.detail["result_sha256"] = to_hex(sha256(outcome.result_text));
  } else if (outcome.streamed_sha256) {
    receipt.detail["result_bytes"] = outcome.streamed_bytes;
    receipt.detail["result_sha256"] = to_hex(*outcome.streamed_sha256);
  }
  if (!outcome.note.empty()) receipt.detail["note"] = without_credentials(utf8_prefix(outcome.note, kNoteBytes));
  auto recorded = state.parts.ledger->append(receipt);
  if (!recorded || !is_durable_before_release(act->classification.band)) {
    state.running.erase(act.get());
    if (!recorded) return release(fail(std::move(recorded.error())));
    return release({});
  }
  // The kill switch reaches it until its result is out.
  if (const auto it = state.running.find(act.get()); it != state.running.end()) it->second.recorded = true;
  state.parts.ledger->when_durable(*recorded, [&state, act, release = std::move(release)](Status status) {
    state.running.erase(act.get());
    if (act->cut) status = fail(ErrorCode::kDenied, act->verdict.reason, act->verdict.next);
    release(std::move(status));
  });
}

bool Gate::may_ever(const Caller& caller, const model::ActionRequest& request, const json::object* definition) const {
  const auto& state = *state_;
  const bool resource_known = request.operation == "resources/read";  // else it may hang from arguments
  for (const auto& classification : state.rules.catalogue->possible(request, definition)) {
    if (state.rules.policy->may_ever({.subject = caller.subject,
                                      .task = nullptr,
                                      .request = request,
                                      .classification = classification,
                                      .approved = false,
                                      .now_ms = 0},
                                     resource_known)) {
      return true;
    }
  }
  return false;
}

Status Gate::record(model::Receipt receipt) {
  auto appended = state_->parts.ledger->append(receipt);
  if (!appended) return fail(std::move(appended.error()));
  return {};
}

void Gate::end_session(const Caller& caller, std::string_view why) {
  (void)why;
  state_->parts.tasks->end_session(caller.subject.id, caller.session, state_->parts.clock->now_ms());
}

void Gate::tick() {
  state_->take_over_kills();
  state_->parts.approvals->expire_due();
  state_->parts.tasks->tick(state_->parts.clock->now_ms());
  std::vector<const Act*> gone;
  for (const auto& [act, entry] : state_->running) {
    if (entry.act.expired()) gone.push_back(act);
  }
  for (const auto* act : gone) state_->forget(act);
  if (state_->parts.leases != nullptr) state_->parts.leases->tick();
}

}  // namespace interlock::gate
