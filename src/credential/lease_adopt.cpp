// The leases of other gates: seen in the store, taken over from those that died, and those of ours that another took.
#include "credential/lease_state.hpp"

namespace interlock::credential {
namespace {

constexpr std::int64_t kPruneEveryMs = 60'000;

}  // namespace

// Reads what is open where something has changed.
Status LeaseBook::State::read_store() {
  auto latest = parts.store->latest(kLeaseBucket);
  if (!latest) return fail(std::move(latest.error()));
  if (*latest == seen) return {};
  std::map<std::string, std::string, std::less<>> others;
  std::set<std::string, std::less<>> present;
  std::string after;
  for (;;) {
    auto page = parts.store->scan(kLeaseBucket, kOpenLeases, kScanEntries, after);
    if (!page) return fail(std::move(page.error()));
    for (const auto& entry : *page) {
      auto id = entry.key.substr(kOpenLeases.size());
      if (const auto it = held.find(id); it != held.end()) {
        if (it->second->revision_ == entry.revision) present.insert(std::move(id));
        continue;
      }
      auto record = lease_from(entry.value);
      if (!record) return fail(std::move(record.error()));
      others.emplace(std::move(id), std::move(record->gate));
    }
    if (page->size() < kScanEntries) break;
    after = page->back().key;
  }
  std::vector<HeldPtr> taken;
  for (const auto& [id, lease] : held) {
    if (!present.contains(id)) taken.push_back(lease);
  }
  for (const auto& lease : taken) {
    std::string reason = "another gate has taken it over";
    if (lease->record_.end_reason.empty()) lease->record_.end_reason = reason;
    forget(lease);
  }
  foreign = std::move(others);
  seen = *latest;
  return {};
}

// From now on it is this gate that revokes it.
Status LeaseBook::State::adopt(const std::string& id, std::string_view reason) {
  auto entry = parts.store->get(kLeaseBucket, open_key(id));
  if (!entry) return fail(std::move(entry.error()));
  if (!*entry) {
    foreign.erase(id);
    return fail(ErrorCode::kNotFound, "no open lease has the id " + id, "see `interlock lease list`");
  }
  auto record = lease_from((*entry)->value);
  if (!record) return fail(std::move(record.error()));
  auto lease = std::make_shared<HeldLease>();
  lease->has_secret_ = true;  // perhaps
  lease->revision_ = (*entry)->revision;
  lease->record_ = std::move(*record);
  lease->record_.gate = parts.gate;
  lease->record_.state = LeaseState::kRevoking;
  if (lease->record_.ending_ms == 0) lease->record_.ending_ms = now_ms();
  if (lease->record_.end_reason.empty()) lease->record_.end_reason = std::string(reason);
  if (auto saved = save(*lease); !saved) return saved;
  foreign.erase(id);
  held.emplace(id, lease);
  tasks[lease->record_.task].insert(id);
  return {};
}

void LeaseBook::State::adopt_dead() {
  std::map<std::string, bool, std::less<>> dead;
  std::vector<std::string> left;
  for (const auto& [id, gate] : foreign) {
    auto it = dead.find(gate);
    // What bears this gate's own name and is not held is of an earlier process of that name.
    if (it == dead.end()) it = dead.emplace(gate, gate == parts.gate || !parts.is_alive(gate)).first;
    if (it->second) left.push_back(id);
  }
  for (const auto& id : left) {
    if (!adopt(id, "the gate that minted it is gone")) continue;  // another was faster, or the next tick is
    const auto lease = held.at(id);
    if (lease->record_.next_try_ms <= now_ms()) try_revocation(lease);
  }
}

void LeaseBook::State::prune() {
  const auto now = now_ms();
  if (now - pruned_ms < kPruneEveryMs) return;
  pruned_ms = now;
  std::string after;
  for (;;) {
    auto page = parts.store->scan(kLeaseBucket, kEndedLeases, kScanEntries, after);
    if (!page) return;
    for (const auto& entry : *page) {
      auto record = lease_from(entry.value);
      if (record && record->ended_ms + options.keep_ended_ms <= now)
        (void)parts.store->compare_and_remove(kLeaseBucket, entry.key, entry.revision);
    }
    if (page->size() < kScanEntries) return;
    after = page->back().key;
  }
}

}  // namespace interlock::credential
