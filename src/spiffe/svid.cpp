#include "spiffe/svid.hpp"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "spiffe/anchors.hpp"
#include "spiffe/certificate.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::int64_t kLongestTokenLifeMs = 86'400'000;

std::unexpected<Error> denied(std::string message, std::string hint = {}) {
  return fail(ErrorCode::kDenied, std::move(message), std::move(hint));
}

std::unexpected<Error> no_bundle(std::string_view trust_domain) {
  return denied("no bundle of the trust domain " + std::string(trust_domain) + " is known here",
                "name where it comes from under identity.spiffe.bundles");
}

Result<SpiffeId> leaf_id(const X509* leaf) {
  auto uris = uri_names(leaf);
  if (!uris) return denied(std::move(uris.error().message));
  if (uris->empty()) return denied("the certificate has no URI name, so it names no SPIFFE ID (X509-SVID §2)");
  if (uris->size() > 1) return denied("the certificate has more than one URI name (X509-SVID §2)");
  auto id = SpiffeId::parse(uris->front());
  if (!id) return denied("the certificate's URI name: " + id.error().message);
  if (id->path().empty()) return denied("the certificate's SPIFFE ID has no path, so it names no workload (X509-SVID §3.1)");
  return id;
}

bool is_critical(const X509* certificate, int nid) {
  const int at = X509_get_ext_by_NID(certificate, nid, -1);
  return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

// X509-SVID §4 and §5.2, as far as a leaf alone can show it.
Status check_leaf(X509* leaf) {
  const auto flags = X509_get_extension_flags(leaf);
  if ((flags & EXFLAG_INVALID) != 0) return denied("the certificate has malformed or repeated extensions (RFC 5280 §4.2)");
  if ((flags & EXFLAG_CA) != 0) return denied("the certificate is a CA, and a signing certificate identifies no caller (X509-SVID §5.2)");
  if ((flags & EXFLAG_KUSAGE) == 0) return denied("the certificate has no key usage (X509-SVID §4.3)");
  const auto usage = X509_get_key_usage(leaf);
  if ((usage & KU_KEY_CERT_SIGN) != 0) return denied("the certificate may sign certificates (keyCertSign, X509-SVID §5.2)");
  if ((usage & KU_CRL_SIGN) != 0) return denied("the certificate may sign revocation lists (cRLSign, X509-SVID §5.2)");
  if ((usage & KU_DIGITAL_SIGNATURE) == 0) return denied("the certificate's key usage lacks digitalSignature (X509-SVID §4.3)");
  if (!is_critical(leaf, NID_key_usage)) return denied("the certificate's key usage is not critical (X509-SVID §4.3)");
  if ((flags & EXFLAG_XKUSAGE) != 0) {
    constexpr std::uint32_t kBoth = XKU_SSL_SERVER | XKU_SSL_CLIENT;
    if ((X509_get_extended_key_usage(leaf) & kBoth) != kBoth) {
      return denied("the certificate's extended key usage lacks serverAuth or clientAuth (X509-SVID §4.4)");
    }
  }
  return {};
}

// What an authority between leaf and anchor must look like (X509-SVID §3.2, §4.3). Path validation has looked at the rest.
Status check_intermediate(X509* authority, std::string_view issues_for) {
  if ((X509_get_extension_flags(authority) & EXFLAG_KUSAGE) == 0) {
    return denied("an intermediate authority has no key usage (X509-SVID §4.3)");
  }
  if (X509_check_purpose(authority, X509_PURPOSE_SSL_SERVER, 1) != 1) {
    return denied("an intermediate authority may not issue what authenticates servers (extended key usage)");
  }
  auto uris = uri_names(authority);
  if (!uris) return denied(std::move(uris.error().message));
  for (std::string_view uri : *uris) {
    if (!uri.starts_with("spiffe://")) continue;
    if (uri.ends_with('/')) uri.remove_suffix(1);  // the standard's own example writes an authority's ID so
    auto id = SpiffeId::parse(uri);
    if (!id) return denied("an intermediate authority's SPIFFE ID: " + id.error().message);
    if (!id->path().empty()) return denied("an intermediate authority's SPIFFE ID has a path (X509-SVID §3.2)");
    // A bundle may hold an authority that signs those of other domains. Each of them issues for its own domain only.
    if (!issues_for.empty() && id->trust_domain() != issues_for) {
      return denied("the certificate was issued by an authority of another trust domain (X509-SVID §3.2)");
    }
  }
  return {};
}

std::unexpected<Error> path_error(int code, std::string_view trust_domain) {
  const std::string why = X509_verify_cert_error_string(code);
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return fail(ErrorCode::kExpired, "a certificate of the chain has expired");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fail(ErrorCode::kExpired, "a certificate of the chain is not valid yet", "compare the clocks");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return denied("the chain does not lead to an authority of " + std::string(trust_domain) + ": " + why,
                    "the bundle of that trust domain may be out of date");
    default: return denied("the chain to an authority of " + std::string(trust_domain) + " breaks RFC 5280: " + why);
  }
}

using Chain = std::unique_ptr<STACK_OF(X509), Release<[](STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }>>;

// The certificates that the peer sent beside its leaf.
Result<Chain> rest_of_chain(const std::vector<std::string>& chain) {
  Chain rest(sk_X509_new_null());
  for (std::size_t i = 1; i < chain.size(); ++i) {
    auto certificate = parse_certificate(chain[i]);
    if (!certificate) return denied(std::move(certificate.error().message));
    if (!rest || sk_X509_push(rest.get(), certificate->get()) == 0) return fail(ErrorCode::kInternal, "no memory for a chain");
    (void)certificate->release();  // the chain's now
  }
  return rest;
}

