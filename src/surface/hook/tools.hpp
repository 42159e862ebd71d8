// Tools of agent hosts as acts: each contract has a table of its host's tools, and this reads a call by it. Pure; any thread.
//
// A tool that no table has is an act that the catalogue does not know (Action::"host:claude/NAME"), never none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/hook/contract.hpp"

namespace interlock::hook {

inline constexpr std::size_t kActsOfCall = 200;  // of one tool call: files of a patch

enum class Does : std::uint8_t {
  kNothing,  // moves the host's own furniture
  kShell,
  kShells,  // a list of lines, or of {"command", "args"}; or one of them
  kRead,
  kWrite,
  kDelete,
  kList,      // of a folder, by default the current one
  kReadMany,  // a list of paths, or of objects with one each
  kWriteMany,
  kPatch,  // the text of an apply_patch
  kFetch,
  kFetchMany,  // a list of URLs, or of objects with one each
  kFetchText,  // the URLs in a text
  kSearch,
  kAgent,
};

struct Tool {
  std::string_view name;
  Does does = Does::kNothing;
  std::string_view member = {};  // of the input: the command, path, URL, text; "path|file_path": the first that is there
  std::string_view folder = {};  // kShell: where it runs; others: what a path starts from
};

Result<std::vector<ToolAct>> acts_of(std::string_view host, std::span<const Tool> tools, const Event& event);
// "mcp__SERVER__TOOL" into server and target.
void split_mcp_name(Event& event, std::string_view known_server = {});
// The same by the servers that are known, for hosts whose separator may stand in names too. The longest server that fits; what a host does
// not take in names stands there as '_'.
void split_mcp_name(Event& event, const McpNames& names, std::span<const std::string> servers);
// The host's input with these arguments of the act in place.
json::value with_args(const Event& event, const ToolAct& act, const json::object& args);

// The files that a patch in Codex's format changes, in order: {"write", path}, {"delete", path}. kInvalid: it is none.
struct PatchedFile {
  std::string_view access;
  std::string path;
};
Result<std::vector<PatchedFile>> files_of_patch(std::string_view patch);

}  // namespace interlock::hook
