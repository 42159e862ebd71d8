// A gate of leases alone: the real book, the real brokers, a real store on disk, and orders as JSON lines on standard input. For tests that
// kill it at a given step.
//
// usage: lease_driver STATE_FOLDER CONFIGURATION.json [KILL_AT]
//   configuration: {"mint_timeout_ms"?: N, "secrets": {NAME: TEXT}, "ca_file"?: PEM, "credentials": {NAME: {"broker": KIND,
//                   "lifetime_ms": N, ...settings}}}
//   orders:  {"op": "acquire", "id": N, "credential", "task", "band", "effects": [...], "resource"?: [TYPE, ID],
//             "containers"?: [[TYPE, ID]]}   answers its fields
//            {"op": "release", "id": N, "lease": ID}   {"op": "end_task", "id": N, "task"}   {"op": "list", "id": N, "ended"?: false}
//            {"op": "close", "id": N}   ends every lease and the process
// A step is a write to the store, a call of a broker or its answer, a receipt: each has a before and an after. The process kills itself at
// step KILL_AT; "close" tells how many there were.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "base/ids.hpp"
#include "credential/aws_broker.hpp"
#include "credential/github_app_broker.hpp"
#include "credential/lease_book.hpp"
#include "credential/oauth_broker.hpp"
#include "credential/postgres_broker.hpp"
#include "credential/ssh_broker.hpp"
#include "credential/vault_broker.hpp"
#include "net/process.hpp"

namespace interlock::credential {
namespace {

constexpr std::int64_t kTickMs = 100;
constexpr std::int64_t kCloseMs = 20'000;
constexpr std::int64_t kMintTimeoutMs = 15'000;

// Counts what is done, and dies where it is told to.
class Steps {
 public:
  explicit Steps(int kill_at) : kill_at_(kill_at) {}
  void step() {
    if (++count_ == kill_at_) ::kill(::getpid(), SIGKILL);
  }
  int count() const { return count_; }

 private:
  int kill_at_;
  int count_ = 0;
};

class SteppedStore final : public store::Store {
  template <typename Work>
  auto stepped(Work work) {
    steps_.step();
    auto result = work();
    steps_.step();
    return result;
  }

 public:
  SteppedStore(std::unique_ptr<store::Store> store, Steps& steps) : store_(std::move(store)), steps_(steps) {}
  Result<std::optional<store::Entry>> get(std::string_view bucket, std::string_view key) override { return store_->get(bucket, key); }
  Result<store::Revision> put(std::string_view bucket, std::string_view key, std::string_view value) override {
    return stepped([&] { return store_->put(bucket, key, value); });
  }
  Result<store::Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value,
                                          store::Revision expected) override {
    return stepped([&] { return store_->compare_and_set(bucket, key, value, expected); });
  }
  Status remove(std::string_view bucket, std::string_view key) override {
    return stepped([&] { return store_->remove(bucket, key); });
  }
  Status compare_and_remove(std::string_view bucket, std::string_view key, store::Revision expected) override {
    return stepped([&] { return store_->compare_and_remove(bucket, key, expected); });
  }
  Result<std::vector<store::KeyedEntry>> scan(std::string_view bucket, std::string_view prefix, std::size_t limit,
                                              std::string_view after) override {
    return store_->scan(bucket, prefix, limit, after);
  }
  Result<store::Revision> latest(std::string_view bucket) override { return store_->latest(bucket); }

 private:
  std::unique_ptr<store::Store> store_;
  Steps& steps_;
};

class SteppedBroker final : public Broker {
 public:
  SteppedBroker(std::shared_ptr<Broker> broker, Steps& steps) : broker_(std::move(broker)), steps_(steps) {}
  std::string_view kind() const override { return broker_->kind(); }
  std::string_view revocation_means() const override { return broker_->revocation_means(); }
  bool can_revoke() const override { return broker_->can_revoke(); }
  Result<Plan> plan(const MintOrder& order) const override { return broker_->plan(order); }
  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    steps_.step();
    broker_->mint(order, plan, stepped<Result<Minted>>(std::move(done)));
    steps_.step();
  }
  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    steps_.step();
    broker_->revoke(what, stepped<Status>(std::move(done)));
    steps_.step();
  }

 private:
  template <typename Outcome>
  std::function<void(Outcome)> stepped(std::function<void(Outcome)> done) {
    return [this, done = std::move(done)](Outcome outcome) {
      steps_.step();
      done(std::move(outcome));
      steps_.step();
    };
  }
  std::shared_ptr<Broker> broker_;
  Steps& steps_;
};

