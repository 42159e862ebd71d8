#include "cli/verbs.hpp"

#include <cstdio>

#include "approval/display.hpp"
#include "base/json.hpp"

namespace interlock::cli {

namespace fs = std::filesystem;
using approval::printable;

std::optional<fs::path> config_file_of(const Places& places) {
  std::error_code ignored;
  if (!places.config.empty()) return fs::absolute(places.config, ignored).lexically_normal();
  return find_config(fs::current_path(ignored));
}

Result<fs::path> state_folder_of(const Places& places) {
  std::error_code ignored;
  if (!places.state.empty()) return fs::absolute(places.state, ignored).lexically_normal();
  const auto file = config_file_of(places);
  return file ? state_folder_of(*file) : default_state_folder();
}

Result<Config> load_places(const Places& places) {
  std::error_code ignored;
  const auto file = config_file_of(places);
  auto config = file ? load_config(*file) : default_config(fs::current_path(ignored));
  if (config && !places.state.empty()) config->state_dir = fs::absolute(places.state, ignored).lexically_normal();
  return config;
}

int complain(const Error& error, bool as_json) {
  if (as_json) {
    const json::value out =
        json::object{{"error", json::object{{"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}}}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return kRefused;
  }
  std::fprintf(stderr, "interlock: %s\n", printable(error.message).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", printable(error.hint).c_str());
  return kRefused;
}

int complain_of_usage(const std::string& what, const char* help) {
  std::fprintf(stderr, "interlock: %s\n%s", printable(what).c_str(), help);
  return kUsage;
}

}  // namespace interlock::cli
