// From the wish for a lease to its being handed out: intent on disk, mint, what revocation needs on disk, receipt, use.
#include <algorithm>

#include "base/ids.hpp"
#include "credential/lease_state.hpp"

namespace interlock::credential {
namespace {

// Role names, key ids and the like are made of it: lower case.
std::string new_lease_id(UnixMs now_ms) {
  auto id = new_id("ls", now_ms);
  for (auto& c : id) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return id;
}

std::string sharing_key(std::string_view task, std::string_view credential, std::string_view grant) {
  std::string key(task);
  key.push_back('\0');
  key.append(credential).push_back('\0');
  return key.append(grant);
}

std::unexpected<Error> task_over(std::string_view task) {
  return fail(ErrorCode::kExpired, "task " + std::string(task) + " has ended, and gets no credential any more", "begin another task");
}

}  // namespace

void LeaseBook::State::acquire(const LeaseOrder& order, Done done) {
  if (is_closed) return done(fail(ErrorCode::kUnavailable, "the gate is stopping, and leases no credential any more", "try again later"));
  const auto it = credentials.find(order.credential);
  if (it == credentials.end()) {
    return done(
        fail(ErrorCode::kNotFound, "no credential is called \"" + order.credential + "\"", "add it under `credentials` in interlock.yaml"));
  }
  const auto& config = it->second;
  const auto now = now_ms();
  if (ended_tasks.contains(order.task) || (order.task_expires_ms != 0 && order.task_expires_ms <= now)) return done(task_over(order.task));

  auto mint = std::make_shared<Mint>();
  if (order.classification != nullptr) mint->act = *order.classification;
  mint->order = {.lease = new_lease_id(now),
                 .credential = order.credential,
                 .task = order.task,
                 .subject = order.subject,
                 .act = order.classification == nullptr ? nullptr : &mint->act,
                 .now_ms = now,
                 .expires_ms = now + config.lifetime_ms};
  if (order.task_expires_ms != 0) mint->order.expires_ms = std::min(mint->order.expires_ms, order.task_expires_ms);
  auto plan = config.broker->plan(mint->order);
  if (!plan) return done(fail(std::move(plan.error())));
  mint->plan = std::move(*plan);

  const bool is_shared = order.band <= model::Band::kRoutine && !config.always_per_call;
  const auto key = is_shared ? sharing_key(order.task, order.credential, mint->plan.grant) : std::string();
  if (is_shared) {
    if (const auto same = shared.find(key); same != shared.end()) {
      const auto left_ms = same->second->record_.expires_ms - now;
      const bool is_long_enough = left_ms > std::min(options.renew_before_ms, config.lifetime_ms / 2);
      // Where a new one would end no later, the task's end is near, and minting gains nothing.
      if (left_ms > 0 && (is_long_enough || mint->plan.expires_ms <= same->second->record_.expires_ms))
        return hand_out(same->second, {{order.act, std::move(done)}});
    }
    if (const auto same = minting.find(key); same != minting.end()) {
      same->second->waiters.push_back({order.act, std::move(done)});
      return;
    }
  }
  const auto of_task = tasks.find(order.task);
  if (held.size() >= options.leases || (of_task != tasks.end() && of_task->second.size() >= options.leases_per_task)) {
    return done(fail(ErrorCode::kUnavailable,
                     "too many leases are open" + std::string(held.size() >= options.leases ? "" : " in this task"),
                     "see `interlock lease list`: what cannot be revoked is named there"));
  }

  auto lease = std::make_shared<HeldLease>();
  auto& record = lease->record_;
  record = {.id = mint->order.lease,
            .credential = order.credential,
            .broker = std::string(config.broker->kind()),
            .task = order.task,
            .subject = order.subject,
            .act = order.act,
            .gate = parts.gate,
            .band = order.band,
            .grant = mint->plan.grant,
            .handle = mint->plan.handle,
            .shared = is_shared,
            .state = LeaseState::kPlanned,
            .planned_ms = now,
            .expires_ms = mint->plan.expires_ms};
  lease->broker_ = config.broker;
  lease->key_ = key;
  lease->is_minting_ = true;
  if (auto saved = save(*lease); !saved) {
    return done(fail(saved.error().code,
                     "the intent to mint \"" + order.credential + "\" cannot be written, so nothing is minted: " + saved.error().message,
                     saved.error().hint));
  }
  held.emplace(record.id, lease);
  tasks[record.task].insert(record.id);
  mint->lease = lease;
  mint->waiters.push_back({order.act, std::move(done)});
  mints.insert(mint);
  if (is_shared) minting.emplace(key, mint);
  parts.after(options.mint_timeout_ms, [weak = weak_from_this(), weak_mint = std::weak_ptr(mint)] {
    const auto self = weak.lock();
    const auto late = weak_mint.lock();
    if (!self || !late || late->is_answered) return;
    const Error why{ErrorCode::kTimeout,
                    "\"" + late->order.credential + "\" was not minted within " + std::to_string(self->options.mint_timeout_ms) + " ms",
                    "see whether the system behind it answers"};
    self->give_up(late, why);
    self->end(late->lease, why.message);
  });
  config.broker->mint(mint->order, mint->plan, [weak = weak_from_this(), mint](Result<Minted> answer) {
    // A gate that is gone has left the intent in the store: the next one revokes it.
    if (const auto self = weak.lock()) self->minted(mint, std::move(answer));
  });
}

// Those who wait are told no; what may yet be minted is revoked by whoever calls this.
void LeaseBook::State::give_up(const std::shared_ptr<Mint>& mint, const Error& why) {
  mint->is_given_up = true;
  if (const auto it = minting.find(mint->lease->key_); it != minting.end() && it->second == mint) minting.erase(it);
  for (auto& waiter : std::exchange(mint->waiters, {})) waiter.done(fail(why));
}

void LeaseBook::State::minted(const std::shared_ptr<Mint>& mint, Result<Minted> answer) {
  if (mint->is_answered) return;
  mint->is_answered = true;
  mints.erase(mint);
  const auto lease = mint->lease;
  const auto& record = lease->record_;
  lease->is_minting_ = false;
  if (!held.contains(record.id)) {
    // Another gate has taken it over, and revokes by the plan; what was minted meanwhile is known here alone.
    if (!answer) return;
    const auto made = std::make_shared<Minted>(std::move(*answer));
    lease->broker_->revoke({.lease = record.id, .handle = made->handle, .revocation = made->revocation.view(), .minted = true},
                           [made, lease](const Status&) {});
    return;
  }

  if (!answer) {
    const auto why = answer.error();
    // Where the real system said no there is nothing to undo. Else nobody knows.
    lease->is_denied_ = why.code == ErrorCode::kDenied;
    if (!lease->is_denied_) (void)tell(LeaseChange::kFailed, *lease, record.act, why.message);
    give_up(mint, why);
    return end(lease, "not minted: " + why.message);
  }
  lease->record_.minted = true;
  if (auto kept = keep(*lease, *answer); !kept) {
    const Error why{kept.error().code,
                    "what revoking \"" + record.credential + "\" needs cannot be kept, so it is not used: " + kept.error().message,
                    kept.error().hint};
    give_up(mint, why);
    return end(lease, why.message);
  }
  if (mint->is_given_up || record.state != LeaseState::kPlanned || ended_tasks.contains(record.task) || is_closed) {
    if (!mint->is_given_up) give_up(mint, task_over(record.task).error());
    return end(lease, record.end_reason.empty() ? "task " + record.task + " ended while it was minted" : record.end_reason);
  }
  lease->fields_ = std::move(answer->fields);
  lease->record_.state = LeaseState::kLive;
  auto ready = save(*lease);
  if (ready) ready = tell(LeaseChange::kMinted, *lease, record.act, {});
  if (!ready) {
    const Error why{ready.error().code, "the mint of \"" + record.credential + "\" cannot be recorded: " + ready.error().message,
                    ready.error().hint};
    give_up(mint, why);
    return end(lease, why.message);
  }
  if (!lease->key_.empty()) {
    shared[lease->key_] = lease;
    minting.erase(lease->key_);
  }
  hand_out(lease, std::exchange(mint->waiters, {}));
}

// In memory and, sealed, on disk. In memory even where the disk fails: it is revoked by that at once.
Status LeaseBook::State::keep(HeldLease& lease, Minted& answer) {
  if (!answer.handle.empty()) lease.record_.handle = std::move(answer.handle);
  if (answer.expires_ms != 0) lease.record_.expires_ms = answer.expires_ms;
  lease.revocation_ = std::move(answer.revocation);
  if (lease.revocation_.empty()) return {};
  auto sealed = parts.sealed->put(kLeaseSecrets, lease.record_.id, lease.revocation_.view());
  if (!sealed) return fail(std::move(sealed.error()));
  lease.has_secret_ = true;
  return {};
}

void LeaseBook::State::hand_out(const HeldPtr& lease, std::vector<Waiter> waiters) {
  for (auto& waiter : waiters) {
    if (!lease->alive()) {  // what the one before set off
      waiter.done(task_over(lease->record_.task));
      continue;
    }
    ++lease->record_.uses;
    if (auto told = tell(LeaseChange::kUsed, *lease, waiter.act, {}); !told) {
      waiter.done(fail(told.error().code, "the use of \"" + lease->record_.credential + "\" cannot be recorded: " + told.error().message,
                       told.error().hint));
      if (!lease->record_.shared) end(lease, "its use cannot be recorded");
      continue;
    }
    waiter.done(std::shared_ptr<const Lease>(lease));
  }
}

}  // namespace interlock::credential
