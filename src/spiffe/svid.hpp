// SVIDs verified: X.509 (X509-SVID §2 to §5, RFC 5280 §6) and JWT (JWT-SVID §3, §4). Pure functions of bundles and time; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/token.hpp"
#include "spiffe/bundle.hpp"
#include "spiffe/id.hpp"

namespace interlock::spiffe {

inline constexpr std::size_t kChainCertificates = 8;
inline constexpr std::size_t kCertificateBytes = 64 * 1024;

// A key pair with its chain, as an authority or the Workload API hands it out. A secret.
struct X509Svid {
  SpiffeId id;
  std::string chain_pem;  // leaf first
  std::string key_pem;    // PKCS#8
  UnixMs expires_ms = 0;
  std::string hint;
};

struct VerifiedSvid {
  SpiffeId id;
  UnixMs expires_ms = 0;  // the earliest notAfter of the chain that was used
};

// `chain`: DER, leaf first, as in a TLS handshake, which has proven possession. kDenied / kExpired, with the rule that was broken: no
// or several URI SANs, no SPIFFE ID, a leaf that is a CA or may sign certificates, a missing digitalSignature, a trust domain without
// a bundle, no path to its authorities, path length, name constraints (URI ones too), unknown critical extensions, times.
Result<VerifiedSvid> verify_x509_svid(const std::vector<std::string>& chain, const BundleSet& bundles, UnixMs now_ms);

// `audience`: one that must be in aud. ES*, RS*, PS* as JWT-SVID §2.1 lists them; typ is absent, JWT or JOSE. Longest life 24 h.
Result<VerifiedSvid> verify_jwt_svid(std::string_view token, std::string_view audience, const BundleSet& bundles, UnixMs now_ms);
// The same of one that its caller has read.
Result<VerifiedSvid> verify_jwt_svid(const jose::Token& token, std::string_view audience, const BundleSet& bundles, UnixMs now_ms);

}  // namespace interlock::spiffe
