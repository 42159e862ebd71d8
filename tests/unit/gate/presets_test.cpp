// The presets over every shipped catalogue entry: what docs/user-guide.md §3 promises holds for each tool, on each kind of place.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "catalogue/catalogue.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::gate {
namespace {

using model::Band;
using model::Classification;
using model::Effect;
using model::VerdictKind;

const std::vector<std::string> kEntries{"everything", "fetch", "filesystem", "git", "github", "memory", "playwright"};

// The names below `tools:`, as the shipped files are written: two blanks, a name, a colon.
std::vector<std::string> tools_of(const std::string& entry) {
  std::ifstream in(std::string(INTERLOCK_SOURCE_DIR) + "/catalogue/" + entry + ".yaml");
  std::vector<std::string> out;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#') inside = line == "tools:";
    if (inside && line.starts_with("  ") && line.size() > 2 && line[2] != ' ' && line[2] != '#')
      out.push_back(line.substr(2, line.find(':') - 2));
  }
  return out;
}

std::shared_ptr<const catalogue::Catalogue> shipped() {
  std::vector<catalogue::ServerBinding> servers;
  for (const std::string& entry : kEntries) servers.push_back({entry, entry, {}, {}, "/work", "/home/ana"});
  return *catalogue::Catalogue::load({}, servers);
}

std::shared_ptr<const policy::PolicyEngine> preset(const std::string& name) {
  return *policy::PolicyEngine::load(*policy::preset_sources(name), {.observe = name == "observe", .workspace = {"/work"}});
}

model::ActionRequest call_of(const std::string& entry, const std::string& tool, json::object args = {}) {
  return {.surface = "mcp", .server = entry, .operation = "tools/call", .target = tool, .args = std::move(args), .trace_parent = {}};
}

model::Verdict decide(const policy::PolicyEngine& engine, const model::ActionRequest& request, const Classification& classification,
                      bool approved = false) {
  static const model::Subject subject = [] {
    model::Subject ana;
    ana.id = "agent";
    ana.owner = "ana";
    ana.assurance = model::Assurance::kKernel;
    return ana;
  }();
  static const model::Task task{
      .id = "t", .purpose = {}, .band_ceiling = Band::kCritical, .started_ms = 1, .expires_ms = 2, .calls = 1, .calls_last_minute = 1};
  return engine.decide(
      {.subject = subject, .task = &task, .request = request, .classification = classification, .approved = approved, .now_ms = 1});
}

bool has(const Classification& classification, std::initializer_list<Effect> effects) {
  return std::any_of(effects.begin(), effects.end(), [&](Effect effect) {
    return std::find(classification.effects.begin(), classification.effects.end(), effect) != classification.effects.end();
  });
}

struct Place {
  model::EntityName resource;
  std::vector<model::EntityName> containers;
  bool outside;  // a file out of the workspace
};

// The guide's table, said once more: reads; routine writes in the workspace; the rest waits; changes elsewhere are denied.
VerdictKind promised(const Classification& classification, const Place& place) {
  if (place.outside && has(classification, {Effect::kWrite, Effect::kDelete})) return VerdictKind::kDeny;
  if (classification.band >= Band::kSensitive || has(classification, {Effect::kDelete, Effect::kExecute, Effect::kSend, Effect::kAdmin}))
    return VerdictKind::kStepUp;
  return VerdictKind::kAllow;
}

