#include "oauth/token_request.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "jose/dpop.hpp"
#include "jose/token.hpp"
#include "oauth/challenge.hpp"

namespace interlock::oauth {
namespace {

constexpr std::size_t kShownBytes = 200;
constexpr std::size_t kErrorNameBytes = 64;
constexpr std::size_t kResponseDepth = 16;
constexpr std::int64_t kAssertionLife_s = 60;
constexpr std::string_view kRefused = "the authorization server answers ";
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

constexpr std::array<std::pair<AuthMethod, std::string_view>, 4> kMethodNames{{{AuthMethod::kNone, "none"},
                                                                               {AuthMethod::kBasic, "client_secret_basic"},
                                                                               {AuthMethod::kPost, "client_secret_post"},
                                                                               {AuthMethod::kPrivateKeyJwt, "private_key_jwt"}}};

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Result<std::string> client_assertion(const ClientIdentity& client, std::string_view audience, UnixMs now_ms) {
  if (!client.key) return fail(ErrorCode::kInvalid, "private_key_jwt needs a private key", "set servers.NAME.oauth.private_key");
  const std::int64_t now_s = now_ms / 1000;
  const json::object claims{{"iss", client.id},   {"sub", client.id}, {"aud", audience},
                            {"jti", new_token()}, {"iat", now_s},     {"exp", now_s + kAssertionLife_s}};
  return jose::make_token(*client.key, client.algorithm.value_or(client.key->algorithm()), client.key_id, "", claims);
}

class Exchange final : public Fetch {
 public:
  Exchange(net::Loop& loop, net::HttpClient& client, const Clock& clock, TokenRequest request,
           std::function<void(Result<TokenResponse>)> done)
      : loop_(loop), client_(client), clock_(clock), request_(std::move(request)), done_(std::move(done)) {
    send();
  }

 private:
  void send() {
    auto made = make();
    if (!made) {
      loop_.post([this, alive = std::weak_ptr(alive_), error = std::move(made.error())] {
        if (alive.lock()) finish(fail(error));
      });
      return;
    }
    running_ = fetch(loop_, client_, std::move(*made), [this](Result<Fetched> fetched) { take(std::move(fetched)); });
  }

