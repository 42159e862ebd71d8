#include "bench/identity/world.hpp"

#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>

#include "jose/dpop.hpp"
#include "jose/token.hpp"
#include "spiffe/certificate.hpp"
#include "spiffe/issue.hpp"

namespace interlock::bench {
namespace {

constexpr UnixMs kHourMs = 3'600'000;

spiffe::X509Pointer parsed(const std::string& der) { return must(spiffe::parse_certificate(der)); }

}  // namespace

void give_up(std::string_view what) {
  std::fprintf(stderr, "identity_load: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

World::Signer World::make_authority() {
  auto key = must(jose::PrivateKey::generate(jose::Algorithm::kEs256));
  const auto now_ms = SystemClock().now_ms();
  const auto certificate = must(spiffe::make_certificate({.key = key.handle(),
                                                          .issuer_key = key.handle(),
                                                          .uri = "spiffe://bench.example",
                                                          .names = {},
                                                          .is_authority = true,
                                                          .not_before_ms = now_ms - kHourMs,
                                                          .not_after_ms = now_ms + 24 * kHourMs}));
  auto der = spiffe::certificate_to_der(certificate.get());
  return {std::move(key), std::move(der)};
}

World::World() {
  spiffe::Bundle bundle;
  bundle.trust_domain = "bench.example";
  bundle.x509_authorities = {authority_der_};
  bundle.jwt_authorities = jose::KeySet(
      {{es256_.public_key(), "es", jose::Algorithm::kEs256, "jwt-svid"}, {rs256_.public_key(), "rs", jose::Algorithm::kRs256, "jwt-svid"}});
  bundles_ = std::make_shared<const spiffe::BundleSet>(std::vector<spiffe::Bundle>{std::move(bundle)});
}

json::object World::claims() const {
  const auto now_s = clock_.now_ms() / 1000;
  return {{"sub", kAgent}, {"aud", json::array{kResource}}, {"iat", now_s}, {"exp", now_s + 3600}};
}

std::string World::token(jose::Algorithm algorithm) const {
  const bool is_rsa = algorithm == jose::Algorithm::kRs256;
  return must(jose::make_token(is_rsa ? rs256_ : es256_, algorithm, is_rsa ? "rs" : "es", "JWT", claims()));
}

std::string World::bound_token() const {
  auto bound = claims();
  bound["cnf"] = json::object{{"jkt", dpop_.public_key().thumbprint()}};
  return must(jose::make_token(es256_, jose::Algorithm::kEs256, "es", "JWT", bound));
}

std::string World::proof(std::string_view token) const {
  return must(jose::make_dpop(dpop_, "POST", kResource, token, {}, clock_.now_ms()));
}

net::TlsCertificate World::certificate(std::string_view id, bool of_a_stranger) const {
  const auto& signer = of_a_stranger ? stranger_ : authority_;
  const auto issuer = parsed(signer.certificate_der);
  const auto key = must(jose::PrivateKey::generate(jose::Algorithm::kEs256));
  const auto now_ms = clock_.now_ms();
  const auto made = must(spiffe::make_certificate({.key = key.handle(),
                                                   .issuer = issuer.get(),
                                                   .issuer_key = signer.key.handle(),
                                                   .uri = std::string(id),
                                                   .names = {},
                                                   .is_authority = false,
                                                   .not_before_ms = now_ms - kHourMs,
                                                   .not_after_ms = now_ms + kHourMs}));
  return {spiffe::certificate_to_pem(spiffe::certificate_to_der(made.get())), key.to_pem()};
}

std::unique_ptr<identity::Authenticator> World::authenticator(std::size_t remembered) {
  identity::AuthenticatorOptions options;
  options.spiffe.bundles = [bundles = bundles_] { return bundles; };
  options.spiffe.accepts_bearer = true;
  options.replay_entries = 10'000'000;
  options.remembered_tokens = remembered;
  return must(identity::Authenticator::create(loop_, client_, clock_, std::move(options)));
}

}  // namespace interlock::bench
