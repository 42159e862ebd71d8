#include "spiffe/certificate.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <limits>

#include "base/hash.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kPemEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kPemMark = "-----BEGIN ";

// Reads one certificate from the front of `ders` and takes it off.
X509Pointer take_certificate(std::string_view& ders) {
  const auto* at = reinterpret_cast<const unsigned char*>(ders.data());
  const auto* const begin = at;
  X509Pointer certificate(d2i_X509(nullptr, &at, static_cast<long>(ders.size())));
  if (certificate) ders.remove_prefix(static_cast<std::size_t>(at - begin));
  return certificate;
}

std::string without_white_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') out.push_back(c);
  }
  return out;
}

}  // namespace

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "OpenSSL gives no reason" : reason;
  ERR_clear_error();
  return text;
}

Result<X509Pointer> parse_certificate(std::string_view der) {
  if (der.size() > kCertificateBytes) return fail(ErrorCode::kTooLarge, "a certificate has more than 64 KiB");
  auto certificate = take_certificate(der);
  if (!certificate) return fail(ErrorCode::kInvalid, "a certificate is not X.509 in DER: " + openssl_reason());
  if (!der.empty()) return fail(ErrorCode::kInvalid, "a certificate has bytes after its end");
  return certificate;
}

Result<std::vector<std::string>> split_certificates(std::string_view ders, std::size_t limit) {
  std::vector<std::string> all;
  while (!ders.empty()) {
    if (all.size() == limit) return fail(ErrorCode::kTooLarge, "there are more than " + std::to_string(limit) + " certificates");
    const auto before = ders;
    if (!take_certificate(ders)) return fail(ErrorCode::kInvalid, "a certificate is not X.509 in DER: " + openssl_reason());
    const auto size = before.size() - ders.size();
    if (size > kCertificateBytes) return fail(ErrorCode::kTooLarge, "a certificate has more than 64 KiB");
    all.emplace_back(before.substr(0, size));
  }
  return all;
}

Result<std::vector<std::string>> certificates_from_pem(std::string_view pem, std::size_t limit) {
  std::vector<std::string> all;
  for (auto begin = pem.find(kPemMark); begin != std::string_view::npos; begin = pem.find(kPemMark)) {
    pem.remove_prefix(begin);
    const auto end = pem.find(kPemEnd);
    if (!pem.starts_with(kPemBegin)) return fail(ErrorCode::kInvalid, "a PEM block is no certificate", "keep only CERTIFICATE blocks");
    if (end == std::string_view::npos) return fail(ErrorCode::kInvalid, "a PEM certificate has no end");
    if (all.size() == limit) return fail(ErrorCode::kTooLarge, "there are more than " + std::to_string(limit) + " certificates");
    auto der = base64_decode(without_white_space(pem.substr(kPemBegin.size(), end - kPemBegin.size())));
    if (!der) return fail(ErrorCode::kInvalid, "a PEM certificate is not base64");
    if (auto certificate = parse_certificate(*der); !certificate) return fail(std::move(certificate.error()));
    all.push_back(std::move(*der));
    pem.remove_prefix(end + kPemEnd.size());
  }
  if (all.empty()) return fail(ErrorCode::kInvalid, "there is no PEM certificate");
  return all;
}

std::string certificate_to_der(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

std::string certificate_to_pem(std::string_view der) {
  constexpr std::size_t kLine = 64;
  const auto text = base64_encode(der);
  std::string pem(kPemBegin);
  pem += '\n';
  for (std::size_t at = 0; at < text.size(); at += kLine) pem.append(text, at, kLine).push_back('\n');
  pem += kPemEnd;
  pem += '\n';
  return pem;
}

Result<std::vector<std::string>> uri_names(const X509* certificate) {
  int critical = -1;  // -1 after the call: absent; -2: more than once
  const std::unique_ptr<GENERAL_NAMES, Release<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  std::vector<std::string> uris;
  if (!names) {
    ERR_clear_error();
    if (critical == -1) return uris;
    return fail(ErrorCode::kInvalid, critical == -2 ? "a certificate has its subject alternative names twice"
                                                    : "a certificate has malformed subject alternative names");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)), static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

bool is_authority(X509* certificate) {
  const auto flags = X509_get_extension_flags(certificate);
  return (flags & EXFLAG_INVALID) == 0 && (flags & EXFLAG_BCONS) != 0 && (flags & EXFLAG_CA) != 0;
}

UnixMs not_after_ms(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return 0;
  return static_cast<UnixMs>(timegm(&parts)) * 1000;
}

}  // namespace interlock::spiffe
