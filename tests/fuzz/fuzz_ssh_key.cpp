// Private keys of SSH authorities: whatever bytes the vault holds, they are a key that signs, or an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "credential/ssh_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto key = interlock::credential::SshKey::read({reinterpret_cast<const char*>(bytes), size});
  if (!key) return 0;
  if (key->public_blob().empty() || !key->sign("anything")) std::abort();
  return 0;
}