TEST(Balanced, KeepsItsPromiseForEveryShippedTool) {
  const auto catalogue = shipped();
  const auto engine = preset("balanced");
  const auto observing = preset("observe");
  const auto strict = preset("strict");
  std::size_t cases = 0;
  for (const std::string& entry : kEntries) {
    const auto tools = tools_of(entry);
    ASSERT_FALSE(tools.empty()) << entry;
    for (const std::string& tool : tools) {
      const auto request = call_of(entry, tool);
      for (Classification classification : catalogue->possible(request)) {
        ASSERT_TRUE(classification.known) << entry << "/" << tool;
        const std::vector<Place> places{{classification.resource, {}, false},
                                        {{"File", "/work/a"}, {{"Folder", "/work"}, {"Folder", "/"}}, false},
                                        {{"File", "/etc/a"}, {{"Folder", "/etc"}, {"Folder", "/"}}, true},
                                        {{"File", "a"}, {}, true},
                                        {{"Url", "https://example.com/"}, {{"Host", "example.com"}}, false}};
        for (const Place& place : places) {
          classification.resource = place.resource;
          classification.containers = place.containers;
          const auto wanted = promised(classification, place);
          const auto verdict = decide(*engine, request, classification);
          EXPECT_EQ(model::verdict_name(verdict.kind), model::verdict_name(wanted))
              << entry << "/" << tool << " on " << model::text_of(place.resource) << ": " << verdict.reason;
          const auto approved = decide(*engine, request, classification, true);
          EXPECT_EQ(approved.allows(), wanted != VerdictKind::kDeny) << entry << "/" << tool;
          const auto observed = decide(*observing, request, classification);
          EXPECT_TRUE(observed.allows() && observed.observed);
          EXPECT_EQ(observed.would, wanted);
          const auto refused = decide(*strict, request, classification);
          EXPECT_EQ(refused.kind, VerdictKind::kDeny);
          ++cases;
        }
      }
    }
  }
  EXPECT_GT(cases, 1'000u);
}

struct Row {
  std::string entry;
  std::string tool;
  json::object args;
  VerdictKind kind;
};

TEST(Balanced, DecidesOnRealCalls) {
  const auto catalogue = shipped();
  const auto engine = preset("balanced");
  const Row rows[] = {
      {"filesystem", "read_text_file", {{"path", "/etc/hosts"}}, VerdictKind::kAllow},
      {"filesystem", "write_file", {{"path", "/work/a"}}, VerdictKind::kAllow},
      {"filesystem", "write_file", {{"path", "/work"}}, VerdictKind::kAllow},
      {"filesystem", "write_file", {{"path", "/work/../etc/passwd"}}, VerdictKind::kDeny},
      {"filesystem", "write_file", {{"path", "/workshop/a"}}, VerdictKind::kDeny},
      {"filesystem", "write_file", {{"path", "a"}}, VerdictKind::kDeny},
      {"filesystem", "write_file", {{"path", 7}}, VerdictKind::kStepUp},  // unreadable: nobody knows what the server makes of it
      {"filesystem", "create_directory", {{"path", "/work/new"}}, VerdictKind::kAllow},
      {"filesystem", "move_file", {{"source", "/work/a"}, {"destination", "/work/b"}}, VerdictKind::kAllow},
      {"filesystem", "move_file", {{"source", "/work/a"}, {"destination", "/tmp/b"}}, VerdictKind::kDeny},
      {"filesystem", "move_file", {{"source", "/etc/a"}, {"destination", "/work/b"}}, VerdictKind::kDeny},
      {"memory", "create_entities", {{"entities", json::array{}}}, VerdictKind::kAllow},
      {"memory", "delete_entities", {{"entityNames", json::array{}}}, VerdictKind::kStepUp},
      {"fetch", "fetch", {{"url", "https://example.com/a"}}, VerdictKind::kAllow},
      {"fetch", "fetch", {{"url", "http://169.254.169.254/latest"}}, VerdictKind::kStepUp},
      {"fetch", "fetch", {{"url", "http://2130706433/"}}, VerdictKind::kStepUp},
      {"fetch", "fetch", {{"url", "file:///etc/passwd"}}, VerdictKind::kAllow},  // reads a file, as any read
      {"playwright", "browser_navigate", {{"url", "https://example.com"}}, VerdictKind::kAllow},
      {"playwright", "browser_navigate", {{"url", "view-source:http://localhost/"}}, VerdictKind::kStepUp},
      {"playwright", "browser_run_code_unsafe", {{"code", "1"}}, VerdictKind::kStepUp},
      {"github", "create_issue", {{"owner", "acme"}, {"repo", "app"}}, VerdictKind::kStepUp},
      {"github", "delete_repository", {{"owner", "acme"}, {"repo", "app"}}, VerdictKind::kStepUp},
      {"everything", "get-env", {}, VerdictKind::kStepUp},
      {"unheard-of", "tool", {{"path", "/work/a"}}, VerdictKind::kStepUp},
  };
  for (const Row& row : rows) {
    const auto request = call_of(row.entry, row.tool, row.args);
    const auto verdict = decide(*engine, request, catalogue->classify(request));
    EXPECT_EQ(model::verdict_name(verdict.kind), model::verdict_name(row.kind))
        << row.entry << "/" << row.tool << " " << json::write(row.args) << ": " << verdict.reason;
  }
}

TEST(Strict, SaysThatNoPolicyPermitsAndHowOneCould) {
  const auto request = call_of("filesystem", "read_text_file", {{"path", "/work/a"}});
  const auto verdict = decide(*preset("strict"), request, shipped()->classify(request));
  EXPECT_NE(verdict.reason.find("no policy permits"), std::string::npos) << verdict.reason;
  EXPECT_NE(verdict.next.find("permit (principal"), std::string::npos) << verdict.next;
}

}  // namespace
}  // namespace interlock::gate
