// Acts that are several at once: each part is decided, and the strictest answer is the whole's; and permits that blank arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "requests.hpp"

namespace interlock::policy::test {
namespace {

using model::Band;
using model::Effect;
using model::VerdictKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr const char* kPolicies = R"(
@id("all") permit (principal, action, resource);
@id("no-push") @reason("Nothing is pushed.") forbid (principal, action == Action::"git/push", resource);
@id("ask-rm") @reason("A human decides.") forbid (principal, action == Action::"rm/tree", resource) unless { context.approved };
@id("not-out") forbid (principal, action == Action::"file/write", resource == File::"/etc/passwd");
@id("with-args") forbid (principal, action == Action::"make/run", resource) when { context.args.argv.contains("install") };
)";

model::ActPart part(const std::string& action, Band band = Band::kRoutine, json::array argv = {}) {
  model::ActPart out;
  out.args = json::object{{"argv", std::move(argv)}};
  out.what.action = action;
  out.what.effects = {Effect::kExecute};
  out.what.band = band;
  out.what.resource = {"Command", action};
  out.what.known = true;
  return out;
}

Case line(std::vector<model::ActPart> parts) {
  Case out;
  out.request.surface = "hook";
  out.request.operation = "shell";
  // What stands above the parts is not decided by itself.
  out.classification.action = "nothing/of-this-name";
  out.classification.parts = std::move(parts);
  return out;
}

model::Verdict decide(const Case& given, EngineOptions options = {}, const char* policies = kPolicies) {
  const auto engine = load_text(policies, std::move(options));
  EXPECT_TRUE(engine.has_value()) << (engine ? "" : engine.error().text());
  return (*engine)->decide(given.input());
}

TEST(Parts, AllAllowedIsAllowed) { EXPECT_EQ(decide(line({part("ls"), part("make/run")})).kind, VerdictKind::kAllow); }

TEST(Parts, OneDenialDeniesTheLineAndIsNamed) {
  for (const auto& parts : {std::vector{part("ls"), part("git/push"), part("make/run")}, std::vector{part("git/push"), part("ls")},
                            std::vector{part("rm/tree"), part("git/push")}, std::vector{part("git/push"), part("rm/tree")}}) {
    const auto verdict = decide(line(parts));
    EXPECT_EQ(verdict.kind, VerdictKind::kDeny);
    EXPECT_THAT(verdict.policies, ElementsAre("no-push"));
    EXPECT_THAT(verdict.reason, HasSubstr("git/push: "));
  }
}

TEST(Parts, OneThatAsksMakesTheLineAsk) {
  const auto verdict = decide(line({part("ls"), part("rm/tree"), part("make/run")}));
  EXPECT_EQ(verdict.kind, VerdictKind::kStepUp);
  EXPECT_THAT(verdict.reason, HasSubstr("rm/tree: "));
  auto approved = line({part("ls"), part("rm/tree"), part("make/run")});
  approved.approved = true;
  EXPECT_EQ(decide(approved).kind, VerdictKind::kAllow);
}

TEST(Parts, ALineThatRunsIsNotAskedForItsProgramsWhichAreAskedAsTheyStart) {
  const auto of = [](const char* program, bool known = true) {
    auto out = part("rm/tree");
    out.args = json::object{{"argv", json::array{program}}, {"program", program}};
    out.what.known = known;
    return out;
  };
  const auto verdict_of = [](const char* target, model::ActPart what, const char* surface = "exec") {
    auto act = line({part("ls"), std::move(what)});
    act.request.surface = surface;
    act.request.operation = "execve";
    act.request.target = target;
    return decide(act).kind;
  };
  EXPECT_EQ(verdict_of("/usr/bin/bash", of("rm")), VerdictKind::kAllow);
  EXPECT_EQ(verdict_of("/usr/bin/xargs", of("rm")), VerdictKind::kAllow);
  // The program itself, what no program does, what is not understood, and a line that a hook tells of are asked about now.
  EXPECT_EQ(verdict_of("/usr/bin/rm", of("rm")), VerdictKind::kStepUp);
  EXPECT_EQ(verdict_of("/usr/bin/bash", of("kill")), VerdictKind::kStepUp);
  EXPECT_EQ(verdict_of("/usr/bin/bash", of("rm", false)), VerdictKind::kStepUp);
  EXPECT_EQ(verdict_of("/usr/bin/bash", of("rm"), "hook"), VerdictKind::kStepUp);
  // A no is a no at once.
  auto denied = of("git");
  denied.what.action = "git/push";
  EXPECT_EQ(verdict_of("/usr/bin/bash", denied), VerdictKind::kDeny);
}

TEST(Parts, EachHasItsOwnArguments) {
  EXPECT_EQ(decide(line({part("make/run", Band::kRoutine, {"make"}), part("ls", Band::kRoutine, {"ls", "install"})})).kind,
            VerdictKind::kAllow);
  EXPECT_EQ(decide(line({part("ls", Band::kRoutine, {"ls"}), part("make/run", Band::kRoutine, {"make", "install"})})).kind,
            VerdictKind::kDeny);
}

TEST(Parts, EachHasItsOwnResources) {
  auto write = part("file/write");
  write.what.resource = {"File", "/work/a"};
  EXPECT_EQ(decide(line({part("ls"), write})).kind, VerdictKind::kAllow);
  write.what.further_resources.push_back({{"File", "/etc/passwd"}, {}});
  EXPECT_EQ(decide(line({part("ls"), write})).kind, VerdictKind::kDeny);
}

TEST(Parts, ACriticalOneNeedsAnApproval) {
  EXPECT_EQ(decide(line({part("ls"), part("mkfs", Band::kCritical)})).kind, VerdictKind::kStepUp);
}

TEST(Parts, AnObservingGateSaysWhatItWouldHaveBeen) {
  const auto verdict = decide(line({part("ls"), part("git/push")}), {.observe = true, .workspace = {}});
  EXPECT_EQ(verdict.kind, VerdictKind::kAllow);
  EXPECT_TRUE(verdict.observed);
  EXPECT_EQ(verdict.would, VerdictKind::kDeny);
}

TEST(Redact, APermitBlanksArgumentsOfWhatItLetsThrough) {
  constexpr const char* kRedacting = R"(
@id("notes") @redact("/content, /token") permit (principal, action == Action::"filesystem/write_file", resource);
@id("rest") permit (principal, action, resource);)";
  const auto verdict = decide(Case{}, {}, kRedacting);
  EXPECT_EQ(verdict.kind, VerdictKind::kModify);
  EXPECT_TRUE(verdict.allows());
  EXPECT_THAT(verdict.redact, ElementsAre("/content", "/token"));
  Case other;
  other.classification.action = "filesystem/read_file";
  EXPECT_EQ(decide(other, {}, kRedacting).kind, VerdictKind::kAllow);
}

