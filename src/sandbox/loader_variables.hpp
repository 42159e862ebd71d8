// Variables of an environment that decide which code a program runs beside its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace interlock::sandbox {

bool is_loader_variable(std::string_view variable);  // NAME=VALUE

// Those of `environment`, in its order.
std::vector<std::string> loader_variables_of(std::vector<std::string> environment);

}  // namespace interlock::sandbox
