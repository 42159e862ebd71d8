// A world for tests of leases: a store, a clock, timers, a ledger of events, and a broker whose real system can be looked at.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "credential/lease_book.hpp"

namespace interlock::credential {

// Work that comes later, in the order of its time.
class Later {
 public:
  explicit Later(ManualClock& clock) : clock_(clock) {}
  void after(std::int64_t delay_ms, std::function<void()> work) { timers_.emplace(clock_.now_ms() + delay_ms, std::move(work)); }
  void post(std::function<void()> work) { posted_.push_back(std::move(work)); }
  void run() {
    while (!posted_.empty()) {
      auto work = std::move(posted_.front());
      posted_.pop_front();
      work();
    }
  }
  void pass_ms(std::int64_t by_ms) {
    clock_.advance_ms(by_ms);
    while (!timers_.empty() && timers_.begin()->first <= clock_.now_ms()) {
      auto work = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      work();
      run();
    }
    run();
  }

 private:
  ManualClock& clock_;
  std::multimap<UnixMs, std::function<void()>> timers_;
  std::deque<std::function<void()>> posted_;
};

// The real system behind a broker: what lives in it.
struct RealSystem {
  std::set<std::string> alive;
  std::set<std::string> ever;
  int mints = 0;
  int revocations = 0;
  std::vector<std::string> revoked_with;  // the secrets shown
};

class FakeBroker final : public Broker {
 public:
  FakeBroker(RealSystem& real, Later& later) : real_(real), later_(later) {}

  std::string_view kind() const override { return "fake"; }
  std::string_view revocation_means() const override { return "it is struck off"; }
  bool can_revoke() const override { return can_be_revoked; }
  Result<Plan> plan(const MintOrder& order) const override {
    if (plan_refusal) return fail(*plan_refusal);
    std::string grant = order.act == nullptr ? "server" : order.act->resource.id;
    return Plan{.handle = {{"name", order.lease}}, .grant = grant, .expires_ms = order.expires_ms};
  }
  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    if (is_silent) {  // its order is on the way: it arrives when the test says so
      on_the_way.push_back([this, &order, &plan, done] { make(order, plan, done); });
      return;
    }
    if (mint_error) {
      if (makes_before_error) make(order, plan, [](const Result<Minted>&) {});
      later_.post([done, error = *mint_error] { done(fail(error)); });
      return;
    }
    later_.post([this, &order, &plan, done] { make(order, plan, done); });
  }
  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    ++real_.revocations;
    if (revoke_never_answers) return;
    if (revoke_error) {
      later_.post([done, error = *revoke_error] { done(fail(error)); });
      return;
    }
    real_.revoked_with.emplace_back(what.revocation);
    if (can_be_revoked) real_.alive.erase(std::string(json::string_at(what.handle, "name").value_or("")));
    later_.post([done] { done({}); });
  }

  bool can_be_revoked = true;
  bool is_silent = false;
  bool makes_before_error = false;
  bool revoke_never_answers = false;
  std::optional<Error> plan_refusal;
  std::optional<Error> mint_error;
  std::optional<Error> revoke_error;
  std::deque<std::function<void()>> on_the_way;

 private:
  void make(const MintOrder& order, const Plan& plan, const std::function<void(Result<Minted>)>& done) {
    ++real_.mints;
    real_.alive.insert(order.lease);
    real_.ever.insert(order.lease);
    Minted minted;
    minted.fields.emplace("token", Secret("canary-" + order.lease));
    minted.handle = plan.handle;
    minted.revocation = Secret("undo-" + order.lease);
    minted.expires_ms = plan.expires_ms;
    done(std::move(minted));
  }
  RealSystem& real_;
  Later& later_;
};

inline model::Classification reading(std::string table) {
  model::Classification act;
  act.action = "db/read";
  act.effects = {model::Effect::kRead};
  act.band = model::Band::kRoutine;
  act.resource = {"Table", std::move(table)};
  return act;
}

struct World {
  ManualClock clock;
  Later later{clock};
  std::unique_ptr<store::Store> store = store::open_memory_store();
  std::unique_ptr<store::SealedStore> sealed;
  RealSystem real;
  std::set<std::string, std::less<>> dead_gates;
  std::shared_ptr<FakeBroker> broker = std::make_shared<FakeBroker>(real, later);
  std::vector<std::string> events;  // "minted pg", ...
  std::vector<std::string> texts;   // all that was told of a lease, to look for secrets in
  bool is_ledger_full = false;
  LeaseOptions options;
  std::filesystem::path folder;

  World();
  ~World();

  std::vector<store::KeyedEntry> rows(std::string_view bucket, std::string_view prefix) {
    auto found = store->scan(bucket, prefix, 100);
    return found ? std::move(*found) : std::vector<store::KeyedEntry>();
  }

  std::unique_ptr<LeaseBook> open(const std::string& gate) {
    LeaseParts parts;
    parts.store = store.get();
    parts.sealed = sealed.get();
    parts.clock = &clock;
    parts.gate = gate;
    parts.is_alive = [this](std::string_view name) { return !dead_gates.contains(name); };
    parts.record = [this](const LeaseEvent& event) -> Status {
      if (is_ledger_full) return fail(ErrorCode::kIo, "no space left");
      events.push_back(std::string(lease_change_name(event.change)) + " " + event.lease.credential);
      texts.push_back(lease_text(event.lease) + std::string(event.reason));
      return {};
    };
    parts.after = [this](std::int64_t delay_ms, std::function<void()> work) { later.after(delay_ms, std::move(work)); };
    auto book = LeaseBook::open(std::move(parts), options);
    if (!book) return nullptr;
    (*book)->set_credentials(
        {{.name = "pg", .broker = broker, .lifetime_ms = 600'000}, {.name = "call", .broker = broker, .always_per_call = true}});
    return std::move(*book);
  }
};

}  // namespace interlock::credential
