#include "cli/oauth_wiring.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "cli/state_operations.hpp"
#include "model/receipt.hpp"
#include "store/sealed.hpp"

namespace interlock::cli {
namespace {

constexpr std::string_view kBucket = "oauth";
constexpr std::size_t kKeyFileBytes = 64 * 1024;

oauth::AssertionSource source_of(const AssertionConfig& config, IdentityWiring& identity) {
  if (!config.spiffe) return config.file.empty() ? oauth::AssertionSource() : oauth::assertion_from_file(config.file.string());
  return [&identity](std::string audience, std::function<void(Result<std::string>)> done) {
    auto* spiffe = identity.spiffe();
    if (spiffe == nullptr) return done(fail(ErrorCode::kUnavailable, "the gate has no SVID of its own", "see identity.spiffe"));
    spiffe->fetch_jwt_svid(std::move(audience), std::move(done));
  };
}

Result<oauth::ClientOptions> client_options(const OAuthConfig& config, IdentityWiring& identity) {
  oauth::ClientOptions out;
  out.grant = config.grant;
  out.client_id = config.client_id;
  out.client_secret = config.client_secret;
  out.client_metadata_url = config.client_metadata_url;
  out.key_id = config.key_id;
  out.algorithm = config.algorithm;
  out.issuer = config.issuer;
  out.scopes = config.scopes;
  out.dpop = config.dpop;
  out.assume_endpoints = config.assume_endpoints;
  out.login_wait_ms = config.login_wait_ms;
  out.assertion = source_of(config.assertion, identity);
  if (!config.private_key.empty()) {
    auto key = read_text_file(config.private_key, kKeyFileBytes);
    if (!key) return fail(std::move(key.error()));
    out.private_key_pem = std::move(*key);
  }
  if (config.idp) {
    out.idp.token_endpoint = config.idp->token_endpoint;
    out.idp.client_id = config.idp->client_id;
    out.idp.client_secret = config.idp->client_secret;
    out.idp.subject = source_of(config.idp->subject_token, identity);
    if (!config.idp->subject_token_type.empty()) out.idp.subject_token_type = config.idp->subject_token_type;
  }
  return out;
}

json::object describe(const oauth::ClientStatus& status) {
  json::array scopes;
  for (const auto& scope : status.scopes) scopes.emplace_back(scope);
  json::object out{{"server", status.server},     {"state", oauth::client_state_name(status.state)},
                   {"issuer", status.issuer},     {"resource", status.resource},
                   {"scopes", std::move(scopes)}, {"refreshable", status.refreshable},
                   {"bound", status.bound}};
  if (status.expires_ms) out["expires"] = rfc3339(*status.expires_ms);
  if (!status.problem.empty()) out["problem"] = status.problem;
  return out;
}

}  // namespace

class OAuthWiring::SealedVault final : public oauth::Vault {
 public:
  explicit SealedVault(store::SealedStore& store) : store_(store) {}
  Result<std::optional<std::string>> get(std::string_view key) override {
    auto entry = store_.get(kBucket, key);
    if (!entry) return fail(std::move(entry.error()));
    if (!*entry) return std::nullopt;
    return std::move((*entry)->value);
  }
  Status put(std::string_view key, std::string_view secret) override {
    if (auto written = store_.put(kBucket, key, secret); !written) return fail(std::move(written.error()));
    return {};
  }
  Status remove(std::string_view key) override { return store_.remove(kBucket, key); }

 private:
  store::SealedStore& store_;
};

OAuthWiring::OAuthWiring(oauth::ClientParts parts, std::unique_ptr<SealedVault> vault)
    : vault_(std::move(vault)), clients_(std::move(parts)) {}
OAuthWiring::~OAuthWiring() = default;

Result<std::unique_ptr<OAuthWiring>> OAuthWiring::open(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                       const Config& config) {
  if (std::ranges::none_of(config.servers, [](const ServerConfig& server) { return server.oauth.has_value(); })) return nullptr;
  auto vault = std::make_unique<SealedVault>(*organs.sealed);
  oauth::ClientParts parts;
  parts.loop = &loop;
  parts.http = &identity.client();
  parts.clock = &organs.clock;
  parts.vault = vault.get();
  parts.on_login = [&log](const std::string& server, const std::string&) {
    log.warn("a human must log in for server " + server + ": interlock server login " + server);
  };
  parts.on_event = [&log](const std::string& server, const std::string& what) { log.info("oauth", {{"server", server}, {"event", what}}); };
  std::unique_ptr<OAuthWiring> out(new OAuthWiring(std::move(parts), std::move(vault)));
  if (auto listening = out->clients_.listen(); !listening) return fail(std::move(listening.error()));
  for (const auto& server : config.servers) {
    if (!server.oauth) continue;
    auto options = client_options(*server.oauth, identity);
    if (!options) return fail(std::move(options.error()));
    if (auto added = out->clients_.add(server.name, server.url, std::move(*options)); !added) return fail(std::move(added.error()));
  }
  return out;
}

api::ServerOperations OAuthWiring::operations() {
  api::ServerOperations out;
  out.list = [this]() -> Result<json::array> {
    json::array list;
    for (const auto& status : clients_.status()) list.emplace_back(describe(status));
    return list;
  };
  const auto named = [this](std::string_view server) -> Result<std::shared_ptr<oauth::Client>> {
    auto found = clients_.find(server);
    if (!found) return fail(ErrorCode::kNotFound, "no server " + std::string(server) + " has `oauth` here", "see `interlock server list`");
    return found;
  };
  out.login = [named](std::string_view server, std::function<void(Result<json::object>)> done) {
    const auto client = named(server);
    if (!client) return done(fail(client.error()));
    (*client)->begin_login([done = std::move(done)](Result<std::string> url) {
      if (!url) return done(fail(std::move(url.error())));
      done(json::object{{"url", *url}});
    });
  };
  out.callback = [this](std::string_view query, std::function<void(Result<json::object>)> done) {
    clients_.callback(query, [done = std::move(done)](Result<std::string> server) {
      if (!server) return done(fail(std::move(server.error())));
      done(json::object{{"server", *server}});
    });
  };
  out.forget = [named](std::string_view server) -> Result<json::object> {
    const auto client = named(server);
    if (!client) return fail(client.error());
    if (auto forgotten = (*client)->forget(); !forgotten) return fail(std::move(forgotten.error()));
    return json::object{{"server", server}};
  };
  return out;
}

}  // namespace interlock::cli
