#include "oauth/client.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "jose/dpop.hpp"
#include "oauth/acquisition.hpp"
#include "oauth/form.hpp"

namespace interlock::oauth {
namespace {

constexpr std::int64_t kExpiryMarginMs = 30'000;     // a token is renewed this long before its end
constexpr std::int64_t kRefusedPauseMs = 60'000;     // a server that refuses a new token is not given another at once
constexpr std::int64_t kDeniedPauseMs = 30'000;      // what was denied is not asked for again at once
constexpr std::int64_t kUnavailablePauseMs = 2'000;  // what did not answer, a little sooner
constexpr std::int64_t kAcquisitionMs = 60'000;      // how long a call waits where no human is needed
constexpr int kStepUps = 3;                          // an hour
constexpr std::int64_t kStepUpWindowMs = 3'600'000;
constexpr std::size_t kWaiters = 1'000;
constexpr std::size_t kNonceBytes = 1'024;

class RunningClient final : public Client {
 public:
  RunningClient(ClientParts parts, std::string server, std::string server_url, ClientOptions options)
      : parts_(std::move(parts)), server_(std::move(server)), server_url_(std::move(server_url)), options_(std::move(options)) {}
  ~RunningClient() override {
    for (auto& waiter : waiters_) parts_.loop->cancel(waiter->timer);
    parts_.loop->cancel(login_timer_);
  }

  // What cannot be opened any more is as good as forgotten: the server will say that it wants a token.
  void recall() {
    auto kept = parts_.vault->get(vault_key());
    if (kept && !*kept) return;
    auto tokens = kept ? read_token_set(**kept) : Result<TokenSet>(fail(std::move(kept.error())));
    if (!tokens) {
      problem_.error = {tokens.error().code, "the kept tokens cannot be read: " + tokens.error().message, "a login makes new ones"};
      return tell("refused: " + problem_.error.text());
    }
    tokens_ = std::move(*tokens);
    ++token_id_;
  }

  void credentials(std::string method, std::function<void(Result<Credentials>)> done) override {
    if (!has_access() || !is_expiring() || !can_renew_alone()) return done(make_credentials(method));
    acquire({.challenge = {}, .scopes = tokens_->asked, .held = tokens_, .may_refresh = true},
            [this, method = std::move(method), done = std::move(done)](Status status) {
              // What failed may still be good for its last seconds; what is over is not shown.
              if (!status && is_expired()) return done(fail(std::move(status.error())));
              done(make_credentials(method));
            });
  }

  void refused(Refusal refusal, std::function<void(Status)> done) override {
    const auto challenge = find_challenge(refusal.challenges);
    const bool has_new_nonce = remember_nonce(refusal.dpop_nonce);
    if (refusal.status == 401 && challenge && challenge->get("error") == "use_dpop_nonce" && has_new_nonce && refusal.token != 0)
      return done({});
    if (refusal.status == 403) return stepped_up(challenge, std::move(done));
    if (refusal.status != 401)
      return done(fail(ErrorCode::kDenied, "HTTP " + std::to_string(refusal.status) + " asks for no authorization"));
    if (has_access() && refusal.token != token_id_) return done({});  // it was renewed in between
    if (has_access() && !was_accepted_ && now_ms() - tokens_->made_ms < kRefusedPauseMs) {
      return done(fail(ErrorCode::kDenied, "server \"" + server_ + "\" refuses the token that its own authorization server just issued",
                       "see the log of the server: the audience or the scopes may not be what it wants"));
    }
    Wanted wanted{.challenge = challenge, .scopes = {}, .held = tokens_, .may_refresh = true};
    if (tokens_) {
      wanted.scopes = tokens_->asked;
      tokens_->access_token.clear();
    }
    acquire(std::move(wanted), std::move(done));
  }

  void accepted(std::uint64_t token, std::string_view dpop_nonce) override {
    if (token != 0 && token == token_id_) was_accepted_ = true;
    remember_nonce(dpop_nonce);
  }

  void begin_login(std::function<void(Result<std::string>)> done) override {
    if (options_.grant != Grant::kAuthorizationCode) {
      return done(fail(ErrorCode::kUnsupported,
                       "server \"" + server_ + "\" is authorized by " + std::string(grant_name(options_.grant)) + ", without a human"));
    }
    if (acquisition_ && acquisition_->login()) return done(acquisition_->login()->url);
    if (login_waiters_.size() >= kWaiters) return done(fail(ErrorCode::kTooLarge, "too many wait for this login already"));
    login_waiters_.push_back(std::move(done));
    if (acquisition_) return;
    start({.challenge = {}, .scopes = tokens_ ? tokens_->asked : std::vector<std::string>{}, .held = tokens_, .may_refresh = false});
  }

  bool has_login(std::string_view state) const override {
    return acquisition_ && acquisition_->login() && equal_constant_time(acquisition_->login()->state, state);
  }

  void finish_login(std::string_view query, std::function<void(Status)> done) override {
    const auto form = read_form(query);
    if (!form) return done(fail(form.error()));
    if (!has_login(form_get(*form, "state")))
      return done(fail(ErrorCode::kNotFound, "no login of server \"" + server_ + "\" has this state", "begin it again"));
    const auto self = shared_from_this();
    finishers_.push_back(std::move(done));
    (void)acquisition_->finish_login(query);  // what it says comes through on_done too
  }

