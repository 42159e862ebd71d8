// docs/policy-cookbook.md: every Cedar block loads, and each recipe decides as its text says.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "policy/vocabulary.hpp"
#include "requests.hpp"

namespace interlock::policy::test {
namespace {

using model::Band;
using model::Effect;
using model::VerdictKind;

std::string cookbook() {
  std::ifstream in(std::string(INTERLOCK_SOURCE_DIR) + "/docs/policy-cookbook.md");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The Cedar block of each recipe, by its number.
std::map<int, std::string> recipes() {
  std::map<int, std::string> out;
  const std::string text = cookbook();
  int number = 0;
  bool inside = false;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("### ")) number = std::atoi(line.c_str() + 4);
    if (line == "```") inside = false;
    if (inside) out[number] += line + "\n";
    if (line == "```cedar") {
      EXPECT_EQ(out.count(number), 0u) << "recipe " << number << " has two blocks";
      inside = true;
    }
  }
  return out;
}

Case reads(const std::string& path) { return a_case().calls("files/read_file").does({Effect::kRead}).on_file(path); }
Case writes(const std::string& path) { return write_of(path); }
Case deletes(const std::string& path) { return write_of(path).does({Effect::kDelete}, Band::kSensitive); }
Case fetches(const std::string& url, const std::string& host) {
  std::vector<model::EntityName> hosts{{"Host", host}};
  for (std::size_t dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1))
    hosts.push_back({"Host", host.substr(dot + 1)});
  return a_case().calls("fetch/fetch").does({Effect::kRead}).on("Url", url, hosts);
}
Case on_repo(Effect effect) { return a_case().calls("github/x").does({effect}).on("Repo", "acme/app", {{"Owner", "acme"}}); }
Case transfers(json::object args) { return a_case().calls("bank/transfer", std::move(args)).does({Effect::kSend}, Band::kSensitive); }
Case at(UnixMs now_ms, Case given) {
  given.now_ms = now_ms;
  return given;
}

struct Row {
  int recipe;
  Case given;
  VerdictKind kind;
};

