#include "client/plan_environment.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace interlock::client {
namespace {

constexpr std::array<std::string_view, 46> kHarmless = {"PATH",
                                                        "HOME",
                                                        "USER",
                                                        "LOGNAME",
                                                        "SHELL",
                                                        "TERM",
                                                        "COLORTERM",
                                                        "TERM_PROGRAM",
                                                        "TERM_PROGRAM_VERSION",
                                                        "LANG",
                                                        "LANGUAGE",
                                                        "TZ",
                                                        "EDITOR",
                                                        "VISUAL",
                                                        "PAGER",
                                                        "LESS",
                                                        "NO_COLOR",
                                                        "FORCE_COLOR",
                                                        "CLICOLOR",
                                                        "COLUMNS",
                                                        "LINES",
                                                        "CI",
                                                        "PWD",
                                                        "CC",
                                                        "CXX",
                                                        "CFLAGS",
                                                        "CXXFLAGS",
                                                        "LDFLAGS",
                                                        "MAKEFLAGS",
                                                        "CMAKE_GENERATOR",
                                                        "CCACHE_DISABLE",
                                                        "GOFLAGS",
                                                        "GOPATH",
                                                        "RUSTFLAGS",
                                                        "JAVA_HOME",
                                                        "NVM_DIR",
                                                        "PYENV_ROOT",
                                                        "VIRTUAL_ENV",
                                                        "PYTHONUNBUFFERED",
                                                        "NODE_ENV",
                                                        "DEBIAN_FRONTEND",
                                                        "GIT_AUTHOR_NAME",
                                                        "GIT_AUTHOR_EMAIL",
                                                        "GIT_COMMITTER_NAME",
                                                        "GIT_COMMITTER_EMAIL",
                                                        "SOURCE_DATE_EPOCH"};

bool is_harmless(std::string_view name) { return name.starts_with("LC_") || std::ranges::find(kHarmless, name) != kHarmless.end(); }

bool looks_secret(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kParts = {"TOKEN",  "SECRET",  "PASSWORD",   "PASSWD", "API_KEY",
                                                             "APIKEY", "PRIVATE", "CREDENTIAL", "_KEY"};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return name.contains(part); });
}

}  // namespace

KeptEnvironment keep_environment(const std::map<std::string, std::string>& all, const hosts::Host* host,
                                 const std::vector<std::string>& configured) {
  KeptEnvironment out;
  for (const auto& [name, value] : all) {
    const bool of_host = host != nullptr && std::ranges::find(host->variables, name) != host->variables.end();
    if (is_harmless(name) || of_host || std::ranges::find(configured, name) != configured.end()) out.kept.emplace(name, value);
    else if (looks_secret(name)) out.secrets.push_back(name);
  }
  return out;
}

}  // namespace interlock::client
