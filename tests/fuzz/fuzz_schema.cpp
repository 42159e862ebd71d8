// A tool's inputSchema and a call's arguments, both from strangers: `SCHEMA\n---\nARGUMENTS`. Whatever they are, compiling and checking
// end, and say the same twice.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "surface/mcp/schema.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = input.find("\n---\n");
  if (cut == std::string_view::npos) return 0;
  const auto schema = json::parse(input.substr(0, cut));
  const auto arguments = json::parse(input.substr(cut + 5));
  if (!schema || !arguments) return 0;
  const auto compiled = mcp::Schema::compile(*schema);
  if (!compiled) return 0;
  const auto first = (*compiled)->check(*arguments);
  const auto second = (*compiled)->check(*arguments);
  // The bound on the time of patterns may fall to either side.
  const bool costly = (!first && first.error().code == ErrorCode::kTooLarge) || (!second && second.error().code == ErrorCode::kTooLarge);
  if (!costly && first.has_value() != second.has_value()) std::abort();
  if (!first && first.error().message.empty()) std::abort();
  return 0;
}
