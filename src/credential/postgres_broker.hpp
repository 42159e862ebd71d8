// PostgreSQL roles with exactly the granted tables and verbs, VALID UNTIL; revoked by ending their sessions and dropping the role.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker.hpp"
#include "credential/broker_parts.hpp"

namespace interlock::credential {

// `settings`: docs/credentials.md. kInvalid names the key that is wrong or missing.
Result<std::shared_ptr<Broker>> make_postgres_broker(const BrokerParts& parts, std::string credential, const json::object& settings);

}  // namespace interlock::credential
