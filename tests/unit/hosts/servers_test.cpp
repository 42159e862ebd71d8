// MCP servers found in the files of each host, and the copies for a run.
#include <gtest/gtest.h>

#include <algorithm>

#include "hosts/edit.hpp"
#include "hosts/json_text.hpp"
#include "hosts/toml_text.hpp"
#include "unit/hosts/files_in_memory.hpp"

namespace interlock::hosts {
namespace {

std::optional<std::string> through(std::string_view name) {
  if (name == "unknown") return std::nullopt;
  return "http://127.0.0.1:7410/mcp/" + std::string(name);
}

struct HttpForm {
  std::string_view host;
  std::string path;
  std::string member;
  std::string form;
};
const HttpForm kForms[] = {
    {"claude", "/work/it/.mcp.json", "mcpServers", R"({"type":"http","url":"http://127.0.0.1:7410/mcp/files", "timeout": 7})"},
    {"gemini", "/home/me/.gemini/settings.json", "mcpServers", R"({"httpUrl":"http://127.0.0.1:7410/mcp/files", "timeout": 7})"},
    {"copilot", "/home/me/.copilot/mcp-config.json", "mcpServers",
     R"({"type":"http","url":"http://127.0.0.1:7410/mcp/files","headers":{}, "timeout": 7})"},
    {"cursor", "/work/it/.cursor/mcp.json", "mcpServers", R"({"url":"http://127.0.0.1:7410/mcp/files", "timeout": 7})"},
    {"cline", "/home/me/.cline/data/settings/cline_mcp_settings.json", "mcpServers",
     R"({"type":"streamableHttp","url":"http://127.0.0.1:7410/mcp/files", "timeout": 7})"},
    {"opencode", "/work/it/opencode.json", "mcp",
     R"({"type":"remote","url":"http://127.0.0.1:7410/mcp/files","oauth":false, "timeout": 7})"},
    {"windsurf", "/home/me/.codeium/windsurf/mcp_config.json", "mcpServers",
     R"({"serverUrl":"http://127.0.0.1:7410/mcp/files", "timeout": 7})"},
    {"vscode", "/work/it/.vscode/mcp.json", "servers", R"({"type":"http","url":"http://127.0.0.1:7410/mcp/files", "timeout": 7})"},
};

TEST(Servers, a_copy_for_a_run_reaches_each_server_through_the_gate_in_the_form_of_its_host) {
  for (const auto& one : kForms) {
    const std::string head = "{\n  // kept\n  \"" + one.member + "\": {\n    \"files\": ";
    const std::string tail = ",\n    \"unknown\": {\"command\": \"x\"}\n  }\n}\n";
    FilesInMemory files;
    files.files[one.path] =
        head + R"({"command": "npx", "args": ["-y", "files", "/w"], "env": {"API_KEY": "s3cret"}, "timeout": 7, "headers": {"A": "b"}})" +
        tail;
    const auto changes = through_gate(*host_named(one.host), at_home(), files.reader(), through);
    ASSERT_TRUE(changes.has_value()) << changes.error().text();
    ASSERT_EQ(changes->size(), 1U) << one.host;
    EXPECT_EQ((*changes)[0].path, one.path);
    EXPECT_EQ(*(*changes)[0].after, head + one.form + "\n  }\n}\n") << one.host;
    EXPECT_EQ((*changes)[0].after->find("s3cret"), std::string::npos);

    const auto servers = servers_of(*host_named(one.host), at_home(), files.reader());
    ASSERT_TRUE(servers.has_value());
    ASSERT_EQ(servers->size(), 2U);
    EXPECT_EQ((*servers)[0].name, "files");
    EXPECT_EQ((*servers)[0].command, (std::vector<std::string>{"npx", "-y", "files", "/w"}));
    EXPECT_EQ((*servers)[0].environment, (std::vector<std::pair<std::string, std::string>>{{"API_KEY", "s3cret"}}));
    EXPECT_EQ((*servers)[0].file, one.path);
  }
}

TEST(Servers, claude_has_them_by_project_too) {
  FilesInMemory files;
  files.files["/home/me/.claude.json"] =
      R"({"numStartups": 3, "mcpServers": {"a": {"type": "http", "url": "https://a.example/mcp", "headers": {"Authorization": "x"}}},
 "projects": {"/work/it": {"mcpServers": {"b": {"command": "b"}}}, "/other": {"mcpServers": {"c": {"command": "c"}}}}})";
  const auto servers = servers_of(*host_named("claude"), at_home(), files.reader());
  ASSERT_TRUE(servers.has_value());
  ASSERT_EQ(servers->size(), 2U);
  EXPECT_EQ((*servers)[0].url, "https://a.example/mcp");
  EXPECT_EQ((*servers)[0].headers.size(), 1U);
  EXPECT_EQ((*servers)[1].name, "b");
  const auto changes = through_gate(*host_named("claude"), at_home(), files.reader(), through);
  ASSERT_TRUE(changes.has_value());
  ASSERT_EQ(changes->size(), 1U);
  const auto& after = *(*changes)[0].after;
  for (const std::string name : {"a", "b", "c"}) EXPECT_NE(after.find("/mcp/" + name + "\""), std::string::npos) << after;
  EXPECT_EQ(after.find("command"), std::string::npos);
  EXPECT_NE(after.find("\"numStartups\": 3"), std::string::npos);
}

TEST(Servers, opencode_writes_a_command_as_a_list) {
  FilesInMemory files;
  files.files["/work/it/opencode.jsonc"] =
      R"({"mcp": {"a": {"type": "local", "command": ["npx", "a"], "environment": {"K": "v"}, "enabled": true}}})";
  const auto servers = servers_of(*host_named("opencode"), at_home(), files.reader());
  ASSERT_TRUE(servers.has_value());
  EXPECT_EQ((*servers)[0].command, (std::vector<std::string>{"npx", "a"}));
  EXPECT_EQ((*servers)[0].environment.size(), 1U);
}

TEST(Servers, a_broken_file_is_refused_and_a_missing_or_empty_one_has_none) {
  FilesInMemory files;
  EXPECT_TRUE(servers_of(*host_named("cursor"), at_home(), files.reader())->empty());
  files.files["/home/me/.cursor/mcp.json"] = " \n";
  EXPECT_TRUE(servers_of(*host_named("cursor"), at_home(), files.reader())->empty());
  files.files["/home/me/.cursor/mcp.json"] = "{\n \"mcpServers\": {,}}";
  EXPECT_FALSE(servers_of(*host_named("cursor"), at_home(), files.reader()).has_value());
  EXPECT_FALSE(through_gate(*host_named("cursor"), at_home(), files.reader(), through).has_value());
}

struct TomlCase {
  std::string_view before;
  std::string_view after;
};

TEST(Servers, codex_has_them_in_toml_in_any_form) {
  const TomlCase cases[] = {
      {"model = \"x\" # mine\n\n[mcp_servers.files]\ncommand = \"npx\"\nargs = [\n  \"files\", # where\n]\nstartup_timeout_sec = 9\n\n"
       "[mcp_servers.files.env]\nKEY = \"s3cret\"\n\n[tui]\nx = 1\n",
       "model = \"x\" # mine\n\n[mcp_servers.files]\nurl = \"U/files\"\nstartup_timeout_sec = 9\n\n\n[tui]\nx = 1\n"},
      {"[mcp_servers]\nfiles = { command = \"npx\", args = [\"files\"], env = { KEY = \"s3cret\" }, enabled = true }\n",
       "[mcp_servers]\nfiles = { url = \"U/files\", enabled = true }\n"},
      {"mcp_servers.files.command = \"npx\"\nmcp_servers.files.args = [\"files\"]\nmcp_servers.files.env.KEY = \"s3cret\"\n",
       "mcp_servers.files.url = \"U/files\"\n"},
      {"[mcp_servers]\nfiles.command = \"npx\"\nfiles.args = [\"files\"]\nfiles.env = { KEY = \"s3cret\" }\nfiles.enabled = true\n",
       "[mcp_servers]\nfiles.url = \"U/files\"\nfiles.enabled = true\n"},
      {"mcp_servers = { files = { command = 'npx', args = ['files'], env = { KEY = 's3cret' } }, unknown = { command = 'x' } }\n",
       "mcp_servers = { files = { url = \"U/files\" } }\n"},
      {"[mcp_servers.unknown]\ncommand = \"x\"\n[mcp_servers.unknown.env]\nA = \"b\"\n[mcp_servers.\"files\"]\r\ncommand = "
       "\"npx\"\r\nargs=[\"files\"]\r\n"
       "env = {KEY = \"s3cret\"}",
       "[mcp_servers.\"files\"]\r\nurl = \"U/files\"\n"},
      {"[mcp_servers.files.env]\nKEY = \"s3cret\"\n[mcp_servers.files]\ncommand = \"npx\"\nargs = [\"files\"]",
       "[mcp_servers.files]\nurl = \"U/files\"\n"},
  };
  for (const auto& one : cases) {
    FilesInMemory files;
    files.files["/home/me/.codex/config.toml"] = one.before;
    const auto servers = servers_of(*host_named("codex"), at_home(), files.reader());
    ASSERT_TRUE(servers.has_value()) << servers.error().text();
    const auto found = std::ranges::find(*servers, "files", &McpServer::name);
    ASSERT_NE(found, servers->end()) << one.before;
    EXPECT_EQ(found->command, (std::vector<std::string>{"npx", "files"})) << one.before;
    EXPECT_EQ(found->environment, (std::vector<std::pair<std::string, std::string>>{{"KEY", "s3cret"}})) << one.before;

    const auto changes =
        through_gate(*host_named("codex"), at_home(), files.reader(), [](std::string_view name) -> std::optional<std::string> {
          if (name == "unknown") return std::nullopt;
          return "U/" + std::string(name);
        });
    ASSERT_TRUE(changes.has_value()) << changes.error().text();
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(*(*changes)[0].after, one.after);
  }
}

TEST(Servers, a_toml_server_that_is_reached_over_http_is_found_with_its_headers) {
  FilesInMemory files;
  files.files["/work/it/.codex/config.toml"] =
      "[mcp_servers.a]\nurl = \"https://a.example/mcp\"\nhttp_headers = { X = \"y\" }\nbearer_token_env_var = \"T\"\n";
  const auto servers = servers_of(*host_named("codex"), at_home(), files.reader());
  ASSERT_TRUE(servers.has_value());
  EXPECT_EQ((*servers)[0].url, "https://a.example/mcp");
  EXPECT_EQ((*servers)[0].headers.size(), 1U);
  const auto changes = through_gate(*host_named("codex"), at_home(), files.reader(), through);
  EXPECT_EQ(*(*changes)[0].after, "[mcp_servers.a]\nurl = \"http://127.0.0.1:7410/mcp/a\"\n");
}

}  // namespace
}  // namespace interlock::hosts
