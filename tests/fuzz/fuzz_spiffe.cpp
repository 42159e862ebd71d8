// SPIFFE IDs, trust bundles and certificate chains from outsiders: an ID is what it was written as, a bundle is written and read back as
// the same, and no chain leads to an authority that signed nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "spiffe/bundle.hpp"
#include "spiffe/certificate.hpp"
#include "spiffe/svid.hpp"

namespace {

using namespace interlock;
using namespace interlock::spiffe;

constexpr std::string_view kDomain = "example.org";
constexpr UnixMs kNow = 1'800'000'000'000;

void check_bundle(const Result<Bundle>& bundle) {
  if (!bundle) {
    if (bundle.error().message.empty()) std::abort();
    return;
  }
  if (bundle->trust_domain != kDomain || bundle->x509_authorities.size() > kBundleAuthorities) std::abort();
  const auto text = bundle_text(*bundle);
  const auto again = parse_bundle(kDomain, text);
  if (!again || again->x509_authorities != bundle->x509_authorities || bundle_text(*again) != text) std::abort();
}

// Each certificate is tried as an authority of the bundle that its own chain is held against.
void check_chain(const std::vector<std::string>& chain) {
  Bundle bundle;
  bundle.trust_domain = kDomain;
  const auto none = verify_x509_svid(chain, BundleSet({bundle}), kNow);
  if (none) std::abort();
  bundle.x509_authorities = {chain.back()};
  const auto svid = verify_x509_svid(chain, BundleSet({bundle}), kNow);
  if (!svid) return;
  if (svid->id.trust_domain() != kDomain || svid->expires_ms <= kNow || chain.size() < 2) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto id = SpiffeId::parse(bytes)) {
    if (id->text() != bytes || "spiffe://" + std::string(id->trust_domain()) + std::string(id->path()) != bytes) std::abort();
    if (!check_trust_domain(id->trust_domain())) std::abort();
  }
  check_bundle(parse_bundle(kDomain, bytes));
  check_bundle(bundle_from_pem(kDomain, bytes));
  if (const auto chain = split_certificates(bytes, kChainCertificates); chain && !chain->empty()) check_chain(*chain);
  (void)verify_jwt_svid(bytes, "audience", BundleSet(), kNow);
  return 0;
}
