// JWK sets and keys in PEM and DER from outsiders: what is taken is written and read back as the same, and verifies nothing by chance.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "jose/key_set.hpp"

namespace {

using namespace interlock;
using namespace interlock::jose;

void check(const PublicKey& key) {
  if (key.thumbprint().size() != 43) std::abort();
  const auto again = PublicKey::from_jwk(key.to_jwk());
  if (!again || again->thumbprint() != key.thumbprint()) std::abort();
  bool fits_one = false;
  for (const auto algorithm : all_algorithms()) {
    fits_one = fits_one || key.fits(algorithm);
    for (const std::size_t size : {64, 96, 132, 256}) {
      if (key.verify(algorithm, "signed", std::string(size, '\0'))) std::abort();
    }
  }
  if (!fits_one) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto set = KeySet::parse(bytes)) {
    if (set->keys().size() + set->skipped() > kKeySetKeys) std::abort();
    for (const auto& key : set->keys()) {
      check(key.key);
      if (key.kid.size() > kKeyIdBytes || (key.algorithm && !key.key.fits(*key.algorithm))) std::abort();
    }
    const auto again = KeySet::from_json(set->to_json());
    if (!again || again->keys().size() != set->keys().size() || again->skipped() != 0 || again->to_json() != set->to_json()) std::abort();
  } else if (set.error().message.empty()) {
    std::abort();
  }
  if (const auto key = PublicKey::from_pem(bytes)) check(*key);
  if (const auto key = PublicKey::from_certificate(bytes)) check(*key);
  if (const auto key = PrivateKey::from_pem(bytes)) check(key->public_key());
  if (const auto document = json::parse(bytes, {.size_bytes = kKeySetBytes, .depth = 16}); document && document->is_object()) {
    if (const auto key = PrivateKey::from_jwk(document->get_object())) check(key->public_key());
  }
  return 0;
}
