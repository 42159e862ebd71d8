#include "client/plan_making.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

#include "client/plan_environment.hpp"
#include "hosts/edit.hpp"

namespace interlock::client {
namespace {

namespace fs = std::filesystem;
using sandbox::Mount;

constexpr std::size_t kConfigurationBytes = std::size_t{4} << 20;  // of an agent's own files
constexpr int kSystemDepth = 3;                                    // of /etc, that is looked through for what not everybody may read
constexpr std::uint16_t kProxyPort = 7420;
constexpr std::uint16_t kMcpPort = 7410;

// The system, as it stands. What is not there is left out; a link stays one.
constexpr std::array kSystem = {"/usr",    "/bin", "/sbin", "/lib", "/lib32",        "/lib64",
                                "/libx32", "/opt", "/etc",  "/nix", "/var/lib/dpkg", "/var/cache/fontconfig"};
// Of the system, what no agent needs and some hold secrets in. Files that not every user may read are hidden besides (system_secrets).
constexpr std::uint32_t kNobodysFolder = 0555;  // in place of what is hidden: nobody puts anything there
constexpr std::array kSystemSecrets = {"/etc/ssl/private", "/etc/ssh",       "/etc/docker",      "/etc/kubernetes",
                                       "/etc/rancher",     "/etc/interlock", "/etc/sudoers.d",   "/etc/NetworkManager",
                                       "/etc/wireguard",   "/etc/openvpn",   "/etc/letsencrypt", "/etc/vault.d",
                                       "/etc/consul.d",    "/etc/cron.d",    "/etc/polkit-1",    "/etc/pam.d"};
// Below the home: tools, and what they have fetched. No settings, which hold tokens as often as not.
constexpr std::array kTools = {".cargo/bin",
                               ".cargo/registry",
                               ".cargo/git",
                               ".cargo/env",
                               ".rustup",
                               ".nvm",
                               ".volta",
                               ".fnm",
                               ".local/share/fnm",
                               ".asdf",
                               ".local/share/mise",
                               ".pyenv",
                               ".rbenv",
                               ".sdkman",
                               ".local/bin",
                               ".local/lib",
                               ".local/share/uv",
                               ".local/share/pnpm",
                               ".local/share/pipx",
                               ".bun/bin",
                               ".deno/bin",
                               "go/bin",
                               "go/pkg",
                               ".dotnet",
                               ".ghcup/bin",
                               ".local/share/claude",
                               ".cache/ccache",
                               ".ccache"};

bool is_below(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && (folder == "/" || (path.size() > folder.size() && path[folder.size()] == '/')));
}

std::optional<std::string> text_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kConfigurationBytes) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string out((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return in.bad() ? std::nullopt : std::optional(std::move(out));
}

std::function<std::string(std::string_view)> variables_of(const PlanFacts& facts) {
  return [&facts](std::string_view name) {
    const auto found = facts.environment.find(std::string(name));
    return found == facts.environment.end() ? std::string() : found->second;
  };
}

// Root, and a group that is trusted, reads what others may not: inside it shall not.
void hide_unreadable(const std::string& folder, int depth, std::vector<Mount>& out) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, error)) {
    if (entry.is_symlink(error)) continue;
    const bool is_folder = entry.is_directory(error);
    const auto path = entry.path().string();
    if (is_folder && std::ranges::find(kSystemSecrets, path) != kSystemSecrets.end()) continue;
    const bool others_read = (entry.symlink_status(error).permissions() & fs::perms::others_read) != fs::perms::none;
    if (error) continue;
    if (is_folder && others_read && depth > 0) hide_unreadable(path, depth - 1, out);
    if (others_read || ::access(path.c_str(), R_OK) != 0) continue;
    if (is_folder) out.push_back({.kind = Mount::Kind::kEmpty, .at = path, .mode = kNobodysFolder});
    else if (entry.is_regular_file(error)) out.push_back({.kind = Mount::Kind::kFixedText, .at = path, .optional = true});
  }
}

// ~/x and ./x of the host tables, wherever the human has moved them to.
std::string placed(std::string_view path, const PlanFacts& facts) {
  if (facts.host != nullptr)
    return hosts::path_of(*facts.host, path, {.home = facts.home, .project = facts.workspace, .environment = variables_of(facts)});
  if (path.starts_with("~/")) return facts.home + "/" + std::string(path.substr(2));
  if (path.starts_with("./")) return facts.workspace + "/" + std::string(path.substr(2));
  return std::string(path);
}

