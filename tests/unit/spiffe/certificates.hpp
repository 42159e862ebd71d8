// Certificates for tests, made by OpenSSL from a few lines: what is not said is as a sound authority or SVID would have it.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "spiffe/bundle.hpp"
#include "spiffe/certificate.hpp"

namespace interlock::spiffe::testing {

inline constexpr UnixMs kNow = 1'800'000'000'000;
inline constexpr UnixMs kHour = 3'600'000;

using Key = std::shared_ptr<EVP_PKEY>;
inline Key new_key() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

using Extensions = std::map<std::string, std::string>;  // by OpenSSL's names and in its configuration's words; "" leaves one out

struct Made {
  std::shared_ptr<X509> certificate;
  Key key;
  std::string der() const { return certificate_to_der(certificate.get()); }
};

struct Wish {
  std::string subject = "subject";
  Extensions extensions = {};
  const Made* issuer = nullptr;  // nullptr: signs itself
  UnixMs not_before = kNow - kHour;
  UnixMs not_after = kNow + kHour;
  Key key = new_key();
  const EVP_MD* digest = EVP_sha256();
  std::vector<std::pair<std::string, std::string>> more = {};  // further extensions, repeated ones too
};

inline void set_time(ASN1_TIME* to, UnixMs at_ms) { ASN1_TIME_set(to, static_cast<std::time_t>(at_ms / 1000)); }

inline void add_extension(X509* certificate, X509* issuer, const std::string& name, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf(nullptr, &context, name.c_str(), value.c_str());
  if (extension == nullptr) throw std::runtime_error("no extension from " + name + "=" + value + ": " + openssl_reason());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline Made make(const Wish& wish) {
  static long serial = 0;
  Made made{std::shared_ptr<X509>(X509_new(), X509_free), wish.key};
  X509* const certificate = made.certificate.get();
  X509* const issuer = wish.issuer == nullptr ? certificate : wish.issuer->certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  set_time(X509_getm_notBefore(certificate), wish.not_before);
  set_time(X509_getm_notAfter(certificate), wish.not_after);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.subject.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  X509_set_pubkey(certificate, wish.key.get());
  for (const auto& [name, value] : wish.extensions) {
    if (!value.empty()) add_extension(certificate, issuer, name, value);
  }
  for (const auto& [name, value] : wish.more) add_extension(certificate, issuer, name, value);
  const auto& signer = wish.issuer == nullptr ? wish.key : wish.issuer->key;
  if (X509_sign(certificate, signer.get(), wish.digest) == 0) throw std::runtime_error("not signed: " + openssl_reason());
  return made;
}

inline Extensions merge(Extensions base, const Extensions& over) {
  for (const auto& [name, value] : over) base[name] = value;
  return base;
}

inline Made make_authority(const std::string& subject, Extensions over = {}, const Made* issuer = nullptr, Wish wish = {}) {
  wish.subject = subject;
  wish.issuer = issuer;
  wish.extensions = merge(
      {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,keyCertSign,cRLSign"}, {"subjectKeyIdentifier", "hash"}}, over);
  return make(wish);
}

inline Made make_leaf(const Made& issuer, const std::string& id, const Extensions& over = {}, Wish wish = {}) {
  wish.issuer = &issuer;
  wish.extensions = merge({{"basicConstraints", "critical,CA:FALSE"},
                           {"keyUsage", "critical,digitalSignature"},
                           {"extendedKeyUsage", "serverAuth,clientAuth"},
                           {"subjectAltName", "URI:" + id}},
                          over);
  return make(wish);
}

inline Bundle bundle_of(const std::string& trust_domain, const std::vector<const Made*>& authorities) {
  Bundle bundle;
  bundle.trust_domain = trust_domain;
  for (const auto* authority : authorities) bundle.x509_authorities.push_back(authority->der());
  return bundle;
}

inline std::vector<std::string> chain_of(const std::vector<const Made*>& certificates) {
  std::vector<std::string> chain;
  for (const auto* certificate : certificates) chain.push_back(certificate->der());
  return chain;
}

}  // namespace interlock::spiffe::testing
