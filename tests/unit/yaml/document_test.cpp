// The YAML reader: places, bounds, and what it refuses.
#include "yaml/document.hpp"

#include <gtest/gtest.h>

#include <array>

namespace interlock::yaml {
namespace {

TEST(YamlDocument, EveryNodeKnowsWhereItStands) {
  auto root = parse("a: 1\nb:\n  - x\n  - {c: \"2\"}\n", "f.yaml");
  ASSERT_TRUE(root) << root.error().text();
  ASSERT_EQ(root->kind, Node::Kind::kMap);
  EXPECT_EQ(root->find("a")->text, "1");
  const Node& list = *root->find("b");
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[1].line, 4u);
  EXPECT_EQ(list.items[1].column, 5u);
  EXPECT_TRUE(list.items[1].find("c")->quoted);
  EXPECT_FALSE(list.items[0].quoted);
  EXPECT_EQ(root->find("zzz"), nullptr);
}

TEST(YamlDocument, AnEmptyTextIsNothing) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "~"}) {
    auto root = parse(text, "f.yaml");
    ASSERT_TRUE(root) << text << root.error().text();
    EXPECT_EQ(root->kind, Node::Kind::kNull) << text;
  }
}

TEST(YamlDocument, AliasesAreCopied) {
  auto root = parse("a: &x [1, 2]\nb: *x\n", "f.yaml");
  ASSERT_TRUE(root) << root.error().text();
  EXPECT_EQ(root->find("b")->items.size(), 2u);
}

struct Bad {
  const char* text;
  const char* begins;
  const char* holds;
};

TEST(YamlDocument, WhatIsWrongIsNamedWithItsPlace) {
  const std::array bad{
      Bad{"a: 1\na: 2\n", "f.yaml:2:1: ", "`a` is there twice"},
      Bad{"a: [1, 2\n", "f.yaml:", "not YAML"},
      Bad{"a: b: c\n", "f.yaml:1:", "not YAML"},
      Bad{"? [a]\n: b\n", "f.yaml:1:3: ", "plain text"},
      Bad{"a: !!python/object x\n", "f.yaml:1:", "tag"},
      Bad{"a: 1\n---\nb: 2\n", "f.yaml:3:1: ", "second document"},
      Bad{"a: *nobody\n", "f.yaml:1:", ""},
      Bad{"\tfoo: 1\n", "f.yaml:1:", "not YAML"},
  };
  for (const Bad& one : bad) {
    auto root = parse(one.text, "f.yaml");
    ASSERT_FALSE(root) << one.text;
    EXPECT_TRUE(root.error().message.starts_with(one.begins)) << one.text << root.error().message;
    EXPECT_NE(root.error().message.find(one.holds), std::string::npos) << root.error().message;
  }
}

TEST(YamlDocument, ALaughingFileIsRefusedBeforeItCostsMemory) {
  std::string text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string p = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + p + "," + p + "," + p + "," + p + "," + p + "," + p + "]\n";
  }
  auto root = parse(text, "f.yaml");
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().code, ErrorCode::kTooLarge);
}

TEST(YamlDocument, BoundsOnSizeDepthAndCount) {
  EXPECT_EQ(parse(std::string(2000, 'a'), "f", {.size_bytes = 1000}).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(parse(std::string(40, '[') + std::string(40, ']'), "f").error().code, ErrorCode::kTooLarge);
  std::string many = "[";
  for (int i = 0; i < 50; ++i) many += "1,";
  EXPECT_EQ(parse(many + "1]", "f", {.nodes = 20}).error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(parse(std::string(100'000, '['), "f"));
  EXPECT_FALSE(parse(std::string(100'000, '{'), "f"));
  std::string dashes;
  for (int i = 0; i < 30'000; ++i) dashes += "- ";
  EXPECT_FALSE(parse(dashes, "f"));
}

TEST(YamlReader, ValuesAreCheckedAndTheFirstComplaintStays) {
  auto root = parse("n: 7\nq: '7'\nd: 5m\nf: true\nw: balanced\nl: [a, b]\n", "f.yaml");
  ASSERT_TRUE(root);
  Reader reader("f.yaml");
  Map map(reader, *root, "");
  EXPECT_EQ(map.integer("n", 0, 0, 10), 7);
  EXPECT_EQ(map.duration_ms("d", 0, 0, 1'000'000), 300'000);
  EXPECT_TRUE(map.flag("f", false));
  EXPECT_EQ(map.choice<int>("w", 0, {{"strict", 1}, {"balanced", 2}}), 2);
  EXPECT_EQ(map.texts("l", 5), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(map.integer("absent", 42, 0, 100), 42);
  EXPECT_FALSE(reader.failed());
  map.integer("q", 0, 0, 10);
  ASSERT_TRUE(reader.failed());
  EXPECT_EQ(reader.error()->message, "f.yaml:2:4: `q` must be a whole number");
  map.close();
  EXPECT_EQ(reader.error()->hint, "without quotes");
}

TEST(YamlReader, AnUnknownKeyIsAnErrorWithAGuess) {
  auto root = parse("polices: [a]\n", "f.yaml");
  Reader reader("f.yaml");
  Map map(reader, *root, "");
  map.texts("policies", 5);
  map.close();
  ASSERT_TRUE(reader.failed());
  EXPECT_EQ(reader.error()->message, "f.yaml:1:1: unknown key `polices`");
  EXPECT_EQ(reader.error()->hint, "did you mean `policies`?");
}

TEST(YamlReader, NearestKnowsSwapsAndStaysSilentWhenNothingIsNear) {
  const std::array<std::string_view, 3> known{"balanced", "strict", "url"};
  EXPECT_EQ(nearest("blaanced", known), "balanced");
  EXPECT_EQ(nearest("strct", known), "strict");
  EXPECT_EQ(nearest("xyz", known), "");
  EXPECT_EQ(nearest(std::string(10'000, 'a'), known), "");
}

}  // namespace
}  // namespace interlock::yaml