class Making {
 public:
  Making(const RunOrder& order, const RunGrant& grant, const PlanFacts& facts, std::vector<Mount> secrets)
      : order_(order), grant_(grant), facts_(facts), secrets_(std::move(secrets)) {}

  Result<MadePlan> make() {
    lay_system();
    lay_home();
    lay_workspace();
    lay_host();
    for (const auto& path : grant_.read) add(Mount::Kind::kReadOnly, path, true);
    for (const auto& path : grant_.write) add(Mount::Kind::kReadWrite, path, true);
    lay_programs();
    seal();
    hide();
    lay_gate();
    lay_variables();
    auto& plan = out_.plan;
    plan.argv = order_.argv;
    plan.folder = is_below(facts_.folder, facts_.workspace) ? facts_.folder : facts_.workspace;
    plan.listeners = {{kProxyPort}, {kMcpPort}};
    plan.limits = grant_.limits;
    return std::move(out_);
  }

 private:
  void add(Mount::Kind kind, std::string at, bool optional, std::string text = {}) {
    out_.plan.mounts.push_back({.kind = kind, .at = std::move(at), .text = std::move(text), .optional = optional});
  }
  void add_empty(std::string at, std::uint32_t mode) {
    out_.plan.mounts.push_back({.kind = Mount::Kind::kEmpty, .at = std::move(at), .mode = mode});
  }

  void lay_system() {
    for (const std::string at : kSystem) {
      std::error_code error;
      const auto status = fs::symlink_status(at, error);
      if (fs::is_symlink(status)) {
        out_.plan.mounts.push_back({.kind = Mount::Kind::kLink, .at = at, .source = fs::read_symlink(at, error).string()});
      } else if (fs::exists(status)) {
        add(Mount::Kind::kReadOnly, at, true);
      }
    }
    for (const std::string at : kSystemSecrets) {
      std::error_code error;
      if (fs::is_directory(at, error)) add_empty(at, kNobodysFolder);
    }
    std::ranges::move(secrets_, std::back_inserter(out_.plan.mounts));
    add_empty("/tmp", 01777);
    add_empty("/var/tmp", 01777);
    add_empty("/run", 0755);
    out_.plan.mounts.push_back({.kind = Mount::Kind::kLink, .at = "/var/run", .source = "/run"});
  }

  void lay_home() {
    if (facts_.home.empty()) return;
    add_empty(facts_.home, 0700);
    for (const std::string tool : kTools) add(Mount::Kind::kReadOnly, facts_.home + "/" + tool, true);
    if (const auto own = text_of(facts_.home + "/.gitconfig")) {
      out_.plan.mounts.push_back(
          {.kind = Mount::Kind::kFixedText, .at = facts_.home + "/.gitconfig", .text = harmless_git_configuration(*own)});
    }
  }

  // Of Git's own settings, who commits and how things look. What runs programs or holds credentials is left out: helpers, aliases, hooks,
  // filters, includes, editors, signing.
  static std::string harmless_git_configuration(std::string_view text) {
    static constexpr std::array<std::string_view, 9> kSections = {"user",  "color",  "init",   "push",  "pull",
                                                                  "merge", "rebase", "branch", "advice"};
    std::string out;
    bool keep = false;
    for (std::size_t at = 0; at < text.size();) {
      auto end = text.find('\n', at);
      if (end == std::string_view::npos) end = text.size();
      auto line = text.substr(at, end - at);
      at = end + 1;
      if (line.ends_with('\r')) line.remove_suffix(1);
      const auto start = line.find_first_not_of(" \t");
      if (start == std::string_view::npos) continue;
      if (line[start] == '[') {
        const auto close = line.find(']', start);
        const auto name = close == std::string_view::npos ? std::string_view() : line.substr(start + 1, close - start - 1);
        keep = std::ranges::find(kSections, name) != kSections.end() && close + 1 == line.size();
        if (keep) (out += line) += '\n';
      } else if (keep && !line.ends_with('\\') && !line.contains("signingkey") && !line.contains("driver") && !line.contains("tool")) {
        (out += line) += '\n';
      }
    }
    return out;
  }

