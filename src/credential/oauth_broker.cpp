#include "credential/oauth_broker.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "credential/by_effect.hpp"
#include "credential/oauth_endpoints.hpp"
#include "credential/refresh_token.hpp"
#include "credential/refresh_turn.hpp"
#include "oauth/challenge.hpp"
#include "oauth/revocation.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kAccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
constexpr std::int64_t kMint_ms = 30'000;  // between the plan and the server's own clock reading, at most

enum class Grant : std::uint8_t { kClientCredentials, kRefreshToken, kTokenExchange };

class OauthBroker final : public Broker {
 public:
  OauthBroker(const BrokerParts& parts, std::string credential, BrokerSettings& settings)
      : calls_(*parts.loop, *parts.http),
        clock_(*parts.clock),
        vault_(*parts.vault),
        credential_(std::move(credential)),
        endpoints_(settings, calls_, clock_, vault_) {
    read_grant(settings);
    if (grant_ == Grant::kRefreshToken) {
      turn_.emplace(calls_, *parts.sealed, clock_, refresh_token_secret_);
      refresh_token_.emplace(vault_, *parts.sealed, refresh_token_secret_);
    }
    scopes_ = ByEffect::read(settings, "scopes");
    for (const auto* entry : scopes_.all())
      if (!scopes_of(*entry))
        settings.complain("scopes", "are no list of scopes", "write [ one, two ], or { read: [ one ], write: [ two ] }");
    audience_ = settings.text("audience");
    resource_ = settings.text("resource");
    const auto life = settings.text("token_lifetime", "1h");
    const auto life_ms = parse_duration_ms(life);
    if (!life_ms || *life_ms <= 0 || *life_ms > oauth::kLongestLife_s * 1000)
      settings.complain("token_lifetime", "is no time", "write the longest that the server's access tokens live, like 1h");
    life_ms_ = life_ms.value_or(0);
  }

  std::string_view kind() const override { return "oauth"; }
  std::string_view revocation_means() const override {
    return can_revoke() ? "the token is revoked at its authorization server (RFC 7009)"
                        : "expiry: its authorization server revokes no tokens";
  }
  bool can_revoke() const override { return endpoints_.can_revoke(); }

