// The environment that a text may name variables of: ${NAME}, ${NAME:-default} and $$, as in every text of the configuration.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock {

// The value of a variable; nullopt: it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment();

// ${NAME} of a variable that is set; ${NAME:-default} of one that is not, or is empty; $$ is a dollar sign, and any other $ stays. At most
// 64 KiB come out. Errors name the variable, never its value.
Result<std::string> expand_environment(std::string_view text, const Environment& environment);

// A text that expands to what `text` says, its ${NAME} and ${NAME:-default} aside, which still name their variables.
std::string escape_for_expansion(std::string_view text);

}  // namespace interlock
