// Which entry speaks for a server: by the package that its command runs, by the program, or by its URL.
#include <algorithm>
#include <array>

#include "catalogue/entry.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {
namespace {

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 16> kRunners{"npx", "npm", "pnpm", "yarn",   "bun",     "bunx",   "node",   "deno",
                                                    "uv",  "uvx", "pipx", "python", "python3", "docker", "podman", "nerdctl"};
constexpr std::array<std::string_view, 6> kRunnerWords{"run", "exec", "x", "dlx", "tool", "container"};
// Options whose value is the next word. Those of kPackageOptions name the package itself.
constexpr std::array<std::string_view, 20> kOptionsWithValue{
    "-e",      "--env",      "-v",          "--volume",  "--name",   "--network", "-u",        "--user",     "-w", "--workdir",
    "--mount", "--env-file", "--directory", "--project", "--python", "--with",    "--publish", "--platform", "-r", "--require"};
constexpr std::array<std::string_view, 4> kPackageOptions{"--package", "--from", "-m", "--spec"};

// The word of the command that says what is run. Only that one is compared, so that an argument cannot pass for a package.
std::string_view package_word(std::span<const std::string> command) {
  if (command.empty()) return {};
  const std::string_view program = base_name(command.front());
  if (!is_one_of(program, kRunners)) return command.front();
  const bool containers = program == "docker" || program == "podman" || program == "nerdctl";
  for (std::size_t i = 1; i < command.size(); ++i) {
    const std::string_view word = command[i];
    if (word.starts_with('-')) {
      const std::size_t equals = word.find('=');
      const std::string_view option = word.substr(0, equals);
      if (is_one_of(option, kPackageOptions) || (option == "-p" && !containers)) {
        if (equals != std::string_view::npos) return word.substr(equals + 1);
        return i + 1 < command.size() ? std::string_view(command[i + 1]) : std::string_view{};
      }
      if (equals == std::string_view::npos && (is_one_of(option, kOptionsWithValue) || (option == "-p" && containers))) ++i;
      continue;
    }
    if (is_one_of(word, kRunnerWords)) continue;
    return word;
  }
  return {};
}

// "@scope/name@1.2", "name==1.2", "image:tag", "npm:name", "/x/node_modules/name/dist/index.js": all run `name`.
bool runs(std::string_view word, std::string_view package) {
  if (word.starts_with("npm:") || word.starts_with("jsr:")) word.remove_prefix(4);
  if (word == package) return true;
  if (word.starts_with(package)) {
    const std::string_view rest = word.substr(package.size());
    if (rest.starts_with('@') || rest.starts_with(':') || rest.starts_with("==") || rest.starts_with('[')) return true;
  }
  const std::string inside = "node_modules/" + std::string(package) + "/";
  const std::size_t at = word.find(inside);
  return at != std::string_view::npos && (at == 0 || word[at - 1] == '/');
}

bool url_matches(std::string_view url, std::string_view prefix) {
  const auto have = normal_url(url);
  const auto want = normal_url(prefix);
  if (!have || !want) return false;
  std::string_view start = want->id;
  if (start.ends_with('/')) start.remove_suffix(1);
  const std::string_view id = have->id;
  return id.starts_with(start) && (id.size() == start.size() || id[start.size()] == '/');
}

}  // namespace

bool entry_matches(const Entry& entry, const ServerBinding& server) {
  if (!server.url.empty()) {
    return std::any_of(entry.urls.begin(), entry.urls.end(), [&](const std::string& prefix) { return url_matches(server.url, prefix); });
  }
  const std::string_view word = package_word(server.command);
  if (word.empty()) return false;
  if (std::any_of(entry.packages.begin(), entry.packages.end(), [&](const std::string& package) { return runs(word, package); }))
    return true;
  return word == server.command.front() &&
         std::any_of(entry.programs.begin(), entry.programs.end(), [&](const std::string& program) { return base_name(word) == program; });
}

}  // namespace interlock::catalogue
