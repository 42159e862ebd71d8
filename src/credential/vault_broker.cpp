// Every mint is made under a token of its own, which dies soon and takes what was made under it along: so what nobody saw end needs no
// name to be found by.
#include "credential/vault_broker.hpp"

#include <algorithm>
#include <utility>

#include "credential/broker_calls.hpp"
#include "credential/broker_settings.hpp"
#include "credential/by_effect.hpp"
#include "credential/vault_api.hpp"

namespace interlock::credential {
namespace {

constexpr std::int64_t kMint_ms = 60'000;  // between the plan and the server's own clock reading, at most
constexpr std::size_t kTokenBytes = 4096;
constexpr std::size_t kLeaseIdBytes = 1024;
constexpr std::size_t kFields = 64;

bool is_plain(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// A path of the API as it is written: nothing in it is an escape, a query or another folder.
bool is_path(std::string_view text) {
  const bool is_spelled = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
  });
  return is_spelled && !text.empty() && !text.starts_with('/') && !text.ends_with('/') && text.find("//") == std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

class VaultBroker final : public Broker {
 public:
  VaultBroker(const BrokerParts& parts, std::string credential, BrokerSettings& settings)
      : calls_(*parts.loop, *parts.http),
        clock_(*parts.clock),
        vault_(*parts.vault),
        authority_(parts.authority),
        credential_(std::move(credential)),
        api_(calls_, address_of(settings), settings.text("namespace")) {
    read_login(settings);
    paths_ = ByEffect::read(settings, "path");
    constexpr std::string_view kHint = "write database/creds/ROLE, or { read: ..., write: ... }";
    if (paths_.empty()) settings.complain("path", "is missing", kHint);
    for (const auto* entry : paths_.all())
      if (!entry->is_string() || !is_path(json::view(entry->get_string()))) settings.complain("path", "holds what is no path", kHint);
    if (const auto* written = settings.value("data")) {
      if (written->is_object()) data_ = written->get_object();
      else settings.complain("data", "is no object", "write { key: value }: what is sent to the path");
    }
    has_data_ = settings.has("data");
  }

  std::string_view kind() const override { return "vault"; }
  std::string_view revocation_means() const override {
    return "its lease is revoked at the vault server, and the token that it was made under";
  }
  bool can_revoke() const override { return true; }

  Result<Plan> plan(const MintOrder& order) const override {
    const auto entries = paths_.for_act(order.act);
    if (!entries) return fail(entries.error().code, "credential " + credential_ + ": " + entries.error().message, entries.error().hint);
    Plan out;
    // The strongest of the act's effects has the path that does for all of them.
    out.handle = {{"server", api_.address()}, {"path", *entries->back()}};
    out.grant = json::write_canonical(out.handle);
    out.expires_ms = order.now_ms + kMint_ms + (token_secret_.empty() ? login_life_ms_ : life_s(order) * 1000);
    out.handle["ends_ms"] = out.expires_ms;
    return out;
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto mint = std::make_shared<Mint>(Mint{plan, order.expires_ms, std::move(done), {}, 0, {}});
    auto begun = token_secret_.empty() ? log_in(mint) : make_child(mint, order);
    if (!begun) calls_.later([mint, error = nothing_made(std::move(begun.error()))] { mint->done(fail(error)); });
  }

  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    const auto known = check_revocation(what);
    if (!known || what.revocation.empty()) return calls_.later([done = std::move(done), known] { done(known); });
    auto token = std::make_shared<Secret>(what.revocation);
    const auto lease = json::string_at(what.handle, "lease_id");
    if (!lease) return end_token(*token, std::move(done));
    // At once and to the end; a token's own death does the same, but later.
    api_.write(token->view(), "sys/leases/revoke", {{"lease_id", *lease}, {"sync", true}},
               [this, token, done = std::move(done)](Result<json::object> revoked) {
                 // Refused: the token is dead, and the lease with it, or it may not. Both show when the token is ended.
                 const auto code = revoked ? ErrorCode::kDenied : revoked.error().code;
                 if (code != ErrorCode::kDenied && code != ErrorCode::kInvalid && code != ErrorCode::kNotFound)
                   return done(fail(std::move(revoked.error())));
                 end_token(*token, done);
               });
  }

  void renew(const Revocation& what, UnixMs until_ms, std::function<void(Result<UnixMs>)> done) override {
    const auto ends_ms = json::int_at(what.handle, "token_ends_ms").value_or(0);
    const auto lease = json::string_at(what.handle, "lease_id");
    if (auto known = check_revocation(what); !known || !lease || what.revocation.empty() || until_ms > ends_ms) {
      auto error = known ? Error{ErrorCode::kUnsupported, "the lease cannot live longer than the token that it was made under", {}}
                         : std::move(known.error());
      return calls_.later([done = std::move(done), error = std::move(error)] { done(fail(error)); });
    }
    const auto increment_s = std::max<std::int64_t>(1, (until_ms - clock_.now_ms()) / 1000);
    api_.write(what.revocation, "sys/leases/renew", {{"lease_id", *lease}, {"increment", increment_s}},
               [this, ends_ms, done = std::move(done)](Result<json::object> renewed) {
                 if (!renewed) return done(fail(std::move(renewed.error())));
                 const auto left_s = json::int_at(*renewed, "lease_duration").value_or(0);
                 done(std::min(ends_ms, clock_.now_ms() + left_s * 1000));
               });
  }

