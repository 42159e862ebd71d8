// Makes and signs X.509 certificates in the forms that X509-SVID §3 and §4 ask for, and lists of revoked ones. Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "spiffe/certificate.hpp"

namespace interlock::spiffe {

struct CertificateOrder {
  EVP_PKEY* key = nullptr;  // whose public half is certified
  X509* issuer = nullptr;   // nullptr: it signs itself
  EVP_PKEY* issuer_key = nullptr;
  std::string uri;                 // a SPIFFE ID; of an authority: without path
  std::vector<std::string> names;  // DNS names and addresses beside it
  bool is_authority = false;
  UnixMs not_before_ms = 0;
  UnixMs not_after_ms = 0;
  std::string serial = {};  // kSerialBytes bytes as new_serial() draws them; empty: it is drawn here
};

inline constexpr std::size_t kSerialBytes = 16;
// Positive, random, never longer than RFC 5280 §4.1.2.2 allows. Empty where OpenSSL has no random bytes.
std::string new_serial();

// kInvalid for a name that is neither a DNS name nor an address. The strings of an order are checked: none can write an extension.
Result<X509Pointer> make_certificate(const CertificateOrder& order);

struct RevokedSerial {
  std::string serial;  // bytes
  UnixMs revoked_ms = 0;
};
struct RevocationListOrder {
  X509* issuer = nullptr;
  EVP_PKEY* issuer_key = nullptr;
  std::uint64_t number = 0;
  UnixMs now_ms = 0;
  UnixMs next_ms = 0;
  const std::vector<RevokedSerial>& revoked;
};
// A CRL of version 2 in PEM (RFC 5280 §5).
Result<std::string> make_revocation_list(const RevocationListOrder& order);

}  // namespace interlock::spiffe
