// OAuth access tokens: client credentials, a refresh token of the vault, token exchange with narrowed scope and audience; revoked by RFC
// 7009.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker.hpp"
#include "credential/broker_parts.hpp"

namespace interlock::credential {

// `settings`: docs/credentials.md. kInvalid names the key that is wrong or missing.
Result<std::shared_ptr<Broker>> make_oauth_broker(const BrokerParts& parts, std::string credential, const json::object& settings);

}  // namespace interlock::credential
