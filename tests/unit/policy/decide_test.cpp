// Verdicts: which kind, by which policy, with what words.
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
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::shared_ptr<const PolicyEngine> engine_of(const std::string& text, EngineOptions options = {}) {
  auto engine = load_text(text, std::move(options));
  EXPECT_TRUE(engine.has_value()) << (engine ? "" : engine.error().text());
  return engine ? *engine : nullptr;
}

model::Verdict decide(const std::string& policies, const Case& given, EngineOptions options = {}) {
  return engine_of(policies, std::move(options))->decide(given.input());
}

const std::string kPermitAll = "@id(\"all\") permit (principal, action, resource);\n";

struct Row {
  std::string name;
  std::string policies;
  Case given;
  VerdictKind kind;
  std::vector<std::string> ids;
};

class Verdicts : public testing::TestWithParam<Row> {};

TEST_P(Verdicts, Hold) {
  const auto verdict = decide(GetParam().policies, GetParam().given, {.observe = false, .workspace = {"/work"}});
  EXPECT_EQ(model::verdict_name(verdict.kind), model::verdict_name(GetParam().kind)) << verdict.reason;
  EXPECT_EQ(verdict.policies, GetParam().ids);
  EXPECT_EQ(verdict.layer, model::Layer::kPolicy);
  EXPECT_EQ(verdict.policy_revision.size(), 64u);
  if (verdict.kind != VerdictKind::kAllow) {
    EXPECT_GT(verdict.reason.size(), 10u);
    EXPECT_GT(verdict.next.size(), 10u);
  }
}

std::string when(const std::string& condition) { return "@id(\"p\") permit (principal, action, resource) when { " + condition + " };"; }
std::string scoped(const std::string& scope) { return "@id(\"p\") permit (" + scope + ");"; }

