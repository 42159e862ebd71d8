// An OpenAPI description read into JSON: bounded, JSON or YAML, without the parts that say nothing of what an operation does (schemas,
// responses, examples). Private to the catalogue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kOpenApiDepth = 200;
inline constexpr std::size_t kOpenApiYamlNodes = 2'000'000;  // about 300 bytes each while it is read
inline constexpr std::size_t kReferenceSteps = 8;            // from one $ref to the next

// kInvalid, kTooLarge; kUnsupported for another version than 3.0 and 3.1.
Result<json::value> read_openapi(std::string_view text);

// What `node` is, or what its $ref points at within the document; null, and why, where that is elsewhere, nowhere, or goes round.
const json::object* follow(const json::value& document, const json::value& node, std::string& why_not);

}  // namespace interlock::catalogue
