#include "surface/api/oauth_front.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "jose/dpop.hpp"
#include "net/tls.hpp"

namespace interlock::api {
namespace {

constexpr std::string_view kKeysPath = "/.well-known/jwks.json";
constexpr std::string_view kMetadataPath = "/.well-known/oauth-authorization-server";
constexpr std::string_view kTokenPath = "/oauth/token";
constexpr std::string_view kExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kAccessToken = "urn:ietf:params:oauth:token-type:access_token";
constexpr std::string_view kJwt = "urn:ietf:params:oauth:token-type:jwt";
constexpr std::string_view kIdToken = "urn:ietf:params:oauth:token-type:id_token";
constexpr std::int64_t kSecondMs = 1'000;
constexpr std::size_t kScopes = 100;

void respond(net::HttpExchange& exchange, int status, const json::value& body, net::Headers headers = {}) {
  headers.add("Content-Type", "application/json");
  headers.add("Cache-Control", "no-store");
  exchange.respond(status, std::move(headers), json::write(body) + "\n");
}

// RFC 6749 §5.2.
void refuse(net::HttpExchange& exchange, int status, std::string_view error, std::string_view description, net::Headers headers = {}) {
  respond(exchange, status, json::object{{"error", error}, {"error_description", description}}, std::move(headers));
}

bool is_token_type(std::string_view type) { return type == kAccessToken || type == kJwt || type == kIdToken; }

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    if (!word.empty()) out.emplace_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return out;
}

// The scheme of an Authorization header, and what stands behind it.
std::pair<std::string_view, std::string_view> split(std::string_view authorization) {
  const auto blank = authorization.find(' ');
  if (blank == std::string_view::npos) return {authorization, {}};
  auto rest = authorization.substr(blank + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return {authorization.substr(0, blank), rest};
}

}  // namespace

struct OAuthFront::Order {
  net::HttpRequest request;
  std::shared_ptr<net::HttpExchange> exchange;
  Form form;
  std::string authorization;    // of the request, or made of actor_token; empty: none
  bool by_actor_token = false;  // the latter: its proof is a token request's, without `ath` (RFC 9449 §5)
  identity::ExchangeOrder order;
};

OAuthFront::OAuthFront(OAuthFrontOptions options, OAuthFrontParts parts) : options_(std::move(options)), parts_(std::move(parts)) {}

json::object OAuthFront::metadata() const {
  json::array proofs;
  for (const auto algorithm : jose::all_algorithms()) proofs.emplace_back(jose::algorithm_name(algorithm));
  return {{"issuer", options_.issuer},
          {"token_endpoint", options_.issuer + std::string(kTokenPath)},
          {"jwks_uri", options_.issuer + std::string(kKeysPath)},
          {"grant_types_supported", json::array{kExchangeGrant}},
          {"response_types_supported", json::array{}},
          {"token_endpoint_auth_methods_supported", json::array{"none", "self_signed_tls_client_auth"}},
          {"dpop_signing_alg_values_supported", std::move(proofs)},
          {"tls_client_certificate_bound_access_tokens", true}};
}

bool OAuthFront::handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange) {
  const bool keys = request.path == kKeysPath;
  if (keys || request.path == kMetadataPath) {
    if (request.method != "GET" && request.method != "HEAD") refuse(*exchange, 405, "invalid_request", "use GET", {{"Allow", "GET, HEAD"}});
    else if (keys) respond(*exchange, 200, parts_.keys()->to_json());
    else respond(*exchange, 200, metadata());
    return true;
  }
  if (request.path != kTokenPath) return false;
  if (request.method != "POST") refuse(*exchange, 405, "invalid_request", "use POST", {{"Allow", "POST"}});
  else if (request.headers.get("origin")) refuse(*exchange, 403, "invalid_request", "tokens are not given to web pages");
  else this->exchange(std::move(request), exchange);
  return true;
}

