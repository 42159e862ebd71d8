#include "oauth/acquisition.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "oauth/registration.hpp"

namespace interlock::oauth {
namespace {

constexpr std::size_t kAuthorizationServers = 16;
constexpr std::string_view kOffline = "offline_access";

std::string quoted(std::string_view text) { return "\"" + shown(text) + "\""; }

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Acquisition::Acquisition(const ClientParts& parts, std::string server, std::string server_url, const ClientOptions& options, Wanted wanted,
                         Handlers handlers)
    : parts_(parts),
      server_(std::move(server)),
      server_url_(std::move(server_url)),
      options_(options),
      wanted_(std::move(wanted)),
      handlers_(std::move(handlers)) {}

Acquisition::~Acquisition() = default;

void Acquisition::fail_with(Error error) {
  const auto done = std::move(handlers_.on_done);  // may drop us
  running_.reset();
  if (done) done(fail(std::move(error)));
}

// ---- who authorizes -----------------------------------------------------------------------------------------------------------

void Acquisition::start() { find_resource(); }

void Acquisition::find_resource() {
  std::string url(wanted_.challenge ? wanted_.challenge->get("resource_metadata") : std::string_view());
  if (url.empty() && wanted_.held) url = wanted_.held->metadata_url;
  running_ = discover_resource(*parts_.loop, *parts_.http, server_url_, url, [this](Result<std::optional<ResourceMetadata>> found) {
    if (!found) return fail_with(std::move(found.error()));
    find_issuer(std::move(*found));
  });
}

void Acquisition::find_issuer(std::optional<ResourceMetadata> resource) {
  has_resource_ = resource.has_value();
  if (resource) {
    resource_ = std::move(*resource);
  } else {
    // 2025-03-26: a server without resource metadata is its own authorization server.
    resource_.resource = server_url_;
    resource_.authorization_servers = {origin_of_url(server_url_)};
  }
  auto issuer = choose_issuer();
  if (!issuer) return fail_with(std::move(issuer.error()));
  running_ = discover(*parts_.loop, *parts_.http, *issuer, [this](Result<ServerMetadata> metadata) { take_metadata(std::move(metadata)); });
}

Result<std::string> Acquisition::choose_issuer() const {
  const auto& named = resource_.authorization_servers;
  if (named.empty()) {
    return fail(ErrorCode::kUnsupported, "server " + quoted(server_) + " names no authorization server",
                "its resource metadata must (RFC 9728 §2)");
  }
  if (named.size() > kAuthorizationServers)
    return fail(ErrorCode::kTooLarge, "server " + quoted(server_) + " names too many authorization servers");
  if (!options_.issuer.empty()) {
    if (contains(named, options_.issuer)) return options_.issuer;
    return fail(
        ErrorCode::kDenied,
        "server " + quoted(server_) + " is authorized by " + quoted(named.front()) + ", not by the issuer that is configured for it",
        "credentials go to no other issuer than theirs: set servers.NAME.oauth.issuer if the server has moved");
  }
  if (wanted_.held && contains(named, wanted_.held->issuer)) return wanted_.held->issuer;
  const auto& issuer = named.front();
  if (auto allowed = check_reach(server_url_, issuer); !allowed) return fail(std::move(allowed.error()));
  return issuer;
}

void Acquisition::take_metadata(Result<ServerMetadata> metadata) {
  if (!metadata) {
    const bool is_absent = metadata.error().code == ErrorCode::kUnavailable || metadata.error().code == ErrorCode::kInvalid;
    if (has_resource_ || !is_absent || !options_.assume_endpoints) return fail_with(std::move(metadata.error()));
    // 2025-03-26 basic/authorization#fallbacks-for-servers-without-metadata-discovery; that it takes S256 is all that can be assumed.
    const auto origin = origin_of_url(server_url_);
    issuer_ = ServerMetadata{};
    issuer_.issuer = origin;
    issuer_.authorization_endpoint = origin + "/authorize";
    issuer_.token_endpoint = origin + "/token";
    issuer_.registration_endpoint = origin + "/register";
    issuer_.code_challenge_methods = {"S256"};
    issuer_.token_auth_methods = {"none", "client_secret_basic", "client_secret_post"};
  } else {
    issuer_ = std::move(*metadata);
  }
  if (auto fits = check_endpoints(); !fits) return fail_with(std::move(fits.error()));
  choose_scopes();
  if (options_.dpop || resource_.wants_dpop || (wanted_.challenge && wanted_.challenge->scheme == "dpop")) {
    if (wanted_.held && wanted_.held->dpop_key) {
      dpop_key_ = wanted_.held->dpop_key;
    } else {
      auto key = jose::PrivateKey::generate(jose::Algorithm::kEs256);
      if (!key) return fail_with(std::move(key.error()));
      dpop_key_ = std::move(*key);
    }
  }
  choose_client();
}

Status Acquisition::check_endpoints() const {
  if (issuer_.token_endpoint.empty()) return fail(ErrorCode::kUnsupported, "issuer " + quoted(issuer_.issuer) + " has no token endpoint");
  if (!options_.issuer.empty()) return {};  // whoever configured it knows where it is
  for (const auto* url : {&issuer_.token_endpoint, &issuer_.authorization_endpoint, &issuer_.registration_endpoint}) {
    if (url->empty()) continue;
    if (auto allowed = check_reach(server_url_, *url); !allowed) return allowed;
  }
  return {};
}

// What the challenge names, else what was configured, else what the server says it has; with all that was asked before (SEP-2350).
void Acquisition::choose_scopes() {
  scopes_ = wanted_.scopes;
  const auto challenged = wanted_.challenge ? parse_scopes(wanted_.challenge->get("scope")) : std::nullopt;
  if (challenged && !challenged->empty()) {
    add_scopes(scopes_, *challenged);
    add_scopes(scopes_, options_.scopes);
  } else if (!options_.scopes.empty()) {
    add_scopes(scopes_, options_.scopes);
  } else if (scopes_.empty() && resource_.scopes.size() <= kScopes) {
    if (const auto known = parse_scopes(join_scopes(resource_.scopes))) add_scopes(scopes_, *known);
  }
  // SEP-2207: only where the issuer says that it knows it.
  const bool knows_offline = contains(issuer_.scopes, kOffline);
  if (options_.grant == Grant::kAuthorizationCode && knows_offline) {
    add_scopes(scopes_, std::vector<std::string>{std::string(kOffline)});
  } else if (!knows_offline && !contains(options_.scopes, kOffline)) {
    std::erase(scopes_, kOffline);
  }
}

// ---- which client ---------------------------------------------------------------------------------------------------------------

std::string Acquisition::registration_key() const { return "registration/" + server_ + "/" + to_hex(sha256(issuer_.issuer)); }

void Acquisition::choose_client() {
  client_ = {};
  if (!options_.private_key_pem.empty()) {
    auto key = jose::PrivateKey::from_pem(options_.private_key_pem);
    if (!key) return fail_with(std::move(key.error()));
    client_.key = std::move(*key);
    client_.algorithm = options_.algorithm;
    client_.key_id = options_.key_id;
  }
  std::string told;
  if (!options_.client_id.empty()) {
    client_.id = options_.client_id;
    client_.secret = options_.client_secret;
  } else if (!options_.client_metadata_url.empty() && issuer_.client_id_metadata_document_supported) {
    client_.id = options_.client_metadata_url;
  } else {
    auto kept = parts_.vault->get(registration_key());
    if (!kept) return fail_with(std::move(kept.error()));
    auto registration = *kept ? read_kept_registration(**kept) : Result<Registration>(fail(ErrorCode::kNotFound, "none"));
    const bool fits = registration && registration->issuer == issuer_.issuer && registration->redirect_uri == parts_.redirect_uri &&
                      (registration->expires_ms == 0 || registration->expires_ms > parts_.clock->now_ms());
    if (!fits) return register_client();
    is_registered_ = true;
    client_.id = registration->client_id;
    client_.secret = registration->client_secret;
    told = registration->method;
  }
  auto method = choose_auth_method(issuer_, !client_.secret.empty(), client_.key.has_value(), told);
  if (!method) return fail_with(std::move(method.error()));
  client_.method = *method;
  ask();
}

void Acquisition::register_client() {
  auto url = net::parse_url(issuer_.registration_endpoint);
  if (issuer_.registration_endpoint.empty() || !url) {
    return fail_with({ErrorCode::kUnsupported, "issuer " + quoted(issuer_.issuer) + " registers no clients by itself",
                      "register the gate there by hand with the redirect URI " + parts_.redirect_uri +
                          ", and set servers.NAME.oauth.client_id and issuer"});
  }
  net::HttpClientRequest request{.method = "POST",
                                 .url = std::move(*url),
                                 .headers = {{"Accept", "application/json"}, {"Content-Type", "application/json"}},
                                 .body = json::write(registration_request(options_, issuer_, parts_.redirect_uri)),
                                 .may_repeat = false};
  running_ =
      fetch(*parts_.loop, *parts_.http, std::move(request), [this](Result<Fetched> fetched) { take_registration(std::move(fetched)); });
}

void Acquisition::take_registration(Result<Fetched> fetched) {
  if (!fetched) return fail_with(std::move(fetched.error()));
  auto registration = read_registration_response(fetched->status, fetched->body);
  if (!registration) return fail_with(std::move(registration.error()));
  registration->issuer = issuer_.issuer;
  registration->redirect_uri = parts_.redirect_uri;
  if (auto kept = parts_.vault->put(registration_key(), write_registration(*registration)); !kept)
    return fail_with(std::move(kept.error()));
  choose_client();
}

// ---- which grant ------------------------------------------------------------------------------------------------------------------

void Acquisition::ask() {
  const auto& held = wanted_.held;
  const bool can_refresh = wanted_.may_refresh && held && !held->refresh_token.empty() && held->issuer == issuer_.issuer &&
                           held->resource == resource_.resource && held->client_id == client_.id;
  if (can_refresh && !refreshing_) return refresh();
  refreshing_ = false;
  switch (options_.grant) {
    case Grant::kAuthorizationCode: return log_in();
    case Grant::kClientCredentials: return send({{"grant_type", "client_credentials"}}, {});
    case Grant::kJwtBearer:
      return options_.assertion(issuer_.issuer, [this, alive = std::weak_ptr(alive_)](Result<std::string> assertion) {
        if (!alive.lock()) return;
        if (!assertion) return fail_with(std::move(assertion.error()));
        ask_with_assertion(std::move(*assertion));
      });
    case Grant::kTokenExchange: return exchange_at_identity_provider();
  }
}

void Acquisition::refresh() {
  refreshing_ = true;
  send({{"grant_type", "refresh_token"}, {"refresh_token", wanted_.held->refresh_token}}, [this](Result<TokenResponse> response) {
    if (response || response.error().code != ErrorCode::kDenied) return take_token(std::move(response));
    wanted_.held->refresh_token.clear();  // it is used up or revoked: from the start
    ask();
  });
}

void Acquisition::log_in() {
  auto login = make_login(issuer_, client_.id, parts_.redirect_uri, resource_.resource, scopes_, parts_.clock->now_ms());
  if (!login) return fail_with(std::move(login.error()));
  login_ = std::move(*login);
  running_.reset();
  const auto on_login = handlers_.on_login;  // may drop us
  if (on_login) on_login(*login_);
}

Status Acquisition::finish_login(std::string_view query) {
  if (!login_) return fail(ErrorCode::kNotFound, "no login is open", "begin it again");
  auto code = read_login_response(*login_, query, parts_.clock->now_ms());
  if (!code) {
    if (code.error().code == ErrorCode::kNotFound) return fail(std::move(code.error()));
    login_.reset();
    auto error = code.error();
    fail_with(std::move(code.error()));
    return fail(std::move(error));
  }
  const auto login = *std::exchange(login_, std::nullopt);  // a state is taken once
  send({{"grant_type", "authorization_code"}, {"code", *code}, {"redirect_uri", login.redirect_uri}, {"code_verifier", login.verifier}},
       {});
  return {};
}

void Acquisition::ask_with_assertion(std::string assertion) {
  send({{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", std::move(assertion)}}, {});
}

// The enterprise's identity provider turns what it gave the human or the workload into an ID-JAG for this one authorization server.
void Acquisition::exchange_at_identity_provider() {
  const auto& idp = options_.idp;
  idp.subject(idp.client_id, [this, alive = std::weak_ptr(alive_)](Result<std::string> subject) {
    if (!alive.lock()) return;
    if (!subject) return fail_with(std::move(subject.error()));
    const auto& provider = options_.idp;
    TokenRequest request;
    request.endpoint = provider.token_endpoint;
    request.audience = provider.token_endpoint;
    request.client.id = provider.client_id;
    request.client.secret = provider.client_secret;
    request.client.method = provider.client_secret.empty() ? AuthMethod::kNone : AuthMethod::kBasic;
    request.form = {{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                    {"requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"},
                    {"audience", issuer_.issuer},
                    {"resource", resource_.resource},
                    {"scope", join_scopes(scopes_)},
                    {"subject_token", std::move(*subject)},
                    {"subject_token_type", provider.subject_token_type}};
    running_ = request_token(*parts_.loop, *parts_.http, *parts_.clock, std::move(request), [this](Result<TokenResponse> response) {
      if (!response) {
        response.error().message = "the identity provider: " + response.error().message;
        return fail_with(std::move(response.error()));
      }
      if (response->issued_token_type != "urn:ietf:params:oauth:token-type:id-jag")
        return fail_with({ErrorCode::kDenied, "the identity provider issued something else than the ID-JAG that was asked for", {}});
      ask_with_assertion(std::move(response->access_token));
    });
  });
}

// ---- the token --------------------------------------------------------------------------------------------------------------------

void Acquisition::send(Form form, std::function<void(Result<TokenResponse>)> take) {
  TokenRequest request;
  request.endpoint = issuer_.token_endpoint;
  request.audience = issuer_.issuer;
  request.client = client_;
  request.dpop_key = dpop_key_;
  request.form = std::move(form);
  const auto grant = form_get(request.form, "grant_type");
  // A code stands for the scopes of its login, a refresh token for those of its grant.
  if (grant != "authorization_code" && grant != "refresh_token") request.form.emplace_back("scope", join_scopes(scopes_));
  request.form.emplace_back("resource", resource_.resource);
  if (!take) take = [this](Result<TokenResponse> response) { take_token(std::move(response)); };
  running_ = request_token(*parts_.loop, *parts_.http, *parts_.clock, std::move(request), std::move(take));
}

void Acquisition::take_token(Result<TokenResponse> response) {
  if (!response) {
    // A registration that the server has forgotten is made anew next time.
    if (is_registered_ && error_of(response.error()) == "invalid_client") (void)parts_.vault->remove(registration_key());
    return fail_with(std::move(response.error()));
  }
  const bool is_bound = response->token_type == "dpop";
  if (is_bound && !dpop_key_)
    return fail_with({ErrorCode::kDenied, "the authorization server bound a token to a key that it was not shown", {}});
  if (!is_bound && response->token_type != "bearer") {
    return fail_with({ErrorCode::kUnsupported, "the authorization server issued a token of type " + quoted(response->token_type),
                      "the gate presents tokens of the types Bearer and DPoP"});
  }
  if (!is_bound && dpop_key_) {
    return fail_with({ErrorCode::kDenied, "the authorization server issued a token that is not bound to the key that it was shown",
                      "DPoP is demanded by servers.NAME.oauth.dpop or by the server: the issuer must do it (RFC 9449 §5)"});
  }
  succeed(std::move(*response));
}

void Acquisition::succeed(TokenResponse response) {
  TokenSet tokens;
  tokens.issuer = issuer_.issuer;
  tokens.resource = resource_.resource;
  tokens.metadata_url = resource_.url;
  tokens.client_id = client_.id;
  tokens.access_token = std::move(response.access_token);
  tokens.refresh_token = std::move(response.refresh_token);
  // A server that does not rotate its refresh token leaves the old one in force (RFC 6749 §6).
  if (refreshing_ && tokens.refresh_token.empty()) tokens.refresh_token = wanted_.held->refresh_token;
  tokens.asked = refreshing_ ? wanted_.held->asked : scopes_;
  tokens.granted = response.scopes ? std::move(*response.scopes) : tokens.asked;
  tokens.made_ms = parts_.clock->now_ms();
  if (response.lifetime_s) tokens.expires_ms = tokens.made_ms + *response.lifetime_s * 1000;
  tokens.is_bound = response.token_type == "dpop";
  if (tokens.is_bound) tokens.dpop_key = dpop_key_;
  const auto done = std::move(handlers_.on_done);  // may drop us
  if (done) done(std::move(tokens));
}

}  // namespace interlock::oauth
