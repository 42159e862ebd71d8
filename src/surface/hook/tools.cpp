#include "surface/hook/tools.hpp"

#include <algorithm>

namespace interlock::hook {
namespace {

constexpr std::size_t kPatchBytes = std::size_t{4} << 20;

std::unexpected<Error> wrong(const Event& event, std::string what) {
  return fail(ErrorCode::kInvalid, "the input of " + event.tool + " " + what);
}

// A text member that has to be there.
Result<std::string> text_of(const Event& event, const json::object& input, std::string_view name) {
  const auto* value = json::find(input, name);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) return wrong(event, "has no `" + std::string(name) + "`");
  return std::string(json::view(value->get_string()));
}

std::string_view access_of(Does does) {
  switch (does) {
    case Does::kWrite:
    case Does::kWriteMany: return "write";
    case Does::kDelete: return "delete";
    case Does::kList: return "list";
    default: return "read";
  }
}

// The folder that a tool's paths start from: its own member, else the session's.
std::string folder_of(const Event& event, const json::object& input, const Tool& tool) {
  if (!tool.folder.empty()) {
    if (const auto folder = json::string_at(input, tool.folder); folder && !folder->empty())
      return folder->starts_with('/') || event.cwd.empty() ? std::string(*folder) : event.cwd + "/" + std::string(*folder);
  }
  return event.cwd;
}

ToolAct file_act(const json::object& input, std::string_view access, std::string path, const std::string& cwd) {
  ToolAct out{.operation = "file", .target = std::string(access), .args = input};
  out.args["path"] = std::move(path);
  if (!cwd.empty()) out.args["cwd"] = cwd;
  return out;
}

Result<std::vector<ToolAct>> many_files(const Event& event, const json::object& input, const Tool& tool, const std::string& cwd) {
  const auto* list = json::array_at(input, tool.member);
  if (list == nullptr) return wrong(event, "has no list `" + std::string(tool.member) + "`");
  if (list->size() > kActsOfCall)
    return fail(ErrorCode::kTooLarge, event.tool + " names more than " + std::to_string(kActsOfCall) + " files");
  std::vector<ToolAct> out;
  for (const auto& one : *list) {
    std::optional<std::string_view> path;
    if (one.is_string()) path = json::view(one.get_string());
    else if (one.is_object())
      for (const auto* name : {"path", "file_path", "filePath"})
        if (!path) path = json::string_at(one.get_object(), name);
    if (!path || path->empty()) return wrong(event, "names a file that is none");
    out.push_back(file_act({}, access_of(tool.does), std::string(*path), cwd));
  }
  return out;
}

Result<std::vector<ToolAct>> patched(const Event& event, const json::object& input, const Tool& tool, const std::string& cwd) {
  std::optional<std::string_view> text = json::string_at(input, tool.member);
  for (const auto* name : {"input", "patch", "command"})
    if (!text) text = json::string_at(input, name);
  if (!text) return wrong(event, "holds no patch");
  auto files = files_of_patch(*text);
  if (!files) return fail(std::move(files.error()));
  std::vector<ToolAct> out;
  for (auto& file : *files) out.push_back(file_act({}, file.access, std::move(file.path), cwd));
  return out;
}

std::vector<ToolAct> fetched(const json::object& input, std::string_view text) {
  std::vector<ToolAct> out;
  for (std::size_t at = 0; at < text.size() && out.size() < kActsOfCall;) {
    const auto start = std::min(text.find("http://", at), text.find("https://", at));
    if (start == std::string_view::npos) break;
    const auto end = std::min(text.find_first_of(" \t\r\n\"'<>`", start), text.size());
    ToolAct act{.operation = "fetch", .args = input};
    act.args["url"] = text.substr(start, end - start);
    out.push_back(std::move(act));
    at = end;
  }
  return out;
}

}  // namespace

void split_mcp_name(Event& event, std::string_view known_server) {
  constexpr std::string_view kPrefix = "mcp__";
  if (!event.tool.starts_with(kPrefix)) return;
  const auto rest = std::string_view(event.tool).substr(kPrefix.size());
  const auto cut = !known_server.empty() && rest.starts_with(known_server) ? known_server.size() : rest.find("__");
  if (cut == std::string_view::npos || cut + 2 >= rest.size()) return;
  event.server = rest.substr(0, cut);
  event.target = rest.substr(cut + 2);
}

