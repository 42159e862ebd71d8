// The verbs that run a gate, and those that look after one. Each takes its words without the verb's own, and returns an exit code:
// 0 done, 1 failed or refused, 2 usage. What they print for people goes to stdout, complaints to stderr.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/arguments.hpp"
#include "cli/config.hpp"

namespace interlock::cli {

int run_serve(const Places& places, const Words& words);
int run_mcp(const Places& places, const Words& words);
int run_acp(const Places& places, const Words& words);
int run_init(const Places& places, const Words& words);
int run_check(const Places& places, const Words& words);  // also `doctor`
int run_status(const std::filesystem::path& state_folder, const Words& words);
int run_reload(const std::filesystem::path& state_folder, const Words& words);

// What verbs share.
// The file that `places` name, or the first that is found; nullopt: there is none.
std::optional<std::filesystem::path> config_file_of(const Places& places);
// The folder whose gates a verb speaks to: --state, else the file's, else the default.
Result<std::filesystem::path> state_folder_of(const Places& places);
// The configuration of config_file_of(), or the defaults, with --state in force.
Result<Config> load_places(const Places& places);
// "npx -y @modelcontextprotocol/server-filesystem@1.2 /work" -> "filesystem".
std::string name_from_command(const Words& command);
// Complains on stderr, or as JSON on stdout, and returns kRefused.
int complain(const Error& error, bool as_json = false);
// Complains on stderr, shows `help`, and returns kUsage.
int complain_of_usage(const std::string& what, const char* help);

}  // namespace interlock::cli
