// Secrets out of a file of others: the lines NAME=VALUE of a .env, or a JSON object of texts, whose nested objects become names with a
// slash. Pure; no error quotes a value.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "credential/secret.hpp"

namespace interlock::cli {

inline constexpr std::size_t kImportBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kImportSecrets = 1'000;

using NamedSecrets = std::vector<std::pair<std::string, credential::Secret>>;

// In the file's order. kInvalid names the line or the member; kConflict: a name comes twice.
Result<NamedSecrets> read_import(std::string_view text);

}  // namespace interlock::cli