void OAuthFront::exchange(net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange) {
  const auto type = request.headers.get("content-type").value_or("");
  if (!net::equal_ignoring_case(type.substr(0, type.find(';')), "application/x-www-form-urlencoded"))
    return refuse(*exchange, 400, "invalid_request", "send application/x-www-form-urlencoded");
  if (!request.query.empty()) return refuse(*exchange, 400, "invalid_request", "parameters stand in the body, never in the address");
  // Two identities: whoever stands before the gate may have looked at the other one.
  if (request.headers.count("authorization") > 1)
    return refuse(*exchange, 400, "invalid_request", "there is more than one Authorization header");
  auto form = Form::parse(request.body);
  if (!form) return refuse(*exchange, 400, "invalid_request", form.error().message);
  std::string().swap(request.body);
  auto order = std::make_shared<Order>();
  order->form = std::move(*form);
  const auto field = [&](std::string_view name) { return order->form.get(name).value_or(""); };
  if (field("grant_type") != kExchangeGrant)
    return refuse(*exchange, 400, "unsupported_grant_type", "the grant here is " + std::string(kExchangeGrant));
  if (field("subject_token").empty() || !is_token_type(field("subject_token_type")))
    return refuse(*exchange, 400, "invalid_request", "name subject_token and its subject_token_type: access_token, jwt or id_token");
  if (order->form.get("actor_token") && !is_token_type(field("actor_token_type")))
    return refuse(*exchange, 400, "invalid_request", "actor_token needs its actor_token_type");
  if (const auto wanted = order->form.get("requested_token_type"); wanted && *wanted != kAccessToken && *wanted != kJwt)
    return refuse(*exchange, 400, "invalid_request", "requested_token_type can be access_token or jwt");

  const auto resource = order->form.get("resource");
  const auto audience = order->form.get("audience");
  if (resource && audience && *resource != *audience)
    return refuse(*exchange, 400, "invalid_target", "resource and audience differ: name one");
  order->order.audience = resource ? *resource : audience ? *audience : std::string_view(options_.resources.front());
  if (std::ranges::find(options_.resources, order->order.audience) == options_.resources.end())
    return refuse(*exchange, 400, "invalid_target", "this gate has no such resource; it is " + options_.resources.front());
  order->order.scopes = words_of(field("scope"));
  if (order->order.scopes.size() > kScopes) return refuse(*exchange, 400, "invalid_scope", "too many scopes");

  // Without a credential of its own the request is as good as its actor_token, shown as an Authorization would be.
  const auto own = request.headers.get("authorization");
  const bool has_proof = request.headers.count("dpop") > 0;
  if (own) order->authorization = *own;
  else if (const auto token = order->form.get("actor_token"); token && !request.peer_certificates) {
    order->authorization = std::string(has_proof ? "DPoP " : "Bearer ") + std::string(*token);
    order->by_actor_token = true;
  }
  order->request = std::move(request);
  order->exchange = exchange;

  identity::Presentation shown;
  if (!order->authorization.empty()) shown.authorization = order->authorization;
  // A proof beside a bearer token or a certificate is of the key that the new token is to be bound to: it is looked at below.
  if (net::equal_ignoring_case(split(order->authorization).first, "DPoP")) {
    for (const auto& [name, value] : order->request.headers.all()) {
      if (net::equal_ignoring_case(name, "dpop")) shown.dpop.emplace_back(value);
    }
  }
  shown.token_request = order->by_actor_token;
  shown.method = order->request.method;
  shown.url = options_.issuer + std::string(kTokenPath);
  shown.resources = options_.resources;
  shown.certificates = order->request.peer_certificates;
  parts_.authenticate(std::move(shown), [this, order, alive = std::weak_ptr(alive_)](identity::Answer answer) {
    if (!alive.expired()) actor_known(order, std::move(answer));
  });
}

