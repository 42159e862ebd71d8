// Loading: what is refused, where the error points, what the hint says; ids, annotations, revisions, files, presets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cedar/cedar.hpp"
#include "policy/vocabulary.hpp"
#include "requests.hpp"

namespace interlock::policy::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

struct Refused {
  std::string policies;
  std::string place;  // "line:column"
  std::string message;
  std::string hint;
};

TEST(Load, RefusesWhatCanOnlyBeAMistake) {
  const Refused rows[] = {
      // The language.
      {"permit (principal, action, resource)", "1:", "", ""},
      {"permit (principal, action, resource);\nforbid (principal, action, resuorce);", "2:", "", ""},
      // Annotations.
      {"@raeson(\"x\")\npermit (principal, action, resource);", "1:1", "`@raeson`", "`reason`"},
      {"@Id(\"x\") permit (principal, action, resource);", "1:1", "`@Id`", "`id`"},
      {"@colour(\"x\") permit (principal, action, resource);", "1:1", "`@colour`", "id, reason, next, shadow"},
      {"\n  @notify(\"/token\") permit (principal, action, resource);", "2:3", "@notify is not supported yet", "leave it out"},
      {"@redact(\"x\") permit (principal, action, resource);", "1:1", "@redact names no argument by `x`", "JSON pointers"},
      {"@redact(\"/x\") forbid (principal, action, resource);", "1:1", "@redact stands on a forbid", ""},
      {"@credential(\"x\") forbid (principal, action, resource);", "1:1", "which performs nothing", "on the permit"},
      {"@credential permit (principal, action, resource);", "1:1", "@credential needs a text", ""},
      {"@notify permit (principal, action, resource);", "1:1", "@notify is not supported yet", ""},
      {"@id permit (principal, action, resource);", "1:1", "@id needs a text", ""},
      {"@reason(\"\") permit (principal, action, resource);", "1:1", "@reason needs a text", ""},
      {"@reason(\"a\\nb\") permit (principal, action, resource);", "1:1", "control characters", ""},
      {"@id(\"interlock/mine\") permit (principal, action, resource);", "1:1", "`interlock/`", "another @id"},
      {"@id(\"a\") permit (principal, action, resource);\n\n@id(\"a\") permit (principal, action, resource);", "3:1",
       "`a` is taken by the policy at own.cedar:1", "@id of its own"},
      {"permit (principal == ?principal, action, resource);", "1:1", "template", "?principal"},
      // Actions.
      {"permit (principal, action in Action::\"wirte\", resource);", "1:1", "action group `wirte`", "`write`"},
      {"permit (principal, action in [Action::\"read\", Action::\"everything\"], resource);", "1:1", "action group `everything`",
       "read, write, delete"},
      {"permit (principal, action, resource) when {\n  action in Action::\"raed\" };", "2:", "action group `raed`", "`read`"},
      {"permit (principal, action, resource)\nwhen { [Action::\"snd\"].contains(action) };", "2:", "action group `snd`", "`send`"},
      {"permit (principal, action == Operation::\"read\", resource);", "1:", "Operation", ""},
      // Types.
      {"permit (principal == User::\"ana\", action, resource);", "1:1", "principal is never `User`", "Agent::"},
      {"permit (principal in Team::\"x\", action, resource);", "1:1", "principal is never `Team`", "Human::"},
      {"permit (principal is Robot, action, resource);", "1:1", "principal is never `Robot`", ""},
      {"permit (principal, action, resource is file);", "1:1", "no type `file`", "`File`"},
      {"permit (principal, action, resource in FOLDER::\"/work\");", "1:1", "no type `FOLDER`", "`Folder`"},
      {"permit (principal, action, resource) when { resource is url };", "1:", "no type `url`", "`Url`"},
      // Names that no request has.
      {"permit (principal, action, resource in Folder::\"/work/\");", "1:1", "`/work/` matches nothing", "Folder::\"/work\""},
      {"permit (principal, action, resource in Folder::\"/work/../etc\");", "1:1", "matches nothing", "Folder::\"/etc\""},
      {"permit (principal, action, resource == File::\"/a//b\");", "1:1", "matches nothing", "File::\"/a/b\""},
      {"permit (principal, action, resource in Folder::\"work\");", "1:1", "not absolute", "whole path"},
      {"permit (principal, action, resource in Folder::\"~/work\");", "1:1", "not absolute", "whole path"},
      {"permit (principal, action, resource in Workspace::\"main\");", "1:1", "no workspace `main`", "Workspace::\"default\""},
      {"permit (principal, action, resource in Host::\"Example.com\");", "1:1", "lower case", "lower case"},
      {"permit (principal, action, resource in Host::\"*.example.com\");", "1:1", "no patterns", "subdomains"},
      {"permit (principal, action, resource in Host::\"https://example.com\");", "1:1", "is no host", "Host::"},
      // The context.
      {"forbid (principal, action, resource)\nunless { context.aproved };", "2:", "no attribute `aproved`", "`approved`"},
      {"permit (principal, action, resource) when { context.path == \"/\" };", "1:", "no attribute `path`", "args, task"},
  };
  for (const Refused& row : rows) {
    const auto engine = load_text(row.policies);
    ASSERT_FALSE(engine.has_value()) << row.policies;
    EXPECT_THAT(engine.error().message, StartsWith("policies/own.cedar:" + row.place)) << row.policies;
    EXPECT_THAT(engine.error().message, HasSubstr(row.message)) << row.policies;
    EXPECT_THAT(engine.error().hint, HasSubstr(row.hint)) << row.policies;
  }
}

