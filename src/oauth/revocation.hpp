// Token revocation (RFC 7009): one token is told to be dead, by the client that it was issued to.
//
// The answer is untrusted and bounded. Loop thread only. No error holds a token, a secret or the answer's body.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "oauth/fetch.hpp"
#include "oauth/token_request.hpp"

namespace interlock::oauth {

struct RevocationRequest {
  std::string endpoint;
  std::string audience;  // of the client's assertion: the issuer
  std::string token;
  std::string token_type_hint;  // "access_token", "refresh_token"; empty: none
  ClientIdentity client;
};

// Success: the server says that the token is dead, which it also says of one that it never knew (RFC 7009 §2.2). kDenied: it names an
// error; kUnavailable: try again.
Status read_revocation_response(int status, std::string_view body);

std::unique_ptr<Fetch> revoke_token(net::Loop& loop, net::HttpClient& client, const Clock& clock, const RevocationRequest& request,
                                    std::function<void(Status)> done);

}  // namespace interlock::oauth
