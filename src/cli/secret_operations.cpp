#include "cli/secret_operations.hpp"

#include "base/ids.hpp"
#include "cli/rekey.hpp"
#include "cli/state_operations.hpp"
#include "identity/identity.hpp"

namespace interlock::cli {
namespace {

using Operation = api::SecretOrder::Operation;

// What has happened is not undone for want of its receipt, but whoever did it is told.
Status record(Organs& organs, model::Receipt receipt) {
  auto recorded = organs.gate->record(std::move(receipt));
  if (recorded) return {};
  return fail(recorded.error().code, "it is done, and cannot be recorded: " + recorded.error().message, recorded.error().hint);
}

std::string_view name_of(const api::SecretOrder& order) {
  switch (order.operation) {
    case Operation::kSet: return order.imported ? "imported" : "set";
    case Operation::kRotate: return "rotated";
    case Operation::kRule: return "rule";
    case Operation::kRemove: return "removed";
  }
  return "";
}

Status apply(credential::Vault& vault, const api::SecretOrder& order, credential::Secret value, std::string_view by) {
  const credential::SecretRule rule{.max_age_ms = order.max_age_ms, .overlap_ms = order.overlap_ms};
  switch (order.operation) {
    case Operation::kSet: return vault.set(order.name, std::move(value), order.note, rule, by);
    case Operation::kRule: return vault.set_rule(order.name, rule);
    case Operation::kRemove: return vault.remove(order.name);
    case Operation::kRotate: break;
  }
  auto rotated = vault.rotate(order.name, std::move(value), by);
  if (!rotated) return fail(std::move(rotated.error()));
  return {};
}

Result<json::object> change(Organs& organs, const api::AdminCaller& caller, api::SecretOrder order) {
  auto value = credential::Secret::take(std::move(order.value));
  if (auto may = organs.approvals->may_administer(approver_of(caller)); !may) return fail(std::move(may.error()));
  auto& vault = *organs.vault;
  const auto by = identity::user_name(caller.uid);
  auto meta = Result<credential::SecretMeta>();
  if (order.operation == Operation::kRemove) meta = vault.meta(order.name);  // as it was
  if (meta) {
    if (auto applied = apply(vault, order, std::move(value), by); !applied) return fail(std::move(applied.error()));
    if (order.operation != Operation::kRemove) meta = vault.meta(order.name);
  }
  if (!meta) return fail(std::move(meta.error()));
  if (auto recorded = record(organs, secret_receipt(*meta, name_of(order), by, organs.clock.now_ms())); !recorded)
    return fail(std::move(recorded.error()));
  return to_json(*meta);
}

Result<json::object> rekey(Organs& organs, const Config& config, const api::AdminCaller& caller, const api::RekeyOrder& order) {
  if (auto may = organs.approvals->may_administer(approver_of(caller)); !may) return fail(std::move(may.error()));
  const auto now = organs.clock.now_ms();
  const auto done = rekey_store(*organs.sealed, config.secrets, config.state_dir, order.new_key_file, order.keep_data_key, now);
  if (!done) return fail(done.error());
  json::object out{{"master", done->master},
                   {"finished", done->finished},
                   {"sealed_anew", done->rotation.sealed_anew},
                   {"keys_dropped", done->rotation.keys_dropped},
                   {"left", done->rotation.left}};
  auto receipt = secret_receipt({}, "rekeyed", identity::user_name(caller.uid), now);
  for (const auto& member : out) receipt.detail[member.key()] = member.value();
  if (auto recorded = record(organs, std::move(receipt)); !recorded) return fail(std::move(recorded.error()));
  if (!done->next.empty()) out["next"] = done->next;
  return out;
}

}  // namespace

model::Receipt secret_receipt(const credential::SecretMeta& meta, std::string_view what, std::string_view by, UnixMs now_ms) {
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kSecret;
  receipt.at_ms = now_ms;
  receipt.act = new_id("secret", now_ms);
  receipt.verdict = what;
  receipt.layer = model::layer_name(model::Layer::kCredential);
  if (!meta.name.empty()) receipt.detail["name"] = meta.name;
  if (!meta.versions.empty()) receipt.detail["version"] = meta.versions.front().number;
  if (!by.empty()) receipt.detail["by"] = by;
  if (meta.overdue_since_ms != 0) receipt.detail["overdue_since"] = rfc3339(meta.overdue_since_ms);
  return receipt;
}

std::vector<credential::SecretRuleByName> secret_rules(const Config& config) {
  std::vector<credential::SecretRuleByName> out;
  for (const auto& rule : config.secrets.rules) out.push_back({rule.match, {rule.max_age_ms, rule.overlap_ms}});
  return out;
}

api::SecretOperations secret_operations(Organs& organs, const Config& config) {
  api::SecretOperations out;
  out.list = [&organs]() -> Result<json::array> {
    const auto all = organs.vault->list();
    if (!all) return fail(all.error());
    json::array list;
    for (const auto& meta : *all) list.emplace_back(to_json(meta));
    return list;
  };
  out.find = [&organs](std::string_view name) -> Result<json::object> {
    const auto meta = organs.vault->meta(name);
    if (!meta) return fail(meta.error());
    return to_json(*meta);
  };
  out.change = [&organs](const api::AdminCaller& caller, api::SecretOrder order) { return change(organs, caller, std::move(order)); };
  out.rekey = [&organs, &config](const api::AdminCaller& caller, const api::RekeyOrder& order) {
    return rekey(organs, config, caller, order);
  };
  return out;
}

api::LeaseOperations lease_operations(Organs& organs) {
  api::LeaseOperations out;
  out.list = [&organs](bool with_ended) -> Result<json::array> {
    json::array list;
    for (const auto& lease : organs.leases->list(with_ended)) list.emplace_back(to_json(lease));
    return list;
  };
  out.revoke = [&organs](const api::AdminCaller& caller, std::string_view id, const std::string& reason,
                         std::function<void(Result<json::object>)> done) {
    // Taking back is never too much: whoever may speak to the socket at all may do it, as with the kill switch.
    organs.leases->revoke(id, identity::user_name(caller.uid), reason,
                          [&organs, id = std::string(id), done = std::move(done)](const Status& revoked) {
                            if (!revoked) return done(fail(revoked.error()));
                            const auto lease = organs.leases->find(id);
                            done(lease ? to_json(*lease) : json::object{{"id", id}});
                          });
  };
  return out;
}

}  // namespace interlock::cli
