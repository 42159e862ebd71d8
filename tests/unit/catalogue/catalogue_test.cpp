// What the catalogue makes of real calls, of hostile ones, and of bad files.
#include "catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

namespace interlock::catalogue {
namespace {

using model::Band;
using model::Effect;

std::vector<ServerBinding> servers() {
  return {
      {.name = "files", .command = {"npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/work"}, .home = "/home/u"},
      {.name = "notes", .command = {"node", "/x/node_modules/@modelcontextprotocol/server-memory/dist/index.js"}},
      {.name = "web", .command = {"uvx", "--python", "3.11", "mcp-server-fetch"}},
      {.name = "repo", .command = {"python", "-m", "mcp_server_git"}, .cwd = "/srv/code"},
      {.name = "hub", .command = {"docker", "run", "-i", "--rm", "-e", "TOKEN", "ghcr.io/github/github-mcp-server:latest"}},
      {.name = "hub-remote", .url = "https://api.githubcopilot.com/mcp/"},
      {.name = "browser", .command = {"npx", "@playwright/mcp@latest", "--headless"}},
      {.name = "all", .command = {"npx", "-p", "@modelcontextprotocol/server-everything", "mcp-server-everything"}},
      {.name = "stranger", .command = {"npx", "-y", "stranger", "mcp-server-fetch"}},
      {.name = "told", .catalogue = "memory", .command = {"my-memory"}},
  };
}

std::shared_ptr<const Catalogue> shipped() {
  auto loaded = Catalogue::load({}, servers());
  EXPECT_TRUE(loaded) << loaded.error().text();
  return *loaded;
}

model::ActionRequest call(std::string server, std::string tool, std::string_view args) {
  return {.surface = "mcp",
          .server = std::move(server),
          .operation = "tools/call",
          .target = std::move(tool),
          .args = *json::parse(args),
          .trace_parent = {}};
}

bool has(const model::Classification& c, Effect effect) { return std::find(c.effects.begin(), c.effects.end(), effect) != c.effects.end(); }

TEST(Catalogue, AServerIsFoundByThePackageThatItRuns) {
  const auto catalogue = shipped();
  const std::array<std::pair<const char*, const char*>, 10> expected{{{"files", "filesystem"},
                                                                      {"notes", "memory"},
                                                                      {"web", "fetch"},
                                                                      {"repo", "git"},
                                                                      {"hub", "github"},
                                                                      {"hub-remote", "github"},
                                                                      {"browser", "playwright"},
                                                                      {"all", "everything"},
                                                                      {"stranger", ""},
                                                                      {"told", "memory"}}};
  for (const auto& [server, entry] : expected) EXPECT_EQ(catalogue->entry_of(server), entry) << server;
  EXPECT_EQ(catalogue->entry_of("nobody"), "");
}

struct Case {
  const char* server;
  const char* tool;
  const char* args;
  const char* action;
  const char* resource;
  Effect effect;
  Band band;
};

TEST(Catalogue, RealCallsAreNamedByWhatTheyActOn) {
  const auto catalogue = shipped();
  const std::array cases{
      Case{"files", "read_text_file", R"({"path":"/work/a/../b.txt"})", "filesystem/read_text_file", R"(File::"/work/b.txt")",
           Effect::kRead, Band::kRoutine},
      Case{"files", "write_file", R"({"path":"~/x","content":"y"})", "filesystem/write_file", R"(File::"/home/u/x")", Effect::kWrite,
           Band::kRoutine},
      Case{"files", "list_directory", R"({"path":"/work"})", "filesystem/list_directory", R"(File::"/work")", Effect::kRead,
           Band::kObserve},
      Case{"files", "edit_file", R"({"path":"/a","edits":[],"dryRun":true})", "filesystem/edit_file", R"(File::"/a")", Effect::kRead,
           Band::kRoutine},
      Case{"files", "edit_file", R"({"path":"/a","edits":[],"dryRun":"true"})", "filesystem/edit_file", R"(File::"/a")", Effect::kWrite,
           Band::kRoutine},
      Case{"files", "list_allowed_directories", "{}", "filesystem/list_allowed_directories", R"(Tool::"files/list_allowed_directories")",
           Effect::kRead, Band::kObserve},
      Case{"web", "fetch", R"({"url":"HTTP://Example.com:80/x?q=1"})", "fetch/fetch", R"(Url::"http://example.com/x")", Effect::kRead,
           Band::kRoutine},
      Case{"repo", "git_commit", R"({"repo_path":".","message":"m"})", "git/git_commit", R"(File::"/srv/code")", Effect::kWrite,
           Band::kRoutine},
      Case{"hub", "create_issue", R"({"owner":"Octo","repo":"Hello","title":"t"})", "github/create_issue", R"(Repo::"octo/hello")",
           Effect::kSend, Band::kSensitive},
      Case{"hub", "label_write", R"({"method":"create","owner":"o","repo":"r","name":"n"})", "github/label_write", R"(Repo::"o/r")",
           Effect::kWrite, Band::kRoutine},
      Case{"hub", "label_write", R"({"method":"delete","owner":"o","repo":"r","name":"n"})", "github/label_write", R"(Repo::"o/r")",
           Effect::kDelete, Band::kSensitive},
      Case{"hub", "delete_repository", R"({"owner":"o","repo":"r"})", "github/delete_repository", R"(Repo::"o/r")", Effect::kAdmin,
           Band::kCritical},
      Case{"browser", "browser_navigate", R"({"url":"https://a.b/"})", "playwright/browser_navigate", R"(Url::"https://a.b/")",
           Effect::kWrite, Band::kRoutine},
      Case{"browser", "browser_type", R"({"target":"e1","text":"x","submit":true})", "playwright/browser_type",
           R"(Tool::"browser/browser_type")", Effect::kSend, Band::kSensitive},
      Case{"browser", "browser_snapshot", R"({"filename":"/tmp/s.md"})", "playwright/browser_snapshot", R"(File::"/tmp/s.md")",
           Effect::kWrite, Band::kRoutine},
      Case{"browser", "browser_snapshot", "{}", "playwright/browser_snapshot", R"(Tool::"browser/browser_snapshot")", Effect::kRead,
           Band::kRoutine},
      Case{"notes", "delete_entities", R"({"entityNames":["a"]})", "memory/delete_entities", R"(Tool::"notes/delete_entities")",
           Effect::kDelete, Band::kSensitive},
      Case{"all", "get-env", "{}", "everything/get-env", R"(Tool::"all/get-env")", Effect::kRead, Band::kCritical},
  };
  for (const Case& one : cases) {
    const auto c = catalogue->classify(call(one.server, one.tool, one.args));
    EXPECT_TRUE(c.known) << one.tool;
    EXPECT_EQ(c.action, one.action);
    EXPECT_EQ(model::text_of(c.resource), one.resource) << one.tool;
    EXPECT_TRUE(has(c, one.effect)) << one.tool << one.args;
    EXPECT_EQ(c.band, one.band) << one.tool << one.args;
  }
}

TEST(Catalogue, EveryPathOfACallIsNamed) {
  const auto catalogue = shipped();
  auto c = catalogue->classify(call("files", "move_file", R"({"source":"/work/a","destination":"/etc/cron.d/a"})"));
  EXPECT_EQ(c.resource.id, "/work/a");
  ASSERT_EQ(c.further_resources.size(), 1u);
  EXPECT_EQ(c.further_resources[0].resource.id, "/etc/cron.d/a");
  EXPECT_EQ(c.further_resources[0].containers.front().id, "/etc/cron.d");
  c = catalogue->classify(call("files", "read_multiple_files", R"({"paths":["/work/a","/work/b","/home/u/.ssh/id_rsa"]})"));
  EXPECT_EQ(c.further_resources.size(), 2u);
  EXPECT_EQ(c.further_resources[1].resource.id, "/home/u/.ssh/id_rsa");
  // One of two is missing: the tool itself stands for it, and no rule about folders covers that.
  c = catalogue->classify(call("files", "move_file", R"({"source":"/work/a"})"));
  ASSERT_EQ(c.further_resources.size(), 1u);
  EXPECT_EQ(c.further_resources[0].resource.type, "Tool");
}

TEST(Catalogue, WhatItCannotReadIsNotKnown) {
  const auto catalogue = shipped();
  std::string many = R"({"paths":["/a")";
  for (std::size_t i = 0; i < kMaxResourcesOfCall; ++i) many += R"(,"/a")";
  many += "]}";
  const std::array<std::array<std::string, 3>, 10> cases{{
      {"files", "read_text_file", R"({"path":["/work/a"]})"},
      {"files", "read_text_file", R"({"path":{"toString":"/x"}})"},
      {"files", "read_text_file", R"({"path":""})"},
      {"files", "read_text_file", "[1]"},
      {"files", "read_multiple_files", R"({"paths":"/etc/passwd"})"},
      {"files", "read_multiple_files", R"({"paths":["/work/a",7]})"},
      {"files", "read_multiple_files", many},
      {"web", "fetch", R"({"url":"https://good.com\\@evil.com"})"},
      {"hub", "create_issue", R"({"owner":"a","repo":"b/../c"})"},
      {"files", "brand_new_tool", "{}"},
  }};
  for (const auto& one : cases) {
    const auto c = catalogue->classify(call(one[0], one[1], one[2]));
    EXPECT_FALSE(c.known) << one[1] << one[2];
    EXPECT_GE(c.band, Band::kSensitive);
    EXPECT_FALSE(has(c, Effect::kRead));
    EXPECT_TRUE(has(c, Effect::kDelete) && has(c, Effect::kSend) && has(c, Effect::kExecute) && has(c, Effect::kWrite));
    EXPECT_EQ(c.resource.type, "Tool");
  }
  EXPECT_EQ(catalogue->classify(call("stranger", "fetch", "{}")).action, "stranger/fetch");
  EXPECT_FALSE(catalogue->classify(call("stranger", "fetch", "{}")).known);
}

TEST(Catalogue, AnnotationsRaiseAndNeverLower) {
  const auto catalogue = shipped();
  const json::value harmless = *json::parse(R"({"annotations":{"readOnlyHint":true,"destructiveHint":false,"openWorldHint":false}})");
  const json::value destructive = *json::parse(R"({"annotations":{"readOnlyHint":false,"destructiveHint":true}})");
  const json::value odd = *json::parse(R"({"annotations":{"readOnlyHint":"false","destructiveHint":[true]}})");
  EXPECT_FALSE(catalogue->classify(call("stranger", "x", "{}"), &harmless.as_object()).known);
  EXPECT_EQ(catalogue->classify(call("stranger", "x", "{}"), &harmless.as_object()).band, Band::kSensitive);
  EXPECT_EQ(catalogue->classify(call("notes", "delete_entities", "{}"), &harmless.as_object()).band, Band::kSensitive);
  EXPECT_TRUE(has(catalogue->classify(call("notes", "delete_entities", "{}"), &harmless.as_object()), Effect::kDelete));
  const auto raised = catalogue->classify(call("notes", "read_graph", "{}"), &destructive.as_object());
  EXPECT_TRUE(has(raised, Effect::kDelete));
  EXPECT_FALSE(has(raised, Effect::kRead));
  EXPECT_EQ(raised.band, Band::kSensitive);
  EXPECT_EQ(catalogue->classify(call("notes", "read_graph", "{}"), &odd.as_object()).effects, std::vector{Effect::kRead});
}

TEST(Catalogue, OtherOperationsAreReads) {
  const auto catalogue = shipped();
  const auto ask = [&](const char* server, const char* operation, const char* target) {
    return catalogue->classify(
        {.surface = "mcp", .server = server, .operation = operation, .target = target, .args = nullptr, .trace_parent = {}});
  };
  EXPECT_EQ(model::text_of(ask("files", "resources/read", "file:///work/../etc/passwd").resource), R"(File::"/etc/passwd")");
  EXPECT_EQ(ask("files", "resources/read", "file:///etc/passwd").containers.size(), 2u);
  EXPECT_EQ(model::text_of(ask("all", "resources/read", "demo://resource/static/1").resource), R"(Url::"demo://resource/static/1")");
  EXPECT_EQ(model::text_of(ask("all", "prompts/get", "simple").resource), R"(Prompt::"all/simple")");
  EXPECT_EQ(ask("all", "tools/list", "").band, Band::kObserve);
  EXPECT_EQ(ask("stranger", "resources/read", "https://a.b/").effects, std::vector{Effect::kRead});
  EXPECT_EQ(ask("stranger", "resources/read", "https://a.b/").action, "stranger/resources/read");
  EXPECT_FALSE(ask("stranger", "resources/read", "not a url").known);
  EXPECT_FALSE(ask("stranger", "tasks/obliterate", "").known);
  // The prompt of the fetch server fetches, so it is decided by its address.
  const auto prompt = catalogue->classify({.surface = "mcp",
                                           .server = "web",
                                           .operation = "prompts/get",
                                           .target = "fetch",
                                           .args = *json::parse(R"({"url":"http://169.254.169.254/"})"),
                                           .trace_parent = {}});
  EXPECT_EQ(model::text_of(prompt.resource), R"(Url::"http://169.254.169.254/")");
}

TEST(Catalogue, ListsAskForEveryCase) {
  const auto catalogue = shipped();
  const auto possible = catalogue->possible(call("hub", "label_write", "{}"));
  ASSERT_EQ(possible.size(), 2u);
  EXPECT_TRUE(has(possible[0], Effect::kDelete));
  EXPECT_TRUE(has(possible[1], Effect::kWrite));
  EXPECT_EQ(catalogue->possible(call("stranger", "x", "{}")).size(), 1u);
}

constexpr const char* kGood = "catalogue: 1\nentry: mine\nmatch: { programs: [mine] }\ntools:\n  t: { effects: [read], band: 0 }\n";

TEST(Catalogue, UserFilesAddEntriesAndReplaceShippedOnesOnlyWhereTheySaySo) {
  const std::vector<ServerBinding> mine{{.name = "m", .command = {"/opt/mine", "--x"}}};
  auto loaded = Catalogue::load(std::vector<CatalogueSource>{{"m.yaml", kGood}}, mine);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ((*loaded)->entry_of("m"), "mine");
  EXPECT_TRUE((*loaded)->classify(call("m", "t", "{}")).known);
  EXPECT_NE((*loaded)->revision(), shipped()->revision());
  const std::string memory = "catalogue: 1\nentry: memory\n";
  EXPECT_EQ(Catalogue::load(std::vector<CatalogueSource>{{"m.yaml", memory}}, {}).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(Catalogue::load(std::vector<CatalogueSource>{{"m.yaml", memory + "replaces: true\n"}}, {}));
  EXPECT_FALSE(Catalogue::load(std::vector<CatalogueSource>{{"m.yaml", std::string(kGood) + "replaces: true\n"}}, {}));
  EXPECT_FALSE(Catalogue::load(std::vector<CatalogueSource>{{"a.yaml", kGood}, {"b.yaml", kGood}}, {}));
}

TEST(Catalogue, AServerThatTwoEntriesClaimMustSayWhichIsMeant) {
  const std::string other = "catalogue: 1\nentry: other\nmatch: { packages: [mcp-server-fetch] }\n";
  std::vector<ServerBinding> web{{.name = "web", .command = {"uvx", "mcp-server-fetch"}}};
  auto refused = Catalogue::load(std::vector<CatalogueSource>{{"o.yaml", other}}, web);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().hint.find("catalogue:"), std::string::npos);
  web[0].catalogue = "other";
  EXPECT_TRUE(Catalogue::load(std::vector<CatalogueSource>{{"o.yaml", other}}, web));
  web[0].catalogue = "nonesuch";
  EXPECT_EQ(Catalogue::load({}, web).error().code, ErrorCode::kNotFound);
}

struct Bad {
  const char* body;  // below "catalogue: 1\nentry: x\n"
  const char* place;
  const char* holds;
};

TEST(Catalogue, ABadFileIsRefusedWithItsPlace) {
  const std::array bad{
      Bad{"tools: { t: { effects: [raed], band: 0 } }\n", "x.yaml:3:25: ", "`raed`"},
      Bad{"tools: { t: { effects: [read, write], band: 0 } }\n", "x.yaml:3:", "stands alone"},
      Bad{"tools: { t: { effects: [], band: 0 } }\n", "x.yaml:3:", "at least one"},
      Bad{"tools: { t: { effects: [read], band: 4 } }\n", "x.yaml:3:", "from 0 to 3"},
      Bad{"tools: { t: { band: 0 } }\n", "x.yaml:3:", "missing"},
      Bad{"tools: { t: { effects: [read], band: 0, resorce: { file: p } } }\n", "x.yaml:3:", "unknown key"},
      Bad{"tools: { t: { effects: [read], band: 0, resource: { file: p, url: q } } }\n", "x.yaml:3:", "exactly one"},
      Bad{"tools: { t: { effects: [read], band: 0, resource: { type: File, id: \"{p}\" } } }\n", "x.yaml:3:", "the gate's own"},
      Bad{"tools: { t: { effects: [read], band: 0, resource: { type: Repo, id: \"{p\" } } }\n", "x.yaml:3:", "not a template"},
      Bad{"tools: { t: { effects: [read], band: 0, sensitive: [content] } }\n", "x.yaml:3:", "JSON pointer"},
      Bad{"tools: { t: { effects: [read], band: 0, cases: [{ effects: [read], band: 0 }] } }\n", "x.yaml:3:", "missing"},
      Bad{"tools: [t]\n", "x.yaml:3:", "must be a map"},
      Bad{"relative_paths: somewhere\n", "x.yaml:3:", "one of"},
      Bad{"tols: {}\n", "x.yaml:3:1: ", "unknown key"},
  };
  for (const Bad& one : bad) {
    auto loaded = Catalogue::load(std::vector<CatalogueSource>{{"x.yaml", std::string("catalogue: 1\nentry: x\n") + one.body}}, {});
    ASSERT_FALSE(loaded) << one.body;
    EXPECT_TRUE(loaded.error().message.starts_with(one.place)) << loaded.error().message;
    EXPECT_NE(loaded.error().message.find(one.holds), std::string::npos) << loaded.error().message;
  }
  EXPECT_FALSE(Catalogue::load(std::vector<CatalogueSource>{{"x.yaml", "catalogue: 2\nentry: x\n"}}, {}));
  EXPECT_FALSE(Catalogue::load(std::vector<CatalogueSource>{{"x.yaml", ""}}, {}));
}

// The ```yaml blocks of docs/catalogue.md, in order.
std::vector<CatalogueSource> documented() {
  std::ifstream file(INTERLOCK_SOURCE_DIR "/docs/catalogue.md");
  std::vector<CatalogueSource> out;
  std::string line;
  for (bool inside = false; std::getline(file, line);) {
    if (line.starts_with("```")) {
      inside = line == "```yaml";
      if (inside) out.push_back({"docs/catalogue.md:" + std::to_string(out.size()), {}});
    } else if (inside) {
      out.back().text += line + "\n";
    }
  }
  return out;
}

TEST(CatalogueDocs, TheExamplesLoadAndMeanWhatTheTextSays) {
  const auto sources = documented();
  ASSERT_EQ(sources.size(), 3u);
  const std::vector<ServerBinding> bound{{.name = "t", .command = {"npx", "-y", "@acme/tickets-mcp@3"}, .cwd = "/srv"},
                                         {.name = "notes", .catalogue = "my-notes", .command = {"notes"}}};
  auto loaded = Catalogue::load(sources, bound);
  ASSERT_TRUE(loaded) << loaded.error().text();
  const auto& catalogue = **loaded;
  EXPECT_EQ(catalogue.entry_of("t"), "tickets");
  const auto comment = catalogue.classify(call("t", "comment", R"({"project":"Web","number":7,"text":"x"})"));
  EXPECT_EQ(model::text_of(comment.resource), R"(Ticket::"web/7")");
  EXPECT_EQ(model::text_of(comment.containers.at(0)), R"(Project::"web")");
  EXPECT_EQ(comment.sensitive_args, std::vector<std::string>{"/text"});
  const struct {
    const char* args;
    Effect effect;
    Band band;
  } cases[] = {
      {R"({"project":"p","number":1})", Effect::kWrite, Band::kRoutine},
      {R"({"project":"p","number":1,"purge":true})", Effect::kDelete, Band::kSensitive},
      {R"({"project":"p","number":1,"reason":"abuse"})", Effect::kAdmin, Band::kCritical},
      {R"({"project":"p","number":1,"notify":"all"})", Effect::kSend, Band::kSensitive},
      {R"({"project":"p","number":1,"purge":false,"reason":"done"})", Effect::kWrite, Band::kRoutine},
  };
  for (const auto& one : cases) {
    const auto closed = catalogue.classify(call("t", "close_ticket", one.args));
    EXPECT_TRUE(has(closed, one.effect)) << one.args;
    EXPECT_EQ(closed.band, one.band) << one.args;
  }
  const auto attach = catalogue.classify(call("t", "attach", R"({"files":[{"path":"a/../b"},{"path":"/etc/c"}]})"));
  EXPECT_EQ(model::text_of(attach.resource), R"(File::"/srv/b")");
  ASSERT_EQ(attach.further_resources.size(), 1u);
  EXPECT_EQ(model::text_of(attach.further_resources[0].resource), R"(File::"/etc/c")");
  EXPECT_FALSE(catalogue.classify(call("t", "attach", R"({"files":"b"})")).known) << "an argument of another shape";
  const auto unknown = catalogue.classify(call("t", "explode", "{}"));
  EXPECT_FALSE(unknown.known);
  EXPECT_EQ(unknown.band, Band::kSensitive);
  for (auto effect : {Effect::kWrite, Effect::kDelete, Effect::kExecute, Effect::kSend}) EXPECT_TRUE(has(unknown, effect));
  EXPECT_EQ(catalogue.classify(call("notes", "list_notes", "{}")).band, Band::kObserve);
  // The connector: names of the host count as the path's, and the query decides.
  const auto route = [&](const char* method, const char* host, const char* path, const char* query) {
    return catalogue.route({.method = method, .host = host, .path = path, .query = query});
  };
  EXPECT_EQ(route("GET", "tickets.example.com", "/projects/p/tickets/7", "").operation, "tickets/get");
  EXPECT_EQ(route("PUT", "eu.tickets.example.net", "/files/a/b.txt", "acl").operation, "files/set-acl");
  EXPECT_EQ(route("GET", "a.b.tickets.example.org", "/x", "").args.at("team"), "a.b");
  EXPECT_FALSE(route("PUT", "tickets.example.com", "/files/a", "").known);
}

TEST(Catalogue, AllReferenceServersAndTheLargeApisAreShipped) {
  EXPECT_EQ(
      shipped()->entry_names(),
      (std::vector<std::string>{
          "anthropic",  "everything",       "fetch",    "filesystem", "gemini",       "git",    "github",     "github-api", "github-git",
          "gitlab-api", "google-workspace", "jira-api", "memory",     "npm-registry", "openai", "playwright", "pypi",       "s3",
          "slack-api",  "stripe-api"}));
}

}  // namespace
}  // namespace interlock::catalogue