// RFC 5280 §6, then the rules for intermediates. Returns the earliest end of what was used.
Result<UnixMs> check_path(X509* leaf, STACK_OF(X509) * rest, const TrustAnchors& anchors, std::string_view trust_domain, UnixMs now_ms) {
  const std::unique_ptr<X509_STORE_CTX, Release<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), anchors.store(), leaf, rest) != 1) {
    return fail(ErrorCode::kInternal, "path validation did not start: " + openssl_reason());
  }
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(now_ms / 1000));
  const int verified = X509_verify_cert(context.get());
  if (verified != 1) {
    const int code = X509_STORE_CTX_get_error(context.get());
    if (code == X509_V_OK) return fail(ErrorCode::kInternal, "path validation ended without a verdict");
    return path_error(code, trust_domain);
  }
  const STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context.get());
  const int count = sk_X509_num(path);
  if (count < 2) return denied("the certificate is not signed by an authority of " + std::string(trust_domain));
  UnixMs expires_ms = not_after_ms(leaf);
  for (int i = 1; i < count; ++i) {
    X509* const authority = sk_X509_value(path, i);
    expires_ms = std::min(expires_ms, not_after_ms(authority));
    if (i == count - 1) break;  // the anchor: believed because the bundle names it
    if (auto status = check_intermediate(authority, i == 1 ? trust_domain : std::string_view()); !status) {
      return fail(std::move(status.error()));
    }
  }
  return expires_ms;
}

constexpr std::array kTokenAlgorithms = {jose::Algorithm::kEs256, jose::Algorithm::kEs384, jose::Algorithm::kEs512,
                                         jose::Algorithm::kRs256, jose::Algorithm::kRs384, jose::Algorithm::kRs512,
                                         jose::Algorithm::kPs256, jose::Algorithm::kPs384, jose::Algorithm::kPs512};

}  // namespace

Result<VerifiedSvid> verify_x509_svid(const std::vector<std::string>& chain, const BundleSet& bundles, UnixMs now_ms) {
  const ErrorQueueGuard guard;
  if (chain.empty()) return denied("no certificate was shown", "connect with an X.509-SVID");
  if (chain.size() > kChainCertificates) return denied("the chain has more than 8 certificates");
  auto leaf = parse_certificate(chain.front());
  if (!leaf) return denied(std::move(leaf.error().message));
  auto id = leaf_id(leaf->get());
  if (!id) return fail(std::move(id.error()));
  if (auto status = check_leaf(leaf->get()); !status) return fail(std::move(status.error()));

  const auto* const anchors = bundles.anchors(id->trust_domain());
  if (anchors == nullptr) return no_bundle(id->trust_domain());
  if (anchors->empty()) return denied("the bundle of " + std::string(id->trust_domain()) + " has no X.509 authority");
  auto rest = rest_of_chain(chain);
  if (!rest) return fail(std::move(rest.error()));
  auto expires_ms = check_path(leaf->get(), rest->get(), *anchors, id->trust_domain(), now_ms);
  if (!expires_ms) return fail(std::move(expires_ms.error()));
  return VerifiedSvid{std::move(*id), *expires_ms};
}

Result<VerifiedSvid> verify_jwt_svid(std::string_view text, std::string_view audience, const BundleSet& bundles, UnixMs now_ms) {
  const auto token = jose::parse_token(text);
  if (!token) return denied(token.error().message);
  return verify_jwt_svid(*token, audience, bundles, now_ms);
}

Result<VerifiedSvid> verify_jwt_svid(const jose::Token& token, std::string_view audience, const BundleSet& bundles, UnixMs now_ms) {
  if (audience.empty()) return denied("no audience is configured that a JWT-SVID could be for", "set identity.spiffe.audiences");
  const auto subject = json::string_at(token.claims, "sub");
  if (!subject) return denied("the token has no sub (JWT-SVID §3.1)");
  auto id = SpiffeId::parse(*subject);
  if (!id) return denied("the token's sub: " + id.error().message);
  if (id->path().empty()) return denied("the token's SPIFFE ID has no path, so it names no workload");

  // The subject says whose keys to ask, and only those: no other domain can sign for it.
  const auto* const bundle = bundles.find(id->trust_domain());
  if (bundle == nullptr) return no_bundle(id->trust_domain());
  const auto* const key = bundle->jwt_authorities.find(token.kid, token.algorithm);
  if (key == nullptr) {
    return denied("the bundle of " + std::string(id->trust_domain()) + " has no key for this token's kid and algorithm",
                  "the bundle of that trust domain may be out of date");
  }
  const jose::Expectations expected{.issuer = {},
                                    .audiences = {std::string(audience)},
                                    .algorithms = kTokenAlgorithms,
                                    .types = {"", "jwt", "jose"},
                                    .requires_expiry = true,
                                    .requires_subject = true,
                                    .longest_life_ms = kLongestTokenLifeMs,
                                    .now_ms = now_ms};
  if (auto status = jose::verify_token(token, key->key, expected); !status) return fail(std::move(status.error()));
  auto expires_ms = jose::time_claim(token.claims, "exp");
  if (!expires_ms) return denied(std::move(expires_ms.error().message));
  if (!*expires_ms) return denied("the token has no exp (JWT-SVID §3.3)");
  return VerifiedSvid{std::move(*id), **expires_ms};
}

}  // namespace interlock::spiffe
