// Certificate chains against a bundle whose authority's key nobody has: whatever is believed is what that authority once signed.
//
// An input is certificates in DER, each after its length in two bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "spiffe/bundle.hpp"
#include "spiffe/svid.hpp"

namespace {

using namespace interlock;
using namespace interlock::spiffe;

constexpr UnixMs kNow = 1'800'000'000'000;
constexpr std::string_view kAuthority = R"(-----BEGIN CERTIFICATE-----
MIIBpzCCAUygAwIBAgIUHR/e5K/O4cyhOgS0uK/bMcnv7UEwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjUwMDIxMTRaGA8yMTI2MTEwMTAwMjEx
NFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJww
nFk6vrFVq69iYtFfq53a37Y3pSTj2C03VH8JqQ2ym75XZM5tGbHgBgDqFhXl9qtn
XytORtBM3FH5+3WBVdWjgYMwgYAwHQYDVR0OBBYEFKRw9wKL/t1zjS99ao2tfAee
ad0eMB8GA1UdIwQYMBaAFKRw9wKL/t1zjS99ao2tfAeead0eMA8GA1UdEwEB/wQF
MAMBAf8wDgYDVR0PAQH/BAQDAgIEMB0GA1UdHgEB/wQTMBGgDzANhgtleGFtcGxl
Lm9yZzAKBggqhkjOPQQDAgNJADBGAiEArlbVujT7/7z3JL3+LKjk1MlfJla+9cYa
A12rsSr6QcgCIQDpxdQHoevI4AtLxtxOBZhLjwRMhAM/w+Ni5gC5WCUnbA==
-----END CERTIFICATE-----
)";

std::vector<std::string> split(std::string_view bytes) {
  std::vector<std::string> chain;
  while (bytes.size() >= 2 && chain.size() <= kChainCertificates) {
    const auto size = (static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8) | static_cast<unsigned char>(bytes[1]);
    chain.emplace_back(bytes.substr(2, size));
    bytes.remove_prefix(std::min(bytes.size(), size + 2));
  }
  return chain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BundleSet bundles({*bundle_from_pem("example.org", kAuthority)});
  const auto chain = split({reinterpret_cast<const char*>(data), size});
  const auto svid = verify_x509_svid(chain, bundles, kNow);
  if (!svid && svid.error().message.empty()) std::abort();
  if (svid && (svid->id.text() != "spiffe://example.org/web" || svid->expires_ms <= kNow)) std::abort();
  return 0;
}
