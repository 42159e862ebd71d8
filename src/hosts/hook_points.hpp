// At which events of a host Interlock's hook runs, and how that is written into the host's files: the other half of surface/hook's
// contracts, which read what the host sends at these events. Data; any thread.
//
// VS Code reads the files of Copilot (~/.copilot/hooks, .github/hooks) and of Claude Code (.claude/settings.json) too and runs their hooks
// with payloads of its own shape. Copilot CLI 1.0 reads VS Code's files there, and for events named as VS Code does sends hook_event_name,
// session_id, tool_name ("Bash") and tool_input; for its own names it sends sessionId, toolName, toolArgs and, save for permissionRequest,
// no name of the event. Cline's command line names events otherwise than its extension ("tool_call"). The contracts take all of these.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hosts/hosts.hpp"

namespace interlock::hosts {

// How long a host waits for our hook. More than the gate holds a call (HookParts::hold_ms), so that no host ever goes on without an answer.
inline constexpr std::int64_t kHookSeconds = 600;

enum class HookForm : std::uint8_t {
  kGroups,   // {"hooks": {EVENT: [{"matcher", "hooks": [ENTRY]}]}}
  kEntries,  // {"hooks": {EVENT: [ENTRY]}}
  kFolder,   // an executable file for each event
  kPlugin,   // one JavaScript module
};

struct HookPoint {
  std::string_view event;
  bool of_tools = false;     // a matcher chooses among tools: ours takes all
  std::int64_t timeout = 0;  // in the host's unit, where another holds than the shape's: the host takes no longer one here
};

struct HookShape {
  HookForm form = HookForm::kEntries;
  std::string_view command_key = "command";
  std::string_view timeout_key = {};  // empty: the host has none that can be set
  std::int64_t timeout = 0;           // in the host's own unit
  bool typed = false;                 // "type": "command"
  bool fail_closed = false;           // "failClosed": true (Cursor)
  bool on_failure = false;            // "onFailure": "block" (Claude Code since 2.1.295; older ones pass over it)
  bool versioned = false;             // "version": 1 beside "hooks"
};

const HookShape& hook_shape_of(const Host& host);
std::span<const HookPoint> hook_points_of(const Host& host);

// "'/opt/my tools/interlock' hook claude --state /x || ...": blocks where the program is gone or dies. `arguments` is shell text already.
std::string hook_command(const Host& host, std::string_view program, std::string_view arguments);
// Is this the command of our hook of that host, wherever the program is or was?
bool is_hook_command(const Host& host, std::string_view command);
// A word of a shell, in quotes where it needs them.
std::string shell_word(std::string_view word);

// The files of the hosts that take no configuration: an executable of Cline's, the module of opencode.
std::string hook_script(const Host& host, std::string_view program, std::string_view arguments);
std::string hook_module(const Host& host, std::string_view program, std::string_view arguments);
// Was this text made by one of the two, by whatever version?
bool is_hook_file(const Host& host, std::string_view text);

}  // namespace interlock::hosts