std::vector<Row> verdict_rows() {
  std::vector<Row> rows;
  auto allow = [&](std::string name, std::string policies, Case given) {
    rows.push_back({std::move(name), std::move(policies), std::move(given), VerdictKind::kAllow, {"p"}});
  };
  auto deny = [&](std::string name, std::string policies, Case given) {
    rows.push_back({std::move(name), std::move(policies), std::move(given), VerdictKind::kDeny, {}});
  };
  auto row = [&](std::string name, std::string policies, Case given, VerdictKind kind, std::vector<std::string> ids) {
    rows.push_back({std::move(name), std::move(policies), std::move(given), kind, std::move(ids)});
  };
  const Case work = write_of("/work/src/a.txt");

  // Who.
  allow("principal by id", scoped("principal == Agent::\"agent-1\", action, resource"), work);
  deny("another principal", scoped("principal == Agent::\"agent-2\", action, resource"), work);
  allow("principal by owner", scoped("principal in Human::\"ana\", action, resource"), work);
  deny("another owner", scoped("principal in Human::\"bo\", action, resource"), work);
  allow("principal's attributes",
        when("principal.id == \"agent-1\" && principal.owner == Human::\"ana\" && principal.assurance == \"bearer\" && principal.client "
             "like \"test *\" && principal.attributes.uid == 1000"),
        work);
  {
    Case ownerless = work;
    ownerless.subject.owner.clear();
    deny("no owner is not the empty owner", scoped("principal in Human::\"\", action, resource"), ownerless);
    allow("no owner, no attribute", when("!(principal has owner)"), ownerless);
  }
  // What.
  allow("action by name", scoped("principal, action == Action::\"filesystem/write_file\", resource"), work);
  allow("action by effect", scoped("principal, action in Action::\"write\", resource"), work);
  allow("action by surface", scoped("principal, action in Action::\"mcp\", resource"), work);
  deny("another effect", scoped("principal, action in [Action::\"read\", Action::\"send\"], resource"), work);
  allow("each of several effects", scoped("principal, action in Action::\"send\", resource"),
        Case(work).does({Effect::kWrite, Effect::kSend}));
  // On what.
  allow("resource by name", scoped("principal, action, resource == File::\"/work/src/a.txt\""), work);
  allow("resource by folder", scoped("principal, action, resource in Folder::\"/work\""), work);
  allow("resource in its tool", scoped("principal, action, resource in Tool::\"files/write_file\""), work);
  allow("resource in its server", scoped("principal, action, resource in Server::\"files\""), work);
  deny("resource in another server", scoped("principal, action, resource in Server::\"github\""), work);
  allow("the tool itself", scoped("principal, action, resource == Tool::\"files/write_file\""), a_case());
  allow("workspace", scoped("principal, action, resource in Workspace::\"default\""), work);
  allow("the workspace folder itself", scoped("principal, action, resource in Workspace::\"default\""), write_of("/work"));
  deny("a sibling whose name begins alike", scoped("principal, action, resource in Workspace::\"default\""), write_of("/workshop/a"));
  deny("a relative path is in no workspace", scoped("principal, action, resource in Workspace::\"default\""), write_of("work/a"));
  deny("a url below a like-named folder is in no workspace", scoped("principal, action, resource in Workspace::\"default\""),
       Case(work).on("Url", "https://example.com/work", {{"Host", "example.com"}, {"Folder", "/work"}}));
  allow("file attributes", when("resource.path == \"/work/src/a.txt\" && resource.name == \"a.txt\" && resource.id == resource.path"),
        work);
  allow("url attributes",
        when("resource.url == \"https://docs.example.com:8443/a/b\" && resource.scheme == \"https\" && resource.host == "
             "\"docs.example.com\" && resource.path == \"/a/b\" && !resource.local"),
        Case(work).on("Url", "https://docs.example.com:8443/a/b", {{"Host", "docs.example.com"}, {"Host", "example.com"}}));
  allow("host", scoped("principal, action, resource in Host::\"example.com\""),
        Case(work).on("Url", "https://docs.example.com/a", {{"Host", "docs.example.com"}, {"Host", "example.com"}}));
  allow("types of the catalogue", when("resource is Repo && resource in Owner::\"acme\" && resource.id like \"acme/*\""),
        Case(work).on("Repo", "acme/app", {{"Owner", "acme"}}));
  // Context.
  allow("arguments", when("context.args.path like \"/work/*\" && context.args has content"), work);
  allow("request",
        when("context.surface == \"mcp\" && context.server == \"files\" && context.tool == \"write_file\" && context.operation == "
             "\"tools/call\""),
        work);
  allow("classification", when("context.band == 1 && context.known && context.effects == [\"write\"]"), work);
  allow("task",
        when("context.task.id == \"task_1\" && context.task.purpose == \"tidy up\" && context.task.calls == 3 && context.task.band_ceiling "
             "== 3 && context.task.started < context.now && context.now < context.task.expires"),
        work);
  allow("rate", when("context.rate.last_minute <= 2"), work);
  allow("time", when("context.now == datetime(\"2023-11-14T22:14:20Z\")"), work);
  allow("workspace folders", when("context.workspace.contains(\"/work\")"), work);
  deny("strings in arguments name no entities", when("context.args.who == Agent::\"agent-1\""),
       Case(work).calls("files/x", {{"who", json::object{{"__entity", json::object{{"type", "Agent"}, {"id", "agent-1"}}}}}}));
  {
    Case bare = work;
    bare.request.args = nullptr;
    allow("no arguments are an empty record", when("!(context.args has path)"), bare);
  }
  // Answers.
  row("nothing permits", "", work, VerdictKind::kDeny, {});
  row("forbid wins", kPermitAll + "@id(\"no\") forbid (principal, action in Action::\"write\", resource);", work, VerdictKind::kDeny,
      {"no"});
  row("unless approved asks", kPermitAll + "@id(\"ask\") forbid (principal, action, resource) unless { context.approved };", work,
      VerdictKind::kStepUp, {"ask"});
  row("approved passes", kPermitAll + "@id(\"ask\") forbid (principal, action, resource) unless { context.approved };", Case(work).yes(),
      VerdictKind::kAllow, {"all"});
  row("a permit that waits for approval asks", "@id(\"yes\") permit (principal, action, resource) when { context.approved };", work,
      VerdictKind::kStepUp, {"yes"});
  row("a hard no is not asked about",
      kPermitAll +
          "@id(\"ask\") forbid (principal, action, resource) unless { context.approved };\n@id(\"no\") forbid (principal, action, "
          "resource);",
      work, VerdictKind::kDeny, {"no"});
  row("critical asks, whatever policies say", kPermitAll, Case(work).does({Effect::kAdmin}, Band::kCritical), VerdictKind::kStepUp,
      {"interlock/critical-needs-approval"});
  row("critical with a yes passes", kPermitAll, Case(work).does({Effect::kAdmin}, Band::kCritical).yes(), VerdictKind::kAllow, {"all"});
  row("critical that nothing permits is denied", "", Case(work).does({Effect::kAdmin}, Band::kCritical), VerdictKind::kDeny, {});
  row("critical that a policy forbids is denied", kPermitAll + "@id(\"no\") forbid (principal, action, resource);",
      Case(work).does({Effect::kAdmin}, Band::kCritical), VerdictKind::kDeny, {"no"});
  row("every permit is named", kPermitAll + "permit (principal, action, resource);", work, VerdictKind::kAllow, {"all", "own.cedar:2"});
  // Failures.
  row("a forbid that fails denies", kPermitAll + "@id(\"fails\") forbid (principal, action, resource) when { context.args.missing == 1 };",
      work, VerdictKind::kDeny, {"fails"});
  row("a forbid that fails unless approved asks",
      kPermitAll + "@id(\"fails\") forbid (principal, action, resource) when { !context.approved && context.args.missing == 1 };", work,
      VerdictKind::kStepUp, {"fails"});
  row("a permit that fails permits nothing", "@id(\"fails\") permit (principal, action, resource) when { context.args.missing == 1 };",
      work, VerdictKind::kDeny, {});
  row("a permit that fails leaves the others",
      kPermitAll + "@id(\"fails\") permit (principal, action, resource) when { context.args.missing == 1 };", work, VerdictKind::kAllow,
      {"all"});
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Table, Verdicts, testing::ValuesIn(verdict_rows()), [](const auto& row) {
  std::string name = std::to_string(row.index) + "_";
  for (const char c : row.param.name) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

TEST(Credentials, AreThoseThatThePermitsWhichDecideName) {
  const std::string text = R"(
@credential("reader") permit (principal, action in Action::"read", resource);
@credential("writer") permit (principal, action in Action::"write", resource) when { context.band <= 1 };
@credential("writer") permit (principal, action in Action::"write", resource is Tool);
@credential("sender") permit (principal, action in Action::"send", resource) when { context.approved };
@shadow @credential("root") permit (principal, action, resource);
forbid (principal, action in Action::"delete", resource);
)";
  const std::vector<PolicySource> sources{{"own.cedar", text}};
  const auto engine = PolicyEngine::load(sources);
  ASSERT_TRUE(engine) << engine.error().text();
  using Names = std::vector<std::string>;
  Case one;
  EXPECT_EQ((*engine)->decide(one.input()).credentials, Names{"writer"});
  EXPECT_EQ((*engine)->decide(one.does({Effect::kRead, Effect::kWrite}).input()).credentials, (Names{"reader", "writer"}));
  EXPECT_EQ((*engine)->decide(one.does({Effect::kRead, Effect::kDelete}).input()).credentials, Names{});
  EXPECT_EQ((*engine)->decide(one.does({Effect::kSend}).input()).credentials, Names{}) << "not before a human says yes";
  EXPECT_EQ((*engine)->decide(one.yes().input()).credentials, Names{"sender"});
}

TEST(Principal, TellsForWhomItActsAndWithWhat) {
  Case delegated = write_of("/work/a");
  delegated.subject.credential = "exchange";
  delegated.subject.chain = {{"staff/ana", "https://id.example", true}, {"agent/planner", "https://id.example", false}};
  delegated.subject.scopes = {"files", "mail"};
  Case borrowed = write_of("/work/a");
  borrowed.subject.inherited = true;
  const Case own = write_of("/work/a");
  struct Asked {
    const char* condition;
    bool of_delegated;
    bool of_borrowed;
    bool of_own;
  };
  const Asked asked[] = {
      {"principal.chain.contains(\"agent/planner\")", true, false, false},
      {"principal.chain.isEmpty()", false, true, true},
      {"principal.depth == 2", true, false, false},
      {"principal has on_behalf_of && principal.on_behalf_of == Human::\"staff/ana\"", true, false, false},
      {"principal.scopes.containsAll([\"files\", \"mail\"])", true, false, false},
      {"principal.credential == \"exchange\"", true, false, false},
      {"principal.inherited", false, true, false},
      {"principal in Human::\"ana\"", true, true, true},           // its owner
      {"principal in Human::\"staff/ana\"", false, false, false},  // never for whom it acts
      {"principal in Agent::\"agent/planner\"", false, false, false},
  };
  for (const auto& one : asked) {
    const auto engine = engine_of("permit (principal, action, resource) when { " + std::string(one.condition) + " };");
    EXPECT_EQ(engine->decide(delegated.input()).allows(), one.of_delegated) << one.condition;
    EXPECT_EQ(engine->decide(borrowed.input()).allows(), one.of_borrowed) << one.condition;
    EXPECT_EQ(engine->decide(own.input()).allows(), one.of_own) << one.condition;
  }
}

TEST(Principal, HasNoAttributeThatIsMisspelt) {
  const auto bad = load_text("forbid (principal, action, resource) when { principal.inherrited };");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().text(), HasSubstr("principal has no attribute `inherrited`"));
  EXPECT_THAT(bad.error().text(), HasSubstr("did you mean `inherited`"));
}

