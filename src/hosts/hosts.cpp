#include "hosts/hosts.hpp"

#include <algorithm>

namespace interlock::hosts {
namespace {

// What runs code of whoever wrote it, at a moment that no agent chose: shells, Git, editors, task runners, the desktop, package managers.
// Of a project, whole folders rather than the files in them: one mount each, and no name in them is left to be taken.
constexpr std::string_view kSealedEverywhere[] = {
    "~/.bashrc",
    "~/.bash_profile",
    "~/.bash_login",
    "~/.bash_logout",
    "~/.bash_aliases",
    "~/.profile",
    "~/.inputrc",
    "~/.zshrc",
    "~/.zshenv",
    "~/.zprofile",
    "~/.zlogin",
    "~/.zlogout",
    "~/.config/fish/",
    "~/.gitconfig",
    "~/.config/git/",
    "~/.ssh/",
    "~/.npmrc",
    "~/.yarnrc",
    "~/.yarnrc.yml",
    "~/.config/pip/",
    "~/.pip/",
    "~/.cargo/config.toml",
    "~/.cargo/config",
    "~/.gemrc",
    "~/.vimrc",
    "~/.vim/",
    "~/.config/nvim/",
    "~/.emacs",
    "~/.emacs.d/",
    "~/.tmux.conf",
    "~/.config/tmux/",
    "~/.config/environment.d/",
    "~/.config/autostart/",
    "~/.config/systemd/",
    "~/.local/share/systemd/",
    "~/.local/share/applications/",
    "~/.local/bin/",
    "~/bin/",
    "~/.config/direnv/",
    "~/.config/mise/",
    "~/.config/interlock/",
    "./.git/hooks/",
    "./.git/config",
    "./.git/modules/",
    "./.husky/",
    "./.envrc",
    "./.vscode/",
    "./.idea/",
    "./.devcontainer/",
    "./.github/hooks/",
    "./.mcp.json",
    "./.claude/",
    "./.codex/",
    "./.gemini/",
    "./.cursor/",
    "./.windsurf/",
    "./.opencode/",
    "./.clinerules/",
    "./interlock.yaml",
};

// Each row's sources, as read in November 2026.
std::vector<Host> make_hosts() {
  std::vector<Host> out;
  // Claude Code 2.1: https://code.claude.com/docs/en/settings, /en/hooks, /en/mcp, /en/env-vars; tried, ../shared/agent-lab/README.md.
  // ~/.claude.json holds both servers and what the program itself writes, so that it cannot be sealed: a run works on a copy.
  out.push_back(
      {.id = HostId::kClaude,
       .name = "claude",
       .title = "Claude Code",
       .programs = {"claude"},
       .hook_files = {"~/.claude/settings.json", "./.claude/settings.json"},
       .mcp_files = {"~/.claude.json", "./.mcp.json"},
       .state = {"~/.claude/", "~/.claude.json", "~/.cache/claude-cli-nodejs/", "~/.local/share/claude/", "./.claude/"},
       .sealed = {"~/.claude/settings.json", "~/.claude/settings.local.json", "~/.claude/CLAUDE.md", "~/.claude/rules/",
                  "~/.claude/agents/", "~/.claude/commands/", "~/.claude/skills/", "~/.claude/hooks/", "~/.claude/plugins/",
                  "~/.claude/output-styles/", "~/.local/share/claude/", "./.claude/settings.json", "./.claude/settings.local.json",
                  "./.claude/rules/", "./.claude/agents/", "./.claude/commands/", "./.claude/skills/", "./.claude/hooks/", "./.mcp.json"},
       .model_hosts = {"api.anthropic.com", "claude.ai", "platform.claude.com", "console.anthropic.com"},
       .variables = {"ANTHROPIC_API_KEY",
                     "ANTHROPIC_AUTH_TOKEN",
                     "ANTHROPIC_BASE_URL",
                     "ANTHROPIC_CUSTOM_HEADERS",
                     "ANTHROPIC_MODEL",
                     "ANTHROPIC_SMALL_FAST_MODEL",
                     "ANTHROPIC_DEFAULT_OPUS_MODEL",
                     "ANTHROPIC_DEFAULT_SONNET_MODEL",
                     "ANTHROPIC_DEFAULT_HAIKU_MODEL",
                     "CLAUDE_CONFIG_DIR",
                     "CLAUDE_CODE_OAUTH_TOKEN",
                     "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
                     "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                     "CLAUDE_CODE_USE_BEDROCK",
                     "CLAUDE_CODE_USE_VERTEX",
                     "CLAUDE_CODE_SUBAGENT_MODEL",
                     "DISABLE_TELEMETRY",
                     "DISABLE_AUTOUPDATER",
                     "DISABLE_ERROR_REPORTING",
                     "MAX_THINKING_TOKENS",
                     "BASH_DEFAULT_TIMEOUT_MS",
                     "BASH_MAX_TIMEOUT_MS",
                     "MCP_TIMEOUT",
                     "MCP_TOOL_TIMEOUT"},
       .moves = {{"CLAUDE_CONFIG_DIR", "~/.claude/"}, {"CLAUDE_CONFIG_DIR", "~/.claude.json", "/.claude.json"}}});
  // Codex 0.169: https://developers.openai.com/codex/hooks, /codex/config-reference, /codex/mcp; its own strings; tried, agent-lab.
  // Project files count only where the human trusts the project, hooks only once the human has reviewed them (docs/init.md).
  out.push_back({.id = HostId::kCodex,
                 .name = "codex",
                 .title = "Codex",
                 .programs = {"codex"},
                 .hook_files = {"~/.codex/hooks.json", "./.codex/hooks.json"},
                 .mcp_files = {"~/.codex/config.toml", "./.codex/config.toml"},
                 .state = {"~/.codex/", "./.codex/"},
                 .sealed = {"~/.codex/config.toml", "~/.codex/hooks.json", "~/.codex/hooks/", "~/.codex/rules/", "~/.codex/AGENTS.md",
                            "~/.codex/prompts/", "~/.codex/skills/", "~/.codex/plugins/", "~/.agents/", "./.codex/config.toml",
                            "./.codex/hooks.json", "./.codex/hooks/", "./.codex/rules/", "./.agents/"},
                 .model_hosts = {"api.openai.com", "chatgpt.com", "auth.openai.com"},
                 .variables = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT", "CODEX_API_KEY", "CODEX_HOME",
                               "CODEX_ACCESS_TOKEN", "RUST_LOG"},
                 .moves = {{"CODEX_HOME", "~/.codex/"}}});
  // Gemini CLI 0.61: docs/hooks/reference.md, docs/reference/configuration.md and docs/cli/trusted-folders.md of the npm package; tried.
  out.push_back(
      {.id = HostId::kGemini,
       .name = "gemini",
       .title = "Gemini CLI",
       .programs = {"gemini"},
       .hook_files = {"~/.gemini/settings.json", "./.gemini/settings.json"},
       .mcp_files = {"~/.gemini/settings.json", "./.gemini/settings.json"},
       .state = {"~/.gemini/", "./.gemini/"},
       .sealed = {"~/.gemini/settings.json", "~/.gemini/GEMINI.md", "~/.gemini/trustedFolders.json", "~/.gemini/commands/",
                  "~/.gemini/extensions/", "~/.gemini/policies/", "~/.gemini/skills/", "~/.gemini/agents/", "~/.gemini/.env",
                  "./.gemini/settings.json", "./.gemini/commands/", "./.gemini/extensions/", "./.gemini/policies/", "./.gemini/skills/",
                  "./.gemini/agents/", "./.gemini/hooks/", "./.gemini/.env"},
       .model_hosts = {"generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "aiplatform.googleapis.com",
                       "oauth2.googleapis.com", "accounts.google.com"},
       .variables = {"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GOOGLE_CLOUD_PROJECT",
                     "GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GEMINI_MODEL", "GEMINI_CLI_HOME",
                     "GEMINI_SYSTEM_MD", "GEMINI_TELEMETRY_ENABLED", "GEMINI_CLI_TRUST_WORKSPACE"},
       .moves = {{"GEMINI_CLI_HOME", "~/.gemini/", "/.gemini/"}}});
  // GitHub Copilot CLI 1.0: https://docs.github.com/en/copilot/reference/hooks-reference, .../copilot-cli-reference. Tried, 1.0.102.
  // It signs in and reads repositories through api.github.com, which is no model host: what an agent does there is for policy to say.
  out.push_back({.id = HostId::kCopilot,
                 .name = "copilot",
                 .title = "GitHub Copilot CLI",
                 .programs = {"copilot"},
                 .hook_files = {"~/.copilot/hooks/interlock.json", "./.github/hooks/interlock.json"},
                 .mcp_files = {"~/.copilot/mcp-config.json", "./.mcp.json", "./.github/mcp.json"},
                 .state = {"~/.copilot/"},
                 .sealed = {"~/.copilot/hooks/", "~/.copilot/mcp-config.json", "~/.copilot/settings.json", "~/.copilot/config.json",
                            "~/.copilot/agents/", "~/.copilot/skills/", "~/.copilot/copilot-instructions.md", "./.github/hooks/",
                            "./.github/copilot/", "./.github/mcp.json", "./.mcp.json", "./.github/agents/", "./.claude/settings.json",
                            "./.claude/settings.local.json"},
                 .model_hosts = {"api.githubcopilot.com", "api.individual.githubcopilot.com", "api.business.githubcopilot.com",
                                 "api.enterprise.githubcopilot.com"},
                 .variables = {"COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_HOME", "COPILOT_MODEL", "GH_HOST"},
                 .moves = {{"COPILOT_HOME", "~/.copilot/"}}});
  // Cursor and its CLI: https://cursor.com/docs/hooks, /docs/context/mcp, /docs/cli. Not tried: no npm package of Cursor's own.
  out.push_back(
      {.id = HostId::kCursor,
       .name = "cursor",
       .title = "Cursor",
       .programs = {"cursor-agent", "cursor"},
       .hook_files = {"~/.cursor/hooks.json", "./.cursor/hooks.json"},
       .mcp_files = {"~/.cursor/mcp.json", "./.cursor/mcp.json"},
       .state = {"~/.cursor/", "~/.config/Cursor/", "~/.config/cursor/", "~/.local/share/cursor-agent/", "./.cursor/"},
       .sealed = {"~/.cursor/hooks.json", "~/.cursor/hooks/", "~/.cursor/mcp.json", "~/.cursor/cli-config.json", "~/.cursor/rules/",
                  "~/.cursor/commands/", "~/.cursor/agents/", "~/.cursor/skills/", "~/.cursor/plugins/", "~/.cursor/extensions/",
                  "~/.local/share/cursor-agent/", "./.cursor/hooks.json", "./.cursor/hooks/", "./.cursor/mcp.json", "./.cursor/cli.json",
                  "./.cursor/rules/", "./.cursor/commands/", "./.cursor/agents/", "./.cursor/environment.json"},
       .model_hosts = {"api2.cursor.sh", "api3.cursor.sh", "api4.cursor.sh", "api5.cursor.sh", "repo42.cursor.sh", "authenticate.cursor.sh",
                       "authenticator.cursor.sh"},
       .variables = {"CURSOR_API_KEY", "CURSOR_AUTH_TOKEN"}});
  // Cline: https://docs.cline.bot/customization/hooks; @cline/shared 0.0.86 (storage: the folders and their variables). Tried on
  // @cline/cli 3.0.65, whose payloads have events of their own ("tool_call"); not on the extension.
  out.push_back(
      {.id = HostId::kCline,
       .name = "cline",
       .title = "Cline",
       .programs = {"cline"},
       .hook_files = {"~/Documents/Cline/Hooks/", "./.clinerules/hooks/"},
       .mcp_files = {"~/.cline/data/settings/cline_mcp_settings.json",
                     "~/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"},
       .state = {"~/.cline/", "~/Documents/Cline/", "~/.config/Code/User/globalStorage/saoudrizwan.claude-dev/"},
       .sealed = {"~/Documents/Cline/Hooks/", "~/Documents/Cline/Rules/", "~/Documents/Cline/Workflows/", "~/Documents/Cline/Plugins/",
                  "~/Documents/Cline/Agents/", "~/.cline/hooks/", "~/.cline/plugins/", "~/.cline/rules/", "~/.cline/agents/",
                  "~/.cline/cron/", "~/.cline/schedules/", "~/.cline/data/settings/cline_mcp_settings.json",
                  "~/.config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json", "./.clinerules/",
                  "./.cline/"},
       .model_hosts = {"api.cline.bot", "app.cline.bot", "api.anthropic.com", "openrouter.ai"},
       .variables = {"CLINE_API_KEY", "CLINE_DIR", "CLINE_DATA_DIR", "CLINE_MCP_SETTINGS_PATH", "ANTHROPIC_API_KEY", "OPENAI_API_KEY",
                     "OPENROUTER_API_KEY", "GEMINI_API_KEY"},
       .moves = {{"CLINE_MCP_SETTINGS_PATH", "~/.cline/data/settings/cline_mcp_settings.json", ""},
                 {"CLINE_DATA_DIR", "~/.cline/data/"},
                 {"CLINE_DIR", "~/.cline/"}}});
  // opencode 1.18: https://opencode.ai/docs/config, /docs/plugins, /docs/mcp-servers; @opencode-ai/plugin's types. Tried.
  out.push_back(
      {.id = HostId::kOpencode,
       .name = "opencode",
       .title = "opencode",
       .programs = {"opencode"},
       .hook_files = {"~/.config/opencode/plugin/interlock.js", "./.opencode/plugin/interlock.js"},
       .mcp_files = {"~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc", "~/.config/opencode/config.json",
                     "./opencode.json", "./opencode.jsonc", "./.opencode/opencode.json", "./.opencode/opencode.jsonc"},
       .state = {"~/.config/opencode/", "~/.local/share/opencode/", "~/.local/state/opencode/", "~/.cache/opencode/", "./.opencode/"},
       .sealed = {"~/.config/opencode/", "./.opencode/", "./opencode.json", "./opencode.jsonc"},
       .expected = {"~/.config/opencode/.gitignore", "./.opencode/.gitignore"},
       .model_hosts = {"opencode.ai", "models.dev", "api.anthropic.com", "api.openai.com", "openrouter.ai"},
       .variables = {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY", "OPENCODE_API_KEY",
                     "OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_LSP_DOWNLOAD", "OPENCODE_MODELS_URL", "XDG_CONFIG_HOME",
                     "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"},
       .moves = {{"XDG_CONFIG_HOME", "~/.config/"},
                 {"XDG_DATA_HOME", "~/.local/share/"},
                 {"XDG_STATE_HOME", "~/.local/state/"},
                 {"XDG_CACHE_HOME", "~/.cache/"}}});
  // Windsurf: https://docs.windsurf.com/windsurf/cascade/hooks, /windsurf/cascade/mcp. Not tried: an editor without a package.
  out.push_back({.id = HostId::kWindsurf,
                 .name = "windsurf",
                 .title = "Windsurf",
                 .programs = {"windsurf"},
                 .hook_files = {"~/.codeium/windsurf/hooks.json", "./.windsurf/hooks.json"},
                 .mcp_files = {"~/.codeium/windsurf/mcp_config.json"},
                 .state = {"~/.codeium/", "~/.windsurf/", "~/.config/Windsurf/"},
                 .sealed = {"~/.codeium/windsurf/hooks.json", "~/.codeium/windsurf/mcp_config.json", "~/.codeium/windsurf/memories/",
                            "~/.codeium/windsurf/global_workflows/", "~/.windsurf/extensions/", "./.windsurf/"},
                 .model_hosts = {"server.codeium.com", "server.self-serve.windsurf.com", "inference.codeium.com", "web-backend.codeium.com",
                                 "unleash.codeium.com", "windsurf.com"},
                 .variables = {}});
  // VS Code's agent mode: https://code.visualstudio.com/docs/agent-customization/hooks and /docs/agents/reference/hooks-reference,
  // .../mcp-servers. Not tried. It reads Copilot's and Claude Code's hook files too, and calls their hooks with payloads of its own.
  out.push_back({.id = HostId::kVscode,
                 .name = "vscode",
                 .title = "VS Code agent mode",
                 .programs = {"code", "code-insiders", "codium"},
                 .hook_files = {"~/.copilot/hooks/interlock-vscode.json", "./.github/hooks/interlock-vscode.json"},
                 .mcp_files = {"~/.config/Code/User/mcp.json", "./.vscode/mcp.json"},
                 .state = {"~/.config/Code/", "~/.vscode/", "~/.copilot/"},
                 .sealed = {"~/.config/Code/User/settings.json", "~/.config/Code/User/mcp.json", "~/.config/Code/User/tasks.json",
                            "~/.config/Code/User/prompts/", "~/.vscode/extensions/", "~/.vscode/argv.json", "~/.copilot/hooks/",
                            "./.vscode/mcp.json", "./.github/hooks/", "./.github/agents/", "./.github/prompts/", "./.github/instructions/",
                            "./.claude/settings.json", "./.claude/settings.local.json"},
                 .model_hosts = {"api.githubcopilot.com", "api.individual.githubcopilot.com", "api.business.githubcopilot.com",
                                 "api.enterprise.githubcopilot.com", "copilot-proxy.githubusercontent.com"},
                 .variables = {}});
  return out;
}

const std::vector<Host>& table() {
  static const std::vector<Host> hosts = make_hosts();
  return hosts;
}

std::string_view without_slash(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

std::span<const Host> all_hosts() { return table(); }

const Host* host_named(std::string_view name) {
  const auto found = std::ranges::find(table(), name, &Host::name);
  return found == table().end() ? nullptr : &*found;
}

const Host* host_of_program(std::string_view program) {
  const auto base = program.substr(program.find_last_of('/') + 1);
  const auto found =
      std::ranges::find_if(table(), [&](const Host& host) { return std::ranges::find(host.programs, base) != host.programs.end(); });
  return found == table().end() ? nullptr : &*found;
}

std::span<const std::string_view> sealed_everywhere() { return kSealedEverywhere; }

std::string path_of(const Host& host, std::string_view pattern, const Folders& folders) {
  if (folders.environment) {
    for (const auto& move : host.moves) {
      if (!pattern.starts_with(move.from)) continue;
      const auto value = folders.environment(move.variable);
      if (value.starts_with('/'))
        return std::string(without_slash(value)) + std::string(move.to) + std::string(pattern.substr(move.from.size()));
    }
  }
  if (pattern.starts_with("~/")) return std::string(without_slash(folders.home)) + std::string(pattern.substr(1));
  if (pattern.starts_with("./")) return std::string(without_slash(folders.project)) + std::string(pattern.substr(1));
  return std::string(pattern);
}

}  // namespace interlock::hosts
