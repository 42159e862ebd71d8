// What an authorization is once it is had: the tokens, whose they are, and for what. Kept in the vault as JSON; a secret as a whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"

namespace interlock::oauth {

struct TokenSet {
  std::string issuer;
  std::string resource;
  std::string metadata_url;  // where the server's resource metadata was; empty: it had none
  std::string client_id;     // that the refresh token is bound to
  std::string access_token;  // empty: refused or given up, the refresh token may still do
  std::string refresh_token;
  std::vector<std::string> asked;    // scopes
  std::vector<std::string> granted;  // scopes
  UnixMs made_ms = 0;
  std::optional<UnixMs> expires_ms;
  bool is_bound = false;  // the token is presented with DPoP
  std::optional<jose::PrivateKey> dpop_key;
};

std::string write_token_set(const TokenSet& tokens);
Result<TokenSet> read_token_set(std::string_view text);

}  // namespace interlock::oauth