  void lay_workspace() {
    add(Mount::Kind::kReadWrite, facts_.workspace, false);
    // A worktree's repository stands elsewhere.
    const auto git = text_of(facts_.workspace + "/.git");
    if (!git || !git->starts_with("gitdir: ")) return;
    std::error_code error;
    auto folder = fs::path(git->substr(8, git->find('\n') - 8));
    if (folder.is_relative()) folder = fs::path(facts_.workspace) / folder;
    const auto common = text_of((folder / "commondir").string());
    auto whole = common ? folder / common->substr(0, common->find('\n')) : folder;
    whole = fs::weakly_canonical(whole, error);
    if (error || whole.filename().string().find("git") == std::string::npos) return;
    add(Mount::Kind::kReadWrite, whole.string(), true);
    sealed_git_.push_back(whole.string());
  }

  // The agent's own folders, and its configuration with the servers behind the gate.
  void lay_host() {
    if (facts_.host == nullptr || facts_.home.empty()) return;
    for (const auto path : facts_.host->state) {
      const auto at = placed(path, facts_);
      if (path.ends_with('/')) {
        out_.plan.mounts.push_back({.kind = Mount::Kind::kReadWrite, .at = at.substr(0, at.size() - 1), .optional = true});
      } else if (auto text = text_of(at)) {
        out_.plan.mounts.push_back({.kind = Mount::Kind::kText, .at = at, .text = std::move(*text), .mode = 0600});
      }
    }
    const hosts::Place place{
        .home = facts_.home, .project = facts_.workspace, .program = facts_.own_program, .environment = variables_of(facts_)};
    const hosts::ReadFile read = [](const std::string& path) -> Result<std::optional<std::string>> { return text_of(path); };
    std::vector<std::string> other;
    const auto changes = hosts::through_gate(*facts_.host, place, read, [&](std::string_view server) -> std::optional<std::string> {
      if (std::ranges::find(grant_.servers, server) != grant_.servers.end())
        return "http://127.0.0.1:" + std::to_string(kMcpPort) + "/mcp/" + std::string(server);
      other.emplace_back(server);
      return std::nullopt;
    });
    for (const auto& name : other)
      out_.left_out.push_back("MCP server " + name + ": the gate does not have it; name it under `servers` of interlock.yaml");
    if (!changes) {
      out_.left_out.push_back("MCP servers: " + changes.error().text());
      return;
    }
    for (const auto& change : *changes) {
      if (!change.after) continue;
      const bool own = is_below(change.path, facts_.home) && !is_below(change.path, facts_.workspace);
      rewritten_.push_back(
          {.kind = own ? Mount::Kind::kText : Mount::Kind::kFixedText, .at = change.path, .text = *change.after, .mode = 0600});
    }
  }

  // The command itself, where it stands elsewhere: its folder, or all of the Node package that it is part of.
  void lay_programs() {
    const auto& name = order_.argv[0];
    std::string found;
    if (name.find('/') != std::string::npos) {
      found = (fs::path(facts_.folder) / name).lexically_normal().string();
    } else if (const auto path = facts_.environment.find("PATH"); path != facts_.environment.end()) {
      for (std::size_t at = 0; at <= path->second.size() && found.empty();) {
        auto end = path->second.find(':', at);
        if (end == std::string::npos) end = path->second.size();
        std::error_code error;
        const auto candidate = fs::path(path->second.substr(at, end - at)) / name;
        if (candidate.is_absolute() && fs::is_regular_file(candidate, error)) found = candidate.string();
        at = end + 1;
      }
    }
    lay_program(found);
    std::error_code error;
    if (const auto real = fs::canonical(found, error); !error && real != found) lay_program(real.string());
    add(Mount::Kind::kReadOnly, facts_.own_program, true);
  }
  void lay_program(const std::string& path) {
    if (path.empty() || is_visible(path)) return;
    const auto package = path.find("/node_modules/");
    auto folder = package == std::string::npos ? fs::path(path).parent_path().string() : path.substr(0, package + 13);
    // A program that lies in the home itself does not open the home.
    if (folder == "/" || is_below(facts_.home, folder) || is_below(facts_.state, folder)) folder = path;
    add(Mount::Kind::kReadOnly, folder, true);
  }
  bool is_writable(const std::string& path) const {
    const auto bare = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
    return std::ranges::any_of(out_.plan.mounts,
                               [&](const Mount& mount) { return mount.kind == Mount::Kind::kReadWrite && is_below(bare, mount.at); });
  }
  bool is_visible(const std::string& path) const {
    const Mount* last = nullptr;
    for (const auto& mount : out_.plan.mounts)
      if (is_below(path, mount.at)) last = &mount;
    return last != nullptr && last->kind != Mount::Kind::kEmpty;
  }

