#include "spiffe/anchors.hpp"

#include <openssl/x509v3.h>

#include "spiffe/svid.hpp"

namespace interlock::spiffe {
namespace {

// 112 bits: RSA of 2048 bits and more, no SHA-1 signatures (OpenSSL's security levels).
constexpr int kSecurityLevel = 2;

}  // namespace

TrustAnchors::TrustAnchors(const std::vector<std::string>& ders) : store_(X509_STORE_new()) {
  const ErrorQueueGuard guard;
  if (!store_) return;
  // A bundle may name an intermediate authority, and then the path ends there (X509-SVID §3.2).
  X509_STORE_set_flags(store_.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_set_depth(store_.get(), static_cast<int>(kChainCertificates));
  X509_STORE_set_purpose(store_.get(), X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store_.get()), kSecurityLevel);
  for (const auto& der : ders) {
    auto certificate = parse_certificate(der);
    if (!certificate || !is_authority(certificate->get())) continue;
    if (X509_STORE_add_cert(store_.get(), certificate->get()) == 1) ++size_;
  }
}

}  // namespace interlock::spiffe
