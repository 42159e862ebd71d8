// What an OAuth authorization server says of itself: RFC 8414 metadata and OpenID Connect Discovery, fetched and checked.
//
// Every answer is bounded (oauth/fetch.hpp) and untrusted: an issuer that names another than the one asked for is refused
// (RFC 8414 §3.3), and so is a document with an endpoint that is neither https nor on loopback. Loop thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "oauth/fetch.hpp"

namespace interlock::oauth {

inline constexpr std::size_t kIssuerBytes = 2048;
inline constexpr std::size_t kListEntries = 256;  // of any list in a document of metadata
inline constexpr std::size_t kListEntryBytes = 2048;

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

// https (http on loopback), without query and fragment (RFC 8414 §2). kDenied otherwise.
Status check_issuer(std::string_view issuer);
// The places to look, in order: RFC 8414 §3.1 (path inserted), OIDC Discovery §4.1 as RFC 8414 §5 has it (inserted, then appended).
// Empty for what is no issuer.
std::vector<std::string> metadata_urls(std::string_view issuer);
// kInvalid where the text is no such document, kDenied where it breaks a rule.
Result<ServerMetadata> read_metadata(std::string_view issuer, std::string_view text);
// The first place that has a document is the one that counts: what it says is not looked up elsewhere.
std::unique_ptr<Fetch> discover(net::Loop& loop, net::HttpClient& client, std::string issuer,
                                std::function<void(Result<ServerMetadata>)> done);

// The texts of a list in an untrusted document. Fails where it is no list of texts, or over a bound; an absent one is empty.
Result<std::vector<std::string>> text_list(const json::object& document, std::string_view name);

}  // namespace interlock::oauth
