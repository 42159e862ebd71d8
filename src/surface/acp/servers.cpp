#include "surface/acp/servers.hpp"

#include <algorithm>
#include <utility>

namespace interlock::acp {
namespace {

json::object behind(const McpFront& front, std::string_view name, const json::object* server) {
  json::array args;
  for (std::size_t i = 1; i < front.command.size(); ++i) args.emplace_back(front.command[i]);
  if (server == nullptr || (front.may_be_name && front.may_be_name(name))) {
    args.emplace_back("--name");
    args.emplace_back(name);
  }
  json::array environment;
  if (server != nullptr) {
    args.emplace_back("--");
    args.emplace_back(*json::string_at(*server, "command"));
    if (const auto* own = json::array_at(*server, "args")) args.insert(args.end(), own->begin(), own->end());
    if (const auto* own = json::array_at(*server, "env")) environment = *own;
  }
  return {{"name", name}, {"command", front.command.front()}, {"args", std::move(args)}, {"env", std::move(environment)}};
}

// It is the gate's own already.
bool is_behind(const McpFront& front, const json::object& server) {
  const auto* args = json::array_at(server, "args");
  return json::string_at(server, "command") == front.command.front() && args != nullptr && !args->empty() && args->front() == "mcp";
}

}  // namespace

std::vector<std::string> put_behind_gate(json::array& servers, const McpFront& front) {
  std::vector<std::string> notes;
  json::array out;
  for (auto& one : servers) {
    const auto* server = one.if_object();
    const auto name = server == nullptr ? std::nullopt : json::string_at(*server, "name");
    if (!name || front.command.empty()) {
      notes.emplace_back("an MCP server without a name was left out");
      continue;
    }
    const auto type = json::string_at(*server, "type").value_or("stdio");
    const auto command = json::string_at(*server, "command");
    if (type == "stdio" && command && !command->empty()) {
      if (is_behind(front, *server)) out.push_back(std::move(one));
      else out.push_back(behind(front, *name, server));
    } else if (std::ranges::find(front.known, *name) != front.known.end()) {
      out.push_back(behind(front, *name, nullptr));
    } else {
      notes.push_back("the MCP server \"" + std::string(*name) +
                      "\" was left out, since the gate cannot stand before it: name it under `servers` in interlock.yaml");
    }
  }
  servers = std::move(out);
  return notes;
}

}  // namespace interlock::acp
