// The verbs of the book.
#include "credential/lease_book.hpp"

#include <algorithm>

#include "credential/lease_state.hpp"

namespace interlock::credential {
namespace {

// An act that was admitted right before its task ended finds the task here; older ones have been refused by the book of tasks.
constexpr std::size_t kEndedTasks = 10'000;

Error no_such_lease(std::string_view id) {
  return {ErrorCode::kNotFound, "no open lease has the id " + std::string(id.substr(0, 64)), "see `interlock lease list`"};
}

Status append_all(store::Store& store, std::string_view prefix, std::vector<LeaseRecord>& out) {
  std::string after;
  for (;;) {
    auto page = store.scan(kLeaseBucket, prefix, kScanEntries, after);
    if (!page) return fail(std::move(page.error()));
    for (const auto& entry : *page) {
      if (auto record = lease_from(entry.value)) out.push_back(std::move(*record));
    }
    if (page->size() < kScanEntries) return {};
    after = page->back().key;
  }
}

}  // namespace

Result<std::unique_ptr<LeaseBook>> LeaseBook::open(LeaseParts parts, LeaseOptions options) {
  std::unique_ptr<LeaseBook> book(new LeaseBook());
  book->state_ = std::make_shared<State>();
  book->state_->parts = std::move(parts);
  book->state_->options = options;
  if (auto read = book->state_->read_store(); !read) return fail(std::move(read.error()));
  return book;
}

LeaseBook::~LeaseBook() = default;

void LeaseBook::set_record(std::function<Status(const LeaseEvent&)> record) { state_->parts.record = std::move(record); }

void LeaseBook::set_credentials(std::vector<CredentialConfig> credentials) {
  state_->credentials.clear();
  for (auto& one : credentials) {
    auto name = one.name;
    state_->credentials.insert_or_assign(std::move(name), std::move(one));
  }
}

bool LeaseBook::knows(std::string_view credential) const { return state_->credentials.contains(credential); }

void LeaseBook::acquire(const LeaseOrder& order, std::function<void(Result<std::shared_ptr<const Lease>>)> done) {
  state_->acquire(order, std::move(done));
}

void LeaseBook::release(const std::shared_ptr<const Lease>& lease, std::string_view act) {
  const auto it = state_->held.find(lease->record().id);
  if (it == state_->held.end() || it->second->record_.shared || it->second->record_.state != LeaseState::kLive) return;
  state_->end(it->second, "act " + std::string(act) + " is over");
}

void LeaseBook::end_task(std::string_view task, std::string_view reason, std::function<void()> done) {
  auto& state = *state_;
  if (state.ended_tasks.emplace(task).second) {
    state.ended_order.emplace_back(task);
    if (state.ended_order.size() > kEndedTasks) {
      state.ended_tasks.erase(state.ended_order.front());
      state.ended_order.pop_front();
    }
  }
  std::vector<HeldPtr> leases;
  if (const auto it = state.tasks.find(task); it != state.tasks.end()) {
    for (const auto& id : it->second) leases.push_back(state.held.at(id));
  }
  for (const auto& mint : std::vector(state.mints.begin(), state.mints.end())) {
    if (mint->order.task != task || mint->is_given_up) continue;
    state.give_up(mint, {ErrorCode::kExpired, "task " + mint->order.task + " ended while \"" + mint->order.credential + "\" was minted",
                         "begin another task"});
  }
  state.end_all(leases, "task " + std::string(task) + " ended: " + std::string(reason), std::make_shared<Countdown>(std::move(done)));
}

void LeaseBook::revoke(std::string_view id, std::string_view by, std::string_view reason, std::function<void(Status)> done) {
  auto& state = *state_;
  std::string why = "revoked by " + std::string(by);
  if (!reason.empty()) why += ": " + std::string(reason);
  if (!state.held.contains(id)) {
    if (auto adopted = state.adopt(std::string(id), why); !adopted) {
      return done(fail(adopted.error().code == ErrorCode::kNotFound ? no_such_lease(id) : std::move(adopted.error())));
    }
  }
  const auto lease = state.held.find(id)->second;
  if (done) lease->on_settled_.push_back(std::move(done));
  if (lease->record_.state != LeaseState::kRevoking) return state.end(lease, why);
  if (!lease->is_revoking_) state.try_revocation(lease);
}

std::optional<LeaseRecord> LeaseBook::find(std::string_view id) const {
  if (const auto it = state_->held.find(id); it != state_->held.end()) return it->second->record_;
  for (const auto& key : {ended_key(id), open_key(id)}) {
    if (key.size() > store::kKeyBytes) return std::nullopt;
    auto entry = state_->parts.store->get(kLeaseBucket, key);
    if (!entry || !*entry) continue;
    if (auto record = lease_from((*entry)->value)) return std::move(*record);
  }
  return std::nullopt;
}

std::vector<LeaseRecord> LeaseBook::list(bool with_ended) const {
  std::vector<LeaseRecord> out;
  (void)append_all(*state_->parts.store, kOpenLeases, out);
  for (auto& record : out) {
    if (const auto it = state_->held.find(record.id); it != state_->held.end()) record = it->second->record_;
  }
  if (with_ended) (void)append_all(*state_->parts.store, kEndedLeases, out);
  std::ranges::stable_sort(out, {}, &LeaseRecord::id);  // ids sort by time
  // A gate that died between the two writes of an end left both: the ended one is true once it is revoked again.
  const auto twice = std::ranges::unique(out, {}, &LeaseRecord::id);
  out.erase(twice.begin(), twice.end());
  return out;
}

void LeaseBook::each_secret(
    const std::function<void(std::string_view credential, std::string_view field, std::string_view value)>& visit) const {
  for (const auto& [id, lease] : state_->held) {
    for (const auto& [name, value] : lease->fields_) visit(lease->record_.credential, name, value.view());
  }
}

void LeaseBook::tick() {
  auto& state = *state_;
  if (state.is_closed) return state.tick_held();
  if (state.read_store()) state.adopt_dead();
  state.tick_held();
  state.prune();
}

void LeaseBook::close(std::string_view reason, std::int64_t deadline_ms, std::function<void()> done) {
  auto& state = *state_;
  state.is_closed = true;
  for (const auto& mint : std::vector(state.mints.begin(), state.mints.end())) {
    if (!mint->is_given_up) state.give_up(mint, {ErrorCode::kUnavailable, "the gate stopped while a credential was minted", "try again"});
  }
  std::vector<HeldPtr> leases;
  for (const auto& [id, lease] : state.held) leases.push_back(lease);
  const auto countdown = std::make_shared<Countdown>(std::move(done));
  state.parts.after(deadline_ms, [countdown] { countdown->cut_short(); });
  state.end_all(leases, reason, countdown);
}

std::size_t LeaseBook::size() const { return state_->held.size() + state_->foreign.size(); }

std::vector<LeaseRecord> LeaseBook::alarms() const {
  std::vector<LeaseRecord> out;
  const auto now = state_->now_ms();
  for (const auto& [id, lease] : state_->held) {
    const auto& record = lease->record_;
    if (record.state == LeaseState::kRevoking && record.attempts > 0 && now - record.ending_ms >= state_->options.alarm_after_ms)
      out.push_back(record);
  }
  return out;
}

}  // namespace interlock::credential
