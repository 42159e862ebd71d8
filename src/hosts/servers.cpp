// The MCP servers of a host in its JSON files, and the copies of these for a run: edit.hpp.
#include <algorithm>

#include "hosts/json_text.hpp"
#include "hosts/server_forms.hpp"

namespace interlock::hosts {
namespace {

using Kind = JsonNode::Kind;
using UrlOf = std::function<std::optional<std::string>(std::string_view server)>;

constexpr std::size_t kServers = 1'000;
constexpr std::size_t kWords = 1'000;  // of one command, and as many variables and headers

bool is_toml(std::string_view path) { return path.ends_with(".toml"); }

bool is_blank_text(std::string_view text) { return text.find_first_not_of(" \t\r\n\xEF\xBB\xBF") == std::string_view::npos; }

// Where the servers stand: at the root, and with Claude Code in each project that it has seen.
struct Group {
  const JsonNode* servers = nullptr;
  std::string_view project;  // empty: of the root
};
std::vector<Group> groups_of(const Host& host, const JsonNode& root) {
  std::vector<Group> out;
  if (const auto* servers = root.member(servers_member_of(host)); servers != nullptr && servers->is(Kind::kObject))
    out.push_back({servers, {}});
  if (host.id != HostId::kClaude) return out;
  const auto* projects = root.member("projects");
  if (projects == nullptr || !projects->is(Kind::kObject)) return out;
  for (const auto& project : projects->children) {
    const auto* servers = project.member("mcpServers");
    if (servers != nullptr && servers->is(Kind::kObject)) out.push_back({servers, project.key});
  }
  return out;
}

std::string text_at(const JsonNode& node, std::string_view name) {
  const auto* member = node.member(name);
  return member != nullptr && member->is(Kind::kString) ? member->text : std::string();
}

std::vector<std::pair<std::string, std::string>> pairs_at(const JsonNode& node, std::string_view name) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto* member = node.member(name);
  if (member == nullptr || !member->is(Kind::kObject)) return out;
  for (const auto& child : member->children)
    if (child.is(Kind::kString) && out.size() < kWords) out.emplace_back(child.key, child.text);
  return out;
}

void add_words(std::vector<std::string>& out, const JsonNode* list) {
  if (list == nullptr || !list->is(Kind::kArray)) return;
  for (const auto& word : list->children)
    if (word.is(Kind::kString) && out.size() < kWords) out.push_back(word.text);
}

McpServer server_of(const JsonNode& node, const std::string& file) {
  McpServer server;
  server.name = node.key;
  server.file = file;
  if (const auto* command = node.member("command"); command != nullptr) {
    if (command->is(Kind::kString)) server.command.push_back(command->text);
    else add_words(server.command, command);  // opencode: the whole command line
    add_words(server.command, node.member("args"));
  }
  for (const auto name : {"httpUrl", "serverUrl", "url"})
    if (server.url.empty()) server.url = text_at(node, name);
  server.environment = pairs_at(node, "env");
  if (server.environment.empty()) server.environment = pairs_at(node, "environment");
  server.headers = pairs_at(node, "headers");
  return server;
}

Result<std::vector<McpServer>> servers_of_json(const Host& host, const Place& place, const std::string& path, const std::string& text) {
  auto document = read_json_text(path, text);
  if (!document) return fail(std::move(document.error()));
  std::vector<McpServer> out;
  for (const auto& group : groups_of(host, document->root)) {
    if (!group.project.empty() && group.project != place.project) continue;
    for (const auto& node : group.servers->children)
      if (node.is(Kind::kObject) && out.size() < kServers) out.push_back(server_of(node, path));
  }
  return out;
}

// A server's object with another transport; what else it has, as it was written.
std::string replaced(const JsonDocument& document, const JsonNode& node, json::object transport) {
  auto text = json::write(transport);
  text.pop_back();
  for (const auto& member : node.children) {
    if (is_of_transport(member.key)) continue;
    if (text.size() > 1) text += ", ";
    json::write_string_to(text, member.key);
    text += ": ";
    text += document.raw(member);
  }
  return text + "}";
}

Result<std::string> json_through_gate(const Host& host, const std::string& path, std::string text, const UrlOf& url_of) {
  auto document = read_json_text(path, std::move(text));
  if (!document) return fail(std::move(document.error()));
  std::vector<Splice> splices;
  for (const auto& group : groups_of(host, document->root)) {
    for (const auto& node : group.servers->children) {
      if (!node.is(Kind::kObject)) continue;
      if (const auto url = url_of(node.key))
        splices.push_back({node.begin, node.end, replaced(*document, node, http_server_of(host, *url))});
    }
  }
  auto next = read_json_text(path, spliced(document->text, std::move(splices)));
  // Those without a way through the gate come out one by one, since each moves the commas of its neighbours.
  while (next) {
    std::vector<Splice> out;
    for (const auto& group : groups_of(host, next->root)) {
      const auto gone = std::ranges::find_if(group.servers->children, [&](const JsonNode& node) { return !url_of(node.key).has_value(); });
      if (gone == group.servers->children.end()) continue;
      out = taking_out(*next, *group.servers, static_cast<std::size_t>(gone - group.servers->children.begin()));
      break;
    }
    if (out.empty()) return std::move(next->text);
    next = read_json_text(path, spliced(next->text, std::move(out)));
  }
  return fail(std::move(next.error()));
}

// Reads the files of `host` that are there, each once.
template <typename Each>
Status each_file(const Host& host, const Place& place, const ReadFile& read, Each each) {
  for (const auto pattern : host.mcp_files) {
    const auto path = path_of(host, pattern, place.folders());
    auto text = read(path);
    if (!text) return fail(std::move(text.error()));
    if (!*text || is_blank_text(**text)) continue;
    if (auto done = each(path, **text); !done) return done;
  }
  return {};
}

}  // namespace