  Result<Plan> plan(const MintOrder& order) const override {
    const auto entries = scopes_.for_act(order.act);
    if (!entries) return fail(entries.error().code, "credential " + credential_ + ": " + entries.error().message, entries.error().hint);
    std::vector<std::string> scopes;
    for (const auto* entry : *entries) oauth::add_scopes(scopes, *scopes_of(*entry));
    Plan out;
    out.handle = {{"server", endpoints_.authority()}, {"client", endpoints_.client_id()}, {"scope", oauth::join_scopes(scopes)}};
    if (!audience_.empty()) out.handle["audience"] = audience_;
    if (!resource_.empty()) out.handle["resource"] = resource_;
    out.grant = json::write_canonical(out.handle);
    out.expires_ms = order.now_ms + kMint_ms + life_ms_;
    out.handle["ends_ms"] = out.expires_ms;
    return out;
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto mint = std::make_shared<Mint>(Mint{plan, order.expires_ms, std::move(done), {}, {}});
    calls_.later([this, mint] {
      endpoints_.find([this, mint](Result<OauthEndpoints::Found> found) {
        if (!found) return mint->done(fail(nothing_made(std::move(found.error()))));
        mint->at = std::move(*found);
        if (!turn_) return ask(mint);
        turn_->take([this, mint](Result<store::Revision> turn) {
          if (!turn) return mint->done(fail(nothing_made(std::move(turn.error()))));
          mint->turn = *turn;
          ask(mint);
        });
      });
    });
  }

  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    const auto known = check_revocation(what);
    if (!can_revoke() || !known || what.revocation.empty()) return calls_.later([done = std::move(done), known] { done(known); });
    auto token = std::make_shared<Secret>(what.revocation);
    calls_.later([this, token, done = std::move(done)] {
      endpoints_.find([this, token, done](Result<OauthEndpoints::Found> found) {
        if (!found) return done(fail(std::move(found.error())));
        revoke_at(*found, token->view(), done);
      });
    });
  }

 private:
  struct Mint {
    Plan plan;
    UnixMs until_ms = 0;  // revoked then at the latest
    std::function<void(Result<Minted>)> done;
    OauthEndpoints::Found at;
    std::optional<store::Revision> turn;
  };

  void read_grant(BrokerSettings& settings) {
    const auto grant = settings.needed_text("grant", "write client_credentials, refresh_token or token_exchange");
    refresh_token_secret_ = settings.text("refresh_token_secret");
    subject_token_secret_ = settings.text("subject_token_secret");
    subject_token_type_ = settings.text("subject_token_type", kAccessTokenType);
    if (grant == "refresh_token") {
      grant_ = Grant::kRefreshToken;
    } else if (grant == "token_exchange") {
      grant_ = Grant::kTokenExchange;
    } else if (grant != "client_credentials") {
      settings.complain("grant", "is unknown", "write client_credentials, refresh_token or token_exchange");
    }
    if ((grant_ == Grant::kRefreshToken) != !refresh_token_secret_.empty())
      settings.complain("refresh_token_secret", "goes with grant: refresh_token", "name the secret that holds the refresh token");
    if ((grant_ == Grant::kTokenExchange) != !subject_token_secret_.empty())
      settings.complain("subject_token_secret", "goes with grant: token_exchange", "name the secret that holds the token to exchange");
  }

  static std::optional<std::vector<std::string>> scopes_of(const json::value& entry) {
    if (entry.is_string()) return oauth::parse_scopes(json::view(entry.get_string()));
    const auto* list = entry.if_array();
    if (list == nullptr || list->size() > oauth::kScopes) return std::nullopt;
    std::vector<std::string> out;
    for (const auto& scope : *list) {
      auto parsed = scope.is_string() ? oauth::parse_scopes(json::view(scope.get_string())) : std::nullopt;
      if (!parsed || parsed->size() != 1) return std::nullopt;
      oauth::add_scopes(out, *parsed);
    }
    return out;
  }

  Result<oauth::Form> form_of(const Mint& mint) {
    oauth::Form form;
    if (grant_ == Grant::kClientCredentials) form.emplace_back("grant_type", "client_credentials");
    if (grant_ == Grant::kRefreshToken) {
      const auto token = refresh_token_->get();
      if (!token) return fail(token.error());
      form.emplace_back("grant_type", "refresh_token");
      form.emplace_back("refresh_token", std::string(token->view()));
    }
    if (grant_ == Grant::kTokenExchange) {
      const auto token = vault_.get(subject_token_secret_);
      if (!token) return fail(token.error());
      form.emplace_back("grant_type", std::string(kExchangeGrant));
      form.emplace_back("subject_token", std::string(token->view()));
      form.emplace_back("subject_token_type", subject_token_type_);
      form.emplace_back("requested_token_type", std::string(kAccessTokenType));
    }
    form.emplace_back("scope", std::string(json::string_at(mint.plan.handle, "scope").value_or("")));
    form.emplace_back("audience", audience_);
    form.emplace_back("resource", resource_);
    return form;
  }

  void ask(const std::shared_ptr<Mint>& mint) {
    auto client = endpoints_.client(mint->at);
    if (!client) return end(mint, fail(nothing_made(std::move(client.error()))));
    auto form = form_of(*mint);
    if (!form) return end(mint, fail(nothing_made(std::move(form.error()))));
    oauth::TokenRequest request{.endpoint = mint->at.token,
                                .audience = mint->at.audience,
                                .form = std::move(*form),
                                .client = std::move(*client),
                                .dpop_key = std::nullopt,
                                .dpop_nonce = {}};
    calls_.run([&](std::function<void()> over) {
      return oauth::request_token(calls_.loop(), calls_.http(), clock_, std::move(request),
                                  [this, mint, over = std::move(over)](Result<oauth::TokenResponse> response) {
                                    over();
                                    take(mint, std::move(response));
                                  });
    });
  }

  void take(const std::shared_ptr<Mint>& mint, Result<oauth::TokenResponse> response) {
    if (!response) return end(mint, fail(unminted(explained(std::move(response.error())))));
    Minted minted;
    minted.revocation = Secret(response->access_token);
    // Before all else: the token that was used is spent, and this one is the only one left.
    auto right = keep_refresh_token(*response);
    if (right) right = check(*mint, *response);
    if (!right) return undo(mint, std::move(minted.revocation), std::move(right.error()));
    minted.handle = mint->plan.handle;
    if (response->scopes) minted.handle["scope"] = oauth::join_scopes(*response->scopes);
    minted.expires_ms = can_revoke() ? std::min(mint->until_ms, mint->plan.expires_ms) : mint->plan.expires_ms;
    if (response->lifetime_s) minted.expires_ms = std::min(minted.expires_ms, clock_.now_ms() + *response->lifetime_s * 1000);
    minted.fields.emplace("token", Secret::take(std::move(response->access_token)));
    minted.fields.emplace("token_type", Secret("Bearer"));
    end(mint, std::move(minted));
  }

  Status keep_refresh_token(oauth::TokenResponse& response) {
    if (!refresh_token_ || response.refresh_token.empty()) return {};
    const auto kept = refresh_token_->keep(Secret::take(std::move(response.refresh_token)));
    if (kept) return {};
    return fail(kept.error().code, "the server's next refresh token cannot be kept: " + kept.error().message,
                "log in again and put its refresh token in the secret " + refresh_token_secret_);
  }

  // At most what was asked for, and dead when it is said to be.
  Status check(const Mint& mint, const oauth::TokenResponse& response) const {
    const auto wrong = [&](std::string why, std::string hint) {
      return fail(ErrorCode::kDenied, "credential " + credential_ + ": the token is refused, " + std::move(why), std::move(hint));
    };
    if (response.token_type != "bearer") return wrong("its type is " + oauth::shown(response.token_type), "only bearer tokens are leased");
    const auto asked = oauth::parse_scopes(json::string_at(mint.plan.handle, "scope").value_or("")).value_or(std::vector<std::string>());
    if (response.scopes && !asked.empty() && !oauth::has_scopes(asked, *response.scopes))
      return wrong("it can do more than was asked for: " + oauth::join_scopes(*response.scopes), "see the client's scopes at the server");
    if (response.lifetime_s && *response.lifetime_s * 1000 > life_ms_) {
      return wrong("it lives for " + std::to_string(*response.lifetime_s) + " s",
                   "write token_lifetime: " + std::to_string(*response.lifetime_s) + "s if that is meant");
    }
    return {};
  }

  // A token that is not handed out must not live: nobody would revoke it later.
  void undo(const std::shared_ptr<Mint>& mint, Secret token, Error why) {
    if (!can_revoke()) {
      why.code = ErrorCode::kUnavailable;  // it lives until it expires
      return end(mint, fail(std::move(why)));
    }
    revoke_at(mint->at, token.view(), [this, mint, why = std::move(why)](Status revoked) {
      auto told = why;
      if (!revoked) told.code = ErrorCode::kUnavailable;
      end(mint, fail(std::move(told)));
    });
  }

  void end(const std::shared_ptr<Mint>& mint, Result<Minted> result) {
    if (mint->turn) turn_->give(*mint->turn);
    mint->done(std::move(result));
  }

  Error explained(Error error) const {
    const auto said = oauth::error_of(error);
    if (error.code == ErrorCode::kInvalid) error.code = ErrorCode::kUnavailable;  // an answer that is none may be of a token that is one
    error.hint = "see what the authorization server knows of client " + endpoints_.client_id();
    if (said == "invalid_grant" && grant_ == Grant::kRefreshToken)
      error.hint = "log in again and put the refresh token in: interlock secret rotate " + refresh_token_secret_;
    if (said == "invalid_grant" && grant_ == Grant::kTokenExchange)
      error.hint = "put a fresh token in: interlock secret rotate " + subject_token_secret_;
    error.message = "credential " + credential_ + ": " + error.message;
    return error;
  }

  // What is known without asking.
  Status check_revocation(const Revocation& what) const {
    if (!can_revoke()) return {};
    if (json::string_at(what.handle, "server") != endpoints_.authority() ||
        json::string_at(what.handle, "client") != endpoints_.client_id()) {
      return fail(ErrorCode::kInvalid,
                  "credential " + credential_ + " now names another authorization server or client than lease " + std::string(what.lease) +
                      " was made by",
                  "put the former one back until its leases have ended");
    }
    const bool has_ended = clock_.now_ms() >= json::int_at(what.handle, "ends_ms").value_or(0);
    if (what.revocation.empty() && !has_ended) {
      return fail(ErrorCode::kUnsupported,
                  "the token of lease " + std::string(what.lease) + " was never seen here, if there is one: it ends by expiry");
    }
    return {};
  }

  void revoke_at(const OauthEndpoints::Found& at, std::string_view token, const std::function<void(Status)>& done) {
    auto client = endpoints_.client(at);
    if (!client) return done(fail(std::move(client.error())));
    const oauth::RevocationRequest request{.endpoint = at.revocation,
                                           .audience = at.audience,
                                           .token = std::string(token),
                                           .token_type_hint = "access_token",
                                           .client = std::move(*client)};
    calls_.run([&](std::function<void()> over) {
      return oauth::revoke_token(calls_.loop(), calls_.http(), clock_, request, [over = std::move(over), done](Status revoked) {
        over();
        done(std::move(revoked));
      });
    });
  }

  BrokerCalls calls_;
  const Clock& clock_;
  Vault& vault_;
  std::string credential_;
  OauthEndpoints endpoints_;
  Grant grant_ = Grant::kClientCredentials;
  std::string refresh_token_secret_;
  std::string subject_token_secret_;
  std::string subject_token_type_;
  std::optional<RefreshTurn> turn_;
  std::optional<RefreshToken> refresh_token_;
  ByEffect scopes_;
  std::string audience_;
  std::string resource_;
  std::int64_t life_ms_ = 0;
};

}  // namespace

Result<std::shared_ptr<Broker>> make_oauth_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  BrokerSettings reader(credential, settings);
  auto broker = std::make_shared<OauthBroker>(parts, std::move(credential), reader);
  if (auto right = reader.finish(); !right) return fail(std::move(right.error()));
  return broker;
}

}  // namespace interlock::credential
