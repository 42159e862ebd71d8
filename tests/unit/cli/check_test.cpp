// `interlock check`: every layer's complaint with its place, and nothing started or made.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/findings.hpp"
#include "cli/rules.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

class Check : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "interlock-check-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  Findings check(const std::string& configuration) {
    const auto file = write("interlock.yaml", "version: 1\nstate_dir: ./state\nauth: { anonymous: true }\n" + configuration);
    return check_configuration({.config = file.string(), .state = {}, .wrong = {}});
  }
  static const Finding* find(const Findings& findings, std::string_view text) {
    for (const auto& one : findings.list) {
      if (one.message.find(text) != std::string::npos) return &one;
    }
    return nullptr;
  }

  fs::path folder_;
};

TEST_F(Check, AGoodFolderIsGoodAndStaysAsItWas) {
  write("policies/own.cedar", "@id(\"a\") permit (principal, action, resource);\n");
  const auto findings = check("policies: [ ./policies ]\nservers: { s: { command: [ sh ] } }\n");
  EXPECT_TRUE(findings.ok());
  ASSERT_NE(find(findings, "no catalogue entry speaks for it"), nullptr);
  EXPECT_EQ(findings.list.size(), 1U);
  EXPECT_GE(json::int_at(findings.facts, "policies_loaded").value_or(0), 2);
  EXPECT_GE(json::int_at(findings.facts, "catalogue_entries").value_or(0), 7);
  EXPECT_FALSE(fs::exists(folder_ / "state"));
}

TEST_F(Check, EachLayerNamesThePlace) {
  const std::string text = "policies: [ ./policies ]\n";
  write("policies/own.cedar", "permit (principal, action, resource);\npermit (principal, action resource);\n");
  auto findings = check(text);
  EXPECT_FALSE(findings.ok());
  EXPECT_NE(find(findings, "own.cedar:2:"), nullptr) << findings.list.at(0).message;

  write("policies/own.cedar", "");
  write("c.yaml", "catalogue: 1\nentry: x\ntools:\n  t: { effects: [ raed ] }\n");
  findings = check(text + "catalogue: [ ./c.yaml ]\n");
  ASSERT_NE(find(findings, "c.yaml:4:"), nullptr) << findings.list.at(0).message;
  EXPECT_NE(find(findings, "c.yaml:4:")->hint.find("read"), std::string::npos);

  findings = check("presett: none\n");
  ASSERT_NE(find(findings, "interlock.yaml:4:1: unknown key `presett`"), nullptr) << findings.list.at(0).message;
  EXPECT_EQ(findings.list.at(0).hint, "did you mean `preset`?");

  findings = check("servers: { s: { command: [ sh ], catalogue: no-such-entry } }\n");
  EXPECT_FALSE(findings.ok());
  EXPECT_NE(find(findings, "no-such-entry"), nullptr) << findings.list.at(0).message;

  findings = check("approvals: { passphrase: \"scrypt:broken\" }\n");
  EXPECT_FALSE(findings.ok());
}

TEST_F(Check, AProgramOrFolderThatIsNotThereIsAWarning) {
  const auto findings = check("servers:\n  s: { command: [ no-such-program-here ] }\n  t: { command: [ ./no-such ], cwd: ./nowhere }\n");
  EXPECT_TRUE(findings.ok());
  EXPECT_NE(find(findings, "no program no-such-program-here"), nullptr);
  EXPECT_NE(find(findings, "no program ./no-such"), nullptr);
  EXPECT_NE(find(findings, "nowhere is not there"), nullptr);
}

TEST_F(Check, AStateFolderThatCannotBeUsedIsAnError) {
  write("file", "");
  const auto file = write("interlock.yaml", "version: 1\n");
  EXPECT_FALSE(check_configuration({.config = file.string(), .state = (folder_ / "file").string(), .wrong = {}}).ok());
  EXPECT_FALSE(check_configuration({.config = file.string(), .state = "/" + std::string(120, 'x'), .wrong = {}}).ok());
  EXPECT_TRUE(check_configuration({.config = file.string(), .state = (folder_ / "a/b/c").string(), .wrong = {}}).ok());
}

TEST_F(Check, AFileThatIsNotThereIsAnError) {
  EXPECT_FALSE(check_configuration({.config = (folder_ / "none.yaml").string(), .state = {}, .wrong = {}}).ok());
}

TEST_F(Check, MarksOfFilesDifferAfterEachKindOfChange) {
  const auto config = [&] {
    auto loaded = load_config(write("interlock.yaml", "version: 1\npolicies: [ ./policies ]\n"));
    EXPECT_TRUE(loaded);
    return *loaded;
  };
  write("policies/a.cedar", "");
  const auto before = config();
  const FileMarks marks(before);
  EXPECT_EQ(marks, FileMarks(before));
  write("policies/a.cedar", "// longer");
  const FileMarks longer(before);
  EXPECT_NE(marks, longer);
  write("policies/b.cedar", "");
  const FileMarks more(before);
  EXPECT_NE(longer, more);
  fs::rename(write("new", "// longer"), folder_ / "policies/a.cedar");  // as editors save: another file in its place
  EXPECT_NE(more, FileMarks(before));
  fs::remove_all(folder_ / "policies");
  EXPECT_NE(more, FileMarks(before));
}

TEST_F(Check, WhatABrokerRefusesIsNamedWithItsPlaceAndNothingIsPublished) {
  const auto findings = check(
      "credentials:\n"
      "  good: { broker: static, secret: x }\n"
      "  odd: { broker: static, secret: x, nonsense: 1 }\n"
      "  hosts: { broker: ssh, ca_secret: ssh/ca, krl: ./revoked.krl, principals: [ deploy ], any_command: true }\n"
      "  own: { broker: svid }\n");
  EXPECT_FALSE(findings.ok());
  EXPECT_EQ(std::ranges::count(findings.list, "error", &Finding::level), 2);
  const auto* odd = find(findings, "credential odd: `nonsense`");
  ASSERT_NE(odd, nullptr);
  EXPECT_TRUE(odd->message.contains("interlock.yaml:6:3: ")) << odd->message;
  EXPECT_EQ(find(findings, "good"), nullptr);
  EXPECT_NE(find(findings, "this gate is no authority"), nullptr);
  EXPECT_FALSE(fs::exists(folder_ / "revoked.krl"));
  EXPECT_FALSE(fs::exists(folder_ / "state"));
}

}  // namespace
}  // namespace interlock::cli
