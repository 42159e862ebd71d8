#include "cli/daemon.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

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
constexpr std::int64_t kLeasesEndMs = 5'000;   // for revocations; those that take longer are the next gate's
constexpr std::int64_t kServersEndMs = 2'500;  // for servers, which are ended after 2 s
constexpr std::int64_t kStopPollMs = 20;

}  // namespace

Daemon::Daemon(net::Loop& loop, Log& log, DaemonSetup setup)
    : loop_(loop), log_(log), setup_(std::move(setup)), config_(setup_.config), started_ms_(SystemClock().now_ms()) {}

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
  auto organs = open_organs(
      config_, setup_.role, std::move(loaded->rules), log_, [&loop = loop_](std::function<void()> work) { loop.post(std::move(work)); },
      [&loop = loop_](std::int64_t delay_ms, std::function<void()> work) { loop.after_ms(delay_ms, std::move(work)); });
  if (!organs) return fail(std::move(organs.error()));
  organs_ = std::move(*organs);

  auto identity = IdentityWiring::open(loop_, log_, *organs_, config_, setup_.serves);
  if (!identity) return fail(std::move(identity.error()));
  identity_ = std::move(*identity);
  auto credentials = CredentialWiring::open(loop_, log_, *organs_, *identity_, config_);
  if (!credentials) return fail(std::move(credentials.error()));
  credentials_ = std::move(*credentials);
  auto oauth = OAuthWiring::open(loop_, log_, *organs_, *identity_, config_);
  if (!oauth) return fail(std::move(oauth.error()));
  oauth_ = std::move(*oauth);

  auto servers = surface_servers(config_, setup_.full_environment);
  for (auto& server : servers) server.address.authorizer = oauth_ ? oauth_->client(server.name) : nullptr;
  surface_ = std::make_unique<mcp::Surface>(loop_, gate(), surface_options(config_), std::move(servers));

  if (setup_.serves) {
    auto egress = EgressWiring::open(loop_, log_, *organs_, *identity_, config_);
    if (!egress) return fail(std::move(egress.error()));
    egress_ = std::move(*egress);
    exec_ = std::make_unique<ExecWiring>(loop_, log_, *organs_, *identity_, *surface_, config_);
    hooks_ = make_hooks(loop_, *organs_, *exec_, config_);
    agents_ = std::make_unique<AgentDoor>(
        loop_, exec_->surface(),
        [this](const auto& connection, const json::object& message) { return hooks_->handle(connection, message); },
        [this](const auto& connection) { hooks_->gone(connection); });
  }

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
                                {"revision", gate().rules().policy->revision()},
                                {"catalogue", gate().rules().catalogue->revision()},
                                {"config", config_.source.string()},
                                {"config_sha256", config_.text_sha256}};
  if (auto recorded = gate().record(std::move(receipt)); !recorded) return recorded;

  pin_epoch_ = gate().pin_epoch();
  tick_timer_ = loop_.after_ms(kTickMs, [this] { tick(); });
  return {};
}

