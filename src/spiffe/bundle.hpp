// Trust bundles (SPIFFE Trust Domain and Bundle §4): the authorities of a trust domain, and the set of all that are trusted.
//
// Bundle and BundleSet are immutable: a rotation is a new set, swapped in by its holder. Documents are untrusted bytes: bounded.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "jose/key_set.hpp"

namespace interlock::spiffe {

class TrustAnchors;  // spiffe/anchors.hpp: authorities, parsed

inline constexpr std::size_t kBundleBytes = std::size_t{4} << 20;
inline constexpr std::size_t kBundleAuthorities = 100;

struct Bundle {
  std::string trust_domain;
  std::vector<std::string> x509_authorities;  // DER, CA certificates
  jose::KeySet jwt_authorities;
  std::optional<std::uint64_t> sequence;   // spiffe_sequence
  std::int64_t refresh_hint_ms = 300'000;  // spiffe_refresh_hint
};

// A JWKS with "x509-svid" and "jwt-svid" keys (§4.2). `trust_domain` is what the reader configured: the document does not say.
Result<Bundle> parse_bundle(std::string_view trust_domain, std::string_view text);
std::string bundle_text(const Bundle& bundle);
// PEM certificates: a bundle of X.509 authorities alone.
Result<Bundle> bundle_from_pem(std::string_view trust_domain, std::string_view pem);

class BundleSet {
 public:
  BundleSet() = default;
  explicit BundleSet(std::vector<Bundle> bundles);
  const Bundle* find(std::string_view trust_domain) const;
  const std::map<std::string, Bundle, std::less<>>& all() const { return bundles_; }
  // The set with this bundle in place of the one it had.
  std::shared_ptr<const BundleSet> with(Bundle bundle) const;
  std::uint64_t version() const { return version_; }  // differs between any two sets of this process: a key for caches
  // The domain's X.509 authorities, parsed once and shared by the sets that hold the same bundle; nullptr: no such domain.
  const TrustAnchors* anchors(std::string_view trust_domain) const;

 private:
  void put(Bundle bundle);

  std::map<std::string, Bundle, std::less<>> bundles_;
  std::map<std::string, std::shared_ptr<const TrustAnchors>, std::less<>> anchors_;
  std::uint64_t version_ = 0;
};

}  // namespace interlock::spiffe
