// The book of leases (DESIGN §6): one just-in-time credential each, from the intent on disk to its death at the real system.
//
//   planned ──mint──▶ live ──release, task's end, kill──▶ revoking ──▶ revoked        planned and not minted ──▶ revoking
//                      └──────── expiry ────────────────▶ expired
//
// The intent is durable before the mint; what revocation needs is durable, sealed, before the credential is used. A lease belongs to the
// gate that minted it: when that gate is gone, the next tick of any other revokes it. Revocation is tried again with backoff, across
// restarts, until it succeeds; what cannot be revoked upstream waits in `revoking` for its expiry. One that fails for long raises an alarm,
// and is given up a day after its expiry. Band 0 and 1 share a lease of (task, credential, grant); band 2 and 3 get one of their own a
// call. Secrets are in memory alone, but for what revocation needs, which is sealed. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "credential/broker.hpp"
#include "model/action.hpp"
#include "store/sealed.hpp"
#include "store/store.hpp"

namespace interlock::credential {

enum class LeaseState : std::uint8_t { kPlanned, kLive, kRevoking, kRevoked, kExpired };
std::string_view lease_state_name(LeaseState state);

// A lease as it stands in the store, bucket "leases"; ended ones are kept for `keep_ended_ms`. No secret.
struct LeaseRecord {
  std::string id;
  std::string credential;
  std::string broker;  // kind
  std::string task;
  std::string subject;
  std::string act;   // that it was minted for
  std::string gate;  // that minted it
  model::Band band = model::Band::kObserve;
  std::string grant;
  json::object handle;
  bool shared = false;  // with other acts of its task
  bool minted = false;  // false: its real system was not heard to have made it, and may have
  LeaseState state = LeaseState::kPlanned;
  UnixMs planned_ms = 0;
  UnixMs expires_ms = 0;
  UnixMs ending_ms = 0;  // since when it is revoked; 0: it is not
  UnixMs ended_ms = 0;
  std::int64_t uses = 0;
  std::string end_reason = {};
  int attempts = 0;  // of revocation, that failed
  UnixMs next_try_ms = 0;
  std::string trouble = {};  // of the last one
};
json::object to_json(const LeaseRecord& record);
std::string lease_text(const LeaseRecord& record);
Result<LeaseRecord> lease_from(std::string_view text);

// A credential in use. Held as long as it is needed; the fields are wiped with the last holder or when it is revoked.
class Lease {
 public:
  virtual ~Lease() = default;
  virtual const LeaseRecord& record() const = 0;
  virtual std::string_view field(std::string_view name) const = 0;  // empty: there is none, or it is revoked
  virtual std::vector<std::string_view> field_names() const = 0;
  virtual bool alive() const = 0;
};

enum class LeaseChange : std::uint8_t { kMinted, kUsed, kRenewed, kRevoked, kExpired, kFailed, kAlarm };
std::string_view lease_change_name(LeaseChange change);
struct LeaseEvent {
  LeaseChange change = LeaseChange::kMinted;
  const LeaseRecord& lease;
  std::string_view act = {};     // kUsed: by which
  std::string_view reason = {};  // of the end, the failure or the alarm
  std::string_view means = {};   // kRevoked, kExpired: what its broker's revocation means
};

struct CredentialConfig {
  std::string name;
  std::shared_ptr<Broker> broker;
  std::int64_t lifetime_ms = 600'000;  // of one lease
  bool always_per_call = false;        // whatever the band
};

struct LeaseOptions {
  std::int64_t retry_first_ms = 200;
  std::int64_t retry_most_ms = 60'000;
  std::int64_t alarm_after_ms = 30'000;  // a revocation that has failed this long
  std::int64_t keep_ended_ms = 7 * 86'400'000LL;
  std::int64_t mint_timeout_ms = 15'000;
  std::size_t leases = 100'000;  // not ended, in all
  std::size_t leases_per_task = 1'000;
  std::int64_t renew_before_ms = 30'000;  // a shared lease that ends sooner is not handed out: another is minted
};

struct LeaseParts {
  store::Store* store = nullptr;         // on disk when a write returns
  store::SealedStore* sealed = nullptr;  // bucket "lease-secrets": what revocations need
  const Clock* clock = nullptr;
  std::string gate;                                     // this one
  std::function<bool(std::string_view gate)> is_alive;  // another one
  // Writes the receipt; a lease whose mint or use cannot be recorded is not handed out. Empty: the gate sets it (set_record()).
  std::function<Status(const LeaseEvent&)> record = {};
  std::function<void(std::int64_t delay_ms, std::function<void()> work)> after;
};

struct LeaseOrder {
  std::string credential;
  std::string act;
  std::string task;
  std::string subject;
  const model::Classification* classification = nullptr;  // null: for a whole server
  model::Band band = model::Band::kRoutine;
  UnixMs task_expires_ms = 0;
};

class LeaseBook {
 public:
  static Result<std::unique_ptr<LeaseBook>> open(LeaseParts parts, LeaseOptions options);
  ~LeaseBook();
  LeaseBook(const LeaseBook&) = delete;
  LeaseBook& operator=(const LeaseBook&) = delete;
  void set_record(std::function<Status(const LeaseEvent&)> record);

  // Replaces them: leases that live keep the broker they were minted by.
  void set_credentials(std::vector<CredentialConfig> credentials);
  bool knows(std::string_view credential) const;

  // A lease for one act: an own one or a shared one of its task. `done` comes once, at once where one is shared. kNotFound (no such
  // credential), kDenied, kUnavailable, kTimeout; kExpired where the task has ended meanwhile (what was minted is revoked).
  void acquire(const LeaseOrder& order, std::function<void(Result<std::shared_ptr<const Lease>>)> done);
  // The act that a lease of its own was minted for is over: it is revoked. A shared one stays with its task.
  void release(const std::shared_ptr<const Lease>& lease, std::string_view act);

  // Ends every lease of a task: none is handed out any more, and their revocation begins before this returns. `done` (may be empty) once
  // each is dead at its real system or stands in the store as revoking.
  void end_task(std::string_view task, std::string_view reason, std::function<void()> done = {});
  // kNotFound: no such lease that is not ended. The Status is the real system's.
  void revoke(std::string_view id, std::string_view by, std::string_view reason, std::function<void(Status)> done);
  std::optional<LeaseRecord> find(std::string_view id) const;
  std::vector<LeaseRecord> list(bool with_ended) const;  // oldest first, of all gates of the state folder
  // The secrets that are in use now: what must not be echoed. Views hold for the call.
  void each_secret(const std::function<void(std::string_view credential, std::string_view field, std::string_view value)>& visit) const;
  // Expiry, retries, leases of gates that died. Every half second or so.
  void tick();
  // The gate stops: everything of this gate is revoked; `done` when all are dead or `deadline_ms` has passed.
  void close(std::string_view reason, std::int64_t deadline_ms, std::function<void()> done);
  std::size_t size() const;  // not ended
  std::vector<LeaseRecord> alarms() const;

 private:
  LeaseBook() = default;
  struct State;
  std::shared_ptr<State> state_;  // what a broker answers late finds it gone
};

}  // namespace interlock::credential