[[noreturn]] void die(const std::string& why) {
  std::cerr << "lease_driver: " << why << "\n";
  std::exit(2);
}

template <typename T>
T must(Result<T> result) {
  if (!result) die(result.error().text());
  return std::move(*result);
}

std::string text_at(const json::object& object, std::string_view key) { return std::string(json::string_at(object, key).value_or("")); }

using Maker = Result<std::shared_ptr<Broker>> (*)(const BrokerParts&, std::string, const json::object&);
const std::map<std::string, Maker> kMakers{{"postgres", make_postgres_broker},     {"ssh", make_ssh_broker}, {"oauth", make_oauth_broker},
                                           {"github_app", make_github_app_broker}, {"aws", make_aws_broker}, {"vault", make_vault_broker}};

class Driver {
 public:
  Driver(std::filesystem::path state, const json::object& configuration, int kill_at)
      : steps_(kill_at),
        state_(std::move(state)),
        store_(must(store::open_sqlite_store(state_ / "state.db")), steps_),
        sealed_(store_, must(store::MasterKey::open_file(state_ / "master.key"))),
        vault_(sealed_, clock_) {
    if (const auto* const secrets = json::object_at(configuration, "secrets")) {
      for (const auto& [name, value] : *secrets) {
        const auto set = vault_.set(std::string_view(name.data(), name.size()), Secret(json::view(value.as_string())), "", {}, "test");
        if (!set && set.error().code != ErrorCode::kConflict) die(set.error().text());
      }
    }
    http_ = std::make_unique<net::HttpClient>(loop_, net::HttpClientOptions{.ca_file = text_at(configuration, "ca_file")});
    book_ = must(LeaseBook::open(parts(), {.retry_first_ms = 50,
                                           .retry_most_ms = 500,
                                           .mint_timeout_ms = json::int_at(configuration, "mint_timeout_ms").value_or(kMintTimeoutMs)}));
    std::vector<CredentialConfig> credentials;
    for (const auto& [name, value] : *json::object_at(configuration, "credentials"))
      credentials.push_back(credential({name.data(), name.size()}, value.as_object()));
    book_->set_credentials(std::move(credentials));
    input_ = std::make_unique<net::LineStream>(loop_, 0, 1, net::LineLimits{},
                                               net::LineStream::Handlers{.on_line = [this](std::string_view line) { take(line); },
                                                                         .on_bad_line = [](Error error) { die(error.text()); },
                                                                         .on_end = [this](Status) { close(json::value(nullptr)); }});
    tick();
  }
  void run() { loop_.run(); }

 private:
  LeaseParts parts() {
    return {
        .store = &store_,
        .sealed = &sealed_,
        .clock = &clock_,
        .gate = "driver-" + std::to_string(::getpid()),
        .is_alive = [](std::string_view gate) { return ::kill(std::atoi(std::string(gate.substr(gate.find('-') + 1)).c_str()), 0) == 0; },
        .record =
            [this](const LeaseEvent&) {
              steps_.step();
              return Status{};
            },
        .after = [this](std::int64_t delay_ms, std::function<void()> work) { loop_.after_ms(delay_ms, std::move(work)); }};
  }