TEST(Load, TakesWhatMayBeMeant) {
  const std::string rows[] = {
      "",
      "// only a comment",
      "permit (principal, action == Action::\"github/create_issue\", resource);",
      "forbid (principal, action == Action::\"rm\", resource);",  // a program
      "permit (principal, action in [Action::\"read\", Action::\"mcp\", Action::\"exec\"], resource);",
      "permit (principal, action, resource is Repo in Owner::\"acme\");",
      "permit (principal, action, resource) when { resource is Files };",  // a catalogue may say so
      "permit (principal, action, resource in Folder::\"/\");",
      "permit (principal, action, resource == File::\"notes.txt\");",
      "permit (principal, action, resource) when { context has path };",
      "permit (principal, action, resource) when { context.args.anything == 1 };",
      "@shadow permit (principal, action, resource);",
      "@shadow(\"until June\") @id(\"x\") permit (principal, action, resource);",
      "permit (principal, action, resource) when { principal.attributes has email };",
      "permit (principal, action, resource in Host::\"127.0.0.1\");",
  };
  for (const std::string& text : rows) {
    const auto engine = load_text(text);
    EXPECT_TRUE(engine.has_value()) << text << ": " << engine.error().text();
  }
}

TEST(Load, CountsTheFurtherFaults) {
  const auto engine = load_text(
      "@a permit (principal, action, resource); @b permit (principal, action, resource); @c permit (principal, action, resource);");
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, HasSubstr("(and 2 more)"));
}

TEST(Load, RefusesTheWholeSetForOneBadFile) {
  const std::vector<PolicySource> sources{{"good.cedar", "permit (principal, action, resource);"},
                                          {"bad.cedar", "permit (principal, action);"}};
  const auto engine = PolicyEngine::load(sources);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, StartsWith("bad.cedar:1:"));
}

TEST(Load, RefusesAFileThatIsNamedTwiceAndAnIdInTwoFiles) {
  const std::vector<PolicySource> twice{{"a.cedar", ""}, {"a.cedar", ""}};
  EXPECT_THAT(PolicyEngine::load(twice).error().message, HasSubstr("named twice"));
  const std::vector<PolicySource> same_id{{"x/a.cedar", "@id(\"one\") permit (principal, action, resource);"},
                                          {"y/b.cedar", "\n@id(\"one\") permit (principal, action, resource);"}};
  const auto engine = PolicyEngine::load(same_id);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, StartsWith("y/b.cedar:2:1: "));
  EXPECT_THAT(engine.error().message, HasSubstr("a.cedar:1"));
}

TEST(Load, RefusesAWorkspaceThatIsNotAbsolute) {
  EXPECT_THAT(load_text("", {.observe = false, .workspace = {"work"}}).error().message, HasSubstr("not absolute"));
}

