// What the tests of brokers share: a vault in memory, a clock that stands still, settings and orders.
#pragma once

#include <string>
#include <string_view>

#include "credential/broker.hpp"
#include "credential/broker_parts.hpp"
#include "ssh_parts.hpp"

namespace interlock::credential::testing {

struct BrokerWorld {
  SshFolder folder;
  ManualClock clock;
  net::Loop loop;
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::SealedStore sealed{*store, store::MasterKey::open_file(folder.file("master")).value()};
  Vault vault{sealed, clock};
  BrokerParts parts{.loop = &loop, .clock = &clock, .vault = &vault, .sealed = &sealed, .state = folder.path()};

  MintOrder order(const model::Classification* act = nullptr) const {
    return {.lease = "lease_1",
            .credential = "db",
            .task = "t",
            .subject = "s",
            .act = act,
            .now_ms = clock.now_ms(),
            .expires_ms = clock.now_ms() + 60'500};
  }
};

inline json::object object(std::string_view text) { return json::parse(text).value().as_object(); }
inline json::object with(json::object settings, std::string_view key, json::value value) {
  settings[key] = std::move(value);
  return settings;
}
inline json::object without(json::object settings, std::string_view key) {
  settings.erase(key);
  return settings;
}

}  // namespace interlock::credential::testing