  Status forget() override {
    drop_acquisition();
    tokens_.reset();
    problem_ = {};
    was_accepted_ = false;
    settle(fail(ErrorCode::kDenied, "the authorization of server \"" + server_ + "\" was taken back"));
    return parts_.vault->remove(vault_key());
  }

  ClientStatus status() const override {
    ClientStatus out;
    out.server = server_;
    out.problem = problem_.error.text();
    if (acquisition_) out.state = acquisition_->login() ? ClientState::kWaitsForLogin : ClientState::kWorking;
    else if (has_access() && !is_expired()) out.state = ClientState::kAuthorized;
    else if (!out.problem.empty()) out.state = ClientState::kFailed;
    if (!tokens_) return out;
    out.issuer = tokens_->issuer;
    out.resource = tokens_->resource;
    out.scopes = tokens_->granted;
    out.expires_ms = tokens_->expires_ms;
    out.refreshable = !tokens_->refresh_token.empty();
    out.bound = tokens_->is_bound;
    return out;
  }

 private:
  struct Waiter {
    std::function<void(Status)> done;
    net::TimerId timer = 0;
  };
  struct Problem {
    Error error;
    UnixMs until_ms = 0;
  };

  std::string vault_key() const { return "tokens/" + server_; }
  UnixMs now_ms() const { return parts_.clock->now_ms(); }
  bool has_access() const { return tokens_ && !tokens_->access_token.empty(); }
  bool is_expired() const { return tokens_ && tokens_->expires_ms && now_ms() >= *tokens_->expires_ms; }
  bool is_expiring() const { return tokens_ && tokens_->expires_ms && now_ms() >= *tokens_->expires_ms - kExpiryMarginMs; }
  bool can_renew_alone() const { return options_.grant != Grant::kAuthorizationCode || !tokens_->refresh_token.empty(); }

  Result<Credentials> make_credentials(std::string_view method) const {
    Credentials out;
    if (!has_access() || is_expired()) return out;
    out.token = token_id_;
    out.headers.set("Authorization", (tokens_->is_bound ? "DPoP " : "Bearer ") + tokens_->access_token);
    if (tokens_->is_bound) {
      auto proof = jose::make_dpop(*tokens_->dpop_key, method, server_url_, tokens_->access_token, nonce_, now_ms());
      if (!proof) return fail(std::move(proof.error()));
      out.headers.set("DPoP", *proof);
    }
    return out;
  }