TEST(Presets, LetNobodyActWithAHumansCredential) {
  for (const char* preset : {"balanced", "strict"}) {
    auto sources = *preset_sources(preset);
    sources.push_back({"own.cedar", kPermitAll});
    const auto engine = PolicyEngine::load(sources, {.observe = false, .workspace = {"/work"}});
    ASSERT_TRUE(engine) << engine.error().text();
    Case given = write_of("/work/a");
    EXPECT_TRUE((*engine)->decide(given.input()).allows()) << preset;
    given.subject.inherited = true;
    for (const bool approved : {false, true}) {
      given.approved = approved;
      const auto verdict = (*engine)->decide(given.input());
      EXPECT_EQ(verdict.kind, VerdictKind::kDeny) << preset;
      EXPECT_THAT(verdict.policies, ElementsAre(std::string(preset) + "/no-borrowed-identities"));
      EXPECT_THAT(verdict.reason, HasSubstr("stands for a human"));
    }
  }
}

TEST(Reasons, OfAForbidIsItsAnnotation) {
  const auto verdict =
      decide(kPermitAll + R"(@id("no") @reason("Release notes are frozen.") @next("Open a ticket.") forbid (principal, action, resource);)",
             write_of("/work/a"));
  EXPECT_EQ(verdict.reason, "Release notes are frozen.");
  EXPECT_EQ(verdict.next, "Open a ticket.");
}

