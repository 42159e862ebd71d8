// What config.cpp reads with: YAML whose texts have their ${ENV} expanded, and paths that start at the file's folder.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.hpp"
#include "yaml/document.hpp"

namespace interlock::cli {

struct ConfigReader {
  yaml::Reader reader;
  std::filesystem::path folder;  // of the file, absolute
  const ConfigSurroundings& surroundings;

  ConfigReader(const std::filesystem::path& file, const ConfigSurroundings& around);
  // Absolute, ~/ and relative paths resolved, `.` and `..` collapsed, without a slash at the end.
  std::filesystem::path path(const yaml::Node& node, std::string_view what);
  // A list of them. With `must_exist` each is there, where the surroundings say that files are looked at.
  std::vector<std::filesystem::path> paths(const yaml::Node& node, std::string_view what, std::size_t at_most, bool must_exist);
  // A file that is there, or an empty path where the key is absent.
  std::filesystem::path file(yaml::Map& map, std::string_view key);
  // The same for a file that holds a secret: one that every user can read, or its group write, is refused.
  std::filesystem::path secret_file(yaml::Map& map, std::string_view key);
  // An https address, or an http one on loopback; empty where the key is absent. `query`: it may have one.
  std::string endpoint(yaml::Map& map, std::string_view key, bool query = true);
  void check_endpoint(const yaml::Node& node, std::string_view what, std::string_view url, bool query);
  jose::Algorithm algorithm(const yaml::Node& node, std::string_view what);  // "ES256"
  // A list of maps, each read by `each`; nothing where the key is absent.
  void each_map(yaml::Map& map, std::string_view key, std::size_t at_most, const char* example,
                const std::function<void(const yaml::Node&)>& each);
};

bool is_loopback(std::string_view host);
// 64 lower-case hexadecimal digits.
bool is_sha256_text(std::string_view text);

// The parts of a file that have a source file of their own. Each reads its keys of `root`.
void read_tls(ConfigReader& in, yaml::Map& root, Config& out);
void read_identity(ConfigReader& in, yaml::Map& root, Config& out);
void read_issuers(ConfigReader& in, yaml::Map& identity, IdentityConfig& out);
void read_registry(ConfigReader& in, yaml::Map& root, Config& out);
std::optional<OAuthConfig> read_oauth(ConfigReader& in, yaml::Map& server);
void read_credentials(ConfigReader& in, yaml::Map& root, Config& out);  // `secrets` and `credentials`, before who uses them
// The list `credentials` of a server or a host: which credentials of `config` its acts are performed with, and where they go. What a
// program gets are variables, descriptors and files, what goes over HTTP are headers, query parameters and signatures.
enum class Carrier : std::uint8_t { kProgram, kHttp };
std::vector<PlacementConfig> read_placements(ConfigReader& in, yaml::Map& map, Carrier carrier, const Config& config);
void read_run(ConfigReader& in, yaml::Map& root, Config& out);
void read_egress(ConfigReader& in, yaml::Map& root, Config& out);  // after `auth`, `limits` and `credentials`
// What only the whole can tell: that parts which need one another are there.
void check_identity(ConfigReader& in, const yaml::Node& root, Config& out);

// Why `name` cannot name a server; empty where it can.
std::string problem_with_server_name(std::string_view name);
std::filesystem::path default_state_folder_for(const std::filesystem::path& config_file, const ConfigSurroundings& surroundings);
void set_default_workspace(Config& out, const std::filesystem::path& folder, const ConfigSurroundings& surroundings);

}  // namespace interlock::cli
