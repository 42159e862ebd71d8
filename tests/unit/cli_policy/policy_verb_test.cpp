// `interlock policy` as people call it: words in, text and exit code out.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/json.hpp"
#include "cli/policy_claims.hpp"
#include "cli/policy_verb.hpp"
#include "cli/policy_verb_parts.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

class PolicyVerb : public testing::Test {
 protected:
  PolicyVerb() {
    std::string name = (fs::temp_directory_path() / "interlock-policy-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~PolicyVerb() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  int run(const Words& words) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_policy({}, words);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }

  static std::string source(const std::string& name) { return std::string(INTERLOCK_SOURCE_DIR) + "/" + name; }

  fs::path folder_;
  std::string out_;
  std::string err_;
};

constexpr const char* kSchema =
    "entity User { age: Long, nick?: String }; entity Doc; action view appliesTo { principal: User, resource: Doc, context: { on: Bool } "
    "};";

// --- check ---------------------------------------------------------------------------------------------------------------

TEST_F(PolicyVerb, CheckShowsEveryFaultWithItsLineAndACaret) {
  const auto file = write("bad.cedar", "permit (principal, action, resource)\nwhen { context.a && };\nforbid (principal, action);\n");
  EXPECT_EQ(run({"check", file}), kRefused);
  EXPECT_NE(out_.find("bad.cedar:2:21: error: expected an expression"), std::string::npos) << out_;
  EXPECT_NE(out_.find("\n  when { context.a && };\n                      ^\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("bad.cedar:3:26: error:"), std::string::npos) << out_;
  EXPECT_NE(out_.find("2 errors, 0 warnings"), std::string::npos) << out_;
}

TEST_F(PolicyVerb, CheckValidatesByASchema) {
  const auto schema = write("a.cedarschema", kSchema);
  const auto good = write("good.cedar", "permit (principal, action, resource) when { principal.age > 3 };");
  EXPECT_EQ(run({"check", good, "--schema", schema}), kDone) << out_;
  const auto bad = write("bad.cedar", "permit (principal, action, resource)\nwhen { principal.agee > 3 };");
  EXPECT_EQ(run({"check", bad, "--schema", schema, "--json"}), kRefused);
  const auto report = json::parse(out_);
  ASSERT_TRUE(report) << out_;
  const auto& first = report->as_object().at("findings").as_array().at(0).as_object();
  EXPECT_EQ(json::int_at(first, "line"), 2);
  EXPECT_NE(json::string_at(first, "message")->find("agee"), std::string::npos) << out_;
}

TEST_F(PolicyVerb, CheckAsAGateRefusesAnAnnotationThatNobodyReads) {
  const auto file = write("a.cedar", "@resaon(\"x\") permit (principal, action, resource);");
  EXPECT_EQ(run({"check", file}), kDone) << out_;
  EXPECT_EQ(run({"check", file, "--gate"}), kRefused);
  EXPECT_NE(out_.find("resaon"), std::string::npos) << out_;
}

TEST_F(PolicyVerb, EachCommandRefusesWhatItCannotMean) {
  const Words kWrong[] = {{},
                          {"chekc"},
                          {"check", "--permissive"},
                          {"check", "x", "--schema", "y", "--level", "many"},
                          {"fmt"},
                          {"fmt", "--check", "--write", "x"},
                          {"fmt", "--width", "7", "x"},
                          {"fmt", "--write", "-"},
                          {"test"},
                          {"explain"},
                          {"explain", "a", "b", "c"},
                          {"translate", "x"},
                          {"translate", "--to", "yaml", "x"},
                          {"analyze"},
                          {"analyze", "denys", "x"},
                          {"analyze", "denies", "x"},
                          {"analyze", "implies", "--schema", "s", "x"},
                          {"analyze", "denies", "--schema", "s", "--other", "y", "x"},
                          {"analyze", "denies", "--schema", "s", "--time", "0", "x"}};
  for (const Words& words : kWrong) EXPECT_EQ(run(words), kUsage) << (words.empty() ? "" : words[0]) << err_;
  for (const char* command : {"check", "fmt", "test", "explain", "translate", "analyze"}) {
    EXPECT_EQ(run({command, "--help"}), kDone);
    EXPECT_NE(out_.find("usage: interlock policy " + std::string(command)), std::string::npos) << out_;
    EXPECT_EQ(run({command, "--nonsense"}), kUsage);
  }
  for (const char* command : {"check", "fmt", "test", "explain"})
    EXPECT_EQ(run({command, (folder_ / "nowhere.x").string()}), kRefused) << command;
}

// --- fmt -----------------------------------------------------------------------------------------------------------------

TEST_F(PolicyVerb, FmtPrintsChecksAndWrites) {
  const auto file = write("a.cedar", "permit(principal,action,resource);// all\n");
  const std::string wanted = "permit (principal, action, resource); // all\n";
  EXPECT_EQ(run({"fmt", file}), kDone);
  EXPECT_EQ(out_, wanted);
  EXPECT_EQ(run({"fmt", "--check", file}), kRefused);
  EXPECT_EQ(out_, file + "\n");
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(run({"fmt", "--write", file}), kDone);
  EXPECT_EQ(read(file), wanted);
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(run({"fmt", "--check", folder_.string()}), kDone);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1) << "nothing else is left behind";
}

TEST_F(PolicyVerb, FmtLeavesAFileThatDoesNotParse) {
  const auto file = write("a.cedar", "permit(principal;\n");
  EXPECT_EQ(run({"fmt", "--write", file}), kRefused);
  EXPECT_EQ(read(file), "permit(principal;\n");
  EXPECT_NE(err_.find("a.cedar:1:"), std::string::npos) << err_;
}

TEST_F(PolicyVerb, ShippedPoliciesAreFormatted) {
  EXPECT_EQ(run({"fmt", "--check", source("policies"), source("policies/proofs"), source("tests/policy")}), kDone) << out_;
}

// --- test and explain ----------------------------------------------------------------------------------------------------

TEST_F(PolicyVerb, TheShippedCasesPass) {
  EXPECT_EQ(run({"test", source("tests/policy"), "--quiet"}), kDone) << out_;
  EXPECT_NE(out_.find(" passed, 0 failed\n"), std::string::npos) << out_;
}

constexpr const char* kCases = R"(preset: strict
policies: [own.cedar]
servers: {files: filesystem}
cases:
  - {name: reads, server: files, tool: read_file, args: {path: /a}, expect: allow, by: [reads]}
  - {name: "writes & <more>", server: files, tool: write_file, args: {path: /a, content: ""}, reason: no policy permits, expect: %}
)";

TEST_F(PolicyVerb, TestTellsWhatDiffersAndWritesJunit) {
  write("own.cedar", "@id(\"reads\") @reason(\"Reading is fine.\") permit (principal, action in Action::\"read\", resource);");
  std::string text = kCases;
  const auto good = write("good.yaml", std::string(text).replace(text.find('%'), 1, "deny"));
  EXPECT_EQ(run({"test", good}), kDone) << out_;
  EXPECT_TRUE(out_.ends_with("2 passed, 0 failed\n")) << out_;
  const auto bad = write("bad.yaml", std::string(text).replace(text.find('%'), 1, "allow"));
  const auto junit = (folder_ / "junit.xml").string();
  EXPECT_EQ(run({"test", bad, "--junit", junit}), kRefused);
  EXPECT_NE(out_.find("verdict: expected allow, got deny"), std::string::npos) << out_;
  EXPECT_NE(out_.find("bad.yaml:6"), std::string::npos) << out_;
  EXPECT_TRUE(out_.ends_with("1 passed, 1 failed\n")) << out_;
  const std::string xml = read(junit);
  EXPECT_NE(xml.find("tests=\"2\" failures=\"1\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("name=\"writes &amp; &lt;more&gt;\""), std::string::npos) << xml;
}

TEST_F(PolicyVerb, AFileOfCasesThatIsWrongIsRefusedWithItsPlace) {
  write("own.cedar", "permit (principal, action, resource);");
  struct Wrong {
    const char* text;
    const char* wanted;
  };
  const Wrong kWrong[] = {
      {"policies: [own.cedar]\n", "cases"},
      {"policies: [own.cedar]\ncases: []\n", ":2:"},
      {"policies: [own.cedar]\ncases:\n  - {name: a, expect: allow}\n", "server, tool"},
      {"policies: [own.cedar]\ncases:\n  - {name: a, server: s, tool: t, expect: maybe}\n", ":3:"},
      {"policies: [own.cedar]\ncases:\n  - {name: a, server: s, tool: t, expect: allow, bye: [x]}\n", "bye"},
      {"policies: [own.cedar]\ncases:\n  - {name: a, principal: x, action: 'Action::\"a\"', resource: 'R::\"r\"', expect: allow}\n", ":3:"},
      {"policies: [nowhere.cedar]\ncases:\n  - {name: a, server: s, tool: t, expect: allow}\n", "nowhere.cedar"},
      {"preset: lax\ncases:\n  - {name: a, server: s, tool: t, expect: allow}\n", "lax"},
  };
  for (const Wrong& wrong : kWrong) {
    const auto file = write("wrong.yaml", wrong.text);
    EXPECT_EQ(run({"test", file}), kRefused) << wrong.text << out_;
    EXPECT_NE(err_.find(wrong.wanted), std::string::npos) << wrong.text << err_;
  }
}

TEST_F(PolicyVerb, AFolderWithoutCasesIsAFailure) {
  EXPECT_EQ(run({"test", folder_.string()}), kRefused);
  EXPECT_NE(out_.find("0 passed, 0 failed"), std::string::npos) << out_;
}

TEST_F(PolicyVerb, ExplainTellsTheValuesThatDecided) {
  EXPECT_EQ(run({"explain", source("tests/policy/balanced.yaml"), "an address of this machine"}), kDone) << err_;
  EXPECT_NE(out_.find("verdict  step_up, by balanced/ask-before-local-addresses"), std::string::npos) << out_;
  EXPECT_NE(out_.find("resource.local = true"), std::string::npos) << out_;
  EXPECT_NE(out_.find("with an approval"), std::string::npos) << out_;
  EXPECT_EQ(run({"explain", source("tests/policy/plain.yaml"), "the owner", "--json"}), kDone);
  const auto told = json::parse(out_);
  ASSERT_TRUE(told) << out_;
  EXPECT_EQ(json::string_at(told->as_object(), "verdict"), "allow");
  EXPECT_EQ(run({"explain", source("tests/policy/plain.yaml"), "no such case"}), kRefused);
}

// --- translate -----------------------------------------------------------------------------------------------------------

TEST_F(PolicyVerb, TranslateGoesThereAndBack) {
  const auto file = write("a.cedar", "@id(\"a\")\npermit (principal, action, resource)\nwhen { context.on };\n");
  ASSERT_EQ(run({"translate", "--to", "json", file}), kDone) << err_;
  const auto as_json = write("a.json", out_);
  ASSERT_EQ(run({"translate", "--to", "text", as_json}), kDone) << err_;
  EXPECT_EQ(out_, read(file));
  const auto schema = write("a.cedarschema", kSchema);
  ASSERT_EQ(run({"translate", "--to", "json", schema}), kDone) << err_;
  const auto schema_json = write("a.cedarschema.json", out_);
  ASSERT_EQ(run({"translate", "--to", "text", schema_json}), kDone) << err_;
  EXPECT_NE(out_.find("entity User"), std::string::npos) << out_;
}

// --- analyze -------------------------------------------------------------------------------------------------------------

// Each claim of policies/proofs/presets.yaml through the real solver.
TEST_F(PolicyVerb, TheShippedClaimsAreAsTheySay) {
  const auto file = read_claims(source("policies/proofs/presets.yaml"));
  ASSERT_TRUE(file) << file.error().text();
  std::size_t proved = 0;
  for (const Claim& claim : file->claims) proved += claim.expected == analyze::Answer::kProved ? 1 : 0;
  EXPECT_GE(proved, 5u);
  EXPECT_EQ(run({"analyze", source("policies/proofs/presets.yaml"), "--json"}), kDone) << out_ << err_;
  const auto report = json::parse(out_);
  ASSERT_TRUE(report) << out_;
  for (const auto& one : report->as_object().at("claims").as_array()) EXPECT_TRUE(json::bool_at(one.as_object(), "ok")) << json::write(one);
}

// The same claims must fall when the policy that carries them is taken away: a proof that cannot fail proves nothing.
TEST_F(PolicyVerb, TheShippedClaimsFallWithoutTheirPolicies) {
  const auto schema = source("policies/proofs/gate.cedarschema");
  auto without = [&](const std::string& file, const std::string& id) {
    std::string text = read(source(file));
    const auto at = text.find("@id(\"" + id + "\")");
    EXPECT_NE(at, std::string::npos) << id;
    text.erase(at, text.find(';', text.find("forbid (", at)) + 1 - at);
    return write("without.cedar", text);
  };
  EXPECT_EQ(run({"analyze", "denies", "--gate", "--schema", schema, without("policies/balanced.cedar", "balanced/ask-when-sensitive"),
                 "--given", "context.band >= 3 && !context.approved"}),
            kDone)
      << "reading asks for band 1 at most, so the permits alone hold";
  const auto open = write("open.cedar", "permit (principal, action in Action::\"read\", resource) when { context.known };");
  EXPECT_EQ(run({"analyze", "denies", "--gate", "--schema", schema, open, "--given", "context.band >= 3 && !context.approved"}), kRefused);
  EXPECT_NE(out_.find("refuted"), std::string::npos) << out_;
  EXPECT_EQ(
      run({"analyze", "denies", "--gate", "--schema", schema, without("policies/proofs/no-secret-leaves.cedar", "proofs/no-secret-leaves"),
           "--given", "action in Action::\"send\" && context has flow && context.flow.labels.contains(\"secret\")"}),
      kRefused);
  EXPECT_EQ(run({"analyze", "implies", "--gate", "--schema", schema, source("policies/proofs/child-scope.cedar"), "--other",
                 source("policies/proofs/parent-scope.cedar")}),
            kRefused)
      << "without what is given of folders";
  const auto fragile = write("fragile.cedar", "forbid (principal, action, resource) when { resource.local };");
  EXPECT_EQ(run({"analyze", "never-errors", "--gate", "--schema", schema, fragile}), kRefused);
  EXPECT_EQ(run({"analyze", "denies", "--gate", "--schema", schema, open}), kRefused);
}

TEST_F(PolicyVerb, AClaimAboutNoRequestIsNoProof) {
  const auto schema = write("a.cedarschema", kSchema);
  const auto file = write("a.cedar", "permit (principal, action, resource);");
  EXPECT_EQ(run({"analyze", "denies", "--schema", schema, file, "--given", "principal.age > 3 && principal.age < 2"}), kRefused);
  EXPECT_NE(out_.find("says nothing"), std::string::npos) << out_;
}

// `args` are empty in gate.cedarschema: a policy about them would be proved to deny requests that a gate does see.
TEST_F(PolicyVerb, WhatTheSchemaDoesNotDeclareIsNotProvedAway) {
  const auto schema = source("policies/proofs/gate.cedarschema");
  const char* kPolicies[] = {"permit (principal, action, resource) when { context.args.path like \"/work/*\" };",
                             "permit (principal, action, resource) when { principal.attributes.uid == 1000 };",
                             "permit (principal, action == Action::\"github/create_issue\", resource);",
                             "permit (principal, action, resource is Repo);"};
  for (const char* text : kPolicies) {
    EXPECT_EQ(run({"analyze", "denies", "--gate", "--schema", schema, write("own.cedar", text)}), kRefused) << text << out_;
    EXPECT_NE(err_.find("own.cedar:1:"), std::string::npos) << text << err_;
    EXPECT_EQ(out_, "") << text;
  }
  const auto open = write("open.cedar", "permit (principal, action, resource);");
  EXPECT_EQ(run({"analyze", "denies", "--gate", "--schema", schema, open, "--given", "context.args.path == \"x\""}), kRefused);
  EXPECT_NE(err_.find("given:1:"), std::string::npos) << err_;
}

TEST_F(PolicyVerb, AnalyzeShowsARequestThatRefutes) {
  const auto schema = write("a.cedarschema", kSchema);
  const auto file = write("a.cedar", "permit (principal, action, resource) when { principal.nick like \"x*\" };");
  EXPECT_EQ(run({"analyze", "never-errors", "--schema", schema, file}), kRefused);
  EXPECT_NE(out_.find("principal  User::\""), std::string::npos) << out_;
  EXPECT_NE(out_.find("policy0 fails: "), std::string::npos) << out_;
  EXPECT_EQ(run({"analyze", "never-errors", "--schema", schema, file, "--given", "principal has nick"}), kDone) << out_;
}

TEST_F(PolicyVerb, ClaimsThatAreWrongAreRefusedWithTheirPlace) {
  write("a.cedarschema", kSchema);
  write("a.cedar", "permit (principal, action, resource);");
  const char* kWrong[] = {
      "schema: a.cedarschema\n",
      "schema: a.cedarschema\nclaims: []\n",
      "schema: a.cedarschema\nclaims: [{name: a, ask: maybe, policies: [a.cedar], expect: proved}]\n",
      "schema: a.cedarschema\nclaims: [{name: a, ask: implies, policies: [a.cedar], expect: proved}]\n",
      "schema: a.cedarschema\nclaims: [{name: a, ask: denies, policies: [a.cedar], other: [a.cedar], expect: proved}]\n",
      "schema: a.cedarschema\nclaims: [{name: a, ask: denies, policies: [a.cedar]}]\n"};
  for (const char* text : kWrong) {
    const auto file = write("claims.yaml", text);
    EXPECT_EQ(run({"analyze", file}), kRefused) << text << out_;
    EXPECT_NE(err_.find("claims.yaml:"), std::string::npos) << text << err_;
  }
}

}  // namespace
}  // namespace interlock::cli
