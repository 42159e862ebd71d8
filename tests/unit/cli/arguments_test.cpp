// Command lines: what is understood, and what is refused with a suggestion.
#include "cli/arguments.hpp"

#include <gtest/gtest.h>

#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

TEST(Arguments, FlagsValuesAndTheRestAreToldApart) {
  const auto got = parse_arguments({"a", "--json", "--name", "x", "-f", "--name=y=z", "-", "b"}, {"-f"}, {"--name"});
  EXPECT_EQ(got.wrong, "");
  EXPECT_TRUE(got.has("--json") && got.has("-f"));
  EXPECT_EQ(got.value("--name"), "x");
  EXPECT_EQ(got.values.count("--name"), 2U);
  EXPECT_EQ(got.rest, (Words{"a", "-", "b"}));
  EXPECT_FALSE(got.after_dashes);
}

TEST(Arguments, NothingAfterTwoDashesIsAnOption) {
  const auto got = parse_arguments({"--name", "n", "--", "npx", "--json", "--", "-y"}, {}, {"--name"});
  EXPECT_EQ(got.rest, (Words{"npx", "--json", "--", "-y"}));
  EXPECT_TRUE(got.after_dashes);
  EXPECT_FALSE(got.has("--json"));
}

TEST(Arguments, WhatIsWrongIsNamed) {
  EXPECT_EQ(parse_arguments({"--nmae", "x"}, {}, {"--name"}).wrong, "unknown option --nmae (did you mean --name?)");
  EXPECT_EQ(parse_arguments({"--zzzzzzzzzzz"}, {}, {"--name"}).wrong, "unknown option --zzzzzzzzzzz");
  EXPECT_EQ(parse_arguments({"--name"}, {}, {"--name"}).wrong, "--name needs a value");
  EXPECT_EQ(parse_arguments({"--json=1"}, {}, {}).wrong, "--json takes no value");
  EXPECT_TRUE(parse_arguments({"-h"}, {}, {}).has("--help"));
}

TEST(Arguments, PlacesAreTakenWhereverTheyStandBeforeTwoDashes) {
  Words words = {"--config", "a.yaml", "approve", "--yes", "--state=/s", "id", "--", "--config", "kept"};
  const auto places = take_places(words);
  EXPECT_EQ(places.config, "a.yaml");
  EXPECT_EQ(places.state, "/s");
  EXPECT_EQ(places.wrong, "");
  EXPECT_EQ(words, (Words{"approve", "--yes", "id", "--", "--config", "kept"}));
}

TEST(Arguments, APlaceWithoutAValueIsRefused) {
  for (Words words : {Words{"log", "--config"}, Words{"log", "--state="}}) EXPECT_NE(take_places(words).wrong, "") << words[0];
}

TEST(ServerNames, AreMadeFromTheCommand) {
  const std::pair<Words, const char*> table[] = {
      {{"npx", "-y", "@modelcontextprotocol/server-filesystem@1.2.3", "/work"}, "filesystem"},
      {{"/usr/bin/node", "/x/dist/my_server.mjs", "--stdio"}, "my-server"},
      {{"uvx", "mcp-server-git", "--repository", "."}, "git"},
      {{"docker", "run", "-i", "ghcr.io/github/github-mcp-server:latest"}, "github-mcp-server"},
      {{"./echo_server", "--stdio"}, "echo-server"},
      {{"python3", "-m", "mcp_server_time"}, "mcp-server-time"},
      {{"npx"}, "npx"},
      {{"///"}, "server"},
      {{"\xff\xfe"}, "server"},
      {{}, "server"},
  };
  for (const auto& [command, name] : table) EXPECT_EQ(name_from_command(command), name) << (command.empty() ? "nothing" : command[0]);
}

}  // namespace
}  // namespace interlock::cli