TEST(Redact, SeveralResourcesKeepIt) {
  constexpr const char* kRedacting = R"(
@id("secret") @redact("/content") permit (principal, action, resource == File::"/a");
@id("other") permit (principal, action, resource == File::"/b");)";
  for (const bool turned : {false, true}) {
    Case both;
    both.classification.resource = {"File", turned ? "/b" : "/a"};
    both.classification.further_resources = {{{"File", turned ? "/a" : "/b"}, {}}};
    const auto verdict = decide(both, {}, kRedacting);
    EXPECT_EQ(verdict.kind, VerdictKind::kModify);
    EXPECT_THAT(verdict.redact, ElementsAre("/content"));
    EXPECT_THAT(verdict.policies, UnorderedElementsAre("secret", "other"));
  }
}

TEST(Redact, ADenialBesideItIsADenial) {
  constexpr const char* kRedacting = R"(
@id("secret") @redact("/content") permit (principal, action, resource);
@id("no") forbid (principal, action, resource == File::"/b");)";
  Case both;
  both.classification.resource = {"File", "/a"};
  both.classification.further_resources = {{{"File", "/b"}, {}}};
  EXPECT_EQ(decide(both, {}, kRedacting).kind, VerdictKind::kDeny);
}

}  // namespace
}  // namespace interlock::policy::test