void Daemon::tick() {
  gate().tick();
  identity_->tick();
  credentials_->tick();
  if (const auto epoch = gate().pin_epoch(); epoch != pin_epoch_) {
    pin_epoch_ = epoch;
    surface_->lists_changed();
  }
  if (!stopping_) follow_files();
  if (!stopping_ && exec_ && !agents_listen_ && !listening_.empty()) listen_for_agents();
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

Status Daemon::begin(std::string public_url, const std::string& gate_address) {
  if (auto begun = identity_->begin(config_, std::move(public_url), tokens_); !begun) return begun;
  if (egress_) {
    if (auto begun = egress_->begin(config_, gate_address); !begun) return begun;
  }
  if (!exec_) return {};
  exec_->set_egress(egress_.get(), gate_address);
  listen_for_agents();
  return {};
}

// Of the gates of one folder the first has the agents' socket; when it is gone, the next one takes it.
void Daemon::listen_for_agents() {
  const auto listening = agents_->listen(config_.state_dir.string());
  agents_listen_ = listening.has_value();
  if (!agents_listen_ && !agents_waited_)
    log_.info("another gate of this folder answers runs and hooks", {{"why", listening.error().message}});
  agents_waited_ = !agents_listen_;
}

Status Daemon::admit(model::Subject& subject) { return organs_->registry->admit(subject, organs_->clock.now_ms()); }

Status Daemon::ready() const {
  if (stopping_) return fail(ErrorCode::kUnavailable, "the gate is stopping");
  if (auto trouble = organs_->ledger->trouble()) return fail(std::move(*trouble));
  return {};
}

void Daemon::record(model::Receipt receipt) {
  if (auto recorded = gate().record(std::move(receipt)); !recorded) log_.error("a receipt cannot be written", recorded.error());
}

// ---- changing while running -------------------------------------------------------------------------------------------------

Result<json::object> Daemon::reload(std::string_view by) {
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kConfig;
  receipt.at_ms = organs_->clock.now_ms();
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
    // The last that can fail: from here on all of it is in force, or nothing.
    if (loaded) {
      auto taken = organs_->registry->set_rules(config->registry);
      if (taken) taken = credentials_->prepare(*config);
      if (taken && egress_) taken = egress_->check(*config, *loaded->rules.catalogue);
      if (taken) taken = identity_->take_over(*config, loaded->tokens);
      if (!taken) {
        (void)organs_->registry->set_rules(config_.registry);  // they were in force, so they can be again
        loaded = fail(std::move(taken.error()));
      }
    }
  }
  if (!config || !loaded) {
    const Error error = config ? loaded.error() : config.error();
    last_refusal_ = error.text();
    log_.error("refused, and what was in force stays", error);
    receipt.verdict = "refused";
    receipt.detail["reason"] = error.text();
    receipt.detail["revision"] = gate().rules().policy->revision();
    record(std::move(receipt));
    return fail(error);
  }
  in_force_ = last_seen_ = FileMarks(*config);
  take_over(std::move(*config), std::move(*loaded));

  receipt.verdict = "applied";
  receipt.detail["revision"] = gate().rules().policy->revision();
  receipt.detail["catalogue"] = gate().rules().catalogue->revision();
  receipt.detail["config_sha256"] = config_.text_sha256;
  json::array waiting;
  std::string names;
  for (const auto& key : restart) {
    waiting.emplace_back(key);
    names += (names.empty() ? "" : ", ") + key;
  }
  if (!restart.empty()) receipt.detail["needs_restart"] = waiting;
  record(std::move(receipt));
  log_.info("configuration and policies were read again", {{"by", by}, {"revision", gate().rules().policy->revision().substr(0, 12)}});
  if (!restart.empty()) log_.warn("changed, and in force after a restart only: " + names);
  return json::object{{"revision", gate().rules().policy->revision()}, {"needs_restart", std::move(waiting)}};
}

// Takes the parts that can change while acts run; the rest stays as it was started.
void Daemon::take_over(Config config, LoadedRules loaded) {
  last_refusal_.clear();
  gate().replace_rules(std::move(loaded.rules));
  tokens_ = std::move(loaded.tokens);
  credentials_->take_over();
  config_.credentials = std::move(config.credentials);
  config_.secrets.rules = std::move(config.secrets.rules);
  config_.preset = config.preset;
  config_.policies = std::move(config.policies);
  config_.catalogue = std::move(config.catalogue);
  config_.workspace = std::move(config.workspace);
  config_.auth = std::move(config.auth);
  config_.registry = std::move(config.registry);
  config_.identity.issuers = std::move(config.identity.issuers);
  config_.run = std::move(config.run);
  config_.egress.proxy.hosts = std::move(config.egress.proxy.hosts);
  config_.egress.proxy.routes = std::move(config.egress.proxy.routes);
  if (egress_) egress_->take_over(config_);
  config_.text_sha256 = std::move(config.text_sha256);
  surface_->lists_changed();
  if (on_change_) on_change_();
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
  if (egress_) count += egress_->under_way();
  if (exec_) count += exec_->surface().under_way();
  if (hooks_) count += hooks_->under_way();
  const auto held = organs_->approvals->pending().size();
  return count > held ? count - held : 0;
}

void Daemon::wait_for_acts(std::int64_t until_ns) {
  if (acts_under_way() > 0 && steady_ns() < until_ns) {
    loop_.after_ms(kStopPollMs, [this, until_ns] { wait_for_acts(until_ns); });
    return;
  }
  if (hooks_) hooks_->close(stop_reason_);
  if (exec_) exec_->surface().close(stop_reason_);
  surface_->close(stop_reason_);
  if (egress_) egress_->close(stop_reason_);
  organs_->tasks->close(stop_reason_, organs_->clock.now_ms());
  end_leases();
}

// While servers end; what cannot be revoked in time stands in the store, for the next gate.
void Daemon::end_leases() {
  const auto until_ns = steady_ns() + kServersEndMs * kMillisecondNs;
  organs_->leases->close(stop_reason_, kLeasesEndMs, [this, until_ns] { wait_for_servers(until_ns); });
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
