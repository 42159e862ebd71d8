// Where the gate is that a caller means. Reads of the configuration what that takes, `state_dir`, and reads it as src/cli does.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/environment.hpp"
#include "client/client.hpp"
#include "yaml/document.hpp"

namespace interlock::client {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConfigBytes = std::size_t{1} << 20;
constexpr const char* kFileName = "interlock.yaml";
constexpr const char* kServiceConfig = "/etc/interlock";
constexpr const char* kServiceState = "/var/lib/interlock";
constexpr const char* kSocketName = "agents.sock";
constexpr const char* kSocketInside = "/run/interlock/agents.sock";  // as cli/exec_wiring.cpp puts it into a run

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// An absolute folder that a variable names; XDG says that others are to be ignored.
fs::path folder_in(const char* name) {
  const fs::path path = variable(name);
  return path.is_absolute() ? path : fs::path();
}

fs::path default_state() {
  if (const auto xdg = folder_in("XDG_STATE_HOME"); !xdg.empty()) return xdg / "interlock";
  if (const auto home = folder_in("HOME"); !home.empty()) return home / ".local" / "state" / "interlock";
  return kServiceState;
}

fs::path find_config() {
  std::error_code error;
  std::vector<fs::path> places = {fs::current_path(error) / kFileName};
  if (const auto xdg = folder_in("XDG_CONFIG_HOME"); !xdg.empty()) places.push_back(xdg / "interlock" / kFileName);
  else if (const auto home = folder_in("HOME"); !home.empty()) places.push_back(home / ".config" / "interlock" / kFileName);
  places.push_back(fs::path(kServiceConfig) / kFileName);
  for (const auto& place : places) {
    if (fs::is_regular_file(place, error)) return place;
  }
  return {};
}

Result<fs::path> state_of(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return fail(ErrorCode::kNotFound, file.string() + " is not a file");
  if (fs::file_size(file, error) > kConfigBytes) return fail(ErrorCode::kTooLarge, file.string() + " is too large");
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) return fail(ErrorCode::kIo, "cannot read " + file.string());
  const auto root = yaml::parse(text, file.string(), {.size_bytes = kConfigBytes});
  if (!root) return fail(root.error());
  const auto folder = fs::absolute(file, error).parent_path();
  const auto* node = root->find("state_dir");
  if (node == nullptr || node->kind != yaml::Node::Kind::kScalar)
    return folder == kServiceConfig ? fs::path(kServiceState) : default_state();
  auto path = expand_environment(node->text, process_environment());
  if (!path) return fail(path.error().code, file.string() + ": `state_dir`: " + path.error().message);
  if (*path == "~" || path->starts_with("~/")) *path = variable("HOME") + path->substr(1);
  return (folder / *path).lexically_normal();
}

}  // namespace

Result<std::string> config_of(const Places& places) {
  std::error_code error;
  if (!places.config.empty()) return fs::absolute(places.config, error).lexically_normal().string();
  return find_config().string();
}

Result<std::string> state_of(const Places& places) {
  std::error_code error;
  if (!places.state.empty()) return fs::absolute(places.state, error).lexically_normal().string();
  const auto file = config_of(places);
  if (!file) return fail(file.error());
  if (file->empty()) return default_state().string();
  const auto state = state_of(fs::path(*file));
  if (!state) return fail(state.error());
  auto text = state->string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string gate_program() {
  std::error_code error;
  const auto own = fs::read_symlink("/proc/self/exe", error);
  return error ? "interlock-gate" : (own.parent_path() / "interlock-gate").string();
}

Result<std::string> agent_socket_of(const Places& places) {
  // In a run the gate's files do not exist, whatever a hook's command names: its socket alone is there.
  if (const auto socket = variable("INTERLOCK_SOCKET"); socket == kSocketInside) return socket;
  if (places.config.empty() && places.state.empty()) {
    if (auto socket = variable("INTERLOCK_SOCKET"); !socket.empty()) return socket;
  }
  const auto state = state_of(places);
  if (!state) return fail(state.error());
  return *state + "/" + kSocketName;
}

}  // namespace interlock::client
