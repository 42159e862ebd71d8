#include "gate/gate.hpp"

#include <unordered_map>

#include "approval/approvals.hpp"
#include "approval/pins.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "catalogue/catalogue.hpp"
#include "gate/record.hpp"
#include "ledger/ledger.hpp"
#include "policy/policy_engine.hpp"
#include "task/task.hpp"

namespace interlock::gate {
namespace {

constexpr std::size_t kRememberedDefinitions = 20'000;
constexpr std::size_t kNoteBytes = 500;  // of what a server says of its failure

bool is_durable_before_act(model::Band band) { return band >= model::Band::kSensitive; }
bool is_durable_before_release(model::Band band) { return band >= model::Band::kRoutine; }

// What a refusal of the surface or of an organ looks like as a verdict.
void deny(model::Verdict& verdict, model::Layer layer, std::string reason, std::string next) {
  verdict.kind = model::VerdictKind::kDeny;
  verdict.observed = false;
  verdict.layer = layer;
  verdict.reason = std::move(reason);
  verdict.next = std::move(next);
}

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

}  // namespace

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

  struct Checked {
    Digest digest{};
    std::uint64_t epoch = 0;
    std::optional<Refusal> refusal;
  };
  std::unordered_map<std::string, Checked> definitions;  // by server NUL tool

