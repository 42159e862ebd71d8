#include "hosts/toml_text.hpp"

#include <gtest/gtest.h>

namespace interlock::hosts {
namespace {

TEST(TomlText, statements_have_their_place_their_path_and_their_value) {
  const std::string text =
      "\xEF\xBB\xBF# head\n a . \"b c\" = 'x'  # tail\r\n[t.u]\nk = [ 1, # one\n 2.5e3, [ ], {a=1,b.c=\"\"} ]\nd = 1979-05-27 "
      "07:32:00Z\n[[list]]\nn = 1\n"
      "[[list]]\nn = 2\n[list.sub]\nm = \"\"\"\n\"\"two\\\n   lines\"\"\"\"\"\nq = '''\n'it''''";
  const auto document = read_toml_text("f.toml", text);
  ASSERT_TRUE(document.has_value()) << document.error().text();
  ASSERT_EQ(document->statements.size(), 11U);
  const auto& s = document->statements;
  EXPECT_EQ(s[0].path, (TomlKey{"a", "b c"}));
  EXPECT_EQ(s[0].value.text, "x");
  EXPECT_EQ(text.substr(s[0].begin, s[0].end - s[0].begin), " a . \"b c\" = 'x'  # tail\r\n");
  EXPECT_EQ(s[2].path, (TomlKey{"t", "u", "k"}));
  ASSERT_EQ(s[2].value.items.size(), 4U);
  EXPECT_EQ(s[2].value.items[1].text, "2.5e3");
  EXPECT_EQ(s[2].value.items[3].entries[1].key, (TomlKey{"b", "c"}));
  EXPECT_EQ(s[3].value.text, "1979-05-27 07:32:00Z");
  EXPECT_EQ(s[9].value.text, "\"\"twolines\"\"");
  EXPECT_EQ(s[10].value.text, "'it'");
  EXPECT_EQ(s[10].end, text.size());
}

TEST(TomlText, what_is_no_toml_is_refused_with_its_place) {
  const struct {
    std::string text;
    std::string_view place;
    std::string_view why;
  } cases[] = {
      {"a = 1\na = 2\n", "f:2:1", "defined already"},
      {"[a]\n[b]\n[a]\n", "f:3:1", "defined already"},
      {"a = 1\n[a]\n", "f:2:1", "defined already"},
      {"a.b = 1\n[a]\n", "f:2:1", "defined already"},
      {"[a.b]\n[a]\nb.c = 1\n", "f:3:1", "defined already"},
      {"[a]\n[[a]]\n", "f:2:1", "something else"},
      {"a = {b = 1, b = 2}", "f:1:13", "defined already"},
      {"a = {b = 1}\n[a.c]\n", "f:2:1", "defined already"},
      {"a = 1 b = 2\n", "f:1:7", "line end"},
      {"a = \n", "f:1:5", "value is missing"},
      {"a\n", "f:1:2", "`=`"},
      {"= 1\n", "f:1:1", "key is missing"},
      {"[a\n", "f:1:3", "`]`"},
      {"[[a]\n", "f:1:4", "`]]`"},
      {"a = yes\n", "f:1:5", "no TOML value"},
      {"a = \"x\n\"", "f:1:7", "line end, in a text"},
      {"a = \"x", "f:1:5", "does not end"},
      {"a = \"\"\"x\"\"", "f:1:5", "does not end"},
      {"a = [1, 2", "f:1:5", "does not end"},
      {"a = [1 2]", "f:1:8", "comma"},
      {"a = {b = 1", "f:1:5", "does not end"},
      {"a = \"\\q\"", "f:1:7", "escape"},
      {"a = \"\\uD800\"", "f:1:12", "Unicode"},
      {"a = '\xff'", "f:1:6", "UTF-8"},
      {"# \xff", "f:1:3", "UTF-8"},
      {std::string("a = '\0'", 8), "f:1:6", "control character"},
      {"{\"a\": 1}", "f:1:1", "key is missing"},
  };
  for (const auto& one : cases) {
    const auto document = read_toml_text("f", one.text);
    ASSERT_FALSE(document.has_value()) << one.text;
    EXPECT_TRUE(document.error().message.starts_with(std::string(one.place) + ": ")) << one.text << "\n" << document.error().message;
    EXPECT_NE(document.error().message.find(one.why), std::string::npos) << document.error().message;
  }
}

TEST(TomlText, bounds_hold) {
  EXPECT_EQ(read_toml_text("f", "a = " + std::string(100'000, '[')).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read_toml_text("f", std::string(kTomlBytes + 1, '#')).error().code, ErrorCode::kTooLarge);
  std::string key = "a";
  for (int i = 0; i < 1'000; ++i) key += ".a";
  EXPECT_EQ(read_toml_text("f", key + " = 1").error().code, ErrorCode::kTooLarge);
}

TEST(TomlText, keys_and_texts_are_written_so_that_they_are_read_back) {
  for (const std::string text : {"plain", "a b", "", "é", "q\"uote", "back\\slash", "line\nend", "\x7f\x01"}) {
    const auto document = read_toml_text("f", toml_key_text(text) + " = " + toml_string_text(text));
    ASSERT_TRUE(document.has_value()) << document.error().text();
    EXPECT_EQ(document->statements[0].path[0], text);
    EXPECT_EQ(document->statements[0].value.text, text);
  }
}

}  // namespace
}  // namespace interlock::hosts
