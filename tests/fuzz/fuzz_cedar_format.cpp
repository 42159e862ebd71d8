// The formatter: what parses is laid out, its layout parses and is its own layout, at any width.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cedar/format.hpp"

using namespace interlock::cedar;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t width = 20 + data[0] % 128;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool parses = PolicySet::parse({{"fuzz", text}}).has_value();
  const auto once = format_policies({"fuzz", text}, {.width = width});
  if (!once) {
    // A set refuses more than a text does (an id that is taken), never less.
    if (parses) std::abort();
    return 0;
  }
  const auto twice = format_policies({"fuzz", *once}, {.width = width});
  if (!twice || *twice != *once) std::abort();
  return 0;
}
