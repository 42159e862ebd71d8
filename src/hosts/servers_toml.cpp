// The MCP servers of Codex's config.toml, in any of the forms that TOML has for a table of tables.
// https://developers.openai.com/codex/mcp
#include <algorithm>
#include <map>
#include <set>

#include "hosts/json_text.hpp"
#include "hosts/server_forms.hpp"
#include "hosts/toml_text.hpp"

namespace interlock::hosts {
namespace {

using Kind = TomlStatement::Kind;
using UrlOf = std::function<std::optional<std::string>(std::string_view server)>;

constexpr std::string_view kServers = "mcp_servers";

bool is_of_servers(const TomlStatement& statement) { return !statement.path.empty() && statement.path[0] == kServers; }

// Collects one server's parts from wherever they are written.
void take(std::map<std::string, McpServer>& servers, std::span<const std::string> path, const TomlValue& value, const std::string& file) {
  if (value.kind == TomlValue::Kind::kTable && path.size() <= 2) {
    for (const auto& entry : value.entries) {
      std::vector<std::string> inner(path.begin(), path.end());
      inner.insert(inner.end(), entry.key.begin(), entry.key.end());
      take(servers, inner, entry.value, file);
    }
    return;
  }
  if (path.size() < 2) return;
  auto& server = servers[path[0]];
  server.name = path[0];
  server.file = file;
  const auto& member = path[1];
  const auto text = [&](std::string& out) {
    if (path.size() == 2 && value.kind == TomlValue::Kind::kString) out = value.text;
  };
  if (member == "url") return text(server.url);
  if (member == "command") {
    std::string program;
    text(program);
    if (!program.empty()) server.command.insert(server.command.begin(), program);
  } else if (member == "args") {
    for (const auto& item : value.items)
      if (item.kind == TomlValue::Kind::kString) server.command.push_back(item.text);
  } else if (path.size() == 3 && value.kind == TomlValue::Kind::kString) {
    if (member == "env") server.environment.emplace_back(path[2], value.text);
    if (member == "http_headers") server.headers.emplace_back(path[2], value.text);
  }
}

// An in-line table of a server with `url` instead of its transport; what else it has, as it was written.
std::string replaced(const TomlDocument& document, const TomlValue& table, std::string_view url) {
  std::string out = "{ url = " + toml_string_text(url);
  for (const auto& entry : table.entries) {
    if (is_of_transport(entry.key[0])) continue;
    out.append(", ").append(std::string_view(document.text).substr(entry.begin, entry.value.end - entry.begin));
  }
  return out + " }";
}

// One pass over the statements, in which each server's url is written once, where its first transport member or its table stood.
class Rewriting {
 public:
  Rewriting(const TomlDocument& document, const UrlOf& url_of) : document_(document), url_of_(url_of) {
    for (const auto& statement : document.statements)
      if (statement.kind == Kind::kTable && statement.path.size() == 2 && is_of_servers(statement)) with_table_.insert(statement.path[1]);
  }

  std::string text() {
    for (const auto& statement : document_.statements) {
      if (statement.kind != Kind::kValue) dropping_ = false;
      if (is_of_servers(statement)) one(statement);
    }
    return spliced(document_.text, std::move(splices_));
  }

 private:
  void one(const TomlStatement& statement) {
    const auto& path = statement.path;
    if (path.size() == 1) {
      if (statement.kind == Kind::kValue) splices_.push_back({statement.value.begin, statement.value.end, all_in_line(statement.value)});
      return;
    }
    const auto url = url_of_(path[1]);
    if (statement.kind != Kind::kValue) return table(statement, url);
    if (dropping_) return drop(statement);
    if (!url) return drop(statement);
    if (path.size() == 2) {
      splices_.push_back({statement.value.begin, statement.value.end, replaced(document_, statement.value, *url)});
      return;
    }
    if (!is_of_transport(path[2])) return;
    // mcp_servers.X.command = "..." at the root, or X.command = "..." in [mcp_servers].
    std::string put;
    if (!with_table_.contains(path[1]) && written_.insert(path[1]).second) {
      const auto names = statement.key.size() - (path.size() - 2);
      for (std::size_t i = 0; i < names; ++i) put += toml_key_text(statement.key[i]) + ".";
      put += "url = " + toml_string_text(*url) + "\n";
    }
    splices_.push_back({statement.begin, statement.end, put});
  }

  void table(const TomlStatement& statement, const std::optional<std::string>& url) {
    const auto& path = statement.path;
    dropping_ = !url || (path.size() > 2 && is_of_transport(path[2]));
    const auto line = url ? "url = " + toml_string_text(*url) + "\n" : std::string();
    if (dropping_) {
      std::string put;
      if (url && !with_table_.contains(path[1]) && written_.insert(path[1]).second)
        put = "[" + std::string(kServers) + "." + toml_key_text(path[1]) + "]\n" + line;
      splices_.push_back({statement.begin, statement.end, put});
    } else if (path.size() == 2 && written_.insert(path[1]).second) {
      const bool ended = statement.end > 0 && document_.text[statement.end - 1] == '\n';
      splices_.push_back({statement.end, statement.end, (ended ? "" : "\n") + line});
    }
  }

  void drop(const TomlStatement& statement) { splices_.push_back({statement.begin, statement.end, ""}); }

  std::string all_in_line(const TomlValue& servers) {
    std::string out;
    std::set<std::string> done;
    for (const auto& entry : servers.entries) {
      const auto url = url_of_(entry.key[0]);
      if (!url || (entry.key.size() > 1 && !done.insert(entry.key[0]).second)) continue;
      const TomlValue none;
      out.append(out.empty() ? "{ " : ", ").append(toml_key_text(entry.key[0])).append(" = ");
      out += replaced(document_, entry.key.size() == 1 ? entry.value : none, *url);
    }
    return out.empty() ? "{}" : out + " }";
  }

  const TomlDocument& document_;
  const UrlOf& url_of_;
  std::set<std::string> with_table_;  // servers that have a [mcp_servers.X]
  std::set<std::string> written_;     // whose url is written
  bool dropping_ = false;             // within a table that goes
  std::vector<Splice> splices_;
};

}  // namespace

Result<std::vector<McpServer>> servers_of_toml(const std::string& path, const std::string& text) {
  auto document = read_toml_text(path, text);
  if (!document) return fail(std::move(document.error()));
  std::map<std::string, McpServer> servers;
  for (const auto& statement : document->statements)
    if (statement.kind == Kind::kValue && is_of_servers(statement))
      take(servers, std::span(statement.path).subspan(1), statement.value, path);
  std::vector<McpServer> out;
  for (auto& [name, server] : servers) out.push_back(std::move(server));
  return out;
}

Result<std::string> toml_through_gate(const std::string& path, const std::string& text, const UrlOf& url_of) {
  auto document = read_toml_text(path, text);
  if (!document) return fail(std::move(document.error()));
  auto next = Rewriting(*document, url_of).text();
  if (auto good = read_toml_text(path, next); !good)
    return fail(ErrorCode::kInternal, "a rewritten copy of " + path + " would be no TOML: " + good.error().message, "please report this");
  return next;
}

}  // namespace interlock::hosts
