// AWS STS AssumeRole sessions with a session policy made from the task's scope; expiry is the revocation.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker.hpp"
#include "credential/broker_parts.hpp"

namespace interlock::credential {

// `settings`: docs/credentials.md. kInvalid names the key that is wrong or missing.
Result<std::shared_ptr<Broker>> make_aws_broker(const BrokerParts& parts, std::string credential, const json::object& settings);

}  // namespace interlock::credential
