// A gate with everything that stands below it, real but for the clock and the table of processes: what the tests of this room use.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "approval/approvals.hpp"
#include "approval/pins.hpp"
#include "catalogue/catalogue.hpp"
#include "gate/gate.hpp"
#include "ledger/ledger.hpp"
#include "ledger/reading.hpp"
#include "policy/policy_engine.hpp"
#include "store/store.hpp"
#include "task/kills.hpp"
#include "task/task_book.hpp"

namespace interlock::gate {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "interlock-gate-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Work posted from the ledger's threads, run where run_until() is called.
class PostedWork {
 public:
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    arrived_.notify_one();
  }
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      std::function<void()> work;
      {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_until(lock, deadline, [&] { return !work_.empty(); })) return false;
        work = std::move(work_.front());
        work_.pop_front();
      }
      work();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> work_;
};

inline constexpr int kHumansShell = 700;

class Processes final : public approval::ProcessTable {
 public:
  std::optional<approval::ProcessFacts> find(int pid) const override {
    if (pid != ::getpid() && pid != kHumansShell) return std::nullopt;
    approval::ProcessFacts facts;
    facts.mark = {pid, 100};
    facts.uid = static_cast<int>(::getuid());
    facts.name = "program";
    return facts;
  }
  std::string place() const override { return "boot"; }
};

// Gates that live are those that are named here.
class Gates final : public task::Presence {
 public:
  explicit Gates(std::string own) : own_(std::move(own)) {}
  const std::string& own() const override { return own_; }
  bool is_alive(std::string_view gate) const override { return gate == own_ || others.contains(std::string(gate)); }
  std::set<std::string> others;

 private:
  std::string own_;
};

inline constexpr const char* kCatalogue = R"(catalogue: 1
entry: shop
tools:
  look: { effects: [read], band: 0 }
  note: { effects: [write], band: 1, sensitive: [/secret_text] }
  ship: { effects: [send], band: 2 }
  raze: { effects: [delete, admin], band: 3 }
  read: { effects: [read], band: 1, resource: { file: path } }
  write: { effects: [write], band: 1, resource: { file: path } }
  get: { effects: [read], band: 1, resource: { url: url } }
  post: { effects: [write, send], band: 2, resource: { url: url } }
  pay: { effects: [send], band: 1, spends: amount }
  repo: { effects: [read], band: 0, resource: { type: Repo, id: "{name}", in: [{ type: Owner, id: "{owner}" }] } }
)";

inline constexpr const char* kPolicy = R"(
@id("all") permit (principal, action, resource);
@id("no-notes-outside") @reason("Notes stay below /work.")
forbid (principal, action == Action::"shop/note", resource) unless { context.args has path && context.args.path like "/work/*" };
@id("ship-with-a-human") @reason("A human looks at what leaves.")
forbid (principal, action == Action::"shop/ship", resource) unless { context.approved };
)";

struct WorldOptions {
  std::string policy = kPolicy;
  bool observe = false;
  bool elicitation_counts = false;
  task::TaskOptions tasks = {};
  approval::PinOptions pins = {};
  ArgumentRecord arguments = ArgumentRecord::kRedact;
  std::function<model::Band(const model::Subject&)> highest_band = {};
  credential::LeaseBook* leases = nullptr;
};

class World {
 public:
  explicit World(WorldOptions options = {}) : options_(std::move(options)), pins(*store, clock, options_.pins) {
    tasks = *task::TaskBook::open({.store = store.get(), .quick = store.get(), .presence = &presence}, options_.tasks, clock.now_ms());
    kills = *task::KillList::open(*store);
    ledger = *ledger::Ledger::open(
        {.folder = ledger_folder(), .origin = "test", .flush_ms = 5, .post = [this](std::function<void()> w) { work.post(std::move(w)); }},
        clock);
    approvals =
        *approval::ApprovalBook::open(*store, clock, processes, {.elicitation_counts = options_.elicitation_counts, .passphrase = {}},
                                      [this](const approval::Approval& one) { gate->on_approval(one); });
    gate = std::make_unique<Gate>(Parts{.ledger = ledger.get(),
                                        .tasks = tasks.get(),
                                        .approvals = approvals.get(),
                                        .pins = &pins,
                                        .clock = &clock,
                                        .kills = kills.get(),
                                        .leases = options_.leases,
                                        .highest_band = options_.highest_band},
                                  Options{.approval_lifetime_ms = 60'000,
                                          .arguments = options_.arguments,
                                          .elicitation_counts = options_.elicitation_counts,
                                          .role = "test"},
                                  rules(options_.policy));
  }

  std::filesystem::path ledger_folder() const { return folder.path() / "ledger"; }