TEST(Reasons, OfAForbidWithoutAnnotationNameItAndTheAct) {
  const auto verdict = decide(kPermitAll + "forbid (principal, action, resource);", write_of("/work/a"));
  EXPECT_THAT(verdict.reason, HasSubstr("own.cedar:2"));
  EXPECT_THAT(verdict.reason, HasSubstr("filesystem/write_file"));
  EXPECT_THAT(verdict.reason, HasSubstr("File::\"/work/a\""));
  EXPECT_THAT(verdict.next, HasSubstr("own.cedar:2"));
}

TEST(Reasons, OfADefaultDenialSayWhatIsMissing) {
  const auto verdict = decide("permit (principal, action in Action::\"read\", resource);", write_of("/work/a"));
  EXPECT_THAT(verdict.reason, HasSubstr("no policy permits filesystem/write_file (write, band 1) on File::\"/work/a\""));
  EXPECT_THAT(verdict.next, HasSubstr("permit (principal, action == Action::\"filesystem/write_file\", resource == File::\"/work/a\");"));
}

TEST(Reasons, OfAnEmptySetSayThatThereIsNoPolicy) {
  const auto verdict = decide("// nothing\n", write_of("/work/a"));
  EXPECT_EQ(verdict.kind, VerdictKind::kDeny);
  EXPECT_THAT(verdict.reason, HasSubstr("no policy is in force"));
  EXPECT_THAT(verdict.next, HasSubstr("preset"));
}

