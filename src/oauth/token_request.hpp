// One request to a token endpoint: how the client shows who it is, what it asks, and what of the answer is believed.
//
// Source: RFC 6749 §2.3, §5, RFC 7523 §2.2 (private_key_jwt), RFC 9449 §5 and §8 (DPoP and its nonces). The answer is untrusted and
// bounded. Loop thread only. No error holds a token, a secret or the answer's body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"
#include "oauth/fetch.hpp"
#include "oauth/form.hpp"

namespace interlock::oauth {

inline constexpr std::size_t kAccessTokenBytes = 16 * 1024;
inline constexpr std::int64_t kLongestLife_s = 10LL * 365 * 24 * 3600;

enum class AuthMethod : std::uint8_t { kNone, kBasic, kPost, kPrivateKeyJwt };
std::string_view auth_method_name(AuthMethod method);  // "client_secret_basic"
std::optional<AuthMethod> auth_method_from_name(std::string_view name);

// Who the client is to one authorization server.
struct ClientIdentity {
  std::string id;
  std::string secret;
  AuthMethod method = AuthMethod::kNone;
  std::optional<jose::PrivateKey> key;  // kPrivateKeyJwt
  std::optional<jose::Algorithm> algorithm;
  std::string key_id;
};

// Shows who the client is, by a header or by members of the form (RFC 6749 §2.3, RFC 7523 §2.2). `audience`: of its assertion.
Status authenticate(const ClientIdentity& client, std::string_view audience, Form& form, net::Headers& headers, UnixMs now_ms);

struct TokenRequest {
  std::string endpoint;
  std::string audience;  // of the client's assertion: the issuer
  Form form;             // grant_type and what it needs
  ClientIdentity client;
  std::optional<jose::PrivateKey> dpop_key;
  std::string dpop_nonce;  // the last one that the endpoint gave
};

struct TokenResponse {
  std::string access_token;
  std::string token_type;  // lower case
  std::string issued_token_type;
  std::string refresh_token;
  std::optional<std::vector<std::string>> scopes;  // nullopt: as asked (RFC 6749 §5.1)
  std::optional<std::int64_t> lifetime_s;
  std::string dpop_nonce;
};

// An error that the authorization server named (RFC 6749 §5.2) is kDenied, and its message begins with what error_of() gives.
Result<TokenResponse> read_token_response(int status, std::string_view body);
// "invalid_grant" of a refusal by read_token_response(); empty otherwise.
std::string_view error_of(const Error& error);

// A nonce that the endpoint demands is taken and the request is sent once more, which RFC 9449 §8 asks for.
std::unique_ptr<Fetch> request_token(net::Loop& loop, net::HttpClient& client, const Clock& clock, TokenRequest request,
                                     std::function<void(Result<TokenResponse>)> done);

// Text of an outsider for a message: printable ASCII, short.
std::string shown(std::string_view text);

}  // namespace interlock::oauth
