#include "cli/daemon.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "catalogue/catalogue.hpp"
#include "cli/servers.hpp"
#include "identity/identity.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {
namespace {

constexpr std::int64_t kTickMs = 500;
constexpr std::int64_t kMillisecondNs = 1'000'000;
constexpr std::int64_t kDrainMs = 2'000;       // for acts under way, once the gate is told to stop
constexpr std::int64_t kServersEndMs = 2'500;  // for servers, which are ended after 2 s
constexpr std::int64_t kStopPollMs = 20;
constexpr std::size_t kSessionMarkBytes = 12;  // of the hash that stands for a session: its id is a credential
constexpr const char* kOrigin = "interlock";

std::string session_mark(std::string_view session) { return to_hex(sha256(session)).substr(0, kSessionMarkBytes); }

// "host.example/interlock": names a ledger in its checkpoints.
std::string ledger_origin() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return kOrigin;
  std::string out;
  for (const char c : std::string_view(name)) out += (c > ' ' && c < '\x7f' && c != '+') ? c : '-';
  return out + "/" + kOrigin;
}

}  // namespace

Status make_state_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorCode::kIo, system_error("cannot make the state folder " + folder.string(), errno).message,
                "name another with state_dir or --state");
  }
  struct stat facts{};
  if (::stat(folder.c_str(), &facts) != 0) return fail(system_error("cannot look at the state folder " + folder.string(), errno));
  if (!S_ISDIR(facts.st_mode))
    return fail(ErrorCode::kInvalid, "the state folder " + folder.string() + " is no folder",
                "move it away, or name another with state_dir");
  if (facts.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, "the state folder " + folder.string() + " belongs to another user",
                "run as that user, or name another with state_dir");
  }
  // What stands in it decides on acts: nobody else may read or write there.
  if ((facts.st_mode & 077) != 0 && ::chmod(folder.c_str(), 0700) != 0)
    return fail(system_error("cannot make " + folder.string() + " private", errno));
  return {};
}

Daemon::Daemon(net::Loop& loop, Log& log, DaemonSetup setup)
    : loop_(loop), log_(log), setup_(std::move(setup)), config_(setup_.config), started_ms_(clock_.now_ms()) {}

Daemon::~Daemon() { loop_.cancel(tick_timer_); }

Result<std::unique_ptr<Daemon>> Daemon::open(net::Loop& loop, Log& log, DaemonSetup setup) {
  std::unique_ptr<Daemon> daemon(new Daemon(loop, log, std::move(setup)));
  if (auto composed = daemon->compose(); !composed) return fail(std::move(composed.error()));
  return daemon;
}