  // True: it is another than the last.
  bool remember_nonce(std::string_view nonce) {
    const bool is_visible = std::all_of(nonce.begin(), nonce.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (nonce.empty() || nonce.size() > kNonceBytes || !is_visible || nonce == nonce_) return false;
    nonce_ = nonce;
    return true;
  }

  // 403 insufficient_scope (RFC 6750 §3.1). Each step must ask for something new, so there is an end to it whatever the server says.
  void stepped_up(const std::optional<Challenge>& challenge, std::function<void(Status)> done) {
    const auto scopes = challenge && challenge->get("error") == "insufficient_scope" ? parse_scopes(challenge->get("scope")) : std::nullopt;
    if (!scopes || scopes->empty()) {
      return done(fail(ErrorCode::kDenied, "server \"" + server_ + "\" answers HTTP 403, and names no scope that would help",
                       "see what its authorization server grants to the gate"));
    }
    if (tokens_ && has_scopes(tokens_->asked, *scopes)) {
      return done(fail(ErrorCode::kDenied,
                       "server \"" + server_ + "\" wants the scopes \"" + shown(join_scopes(*scopes)) + "\", which were asked for already",
                       "its authorization server, or the human who logged in, did not grant them"));
    }
    std::erase_if(step_ups_, [&](UnixMs at_ms) { return at_ms < now_ms() - kStepUpWindowMs; });
    if (step_ups_.size() >= kStepUps) {
      return done(fail(ErrorCode::kDenied,
                       "server \"" + server_ + "\" asked for more scopes " + std::to_string(kStepUps) + " times within an hour",
                       "give it what it needs in servers." + server_ + ".oauth.scopes, and log in again"));
    }
    if (!acquisition_) step_ups_.push_back(now_ms());
    acquire(
        {.challenge = challenge, .scopes = tokens_ ? tokens_->asked : std::vector<std::string>{}, .held = tokens_, .may_refresh = false},
        std::move(done));
  }

  // Joins what is under way; starts it where nothing is, unless the last attempt failed just now.
  void acquire(Wanted wanted, std::function<void(Status)> done) {
    if (!acquisition_ && now_ms() < problem_.until_ms) return done(fail(problem_.error));
    if (waiters_.size() >= kWaiters)
      return done(fail(ErrorCode::kTooLarge, "too many calls wait for the authorization of server \"" + server_ + "\""));
    auto waiter = std::make_shared<Waiter>();
    waiter->done = std::move(done);
    waiters_.push_back(waiter);
    const bool needs_human = options_.grant == Grant::kAuthorizationCode;
    waiter->timer = parts_.loop->after_ms(needs_human ? options_.login_wait_ms : kAcquisitionMs, [this, weak = weak_from_this(), waiter] {
      const auto self = weak.lock();
      if (!self || std::erase(waiters_, waiter) == 0) return;
      if (acquisition_ && acquisition_->login()) {
        return waiter->done(fail(ErrorCode::kUnavailable, "server \"" + server_ + "\" waits for a human to log in",
                                 "run: interlock server login " + server_));
      }
      waiter->done(fail(ErrorCode::kTimeout, "the authorization of server \"" + server_ + "\" takes too long",
                        "try again; interlock status says more"));
    });
    if (!acquisition_) start(std::move(wanted));
  }

  void start(Wanted wanted) {
    const auto weak = weak_from_this();
    acquisition_ = std::make_unique<Acquisition>(parts_, server_, server_url_, options_, std::move(wanted),
                                                 Acquisition::Handlers{.on_login =
                                                                           [this, weak](const Login& login) {
                                                                             if (const auto self = weak.lock()) wait_for_login(login);
                                                                           },
                                                                       .on_done =
                                                                           [this, weak](Result<TokenSet> tokens) {
                                                                             if (const auto self = weak.lock()) take(std::move(tokens));
                                                                           }});
    acquisition_->start();
  }

  void wait_for_login(const Login& login) {
    login_timer_ = parts_.loop->after_ms(kLoginLifetimeMs, [this, weak = weak_from_this()] {
      if (!weak.lock() || !acquisition_) return;
      take(fail(ErrorCode::kExpired, "nobody finished the login of server \"" + server_ + "\" in time",
                "run: interlock server login " + server_));
    });
    const auto url = login.url;
    if (parts_.on_login) parts_.on_login(server_, url);
    for (auto& waiter : std::exchange(login_waiters_, {})) waiter(url);
  }

  void drop_acquisition() {
    parts_.loop->cancel(login_timer_);
    login_timer_ = 0;
    // It may be what calls us: it goes once the stack is unwound.
    if (acquisition_) parts_.loop->post([dropped = std::shared_ptr<Acquisition>(std::move(acquisition_))] {});
  }

  void take(Result<TokenSet> tokens) {
    const auto self = shared_from_this();
    drop_acquisition();
    if (!tokens) {
      const bool is_denied = tokens.error().code != ErrorCode::kUnavailable && tokens.error().code != ErrorCode::kTimeout;
      problem_ = {tokens.error(), now_ms() + (is_denied ? kDeniedPauseMs : kUnavailablePauseMs)};
      if (tokens.error().code == ErrorCode::kExpired) problem_.until_ms = 0;  // the human may come later
      tell("refused: " + tokens.error().text());
      return settle(fail(std::move(tokens.error())));
    }
    problem_ = {};
    tokens_ = std::move(*tokens);
    ++token_id_;
    was_accepted_ = false;
    if (auto kept = parts_.vault->put(vault_key(), write_token_set(*tokens_)); !kept)
      tell("the tokens could not be kept, and are gone when the gate ends: " + kept.error().text());
    tell("authorized");
    settle({});
  }

  void settle(const Status& status) {
    const auto self = shared_from_this();
    auto waiters = std::exchange(waiters_, {});
    auto logins = std::exchange(login_waiters_, {});
    auto finishers = std::exchange(finishers_, {});
    for (const auto& waiter : waiters) parts_.loop->cancel(waiter->timer);
    for (auto& done : finishers) done(status);
    for (auto& done : logins)
      done(status ? Result<std::string>(fail(ErrorCode::kConflict, "server \"" + server_ + "\" was authorized in the meantime"))
                  : Result<std::string>(fail(status.error())));
    for (const auto& waiter : waiters) waiter->done(status);
  }

  void tell(const std::string& what) const {
    if (parts_.on_event) parts_.on_event(server_, what);
  }

  const ClientParts parts_;
  const std::string server_;
  const std::string server_url_;
  const ClientOptions options_;
  std::optional<TokenSet> tokens_;
  std::uint64_t token_id_ = 0;
  bool was_accepted_ = false;  // the present token, by the server
  std::string nonce_;          // the server's last
  std::vector<UnixMs> step_ups_;
  Problem problem_;
  std::unique_ptr<Acquisition> acquisition_;
  net::TimerId login_timer_ = 0;
  std::vector<std::shared_ptr<Waiter>> waiters_;
  std::vector<std::function<void(Result<std::string>)>> login_waiters_;
  std::vector<std::function<void(Status)>> finishers_;
};

}  // namespace

Result<std::shared_ptr<Client>> Client::create(ClientParts parts, std::string server, std::string server_url, ClientOptions options) {
  if (auto fits = check_options(options); !fits) return fail(std::move(fits.error()));
  if (auto fits = check_endpoint(server_url); !fits) return fail(std::move(fits.error()));
  auto client = std::make_shared<RunningClient>(std::move(parts), std::move(server), std::move(server_url), std::move(options));
  client->recall();
  return client;
}

}  // namespace interlock::oauth
