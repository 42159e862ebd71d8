#include "cli/secret_import.hpp"

#include <gtest/gtest.h>

namespace interlock::cli {
namespace {

// "name=value;..." of what was read, or the code of the error.
std::string read(std::string_view text) {
  const auto secrets = read_import(text);
  if (!secrets) return "error: " + std::string(error_code_name(secrets.error().code));
  std::string out;
  for (const auto& [name, value] : *secrets) out += name + "=" + std::string(value.view()) + ";";
  return out;
}

TEST(SecretImport, ReadsTheLinesOfAnEnvironmentFile) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"\n# a comment\n\n  # another\n", ""},
      {"A=1", "A=1;"},
      {"A=1\nB=2\n", "A=1;B=2;"},
      {"export A=1\r\nB = two words \r\n", "A=1;B=two words;"},
      {"A=a=b", "A=a=b;"},
      {"A=with#hash # and a comment", "A=with#hash;"},
      {"A='single # quotes $HOME \\n' # c", "A=single # quotes $HOME \\n;"},
      {R"(A="double \"quotes\"\nand lines" # c)", "A=double \"quotes\"\nand lines;"},
      {"a.b-c_D=x", "a.b-c_D=x;"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(read(text), expected) << text;
}

TEST(SecretImport, ReadsAnObjectOfTexts) {
  EXPECT_EQ(read(R"( {"a":"1","db":{"user":"u","password":"p"}} )"), "a=1;db/user=u;db/password=p;");
}

TEST(SecretImport, RefusesWhatCannotBeMeant) {
  for (const std::string_view text : {"no assignment", "=value", "A B=1", "A=", "A=''", "A=\"\"", "A=\"open", "A='open", "A=\"x\" y",
                                      "A='x' y", "{", "{\"a\":1}", "{\"a\":null}", "{\"a\":[\"x\"]}", "{\"a\":\"\"}"}) {
    EXPECT_EQ(read(text), "error: invalid") << text;
  }
  EXPECT_EQ(read("A=1\nA=2"), "error: conflict");
  EXPECT_EQ(read(R"({"a/b":"1","a":{"b":"2"}})"), "error: conflict");
  std::string many;
  for (std::size_t i = 0; i <= kImportSecrets; ++i) many += "N" + std::to_string(i) + "=x\n";
  EXPECT_EQ(read(many), "error: too_large");
}

TEST(SecretImport, NamesThePlaceOfWhatIsWrongAndNeverQuotesIt) {
  for (const std::string_view text :
       {"A=1\ncanary value", "A=1\nB=\"canary", "A=1\nB='canary' canary", "{\"a\": canary}", "{\"a\":\"canary\",}"}) {
    const auto secrets = read_import(text);
    ASSERT_FALSE(secrets) << text;
    EXPECT_EQ(secrets.error().text().find("canary"), std::string::npos) << secrets.error().text();
    EXPECT_EQ(secrets.error().message.contains("line 2"), text.front() != '{') << text;
  }
}

}  // namespace
}  // namespace interlock::cli
