// What else a human has to do, or has switched off: edit.hpp.
#include "hosts/edit.hpp"
#include "hosts/json_text.hpp"
#include "hosts/toml_text.hpp"

namespace interlock::hosts {
namespace {

// The text of a file of the table; empty where it is not there or cannot be read.
std::string text_of(const Host& host, std::string_view pattern, const Place& place, const ReadFile& read) {
  auto text = read(path_of(host, pattern, place.folders()));
  return text && *text ? std::move(**text) : std::string();
}

// Is there `value` at this member, two deep at most?
bool json_says(const std::string& text, std::string_view member, std::string_view inner, std::string_view value) {
  if (text.empty()) return false;
  const auto document = read_json_text("", text);
  if (!document) return false;
  const auto* node = document->root.member(member);
  if (node != nullptr && !inner.empty()) node = node->member(inner);
  return node != nullptr && document->raw(*node) == value;
}

bool toml_says(const std::string& text, const TomlKey& path, std::string_view value) {
  if (text.empty()) return false;
  const auto document = read_toml_text("", text);
  if (!document) return false;
  for (const auto& statement : document->statements) {
    if (statement.kind != TomlStatement::Kind::kValue) continue;
    if (statement.path == path && statement.value.text == value) return true;
    if (statement.path.size() == 1 && path.size() == 2 && statement.path[0] == path[0]) {
      const auto* inner = statement.value.at(path[1]);
      if (inner != nullptr && inner->text == value) return true;
    }
  }
  return false;
}

void switched_off(std::vector<std::string>& out, const Host& host, std::string_view file, std::string_view setting) {
  out.push_back("hooks are switched off by `" + std::string(setting) + "` in " + std::string(file) + ": until that is gone, " +
                std::string(host.title) + " runs none of them");
}

void claude_notes(std::vector<std::string>& out, const Host& host, const Place& place, const ReadFile& read) {
  for (const std::string_view file : {"~/.claude/settings.json", "./.claude/settings.json", "./.claude/settings.local.json"})
    if (json_says(text_of(host, file, place, read), "disableAllHooks", {}, "true")) switched_off(out, host, file, "disableAllHooks");
}

void codex_notes(std::vector<std::string>& out, const Host& host, const Place& place, const ReadFile& read) {
  for (const std::string_view file : {"~/.codex/config.toml", "./.codex/config.toml"}) {
    const auto text = text_of(host, file, place, read);
    for (const char* name : {"hooks", "codex_hooks"})
      if (toml_says(text, {"features", name}, "false")) switched_off(out, host, file, "features." + std::string(name) + " = false");
  }
  out.emplace_back(
      "Codex runs a hook only after you have reviewed it, and until then goes on without it and says nothing: start `codex`, type /hooks, "
      "and trust those of Interlock. It keeps a hash of each under [hooks.state] in ~/.codex/config.toml, so a changed command is to be "
      "reviewed again. Where nobody can: codex exec --dangerously-bypass-hook-trust");
  if (place.for_project)
    out.emplace_back("Codex reads the hooks of a project only where you trust the project ([projects.\"...\"] in ~/.codex/config.toml)");
}

void gemini_notes(std::vector<std::string>& out, const Host& host, const Place& place, const ReadFile& read) {
  for (const std::string_view file : {"~/.gemini/settings.json", "./.gemini/settings.json"})
    if (json_says(text_of(host, file, place, read), "hooksConfig", "enabled", "false"))
      switched_off(out, host, file, "hooksConfig.enabled");
  if (place.for_project) out.emplace_back("Gemini CLI reads the settings of a project only where you trust the folder");
}

void copilot_notes(std::vector<std::string>& out, const Host& host, const Place& place, const ReadFile& read) {
  for (const std::string_view file :
       {"~/.copilot/settings.json", "./.github/copilot/settings.json", "./.github/copilot/settings.local.json"})
    if (json_says(text_of(host, file, place, read), "disableAllHooks", {}, "true")) switched_off(out, host, file, "disableAllHooks");
}

}  // namespace

std::vector<std::string> notes(const Host& host, const Place& place, const ReadFile& read) {
  std::vector<std::string> out;
  if (place.for_project)
    out.push_back("these files are the project's: wherever it is worked on, Interlock has to be at " + place.program +
                  " and a gate has to run, or every call is denied");
  switch (host.id) {
    case HostId::kClaude: claude_notes(out, host, place, read); break;
    case HostId::kCodex: codex_notes(out, host, place, read); break;
    case HostId::kGemini: gemini_notes(out, host, place, read); break;
    case HostId::kCopilot: copilot_notes(out, host, place, read); break;
    case HostId::kCline:
      out.emplace_back(
          "Cline's extension runs hooks only where they are switched on, in its Hooks tab. It waits 30 s for one: a call that needs your "
          "approval for longer is denied there");
      break;
    case HostId::kWindsurf:
      out.emplace_back(
          "Windsurf writes of no time limit for hooks that could be set: a call that waits for your approval may end earlier there");
      break;
    case HostId::kVscode: out.emplace_back("VS Code's hooks are a preview, and an organization can switch them off"); break;
    case HostId::kCursor:
    case HostId::kOpencode: break;
  }
  return out;
}

}  // namespace interlock::hosts