TEST(Reasons, OfAnUnknownToolSayThatNothingDescribesIt) {
  Case given = a_case();
  given.classification.known = false;
  EXPECT_THAT(decide("", given).reason, HasSubstr("no catalogue entry describes"));
}

TEST(Reasons, OfAFailedForbidNameItAndTheFault) {
  const auto verdict =
      decide(kPermitAll + "@id(\"careless\")\nforbid (principal, action, resource)\nwhen { context.args.missing like \"*\" };",
             write_of("/work/a"));
  EXPECT_THAT(verdict.reason, HasSubstr("careless"));
  EXPECT_THAT(verdict.reason, HasSubstr("policies/own.cedar:4:"));
  EXPECT_THAT(verdict.reason, HasSubstr("missing"));
  EXPECT_THAT(verdict.errors, ElementsAre(HasSubstr("careless: ")));
  EXPECT_THAT(verdict.next, HasSubstr("`has`"));
}

TEST(Reasons, OfAFailedPermitStandBesideTheDenial) {
  const auto verdict = decide("@id(\"careless\") permit (principal, action, resource) when { context.args.missing };", write_of("/work/a"));
  EXPECT_THAT(verdict.reason, HasSubstr("careless"));
  EXPECT_THAT(verdict.errors, SizeIs(1));
}

TEST(Reasons, OfAStepUpComeFromWhatWaits) {
  const auto verdict =
      decide(R"(@id("x") @reason("Purchases are signed off.") permit (principal, action, resource) when { context.approved };)",
             write_of("/work/a"));
  EXPECT_EQ(verdict.kind, VerdictKind::kStepUp);
  EXPECT_EQ(verdict.reason, "Purchases are signed off.");
  EXPECT_THAT(verdict.next, HasSubstr("interlock approvals"));
}

TEST(Reasons, NeverRepeatThemselves) {
  const std::string twice =
      R"(@id("a") @reason("No.") forbid (principal, action, resource); @id("b") @reason("No.") forbid (principal, action, resource);)";
  const auto verdict = decide(kPermitAll + twice, write_of("/work/a"));
  EXPECT_EQ(verdict.reason, "No.");
  EXPECT_THAT(verdict.policies, ElementsAre("a", "b"));
}

TEST(Reasons, StayShortWhateverTheNameOfTheResource) {
  std::string long_name = "/work/";
  for (int i = 0; i < 20'000; ++i) long_name += "\xc3\xa9";
  const auto verdict = decide("permit (principal, action in Action::\"read\", resource);", write_of(long_name));
  EXPECT_LT(verdict.reason.size(), 600u);
  EXPECT_LT(verdict.next.size(), 700u);
}

TEST(Allowed, CarriesNoWords) {
  const auto verdict = decide(kPermitAll, write_of("/work/a"));
  EXPECT_TRUE(verdict.allows());
  EXPECT_THAT(verdict.reason, IsEmpty());
  EXPECT_THAT(verdict.next, IsEmpty());
  EXPECT_FALSE(verdict.observed);
}

// ----------------------------------------------------------------------------------------------------- several resources

const std::string kMoves = R"(
@id("work") permit (principal, action, resource in Folder::"/work");
@id("tmp") @reason("Temporary files need a yes.") permit (principal, action, resource in Folder::"/tmp") when { context.approved };
)";

Case move(const std::string& from, const std::string& to) {
  Case out = write_of(from);
  out.classification.further_resources.push_back({{"File", to}, Case::folders_above(to)});
  return out;
}

