// AES-256-GCM with a random nonce: what a seal is made of. 2^32 seals under one key keep the chance of a repeated nonce below 2^-32 (NIST
// SP 800-38D §8.3), which small and slow state never comes near. Pure but for the random bytes; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::store {

inline constexpr std::size_t kSealBytes = 12 + 16;  // that a seal adds: nonce and tag

// `head`, nonce, ciphertext, tag. `place` and `head` are authenticated, `key` has 32 bytes.
Result<std::string> seal(std::string_view key, std::string_view place, std::string_view head, std::string_view value);
// Of what seal() made, with a head of `head_bytes`. nullopt: another key, another place, or it was changed.
std::optional<std::string> unseal(std::string_view key, std::string_view place, std::size_t head_bytes, std::string_view sealed);

}  // namespace interlock::store