std::vector<Row> rows() {
  constexpr auto kAllow = VerdictKind::kAllow;
  constexpr auto kDeny = VerdictKind::kDeny;
  constexpr auto kAsk = VerdictKind::kStepUp;
  constexpr UnixMs kMidnight = 1'700'006'400'000;  // 2023-11-15T00:00:00Z
  constexpr UnixMs kHour = 3'600'000;
  std::vector<Row> out{
      {1, reads("/etc/hosts"), kAllow},
      {1, writes("/work/a"), kDeny},
      {1, reads("/etc/hosts").does({Effect::kRead, Effect::kSend}), kDeny},
      {2, writes("/work/docs/a"), kAllow},
      {2, writes("/work/a"), kDeny},
      {2, deletes("/work/docs/a"), kDeny},
      {3, reads("/work/README.md"), kAllow},
      {3, reads("/work/.env"), kDeny},
      {3, reads("/work/.env.local"), kDeny},
      {3, reads("/home/ana/.ssh/config"), kDeny},
      {3, reads("/home/ana/key.pem"), kDeny},
      {4, writes("/work/a"), kAllow},
      {4, writes("/work/release/notes"), kAsk},
      {4, writes("/work/release/notes").yes(), kAllow},
      {4, writes("/etc/a"), kDeny},
      {5, on_repo(Effect::kWrite), kAllow},
      {6, a_case().calls("weather/forecast"), kAllow},
      {6, a_case().calls("weather/set_alarm"), kDeny},
      {6, a_case().calls("memory/read_graph"), kAllow},
      {7, fetches("https://docs.example.com/a", "docs.example.com"), kAllow},
      {7, fetches("https://v2.docs.example.com/a", "v2.docs.example.com"), kAllow},
      {7, fetches("https://example.com/a", "example.com"), kDeny},
      {7, fetches("http://169.254.169.254/", "169.254.169.254"), kDeny},
      {8, transfers({{"amount", 100}}), kAllow},
      {8, transfers({{"amount", 101}}), kAsk},
      {8, transfers({{"amount", 101}}).yes(), kAllow},
      {8, transfers({{"amount", 5001}}), kDeny},
      {8, transfers({{"amount", "5"}}), kDeny},
      {8, transfers({}), kDeny},
      {9, reads("/a"), kAllow},
      {10, at(kMidnight, reads("/a")), kAllow},
      {10, at(kMidnight, writes("/a")), kDeny},
      {10, at(kMidnight + 8 * kHour, writes("/a")), kAllow},
      {10, at(kMidnight + 18 * kHour - 1, writes("/a")), kAllow},
      {10, at(kMidnight + 18 * kHour, writes("/a")), kDeny},
      {11, writes("/a"), kAllow},
      {11, deletes("/a"), kDeny},
      {12, writes("/a"), kAllow},
      {13, writes("/work/a"), kAllow},
      {13, writes("/work/src/a"), kAllow},
      {14, fetches("wiki://pages/drafts/x", "pages"), kAllow},  // a tool, not resources/read
      {14, a_case().on("Prompt", "wiki/publish"), kDeny},
      {14, a_case().on("Prompt", "wiki/other"), kAllow},
  };
  Case bo = on_repo(Effect::kWrite);
  bo.subject.owner = "bo";
  out.push_back({5, bo, kDeny});
  out.push_back({5, bo.does({Effect::kRead}), kAllow});
  Case fast = reads("/a");
  fast.task.calls_last_minute = 31;
  out.push_back({9, fast, kDeny});
  Case long_task = reads("/a");
  long_task.task.calls = 501;
  out.push_back({9, long_task, kDeny});
  Case proven = deletes("/a");
  proven.subject.assurance = model::Assurance::kMtls;
  out.push_back({11, proven, kAllow});
  Case unknown = writes("/a");
  unknown.classification.known = false;
  out.push_back({12, unknown, kAsk});
  out.push_back({12, unknown.yes(), kAllow});
  Case draft = fetches("wiki://pages/drafts/x", "pages");
  draft.request.operation = "resources/read";
  out.push_back({14, draft, kDeny});
  Case delegated = writes("/work/a");
  delegated.subject.chain = {{"staff/ana", "https://id.example", true}};
  delegated.subject.scopes = {"files"};
  out.push_back({15, delegated, kAllow});
  Case without_scope = delegated;
  without_scope.subject.scopes = {"mail"};
  out.push_back({15, without_scope, kDeny});
  Case for_itself = writes("/work/a");
  for_itself.subject.scopes = {"files"};
  out.push_back({15, for_itself, kDeny});
  out.push_back({16, a_case().calls("tracker/find").does({Effect::kRead}), kAllow});
  out.push_back({16, a_case().calls("tracker/create").does({Effect::kWrite}), kAllow});
  out.push_back({16, a_case().calls("tracker/purge").does({Effect::kDelete}), kDeny});
  out.push_back({16, a_case().calls("memory/read_graph").does({Effect::kRead}), kDeny});
  const auto asks = [](const std::string& action, Effect effect, Band band, bool known) {
    Case asked = a_case().calls(action).does({effect}, band).on("Url", "https://docs.example.com/a", {{"Host", "docs.example.com"}});
    asked.request.surface = "http";
    asked.classification.known = known;
    return asked;
  };
  out.push_back({17, asks("http/get", Effect::kRead, Band::kSensitive, false), kAllow});  // of the site that is named
  out.push_back({17, asks("http/post", Effect::kSend, Band::kSensitive, false), kDeny});
  Case elsewhere = asks("http/get", Effect::kRead, Band::kSensitive, false).on("Url", "https://a.example/", {{"Host", "a.example"}});
  out.push_back({17, elsewhere, kDeny});
  elsewhere = asks("npm-registry/package", Effect::kRead, Band::kObserve, true).on("Url", "https://a.example/", {{"Host", "a.example"}});
  out.push_back({17, elsewhere, kAllow});
  Case tunnel = asks("http/tunnel", Effect::kExecute, Band::kSensitive, false).on("Host", "pinned.example.com");
  out.push_back({17, tunnel, kAllow});
  out.push_back({17, tunnel.on("Host", "other.example.com"), kDeny});
  const auto runs = [](const std::string& action, json::object args, bool sandboxed) {
    Case run = a_case().calls(action).does({Effect::kExecute}, Band::kSensitive).on("Command", "git push", {{"Command", "git"}});
    run.request.surface = "exec";
    run.request.args = std::move(args);
    run.request.sandboxed = sandboxed;
    return run;
  };
  out.push_back({18, runs("git/push", {{"operands", json::array{"origin", "topic"}}}, true), kAllow});
  out.push_back({18, runs("git/push", {{"operands", json::array{"origin", "main"}}}, true), kDeny});
  out.push_back({18, runs("git/push", {{"operands", json::array{"origin", "topic"}}}, false), kDeny});
  out.push_back({18, runs("exec/unknown", {}, true), kAllow});
  out.push_back({18, runs("exec/unknown", {}, false), kDeny});
  Case dotenv = runs("file/read", {}, true).on("File", "/work/.env");
  out.push_back({18, dotenv, kDeny});
  out.push_back({18, dotenv.on("File", "/work/README.md"), kAllow});
  out.push_back({19, runs("rm", {{"flags", json::array{"--recursive"}}}, false), kAsk});
  out.push_back({19, runs("rm", {{"flags", json::array{"--force"}}}, false), kAllow});
  out.push_back({19, runs("npm/install", {}, false), kAsk});
  out.push_back({19, runs("net/connect", {}, false).on("Host", "registry.npmjs.org", {{"Host", "npmjs.org"}}), kAllow});
  out.push_back({19, runs("net/connect", {}, false).on("Host", "npmjs.org.evil.example", {{"Host", "evil.example"}}), kDeny});
  out.push_back({19, runs("file/write", {}, false).on("File", "/work/.npmrc"), VerdictKind::kModify});
  Case workload = delegated;
  workload.subject.chain.front().human = false;
  out.push_back({15, workload, kDeny});
  Case deep = delegated;
  deep.subject.chain.push_back({"agent/planner", "https://id.example", false});
  out.push_back({15, deep, kAllow});
  deep.does({Effect::kWrite}, Band::kSensitive);
  out.push_back({15, deep, kDeny});
  Case borrowed = delegated;
  borrowed.subject.inherited = true;
  out.push_back({15, borrowed, kDeny});
  return out;
}

