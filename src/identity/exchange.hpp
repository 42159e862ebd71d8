// Token exchange at the gate (RFC 8693): a subject's token and the actor's own identity become one short-lived token of this gate, whose
// `act` chain says who acts for whom, and which can only be narrower than what it was made from.
//
// Narrower means: scopes a subset, audience one of the gate's resources, expiry no later than either, and a chain that grows by exactly the
// actor. What policy knows of the actor (its attributes and owner) goes along, so that a rule about it holds afterwards. The token is bound
// to the actor's key where the actor proved one (cnf). Pure but for the signature; loop thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::identity {

inline constexpr std::size_t kChainLength = 8;

struct ExchangeOrder {
  model::Subject subject;           // of subject_token, verified
  model::Subject actor;             // of actor_token, or of the client's own authentication
  std::vector<std::string> scopes;  // asked for; empty: all that the subject has
  std::string audience;             // a resource of this gate
  json::object confirmation;        // cnf of the new token: {"jkt":...} or {"x5t#S256":...}; empty: bearer
};

// The claims of the new token, without iss, iat, exp and jti; `life_ms` is how long it may live. kDenied: it would widen something, the
// subject's token names other actors (may_act), the actor stands for a human alone or acts for others itself, the chain is too long,
// or the actor is in it already. kExpired.
struct Exchanged {
  json::object claims;
  std::int64_t life_ms = 0;
};
Result<Exchanged> exchange(const ExchangeOrder& order, std::int64_t longest_life_ms, UnixMs now_ms);

// The subject that such claims name (the inverse), once their signature is verified; credential "exchange". Assurance is the caller's.
Result<model::Subject> subject_of_exchanged(const json::object& claims);

}  // namespace interlock::identity