std::string_view servers_member_of(const Host& host) {
  if (host.id == HostId::kOpencode) return "mcp";
  return host.id == HostId::kVscode ? "servers" : "mcpServers";
}

bool is_of_transport(std::string_view member) {
  static constexpr std::string_view kMembers[] = {"type",
                                                  "transport",
                                                  "transportType",
                                                  "command",
                                                  "args",
                                                  "env",
                                                  "environment",
                                                  "envFile",
                                                  "cwd",
                                                  "url",
                                                  "httpUrl",
                                                  "serverUrl",
                                                  "headers",
                                                  "oauth",
                                                  "auth",
                                                  "tcp",
                                                  "dev",
                                                  "headersHelper",
                                                  "sandbox",
                                                  "sandboxEnabled",
                                                  "env_vars",
                                                  "http_headers",
                                                  "env_http_headers",
                                                  "http_headers_helper",
                                                  "bearer_token_env_var",
                                                  "scopes",
                                                  "oauth_resource",
                                                  "environment_id",
                                                  "authProviderType",
                                                  "targetAudience",
                                                  "targetServiceAccount"};
  return std::ranges::find(kMembers, member) != std::end(kMembers);
}

// Sources: those of the rows in hosts.cpp; of Gemini CLI, "httpUrl → StreamableHTTPClientTransport" in docs/tools/mcp-server.md.
json::object http_server_of(const Host& host, std::string_view url) {
  switch (host.id) {
    case HostId::kClaude:
    case HostId::kVscode: return {{"type", "http"}, {"url", url}};
    case HostId::kCopilot: return {{"type", "http"}, {"url", url}, {"headers", json::object{}}};
    case HostId::kGemini: return {{"httpUrl", url}};
    case HostId::kCline: return {{"type", "streamableHttp"}, {"url", url}};
    case HostId::kOpencode: return {{"type", "remote"}, {"url", url}, {"oauth", false}};
    case HostId::kWindsurf: return {{"serverUrl", url}};
    case HostId::kCodex:
    case HostId::kCursor: break;
  }
  return {{"url", url}};
}

Result<std::vector<McpServer>> servers_of(const Host& host, const Place& place, const ReadFile& read) {
  std::vector<McpServer> out;
  auto done = each_file(host, place, read, [&](const std::string& path, const std::string& text) -> Status {
    auto found = is_toml(path) ? servers_of_toml(path, text) : servers_of_json(host, place, path, text);
    if (!found) return fail(std::move(found.error()));
    std::ranges::move(*found, std::back_inserter(out));
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

Result<std::vector<Change>> through_gate(const Host& host, const Place& place, const ReadFile& read, const UrlOf& url_of) {
  std::vector<Change> out;
  auto done = each_file(host, place, read, [&](const std::string& path, const std::string& text) -> Status {
    auto next = is_toml(path) ? toml_through_gate(path, text, url_of) : json_through_gate(host, path, text, url_of);
    if (!next) return fail(std::move(next.error()));
    if (*next != text) out.push_back({path, text, std::move(*next), 0600});
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return out;
}

}  // namespace interlock::hosts
