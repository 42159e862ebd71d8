// `interlock server`: OAuth towards the servers behind a running gate: which have tokens, and the login of a human.
#pragma once

#include <filesystem>

#include "cli/arguments.hpp"

namespace interlock::cli {

int run_server(const std::filesystem::path& state_folder, const Words& words);

}  // namespace interlock::cli
