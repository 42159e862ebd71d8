// What brokers are made of: parts that outlive them, given by whoever composes the gate. Plain data.
#pragma once

#include <filesystem>

#include "base/time.hpp"
#include "credential/vault.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "spiffe/authority.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {

struct BrokerParts {
  net::Loop* loop = nullptr;
  net::HttpClient* http = nullptr;
  const Clock* clock = nullptr;
  Vault* vault = nullptr;
  store::SealedStore* sealed = nullptr;
  spiffe::Authority* authority = nullptr;  // null: this gate has none
  std::filesystem::path state;             // the state folder: for what a broker publishes (KRL, CRL)
};

}  // namespace interlock::credential
