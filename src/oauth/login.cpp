#include "oauth/login.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "oauth/challenge.hpp"
#include "oauth/form.hpp"
#include "oauth/token_request.hpp"

namespace interlock::oauth {

Result<Login> make_login(const ServerMetadata& server, std::string_view client_id, std::string_view redirect_uri, std::string_view resource,
                         const std::vector<std::string>& scopes, UnixMs now_ms) {
  if (server.authorization_endpoint.empty()) {
    return fail(ErrorCode::kUnsupported, "issuer \"" + shown(server.issuer) + "\" has no authorization endpoint",
                "choose another servers.NAME.oauth.grant: client_credentials, jwt_bearer or token_exchange");
  }
  const auto& methods = server.code_challenge_methods;
  if (std::find(methods.begin(), methods.end(), "S256") == methods.end()) {
    return fail(ErrorCode::kUnsupported, "issuer \"" + shown(server.issuer) + "\" does not say that it takes PKCE with S256",
                "without it a code could be stolen: its metadata must list S256 in code_challenge_methods_supported");
  }
  Login login;
  login.state = new_token();
  login.verifier = new_token();  // 43 characters, RFC 7636 §4.1
  login.redirect_uri = redirect_uri;
  login.issuer = server.issuer;
  login.must_have_iss = server.iss_parameter_supported;
  login.expires_ms = now_ms + kLoginLifetimeMs;
  const Form form{{"response_type", "code"},
                  {"client_id", std::string(client_id)},
                  {"redirect_uri", login.redirect_uri},
                  {"scope", join_scopes(scopes)},
                  {"state", login.state},
                  {"code_challenge", base64url_encode(as_bytes(sha256(login.verifier)))},
                  {"code_challenge_method", "S256"},
                  {"resource", std::string(resource)},
                  {"prompt", std::find(scopes.begin(), scopes.end(), "offline_access") == scopes.end() ? "" : "consent"}};
  login.url = server.authorization_endpoint + (server.authorization_endpoint.find('?') == std::string::npos ? "?" : "&") + write_form(form);
  return login;
}

Result<std::string> read_login_response(const Login& login, std::string_view query, UnixMs now_ms) {
  const auto form = read_form(query);
  if (!form) return fail(form.error());
  if (!equal_constant_time(form_get(*form, "state"), login.state))
    return fail(ErrorCode::kNotFound, "no login has this state", "begin it again");
  if (now_ms > login.expires_ms) return fail(ErrorCode::kExpired, "the login was not finished in time", "begin it again");
  if (form_has(*form, "iss")) {
    // To the letter: what only looks the same is another issuer (RFC 9207 §2.4).
    if (form_get(*form, "iss") != login.issuer)
      return fail(ErrorCode::kDenied, "the answer to the login is another issuer's than the one that was asked (RFC 9207)",
                  "an attacker may have mixed up authorization servers: do not try again before you know why");
  } else if (login.must_have_iss) {
    return fail(ErrorCode::kDenied, "the answer to the login names no issuer, though its issuer says that it always does (RFC 9207)",
                "an attacker may have mixed up authorization servers: do not try again before you know why");
  }
  if (const auto error = form_get(*form, "error"); !error.empty()) {
    return fail(ErrorCode::kDenied, "the authorization server refused the login: " + shown(error),
                error == "access_denied" ? "the human, or a rule there, said no" : "see what it knows of this client");
  }
  const auto code = form_get(*form, "code");
  if (code.empty() || code.size() > kCodeBytes)
    return fail(ErrorCode::kInvalid, "the answer to the login holds no code that could be used");
  return std::string(code);
}

}  // namespace interlock::oauth