  Result<net::HttpClientRequest> make() {
    auto url = net::parse_url(request_.endpoint);
    if (!url) return fail(std::move(url.error()));
    auto form = request_.form;
    net::Headers headers{{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
    if (auto shown_who = authenticate(request_.client, request_.audience, form, headers, clock_.now_ms()); !shown_who)
      return fail(std::move(shown_who.error()));
    if (request_.dpop_key) {
      auto proof = jose::make_dpop(*request_.dpop_key, "POST", request_.endpoint, "", request_.dpop_nonce, clock_.now_ms());
      if (!proof) return fail(std::move(proof.error()));
      headers.set("DPoP", *proof);
    }
    return net::HttpClientRequest{
        .method = "POST", .url = std::move(*url), .headers = std::move(headers), .body = write_form(form), .may_repeat = false};
  }

  void take(Result<Fetched> fetched) {
    if (!fetched) return finish(fail(std::move(fetched.error())));
    const auto nonce = fetched->headers.get("dpop-nonce");
    const bool has_nonce = nonce && nonce->size() <= kAccessTokenBytes && is_visible(*nonce) && request_.dpop_key;
    if (has_nonce) request_.dpop_nonce = std::string(*nonce);
    auto response = read_token_response(fetched->status, fetched->body);
    if (!response && has_nonce && !sent_again_ && error_of(response.error()) == "use_dpop_nonce") {
      sent_again_ = true;
      return send();
    }
    if (response) response->dpop_nonce = request_.dpop_nonce;
    finish(std::move(response));
  }

  void finish(Result<TokenResponse> result) {
    const auto done = std::move(done_);  // may drop us
    done(std::move(result));
  }

  net::Loop& loop_;
  net::HttpClient& client_;
  const Clock& clock_;
  TokenRequest request_;
  std::function<void(Result<TokenResponse>)> done_;
  bool sent_again_ = false;
  std::unique_ptr<Fetch> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

Result<std::string> token_at(const json::object& document, std::string_view name) {
  const auto* member = json::find(document, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return fail(ErrorCode::kInvalid, "its " + std::string(name) + " is no text");
  const auto text = json::view(member->get_string());
  if (text.size() > kAccessTokenBytes) return fail(ErrorCode::kTooLarge, "its " + std::string(name) + " is over the bound");
  // It becomes a header or a form field of ours: nothing in it may end one.
  if (!is_visible(text)) return fail(ErrorCode::kInvalid, "its " + std::string(name) + " holds characters that no token may hold");
  return std::string(text);
}

}  // namespace

std::string_view auth_method_name(AuthMethod method) {
  for (const auto& [known, name] : kMethodNames)
    if (known == method) return name;
  return "none";
}

std::optional<AuthMethod> auth_method_from_name(std::string_view name) {
  for (const auto& [method, known] : kMethodNames)
    if (known == name) return method;
  return std::nullopt;
}

Status authenticate(const ClientIdentity& client, std::string_view audience, Form& form, net::Headers& headers, UnixMs now_ms) {
  if (client.method == AuthMethod::kBasic) {
    headers.set("Authorization", "Basic " + base64_encode(form_encode(client.id) + ":" + form_encode(client.secret)));
    return {};
  }
  form.emplace_back("client_id", client.id);
  if (client.method == AuthMethod::kPost) form.emplace_back("client_secret", client.secret);
  if (client.method == AuthMethod::kPrivateKeyJwt) {
    auto assertion = client_assertion(client, audience, now_ms);
    if (!assertion) return fail(std::move(assertion.error()));
    form.emplace_back("client_assertion_type", kAssertionType);
    form.emplace_back("client_assertion", std::move(*assertion));
  }
  return {};
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kShownBytes)) out += (c >= ' ' && c < '\x7f') ? c : '?';
  return out;
}

std::string_view error_of(const Error& error) {
  if (error.code != ErrorCode::kDenied || !error.message.starts_with(kRefused)) return {};
  const auto rest = std::string_view(error.message).substr(kRefused.size());
  return rest.substr(0, rest.find_first_of(": "));
}

Result<TokenResponse> read_token_response(int status, std::string_view body) {
  const auto bad = [](Error error) {
    error.message = "the token response is refused: " + error.message;
    return fail(std::move(error));
  };
  auto parsed = json::parse(body, {.size_bytes = kDocumentBytes, .depth = kResponseDepth});
  const auto* document = parsed ? parsed->if_object() : nullptr;
  if (status != 200) {
    const auto name = document == nullptr ? std::nullopt : json::string_at(*document, "error");
    if (status >= 500 || !name || name->empty() || name->size() > kErrorNameBytes || !is_visible(*name)) {
      return fail(ErrorCode::kUnavailable, "the authorization server answers HTTP " + std::to_string(status) + " to a token request",
                  "try again later; see its own log if it persists");
    }
    std::string message = std::string(kRefused) + std::string(*name);
    if (const auto description = json::string_at(*document, "error_description")) message += ": " + shown(*description);
    return fail(ErrorCode::kDenied, std::move(message), "see servers.NAME.oauth, and what the authorization server knows of this client");
  }
  if (!parsed) return bad(std::move(parsed.error()));
  if (document == nullptr) return bad({ErrorCode::kInvalid, "it is no JSON object", {}});
  TokenResponse out;
  for (const auto& [name, member] : {std::pair{"access_token", &out.access_token},
                                     {"token_type", &out.token_type},
                                     {"issued_token_type", &out.issued_token_type},
                                     {"refresh_token", &out.refresh_token}}) {
    auto text = token_at(*document, name);
    if (!text) return bad(std::move(text.error()));
    *member = std::move(*text);
  }
  if (out.access_token.empty()) return bad({ErrorCode::kInvalid, "it holds no access_token", {}});
  if (out.token_type.empty()) return bad({ErrorCode::kInvalid, "it holds no token_type", {}});
  std::transform(out.token_type.begin(), out.token_type.end(), out.token_type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  if (const auto* lifetime = json::find(*document, "expires_in"); lifetime != nullptr && !lifetime->is_null()) {
    const auto seconds = json::int_at(*document, "expires_in");
    if (!seconds || *seconds < 0 || *seconds > kLongestLife_s)
      return bad({ErrorCode::kInvalid, "its expires_in is no number of seconds", {}});
    out.lifetime_s = *seconds;
  }
  if (const auto scope = json::string_at(*document, "scope")) {
    out.scopes = parse_scopes(*scope);
    if (!out.scopes) return bad({ErrorCode::kInvalid, "its scope is malformed", {}});
  }
  return out;
}

std::unique_ptr<Fetch> request_token(net::Loop& loop, net::HttpClient& client, const Clock& clock, TokenRequest request,
                                     std::function<void(Result<TokenResponse>)> done) {
  return std::make_unique<Exchange>(loop, client, clock, std::move(request), std::move(done));
}

}  // namespace interlock::oauth