TEST(Cookbook, EveryRecipeDecidesAsItSays) {
  const auto blocks = recipes();
  ASSERT_GE(blocks.size(), 12u);
  std::map<int, int> asked;
  for (const Row& row : rows()) {
    ASSERT_TRUE(blocks.contains(row.recipe));
    const std::vector<PolicySource> sources{{"recipe" + std::to_string(row.recipe) + ".cedar", blocks.at(row.recipe)}};
    const auto engine = PolicyEngine::load(sources, {.observe = false, .workspace = {"/work"}});
    ASSERT_TRUE(engine) << engine.error().text();
    const auto verdict = (*engine)->decide(row.given.input());
    EXPECT_EQ(model::verdict_name(verdict.kind), model::verdict_name(row.kind))
        << "recipe " << row.recipe << " on " << model::text_of(row.given.classification.resource) << ": " << verdict.reason;
    ++asked[row.recipe];
  }
  for (const auto& [number, text] : blocks) EXPECT_GT(asked[number], 0) << "nothing is asked of recipe " << number;
}

TEST(Cookbook, AShadowedRecipeIsNamed) {
  const std::vector<PolicySource> sources{{"r.cedar", recipes().at(13)}};
  const auto verdict = (*PolicyEngine::load(sources))->decide(write_of("/work/a").input());
  EXPECT_EQ(verdict.shadow, std::vector<std::string>{"no-writes-outside-src"});
}

TEST(Cookbook, EveryRecipeLoadsBesideEachPreset) {
  for (const auto& [number, text] : recipes()) {
    for (const char* preset : {"balanced", "strict"}) {
      auto sources = *preset_sources(preset);
      sources.push_back({"own.cedar", text});
      const auto engine = PolicyEngine::load(sources);
      EXPECT_TRUE(engine) << number << ": " << engine.error().text();
    }
  }
}

TEST(Cookbook, NamesEveryWordOfTheVocabulary) {
  const std::string text = cookbook();
  for (const auto word : kContextAttributes) EXPECT_NE(text.find("`" + std::string(word) + "`"), std::string::npos) << word;
  for (const auto word : kPrincipalAttributes) EXPECT_NE(text.find("`" + std::string(word) + "`"), std::string::npos) << word;
  for (const auto word : kAnnotations) EXPECT_NE(text.find("@" + std::string(word)), std::string::npos) << word;
  for (const auto word : kPlannedAnnotations) EXPECT_NE(text.find("@" + std::string(word)), std::string::npos) << word;
  for (const auto word : kBuiltInTypes) EXPECT_NE(text.find(std::string(word) + "::\""), std::string::npos) << word;
  EXPECT_NE(text.find(kCriticalRule), std::string::npos);
}

}  // namespace
}  // namespace interlock::policy::test
