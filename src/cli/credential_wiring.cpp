#include "cli/credential_wiring.hpp"

#include <algorithm>
#include <utility>

#include "cli/secret_operations.hpp"
#include "credential/aws_broker.hpp"
#include "credential/github_app_broker.hpp"
#include "credential/oauth_broker.hpp"
#include "credential/postgres_broker.hpp"
#include "credential/ssh_broker.hpp"
#include "credential/static_broker.hpp"
#include "credential/svid_broker.hpp"
#include "credential/vault_broker.hpp"

namespace interlock::cli {
namespace {

struct Maker {
  std::string_view kind;
  Result<std::shared_ptr<credential::Broker>> (*make)(const credential::BrokerParts&, std::string, const json::object&);
};
constexpr Maker kMakers[] = {
    {"aws", credential::make_aws_broker},     {"github_app", credential::make_github_app_broker},
    {"oauth", credential::make_oauth_broker}, {"postgres", credential::make_postgres_broker},
    {"ssh", credential::make_ssh_broker},     {"static", credential::make_static_broker},
    {"svid", credential::make_svid_broker},   {"vault", credential::make_vault_broker},
};

Result<std::shared_ptr<credential::Broker>> make_broker(const credential::BrokerParts& parts, const CredentialEntry& entry) {
  const auto maker = std::ranges::find(kMakers, entry.broker, &Maker::kind);
  if (maker == std::end(kMakers)) return fail(ErrorCode::kInvalid, entry.where + ": there is no broker " + entry.broker);
  auto broker = maker->make(parts, entry.name, entry.settings);
  if (!broker) {
    auto error = std::move(broker.error());
    error.message.insert(0, entry.where + ": ");
    return fail(std::move(error));
  }
  return broker;
}

}  // namespace

CredentialWiring::CredentialWiring(Log& log, Organs& organs, credential::BrokerParts parts)
    : log_(log), organs_(organs), parts_(std::move(parts)) {}

Result<std::unique_ptr<CredentialWiring>> CredentialWiring::open(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                                 const Config& config) {
  credential::BrokerParts parts;
  parts.loop = &loop;
  parts.http = &identity.client();
  parts.clock = &organs.clock;
  parts.vault = organs.vault.get();
  parts.sealed = organs.sealed.get();
  parts.authority = identity.spiffe() != nullptr ? identity.spiffe()->authority() : nullptr;
  parts.state = config.state_dir;
  std::unique_ptr<CredentialWiring> wiring(new CredentialWiring(log, organs, std::move(parts)));
  if (auto prepared = wiring->prepare(config); !prepared) return fail(std::move(prepared.error()));
  wiring->take_over();
  return wiring;
}

// One whose entry is as it was stays: it may know tokens and connections that another would have to get anew.
Result<std::shared_ptr<credential::Broker>> CredentialWiring::broker_for(const CredentialEntry& entry) const {
  const auto known = std::ranges::find_if(lent_, [&](const Lent& lent) {
    return lent.entry.name == entry.name && lent.entry.broker == entry.broker && lent.entry.settings == entry.settings;
  });
  if (known != lent_.end()) return known->broker;
  return make_broker(parts_, entry);
}

Status CredentialWiring::prepare(const Config& config) {
  Plan plan;
  for (const auto& entry : config.credentials) {
    auto broker = broker_for(entry);
    if (!broker) return fail(std::move(broker.error()));
    plan.lent.push_back({entry, std::move(*broker)});
  }
  plan.rules = secret_rules(config);
  next_ = std::move(plan);
  return {};
}

void CredentialWiring::take_over() {
  lent_ = std::move(next_.lent);
  organs_.vault->set_rules(std::move(next_.rules));
  next_ = {};
  std::vector<credential::CredentialConfig> credentials;
  for (const auto& [entry, broker] : lent_) credentials.push_back({entry.name, broker, entry.lifetime_ms, entry.per_call});
  organs_.leases->set_credentials(std::move(credentials));
}

void CredentialWiring::tick() {
  std::string trouble;
  const auto overdue = organs_.vault->tick();
  if (!overdue) {
    trouble = "the vault cannot be looked through: " + overdue.error().text();
  } else {
    for (const auto& meta : *overdue) {
      log_.warn("the secret " + meta.name + " is older than its rule allows: interlock secret rotate " + meta.name);
      if (auto recorded = organs_.gate->record(secret_receipt(meta, "overdue", {}, organs_.clock.now_ms())); !recorded)
        log_.error("a receipt cannot be written", recorded.error());
    }
  }
  if (const auto alarms = organs_.leases->alarms(); !alarms.empty()) {
    const auto& first = alarms.front();
    trouble =
        std::to_string(alarms.size()) + " leases cannot be revoked, first " + first.id + " of " + first.credential + ": " + first.trouble;
  }
  if (trouble != last_trouble_ && !trouble.empty()) log_.warn("credentials: " + trouble);
  last_trouble_ = std::move(trouble);
  if (!credential::secrets_are_locked() && !std::exchange(told_of_memory_, true))
    log_.warn("the kernel locks no more memory for secrets, so they may be swapped: raise RLIMIT_MEMLOCK (LimitMEMLOCK= of the unit)");
}

std::vector<Error> check_credentials(const Config& config) {
  std::vector<Error> out;
  const SystemClock clock;
  net::Loop loop;
  net::HttpClient client(loop);
  const auto store = store::open_memory_store();
  auto key = store::MasterKey::generate();
  if (!key) return {key.error()};
  store::SealedStore sealed(*store, std::move(*key));
  credential::Vault vault(sealed, clock);
  credential::BrokerParts parts;
  parts.loop = &loop;
  parts.http = &client;
  parts.clock = &clock;
  parts.vault = &vault;
  parts.sealed = &sealed;
  const bool has_authority = config.identity.spiffe && config.identity.spiffe->authority;
  for (auto entry : config.credentials) {
    if (entry.broker == "svid" && has_authority) continue;  // it publishes its list at once
    if (entry.broker == "ssh") entry.settings.erase("krl");
    if (auto broker = make_broker(parts, entry); !broker) out.push_back(std::move(broker.error()));
  }
  return out;
}

json::object CredentialWiring::describe() const {
  json::object out{{"credentials", lent_.size()}, {"leases", organs_.leases->size()}};
  json::array overdue;
  if (const auto all = organs_.vault->list()) {
    for (const auto& meta : *all) {
      if (meta.overdue_since_ms != 0) overdue.emplace_back(meta.name);
    }
  }
  if (!overdue.empty()) out["overdue_secrets"] = std::move(overdue);
  if (const auto alarms = organs_.leases->alarms(); !alarms.empty()) {
    json::array ids;
    for (const auto& record : alarms) ids.emplace_back(record.id);
    out["unrevoked_leases"] = std::move(ids);
  }
  return out;
}

}  // namespace interlock::cli
