// What an OAuth authorization server says of itself: RFC 8414 metadata and OpenID Connect Discovery, fetched and checked.
//
// Every answer is bounded (size, redirects are not followed, time) and untrusted: an issuer that names another than the one asked for
// is refused (RFC 8414 §3.3). https only, http for loopback alone. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/http_client.hpp"

namespace interlock::oauth {

inline constexpr std::size_t kDocumentBytes = std::size_t{1} << 20;
inline constexpr std::int64_t kFetchTimeoutMs = 10'000;

struct Fetched {
  int status = 0;
  net::Headers headers;
  std::string body;
};

// One bounded exchange. `done` comes exactly once, unless the call is cancelled by dropping the handle.
class Fetch {
 public:
  virtual ~Fetch() = default;  // cancels
};
std::unique_ptr<Fetch> fetch(net::Loop& loop, net::HttpClient& client, net::HttpClientRequest request,
                             std::function<void(Result<Fetched>)> done);

// https, or http to a loopback name or address. kDenied otherwise.
Status check_endpoint(std::string_view url);

struct ServerMetadata {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string registration_endpoint;
  std::string revocation_endpoint;
  std::string jwks_uri;
  bool iss_parameter_supported = false;  // RFC 9207
  bool client_id_metadata_document_supported = false;
  std::vector<std::string> code_challenge_methods;
  std::vector<std::string> grant_types;
  std::vector<std::string> token_auth_methods;
  std::vector<std::string> scopes;
  std::vector<std::string> dpop_algorithms;
  json::object document;
};

// The places to look, in order: RFC 8414 §3.1 (path inserted), OIDC Discovery §4.1 as RFC 8414 §5 has it (inserted, then appended).
std::vector<std::string> metadata_urls(std::string_view issuer);
Result<ServerMetadata> read_metadata(std::string_view issuer, std::string_view text);
std::unique_ptr<Fetch> discover(net::Loop& loop, net::HttpClient& client, std::string issuer,
                                std::function<void(Result<ServerMetadata>)> done);

}  // namespace interlock::oauth
