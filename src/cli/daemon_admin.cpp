// What the admin socket of a gate can be asked, answered from its organs.
#include <unistd.h>

#include "base/ids.hpp"
#include "catalogue/catalogue.hpp"
#include "cli/daemon.hpp"
#include "cli/secret_operations.hpp"
#include "cli/state_operations.hpp"
#include "identity/identity.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {
api::AdminOperations Daemon::operations() {
  api::AdminOperations out;
  out.status = [this]() -> Result<json::object> { return describe_status(); };
  out.may_administer = [this](const api::AdminCaller& caller) { return organs_->approvals->may_administer(approver_of(caller)); };
  out.approvals = [this]() -> Result<json::array> {
    json::array list;
    for (const auto& approval : organs_->approvals->pending()) list.emplace_back(to_json_for_approver(approval));
    return list;
  };
  out.approval = [this](std::string_view id) -> Result<json::object> {
    const auto found = organs_->approvals->find(id);
    if (!found) return fail(ErrorCode::kNotFound, "no approval has the id " + std::string(id), "see `interlock approvals`");
    return to_json_for_approver(*found);
  };
  out.decide = [this](const api::AdminCaller& caller, const api::DecisionOrder& order) -> Result<json::object> {
    auto decided = organs_->approvals->decide(order.id, order.yes, approver_of(caller, order.passphrase), order.reason, order.digest);
    if (!decided) return fail(std::move(decided.error()));
    return to_json(*decided);
  };
  out.pins = [this]() -> Result<json::array> {
    auto pins = organs_->pins->list();
    if (!pins) return fail(std::move(pins.error()));
    json::array list;
    for (const auto& pin : *pins) list.emplace_back(to_json(pin));
    return list;
  };
  out.change_pins = [this](const api::AdminCaller& caller, const api::PinOrder& order) { return change_pins(caller, order); };
  out.reload = [this](const api::AdminCaller& caller) -> Result<json::object> {
    if (auto may = organs_->approvals->may_administer(approver_of(caller)); !may) return fail(std::move(may.error()));
    return reload(identity::user_name(caller.uid));
  };
  out.tasks = task_operations(*organs_);
  out.agents = agent_operations(*organs_);
  out.secrets = secret_operations(*organs_, config_);
  out.leases = lease_operations(*organs_);
  if (oauth_) out.servers = oauth_->operations();
  out.sessions = [this]() -> Result<json::array> { return surface_->describe_sessions(); };
  return out;
}

Result<json::object> Daemon::change_pins(const api::AdminCaller& caller, const api::PinOrder& order) {
  const auto approver = approver_of(caller);
  if (auto may = organs_->approvals->may_administer(approver); !may) return fail(std::move(may.error()));
  const bool trust = order.operation == api::PinOrder::Operation::kTrust;
  const auto changed =
      trust ? organs_->pins->trust(order.server, order.tool, order.hash, approver.name) : organs_->pins->reset(order.server, order.tool);
  if (!changed) return fail(changed.error());
  if (*changed > 0) {
    model::Receipt receipt;
    receipt.kind = model::ReceiptKind::kPin;
    receipt.at_ms = organs_->clock.now_ms();
    receipt.act = new_id("pin", receipt.at_ms);
    receipt.server = order.server;
    if (!order.tool.empty()) receipt.action = order.server + "/" + order.tool;
    receipt.verdict = trust ? "trusted" : "reset";
    receipt.layer = model::layer_name(model::Layer::kPins);
    receipt.detail = json::object{{"by", approver.name}, {"changed", *changed}};
    if (!order.hash.empty()) receipt.detail["seen"] = order.hash;
    record(std::move(receipt));
  }
  return json::object{{"changed", *changed}};
}

json::object Daemon::describe_status() const {
  const auto& rules = gate().rules();
  json::object servers;
  for (const auto& server : config_.servers) servers[server.name] = std::string(rules.catalogue->entry_of(server.name));
  json::object out{{"pid", static_cast<std::int64_t>(::getpid())},
                   {"role", setup_.role},
                   {"version", INTERLOCK_VERSION},
                   {"started", rfc3339(started_ms_)},
                   {"listening", listening_},
                   {"config", config_.source.string()},
                   {"preset", preset_name(config_.preset)},
                   {"policy_revision", rules.policy->revision()},
                   {"policies", rules.policy->policy_ids().size()},
                   {"catalogue_revision", rules.catalogue->revision()},
                   {"servers", std::move(servers)},
                   {"sessions", surface_->sessions()},
                   {"tasks", organs_->tasks->size()},
                   {"held", organs_->approvals->pending().size()},
                   {"ledger", organs_->ledger->log_folder().string()},
                   {"stopping", stopping_}};
  out["identity"] = identity_->describe();
  out["credentials"] = credentials_->describe();
  if (egress_) out["egress"] = egress_->describe();
  if (exec_) out["runs"] = exec_->surface().describe();
  if (!last_refusal_.empty()) out["refused"] = last_refusal_;
  if (const auto trouble = organs_->ledger->trouble()) out["trouble"] = trouble->text();
  return out;
}

}  // namespace interlock::cli
