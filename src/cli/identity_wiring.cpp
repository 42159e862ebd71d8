#include "cli/identity_wiring.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "model/receipt.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kBundleCache = "bundles";
constexpr std::string_view kSvidBroker = "svid";

// What the gate's certificate is good for: how clients write its address.
std::vector<std::string> names_of(const Config& config) {
  std::vector<std::string> out = {config.listen_host};
  if (config.listens_on_loopback()) out.insert(out.end(), {"localhost", "127.0.0.1", "::1"});
  if (const auto url = net::parse_url(config.public_url)) out.push_back(url->host);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  // An address that stands for all of a machine's is none that a client writes.
  std::erase_if(out, [](const std::string& name) { return name == "0.0.0.0" || name == "::"; });
  return out;
}

}  // namespace

IdentityWiring::IdentityWiring(net::Loop& loop, Log& log, Organs& organs) : loop_(loop), log_(log), organs_(organs), client_(loop) {}
IdentityWiring::~IdentityWiring() = default;

Result<std::unique_ptr<IdentityWiring>> IdentityWiring::open(net::Loop& loop, Log& log, Organs& organs, const Config& config, bool serves) {
  std::unique_ptr<IdentityWiring> wiring(new IdentityWiring(loop, log, organs));
  wiring->tls_by_spiffe_ = serves && config.tls.spiffe;
  if (serves && config.identity.token_exchange.enabled) {
    auto keys = TokenKeys::open(*organs.sealed, organs.clock);
    if (!keys) return fail(std::move(keys.error()));
    wiring->token_keys_ = std::move(*keys);
  }
  const bool shows_svid =
      std::ranges::any_of(config.servers, [](const ServerConfig& server) { return server.oauth && server.oauth->uses_spiffe(); });
  const bool lends_svids =
      std::ranges::any_of(config.credentials, [](const CredentialEntry& entry) { return entry.broker == kSvidBroker; });
  if (config.identity.spiffe && (serves || shows_svid || lends_svids)) {
    if (auto opened = wiring->open_spiffe(config, serves); !opened) return fail(std::move(opened.error()));
  }
  if (serves && !config.tls.certificate.empty()) {
    auto files = TlsFiles::open(config.tls);
    if (!files) return fail(std::move(files.error()));
    wiring->tls_files_ = std::move(*files);
  }
  return wiring;
}

Status IdentityWiring::open_spiffe(const Config& config, bool serves) {
  const auto cache = config.state_dir / kBundleCache;
  if (auto made = make_state_folder(cache); !made) return made;
  SpiffeSetup setup;
  setup.config = *config.identity.spiffe;
  setup.names = names_of(config);
  setup.cache = cache;
  setup.serves = serves;
  setup.on_new_svid = [this] { new_svid(); };
  auto opened = SpiffeWiring::open(loop_, organs_.sealed.get(), organs_.clock, std::move(setup));
  if (!opened) return fail(std::move(opened.error()));
  spiffe_ = std::move(*opened);
  if (spiffe_->svid()) new_svid();
  return {};
}

void IdentityWiring::new_svid() {
  if (!tls_by_spiffe_) return;
  const auto& svid = *spiffe_->svid();
  const net::TlsCertificate certificate{svid.chain_pem, svid.key_pem};
  if (svid_tls_) {
    if (auto replaced = svid_tls_->replace(certificate); !replaced) log_.error("the new SVID cannot serve", replaced.error());
    return;
  }
  auto made = net::TlsServer::create(certificate, true);
  if (!made) return log_.error("the SVID cannot serve", made.error());
  svid_tls_ = std::move(*made);
  if (on_tls_) std::exchange(on_tls_, nullptr)();
}

Status IdentityWiring::begin(const Config& config, std::string public_url, identity::TokenBook tokens) {
  public_url_ = std::move(public_url);
  identity::AuthenticatorOptions options;
  options.issuers = config.identity.issuers;
  options.nonces = config.identity.dpop.nonces ? identity::NonceUse::kRequired : identity::NonceUse::kOff;
  options.dpop_window_ms = config.identity.dpop.window_ms;
  if (spiffe_) {
    options.spiffe.bundles = [this] { return spiffe_->bundles(); };
    options.spiffe.audiences = config.identity.spiffe->audiences;
    options.spiffe.accepts_bearer = config.identity.spiffe->accept_bearer;
  }
  if (token_keys_) {
    options.own.issuer = public_url_;
    options.own.keys = [this] { return token_keys_->keys(); };
  }
  auto authenticator = identity::Authenticator::create(loop_, client_, organs_.clock, std::move(options));
  if (!authenticator) return fail(std::move(authenticator.error()));
  authenticator_ = std::move(*authenticator);
  authenticator_->set_tokens(std::move(tokens));
  return {};
}

