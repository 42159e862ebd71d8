#include "catalogue/command_places.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {

using model::Band;

namespace {

constexpr std::array<std::string_view, 10> kEmptyDevices{"/dev/null", "/dev/stdin",  "/dev/stdout",  "/dev/stderr", "/dev/tty",
                                                         "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full",   "-"};
// What the machine itself is made of.
constexpr std::array<std::string_view, 16> kSystem{"/etc", "/boot", "/usr",  "/bin",  "/sbin", "/lib",          "/lib64",   "/dev",
                                                   "/sys", "/proc", "/root", "/home", "/var",  "/var/lib/dpkg", "/var/log", "/opt"};
// Of these, what lies below counts as much as the folder itself.
constexpr std::array<std::string_view, 11> kSystemBelow{"/etc/",   "/boot/", "/usr/", "/bin/",  "/sbin/",        "/lib/",
                                                        "/lib64/", "/dev/",  "/sys/", "/proc/", "/var/lib/dpkg/"};
constexpr std::array<std::string_view, 3> kOpenBelow{"/dev/shm/", "/usr/local/src/", "/dev/pts/"};
// Below a home, or anywhere: keys and passwords.
constexpr std::array<std::string_view, 20> kSecrets{"/.ssh/",
                                                    "/.aws/",
                                                    "/.gnupg/",
                                                    "/.kube/",
                                                    "/.docker/config.json",
                                                    "/.netrc",
                                                    "/.pypirc",
                                                    "/.git-credentials",
                                                    "/.config/gcloud/",
                                                    "/.config/gh/",
                                                    "/.azure/",
                                                    "/.password-store/",
                                                    "/.mozilla/",
                                                    "/.config/google-chrome/",
                                                    "/.local/share/keyrings/",
                                                    "/.bash_history",
                                                    "/.zsh_history",
                                                    "/.config/op/",
                                                    "/.vault-token",
                                                    "/.terraform.d/credentials"};
constexpr std::array<std::string_view, 6> kSecretFiles{"/etc/shadow", "/etc/gshadow",      "/etc/sudoers",
                                                       "/etc/ssh/",   "/etc/ssl/private/", "/dev/mem"};
// What runs later by itself because it stands there.
constexpr std::array<std::string_view, 20> kStarted{
    "/.bashrc",       "/.bash_profile",    "/.bash_login",   "/.bash_logout",       "/.profile",
    "/.zshrc",        "/.zshenv",          "/.zprofile",     "/.config/autostart/", "/.config/systemd/",
    "/.config/fish/", "/.git/hooks/",      "/.git/config",   "/.gitconfig",         "/.claude/settings",
    "/.codex/",       "/.gemini/settings", "/.cursor/hooks", "/.mcp.json",          "/.vscode/tasks.json"};
constexpr std::string_view kUnknownPath = "?";

// With a slash after it, so that a folder is found by its own name, too.
bool stands_in(std::string_view path, std::string_view part) {
  const std::string whole = std::string(path) + "/";
  const std::size_t found = whole.find(part);
  if (found == std::string::npos) return false;
  const std::size_t end = found + part.size();
  return part.ends_with('/') || end == whole.size() || whole[end] == '/' || whole[end] == '.' || part.ends_with("settings");
}

template <typename List>
bool any_in(std::string_view path, const List& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return stands_in(path, part); });
}

bool is_system(std::string_view path, std::string_view home) {
  if (path == "/" || path == home) return true;
  if (path.starts_with("/home/") && path.find('/', 6) == std::string_view::npos) return true;  // somebody's
  if (std::find(kSystem.begin(), kSystem.end(), path) != kSystem.end()) return true;
  if (home.starts_with(path) && home.size() > path.size() && home[path.size()] == '/') return true;
  const auto below = [&](std::string_view folder) { return path.starts_with(folder); };
  return std::any_of(kSystemBelow.begin(), kSystemBelow.end(), below) && !std::any_of(kOpenBelow.begin(), kOpenBelow.end(), below);
}