  model::Receipt receipt_of(const Act& act, model::ReceiptKind kind) const {
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

  approval::BoundAct bound(const Act& act, const std::string& resource, UnixMs expires_ms) const {
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

  Result<ledger::Sequence> record_attempt(const Act& act) const;
  void verdict_reached(std::shared_ptr<Act> act, AdmitHandlers handlers, Result<ledger::Sequence> recorded);
  void hold(std::shared_ptr<Act> act, AdmitHandlers handlers);
  std::optional<model::Task> enter_task(Act& act);
};

Gate::Gate(Parts parts, Options options, Rules rules) : state_(std::make_unique<State>()) {
  state_->parts = parts;
  state_->options = options;
  state_->rules = std::move(rules);
}
Gate::~Gate() = default;

void Gate::replace_rules(Rules rules) { state_->rules = std::move(rules); }
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
  if (!act.request.trace_parent.empty()) detail["traceparent"] = act.request.trace_parent;
  if (!act.caller.subject.client.empty()) detail["client"] = act.caller.subject.client;
  if (!act.classification.further_resources.empty()) {
    json::array more;
    for (const auto& named : act.classification.further_resources) more.emplace_back(without_credentials(model::text_of(named.resource)));
    detail["further_resources"] = std::move(more);
  }
  return parts.ledger->append(receipt);
}

std::optional<model::Task> Gate::State::enter_task(Act& act) {
  const auto now_ms = parts.clock->now_ms();
  auto opened = parts.tasks->open_implicit(act.caller.subject, act.caller.session, now_ms);
  if (!opened) {
    deny(act.verdict, model::Layer::kTask, opened.error().message, opened.error().hint);
    return std::nullopt;
  }
  act.task = (*opened)->id;
  auto admitted = parts.tasks->admit(act.task, now_ms, act.classification.band);
  if (!admitted) {
    deny(act.verdict, model::Layer::kTask, admitted.error().message, admitted.error().hint);
    return std::nullopt;
  }
  return **admitted;
}

std::shared_ptr<Act> Gate::admit(Caller caller, model::ActionRequest request, const json::object* definition,
                                 std::optional<Refusal> refusal, AdmitHandlers handlers) {
  auto& state = *state_;
  const Rules rules = state.rules;
  const auto now_ms = state.parts.clock->now_ms();
  auto act = std::make_shared<Act>();
  act->id = new_id("act", now_ms);
  act->started_ns = steady_ns();
  act->caller = std::move(caller);
  act->request = std::move(request);
  act->classification = rules.catalogue->classify(act->request, definition);
  act->verdict.policy_revision = rules.policy->revision();

  const auto task = state.enter_task(*act);
  if (task) {
    act->verdict = rules.policy->decide({.subject = act->caller.subject,
                                         .task = &*task,
                                         .request = act->request,
                                         .classification = act->classification,
                                         .approved = false,
                                         .now_ms = now_ms});
    const bool may_pass = act->verdict.allows() || act->verdict.kind == model::VerdictKind::kStepUp;
    // What policy says of arguments that the tool would not take helps nobody, where the caller may see what it takes.
    const bool is_malformed = refusal && refusal->layer == model::Layer::kSchema && may_ever(act->caller, act->request, definition);
    if (refusal && (may_pass || is_malformed)) {
      if (rules.policy->observes() && refusal->layer != model::Layer::kServer) {
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
  if (act->verdict.kind == model::VerdictKind::kStepUp) {
    state.hold(act, std::move(handlers));
    return act;
  }
  state.verdict_reached(act, std::move(handlers), state.record_attempt(*act));
  return act;
}

// Hands the verdict out, once its receipt is as durable as the band demands.
void Gate::State::verdict_reached(std::shared_ptr<Act> act, AdmitHandlers handlers, Result<ledger::Sequence> recorded) {
  act->decided = true;
  if (!recorded) {
    deny(act->verdict, model::Layer::kLedger, "the attempt cannot be recorded: " + recorded.error().message,
         recorded.error().hint.empty() ? "free disk space or mend the state folder; nothing is done unrecorded" : recorded.error().hint);
    return handlers.on_verdict(act);
  }
  if (!act->verdict.allows() || !is_durable_before_act(act->classification.band)) return handlers.on_verdict(act);
  parts.ledger->when_durable(*recorded, [act, on_verdict = std::move(handlers.on_verdict)](Status status) {
    if (act->withdrawn) return;
    if (!status)
      deny(act->verdict, model::Layer::kLedger, "the attempt cannot be made durable: " + status.error().message, status.error().hint);
    on_verdict(act);
  });
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
  const auto task = state.parts.tasks->find(act->task, now_ms);
  if (!task) {
    deny(act->verdict, model::Layer::kTask, "the task ended while the act was held", "begin a new session");
  } else {
    act->verdict = state.rules.policy->decide({.subject = act->caller.subject,
                                               .task = &*task,
                                               .request = act->request,
                                               .classification = act->classification,
                                               .approved = true,
                                               .now_ms = now_ms});
  }
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
  auto receipt = state.receipt_of(*act, model::ReceiptKind::kResult);
  receipt.verdict = outcome.kind;
  receipt.layer = model::layer_name(model::Layer::kServer);
  receipt.detail["duration_us"] = (steady_ns() - act->started_ns) / 1000;
  if (!outcome.result_text.empty()) {
    receipt.detail["result_bytes"] = outcome.result_text.size();
    receipt.detail["result_sha256"] = to_hex(sha256(outcome.result_text));
  }
  if (!outcome.note.empty()) receipt.detail["note"] = without_credentials(utf8_prefix(outcome.note, kNoteBytes));
  auto recorded = state.parts.ledger->append(receipt);
  if (!recorded) return release(fail(std::move(recorded.error())));
  if (!is_durable_before_release(act->classification.band)) return release({});
  state.parts.ledger->when_durable(*recorded, std::move(release));
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

std::uint64_t Gate::pin_epoch() { return state_->parts.pins->epoch(); }

std::optional<Refusal> Gate::check_definition(const std::string& server, const std::string& tool, const json::object& definition,
                                              const Digest& digest) {
  auto& state = *state_;
  const auto epoch = state.parts.pins->epoch();
  const auto key = server + '\0' + tool;
  if (const auto it = state.definitions.find(key);
      it != state.definitions.end() && it->second.epoch == epoch && it->second.digest == digest) {
    return it->second.refusal;
  }
  std::optional<Refusal> refusal;
  auto pin = state.parts.pins->check(server, tool, json::value(definition));
  const std::string command = " with: interlock pins trust --server " + server + " --tool " + tool;
  if (!pin) {
    refusal =
        Refusal{model::Layer::kPins, "the definition of tool " + tool + " cannot be checked: " + pin.error().message, pin.error().hint};
  } else {
    if (pin->status == approval::PinStatus::kChanged) {
      refusal =
          Refusal{model::Layer::kPins,
                  "the definition of tool " + tool + " on server " + server + " has changed since it was trusted (" + pin->summary + ")",
                  "a human must look at it and trust it" + command};
    } else if (pin->status == approval::PinStatus::kNew) {
      refusal = Refusal{model::Layer::kPins, "tool " + tool + " on server " + server + " has never been trusted",
                        "a human must look at it and trust it" + command};
    }
    if (pin->first || pin->status == approval::PinStatus::kChanged) {
      model::Receipt receipt;
      receipt.kind = model::ReceiptKind::kPin;
      receipt.act = new_id("pin", state.parts.clock->now_ms());
      receipt.at_ms = state.parts.clock->now_ms();
      receipt.surface = "mcp";
      receipt.server = server;
      receipt.action = server + "/" + tool;
      receipt.verdict = refusal ? "quarantined" : "pinned";
      receipt.layer = model::layer_name(model::Layer::kPins);
      receipt.detail["seen"] = pin->seen_hash;
      if (!pin->pinned_hash.empty()) receipt.detail["pinned"] = pin->pinned_hash;
      if (!pin->summary.empty()) receipt.detail["summary"] = pin->summary;
      if (auto recorded = record(std::move(receipt)); !recorded) {
        refusal = Refusal{model::Layer::kLedger, "the definition of tool " + tool + " cannot be recorded: " + recorded.error().message,
                          recorded.error().hint};
        return refusal;  // not remembered: the disk may have room again
      }
    }
  }
  if (state.definitions.size() >= kRememberedDefinitions) state.definitions.clear();
  state.definitions[key] = {digest, state.parts.pins->epoch(), refusal};
  return refusal;
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
  state_->parts.approvals->expire_due();
  state_->parts.tasks->expire_due(state_->parts.clock->now_ms());
}

}  // namespace interlock::gate