 private:
  struct Mint {
    Plan plan;
    UnixMs until_ms = 0;  // revoked then at the latest
    std::function<void(Result<Minted>)> done;
    Secret token;
    UnixMs token_ends_ms = 0;
    std::string accessor;
  };

  static std::string address_of(BrokerSettings& settings) {
    auto address = settings.needed_text("address", "write https://HOST:8200");
    while (address.ends_with('/')) address.pop_back();
    if (const auto right = oauth::check_endpoint(address); !address.empty() && !right)
      settings.complain("address", "is refused: " + right.error().message, "the server is asked over https");
    return address;
  }

  void read_login(BrokerSettings& settings) {
    token_secret_ = settings.text("token_secret");
    policies_ = settings.texts("policies");
    role_ = settings.text("role");
    mount_ = settings.text("mount", "jwt");
    audience_ = settings.text("audience", api_.address());
    const auto svid = settings.text("svid");
    const auto life_ms = parse_duration_ms(settings.text("token_lifetime", "1h"));
    if (token_secret_.empty() == role_.empty())
      settings.complain("token_secret", "and role: one of them, not both",
                        "name the secret that holds a token, or the role to log in as by a JWT-SVID");
    if (!role_.empty() && authority_ == nullptr)
      settings.complain("role", "needs this gate to be a SPIFFE authority", "set identity.spiffe.authority, or write token_secret");
    if (!role_.empty() && authority_ != nullptr) {
      auto id = spiffe::SpiffeId::parse(svid.empty() ? "spiffe://" + authority_->trust_domain() + "/interlock/gate" : svid);
      if (!id) settings.complain("svid", "is no SPIFFE ID", id.error().message);
      else svid_ = *id;
    }
    if (!is_path(mount_)) settings.complain("mount", "is no path", "write the path that the JWT method is mounted at");
    if (!life_ms || *life_ms <= 0)
      settings.complain("token_lifetime", "is no time", "write how long the role's tokens live at most, like 1h");
    login_life_ms_ = life_ms.value_or(0);
  }

  static std::int64_t life_s(const MintOrder& order) { return std::max<std::int64_t>(1, (order.expires_ms - order.now_ms + 999) / 1000); }

  Status make_child(const std::shared_ptr<Mint>& mint, const MintOrder& order) {
    const auto parent = vault_.get(token_secret_);
    if (!parent) return fail(parent.error());
    const auto life = std::to_string(life_s(order)) + "s";
    json::object body{{"type", "service"},
                      {"renewable", false},
                      {"ttl", life},
                      {"explicit_max_ttl", life},
                      {"display_name", "interlock-" + order.lease},
                      {"meta", json::object{{"interlock_lease", order.lease}, {"interlock_task", order.task}}}};
    if (!policies_.empty()) body["policies"] = json::array(policies_.begin(), policies_.end());
    api_.write(parent->view(), "auth/token/create", body,
               [this, mint, most_s = life_s(order)](Result<json::object> answer) { take_token(mint, std::move(answer), most_s); });
    return {};
  }

  Status log_in(const std::shared_ptr<Mint>& mint) {
    const auto svid = authority_->issue_jwt(svid_, {audience_});
    if (!svid) return fail(svid.error());
    api_.write({}, "auth/" + mount_ + "/login", {{"role", role_}, {"jwt", *svid}},
               [this, mint](Result<json::object> answer) { take_token(mint, std::move(answer), login_life_ms_ / 1000); });
    return {};
  }

  void take_token(const std::shared_ptr<Mint>& mint, Result<json::object> answer, std::int64_t most_s) {
    if (!answer) return mint->done(fail(unminted(std::move(answer.error()))));
    const auto* auth = json::object_at(*answer, "auth");
    const auto token = auth == nullptr ? std::nullopt : json::string_at(*auth, "client_token");
    if (!token || !is_plain(*token, kTokenBytes))
      return mint->done(fail(ErrorCode::kUnavailable, "the answer of the vault server holds no token"));
    mint->token = Secret(*token);
    mint->accessor = json::string_at(*auth, "accessor").value_or("").substr(0, kTokenBytes);
    const auto life_s = json::int_at(*auth, "lease_duration").value_or(0);
    mint->token_ends_ms = clock_.now_ms() + life_s * 1000;
    if (life_s <= 0 || life_s > most_s) {
      return undo(mint, {ErrorCode::kDenied, "the vault server's token lives longer than it should: " + std::to_string(life_s) + " s",
                         "write token_lifetime as the role has it"});
    }
    if (!can_end_itself(*auth)) {
      return undo(mint, {ErrorCode::kDenied, "the vault server's token lacks the policy `default`, by which it can be ended",
                         "let the role's or the credential's policies hold `default`"});
    }
    ask(mint);
  }