Band band_of(std::string_view path, Access access, std::string_view home) {
  const bool changes = access == Access::kWrite || access == Access::kDelete;
  if (any_in(path, kSecrets) ||
      std::any_of(kSecretFiles.begin(), kSecretFiles.end(), [&](std::string_view one) { return path.starts_with(one); }))
    return changes ? Band::kCritical : Band::kSensitive;
  if (path.starts_with("/proc/") && (path.ends_with("/environ") || path.ends_with("/mem") || path.find("/root/") != std::string_view::npos))
    return Band::kSensitive;
  if (!changes) return access == Access::kList ? Band::kObserve : Band::kRoutine;
  if (is_system(path, home)) return Band::kCritical;
  return any_in(path, kStarted) ? Band::kSensitive : Band::kRoutine;
}

bool has_parent_step(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") || path.find("/../") != std::string_view::npos;
}

Reached unknown_path() { return {{{"File", std::string(kUnknownPath)}, {}}, false, Band::kRoutine}; }

}  // namespace

std::optional<Reached> reach_file(const shell::Value& value, Access access, bool recursive, const Place& place) {
  if (!value.text || value.text->empty()) {
    // '' names nothing, <(...) and >(...) a pipe.
    if (value.text || value.written.starts_with("<(") || value.written.starts_with(">(")) return std::nullopt;
    return unknown_path();
  }
  std::string path = *value.text;
  if (std::find(kEmptyDevices.begin(), kEmptyDevices.end(), path) != kEmptyDevices.end() || path.starts_with("/dev/fd/"))
    return std::nullopt;
  if (!place.elsewhere.empty())
    return Reached{{{"File", place.elsewhere + ":" + path}, {}}, true, access == Access::kDelete ? Band::kSensitive : Band::kRoutine};
  bool folder = recursive || access == Access::kList;
  if (value.glob) {
    const std::size_t star = path.find_first_of("*?[{");
    if (star != std::string::npos) {
      // Somewhere below the folder before the pattern; what the pattern steps out of again is anybody's guess.
      if (has_parent_step(std::string_view(path).substr(star))) return unknown_path();
      const std::size_t slash = path.rfind('/', star);
      path = slash == std::string::npos ? "." : path.substr(0, slash + 1);
      folder = true;
    }
  }
  if (path.front() == '~' && path.size() > 1 && path[1] != '/') return unknown_path();
  auto normal = normal_path(path, place.cwd.value_or(""), place.home);
  if (!normal || !normal->starts_with('/')) {
    // "~" where no home is known is still somebody's home.
    Reached out = unknown_path();
    if (path == "~" || path == "~/") out.band = access == Access::kDelete || access == Access::kWrite ? Band::kCritical : Band::kRoutine;
    return out;
  }
  Reached out;
  out.band = band_of(*normal, access, place.home);
  auto folders = folders_of(*normal, folder);
  out.resource = {{"File", std::move(*normal)}, std::move(folders)};
  return out;
}

bool is_remote(std::string_view word) {
  const std::size_t colon = word.find(':');
  return colon != std::string_view::npos && colon > 0 && word.substr(0, colon).find('/') == std::string_view::npos;
}

std::optional<std::string> host_of(std::string_view word) {
  if (word.find("://") != std::string_view::npos) {
    std::string url(word.substr(word.find("://")));
    const auto named = normal_url("https" + url);
    if (!named || named->host.empty()) return std::nullopt;
    return named->host;
  }
  if (const std::size_t at = word.rfind('@'); at != std::string_view::npos) word.remove_prefix(at + 1);
  if (!word.starts_with('[')) word = word.substr(0, word.find_first_of(":/?#"));
  const auto named = normal_url("https://" + std::string(word) + "/");
  if (!named || named->host.empty()) return std::nullopt;
  return named->host;
}

model::NamedResource named_host(std::string_view host) {
  auto within = hosts_of(host);
  if (!within.empty()) within.erase(within.begin());
  return {{"Host", std::string(host)}, std::move(within)};
}

}  // namespace interlock::catalogue
