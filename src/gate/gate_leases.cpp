// The credentials of an act: leased once it is allowed and recorded, given back when it is over.
#include "gate/gate_state.hpp"
#include "gate/leasing.hpp"

namespace interlock::gate {
namespace {

constexpr std::string_view kStartServer = "interlock/start_server";

std::string uses_of(const model::ActionRequest& request) {
  std::string out;
  for (const auto& use : request.credentials) out.append(out.empty() ? "" : ", ").append(use.name);
  return out.empty() ? "none" : out;
}

}  // namespace

// What a permit names has to be of use here: an act that went on without it would be another than the one permitted.
void Gate::State::check_credentials(Act& act) const {
  const auto name = unusable_credential(act.request, act.verdict);
  if (name.empty() || act.verdict.observed) return;
  deny(act.verdict, model::Layer::kCredential,
       "a policy performs this act with the credential \"" + std::string(name) + "\", which \"" + act.request.server +
           "\" has no use for (it has: " + uses_of(act.request) + ")",
       "name it in the `credentials` of this server in interlock.yaml, or mend @credential");
}

// Allowed and recorded as such, and yet not done: the record says why.
void Gate::State::no_lease(const std::shared_ptr<Act>& act, const AdmitHandlers& handlers, std::string reason, std::string next) {
  if (!act->cut) {  // else the kill switch has said why
    deny(act->verdict, model::Layer::kCredential, std::move(reason), std::move(next));
    auto receipt = receipt_of(*act, model::ReceiptKind::kResult);
    receipt.verdict = "failed";
    receipt.layer = model::layer_name(model::Layer::kCredential);
    receipt.detail["duration_us"] = (steady_ns() - act->started_ns) / 1000;
    receipt.detail["note"] = act->verdict.reason;
    (void)parts.ledger->append(receipt);
  }
  tell(act, handlers);
}

void Gate::State::lease(std::shared_ptr<Act> act, AdmitHandlers handlers, std::vector<std::string> wanted) {
  if (parts.leases == nullptr) {
    return no_lease(act, handlers, "it needs the credential \"" + wanted.front() + "\", and this gate leases none",
                    "add it under `credentials` in interlock.yaml");
  }
  const auto task = parts.tasks->view(act->task, parts.clock->now_ms());
  if (!task) return no_lease(act, handlers, "the task ended before its credential was leased", "begin another task");
  const auto name = std::move(wanted.front());
  wanted.erase(wanted.begin());
  const credential::LeaseOrder order{.credential = name,
                                     .act = act->id,
                                     .task = act->task,
                                     .subject = act->caller.subject.id,
                                     .classification = act->request.starts_server ? nullptr : &act->classification,
                                     .band = act->classification.band,
                                     .task_expires_ms = task->expires_ms};
  parts.leases->acquire(order, [this, act, handlers = std::move(handlers), wanted = std::move(wanted),
                                name](Result<std::shared_ptr<const credential::Lease>> leased) {
    if (!leased) {
      const auto& error = leased.error();
      return no_lease(act, handlers, "the credential \"" + name + "\" cannot be leased: " + error.message,
                      error.hint.empty() ? "ask its owner; `interlock lease list` and the gate's log say more" : error.hint);
    }
    act->leases.push_back(*leased);
    if (const auto it = running.find(act.get()); it != running.end()) it->second.leases.push_back(std::move(*leased));
    // Meanwhile somebody may have taken it back, or stopped it.
    if (act->withdrawn || act->cut || wanted.empty()) return tell(act, handlers);
    lease(act, handlers, wanted);
  });
}

// What was leased to this act alone is revoked; what its task shares stays. A server's own stay with its process.
void Gate::State::release_leases(Act& act) {
  auto leases = std::exchange(act.leases, {});
  if (const auto it = running.find(&act); it != running.end()) it->second.leases.clear();
  if (act.request.starts_server && act.verdict.allows() && !act.withdrawn && !act.cut) return;
  for (const auto& lease : leases) parts.leases->release(lease, act.id);
}

// Its surface let go of it without a word: its address alone is known.
void Gate::State::forget(const Act* act) {
  const auto it = running.find(act);
  if (it == running.end()) return;
  const auto leases = std::move(it->second.leases);
  running.erase(it);
  for (const auto& lease : leases) parts.leases->release(lease, "that nobody waits for");
}

Status Gate::State::record_lease(const credential::LeaseEvent& event) const {
  auto appended = parts.ledger->append(lease_receipt(event, parts.clock->now_ms(), options.role));
  if (!appended) return fail(std::move(appended.error()));
  return {};
}

std::shared_ptr<Act> Gate::start_server(Caller caller, std::string server, std::vector<model::CredentialUse> credentials,
                                        AdmitHandlers handlers) {
  auto& state = *state_;
  auto act = std::make_shared<Act>();
  act->id = new_id("act", state.parts.clock->now_ms());
  act->started_ns = steady_ns();
  act->caller = std::move(caller);
  act->request.surface = "mcp";
  act->request.server = server;
  act->request.operation = "servers/start";
  act->request.target = server;
  act->request.args = json::object();
  act->request.credentials = std::move(credentials);
  act->request.starts_server = true;
  act->classification.action = kStartServer;
  act->classification.effects = {model::Effect::kExecute};
  act->classification.band = model::Band::kRoutine;
  act->classification.resource = {"Server", std::move(server)};
  act->classification.known = true;
  state.admit(act, std::nullopt, true, std::move(handlers));
  return act;
}

bool Gate::is_open(const std::string& task) const {
  return state_->parts.tasks->may_go_on(task, state_->parts.clock->now_ms()).has_value();
}

void Gate::when_task_ends(const std::string& task, std::weak_ptr<const void> who, std::function<void()> work) {
  auto& watchers = state_->task_watchers[task];
  std::erase_if(watchers, [](const auto& one) { return one.who.expired(); });
  watchers.push_back({std::move(who), std::move(work)});
}

void Gate::State::tell_watchers(const std::string& task) {
  const auto found = task_watchers.extract(task);
  if (!found) return;
  for (const auto& [who, work] : found.mapped()) {
    if (const auto alive = who.lock()) work();
  }
}

}  // namespace interlock::gate
