// The serial numbers that an authority has revoked, as they stand in the store. Plain data and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace interlock::spiffe {

struct RevokedRecord {
  std::uint64_t number = 0;  // of the list: grows with each revocation (RFC 5280 §5.2.3)
  struct One {
    UnixMs revoked_ms = 0;
    UnixMs not_after_ms = 0;
  };
  std::map<std::string, One> serials;
};

std::string revoked_text(const RevokedRecord& record);
// Without those that are past their end at `now_ms`: nobody takes them any more.
Result<RevokedRecord> read_revoked(std::string_view text, UnixMs now_ms);

}  // namespace interlock::spiffe
