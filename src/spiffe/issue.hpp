// Makes and signs X.509 certificates in the forms that X509-SVID §3 and §4 ask for. Any thread.
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
};

// kInvalid for a name that is neither a DNS name nor an address. The strings of an order are checked: none can write an extension.
Result<X509Pointer> make_certificate(const CertificateOrder& order);

}  // namespace interlock::spiffe
