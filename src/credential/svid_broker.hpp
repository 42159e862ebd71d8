// X.509 and JWT-SVIDs of the task from the gate's own authority; X.509 is revoked by a CRL, JWT by expiry.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker.hpp"
#include "credential/broker_parts.hpp"

namespace interlock::credential {

// `settings`: docs/credentials.md. kInvalid names the key that is wrong or missing.
Result<std::shared_ptr<Broker>> make_svid_broker(const BrokerParts& parts, std::string credential, const json::object& settings);

}  // namespace interlock::credential
