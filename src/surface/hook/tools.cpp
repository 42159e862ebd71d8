#include "surface/hook/tools.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "hosts/hook_points.hpp"
#include "shell/commands.hpp"

namespace interlock::hook {
namespace {

constexpr std::size_t kPatchBytes = std::size_t{4} << 20;

std::unexpected<Error> wrong(const Event& event, std::string what) {
  return fail(ErrorCode::kInvalid, "the input of " + event.tool + " " + what);
}

// Of "a|b|c" the first name that the input has; the first one where it has none.
std::string_view name_in(const json::object& input, std::string_view names) {
  const auto first = names.substr(0, names.find('|'));
  for (auto rest = names; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('|'));
    const auto* value = json::find(input, name);
    if (value != nullptr && !value->is_null()) return name;
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  }
  return first;
}

// A text member that has to be there.
Result<std::string> text_of(const Event& event, const json::object& input, std::string_view name) {
  const auto* value = json::find(input, name);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) return wrong(event, "has no `" + std::string(name) + "`");
  std::string text(json::view(value->get_string()));
  if (text.contains('\0')) return wrong(event, "has a NUL in `" + std::string(name) + "`");
  return text;
}

// A line that is too long, or nests too deep, for anybody to say what it does.
Status readable(const std::string& line) {
  const auto script = shell::parse(line);
  if (!script && script.error().code == ErrorCode::kTooLarge) return fail(script.error());
  return {};
}

// The elements of a list, or the one thing that stands in its place.
Result<std::vector<const json::value*>> items_of(const Event& event, const json::object& input, std::string_view name) {
  const auto* value = json::find(input, name);
  if (value == nullptr || value->is_null()) return wrong(event, "has no `" + std::string(name) + "`");
  std::vector<const json::value*> out;
  if (const auto* list = value->if_array()) {
    if (list->size() > kActsOfCall)
      return fail(ErrorCode::kTooLarge, event.tool + " does more than " + std::to_string(kActsOfCall) + " things at once");
    for (const auto& one : *list) out.push_back(&one);
  } else {
    out.push_back(value);
  }
  if (out.empty()) return wrong(event, "has an empty `" + std::string(name) + "`");
  return out;
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
  const auto items = items_of(event, input, name_in(input, tool.member));
  if (!items) return fail(items.error());
  std::vector<ToolAct> out;
  for (const auto* one : *items) {
    std::optional<std::string_view> path;
    if (one->is_string()) path = json::view(one->get_string());
    else if (one->is_object())
      for (const auto* name : {"path", "file_path", "filePath"})
        if (!path) path = json::string_at(one->get_object(), name);
    if (!path || path->empty() || path->contains('\0')) return wrong(event, "names a file that is none");
    out.push_back(file_act({}, access_of(tool.does), std::string(*path), cwd));
  }
  return out;
}

// Of a program and its arguments: the line that a shell would take for them.
std::optional<std::string> line_of(const json::value& command) {
  if (const auto* text = command.if_string()) return text->empty() ? std::nullopt : std::optional(std::string(json::view(*text)));
  const auto* program = command.if_object();
  const auto name = program == nullptr ? std::nullopt : json::string_at(*program, "command");
  if (!name || name->empty()) return std::nullopt;
  auto line = hosts::shell_word(*name);
  if (const auto* args = json::find(*program, "args"); args != nullptr && !args->is_null()) {
    if (!args->is_array()) return std::nullopt;
    for (const auto& arg : args->get_array()) {
      if (!arg.is_string()) return std::nullopt;
      line += " " + hosts::shell_word(json::view(arg.get_string()));
    }
  }
  return line;
}

Result<std::vector<ToolAct>> many_lines(const Event& event, const json::object& input, const Tool& tool, const std::string& cwd) {
  const auto member = name_in(input, tool.member);
  const auto items = items_of(event, input, member);
  if (!items) return fail(items.error());
  std::vector<ToolAct> out;
  for (const auto* one : *items) {
    auto line = line_of(*one);
    if (!line || line->contains('\0')) return wrong(event, "holds a command that is none");
    if (auto status = readable(*line); !status) return fail(std::move(status.error()));
    ToolAct act{.operation = "shell", .target = "sh"};
    act.args["command"] = std::move(*line);
    if (!cwd.empty()) act.args["cwd"] = cwd;
    if (items->size() == 1) act.renamed.emplace_back("command", member);
    out.push_back(std::move(act));
  }
  return out;
}