void OAuthFront::actor_known(const std::shared_ptr<Order>& order, identity::Answer answer) {
  if (!answer) {
    const auto& refusal = answer.error();
    net::Headers headers;
    if (!refusal.dpop_nonce.empty()) headers.add("DPoP-Nonce", refusal.dpop_nonce);
    const bool of_proof = refusal.oauth_error == "use_dpop_nonce" || refusal.oauth_error == "invalid_dpop_proof";
    if (refusal.status == 401 && !of_proof) headers.add("WWW-Authenticate", "DPoP realm=\"interlock\"");
    return refuse(*order->exchange, of_proof ? 400 : refusal.status, of_proof ? refusal.oauth_error : "invalid_client",
                  "the actor is not known: " + refusal.error.text(), std::move(headers));
  }
  order->order.actor = std::move(*answer);
  // RFC 9449 §5: a proof of the key that the token will be bound to. Shown twice it makes the same key's token twice, and no more.
  const auto proof = order->request.headers.get("dpop");
  if (order->request.headers.count("dpop") > 1)
    return refuse(*order->exchange, 400, "invalid_dpop_proof", "there is more than one DPoP proof");
  if (proof) {
    const auto [scheme, token] = split(order->authorization);
    jose::DpopExpectations expected;
    expected.method = "POST";
    const std::string url = options_.issuer + std::string(kTokenPath);
    expected.url = url;
    if (net::equal_ignoring_case(scheme, "DPoP") && !order->by_actor_token) expected.access_token = token;
    expected.window_ms = options_.dpop_window_ms;
    expected.now_ms = parts_.clock->now_ms();
    const auto verified = jose::verify_dpop(*proof, expected);
    if (!verified) return refuse(*order->exchange, 400, "invalid_dpop_proof", verified.error().message);
    order->order.confirmation = json::object{{"jkt", verified->thumbprint}};
  } else if (order->request.peer_certificates) {
    order->order.confirmation = json::object{{"x5t#S256", base64url_encode(order->request.peer_certificates->leaf_sha256)}};
  } else {
    return refuse(*order->exchange, 400, "invalid_request",
                  "tokens of this gate are bound to a key: show a DPoP proof (RFC 9449) or a client certificate");
  }
  parts_.verify_token(std::string(*order->form.get("subject_token")), options_.resources,
                      [this, order, alive = std::weak_ptr(alive_)](identity::Answer subject) {
                        if (!alive.expired()) subject_known(order, std::move(subject));
                      });
}

void OAuthFront::subject_known(const std::shared_ptr<Order>& order, identity::Answer answer) {
  if (!answer) {
    const auto& refusal = answer.error();
    return refuse(*order->exchange, refusal.status == 503 ? 503 : 400, "invalid_request", "subject_token: " + refusal.error.text());
  }
  order->order.subject = std::move(*answer);
  finish(*order);
}

void OAuthFront::finish(Order& order) {
  const auto now_ms = parts_.clock->now_ms();
  auto made = identity::exchange(order.order, options_.lifetime_ms, now_ms);
  if (!made) {
    (void)parts_.record(order.order, &made.error());  // nothing is given out: a log that is full changes nothing
    const auto& has = order.order.subject.scopes;
    const bool widens =
        std::ranges::any_of(order.order.scopes, [&](const auto& scope) { return std::ranges::find(has, scope) == has.end(); });
    return refuse(*order.exchange, 400, widens ? "invalid_scope" : "invalid_request", made.error().text());
  }
  std::string scope;
  if (const auto text = json::string_at(made->claims, "scope")) scope = *text;
  made->claims["iss"] = options_.issuer;
  const auto token = parts_.sign(std::move(made->claims), made->life_ms);
  if (!token) return refuse(*order.exchange, 503, "temporarily_unavailable", "no token can be signed at present");
  if (auto recorded = parts_.record(order.order, nullptr); !recorded)
    return refuse(*order.exchange, 503, "temporarily_unavailable", "the exchange cannot be recorded, so it is not done");
  json::object body{{"access_token", *token},
                    {"issued_token_type", kAccessToken},
                    {"token_type", order.order.confirmation.contains("jkt") ? "DPoP" : "Bearer"},
                    {"expires_in", made->life_ms / kSecondMs}};
  if (!scope.empty()) body["scope"] = scope;
  respond(*order.exchange, 200, body);
}

}  // namespace interlock::api
