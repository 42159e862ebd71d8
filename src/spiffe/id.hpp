// SPIFFE IDs (SPIFFE-ID §2): "spiffe://trust-domain/path", strictly, without normalization. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::spiffe {

inline constexpr std::size_t kIdBytes = 2048;
inline constexpr std::size_t kTrustDomainBytes = 255;

class SpiffeId {
 public:
  // kInvalid says which rule was broken: scheme, trust domain characters (lower case letters, digits, '.', '-', '_'), user info, port,
  // query, fragment, percent signs, empty or dot segments, a trailing slash.
  static Result<SpiffeId> parse(std::string_view text);
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }  // only of one that was made by default
  std::string_view trust_domain() const { return empty() ? std::string_view() : std::string_view(text_).substr(kScheme.size(), domain_); }
  // "" or "/..."
  std::string_view path() const { return empty() ? std::string_view() : std::string_view(text_).substr(kScheme.size() + domain_); }
  friend bool operator==(const SpiffeId&, const SpiffeId&) = default;

 private:
  static constexpr std::string_view kScheme = "spiffe://";
  std::string text_;
  std::size_t domain_ = 0;
};

// "example.org"; the same rules as within an ID.
Status check_trust_domain(std::string_view name);

}  // namespace interlock::spiffe
