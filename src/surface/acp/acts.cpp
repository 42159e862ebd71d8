#include "surface/acp/acts.hpp"

#include <set>
#include <utility>

#include "surface/acp/acp.hpp"

namespace interlock::acp {
namespace {

using Acts = std::vector<model::ActionRequest>;

model::ActionRequest act(std::string operation, std::string target, json::object args) {
  model::ActionRequest out;
  out.surface = "acp";
  out.operation = std::move(operation);
  out.target = std::move(target);
  out.args = std::move(args);
  return out;
}
model::ActionRequest line_act(std::string command, const std::string& cwd) {
  return act("shell", "sh", {{"command", std::move(command)}, {"cwd", cwd}});
}

// Editors differ: some start the program with its arguments as they are, some hand all of it to a shell, joined by spaces. Where the two
// would not do the same, both are decided on.
Result<Acts> acts_of_terminal(const json::object& params, std::string cwd) {
  const auto command = json::string_at(params, "command");
  if (!command || command->empty()) return fail(ErrorCode::kInvalid, "params.command is missing or no string");
  if (const auto own = json::string_at(params, "cwd"); own && !own->empty()) cwd = *own;
  std::string before;
  if (const auto* env = json::array_at(params, "env")) {
    for (const auto& one : *env) {
      const auto* variable = one.if_object();
      const auto name = variable == nullptr ? std::nullopt : json::string_at(*variable, "name");
      const auto value = variable == nullptr ? std::nullopt : json::string_at(*variable, "value");
      if (!name || !value || name->empty() ||
          name->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos)
        return fail(ErrorCode::kInvalid, "params.env holds what is no variable");
      before += std::string(*name) + "=" + shell_word(*value) + " ";
    }
  }
  std::string exact = shell_word(*command);
  std::string joined{*command};
  if (const auto* args = json::array_at(params, "args")) {
    for (const auto& one : *args) {
      if (!one.is_string()) return fail(ErrorCode::kInvalid, "params.args holds what is no string");
      exact += " " + shell_word(json::view(one.get_string()));
      joined += " " + std::string(json::view(one.get_string()));
    }
  }
  Acts out;
  const auto* args = json::array_at(params, "args");
  const bool is_line = args == nullptr || args->empty();
  if (exact == joined || !is_line) out.push_back(line_act(before + exact, cwd));
  if (exact != joined) out.push_back(line_act(before.empty() ? joined : before + "sh -c " + shell_word(joined), cwd));
  return out;
}

// The tool call that an agent asks its human about, as far as it can be understood: it will be performed by the agent itself.
Result<Acts> acts_of_permission(const json::object& params, const std::string& cwd) {
  const auto* call = json::object_at(params, "toolCall");
  if (call == nullptr) return fail(ErrorCode::kInvalid, "params.toolCall is missing or no object");
  static const json::object kNothing;
  const auto* input = json::object_at(*call, "rawInput");
  if (input == nullptr) input = &kNothing;
  const auto kind = text_at(*call, "kind");
  std::set<std::string> paths;
  const auto collect = [&](const char* member) {
    const auto* all = json::array_at(*call, member);
    if (all == nullptr) return;
    for (const auto& one : *all) {
      const auto* place = one.if_object();
      if (const auto path = place == nullptr ? std::nullopt : json::string_at(*place, "path")) paths.emplace(*path);
    }
  };
  collect("locations");
  collect("content");  // those of diffs
  for (const auto* member : {"path", "file_path", "abs_path"})
    if (const auto path = json::string_at(*input, member)) paths.emplace(*path);

  Acts out;
  const auto where = json::string_at(*input, "cwd").value_or(cwd);
  if (const auto command = json::string_at(*input, "command")) {
    out.push_back(line_act(std::string(*command), std::string(where)));
  } else if (const auto* words = json::array_at(*input, "command")) {
    std::string line;
    for (const auto& word : *words) {
      if (!word.is_string()) return fail(ErrorCode::kInvalid, "rawInput.command holds what is no string");
      line += (line.empty() ? "" : " ") + shell_word(json::view(word.get_string()));
    }
    out.push_back(line_act(std::move(line), std::string(where)));
  }
  if (const auto url = json::string_at(*input, "url")) out.push_back(act("fetch", "fetch", {{"url", *url}}));
  const auto touch = [&](const char* access) {
    for (const auto& path : paths) out.push_back(act("file", access, {{"path", path}, {"cwd", cwd}}));
  };
  if (kind == "read") touch("read");
  if (kind == "edit" || kind == "move") touch("write");
  if (kind == "delete" || kind == "move") touch("delete");
  if (kind == "search" && out.empty()) touch("list");
  if (out.size() > kActsOfRequest)
    return fail(ErrorCode::kTooLarge, "it does more at once than " + std::to_string(kActsOfRequest) + " acts");
  if (!out.empty() || kind == "think" || kind == "switch_mode") return out;
  // No server of a configuration has this name, so that no rule for one of its tools is met.
  auto unknown = act("tools/call", text_at(*call, "name").empty() ? (kind.empty() ? "other" : kind) : text_at(*call, "name"), *input);
  unknown.server = "acp agent";
  out.push_back(std::move(unknown));
  return out;
}

}  // namespace

bool is_act(std::string_view method) {
  return method == "fs/read_text_file" || method == "fs/write_text_file" || method == "terminal/create" ||
         method == "session/request_permission";
}

Result<Acts> acts_of(std::string_view method, const json::object& params, const std::string& cwd) {
  if (method == "terminal/create") return acts_of_terminal(params, cwd);
  if (method == "session/request_permission") return acts_of_permission(params, cwd);
  const auto path = json::string_at(params, "path");
  if (!path || path->empty()) return fail(ErrorCode::kInvalid, "params.path is missing or no string");
  json::object args{{"path", *path}, {"cwd", cwd}};
  if (method == "fs/read_text_file") return Acts{act("file", "read", std::move(args))};
  const auto content = json::string_at(params, "content");
  if (!content) return fail(ErrorCode::kInvalid, "params.content is missing or no string");
  args["content"] = *content;
  Acts out{act("file", "write", std::move(args))};
  out.front().can_modify = true;
  return out;
}

model::ActionRequest act_of_prompt(const json::object& params) {
  std::string text;
  if (const auto* blocks = json::array_at(params, "prompt")) {
    for (const auto& one : *blocks) {
      const auto* block = one.if_object();
      if (block == nullptr) continue;
      for (const auto* member : {"text", "uri"}) {
        if (const auto part = json::string_at(*block, member)) text += (text.empty() ? "" : "\n") + std::string(*part);
      }
    }
  }
  return act("prompt", "prompt", {{"prompt", std::move(text)}});
}

json::object with_args(json::object params, const json::value& args) {
  if (const auto* changed = args.if_object()) {
    for (const auto* member : {"path", "content"}) {
      if (const auto* value = json::find(*changed, member)) params[member] = *value;
    }
  }
  return params;
}

}  // namespace interlock::acp
