// The X.509 authorities of one trust domain, parsed once into what path validation starts from. Immutable; any thread.
#pragma once

#include <openssl/x509_vfy.h>

#include <memory>
#include <string>
#include <vector>

#include "spiffe/certificate.hpp"

namespace interlock::spiffe {

class TrustAnchors {
 public:
  // Certificates that are no authorities are left out: they vouch for nothing.
  explicit TrustAnchors(const std::vector<std::string>& ders);
  bool empty() const { return size_ == 0; }
  // With everything of path validation set but the time. OpenSSL locks and counts it itself.
  X509_STORE* store() const { return store_.get(); }

 private:
  std::unique_ptr<X509_STORE, Release<X509_STORE_free>> store_;
  std::size_t size_ = 0;
};

}  // namespace interlock::spiffe