  // Then a refused revoke-self means that the token is dead, and nothing else.
  static bool can_end_itself(const json::object& auth) {
    const auto* policies = json::array_at(auth, "policies");
    return policies != nullptr && std::any_of(policies->begin(), policies->end(), [](const json::value& policy) {
             return policy.is_string() && (policy.get_string() == "default" || policy.get_string() == "root");
           });
  }

  void ask(const std::shared_ptr<Mint>& mint) {
    const auto path = json::string_at(mint->plan.handle, "path").value_or("");
    auto take = [this, mint](Result<json::object> answer) { take_credential(mint, std::move(answer)); };
    if (has_data_) return api_.write(mint->token.view(), path, data_, std::move(take));
    api_.read(mint->token.view(), path, std::move(take));
  }

  void take_credential(const std::shared_ptr<Mint>& mint, Result<json::object> answer) {
    if (!answer) return undo(mint, std::move(answer.error()));
    const auto lease = json::string_at(*answer, "lease_id").value_or("");
    const auto life_s = json::int_at(*answer, "lease_duration").value_or(0);
    if (!is_plain(lease, kLeaseIdBytes) || life_s <= 0) {
      return undo(
          mint, {ErrorCode::kDenied, "the vault server's answer has no lease: what stands at that path is not made anew for each who asks",
                 "name a path of dynamic secrets; keep a static one with `interlock secret` and broker: static"});
    }
    Minted minted;
    const auto* data = json::object_at(*answer, "data");
    if (data != nullptr && data->size() <= kFields) {
      for (const auto& member : *data)
        if (member.value().is_string()) minted.fields.emplace(member.key(), Secret(json::view(member.value().get_string())));
    }
    if (minted.fields.empty())
      return undo(mint, {ErrorCode::kDenied, "the vault server's answer holds no texts", "see what stands at that path"});
    minted.handle = mint->plan.handle;
    minted.handle["lease_id"] = lease;
    minted.handle["accessor"] = mint->accessor;
    minted.handle["token_ends_ms"] = mint->token_ends_ms;
    minted.revocation = mint->token.copy();
    minted.expires_ms = std::min({mint->until_ms, mint->plan.expires_ms, mint->token_ends_ms, clock_.now_ms() + life_s * 1000});
    mint->done(std::move(minted));
  }

  // The token goes, and what was made under it.
  void undo(const std::shared_ptr<Mint>& mint, Error why) {
    end_token(mint->token, [mint, why = std::move(why)](Status ended) {
      // What was asked for and never answered may yet be under way.
      auto told = ended && why.code != ErrorCode::kTimeout ? nothing_made(why) : why;
      if (!ended) told.code = ErrorCode::kUnavailable;
      mint->done(fail(std::move(told)));
    });
  }

  void end_token(const Secret& token, std::function<void(Status)> done) {
    api_.write(token.view(), "auth/token/revoke-self", {}, [done = std::move(done)](Result<json::object> ended) {
      if (ended || ended.error().code == ErrorCode::kDenied) return done({});  // denied: the token is dead (can_end_itself)
      done(fail(std::move(ended.error())));
    });
  }

  // What is known without asking.
  Status check_revocation(const Revocation& what) const {
    if (json::string_at(what.handle, "server") != api_.address()) {
      return fail(ErrorCode::kInvalid,
                  "credential " + credential_ + " now names another server than lease " + std::string(what.lease) + " was made by",
                  "put the former `address` back until its leases have ended");
    }
    const bool has_ended = clock_.now_ms() >= json::int_at(what.handle, "ends_ms").value_or(0);
    if (what.revocation.empty() && !has_ended) {
      return fail(ErrorCode::kUnsupported, "the token of lease " + std::string(what.lease) +
                                               " was never seen here, if there is one: it dies by its expiry, with what was made under it");
    }
    return {};
  }

  BrokerCalls calls_;
  const Clock& clock_;
  Vault& vault_;
  spiffe::Authority* authority_;
  std::string credential_;
  VaultApi api_;
  std::string token_secret_;
  std::vector<std::string> policies_;
  std::string role_;
  std::string mount_;
  std::string audience_;
  spiffe::SpiffeId svid_;
  std::int64_t login_life_ms_ = 0;
  ByEffect paths_;
  json::object data_;
  bool has_data_ = false;
};

}  // namespace

Result<std::shared_ptr<Broker>> make_vault_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  BrokerSettings reader(credential, settings);
  auto broker = std::make_shared<VaultBroker>(parts, std::move(credential), reader);
  if (auto right = reader.finish(); !right) return fail(std::move(right.error()));
  return broker;
}

}  // namespace interlock::credential
