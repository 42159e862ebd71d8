#include "cli/secret_operations.hpp"

#include "base/ids.hpp"
#include "cli/sealing.hpp"
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

// ---- re-keying: both keys open everything until the new one stands where the old one did -----------------------------------------

struct Rekeying {
  Organs& organs;
  SecretsConfig config;
  std::filesystem::path state_folder;

  bool is_writable() const { return config.master_key == MasterKeySource::kFile || config.master_key == MasterKeySource::kKeyring; }

  Result<store::MasterKey> next_key(const api::RekeyOrder& order) const {
    if (config.master_key == MasterKeySource::kPassphrase) {
      if (order.new_key_file.empty())
        return fail(ErrorCode::kInvalid, "the master key comes from a passphrase, and no new one is given",
                    "write it into a file that only you can read, and name that with --new-key-file");
      return key_of_passphrase_file(order.new_key_file, state_folder);
    }
    if (!order.new_key_file.empty()) return store::MasterKey::read_file(order.new_key_file);
    if (is_writable()) return store::MasterKey::generate();
    return fail(ErrorCode::kInvalid, "the master key is a systemd credential, which the gate cannot replace",
                "write 32 random bytes into a file that only you can read, name it with --new-key-file, then make it the credential");
  }

  Status put_in_place(const store::MasterKey& key) const {
    if (config.master_key == MasterKeySource::kKeyring) return key.replace_in_keyring(config.master_key_name);
    return key.replace_file(key_file_of(config, state_folder));
  }

  // The master key stays, its data key is made anew.
  Result<json::object> rotate(json::object out) const {
    const auto report = organs.sealed->rotate_data_key(organs.clock.now_ms());
    if (!report) return fail(report.error());
    out["sealed_anew"] = report->sealed_anew;
    out["keys_dropped"] = report->keys_dropped;
    out["left"] = report->left;
    return out;
  }

  Result<json::object> perform(const api::RekeyOrder& order) const {
    const auto next = next_key(order);
    if (!next) return fail(next.error());
    auto& sealed = *organs.sealed;
    json::object out{{"master_key_before", sealed.master_id()}, {"master_key", next->id()}};
    if (auto begun = sealed.begin_rekey(*next); !begun) return fail(std::move(begun.error()));
    if (is_writable()) {
      if (auto placed = put_in_place(*next); !placed) return fail(std::move(placed.error()));
      if (auto finished = sealed.finish_rekey(); !finished) return fail(std::move(finished.error()));
    } else {
      out["to_do"] =
          config.master_key == MasterKeySource::kSystemd
              ? "put the new key in the place of the systemd credential, and restart every gate: the old key opens all until then"
              : "put the new passphrase in the place of the old one, and restart every gate: the old one opens all until then";
    }
    return order.keep_data_key ? Result<json::object>(std::move(out)) : rotate(std::move(out));
  }
};

Result<json::object> rekey(const Rekeying& rekeying, const api::AdminCaller& caller, const api::RekeyOrder& order) {
  auto& organs = rekeying.organs;
  if (auto may = organs.approvals->may_administer(approver_of(caller)); !may) return fail(std::move(may.error()));
  auto done = rekeying.perform(order);
  if (!done) return done;
  auto receipt = secret_receipt({}, "rekeyed", identity::user_name(caller.uid), organs.clock.now_ms());
  for (const auto& member : *done) receipt.detail[member.key()] = member.value();
  if (auto recorded = record(organs, std::move(receipt)); !recorded) return fail(std::move(recorded.error()));
  return done;
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
  out.rekey = [rekeying = Rekeying{organs, config.secrets, config.state_dir}](
                  const api::AdminCaller& caller, const api::RekeyOrder& order) { return rekey(rekeying, caller, order); };
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