Result<std::vector<ToolAct>> many_pages(const Event& event, const json::object& input, const Tool& tool) {
  const auto items = items_of(event, input, name_in(input, tool.member));
  if (!items) return fail(items.error());
  std::vector<ToolAct> out;
  for (const auto* one : *items) {
    std::optional<std::string_view> url;
    if (one->is_string()) url = json::view(one->get_string());
    else if (one->is_object()) url = json::string_at(one->get_object(), "url");
    if (!url || url->empty() || url->contains('\0')) return wrong(event, "names a page that is none");
    ToolAct act{.operation = "fetch"};
    act.args["url"] = *url;
    out.push_back(std::move(act));
  }
  return out;
}

Result<std::vector<ToolAct>> patched(const Event& event, const json::object& input, const Tool& tool, const std::string& cwd) {
  const auto text = json::string_at(input, name_in(input, tool.member));
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

void split_mcp_name(Event& event, const McpNames& names, std::span<const std::string> servers) {
  const auto as_named = [](std::string_view name) {
    std::string out(name);
    for (auto& c : out)
      if (!is_unreserved(c) || c == '.' || c == '~') c = '_';
    return out;
  };
  if (names.separator.empty() || !event.target.empty() || !event.tool.starts_with(names.prefix)) return;
  const auto rest = std::string_view(event.tool).substr(names.prefix.size());
  std::size_t longest = 0;
  for (const auto& server : servers) {
    const auto start = as_named(server) + std::string(names.separator);
    if (start.size() <= longest || !rest.starts_with(start) || rest.size() == start.size()) continue;
    longest = start.size();
    event.server = server;
  }
  if (longest > 0) event.target = rest.substr(longest);
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
  const auto member = name_in(input, tool->member);
  switch (tool->does) {
    case Does::kNothing: return std::vector<ToolAct>{};
    case Does::kShells: return many_lines(event, input, *tool, cwd);
    case Does::kFetchMany: return many_pages(event, input, *tool);
    case Does::kShell: {
      auto command = text_of(event, input, member);
      if (!command) return fail(std::move(command.error()));
      if (auto status = readable(*command); !status) return fail(std::move(status.error()));
      ToolAct act{.operation = "shell", .target = "sh", .args = input};
      act.args["command"] = std::move(*command);
      if (member != "command") act.renamed.emplace_back("command", member);
      if (!cwd.empty()) act.args["cwd"] = cwd;
      return one(std::move(act));
    }
    case Does::kRead:
    case Does::kWrite:
    case Does::kDelete: {
      auto path = text_of(event, input, member);
      if (!path) return fail(std::move(path.error()));
      auto act = file_act(input, access_of(tool->does), std::move(*path), cwd);
      if (member != "path") act.renamed.emplace_back("path", member);
      return one(std::move(act));
    }
    case Does::kList: {
      const auto path = json::string_at(input, member);
      return one(file_act(input, "list", path && !path->empty() ? std::string(*path) : cwd.empty() ? "." : cwd, cwd));
    }
    case Does::kReadMany:
    case Does::kWriteMany: return many_files(event, input, *tool, cwd);
    case Does::kPatch: return patched(event, input, *tool, cwd);
    case Does::kFetch: {
      auto url = text_of(event, input, member);
      if (!url) return fail(std::move(url.error()));
      ToolAct act{.operation = "fetch", .args = input};
      act.args["url"] = std::move(*url);
      return one(std::move(act));
    }
    case Does::kFetchText: {
      auto text = text_of(event, input, member);
      if (!text) return fail(std::move(text.error()));
      auto out = fetched(input, *text);
      if (out.empty()) out.push_back({.operation = "search", .args = {{"query", *text}}});
      return out;
    }
    case Does::kSearch: {
      auto query = text_of(event, input, member);
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
