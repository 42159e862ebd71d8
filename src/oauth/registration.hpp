// How the gate comes to a client id at one authorization server: by hand, by its metadata document, or registered there (RFC 7591).
//
// Source: MCP 2026-07-28 basic/authorization#client-registration. What is registered belongs to its issuer and is never shown to another.
// The answer is untrusted and bounded. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "oauth/client.hpp"
#include "oauth/metadata.hpp"
#include "oauth/token_request.hpp"

namespace interlock::oauth {

inline constexpr std::size_t kClientIdBytes = 2048;

// A registration as it is kept: JSON with the issuer and the redirect URI that it is for. A secret.
struct Registration {
  std::string issuer;
  std::string redirect_uri;
  std::string client_id;
  std::string client_secret;
  std::string method;     // as the server said; empty: it did not
  UnixMs expires_ms = 0;  // of the secret; 0: never
};
std::string write_registration(const Registration& registration);
Result<Registration> read_kept_registration(std::string_view text);

// What is sent to the registration endpoint (RFC 7591 §2, OpenID Connect Registration for application_type).
json::object registration_request(const ClientOptions& options, const ServerMetadata& server, std::string_view redirect_uri);
// kDenied: the server refuses, and says why.
Result<Registration> read_registration_response(int status, std::string_view body);

// How to authenticate with what there is, among what the server takes (RFC 8414: absent means client_secret_basic). `told` is what the
// registration says. kUnsupported where nothing fits.
Result<AuthMethod> choose_auth_method(const ServerMetadata& server, bool has_secret, bool has_key, std::string_view told);

}  // namespace interlock::oauth
