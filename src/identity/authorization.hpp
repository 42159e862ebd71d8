// The Authorization header of a request (RFC 9110 §11.6.2): its scheme and token. Pure; any thread. No error holds a token.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace interlock::identity {

enum class Scheme : std::uint8_t { kBearer, kDpop };

struct Credentials {
  Scheme scheme = Scheme::kBearer;
  std::string_view token;
};

// "Bearer <token>" or "DPoP <token>", the scheme without regard to case, a token of the characters of RFC 6750 §2.1. kDenied.
Result<Credentials> read_authorization(std::string_view header);

}  // namespace interlock::identity