  void seal_path(std::string at) {
    std::error_code error;
    const bool folder = at.ends_with('/');
    const auto bare = folder ? at.substr(0, at.size() - 1) : at;
    if (!fs::exists(fs::symlink_status(bare, error))) placeholders_.push_back(bare);
    add(Mount::Kind::kSealed, std::move(at), false, folder ? "" : bare.ends_with(".json") ? "{}\n" : "");
  }

  void seal() {
    std::error_code error;
    const bool repository = fs::is_directory(facts_.workspace + "/.git", error);
    std::vector<std::string> all;
    const auto want = [&](std::string_view path) {
      auto at = placed(path, facts_);
      // The home is the run's own, and empty: of it only what is in a folder that the agent may write has to be kept as it is.
      if (path.starts_with("~/") && (facts_.home.empty() || !is_writable(at))) return;
      if (path.starts_with("./.git/") && (!repository || !fs::exists(at, error))) return;
      if (std::ranges::find(all, at) == all.end()) all.push_back(std::move(at));
    };
    for (const auto path : hosts::sealed_everywhere()) want(path);
    if (facts_.host != nullptr) {
      for (const auto path : facts_.host->sealed) {
        // Of the human's own folders only what is there: an agent's state folder is not filled with names that it never had.
        if (path.starts_with("./") || fs::exists(placed(path, facts_), error)) want(path);
      }
    }
    for (const auto& git : sealed_git_) {
      for (const auto* part : {"/hooks/", "/config", "/config.worktree"})
        if (fs::exists(git + part, error)) all.push_back(git + part);
    }
    // By its own name, and by the one that links on the way lead to.
    for (const auto& path : grant_.seal) {
      for (auto at : {path, fs::weakly_canonical(path, error).string()}) {
        if (at.ends_with('/')) at.pop_back();
        if (!is_writable(at) || !fs::exists(at, error)) continue;
        if (fs::is_directory(at, error)) at += '/';
        if (std::ranges::find(all, at) == all.end()) all.push_back(std::move(at));
      }
    }
    // Laid before their folders, in which nothing can be made any more.
    if (facts_.host != nullptr) {
      for (const auto path : facts_.host->expected) {
        auto at = placed(path, facts_);
        const auto folder = at.substr(0, at.rfind('/') + 1);
        if (std::ranges::find(all, folder) != all.end() && !fs::exists(at, error)) seal_path(std::move(at));
      }
    }
    for (auto& at : all) {
      const auto bare = at.ends_with('/') ? at.substr(0, at.size() - 1) : at;
      // What stands in a sealed folder is sealed with it.
      const bool covered = std::ranges::any_of(all, [&](const std::string& other) {
        return other != at && other.ends_with('/') && is_below(bare, other.substr(0, other.size() - 1));
      });
      if (!covered && std::ranges::none_of(rewritten_, [&](const Mount& mount) { return mount.at == bare; })) seal_path(at);
    }
    for (auto& mount : rewritten_) out_.plan.mounts.push_back(std::move(mount));
    // `git add -A` must not find what stands there for the run alone.
    if (repository && !placeholders_.empty()) {
      const auto file = facts_.workspace + "/.git/info/exclude";
      if (auto text = text_of(file)) {
        if (!text->empty() && !text->ends_with('\n')) *text += '\n';
        for (const auto& path : placeholders_)
          if (is_below(path, facts_.workspace)) *text += path.substr(facts_.workspace.size()) + "\n";
        out_.plan.mounts.push_back({.kind = Mount::Kind::kFixedText, .at = file, .text = std::move(*text)});
      }
    }
  }

  // The gate's own files do not exist inside, wherever they are; nor does what the configuration hides.
  void hide() {
    std::error_code error;
    if (fs::is_directory(facts_.state, error) && is_visible(facts_.state)) add_empty(facts_.state, 0700);
    if (!facts_.config.empty() && is_visible(facts_.config)) {
      std::erase_if(out_.plan.mounts, [&](const Mount& mount) { return mount.kind == Mount::Kind::kSealed && mount.at == facts_.config; });
      add(Mount::Kind::kFixedText, facts_.config, true, "# The gate's configuration is not part of the run.\n");
    }
    for (const auto& path : grant_.hide) {
      if (fs::is_directory(path, error)) add_empty(path, 0700);
      else if (fs::exists(path, error)) add(Mount::Kind::kFixedText, path, true);
    }
  }

