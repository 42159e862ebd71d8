// Brokers: whoever makes a credential at a real system, and unmakes it. One small interface; a file a broker.
//
// The order of things makes orphans impossible: plan() decides all that can be known before the mint (names, serials, the latest expiry)
// without touching anything; the plan is on disk; then mint(). What the plan names is enough to revoke a credential whose mint was not
// seen to end, or else its expiry is. Every call is idempotent: a mint or revocation that is repeated after a crash does no harm.
// Loop thread only; `done` comes once, never inside the call.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "credential/secret.hpp"
#include "model/action.hpp"

namespace interlock::credential {

// What one act needs. The broker narrows by it: tables, repositories, session policies.
struct MintOrder {
  std::string lease;       // id: unique, [a-z0-9_-], a name for what is made
  std::string credential;  // as configured
  std::string task;
  std::string subject;
  const model::Classification* act = nullptr;  // effects, resource; null: the lease is for a whole server (a child process's environment)
  UnixMs now_ms = 0;
  UnixMs expires_ms = 0;  // at the latest: the task's end, the credential's configured lifetime
};

struct Plan {
  json::object handle;    // what revoke() needs and anybody may know: role name, serial, key id. Stored plain, shown by `lease list`
  std::string grant;      // what the credential can do, canonical: leases of a task are shared only where it is the same
  UnixMs expires_ms = 0;  // the latest instant at which it can be alive, whatever happens
};

// By field name: "token", "username", "password", "certificate", ... Placements (headers, environment, files) name the fields.
using Fields = std::map<std::string, Secret, std::less<>>;

struct Minted {
  Fields fields;
  json::object handle;    // the plan's, and what the mint added
  Secret revocation;      // what revoke() needs and nobody may know (the token itself, where it is what is revoked); may be empty
  UnixMs expires_ms = 0;  // not later than the plan's
};

// What is left to undo: of a lease that was seen to be minted, or of an intent alone (`revocation` is empty then).
struct Revocation {
  std::string lease;
  const json::object& handle;
  std::string_view revocation;
  bool minted = true;  // false: nobody knows whether the mint took place
};

class Broker {
 public:
  virtual ~Broker() = default;
  virtual std::string_view kind() const = 0;  // "postgres"
  // What its revocation means, for people and receipts: "sessions are ended and the role is dropped", "expiry: an STS session cannot be
  // revoked".
  virtual std::string_view revocation_means() const = 0;
  // False: revoke() does nothing at the real system, expiry is the end.
  virtual bool can_revoke() const = 0;
  virtual Result<Plan> plan(const MintOrder& order) const = 0;
  // kDenied: the real system says no. kUnavailable, kTimeout: nobody knows, and revoke() will be called for it.
  virtual void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) = 0;
  // Success: it is dead at the real system, or was never alive.
  virtual void revoke(const Revocation& what, std::function<void(Status)> done) = 0;
  // The same credential, alive until `until_ms`. kUnsupported: mint another.
  virtual void renew(const Revocation& what, UnixMs until_ms, std::function<void(Result<UnixMs>)> done) {
    (void)what, (void)until_ms;
    done(fail(ErrorCode::kUnsupported, std::string(kind()) + " credentials are not renewed"));
  }
};

}  // namespace interlock::credential