Status Daemon::compose() {
  in_force_ = last_seen_ = FileMarks(config_);
  auto loaded = load_rules(config_);
  if (!loaded) return fail(std::move(loaded.error()));
  tokens_ = std::move(loaded->tokens);
  if (auto made = make_state_folder(config_.state_dir); !made) return made;

  auto store = store::open_sqlite_store(config_.state_dir / "store.db");
  if (!store) return fail(std::move(store.error()));
  store_ = std::move(*store);

  ledger::Options ledger_options;
  ledger_options.folder = config_.state_dir / "ledger";
  ledger_options.origin = ledger_origin();
  ledger_options.flush_ms = config_.ledger.group_commit_ms;
  ledger_options.post = [&loop = loop_](std::function<void()> work) { loop.post(std::move(work)); };
  auto ledger = ledger::Ledger::open(std::move(ledger_options), clock_);
  if (!ledger) return fail(std::move(ledger.error()));
  ledger_ = std::move(*ledger);
  for (const auto& notice : ledger_->notices()) log_.warn(notice);

  task::TaskOptions task_options;
  task_options.lifetime_ms = config_.task.lifetime_ms;
  task_options.band_ceiling = static_cast<model::Band>(config_.task.band_ceiling);
  tasks_ = std::make_unique<task::TaskBook>(task_options, [this](const task::TaskEvent& event) { on_task(event); });

  pins_ =
      std::make_unique<approval::PinBook>(*store_, clock_, approval::PinOptions{.trust_first_use = config_.first_use == FirstUse::kTrust});

  approval::ApprovalOptions approval_options;
  approval_options.pending = static_cast<std::size_t>(config_.approvals.pending);
  approval_options.elicitation_counts = config_.approvals.elicitation_counts;
  if (!config_.approvals.passphrase.empty()) {
    auto verifier = approval::PassphraseVerifier::parse(config_.approvals.passphrase);
    if (!verifier) return fail(std::move(verifier.error()));
    approval_options.passphrase = std::move(*verifier);
  }
  auto approvals =
      approval::ApprovalBook::open(*store_, clock_, processes_, std::move(approval_options), [this](const approval::Approval& approval) {
        if (gate_) gate_->on_approval(approval);
      });
  if (!approvals) return fail(std::move(approvals.error()));
  approvals_ = std::move(*approvals);

  gate::Options gate_options;
  gate_options.approval_lifetime_ms = config_.approvals.expires_ms;
  gate_options.elicitation_counts = config_.approvals.elicitation_counts;
  gate_options.arguments = static_cast<gate::ArgumentRecord>(config_.ledger.arguments);
  gate_ = std::make_unique<gate::Gate>(
      gate::Parts{.ledger = ledger_.get(), .tasks = tasks_.get(), .approvals = approvals_.get(), .pins = pins_.get(), .clock = &clock_},
      gate_options, std::move(loaded->rules));

  surface_ = std::make_unique<mcp::Surface>(loop_, *gate_, surface_options(config_), surface_servers(config_, setup_.full_environment));

  admin_ = std::make_unique<api::AdminListener>(loop_, operations());
  if (auto listening = admin_->listen(config_.state_dir.string()); !listening) return listening;

  // Nothing is done unrecorded, not even a start.
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kStart;
  receipt.act = new_id("start", started_ms_);
  receipt.at_ms = started_ms_;
  receipt.surface = setup_.role;
  receipt.verdict = "started";
  receipt.detail = json::object{{"version", INTERLOCK_VERSION},
                                {"pid", static_cast<std::int64_t>(::getpid())},
                                {"user", identity::user_name(static_cast<int>(::geteuid()))},
                                {"revision", gate_->rules().policy->revision()},
                                {"catalogue", gate_->rules().catalogue->revision()},
                                {"config", config_.source.string()},
                                {"config_sha256", config_.text_sha256}};
  if (auto recorded = gate_->record(std::move(receipt)); !recorded) return recorded;

  pin_epoch_ = gate_->pin_epoch();
  tick_timer_ = loop_.after_ms(kTickMs, [this] { tick(); });
  return {};
}

void Daemon::tick() {
  gate_->tick();
  if (const auto epoch = gate_->pin_epoch(); epoch != pin_epoch_) {
    pin_epoch_ = epoch;
    surface_->lists_changed();
  }
  if (!stopping_) follow_files();
  tick_timer_ = loop_.after_ms(kTickMs, [this] { tick(); });
}

// A change is taken up once the files have stayed the same from one look to the next: an editor may be half way through.
void Daemon::follow_files() {
  FileMarks now(config_);
  const bool is_new = now != in_force_;
  const bool is_settled = now == last_seen_;
  last_seen_ = std::move(now);
  if (is_new && is_settled) (void)reload("the files have changed");  // the log has told
}

Result<model::Subject> Daemon::authenticate(const net::HttpRequest& request) const {
  return tokens_.authenticate(request.headers.get("authorization"), clock_.now_ms());
}

Status Daemon::ready() const {
  if (stopping_) return fail(ErrorCode::kUnavailable, "the gate is stopping");
  if (auto trouble = ledger_->trouble()) return fail(std::move(*trouble));
  return {};
}

void Daemon::record(model::Receipt receipt) {
  if (auto recorded = gate_->record(std::move(receipt)); !recorded) log_.error("a receipt cannot be written", recorded.error());
}

void Daemon::on_task(const task::TaskEvent& event) {
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kTask;
  receipt.act = event.task.id;
  receipt.task = event.task.id;
  receipt.at_ms = event.at_ms;
  receipt.subject = event.subject;
  receipt.surface = setup_.role;
  receipt.verdict = event.change == task::TaskChange::kOpened ? "opened" : "ended";
  receipt.detail = json::object{{"owner", event.owner}, {"session", session_mark(event.session)}};
  if (event.change == task::TaskChange::kOpened) {
    receipt.detail["band_ceiling"] = static_cast<int>(event.task.band_ceiling);
    receipt.detail["expires"] = rfc3339(event.task.expires_ms);
  } else {
    receipt.detail["reason"] = event.reason;
    receipt.detail["calls"] = event.task.calls;
  }
  record(std::move(receipt));
}

