// X.509 certificates through OpenSSL, for the files of this room: ownership, DER and PEM, and the fields that SPIFFE looks at.
//
// Any thread. Certificates are untrusted bytes: bounded before they are parsed.
#pragma once

#include <openssl/err.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace interlock::spiffe {

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
// OpenSSL's queue of errors belongs to the thread: what is left in it, a TLS connection of the same thread would find.
struct ErrorQueueGuard {
  ErrorQueueGuard() = default;
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
  ~ErrorQueueGuard() { ERR_clear_error(); }
};

using X509Pointer = std::unique_ptr<X509, Release<X509_free>>;

// One certificate, with nothing before or after it. kInvalid, kTooLarge.
Result<X509Pointer> parse_certificate(std::string_view der);
// Certificates set one after another (Workload API §5). kTooLarge: more than `limit`.
Result<std::vector<std::string>> split_certificates(std::string_view ders, std::size_t limit);
// The CERTIFICATE blocks of a PEM text as DER; other blocks are an error, and so is none.
Result<std::vector<std::string>> certificates_from_pem(std::string_view pem, std::size_t limit);
std::string certificate_to_der(X509* certificate);
std::string certificate_to_pem(std::string_view der);

// The URI names of the subject's alternative names. Fails where the extension is there twice or malformed.
Result<std::vector<std::string>> uri_names(const X509* certificate);
// Basic constraints with cA (RFC 5280 §4.2.1.9).
bool is_authority(X509* certificate);
UnixMs not_after_ms(const X509* certificate);

// What OpenSSL's error queue says, which is emptied.
std::string openssl_reason();

}  // namespace interlock::spiffe
