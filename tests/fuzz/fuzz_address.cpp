// Addresses and ranges as text: what is taken reads the same when it is written again, every address has a kind, and a range holds its
// base.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/resolver.hpp"

namespace {

using namespace interlock::net;

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = parse_address(text)) {
    const auto again = parse_address(address_text(*address));
    must(again == address);
    must(!address_kind_name(address_kind(*address)).empty());
    must(address->v6 || address_text(*address) == text);  // one way alone to write an IPv4 address
  }
  if (const auto range = parse_address_range(text)) must(range->contains(range->base));
  if (size >= 16) {
    Address raw;
    raw.v6 = true;
    std::copy_n(data, 16, raw.bytes.begin());
    must(parse_address(address_text(raw)) == raw);
    (void)address_kind(raw);
  }
  return 0;
}