TEST(Load, RefusesNestingThatIsTooDeepAndLivesOn) {
  const std::string deep =
      "permit (principal, action, resource) when { " + std::string(100'000, '(') + "true" + std::string(100'000, ')') + " };";
  EXPECT_FALSE(load_text(deep));
}

TEST(Workspace, FoldersAreComparedInTheirNormalForm) {
  for (const char* folder : {"/work", "/work/", "//work", "/x/../work", "/work/."}) {
    const auto engine =
        load_text("permit (principal, action, resource in Workspace::\"default\");", {.observe = false, .workspace = {folder}});
    ASSERT_TRUE(engine) << engine.error().text();
    EXPECT_TRUE((*engine)->decide(write_of("/work/a").input()).allows()) << folder;
    EXPECT_FALSE((*engine)->decide(write_of("/etc/a").input()).allows()) << folder;
  }
}

TEST(Ids, AreTheAnnotationOrFileAndNumber) {
  const std::vector<PolicySource> sources{{"/etc/p/own.cedar",
                                           "permit (principal, action, resource);\n@id(\"named\") permit (principal, action, "
                                           "resource);\npermit (principal, action, resource);"},
                                          {"/home/p/own.cedar", "permit (principal, action, resource);"}};
  const auto engine = PolicyEngine::load(sources);
  ASSERT_TRUE(engine) << engine.error().text();
  EXPECT_THAT((*engine)->policy_ids(), ElementsAre("own.cedar:1", "named", "own.cedar:3", "/home/p/own.cedar:1"));
}

TEST(Revision, ChangesWithTextWorkspaceAndModeAndWithNothingElse) {
  const auto revision = [](const std::string& text, EngineOptions options) { return (*load_text(text, std::move(options)))->revision(); };
  const std::string text = "permit (principal, action, resource);";
  const std::string base = revision(text, {.observe = false, .workspace = {"/work"}});
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(revision(text, {.observe = false, .workspace = {"/work"}}), base);
  EXPECT_EQ(revision(text, {.observe = false, .workspace = {"/work/"}}), base);
  EXPECT_NE(revision(text + " ", {.observe = false, .workspace = {"/work"}}), base);
  EXPECT_NE(revision(text, {.observe = true, .workspace = {"/work"}}), base);
  EXPECT_NE(revision(text, {.observe = false, .workspace = {"/work", "/more"}}), base);
  // What stands in one file or another is not the same set, even where the texts joined are.
  const std::vector<PolicySource> ab{{"a.cedar", "// x\n"}, {"b.cedar", "// y\n"}};
  const std::vector<PolicySource> ba{{"a.cedar", "// x\n// y\n"}, {"b.cedar", ""}};
  EXPECT_NE((*PolicyEngine::load(ab))->revision(), (*PolicyEngine::load(ba))->revision());
}

// -------------------------------------------------------------------------------------------------------------- files

class Files : public testing::Test {
 protected:
  Files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "interlock-policy-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

TEST_F(Files, OfAFolderAreSortedAndOnlyPolicies) {
  write("b.cedar", "// b");
  write("a.cedar", "// a");
  write(".#a.cedar", "an editor's");
  write("notes.txt", "no policy");
  const std::vector<std::filesystem::path> paths{folder_, write("single.policy", "// single")};
  const auto sources = read_sources(paths);
  ASSERT_TRUE(sources) << sources.error().text();
  ASSERT_EQ(sources->size(), 3u);
  EXPECT_EQ((*sources)[0].name, (folder_ / "a.cedar").string());
  EXPECT_EQ((*sources)[0].text, "// a");
  EXPECT_EQ((*sources)[1].text, "// b");
  EXPECT_EQ((*sources)[2].text, "// single");
}

TEST_F(Files, ThatAreMissingOrNoFilesAreErrors) {
  std::filesystem::create_directory(folder_ / "sub.cedar");
  const std::vector<std::filesystem::path> missing{folder_ / "missing.cedar"};
  EXPECT_THAT(read_sources(missing).error().message, HasSubstr("missing.cedar"));
  const std::vector<std::filesystem::path> with_folder{folder_};
  EXPECT_FALSE(read_sources(with_folder));
}

TEST_F(Files, OfAnEmptyFolderAreNone) {
  const std::vector<std::filesystem::path> paths{folder_};
  EXPECT_TRUE(read_sources(paths)->empty());
}

// ------------------------------------------------------------------------------------------------------------- presets

TEST(Presets, AreInTheBinaryAsTheyStandInTheSource) {
  for (const auto& [preset, file] : {std::pair{"observe", "balanced"}, {"balanced", "balanced"}, {"strict", "strict"}}) {
    const auto sources = preset_sources(preset);
    ASSERT_TRUE(sources) << preset;
    ASSERT_EQ(sources->size(), 1u);
    std::ifstream in(std::string(INTERLOCK_SOURCE_DIR) + "/policies/" + file + ".cedar");
    EXPECT_EQ((*sources)[0].text, std::string(std::istreambuf_iterator<char>(in), {}));
    const auto engine = PolicyEngine::load(*sources);
    EXPECT_TRUE(engine) << engine.error().text();
  }
}

TEST(Presets, OfAnotherNameAreNotFound) {
  for (const char* name : {"none", "", "Balanced", "../etc"}) {
    const auto sources = preset_sources(name);
    ASSERT_FALSE(sources) << name;
    EXPECT_EQ(sources.error().code, ErrorCode::kNotFound);
  }
}

TEST(Presets, NameAndExplainEachPolicy) {
  for (const char* preset : {"balanced", "strict"}) {
    const auto sources = preset_sources(preset);
    const auto parsed = cedar::PolicySet::parse({{(*sources)[0].name, (*sources)[0].text}});
    ASSERT_TRUE(parsed);
    for (const cedar::Policy& policy : parsed->policies()) {
      ASSERT_TRUE(policy.annotation("id")) << policy.text();
      EXPECT_TRUE(policy.annotation("id")->starts_with(std::string(preset) + "/"));
      EXPECT_TRUE(policy.annotation("reason")) << policy.text();
    }
  }
}

TEST(Nearest, FindsMisspellingsAndNothingElse) {
  constexpr std::string_view kWords[] = {"read", "write", "delete", "execute"};
  EXPECT_EQ(nearest("wirte", kWords), "write");
  EXPECT_EQ(nearest("DELETE", kWords), "delete");
  EXPECT_EQ(nearest("raed", kWords), "read");
  EXPECT_EQ(nearest("xyzzy", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(10'000, 'r'), kWords), "");
}

}  // namespace
}  // namespace interlock::policy::test
