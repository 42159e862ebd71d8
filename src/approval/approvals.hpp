// The book of held acts: asks for a human's yes, takes it from someone who is not the agent, and lets it be used once.
//
// The gate process that holds an act owns its approval: what it keeps in memory is the truth that decide() and consume() act on.
// Each step is written through to the store by compare-and-set on the revision this process wrote last, so an approval that
// anybody else has touched there is refused, one yes is used once among all processes, and a held act of a gate that died is
// marked lapsed by the next, never approved. A yes that is only written into the store is no yes: nothing reads decisions from
// there. Decisions reach the holder over its admin socket (surface/api), where the kernel says who speaks.
//
// One loop thread. Callbacks come from within the call that caused them. docs/threat-notes-approvals.md has the boundary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "approval/passphrase.hpp"
#include "approval/processes.hpp"
#include "approval/record.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/store.hpp"

namespace interlock::approval {

struct ApprovalOptions {
  std::size_t pending = 1'000;  // held at once by this gate
  std::size_t pending_per_subject = 100;
  std::size_t argument_bytes = 64 * 1024;        // of the arguments as shown; a longer act is refused, a human could not judge it
  std::int64_t keep_ms = 7 * 86'400'000LL;       // finished approvals stay listed this long
  bool elicitation_counts = false;               // a yes through the agent's own channel counts
  std::optional<PassphraseVerifier> passphrase;  // where set, a yes needs it too
  int service_uid = -1;                          // -1: the user this process runs as. Approvers are this user or root
};

// Who decides. For kAdminSocket, pid and uid are the peer credentials the kernel gave.
struct Approver {
  Channel channel = Channel::kAdminSocket;
  int pid = -1;
  int uid = -1;
  std::string name;        // for the record: user_name(uid)
  std::string passphrase;  // empty where none was given
};

class ApprovalBook {
 public:
  // Told when an act is approved, denied, has expired, or was withdrawn or lapsed by somebody else than its holder's own
  // withdraw(). On kApproved the holder calls consume() with the digest that it computes afresh, then performs the act.
  using OnDecided = std::function<void(const Approval&)>;

  // Marks held acts of dead gates as lapsed and forgets what is older than keep_ms. `store`, `clock` and `table` outlive the book.
  static Result<std::unique_ptr<ApprovalBook>> open(store::Store& store, const Clock& clock, const ProcessTable& table,
                                                    ApprovalOptions options, OnDecided on_decided);
  ~ApprovalBook();  // marks what is still held as lapsed; calls nothing

  // Holds an act. The approval is on disk when this returns. kInvalid, kTooLarge, kUnavailable (too many are held, or no store).
  Result<Approval> request(ApprovalRequest request);

  // A human's word. Returns the approval as decided, after on_decided. `shown_digest`, where not empty, is the digest of what the
  // human was shown and must be the act's. Refused: kNotFound; kConflict (decided, used, withdrawn or lapsed already); kExpired;
  // kDenied (the approver is not allowed to: see may_speak_for_human, uid, passphrase, channel).
  Result<Approval> decide(std::string_view id, bool yes, const Approver& approver, std::string_view reason,
                          std::string_view shown_digest = {});

  // Uses an approval up. Refused: kNotFound; kConflict (not approved, or used already, or the record was changed in the store);
  // kExpired; kDenied (the digest is another act's). After a refusal the act must not be performed, and a yes is gone. Calls nothing.
  Status consume(std::string_view id, std::string_view digest);

  // The asker took the act back or is gone. Calls nothing. A no-op for what is closed already.
  void withdraw(std::string_view id, std::string_view why);

  // Ends what is overdue, with on_decided. Returns how many. Once an hour it also does what open() does with dead gates and old records.
  std::size_t expire_due();
  // When expire_due() has something to do next; nullopt: nothing is held.
  std::optional<UnixMs> next_expiry_ms() const;

  // Could this process decide on `approval`? The check of decide() without the passphrase.
  Status may_decide(const Approval& approval, const Approver& approver) const;
  // The same for things that belong to no act (pins): not this gate, its servers, nor any client that it knows of.
  Status may_administer(const Approver& approver) const;

  // Processes that can never approve, with their descendants: the tool servers this gate started, clients that are connected.
  void bar(int pid);
  void unbar(int pid);

  std::vector<Approval> pending() const;                           // held here, oldest first
  std::optional<Approval> find(std::string_view id) const;         // held here, or its record in the store
  Result<std::vector<Approval>> history(std::size_t limit) const;  // of all gates, newest first, at most 10,000

 private:
  struct State;
  explicit ApprovalBook(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace interlock::approval
