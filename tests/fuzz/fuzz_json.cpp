// Strict JSON: what parses is written and read back as the same value, and its canonical form is a fixed point.
#include <cstdint>
#include <cstdlib>

#include "base/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = interlock::json;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = json::parse(text);
  if (!value) {
    if (value.error().message.empty()) std::abort();
    return 0;
  }
  const auto written = json::write(*value);
  const auto again = json::parse(written);
  if (!again || json::write(*again) != written) std::abort();
  const auto canonical = json::write_canonical(*value);
  const auto of_canonical = json::parse(canonical);
  if (!of_canonical || json::write_canonical(*of_canonical) != canonical) std::abort();
  if (json::write_canonical(*again) != canonical) std::abort();
  return 0;
}
