// What config.cpp reads with: YAML whose texts have their ${ENV} expanded, and paths that start at the file's folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.hpp"
#include "yaml/document.hpp"

namespace interlock::cli {

// ${NAME} and ${NAME:-default}; $$ is a dollar sign. Errors name the variable, never its value.
Result<std::string> expand_environment(std::string_view text, const ConfigSurroundings& surroundings);

struct ConfigReader {
  yaml::Reader reader;
  std::filesystem::path folder;  // of the file, absolute
  const ConfigSurroundings& surroundings;

  ConfigReader(const std::filesystem::path& file, const ConfigSurroundings& around);
  // Absolute, ~/ and relative paths resolved, `.` and `..` collapsed, without a slash at the end.
  std::filesystem::path path(const yaml::Node& node, std::string_view what);
  // A list of them. With `must_exist` each is there, where the surroundings say that files are looked at.
  std::vector<std::filesystem::path> paths(const yaml::Node& node, std::string_view what, std::size_t at_most, bool must_exist);
};

// Why `name` cannot name a server; empty where it can.
std::string problem_with_server_name(std::string_view name);
std::filesystem::path default_state_folder_for(const std::filesystem::path& config_file, const ConfigSurroundings& surroundings);
void set_default_workspace(Config& out, const std::filesystem::path& folder, const ConfigSurroundings& surroundings);

}  // namespace interlock::cli
