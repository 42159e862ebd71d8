// The answers of the benchmark's MCP server: one tool, `echo`, on the wires of 2025-11-25 and 2026-07-28. Pure text to text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace interlock::bench {

// The answer to one JSON-RPC message; nullopt for a notification. A message that is no JSON is answered with -32700.
std::optional<std::string> answer_of(std::string_view message);

}  // namespace interlock::bench
