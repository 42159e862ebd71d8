// IAM session policies made from an act: what is written in the configuration for each effect, with the act's resource filled in. A session
// can do what its role and this policy both allow. Pure; any thread.
//
// Source: AWS IAM User Guide, "Policies and permissions: session policies"; STS API reference, AssumeRole, `Policy`.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker_settings.hpp"
#include "credential/by_effect.hpp"
#include "model/action.hpp"

namespace interlock::credential {

inline constexpr std::size_t kSessionPolicyBytes = 2048;  // that STS takes
inline constexpr std::size_t kStatementDepth = 8;

class SessionPolicy {
 public:
  // A list of statements (as IAM has them: Effect, Action, Resource, Condition, ...), or such lists by effect. In their texts "{resource}"
  // stands for the id of the act's resource, "{Bucket}" for that of the resource or container of type Bucket. `settings` is told of what
  // is no statement.
  static SessionPolicy read(BrokerSettings& settings, std::string_view key);
  // kDenied: an effect without statements; an act that has no such resource; an id that would widen the policy (*, ?, $). kTooLarge.
  Result<std::string> for_act(const model::Classification* act) const;

 private:
  ByEffect statements_;
};

}  // namespace interlock::credential