  Rules rules(const std::string& policy) const {
    const std::vector<policy::PolicySource> sources = {{"main.cedar", policy}};
    auto engine = policy::PolicyEngine::load(sources, {.observe = options_.observe, .workspace = {}});
    EXPECT_TRUE(engine) << (engine ? "" : engine.error().text());
    const std::vector<catalogue::CatalogueSource> entries = {{"shop.yaml", kCatalogue}};
    const std::vector<catalogue::ServerBinding> servers = {
        {.name = "shop", .catalogue = "shop", .command = {"shop"}, .url = {}, .cwd = {}, .home = {}}};
    auto catalogue = catalogue::Catalogue::load(entries, servers);
    EXPECT_TRUE(catalogue) << (catalogue ? "" : catalogue.error().text());
    return {.policy = *engine, .catalogue = *catalogue};
  }

  // One act under way, as a surface sees it.
  struct Seen {
    std::shared_ptr<Act> act;
    std::optional<Held> held;
    int verdicts = 0;
    int cuts = 0;
    std::optional<model::VerdictKind> kind() const { return verdicts == 0 ? std::nullopt : std::optional(act->verdict.kind); }
  };

  std::shared_ptr<Seen> ask(const std::string& tool, json::object args = {}, std::optional<Refusal> refusal = std::nullopt,
                            const std::string& subject = "agent", const std::string& task = "") {
    auto caller = caller_of(subject);
    caller.task = task;
    return ask_as(std::move(caller), tool, std::move(args), std::move(refusal));
  }
  static Caller caller_of(const std::string& subject) {
    Caller caller;
    caller.subject.id = subject;
    caller.subject.owner = "ann";
    caller.subject.assurance = model::Assurance::kBearer;
    caller.subject.client = "test";
    caller.session = "session";
    return caller;
  }
  std::shared_ptr<Seen> ask_as(Caller caller, const std::string& tool, json::object args = {},
                               std::optional<Refusal> refusal = std::nullopt) {
    auto seen = std::make_shared<Seen>();
    model::ActionRequest request{
        .surface = "mcp", .server = "shop", .operation = "tools/call", .target = tool, .args = std::move(args), .trace_parent = {}};
    request.credentials = credentials;
    auto act = gate->admit(std::move(caller), std::move(request), nullptr, std::move(refusal),
                           {.on_held = [seen](const Held& held) { seen->held = held; },
                            .on_verdict =
                                [seen](std::shared_ptr<Act> decided) {
                                  seen->act = std::move(decided);
                                  ++seen->verdicts;
                                },
                            .on_cut =
                                [weak = std::weak_ptr(seen)] {
                                  if (const auto cut = weak.lock()) ++cut->cuts;
                                }});
    if (!seen->act) seen->act = std::move(act);
    return seen;
  }
  std::shared_ptr<Seen> ask_and_wait(const std::string& tool, json::object args = {}, std::optional<Refusal> refusal = std::nullopt,
                                     const std::string& subject = "agent", const std::string& task = "") {
    auto seen = ask(tool, std::move(args), std::move(refusal), subject, task);
    EXPECT_TRUE(work.run_until([&] { return seen->verdicts > 0; }));
    return seen;
  }
  Status human(const Seen& seen, bool yes, std::string_view reason = "") {
    approval::Approver approver;
    approver.pid = kHumansShell;
    approver.uid = static_cast<int>(::getuid());
    approver.name = "ann";
    auto decided = approvals->decide(seen.held->approval_id, yes, approver, reason);
    if (!decided) return fail(decided.error());
    return {};
  }
  Status observe(const Seen& seen, std::string_view kind, std::string_view text) {
    std::optional<Status> released;
    gate->observe(seen.act, {.kind = kind, .result_text = text, .note = {}}, [&](Status status) { released = std::move(status); });
    EXPECT_TRUE(work.run_until([&] { return released.has_value(); }));
    return *released;
  }

  // The receipts on disk of `kind`, oldest first.
  std::vector<json::object> receipts(const std::string& kind) const {
    auto found = ledger::find_receipts(ledger_folder(), {.kind = kind, .limit = 1000});
    EXPECT_TRUE(found) << (found ? "" : found.error().text());
    std::vector<json::object> out;
    for (const auto& record : found->records) out.push_back(json::parse(record.text)->as_object());
    return out;
  }

 private:
  WorldOptions options_;

 public:
  std::vector<model::CredentialUse> credentials;  // of every act that is asked for
  Folder folder;
  ManualClock clock;
  Processes processes;
  PostedWork work;
  std::unique_ptr<store::Store> store = store::open_memory_store();
  Gates presence{"gate_1"};
  std::unique_ptr<task::TaskBook> tasks;
  std::unique_ptr<task::KillList> kills;
  approval::PinBook pins;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<approval::ApprovalBook> approvals;
  std::unique_ptr<Gate> gate;
};

inline std::string text_at(const json::object& o, std::string_view key) { return std::string(json::string_at(o, key).value_or("")); }

}  // namespace interlock::gate