void IdentityWiring::authenticate(identity::Presentation shown, std::function<void(identity::Answer)> done) {
  authenticator_->authenticate(std::move(shown), [this, done = std::move(done)](identity::Answer answer) {
    if (!answer && !answer.error().inherited_from.empty()) record_borrowed(answer.error());
    if (answer) {
      if (auto admitted = organs_.registry->admit(*answer, organs_.clock.now_ms()); !admitted) {
        identity::Refusal refusal;
        refusal.error = std::move(admitted.error());
        refusal.status = 403;
        return done(std::unexpected(std::move(refusal)));
      }
    }
    done(std::move(answer));
  });
}

// A human's credential in an agent's hand: refused, and written down under the human's name.
void IdentityWiring::record_borrowed(const identity::Refusal& refusal) {
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kAttempt;
  receipt.at_ms = organs_.clock.now_ms();
  receipt.act = new_id("act", receipt.at_ms);
  receipt.subject = refusal.inherited_from;
  receipt.verdict = "deny";
  receipt.layer = model::layer_name(model::Layer::kIdentity);
  receipt.detail = json::object{{"reason", refusal.error.message}, {"inherited", true}};
  if (auto recorded = organs_.gate->record(std::move(receipt)); !recorded) log_.error("a receipt cannot be written", recorded.error());
}

Status IdentityWiring::take_over(const Config& config, identity::TokenBook tokens) {
  if (!authenticator_) return {};  // a gate that nobody reaches over HTTP
  if (auto taken = authenticator_->set_issuers(config.identity.issuers); !taken) return taken;
  authenticator_->set_tokens(std::move(tokens));
  return {};
}

std::shared_ptr<net::TlsServer> IdentityWiring::tls() const { return tls_files_ ? tls_files_->server() : svid_tls_; }

mcp::ProtectedResource IdentityWiring::resource(const Config& config) const {
  mcp::ProtectedResource out;
  out.public_url = public_url_;
  out.authorization_servers = config.resource.authorization_servers;
  if (out.authorization_servers.empty()) {
    for (const auto& issuer : config.identity.issuers) out.authorization_servers.push_back(issuer.issuer);
    if (token_keys_) out.authorization_servers.push_back(public_url_);
  }
  out.scopes = config.resource.scopes;
  for (const auto& server : config.servers) {
    if (!server.scopes.empty()) out.endpoint_scopes[server.name] = server.scopes;
  }
  out.takes_dpop = authenticator_ && authenticator_->takes_dpop();
  out.takes_certificates = config.tls.is_on();
  return out;
}

void IdentityWiring::tick() {
  std::string trouble;
  if (spiffe_) {
    spiffe_->tick();
    trouble = spiffe_->trouble();
  }
  if (token_keys_) {
    if (auto rotated = token_keys_->tick(); !rotated) trouble = rotated.error().text();
  }
  if (tls_files_) {
    const auto followed = tls_files_->follow();
    if (!followed) log_.error("the new certificate is refused, and the old one stays", followed.error());
    else if (*followed) log_.info("a new certificate is in force");
  }
  if (trouble != last_trouble_ && !trouble.empty()) log_.warn("identity: " + trouble);
  last_trouble_ = std::move(trouble);
}

json::object IdentityWiring::describe() const {
  json::object out{{"public_url", public_url_}};
  if (spiffe_) out["spiffe"] = spiffe_->describe();
  if (authenticator_) {
    if (auto issuers = authenticator_->describe(); !issuers.empty()) out["issuers"] = std::move(issuers);
  }
  if (token_keys_) out["token_exchange"] = true;
  if (auto trouble = organs_.registry->trouble(); !trouble.empty()) out["registry_trouble"] = std::move(trouble);
  return out;
}

}  // namespace interlock::cli
