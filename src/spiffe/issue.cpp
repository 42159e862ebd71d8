#include "spiffe/issue.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "spiffe/id.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::size_t kNameBytes = 253;
constexpr std::size_t kNames = 64;
constexpr std::string_view kOrganization = "Interlock";

bool is_address(const std::string& name) {
  const std::unique_ptr<ASN1_OCTET_STRING, Release<ASN1_OCTET_STRING_free>> address(a2i_IPADDRESS(name.c_str()));
  return address != nullptr;
}

bool is_dns_label(std::string_view label) {
  constexpr std::size_t kLabelBytes = 63;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kLabelBytes && std::ranges::all_of(label, fits);
}

bool is_dns_name(std::string_view name) {
  if (name.size() > kNameBytes) return false;
  while (true) {
    const auto dot = name.find('.');
    if (!is_dns_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_number(std::string_view label) {
  return std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

// A URI constraint names a host by DNS (RFC 5280 §4.2.1.10). A trust domain that reads like an address, or like no name at all, can have
// none: verifiers refuse the whole certificate.
bool can_be_constrained(std::string_view trust_domain) {
  return is_dns_name(trust_domain) && !is_number(trust_domain.substr(trust_domain.rfind('.') + 1));
}

Result<std::string> subject_names(const CertificateOrder& order) {
  std::string text = "URI:" + order.uri;
  if (order.names.size() > kNames) return fail(ErrorCode::kTooLarge, "a certificate would have more than 64 names");
  for (const auto& name : order.names) {
    if (is_address(name)) {
      text += ",IP:" + name;
    } else if (is_dns_name(name.starts_with("*.") ? std::string_view(name).substr(2) : name)) {
      text += ",DNS:" + name;
    } else {
      return fail(ErrorCode::kInvalid, "a certificate cannot name \"" + name + "\"", "names are DNS names and IP addresses");
    }
  }
  return text;
}

bool add(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(ASN1_INTEGER* into, const std::string& bytes) {
  if (bytes.size() != kSerialBytes) return false;
  const std::unique_ptr<BIGNUM, Release<BN_free>> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), into) != nullptr;
}

bool add_to_name(X509_NAME* name, const char* field, std::string_view value) {
  constexpr std::size_t kFieldBytes = 64;  // X.520's bound
  value = value.substr(0, kFieldBytes);
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool set_names_and_times(X509* certificate, const CertificateOrder& order, std::string_view trust_domain) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  if (!add_to_name(subject, "O", kOrganization)) return false;
  if (order.is_authority && !add_to_name(subject, "CN", trust_domain)) return false;
  const X509* const issuer = order.issuer == nullptr ? certificate : order.issuer;
  return X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<std::time_t>(order.not_before_ms / 1000)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(order.not_after_ms / 1000)) != nullptr;
}

bool add_usage(X509* certificate, X509* issuer, bool is_authority, std::string_view trust_domain) {
  if (!add(certificate, issuer, NID_subject_key_identifier, "hash")) return false;
  if (!is_authority) {
    return add(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
           add(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
           add(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  }
  if (can_be_constrained(trust_domain) &&
      !add(certificate, issuer, NID_name_constraints, "critical,permitted;URI:" + std::string(trust_domain))) {
    return false;
  }
  return add(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
}

}  // namespace

Result<X509Pointer> make_certificate(const CertificateOrder& order) {
  const ErrorQueueGuard guard;  // a name that is no address leaves its error
  auto id = SpiffeId::parse(order.uri);
  if (!id) return fail(std::move(id.error()));
  auto names = subject_names(order);
  if (!names) return fail(std::move(names.error()));
  X509Pointer certificate(X509_new());
  X509* const made = certificate.get();
  X509* const issuer = order.issuer == nullptr ? made : order.issuer;
  const bool done = made != nullptr && X509_set_version(made, X509_VERSION_3) == 1 &&
                    set_serial(X509_get_serialNumber(made), order.serial.empty() ? new_serial() : order.serial) &&
                    set_names_and_times(made, order, id->trust_domain()) && X509_set_pubkey(made, order.key) == 1 &&
                    add(made, issuer, NID_subject_alt_name, *names) && add_usage(made, issuer, order.is_authority, id->trust_domain()) &&
                    X509_sign(made, order.issuer_key, EVP_sha256()) > 0;
  if (!done) return fail(ErrorCode::kInternal, "OpenSSL did not make a certificate: " + openssl_reason());
  return certificate;
}

std::string new_serial() {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  bytes[0] &= 0x7F;
  bytes[0] |= 0x40;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<std::string> make_revocation_list(const RevocationListOrder& order) {
  const ErrorQueueGuard guard;
  using List = std::unique_ptr<X509_CRL, Release<X509_CRL_free>>;
  using Time = std::unique_ptr<ASN1_TIME, Release<ASN1_TIME_free>>;
  using Integer = std::unique_ptr<ASN1_INTEGER, Release<ASN1_INTEGER_free>>;
  const List list(X509_CRL_new());
  const Time now(ASN1_TIME_set(nullptr, static_cast<std::time_t>(order.now_ms / 1000)));
  const Time next(ASN1_TIME_set(nullptr, static_cast<std::time_t>(order.next_ms / 1000)));
  bool good = list && now && next && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(order.issuer)) == 1 &&
              X509_CRL_set1_lastUpdate(list.get(), now.get()) == 1 && X509_CRL_set1_nextUpdate(list.get(), next.get()) == 1;
  for (const auto& one : order.revoked) {
    if (!good) break;
    std::unique_ptr<X509_REVOKED, Release<X509_REVOKED_free>> entry(X509_REVOKED_new());
    const Integer serial(ASN1_INTEGER_new());
    const Time at(ASN1_TIME_set(nullptr, static_cast<std::time_t>(one.revoked_ms / 1000)));
    good = entry && serial && at && set_serial(serial.get(), one.serial) && X509_REVOKED_set_serialNumber(entry.get(), serial.get()) == 1 &&
           X509_REVOKED_set_revocationDate(entry.get(), at.get()) == 1 && X509_CRL_add0_revoked(list.get(), entry.get()) == 1;
    if (good) (void)entry.release();  // it is the list's now
  }
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, order.issuer, nullptr, nullptr, list.get(), 0);
  const std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>> key(
      good ? X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always") : nullptr);
  const Integer number(ASN1_INTEGER_new());
  good = good && key && number && X509_CRL_add_ext(list.get(), key.get(), -1) == 1 &&
         ASN1_INTEGER_set_uint64(number.get(), order.number) == 1 &&
         X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, 0) == 1 && X509_CRL_sort(list.get()) == 1 &&
         X509_CRL_sign(list.get(), order.issuer_key, EVP_sha256()) > 0;
  const std::unique_ptr<BIO, Release<BIO_free_all>> out(BIO_new(BIO_s_mem()));
  if (!good || !out || PEM_write_bio_X509_CRL(out.get(), list.get()) != 1)
    return fail(ErrorCode::kInternal, "OpenSSL did not make a revocation list: " + openssl_reason());
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

}  // namespace interlock::spiffe
