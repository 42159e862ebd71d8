// What is hidden from lists: only what is denied for certain, and what plainly is.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "requests.hpp"

namespace interlock::policy::test {
namespace {

using model::Band;
using model::Effect;

// As the gate asks: no task, no arguments, the tool itself for a resource.
bool may_ever(const PolicyEngine& engine, Case given, bool resource_known = false) {
  Input input = given.input();
  input.task = nullptr;
  input.now_ms = 0;
  return engine.may_ever(input, resource_known);
}

struct Row {
  std::string policies;
  bool shown;
};

const std::string kAll = "permit (principal, action, resource);\n";

TEST(MayEver, OfATool) {
  const Case tool = a_case();  // files/write_file, write, band 1
  const Row rows[] = {
      {"", false},
      {kAll, true},
      // Scopes.
      {"permit (principal, action in Action::\"write\", resource);", true},
      {"permit (principal, action in Action::\"read\", resource);", false},
      {"permit (principal, action == Action::\"filesystem/write_file\", resource);", true},
      {"permit (principal, action == Action::\"filesystem/read_file\", resource);", false},
      {"permit (principal == Agent::\"agent-1\", action, resource);", true},
      {"permit (principal == Agent::\"other\", action, resource);", false},
      {"permit (principal in Human::\"bo\", action, resource);", false},
      {"permit (principal, action, resource in Server::\"files\");", true},
      {"permit (principal, action, resource in Server::\"github\");", false},
      {"permit (principal, action, resource in Tool::\"files/write_file\");", true},
      {"permit (principal, action, resource == Tool::\"files/other\");", false},
      {"permit (principal, action, resource in Folder::\"/work\");", true},
      {"permit (principal, action, resource == File::\"/work/a\");", true},
      {"permit (principal, action, resource is Url);", true},
      {"permit (principal, action, resource is Url in Server::\"github\");", false},
      {"permit (principal, action, resource in Workspace::\"default\");", true},
      {kAll + "forbid (principal, action in Action::\"write\", resource);", false},
      {kAll + "forbid (principal, action in Action::\"delete\", resource);", true},
      {kAll + "forbid (principal, action, resource in Server::\"files\");", false},
      {kAll + "forbid (principal, action, resource in Folder::\"/\");", true},
      {kAll + "forbid (principal, action, resource == Tool::\"files/write_file\");", true},  // the resource may be a file
      {kAll + "forbid (principal, action, resource is File);", true},
      // Conditions on what is known.
      {kAll + "forbid (principal, action, resource) when { context.band >= 1 };", false},
      {kAll + "forbid (principal, action, resource) when { context.band >= 2 };", true},
      {kAll + "forbid (principal, action, resource) unless { principal.owner == Human::\"bo\" };", false},
      {kAll + "forbid (principal, action, resource) unless { principal.owner in Human::\"bo\" };", false},
      {kAll + "forbid (principal, action, resource) when { action in Action::\"mcp\" };", false},
      {kAll + "forbid (principal, action, resource) when { context.tool == \"write_file\" && context.server == \"files\" };", false},
      {kAll + "forbid (principal, action, resource) when { context.effects.contains(\"write\") };", false},
      {"permit (principal, action, resource) when { context.known == false };", false},
      // Conditions on what is not.
      {kAll + "forbid (principal, action, resource) when { context.args has path };", true},
      {kAll + "forbid (principal, action, resource) unless { context.args has path };", true},
      {kAll + "forbid (principal, action, resource) unless { context.approved };", true},
      {kAll + "forbid (principal, action, resource) when { context.rate.last_minute > 10 };", true},
      {kAll + "forbid (principal, action, resource) when { context.task.calls > 10 };", true},
      {kAll + "forbid (principal, action, resource) when { context.now > datetime(\"2030-01-01\") };", true},
      {kAll + "forbid (principal, action, resource) when { resource in Folder::\"/etc\" };", true},
      {kAll + "forbid (principal, action, resource) when { resource is File };", true},
      {kAll + "forbid (principal, action, resource) when { context == {} };", true},
      {"permit (principal, action, resource) when { context.approved };", true},
      {"permit (principal, action, resource) when { !context.approved };", true},
      {"permit (principal, action, resource) when { context.args.path == \"/work/a\" };", true},
      {"permit (principal, action, resource) when { File::\"/work/a\" has path };", true},
      {"permit (principal, action, resource) when { File::\"/work/a\" in Folder::\"/work\" };", true},
      {"permit (principal, action, resource) when { Tool::\"files/write_file\" has id };", true},
      {"permit (principal, action, resource) when { Tool::\"files/other\" has id };", false},
      // What is known decides first.
      {kAll + "forbid (principal, action, resource) when { context.band == 1 || context.args.force };", false},
      {"permit (principal, action, resource) when { context.band == 0 && context.args.path == \"/\" };", false},
  };
  for (const Row& row : rows) {
    const auto engine = load_text(row.policies);
    ASSERT_TRUE(engine) << row.policies << engine.error().text();
    EXPECT_EQ(may_ever(**engine, tool), row.shown) << row.policies;
  }
}

TEST(MayEver, OfAResourceLooksAtItsUri) {
  Case given = a_case();
  given.calls("fixture/resources/read").does({Effect::kRead}).on("Url", "test://static-text");
  given.request = {.surface = "mcp",
                   .server = "fixture",
                   .operation = "resources/read",
                   .target = "test://static-text",
                   .args = json::object{{"uri", "test://static-text"}},
                   .trace_parent = {}};
  const Row rows[] = {
      {kAll, true},
      {kAll + "forbid (principal, action, resource) when { context.operation == \"resources/read\" && context.args has uri && "
              "context.args.uri == \"test://static-text\" };",
       false},
      {kAll + "forbid (principal, action, resource) when { context.operation == \"resources/read\" && context.args has uri && "
              "context.args.uri == \"test://other\" };",
       true},
      {kAll + "forbid (principal, action, resource == Url::\"test://static-text\");", false},
      {kAll + "forbid (principal, action, resource) when { resource.scheme == \"test\" };", false},
      {"permit (principal, action, resource in Folder::\"/work\");", false},
      {kAll + "forbid (principal, action, resource) unless { context.approved };", true},
  };
  for (const Row& row : rows) EXPECT_EQ(may_ever(**load_text(row.policies), given, true), row.shown) << row.policies;
}

TEST(MayEver, OfAPromptDoesNotLookAtArguments) {
  Case given = a_case();
  given.calls("fixture/prompts/get").does({Effect::kRead}).on("Prompt", "fixture/greet");
  given.request = {
      .surface = "mcp", .server = "fixture", .operation = "prompts/get", .target = "greet", .args = json::object{}, .trace_parent = {}};
  const Row rows[] = {
      {kAll, true},
      {kAll + "forbid (principal, action, resource) when { context.operation == \"prompts/get\" && context.tool == \"greet\" };", false},
      {kAll + "forbid (principal, action, resource == Prompt::\"fixture/greet\");", false},
      {kAll + "forbid (principal, action, resource) unless { context.args has name };", true},
  };
  for (const Row& row : rows) EXPECT_EQ(may_ever(**load_text(row.policies), given, true), row.shown) << row.policies;
}

TEST(MayEver, IsTrueForCriticalActsAndUnderObserve) {
  const Case critical = a_case().does({Effect::kAdmin}, Band::kCritical);
  EXPECT_TRUE(may_ever(**load_text(kAll), critical));
  EXPECT_TRUE(may_ever(**load_text("", {.observe = true, .workspace = {}}), critical));
}

TEST(MayEver, IgnoresShadowedPolicies) {
  EXPECT_TRUE(may_ever(**load_text(kAll + "@shadow forbid (principal, action, resource);"), a_case()));
  EXPECT_FALSE(may_ever(**load_text("@shadow permit (principal, action, resource);"), a_case()));
}

// ------------------------------------------------------------------------------------------------------------ property

using Words = std::vector<std::string>;

rc::Gen<std::string> one_of(Words words) { return rc::gen::elementOf(std::move(words)); }

rc::Gen<std::string> scope() {
  return rc::gen::apply(
      [](const std::string& effect, const std::string& principal, const std::string& action, const std::string& resource) {
        return effect + " (" + principal + ", " + action + ", " + resource + ")";
      },
      one_of({"permit", "permit", "forbid"}),
      one_of({"principal", "principal", "principal == Agent::\"agent-1\"", "principal == Agent::\"x\"", "principal in Human::\"ana\"",
              "principal is Agent"}),
      one_of({"action", "action", "action in Action::\"write\"", "action in [Action::\"read\", Action::\"delete\"]",
              "action == Action::\"files/t\"", "action in Action::\"mcp\""}),
      one_of({"resource", "resource", "resource == File::\"/work/a\"", "resource in Folder::\"/work\"", "resource in Server::\"files\"",
              "resource in Server::\"other\"", "resource == Tool::\"files/t\"", "resource is Url", "resource is File in Folder::\"/work\"",
              "resource in Workspace::\"default\"", "resource is Tool in Server::\"files\"", "resource is Tool in Server::\"other\""}));
}

rc::Gen<std::string> atom() {
  return one_of({"context.approved",
                 "!context.approved",
                 "context.args has path",
                 "context.args.path like \"/work/*\"",
                 "context.args.n > 3",
                 "context.band >= 2",
                 "context.known",
                 "context.effects.contains(\"write\")",
                 "context.task.calls < 5",
                 "context.rate.last_minute < 5",
                 "context.now < datetime(\"2024-01-01\")",
                 "context.tool == \"t\"",
                 "resource is File",
                 "resource in Folder::\"/work\"",
                 "resource has path",
                 "resource in Server::\"files\"",
                 "resource == Tool::\"files/t\"",
                 "principal.assurance == \"bearer\"",
                 "principal in Human::\"ana\"",
                 "principal.owner in Human::\"bo\"",
                 "action in Action::\"write\"",
                 "action == Action::\"files/t\"",
                 "true",
                 "false",
                 "context.args == {}",
                 "File::\"/work/a\" has path",
                 "File::\"/work/a\" in Folder::\"/work\"",
                 "Tool::\"files/t\" has id",
                 "Agent::\"agent-1\".client == \"test 1.0\"",
                 "{r: resource} has r",
                 "[resource].contains(File::\"/work/a\")",
                 "[context.args].isEmpty()",
                 "(if context.approved then resource else principal) is Agent",
                 "context has args",
                 "context.workspace.contains(\"/work\")"});
}

rc::Gen<std::string> condition() {
  return rc::gen::apply(
      [](const std::string& a, const std::string& joint, const std::string& b) {
        return joint == "!" ? "!(" + a + ")" : joint.empty() ? a : "(" + a + ") " + joint + " (" + b + ")";
      },
      atom(), one_of({"", "&&", "||", "!", "=="}), atom());
}

rc::Gen<std::string> policy() {
  return rc::gen::apply([](const std::string& head, const std::string& kind,
                           const std::string& body) { return head + (kind.empty() ? "" : " " + kind + " { " + body + " }") + ";\n"; },
                        scope(), one_of({"", "when", "when", "unless"}), condition());
}

Case completion_of(const Case& known) {
  Case out = known;
  struct Place {
    model::EntityName resource;
    std::vector<model::EntityName> containers;
  };
  const auto place = *rc::gen::elementOf(std::vector<Place>{{{"Tool", "files/t"}, {}},
                                                            {{"File", "/work/a"}, Case::folders_above("/work/a")},
                                                            {{"File", "/etc/a"}, Case::folders_above("/etc/a")},
                                                            {{"Url", "http://localhost/"}, {{"Host", "localhost"}}},
                                                            {{"Repo", "a/b"}, {{"Owner", "a"}}}});
  out.classification.resource = place.resource;
  out.classification.containers = place.containers;
  out.request.args = *rc::gen::elementOf(std::vector<json::value>{json::object{}, json::object{{"path", "/work/a"}},
                                                                  json::object{{"path", "/etc"}, {"n", 5}}, json::object{{"n", 1}},
                                                                  json::value(nullptr), json::array{1}});
  out.task.calls = *rc::gen::inRange(0, 10);
  out.task.calls_last_minute = *rc::gen::inRange(0, 10);
  out.now_ms = *rc::gen::elementOf(std::vector<UnixMs>{1'600'000'000'000, 1'800'000'000'000});
  out.approved = *rc::gen::arbitrary<bool>();
  return out;
}

RC_GTEST_PROP(MayEver, IsFalseOnlyWhereDecideDenies, ()) {
  bool hidden = false;
  bool allowed = false;
  for (int set = 0; set < 20; ++set) {
    std::string text;
    for (const std::string& one : *rc::gen::container<std::vector<std::string>>(policy())) text += one;
    Case known = a_case().calls("files/t").does(
        *rc::gen::elementOf(std::vector<std::vector<Effect>>{{Effect::kRead}, {Effect::kWrite}, {Effect::kDelete, Effect::kSend}}),
        static_cast<Band>(*rc::gen::inRange(0, 4)));
    known.classification.known = *rc::gen::arbitrary<bool>();
    const auto engine = load_text(text, {.observe = false, .workspace = {"/work"}});
    RC_ASSERT(engine.has_value());
    const bool shown = may_ever(**engine, known);
    hidden = hidden || (!shown && !text.empty());
    for (int i = 0; i < 12; ++i) {
      const auto verdict = (*engine)->decide(completion_of(known).input());
      allowed = allowed || verdict.kind != model::VerdictKind::kDeny;
      if (!shown) RC_ASSERT(verdict.kind == model::VerdictKind::kDeny);
    }
  }
  RC_CLASSIFY(hidden, "hidden");
  RC_CLASSIFY(allowed, "allowed somewhere");
}

}  // namespace
}  // namespace interlock::policy::test