  CredentialConfig credential(std::string_view name, json::object settings) {
    const BrokerParts broker_parts{
        .loop = &loop_, .http = http_.get(), .clock = &clock_, .vault = &vault_, .sealed = &sealed_, .state = state_};
    const auto kind = text_at(settings, "broker");
    const auto lifetime_ms = json::int_at(settings, "lifetime_ms").value_or(600'000);
    settings.erase("broker");
    settings.erase("lifetime_ms");
    const auto maker = kMakers.find(kind);
    if (maker == kMakers.end()) die("no such broker: " + kind);
    auto made = maker->second(broker_parts, std::string(name), settings);
    return {
        .name = std::string(name), .broker = std::make_shared<SteppedBroker>(must(std::move(made)), steps_), .lifetime_ms = lifetime_ms};
  }

  void tick() {
    book_->tick();
    loop_.after_ms(kTickMs, [this] { tick(); });
  }

  void answer(const json::value& id, json::object text) {
    text["id"] = id;
    if (auto written = input_->write(json::write(text)); !written) die(written.error().text());
  }
  void answer(const json::value& id, const Error& error) { answer(id, json::object{{"error", error.text()}}); }

  void take(std::string_view line) {
    const auto order = must(json::parse(line)).as_object();
    const auto op = text_at(order, "op");
    const auto id = *json::find(order, "id");
    if (op == "acquire") {
      acquire(order, id);
    } else if (op == "release") {
      const auto held = leases_.find(text_at(order, "lease"));
      if (held == leases_.end()) return answer(id, {ErrorCode::kNotFound, "no such lease", ""});
      book_->release(held->second, "act");
      leases_.erase(held);
      answer(id, json::object{});
    } else if (op == "end_task") {
      book_->end_task(text_at(order, "task"), "the test ends it", [this, id] { answer(id, json::object{}); });
    } else if (op == "list") {
      json::array records;
      for (const auto& record : book_->list(json::bool_at(order, "ended", true))) records.push_back(to_json(record));
      answer(id, json::object{{"leases", std::move(records)}, {"open", book_->size()}});
    } else if (op == "close") {
      close(id);
    } else {
      die("no such order: " + op);
    }
  }

  void acquire(const json::object& order, const json::value& id) {
    model::Classification act;
    act.action = "test/act";
    if (const auto* const effects = json::array_at(order, "effects"))
      for (const auto& effect : *effects) act.effects.push_back(*model::effect_from_name(json::view(effect.as_string())));
    if (const auto* const resource = json::array_at(order, "resource"))
      act.resource = {std::string(json::view(resource->at(0).as_string())), std::string(json::view(resource->at(1).as_string()))};
    if (const auto* const containers = json::array_at(order, "containers"))
      for (const auto& container : *containers)
        act.containers.push_back(
            {std::string(json::view(container.at(0).as_string())), std::string(json::view(container.at(1).as_string()))});
    const auto band = static_cast<model::Band>(json::int_at(order, "band").value_or(2));
    book_->acquire(
        {.credential = text_at(order, "credential"),
         .act = new_id("act", clock_.now_ms()),
         .task = text_at(order, "task"),
         .subject = "tester",
         .classification = &act,
         .band = band,
         .task_expires_ms = clock_.now_ms() + 3'600'000},
        [this, id](Result<std::shared_ptr<const Lease>> lease) {
          if (!lease) return answer(id, lease.error());
          json::object fields;
          for (const auto name : (*lease)->field_names()) fields[name] = (*lease)->field(name);
          leases_[(*lease)->record().id] = *lease;
          answer(id, json::object{{"lease", (*lease)->record().id}, {"grant", (*lease)->record().grant}, {"fields", std::move(fields)}});
          steps_.step();
        });
  }

  void close(const json::value& id) {
    leases_.clear();
    book_->close("the test ends", kCloseMs, [this, id] {
      answer(id, json::object{{"steps", steps_.count()}, {"open", book_->size()}});
      std::_Exit(0);
    });
  }

  Steps steps_;
  std::filesystem::path state_;
  SystemClock clock_;
  net::Loop loop_;
  SteppedStore store_;
  store::SealedStore sealed_;
  Vault vault_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<LeaseBook> book_;
  std::map<std::string, std::shared_ptr<const Lease>, std::less<>> leases_;
  std::unique_ptr<net::LineStream> input_;
};

int drive(int count, char** words) {
  if (count < 3) die("usage: lease_driver STATE_FOLDER CONFIGURATION.json [KILL_AT]");
  std::ostringstream text;
  text << std::ifstream(words[2]).rdbuf();
  Driver driver(words[1], must(json::parse(text.str())).as_object(), count > 3 ? std::atoi(words[3]) : 0);
  driver.run();
  return 0;
}

}  // namespace
}  // namespace interlock::credential

int main(int count, char** words) { return interlock::credential::drive(count, words); }