  void lay_gate() {
    for (const auto& [from, at] : grant_.visible) out_.plan.mounts.push_back({.kind = Mount::Kind::kReadOnly, .at = at, .source = from});
    for (const auto& [from, at] : grant_.sockets) out_.plan.mounts.push_back({.kind = Mount::Kind::kReadWrite, .at = at, .source = from});
  }

  void lay_variables() {
    auto kept = keep_environment(facts_.environment, facts_.host, grant_.keep_environment);
    for (auto& name : kept.secrets)
      out_.left_out.push_back("variable " + name + ": it looks like a secret; run.keep_environment names what is to be kept");
    auto& environment = out_.plan.environment;
    environment = std::move(kept.kept);
    for (const auto& [name, value] : grant_.environment) environment[name] = value;
    environment["INTERLOCK_RUN"] = grant_.run;
    environment["INTERLOCK_TASK"] = grant_.task;
  }

  const RunOrder& order_;
  const RunGrant& grant_;
  const PlanFacts& facts_;
  std::vector<Mount> secrets_;
  MadePlan out_;
  std::vector<std::string> sealed_git_;    // repositories that stand outside the workspace
  std::vector<std::string> placeholders_;  // sealed names that the host does not have
  std::vector<Mount> rewritten_;
};

std::vector<std::string> texts_at(const json::object& from, std::string_view name) {
  std::vector<std::string> out;
  if (const auto* list = json::array_at(from, name)) {
    for (const auto& one : *list)
      if (one.is_string()) out.emplace_back(json::view(one.get_string()));
  }
  return out;
}

}  // namespace

Result<RunGrant> read_grant(const json::object& answer) {
  RunGrant out;
  const auto run = json::string_at(answer, "run");
  const auto task = json::string_at(answer, "task");
  if (!run || !task) return fail(ErrorCode::kInvalid, "the gate's answer names no run and no task");
  out.run = *run;
  out.task = *task;
  out.subject = json::string_at(answer, "subject").value_or("");
  out.strict = json::bool_at(answer, "strict");
  out.servers = texts_at(answer, "mcp");
  if (const auto* environment = json::object_at(answer, "environment")) {
    for (const auto& [name, value] : *environment)
      if (value.is_string()) out.environment.emplace(name, json::view(value.get_string()));
  }
  for (auto [name, places] : {std::pair("sockets", &out.sockets), std::pair("visible", &out.visible)}) {
    if (const auto* listed = json::object_at(answer, name)) {
      for (const auto& [at, from] : *listed)
        if (from.is_string()) places->emplace_back(json::view(from.get_string()), at);
    }
  }
  if (const auto* plan = json::object_at(answer, "plan")) {
    out.hide = texts_at(*plan, "hide");
    out.read = texts_at(*plan, "read");
    out.write = texts_at(*plan, "write");
    out.seal = texts_at(*plan, "seal");
    out.keep_environment = texts_at(*plan, "keep_environment");
    if (const auto* limits = json::object_at(*plan, "limits")) {
      const auto number = [&](std::string_view name) -> std::optional<std::uint64_t> {
        const auto value = json::int_at(*limits, name);
        return value && *value > 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
      };
      out.limits = {.processes = number("processes"),
                    .open_files = number("open_files"),
                    .memory_bytes = number("memory_bytes"),
                    .file_bytes = number("file_bytes"),
                    .cpu_seconds = number("cpu_seconds")};
    }
  }
  return out;
}

Result<std::string> find_workspace(const std::string& folder, const std::string& home) {
  std::error_code error;
  auto found = fs::path(folder).lexically_normal();
  for (auto at = found;; at = at.parent_path()) {
    if (fs::exists(at / ".git", error)) {
      found = at;
      break;
    }
    if (at == at.root_path()) break;
  }
  auto text = found.string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  if (text == "/" || (!home.empty() && is_below(home, text))) {
    return fail(ErrorCode::kDenied, text + " is no workspace: it is, or holds, a whole home or machine",
                "call it in the project's folder, or name one by --workspace");
  }
  return text;
}

std::vector<Mount> system_secrets() {
  std::vector<Mount> out;
  hide_unreadable("/etc", kSystemDepth, out);
  return out;
}

Result<MadePlan> make_plan(const RunOrder& order, const RunGrant& grant, const PlanFacts& facts, std::vector<Mount> secrets) {
  return Making(order, grant, facts, std::move(secrets)).make();
}

}  // namespace interlock::client