TEST(SeveralResources, TheStrictestAnswerCounts) {
  struct {
    std::string from, to;
    VerdictKind kind;
  } rows[] = {{"/work/a", "/work/b", VerdictKind::kAllow}, {"/work/a", "/tmp/b", VerdictKind::kStepUp},
              {"/tmp/a", "/work/b", VerdictKind::kStepUp}, {"/work/a", "/etc/b", VerdictKind::kDeny},
              {"/etc/a", "/work/b", VerdictKind::kDeny},   {"/tmp/a", "/etc/b", VerdictKind::kDeny},
              {"/etc/a", "/tmp/b", VerdictKind::kDeny}};
  for (const auto& row : rows) EXPECT_EQ(decide(kMoves, move(row.from, row.to)).kind, row.kind) << row.from << " to " << row.to;
}

TEST(SeveralResources, TheReasonNamesTheOneThatIsMeant) {
  const auto denied = decide(kMoves, move("/work/a", "/etc/b"));
  EXPECT_THAT(denied.reason, HasSubstr("/etc/b"));
  EXPECT_THAT(denied.reason, Not(HasSubstr("/work/a")));
  const auto asked = decide(kMoves, move("/tmp/a", "/tmp/b"));
  EXPECT_THAT(asked.reason, HasSubstr("/tmp/a"));
  EXPECT_THAT(asked.reason, HasSubstr("/tmp/b"));
  EXPECT_THAT(asked.policies, ElementsAre("tmp"));
}

TEST(SeveralResources, ManyOfThemAreDecidedOneByOne) {
  Case given = write_of("/work/a");
  for (int i = 0; i < 255; ++i)
    given.classification.further_resources.push_back({{"File", "/work/" + std::to_string(i)}, Case::folders_above("/work/x")});
  EXPECT_EQ(decide(kMoves, given).kind, VerdictKind::kAllow);
  given.classification.further_resources.push_back({{"File", "/etc/x"}, Case::folders_above("/etc/x")});
  EXPECT_EQ(decide(kMoves, given).kind, VerdictKind::kDeny);
}

// ------------------------------------------------------------------------------------------------------------ hostile

TEST(ForgedNames, OfTheGatesOwnTypesAreDenied) {
  const std::string policies = kPermitAll;
  for (const model::EntityName& forged : std::vector<model::EntityName>{{"Workspace", "default"},
                                                                        {"Server", "other"},
                                                                        {"Tool", "files/other"},
                                                                        {"Agent", "agent-1"},
                                                                        {"Human", "ana"},
                                                                        {"Action", "read"}}) {
    EXPECT_EQ(decide(policies, a_case().on(forged.type, forged.id)).kind, VerdictKind::kDeny) << model::text_of(forged);
    const auto contained = decide(policies, a_case().on("Repo", "a/b", {forged}));
    EXPECT_EQ(contained.kind, VerdictKind::kDeny) << model::text_of(forged);
    EXPECT_THAT(contained.reason, HasSubstr("catalogue"));
  }
}

TEST(Names, WithQuotesAndControlCharactersStayNames) {
  const std::string path = "/work/a\"\\\n; permit (principal, action, resource);";
  const auto verdict = decide("permit (principal, action, resource == File::\"/work/a\");", write_of(path));
  EXPECT_EQ(verdict.kind, VerdictKind::kDeny);
  EXPECT_THAT(verdict.reason, Not(HasSubstr("\n")));
}

// ------------------------------------------------------------------------------------------------------------ observe

TEST(Observe, AllowsAndSaysWhatWouldHaveBeen) {
  struct {
    std::string policies;
    VerdictKind would;
  } rows[] = {{kPermitAll, VerdictKind::kAllow},
              {"", VerdictKind::kDeny},
              {"permit (principal, action, resource) when { context.approved };", VerdictKind::kStepUp}};
  for (const auto& row : rows) {
    const auto verdict = decide(row.policies, write_of("/work/a"), {.observe = true, .workspace = {}});
    EXPECT_EQ(verdict.kind, VerdictKind::kAllow);
    EXPECT_TRUE(verdict.observed);
    EXPECT_EQ(verdict.would, row.would);
  }
  EXPECT_TRUE(engine_of("", {.observe = true, .workspace = {}})->observes());
}

}  // namespace
}  // namespace interlock::policy::test
