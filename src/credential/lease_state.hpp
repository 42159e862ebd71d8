// What a lease book keeps between calls. Private to the room.
//
// Bucket "leases": "open/<id>" for what is not ended, "ended/<id>" for what is kept for people; so a tick reads what is alive alone. An
// open record is changed by compare-and-set: the gate that writes its name into it last is the one that revokes it.
#pragma once

#include <deque>
#include <set>
#include <unordered_map>

#include "credential/lease_book.hpp"

namespace interlock::credential {

inline constexpr std::string_view kLeaseBucket = "leases";
inline constexpr std::string_view kLeaseSecrets = "lease-secrets";
inline constexpr std::string_view kOpenLeases = "open/";
inline constexpr std::string_view kEndedLeases = "ended/";
inline constexpr std::size_t kScanEntries = 1'000;  // of one reading of the store

inline std::string open_key(std::string_view id) { return std::string(kOpenLeases) + std::string(id); }
inline std::string ended_key(std::string_view id) { return std::string(kEndedLeases) + std::string(id); }

// A lease of this gate.
class HeldLease final : public Lease {
 public:
  const LeaseRecord& record() const override { return record_; }
  std::string_view field(std::string_view name) const override {
    const auto it = fields_.find(name);
    return it == fields_.end() ? std::string_view() : it->second.view();
  }
  std::vector<std::string_view> field_names() const override {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : fields_) names.push_back(name);
    return names;
  }
  bool alive() const override { return record_.state == LeaseState::kLive; }

  LeaseRecord record_;
  Fields fields_;
  Secret revocation_;
  std::shared_ptr<Broker> broker_;  // null: it was another gate's, and its credential is not configured here
  store::Revision revision_ = store::kAbsent;
  std::string key_;           // in State::shared; empty: it is of one act alone
  bool has_secret_ = false;   // there is one in the sealed store
  bool is_minting_ = false;   // the broker has not answered yet
  bool is_denied_ = false;    // its real system refused to mint it: there is nothing to revoke
  bool is_revoking_ = false;  // a revocation is under way
  bool was_alarmed_ = false;
  std::uint64_t revocations_ = 0;  // begun: the answer to an earlier one says nothing of what was minted since
  // Told once when it is dead, or stands in the store as revoking.
  std::vector<std::function<void(Status)>> on_settled_;
};
using HeldPtr = std::shared_ptr<HeldLease>;

// Calls `done` when all that were counted have come.
class Countdown {
 public:
  explicit Countdown(std::function<void()> done) : done_(std::move(done)) {}
  void expect() { ++left_; }
  void come() {
    if (--left_ != 0) return;
    if (const auto done = std::exchange(done_, {})) done();
  }
  void cut_short() {
    if (const auto done = std::exchange(done_, {})) done();
  }

 private:
  std::size_t left_ = 1;  // whoever counts comes last
  std::function<void()> done_;
};

struct LeaseBook::State : std::enable_shared_from_this<LeaseBook::State> {
  LeaseParts parts;
  LeaseOptions options;
  std::map<std::string, CredentialConfig, std::less<>> credentials;
  std::map<std::string, HeldPtr, std::less<>> held;                              // by id: not ended, of this gate
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> tasks;  // their ids
  std::map<std::string, HeldPtr, std::less<>> shared;                            // live ones, by sharing_key()

  using Done = std::function<void(Result<std::shared_ptr<const Lease>>)>;
  struct Waiter {
    std::string act;
    Done done;
  };
  // A mint under way. The broker may hold on to order and plan until it answers.
  struct Mint {
    HeldPtr lease;
    model::Classification act;
    MintOrder order;
    Plan plan;
    std::vector<Waiter> waiters;
    bool is_answered = false;
    bool is_given_up = false;  // its time is over, or its task: nobody waits any more
  };
  std::map<std::string, std::shared_ptr<Mint>, std::less<>> minting;  // shared ones, by sharing_key()
  std::set<std::shared_ptr<Mint>> mints;                              // all

  std::set<std::string, std::less<>> ended_tasks;
  std::deque<std::string> ended_order;                      // oldest first
  std::map<std::string, std::string, std::less<>> foreign;  // open leases of other gates: id, gate
  store::Revision seen = 0;                                 // of the bucket, when it was read last
  UnixMs pruned_ms = 0;
  bool is_closed = false;

  // lease_mint.cpp
  void acquire(const LeaseOrder& order, Done done);
  void minted(const std::shared_ptr<Mint>& mint, Result<Minted> answer);
  Status keep(HeldLease& lease, Minted& answer);
  void give_up(const std::shared_ptr<Mint>& mint, const Error& why);
  void hand_out(const HeldPtr& lease, std::vector<Waiter> waiters);

  // lease_end.cpp
  void end(HeldPtr lease, std::string_view reason);
  void end_all(const std::vector<HeldPtr>& leases, std::string_view reason, const std::shared_ptr<Countdown>& countdown);
  void try_revocation(HeldPtr lease);
  void revocation_answered(const HeldPtr& lease, const Status& status);
  void revocation_failed(const HeldPtr& lease, const Error& why);
  void finish(const HeldPtr& lease, LeaseState state);
  void forget(HeldPtr lease);
  Status save(HeldLease& lease);
  void tick_held();

  // lease_adopt.cpp
  Status read_store();
  Status adopt(const std::string& id, std::string_view reason);
  void adopt_dead();
  void prune();

  Status tell(LeaseChange change, const HeldLease& lease, std::string_view act, std::string_view reason) const;
  UnixMs now_ms() const { return parts.clock->now_ms(); }
};

}  // namespace interlock::credential
