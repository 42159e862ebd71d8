// A connector from an API's own description: OpenAPI 3.0 and 3.1, JSON or YAML, to an entry of the catalogue as text.
//
// The description is untrusted: bounded, no reference is followed out of the document, and what it says lowers nothing below what the
// method alone would give. Effects and bands come from method, path, summary words ("delete", "pay", "invite", "send") and security;
// whoever imports reads the result before it is used. Pure function; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kOpenApiBytes = std::size_t{64} << 20;
inline constexpr std::size_t kOpenApiOperations = 10'000;

struct OpenApiImport {
  std::string entry;  // YAML, as catalogue/*.yaml
  std::size_t operations = 0;
  std::vector<std::string> notes;  // what was left out, and why
};
// `name` of the entry; empty: from the title.
Result<OpenApiImport> import_openapi(std::string_view text, std::string_view name = {});

}  // namespace interlock::catalogue
