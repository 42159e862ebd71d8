// The end of a lease: revoked at its real system, tried again until it is dead, and written down.
#include <algorithm>

#include "base/text.hpp"
#include "credential/lease_state.hpp"

namespace interlock::credential {
namespace {

// A role that is past its end can still hold a session: revocation goes on for this long after it.
constexpr std::int64_t kPursuedMs = 86'400'000;
constexpr int kBackoffDoublings = 20;
constexpr std::size_t kTroubleBytes = 500;

std::int64_t backoff_ms(const LeaseOptions& options, int attempts) {
  const auto doublings = std::clamp(attempts - 1, 0, kBackoffDoublings);
  return std::min(options.retry_most_ms, options.retry_first_ms << doublings);
}

}  // namespace

Status LeaseBook::State::tell(LeaseChange change, const HeldLease& lease, std::string_view act, std::string_view reason) const {
  if (!parts.record) return fail(ErrorCode::kUnavailable, "nothing records what happens to leases");
  LeaseEvent event{.change = change, .lease = lease.record_, .act = act, .reason = reason};
  if (lease.broker_) event.means = lease.broker_->revocation_means();
  return parts.record(event);
}

Status LeaseBook::State::save(HeldLease& lease) {
  auto saved = parts.store->compare_and_set(kLeaseBucket, open_key(lease.record_.id), lease_text(lease.record_), lease.revision_);
  if (!saved) return fail(std::move(saved.error()));
  lease.revision_ = *saved;
  return {};
}

// Nobody gets it any more from here on, whatever its real system says.
void LeaseBook::State::end(HeldPtr lease, std::string_view reason) {
  auto& record = lease->record_;
  lease->fields_.clear();
  if (const auto it = shared.find(lease->key_); it != shared.end() && it->second == lease) shared.erase(it);
  if (record.ending_ms == 0) record.ending_ms = now_ms();
  if (record.end_reason.empty()) record.end_reason = std::string(utf8_prefix(reason, kTroubleBytes));
  record.state = LeaseState::kRevoking;
  try_revocation(std::move(lease));
}

// One that has failed before, or waits for its expiry, stands in the store as it is.
void LeaseBook::State::end_all(const std::vector<HeldPtr>& leases, std::string_view reason, const std::shared_ptr<Countdown>& countdown) {
  for (const auto& lease : leases) {
    const bool is_ending = lease->record_.state == LeaseState::kRevoking;
    if (is_ending && !lease->is_revoking_) continue;
    countdown->expect();
    lease->on_settled_.emplace_back([countdown](const Status&) { countdown->come(); });
    if (!is_ending) end(lease, reason);
  }
  countdown->come();
}

void LeaseBook::State::try_revocation(HeldPtr lease) {
  auto& record = lease->record_;
  if (lease->is_denied_) return finish(lease, LeaseState::kRevoked);
  if (!lease->broker_) {
    const auto it = credentials.find(record.credential);
    if (it == credentials.end() || it->second.broker->kind() != record.broker) {
      return revocation_failed(
          lease,
          {ErrorCode::kNotFound, "credential \"" + record.credential + "\" of broker " + record.broker + " is not configured any more",
           "put it back into interlock.yaml, so that this lease can be revoked"});
    }
    lease->broker_ = it->second.broker;
  }
  if (lease->has_secret_ && lease->revocation_.empty()) {
    auto sealed = parts.sealed->get(kLeaseSecrets, record.id);
    if (!sealed) return revocation_failed(lease, sealed.error());
    if (*sealed) lease->revocation_ = Secret::take(std::move((*sealed)->value));
  }
  const auto number = ++lease->revocations_;
  lease->is_revoking_ = true;
  // A broker that never answers has failed, too.
  parts.after(options.mint_timeout_ms, [weak = weak_from_this(), weak_lease = std::weak_ptr(lease), number] {
    const auto self = weak.lock();
    const auto late = weak_lease.lock();
    if (!self || !late || !late->is_revoking_ || number != late->revocations_) return;
    self->revocation_answered(late, fail(ErrorCode::kTimeout, "its revocation was not answered in time"));
  });
  // A copy: what a late mint adds to the handle is not changed under the broker's hands.
  const auto handle = std::make_shared<const json::object>(record.handle);
  const auto broker = lease->broker_;
  broker->revoke({.lease = record.id, .handle = *handle, .revocation = lease->revocation_.view(), .minted = record.minted},
                 [weak = weak_from_this(), lease, handle, number](const Status& status) {
                   if (const auto self = weak.lock(); self && number == lease->revocations_) self->revocation_answered(lease, status);
                 });
}

void LeaseBook::State::revocation_answered(const HeldPtr& lease, const Status& status) {
  auto& record = lease->record_;
  if (!held.contains(record.id)) return;
  lease->is_revoking_ = false;
  if (!status) return revocation_failed(lease, status.error());
  const auto now = now_ms();
  // What was sent to the real system may yet take effect there, even after the gate that sent it died: nothing found to revoke means
  // nothing until that can no longer be.
  const bool may_yet_be_minted =
      !record.minted && (now < record.planned_ms + options.mint_timeout_ms || (lease->is_minting_ && now < record.expires_ms));
  if (may_yet_be_minted) return revocation_failed(lease, {ErrorCode::kTimeout, "its mint may still be under way", {}});
  if (lease->broker_->can_revoke()) return finish(lease, LeaseState::kRevoked);
  if (now >= record.expires_ms) return finish(lease, LeaseState::kExpired);
  record.next_try_ms = record.expires_ms;
  if (auto saved = save(*lease); !saved && saved.error().code == ErrorCode::kConflict) return forget(lease);
  for (auto& settled : std::exchange(lease->on_settled_, {})) settled({});
}

void LeaseBook::State::revocation_failed(const HeldPtr& lease, const Error& why) {
  auto& record = lease->record_;
  const auto now = now_ms();
  const auto pursued_ms = lease->broker_ && !lease->broker_->can_revoke() ? 0 : kPursuedMs;
  if (now >= record.expires_ms + pursued_ms) return finish(lease, LeaseState::kExpired);
  ++record.attempts;
  record.trouble = std::string(utf8_prefix(why.text(), kTroubleBytes));
  record.next_try_ms = now + backoff_ms(options, record.attempts);
  // The instant at which an unheard mint can no longer happen is worth a try of its own.
  if (const auto settled_ms = record.planned_ms + options.mint_timeout_ms; !record.minted && now < settled_ms)
    record.next_try_ms = std::min(record.next_try_ms, settled_ms);
  if (auto saved = save(*lease); !saved && saved.error().code == ErrorCode::kConflict) return forget(lease);
  if (!lease->was_alarmed_ && now - record.ending_ms >= options.alarm_after_ms)
    lease->was_alarmed_ = tell(LeaseChange::kAlarm, *lease, {}, record.trouble).has_value();
  for (auto& settled : std::exchange(lease->on_settled_, {})) settled(fail(why));
}

// The receipt first, then the record: one that cannot be written is tried again, it is never left out.
void LeaseBook::State::finish(const HeldPtr& lease, LeaseState state) {
  auto& record = lease->record_;
  auto ended = record;
  ended.state = state;
  ended.ended_ms = now_ms();
  ended.next_try_ms = 0;
  std::swap(record, ended);
  const auto change = lease->is_denied_               ? LeaseChange::kFailed
                      : state == LeaseState::kExpired ? LeaseChange::kExpired
                                                      : LeaseChange::kRevoked;
  auto written = tell(change, *lease, {}, record.end_reason);
  if (written) {
    if (auto put = parts.store->put(kLeaseBucket, ended_key(record.id), lease_text(record)); !put) written = fail(std::move(put.error()));
  }
  if (!written) {
    std::swap(record, ended);
    record.next_try_ms = now_ms() + options.retry_first_ms;
    for (auto& settled : std::exchange(lease->on_settled_, {})) settled(written);
    return;
  }
  // What cannot be removed is revoked again by the next gate, which does no harm.
  (void)parts.store->remove(kLeaseBucket, open_key(record.id));
  if (lease->has_secret_) (void)parts.sealed->remove(kLeaseSecrets, record.id);
  forget(lease);
}

// It is ended, or another gate has it.
void LeaseBook::State::forget(HeldPtr lease) {
  auto& record = lease->record_;
  lease->fields_.clear();
  if (record.ended_ms == 0) record.state = LeaseState::kRevoking;
  if (const auto it = shared.find(lease->key_); it != shared.end() && it->second == lease) shared.erase(it);
  if (const auto it = tasks.find(record.task); it != tasks.end()) {
    it->second.erase(record.id);
    if (it->second.empty()) tasks.erase(it);
  }
  held.erase(record.id);
  for (auto& settled : std::exchange(lease->on_settled_, {})) settled({});
}

void LeaseBook::State::tick_held() {
  const auto now = now_ms();
  std::vector<HeldPtr> due;
  for (const auto& [id, lease] : held) {
    const auto& record = lease->record_;
    const bool is_over = record.state == LeaseState::kLive && record.expires_ms <= now;
    const bool is_next = record.state == LeaseState::kRevoking && !lease->is_revoking_ && record.next_try_ms <= now;
    if (is_over || is_next) due.push_back(lease);
  }
  for (const auto& lease : due) {
    if (!held.contains(lease->record_.id)) continue;
    if (lease->record_.state == LeaseState::kLive) end(lease, "its time was over");
    else if (!lease->is_revoking_) try_revocation(lease);
  }
}

}  // namespace interlock::credential
