// Scripts: whatever stands in them, reading ends, nothing is read beyond the text, and what is taken has commands or says why not.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "shell/commands.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock::shell;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto dialect : {Dialect::kBash, Dialect::kPosix}) {
    const auto parsed = parse(text, dialect);
    if (!parsed) {
      if (parsed.error().message.empty()) std::abort();
      continue;
    }
    const auto found = commands_of(*parsed, {.cwd = "/work", .variables = {{"HOME", "/home/me"}}});
    for (const auto& run : found.commands) {
      if (run.pipe_from >= static_cast<int>(found.commands.size())) std::abort();
      for (const auto& value : run.argv)
        if (value.text && value.text->find('\0') != std::string::npos) std::abort();
    }
  }
  return 0;
}
