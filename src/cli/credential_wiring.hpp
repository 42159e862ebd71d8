// What a gate lends its agents, composed from its configuration: a broker for each entry of `credentials`, and the rules of secrets.
//
// A reload replaces what is lent from then on, and drops no lease: those that live keep the broker they were minted by. Loop thread only;
// loop, log, organs and identity outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/config.hpp"
#include "cli/identity_wiring.hpp"
#include "cli/logging.hpp"
#include "cli/organs.hpp"
#include "credential/broker_parts.hpp"
#include "net/loop.hpp"

namespace interlock::cli {

class CredentialWiring {
 public:
  static Result<std::unique_ptr<CredentialWiring>> open(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                        const Config& config);

  // Makes what take_over() puts in force; an error, which names the entry's place, changes nothing.
  Status prepare(const Config& config);
  void take_over();
  // Alarms about secrets whose rotation is overdue and leases that cannot be revoked. Call it every second or so.
  void tick();
  json::object describe() const;  // for `interlock status`

 private:
  struct Lent {
    CredentialEntry entry;
    std::shared_ptr<credential::Broker> broker;
  };
  struct Plan {
    std::vector<Lent> lent;
    std::vector<credential::SecretRuleByName> rules;
  };
  CredentialWiring(Log& log, Organs& organs, credential::BrokerParts parts);
  Result<std::shared_ptr<credential::Broker>> broker_for(const CredentialEntry& entry) const;

  Log& log_;
  Organs& organs_;
  credential::BrokerParts parts_;
  std::vector<Lent> lent_;
  Plan next_;
  std::string last_trouble_;
  bool told_of_memory_ = false;  // that secrets can be swapped
};

// What brokers would refuse of their settings, each with its place. Writes nothing: files that a broker publishes are not tried.
std::vector<Error> check_credentials(const Config& config);

}  // namespace interlock::cli
