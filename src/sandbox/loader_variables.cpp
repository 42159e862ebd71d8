#include "sandbox/loader_variables.hpp"

#include <algorithm>

namespace interlock::sandbox {
namespace {

constexpr std::string_view kPrefixes[] = {"LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG_", "CARGO_ALIAS_", "npm_config_", "PIP_"};

constexpr std::string_view kNames[] = {"BASHOPTS",
                                       "BASH_ENV",
                                       "CARGO_BUILD_RUSTC",
                                       "CARGO_BUILD_RUSTC_WRAPPER",
                                       "CLASSPATH",
                                       "EDITOR",
                                       "ENV",
                                       "GCONV_PATH",
                                       "GEM_HOME",
                                       "GEM_PATH",
                                       "GIT_ALLOW_PROTOCOL",
                                       "GIT_ASKPASS",
                                       "GIT_EDITOR",
                                       "GIT_EXEC_PATH",
                                       "GIT_EXTERNAL_DIFF",
                                       "GIT_PAGER",
                                       "GIT_PROXY_COMMAND",
                                       "GIT_SEQUENCE_EDITOR",
                                       "GIT_SSH",
                                       "GIT_SSH_COMMAND",
                                       "GIT_TEMPLATE_DIR",
                                       "GLIBC_TUNABLES",
                                       "HOSTALIASES",
                                       "JAVA_TOOL_OPTIONS",
                                       "JDK_JAVA_OPTIONS",
                                       "LESSCLOSE",
                                       "LESSOPEN",
                                       "LOCPATH",
                                       "LUA_CPATH",
                                       "LUA_INIT",
                                       "LUA_PATH",
                                       "MAKEFLAGS",
                                       "MANPAGER",
                                       "NODE_OPTIONS",
                                       "NODE_PATH",
                                       "NODE_REPL_EXTERNAL_MODULE",
                                       "OPENSSL_CONF",
                                       "OPENSSL_ENGINES",
                                       "OPENSSL_MODULES",
                                       "PAGER",
                                       "PERL5DB",
                                       "PERL5LIB",
                                       "PERL5OPT",
                                       "PERLLIB",
                                       "PHPRC",
                                       "PHP_INI_SCAN_DIR",
                                       "PROMPT_COMMAND",
                                       "PYTHONBREAKPOINT",
                                       "PYTHONHOME",
                                       "PYTHONINSPECT",
                                       "PYTHONPATH",
                                       "PYTHONSTARTUP",
                                       "PYTHONUSERBASE",
                                       "RUBYLIB",
                                       "RUBYOPT",
                                       "RUSTC",
                                       "RUSTC_WORKSPACE_WRAPPER",
                                       "RUSTC_WRAPPER",
                                       "RUSTFLAGS",
                                       "SHELLOPTS",
                                       "SSH_ASKPASS",
                                       "VISUAL",
                                       "ZDOTDIR",
                                       "_JAVA_OPTIONS"};
static_assert(std::ranges::is_sorted(kNames));

}  // namespace

bool is_loader_variable(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  return std::ranges::binary_search(kNames, name) ||
         std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::vector<std::string> loader_variables_of(std::vector<std::string> environment) {
  std::erase_if(environment, [](const std::string& variable) { return !is_loader_variable(variable); });
  return environment;
}

}  // namespace interlock::sandbox
