// What a protected resource answers with instead of a result: WWW-Authenticate (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1).
//
// Untrusted bytes: bounded; a challenge whose form is wrong, or that says a thing twice, is left out with all that follows it, because
// where it ends would be a guess. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace interlock::oauth {

inline constexpr std::size_t kChallengeBytes = 16 * 1024;  // of one field
inline constexpr std::size_t kChallenges = 16;
inline constexpr std::size_t kChallengeParameters = 32;
inline constexpr std::size_t kScopes = 100;
inline constexpr std::size_t kScopeBytes = 256;

struct Challenge {
  std::string scheme;                                           // lower case
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case, values unquoted
  std::string_view get(std::string_view name) const;            // empty: absent
};
std::vector<Challenge> parse_challenges(std::string_view field);
// The first of the Bearer or DPoP scheme.
std::optional<Challenge> find_challenge(std::span<const std::string> fields);

// scope-tokens separated by single spaces (RFC 6749 §3.3), without repeats. nullopt: a character that none may hold, or over a bound.
std::optional<std::vector<std::string>> parse_scopes(std::string_view text);
std::string join_scopes(std::span<const std::string> scopes);
// `scopes` with those of `more` that it lacks.
void add_scopes(std::vector<std::string>& scopes, std::span<const std::string> more);
bool has_scopes(std::span<const std::string> scopes, std::span<const std::string> wanted);

}  // namespace interlock::oauth
