// Bearer tokens of the configuration (RFC 6750 §2.1): the subject of an HTTP client.
//
// Only the SHA-256 of a token is ever kept, and tokens are random, so a plain hash is enough. The presented token is compared
// through a keyed hash that changes with each start: how long a look-up takes says nothing of any stored digest. Immutable once
// made: any thread. No error holds a token.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::identity {

inline constexpr std::size_t kTokens = 10'000;

// One entry of the configuration: whoever shows the token with this hash is this subject.
struct TokenRule {
  std::string subject;  // Agent::"<subject>"; not "anonymous", not "local/..."
  std::string owner;
  Digest sha256{};  // of the token's bytes
  std::optional<UnixMs> expires_ms;
  json::object attributes;  // more facts for policy
};

// "sha256:<64 hex>" -> digest. The digest of the empty string is refused.
Result<Digest> parse_token_digest(std::string_view text);
// The form that parse_token_digest reads, for `interlock` to print beside a fresh token.
std::string token_digest_text(std::string_view token);

class TokenBook {
 public:
  // Knows no token and admits nobody.
  TokenBook() = default;
  // `anonymous` admits requests without an Authorization header as subject "anonymous", assurance kNone. Fails on too many
  // tokens, on two rules for one token, and on subjects that stand for another kind of identity.
  static Result<TokenBook> create(std::vector<TokenRule> rules, bool anonymous);

  // `authorization` is the header's value, or nullopt where it is absent. A header that is present must be right, also where
  // anonymous subjects are admitted. Errors are kDenied, or kExpired for a token past its time.
  Result<model::Subject> authenticate(std::optional<std::string_view> authorization, UnixMs now_ms) const;

  // The subject of a token as such; nullopt where it is not of this book. kExpired.
  Result<std::optional<model::Subject>> find(std::string_view token, UnixMs now_ms) const;

  bool anonymous() const { return anonymous_; }
  std::size_t size() const { return rules_.size(); }

 private:
  struct Entry {
    Digest sha256;
    std::optional<UnixMs> expires_ms;
    model::Subject subject;
  };
  std::string blind(const Digest& digest) const;

  bool anonymous_ = false;
  std::string key_;
  std::unordered_map<std::string, Entry> rules_;  // by blind(sha256)
};

}  // namespace interlock::identity
