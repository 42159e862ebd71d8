// What `interlock init` writes: it loads, and holds no secret of the client configuration that it was made from.
#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "cli/config.hpp"
#include "cli/init_text.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {
namespace {

const ConfigSurroundings kNothingSet{
    .environment = [](std::string_view name) { return name == "HOME" ? std::optional<std::string>("/home/u") : std::nullopt; },
    .check_files = false};

Result<Config> load(const InitFacts& facts) { return parse_config(configuration_text(facts), "/work/interlock.yaml", kNothingSet); }

InitFacts facts_with(const char* client_configuration) {
  InitFacts facts;
  facts.token_sha256 = to_hex(sha256("token"));
  facts.servers = servers_of_client(*json::parse(client_configuration));
  facts.servers_from = ".mcp.json";
  return facts;
}

TEST(Init, WhatItWritesLoadsForEveryPreset) {
  for (const auto preset : {Preset::kObserve, Preset::kBalanced, Preset::kStrict, Preset::kNone}) {
    for (const bool workspace : {true, false}) {
      InitFacts facts;
      facts.preset = preset;
      facts.workspace = workspace;
      facts.token_sha256 = to_hex(sha256("token"));
      const auto config = load(facts);
      ASSERT_TRUE(config) << config.error().text();
      EXPECT_EQ(config->preset, preset);
      EXPECT_EQ(config->workspace.size(), workspace ? 1U : 0U);
      EXPECT_EQ(config->auth.tokens.at(0).token_sha256, facts.token_sha256);
      EXPECT_TRUE(config->warnings.empty());
    }
  }
}

TEST(Init, ItsExamplePoliciesLoadAsTheyAreAndUncommented) {
  const policy::PolicySource commented{"own.cedar", std::string(example_policies())};
  EXPECT_TRUE(policy::PolicyEngine::load({&commented, 1}));
  policy::PolicySource active{"own.cedar", ""};
  std::string_view rest = example_policies();
  std::size_t rules = 0;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const bool is_rule = line.starts_with("// @") || line.starts_with("// forbid (") || line.starts_with("// permit (") ||
                         line.starts_with("// when ") || line.starts_with("// unless ");
    if (is_rule) active.text += std::string(line.substr(3)) + "\n";
    rules += line.starts_with("// @id") ? 1 : 0;
  }
  const auto engine = policy::PolicyEngine::load({&active, 1});
  ASSERT_TRUE(engine) << engine.error().text() << active.text;
  EXPECT_GE(rules, 3U);
  EXPECT_GE((*engine)->policy_ids().size(), rules);
}

TEST(Init, TakesOverTheServersOfAClientAndLeavesItsSecrets) {
  const auto facts = facts_with(R"({"mcpServers": {
    "File System": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/my work", "yes", "1.5", "a: b", "${HOME}/x", "${input:key}", "$HOME"]},
    "git__hub": {"command": "gh-mcp", "env": {"GITHUB_TOKEN": "ghp_hunter2", "bad=name": "hunter2"}},
    "web": {"type": "http", "url": "https://mcp.example.com/mcp", "headers": {"Authorization": "Bearer hunter2", "X-Api-Key": "hunter2"}},
    "_": {"command": "odd"}
  }})");
  const auto text = configuration_text(facts);
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  const auto config = load(facts);
  ASSERT_TRUE(config) << config.error().text() << text;
  ASSERT_EQ(config->servers.size(), 4U) << text;
  ASSERT_NE(config->server("File-System"), nullptr);
  EXPECT_EQ(config->server("File-System")->command,
            (std::vector<std::string>{"npx", "-y", "@modelcontextprotocol/server-filesystem", "/my work", "yes", "1.5", "a: b", "/home/u/x",
                                      "${input:key}", "$HOME"}));
  ASSERT_NE(config->server("git-hub"), nullptr);
  EXPECT_EQ(config->server("git-hub")->env, (NameValues{{"GITHUB_TOKEN", ""}}));
  EXPECT_EQ(config->server("web")->headers, (NameValues{{"Authorization", ""}, {"X-Api-Key", ""}}));
}

TEST(Init, LeavesOutWhatIsNoServerOrGoesThroughInterlockAlready) {
  const char* odd[] = {"[]",
                       "{}",
                       "7",
                       R"({"mcpServers": []})",
                       R"({"mcpServers": {"a": 7, "b": {}, "c": {"command": ""}, "d": {"command": 7}, "e": {"url": "ftp://x"}}})",
                       R"({"mcpServers": {"a": {"command": "/usr/bin/interlock", "args": ["mcp", "--", "x"]}}})",
                       R"({"mcpServers": {"a": {"command": "x", "args": [1]}}})",
                       R"({"mcpServers": {"a": {"url": "https://user:pw@x/"}, "b": {"url": "https://x/ y"}}})"};
  for (const char* text : odd) {
    EXPECT_TRUE(servers_of_client(*json::parse(text)).empty()) << text;
    EXPECT_TRUE(load(facts_with(text))) << text;
  }
}

TEST(Init, NamesThatFallTogetherAreKeptApart) {
  const auto servers = servers_of_client(
      *json::parse(R"({"servers": {"a b": {"command": "x"}, "a/b": {"command": "y"}, "a_b": {"command": "z"}, "": {"command": "w"}}})"));
  std::set<std::string> names;
  for (const auto& server : servers) names.insert(server.name);
  EXPECT_EQ(servers.size(), 4U);
  EXPECT_EQ(names.size(), 4U);
}

}  // namespace
}  // namespace interlock::cli
