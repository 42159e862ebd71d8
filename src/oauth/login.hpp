// The human's part of the authorization code grant: the URL to open, and what the browser brings back.
//
// A login is bound to one issuer, has an unguessable state that is taken once, a PKCE verifier (S256 alone, RFC 7636) and an end.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "oauth/metadata.hpp"

namespace interlock::oauth {

inline constexpr std::int64_t kLoginLifetimeMs = 600'000;
inline constexpr std::size_t kCodeBytes = 4096;

struct Login {
  std::string url;       // for the human alone
  std::string state;     // a secret until it is used
  std::string verifier;  // a secret
  std::string redirect_uri;
  std::string issuer;
  bool must_have_iss = false;  // the issuer advertises RFC 9207
  UnixMs expires_ms = 0;
};

// kUnsupported: the server does not say that it takes S256; without it the gate goes no further (MCP authorization#code-protection).
Result<Login> make_login(const ServerMetadata& server, std::string_view client_id, std::string_view redirect_uri, std::string_view resource,
                         const std::vector<std::string>& scopes, UnixMs now_ms);
// The code. `iss` is judged before anything else of the answer is looked at, an error too (RFC 9207 §2.4).
Result<std::string> read_login_response(const Login& login, std::string_view query, UnixMs now_ms);

}  // namespace interlock::oauth
