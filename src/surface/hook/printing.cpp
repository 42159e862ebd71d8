// What every host has for "no", and JSON for the rest.
#include "surface/hook/contract.hpp"

namespace interlock::hook {

Printed refuse(std::string_view reason) {
  std::string line = "interlock: ";
  for (const char c : reason) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return {.err = line + "\n", .exit = 2};
}

Printed print_json(const json::object& answer) { return {.out = json::write(answer) + "\n"}; }

}  // namespace interlock::hook