Result<std::vector<ToolAct>> acts_of(std::string_view host, std::span<const Tool> tools, const Event& event) {
  static const json::object kEmpty;
  const auto& input = event.input.is_object() ? event.input.get_object() : kEmpty;
  const auto one = [](ToolAct act) { return std::vector<ToolAct>{std::move(act)}; };
  if (!event.target.empty()) return one({.operation = "tools/call", .server = event.server, .target = event.target, .args = input});
  const auto tool = std::ranges::find(tools, event.tool, &Tool::name);
  if (tool == tools.end())
    return one({.operation = "tools/call", .server = "host:" + std::string(host), .target = event.tool, .args = input});
  const auto cwd = folder_of(event, input, *tool);
  switch (tool->does) {
    case Does::kNothing: return std::vector<ToolAct>{};
    case Does::kShell: {
      auto command = text_of(event, input, tool->member);
      if (!command) return fail(std::move(command.error()));
      ToolAct act{.operation = "shell", .target = "sh", .args = input};
      act.args["command"] = std::move(*command);
      if (tool->member != "command") act.renamed.emplace_back("command", tool->member);
      if (!cwd.empty()) act.args["cwd"] = cwd;
      return one(std::move(act));
    }
    case Does::kRead:
    case Does::kWrite:
    case Does::kDelete: {
      auto path = text_of(event, input, tool->member);
      if (!path) return fail(std::move(path.error()));
      auto act = file_act(input, access_of(tool->does), std::move(*path), cwd);
      if (tool->member != "path") act.renamed.emplace_back("path", tool->member);
      return one(std::move(act));
    }
    case Does::kList: {
      const auto path = json::string_at(input, tool->member);
      return one(file_act(input, "list", path && !path->empty() ? std::string(*path) : cwd.empty() ? "." : cwd, cwd));
    }
    case Does::kReadMany:
    case Does::kWriteMany: return many_files(event, input, *tool, cwd);
    case Does::kPatch: return patched(event, input, *tool, cwd);
    case Does::kFetch: {
      auto url = text_of(event, input, tool->member);
      if (!url) return fail(std::move(url.error()));
      ToolAct act{.operation = "fetch", .args = input};
      act.args["url"] = std::move(*url);
      return one(std::move(act));
    }
    case Does::kFetchText: {
      auto text = text_of(event, input, tool->member);
      if (!text) return fail(std::move(text.error()));
      auto out = fetched(input, *text);
      if (out.empty()) out.push_back({.operation = "search", .args = {{"query", *text}}});
      return out;
    }
    case Does::kSearch: {
      auto query = text_of(event, input, tool->member);
      if (!query) return fail(std::move(query.error()));
      ToolAct act{.operation = "search", .args = input};
      act.args["query"] = std::move(*query);
      return one(std::move(act));
    }
    case Does::kAgent: return one({.operation = "agent", .target = event.tool, .args = input});
  }
  return std::vector<ToolAct>{};
}

json::value with_args(const Event& event, const ToolAct& act, const json::object& args) {
  auto out = event.input;
  if (!out.is_object()) return out;
  auto& input = out.get_object();
  for (const auto& [name, value] : args) {
    const auto* before = json::find(act.args, name);
    if (before != nullptr && *before == value) continue;
    std::string_view host_name = name;
    for (const auto& [ours, theirs] : act.renamed)
      if (ours == std::string_view(name)) host_name = theirs;
    if (json::find(input, host_name) != nullptr) input[host_name] = value;
  }
  return out;
}

// "*** Add File: a", "*** Update File: a" with "*** Move to: b", "*** Delete File: a" (codex-rs/apply-patch).
Result<std::vector<PatchedFile>> files_of_patch(std::string_view patch) {
  if (patch.size() > kPatchBytes) return fail(ErrorCode::kTooLarge, "the patch is too long");
  std::vector<PatchedFile> out;
  for (std::size_t at = 0; at < patch.size();) {
    auto end = patch.find('\n', at);
    if (end == std::string_view::npos) end = patch.size();
    auto line = patch.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    for (const auto& [prefix, access] : {std::pair<std::string_view, std::string_view>{"*** Add File: ", "write"},
                                         {"*** Update File: ", "write"},
                                         {"*** Move to: ", "write"},
                                         {"*** Delete File: ", "delete"}}) {
      if (!line.starts_with(prefix)) continue;
      if (out.size() == kActsOfCall)
        return fail(ErrorCode::kTooLarge, "the patch changes more than " + std::to_string(kActsOfCall) + " files");
      out.push_back({access, std::string(line.substr(prefix.size()))});
    }
  }
  if (out.empty()) return fail(ErrorCode::kInvalid, "the patch names no file");
  return out;
}

}  // namespace interlock::hook
