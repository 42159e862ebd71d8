#include "hosts/hosts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace interlock::hosts {
namespace {

Folders folders() { return {.home = "/home/me", .project = "/work/it"}; }

TEST(Hosts, are_nine_and_are_found_by_name_and_by_program) {
  EXPECT_EQ(all_hosts().size(), 9U);
  for (const auto& host : all_hosts()) {
    EXPECT_EQ(host_named(host.name), &host);
    for (const auto program : host.programs) EXPECT_EQ(host_of_program("/usr/local/bin/" + std::string(program)), &host) << program;
  }
  EXPECT_EQ(host_named("Claude"), nullptr);
  EXPECT_EQ(host_named(""), nullptr);
  EXPECT_EQ(host_of_program("bash"), nullptr);
  EXPECT_EQ(host_of_program("/opt/claude/"), nullptr);
}

TEST(Hosts, every_path_is_of_the_home_or_of_the_project) {
  const auto check = [](std::string_view path) {
    EXPECT_TRUE(path.starts_with("~/") || path.starts_with("./")) << path;
    EXPECT_EQ(path.find("//"), std::string_view::npos) << path;
    EXPECT_EQ(path.find(".."), std::string_view::npos) << path;
  };
  for (const auto& host : all_hosts()) {
    ASSERT_EQ(host.hook_files.size(), 2U) << host.name;
    EXPECT_TRUE(host.hook_files[0].starts_with("~/")) << host.name;
    EXPECT_TRUE(host.hook_files[1].starts_with("./")) << host.name;
    for (const auto* list : {&host.hook_files, &host.mcp_files, &host.state, &host.sealed})
      for (const auto path : *list) check(path);
  }
  std::set<std::string_view> seen;
  for (const auto path : sealed_everywhere()) {
    check(path);
    EXPECT_TRUE(seen.insert(path).second) << path << " stands there twice";
  }
}

// An agent that could write its own hooks would be free of them at its next start.
TEST(Hosts, the_files_of_the_hooks_are_sealed) {
  for (const auto& host : all_hosts()) {
    for (const auto file : host.hook_files) {
      const bool sealed = std::ranges::any_of(
          host.sealed, [&](std::string_view path) { return path == file || (path.ends_with('/') && file.starts_with(path)); });
      EXPECT_TRUE(sealed) << host.name << ": " << file;
    }
  }
}

// ~/.claude.json is written by the program all the time, the rest need not be.
TEST(Hosts, the_files_of_the_servers_are_sealed_where_the_host_does_not_write_them_itself) {
  for (const auto& host : all_hosts()) {
    for (const auto file : host.mcp_files) {
      if (file == "~/.claude.json") continue;
      const bool sealed = std::ranges::any_of(
          host.sealed, [&](std::string_view path) { return path == file || (path.ends_with('/') && file.starts_with(path)); });
      EXPECT_TRUE(sealed) << host.name << ": " << file;
    }
  }
}

TEST(Hosts, a_path_is_below_the_home_the_project_or_what_a_variable_names) {
  const auto& codex = *host_named("codex");
  EXPECT_EQ(path_of(codex, "~/.codex/hooks.json", folders()), "/home/me/.codex/hooks.json");
  EXPECT_EQ(path_of(codex, "./.codex/hooks.json", folders()), "/work/it/.codex/hooks.json");
  auto moved = folders();
  moved.environment = [](std::string_view name) { return name == "CODEX_HOME" ? std::string("/opt/codex/") : std::string(); };
  EXPECT_EQ(path_of(codex, "~/.codex/hooks.json", moved), "/opt/codex/hooks.json");
  EXPECT_EQ(path_of(codex, "~/.agents/", moved), "/home/me/.agents/");
  moved.environment = [](std::string_view) { return std::string("relative"); };
  EXPECT_EQ(path_of(codex, "~/.codex/hooks.json", moved), "/home/me/.codex/hooks.json");

  const auto& claude = *host_named("claude");
  moved.environment = [](std::string_view name) { return name == "CLAUDE_CONFIG_DIR" ? std::string("/opt/claude") : std::string(); };
  EXPECT_EQ(path_of(claude, "~/.claude/settings.json", moved), "/opt/claude/settings.json");
  EXPECT_EQ(path_of(claude, "~/.claude.json", moved), "/opt/claude/.claude.json");
  const auto& gemini = *host_named("gemini");
  moved.environment = [](std::string_view name) { return name == "GEMINI_CLI_HOME" ? std::string("/opt/g") : std::string(); };
  EXPECT_EQ(path_of(gemini, "~/.gemini/settings.json", moved), "/opt/g/.gemini/settings.json");
}

}  // namespace
}  // namespace interlock::hosts
