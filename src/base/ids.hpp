// Identifiers: ULID-like (time-ordered, 26 characters of Crockford base32) and random tokens from the kernel. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/time.hpp"

namespace interlock {

// 16 random bytes' worth of unpredictability come from getrandom(2).
std::string random_bytes(std::size_t count);

// "<prefix>_01JD..." : 48 bits of time, 80 of randomness. Sorts by time.
std::string new_id(std::string_view prefix, UnixMs now_ms);

// 256 bits, base64url: unguessable, for sessions and state handed to outsiders.
std::string new_token();

}  // namespace interlock