// ---- changing while running -------------------------------------------------------------------------------------------------

Result<json::object> Daemon::reload(std::string_view by) {
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kConfig;
  receipt.at_ms = clock_.now_ms();
  receipt.act = new_id("config", receipt.at_ms);
  receipt.surface = setup_.role;
  receipt.detail = json::object{{"by", by}, {"config", config_.source.string()}};

  in_force_ = last_seen_ = FileMarks(config_);  // what is wrong now is not read again before it has changed
  auto config = setup_.read_config();
  auto loaded = Result<LoadedRules>{};
  std::vector<std::string> restart;
  if (config) {
    restart = keys_that_need_a_restart(config_, *config);
    config->servers = config_.servers;  // those that the surface has
    loaded = load_rules(*config);
  }
  if (!config || !loaded) {
    const Error error = config ? loaded.error() : config.error();
    last_refusal_ = error.text();
    log_.error("refused, and what was in force stays", error);
    receipt.verdict = "refused";
    receipt.detail["reason"] = error.text();
    receipt.detail["revision"] = gate_->rules().policy->revision();
    record(std::move(receipt));
    return fail(error);
  }
  in_force_ = last_seen_ = FileMarks(*config);
  take_over(std::move(*config), std::move(*loaded));

  receipt.verdict = "applied";
  receipt.detail["revision"] = gate_->rules().policy->revision();
  receipt.detail["catalogue"] = gate_->rules().catalogue->revision();
  receipt.detail["config_sha256"] = config_.text_sha256;
  json::array waiting;
  std::string names;
  for (const auto& key : restart) {
    waiting.emplace_back(key);
    names += (names.empty() ? "" : ", ") + key;
  }
  if (!restart.empty()) receipt.detail["needs_restart"] = waiting;
  record(std::move(receipt));
  log_.info("configuration and policies were read again", {{"by", by}, {"revision", gate_->rules().policy->revision().substr(0, 12)}});
  if (!restart.empty()) log_.warn("changed, and in force after a restart only: " + names);
  return json::object{{"revision", gate_->rules().policy->revision()}, {"needs_restart", std::move(waiting)}};
}

// Takes the parts that can change while acts run; the rest stays as it was started.
void Daemon::take_over(Config config, LoadedRules loaded) {
  last_refusal_.clear();
  gate_->replace_rules(std::move(loaded.rules));
  tokens_ = std::move(loaded.tokens);
  config_.preset = config.preset;
  config_.policies = std::move(config.policies);
  config_.catalogue = std::move(config.catalogue);
  config_.workspace = std::move(config.workspace);
  config_.auth = std::move(config.auth);
  config_.text_sha256 = std::move(config.text_sha256);
  surface_->lists_changed();
}

// ---- ending -----------------------------------------------------------------------------------------------------------------

void Daemon::stop(std::string_view why, std::function<void()> done) {
  if (stopping_) return;
  stopping_ = true;
  stop_reason_ = why;
  on_stopped_ = std::move(done);
  wait_for_acts(steady_ns() + kDrainMs * kMillisecondNs);
}

// Held acts wait for a human, who may take hours: they are not waited for.
std::size_t Daemon::acts_under_way() const {
  std::size_t count = 0;
  for (const auto& session : surface_->describe_sessions())
    count += static_cast<std::size_t>(json::int_at(session.get_object(), "operations").value_or(0));
  const auto held = approvals_->pending().size();
  return count > held ? count - held : 0;
}

void Daemon::wait_for_acts(std::int64_t until_ns) {
  if (acts_under_way() > 0 && steady_ns() < until_ns) {
    loop_.after_ms(kStopPollMs, [this, until_ns] { wait_for_acts(until_ns); });
    return;
  }
  surface_->close(stop_reason_);
  tasks_->end_all(stop_reason_, clock_.now_ms());
  wait_for_servers(steady_ns() + kServersEndMs * kMillisecondNs);
}

void Daemon::wait_for_servers(std::int64_t until_ns) {
  siginfo_t any{};
  const bool gone = ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
  if (!gone && steady_ns() < until_ns) {
    loop_.after_ms(kStopPollMs, [this, until_ns] { wait_for_servers(until_ns); });
    return;
  }
  if (on_stopped_) std::exchange(on_stopped_, nullptr)();
}

}  // namespace interlock::cli
