// What the shipped connectors make of real requests, and what is made of requests that none knows.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "catalogue/catalogue.hpp"
#include "catalogue/http_path.hpp"

namespace interlock::catalogue {
namespace {

using model::Band;
using model::Effect;

std::shared_ptr<const Catalogue> shipped() {
  static const auto catalogue = [] {
    auto loaded = Catalogue::load({}, {});
    EXPECT_TRUE(loaded) << loaded.error().text();
    return *loaded;
  }();
  return catalogue;
}

std::shared_ptr<const Catalogue> with(std::string text) {
  const std::vector<CatalogueSource> sources = {{"user.yaml", std::move(text)}};
  auto loaded = Catalogue::load(sources, {});
  EXPECT_TRUE(loaded) << loaded.error().text();
  return *loaded;
}

// As the surface does it: a normal path, the route, its body, then the question what the act is.
struct Asked {
  HttpRoute route;
  model::Classification act;
};
Asked ask(const Catalogue& catalogue, std::string_view method, std::string_view url, const char* body = nullptr,
          std::string_view connector = {}) {
  HttpTarget target;
  target.method = method;
  const std::size_t scheme = url.find("://");
  target.scheme = url.substr(0, scheme);
  target.port = target.scheme == "http" ? 80 : 443;
  url.remove_prefix(scheme + 3);
  const std::size_t slash = url.find('/');
  target.host = url.substr(0, slash);
  if (const std::size_t colon = target.host.rfind(':'); colon != std::string_view::npos) {
    target.port = static_cast<std::uint16_t>(std::stoi(std::string(target.host.substr(colon + 1))));
    target.host = target.host.substr(0, colon);
  }
  url.remove_prefix(slash);
  const std::size_t mark = url.find('?');
  const auto path = normal_http_path(url.substr(0, mark));
  EXPECT_TRUE(path) << url;
  target.path = *path;
  if (mark != std::string_view::npos) target.query = url.substr(mark + 1);
  Asked out;
  out.route = catalogue.route(target, connector);
  if (out.route.model != ModelWire::kNone && body == nullptr) body = "{}";
  if (out.route.body != BodyUse::kNone && body != nullptr)
    out.route.args["body"] = out.route.body == BodyUse::kForm ? json::value(*read_form(body)) : *json::parse(body);
  model::ActionRequest request;
  request.surface = "http";
  request.server = out.route.connector.empty() ? std::string(target.host) : out.route.connector;
  request.operation = "request";
  request.target = out.route.operation;
  request.args = out.route.args;
  out.act = catalogue.classify(request);
  EXPECT_EQ(out.act.known && out.route.known, out.act.known) << "nothing is known that has no route";
  return out;
}

std::string effects_of(const model::Classification& act) {
  std::string out;
  for (const Effect effect : act.effects) out += (out.empty() ? "" : " ") + std::string(model::effect_name(effect));
  return out;
}

struct Case {
  const char* method;
  const char* url;
  const char* action;
  const char* resource;
  const char* effects;
  int band;
};

TEST(Connector, RealRequestsAreNamedByWhatTheyActOn) {
  const std::array cases{
      Case{"GET", "https://api.github.com/repos/Octo/Hello/issues?state=open", "github-api/issues/list-for-repo", R"(Repo::"octo/hello")",
           "read", 1},
      Case{"HEAD", "https://api.github.com/repos/o/r", "github-api/repos/get", R"(Repo::"o/r")", "read", 1},
      Case{"POST", "https://api.github.com/repos/o/r/issues", "github-api/issues/create", R"(Repo::"o/r")", "write send", 2},
      Case{"DELETE", "https://api.github.com/repos/o/r", "github-api/repos/delete", R"(Repo::"o/r")", "delete admin", 3},
      Case{"PUT", "https://api.github.com/repos/o/r/contents/docs/a%20b.md", "github-api/repos/create-or-update-file-contents",
           R"(Repo::"o/r")", "write send", 2},
      Case{"GET", "https://api.github.com/repos/o/r/git/ref/heads/feature/x", "github-api/git/get-ref", R"(Repo::"o/r")", "read", 1},
      Case{"POST", "https://api.github.com/repos/o/r/actions/workflows/1/dispatches", "github-api/actions/create-workflow-dispatch",
           R"(Repo::"o/r")", "execute", 2},
      Case{"PUT", "https://api.github.com/repos/o/r/actions/secrets/TOKEN", "github-api/actions/create-or-update-repo-secret",
           R"(Repo::"o/r")", "admin", 3},
      Case{"POST", "https://api.github.com/orgs/acme/repos", "github-api/repos/create-in-org", R"(Owner::"acme")", "admin", 2},
      Case{"GET", "https://api.github.com/user", "github-api/users/get-authenticated", R"(Url::"https://api.github.com/user")", "read", 0},
      Case{"POST", "https://uploads.github.com/repos/o/r/releases/1/assets?name=x", "github-api/repos/upload-release-asset",
           R"(Repo::"o/r")", "write send", 2},
      Case{"GET", "https://github.com/o/r.git/info/refs?service=git-upload-pack", "github-git/fetch", R"(Repo::"o/r")", "read", 1},
      Case{"POST", "https://github.com/o/r.git/git-upload-pack", "github-git/fetch", R"(Repo::"o/r")", "read", 1},
      Case{"GET", "https://github.com/O/R/info/refs?service=git-receive-pack", "github-git/push", R"(Repo::"o/r")", "write delete send", 2},
      Case{"POST", "https://github.com/o/r.git/git-receive-pack", "github-git/push", R"(Repo::"o/r")", "write delete send", 2},
      Case{"GET", "https://raw.githubusercontent.com/o/r/main/a/b.txt", "github-git/raw", R"(Repo::"o/r")", "read", 1},
      Case{"GET", "https://gitlab.com/api/v4/projects/Group%2FSub%2Fproject/issues", "gitlab-api/issues/list",
           R"(Project::"group/sub/project")", "read", 1},
      Case{"DELETE", "https://gitlab.com/api/v4/projects/42", "gitlab-api/projects/delete", R"(Project::"42")", "delete admin", 3},
      Case{"PUT", "https://gitlab.com/api/v4/projects/42/repository/files/a%2Fb.txt", "gitlab-api/files/update", R"(Project::"42")",
           "write send", 2},
      Case{"POST", "https://gitlab.com/group/sub/project.git/git-receive-pack", "gitlab-api/git/push",
           R"(GitRepo::"group/sub/project.git")", "write delete send", 2},
      Case{"POST", "https://slack.com/api/chat.postMessage", "slack-api/chat.postMessage",
           R"(Url::"https://slack.com/api/chat.postMessage")", "write send", 2},
      Case{"GET", "https://slack.com/api/chat.postMessage?channel=C1&text=x", "slack-api/chat.postMessage",
           R"(Url::"https://slack.com/api/chat.postMessage")", "write send", 2},
      Case{"GET", "https://slack.com/api/admin.users.setOwner", "slack-api/other-call",
           R"(Url::"https://slack.com/api/admin.users.setOwner")", "write delete send admin", 3},
      Case{"POST", "https://hooks.slack.com/services/T/B/x", "slack-api/webhook/post", R"(Url::"https://hooks.slack.com/services/T/B/x")",
           "write send", 2},
      Case{"PUT", "https://acme.atlassian.net/rest/api/3/issue/PROJ-7", "jira-api/issues/update", R"(JiraIssue::"proj-7")", "write send",
           2},
      Case{"POST", "https://api.atlassian.com/ex/jira/c1/rest/api/3/search", "jira-api/issues/search", R"(JiraSite::"c1")", "read", 1},
      Case{"GET", "https://api.stripe.com/v1/customers/cus_1", "stripe-api/customers/get", R"(StripeCustomer::"cus_1")", "read", 2},
      Case{"POST", "https://gmail.googleapis.com/gmail/v1/users/me/messages/send", "google-workspace/gmail/send", R"(Mailbox::"me")",
           "write send", 2},
      Case{"POST", "https://www.googleapis.com/drive/v3/files/f1/permissions", "google-workspace/drive/share", R"(DriveFile::"f1")",
           "admin send", 3},
      Case{"GET", "https://www.googleapis.com/calendar/v3/calendars/u%40x.org/events", "google-workspace/calendar/events",
           R"(Calendar::"u@x.org")", "read", 1},
      Case{"POST", "https://docs.googleapis.com/v1/documents/d1:batchUpdate", "google-workspace/docs/update", R"(DriveFile::"d1")", "write",
           1},
      Case{"POST", "https://sheets.googleapis.com/v4/spreadsheets/s1/values/A1:append", "google-workspace/sheets/update",
           R"(DriveFile::"s1")", "write", 1},
      Case{"GET", "https://bucket.with.dots.s3.amazonaws.com/a/b.txt", "s3/get-object", R"(S3Object::"bucket.with.dots/a/b.txt")", "read",
           1},
      Case{"GET", "https://b.s3.eu-west-1.amazonaws.com/?list-type=2", "s3/list-objects", R"(S3Bucket::"b")", "read", 1},
      Case{"PUT", "https://s3.eu-west-1.amazonaws.com/b/k?x-id=PutObject", "s3/put-object", R"(S3Object::"b/k")", "write", 1},
      Case{"PUT", "https://b.s3.amazonaws.com/k?acl", "s3/object/set-acl", R"(S3Object::"b/k")", "admin", 3},
      Case{"PUT", "https://s3.amazonaws.com/b?policy", "s3/bucket/set-policy", R"(S3Bucket::"b")", "admin", 3},
      Case{"DELETE", "https://b.s3.amazonaws.com/", "s3/delete-bucket", R"(S3Bucket::"b")", "delete admin", 3},
      Case{"DELETE", "https://b.s3.amazonaws.com/k?uploadId=1", "s3/multipart/abort", R"(S3Object::"b/k")", "write", 1},
      Case{"POST", "https://api.openai.com/v1/chat/completions", "openai/chat", R"(Url::"https://api.openai.com/v1/chat/completions")",
           "write", 1},
      Case{"POST", "https://api.anthropic.com/v1/messages?beta=true", "anthropic/messages",
           R"(Url::"https://api.anthropic.com/v1/messages")", "write", 1},
      Case{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:streamGenerateContent?alt=sse", "gemini/generate",
           R"(Url::"https://generativelanguage.googleapis.com/v1beta/models/gemini-3:streamGenerateContent")", "write", 1},
      Case{"GET", "https://registry.npmjs.org/@scope%2fname", "npm-registry/read", R"(NpmPackage::"@scope/name")", "read", 0},
      Case{"GET", "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz", "npm-registry/read", R"(NpmPackage::"left-pad")", "read", 0},
      Case{"GET", "https://registry.npmjs.org/@scope/name/-/name-1.0.0.tgz", "npm-registry/read-scoped", R"(NpmPackage::"@scope/name")",
           "read", 0},
      Case{"PUT", "https://registry.npmjs.org/@scope%2fname", "npm-registry/publish", R"(NpmPackage::"@scope/name")", "write send", 3},
      Case{"GET", "https://pypi.org/simple/Requests/", "pypi/read", R"(PypiProject::"requests")", "read", 0},
      Case{"GET", "https://files.pythonhosted.org/packages/aa/bb/x.whl", "pypi/download",
           R"(Url::"https://files.pythonhosted.org/packages/aa/bb/x.whl")", "read", 0},
      Case{"POST", "https://upload.pypi.org/legacy/", "pypi/upload", R"(Url::"https://upload.pypi.org/legacy/")", "write send", 3},
  };
  for (const Case& one : cases) {
    const auto [route, act] = ask(*shipped(), one.method, one.url);
    EXPECT_TRUE(act.known) << one.url;
    EXPECT_EQ(act.action, one.action) << one.url;
    EXPECT_EQ(model::text_of(act.resource), one.resource) << one.url;
    EXPECT_EQ(effects_of(act), one.effects) << one.method << " " << one.url;
    EXPECT_EQ(static_cast<int>(act.band), one.band) << one.method << " " << one.url;
    ASSERT_FALSE(act.containers.empty());
    EXPECT_EQ(act.containers.back().type, "Host");
  }
}

TEST(Connector, WhatIsNotKnownGetsTheCautiousDefaultOfItsMethod) {
  const std::array cases{
      Case{"GET", "https://api.github.com/enterprises/acme/settings/billing/usage", "github-api/get",
           R"(Url::"https://api.github.com/enterprises/acme/settings/billing/usage")", "read", 2},
      Case{"PATCH", "https://api.github.com/nothing/here", "github-api/patch", R"(Url::"https://api.github.com/nothing/here")",
           "write delete execute send", 2},
      Case{"GET", "https://example.com:8443/a?b=c", "http/get", R"(Url::"https://example.com:8443/a")", "read", 2},
      Case{"POST", "http://example.com/a", "http/post", R"(Url::"http://example.com/a")", "write delete execute send", 2},
      Case{"PROPFIND", "https://example.com/a", "http/other", R"(Url::"https://example.com/a")", "write delete execute send", 2},
      Case{"OPTIONS", "https://example.com*", "http/options", R"(Url::"https://example.com/")", "read", 2},
      Case{"GET", "https://10.1.2.3/a", "http/get", R"(Url::"https://10.1.2.3/a")", "read", 2},
      // The same host on a port of its own is another service.
      Case{"GET", "https://api.github.com:8443/user", "http/get", R"(Url::"https://api.github.com:8443/user")", "read", 2},
      // Readers differ on these.
      Case{"DELETE", "https://api.github.com/repos/o/r;v=1", "github-api/delete", R"(Url::"https://api.github.com/repos/o/r;v=1")",
           "write delete execute send", 2},
      Case{"DELETE", "https://api.github.com/repos/o/r%2Fgit%2Frefs%2Fheads%2Fx", "github-api/delete",
           R"(Url::"https://api.github.com/repos/o/r%2Fgit%2Frefs%2Fheads%2Fx")", "write delete execute send", 2},
      Case{"POST", "https://api.github.com/repos/o/r/issues?_method=DELETE", "github-api/post",
           R"(Url::"https://api.github.com/repos/o/r/issues")", "write delete execute send", 2},
      Case{"POST", "https://api.github.com/repos/o/r/issues?a=%ff", "github-api/post", R"(Url::"https://api.github.com/repos/o/r/issues")",
           "write delete execute send", 2},
      Case{"GET", "https://github.com/o/r/info/refs?service=git-upload-pack&service=git-receive-pack", "github-git/get",
           R"(Url::"https://github.com/o/r/info/refs")", "read", 2},
      Case{"GET", "https://s3.amazonaws.com.example.org/b/k", "http/get", R"(Url::"https://s3.amazonaws.com.example.org/b/k")", "read", 2},
  };
  for (const Case& one : cases) {
    std::string url = one.url;
    if (url.ends_with('*')) url.replace(url.size() - 1, 1, "/");
    const auto [route, act] = ask(*shipped(), one.method, url);
    EXPECT_FALSE(act.known) << one.url;
    EXPECT_FALSE(route.known) << one.url;
    EXPECT_EQ(act.action, one.action) << one.url;
    EXPECT_EQ(model::text_of(act.resource), one.resource) << one.url;
    EXPECT_EQ(effects_of(act), one.effects) << one.url;
    EXPECT_EQ(act.band, Band::kSensitive) << one.url;
  }
}

TEST(Connector, AHostLiesInItsDomains) {
  const auto act = ask(*shipped(), "GET", "https://a.b.example.com/x").act;
  ASSERT_EQ(act.containers.size(), 3u);
  EXPECT_EQ(model::text_of(act.containers[0]), R"(Host::"a.b.example.com")");
  EXPECT_EQ(model::text_of(act.containers[2]), R"(Host::"example.com")");
  const auto repo = ask(*shipped(), "GET", "https://api.github.com/repos/o/r").act;
  ASSERT_EQ(repo.containers.size(), 3u);
  EXPECT_EQ(model::text_of(repo.containers[0]), R"(Owner::"o")");
  EXPECT_EQ(model::text_of(repo.containers[1]), R"(Host::"api.github.com")");
  EXPECT_EQ(repo.private_realm, "github");
}

TEST(Connector, AnAddressIsItsOwnHostWithAndWithoutBrackets) {
  const auto catalogue =
      with("catalogue: 1\nentry: own\nhosts: [\"[::1]:8080\"]\noperations:\n  a: { request: \"GET /a\", effects: [read], band: 0 }\n");
  for (const char* host : {"::1", "[::1]"}) {
    const auto route = catalogue->route({.method = "GET", .host = host, .port = 8080, .path = "/a", .query = {}, .scheme = "http"});
    EXPECT_EQ(route.operation, "a");
    model::ActionRequest request;
    request.surface = "http";
    request.server = "elsewhere";
    request.target = "GET /a";
    request.args = route.args;
    const auto act = catalogue->classify(request);
    EXPECT_EQ(model::text_of(act.resource), R"(Url::"http://[::1]:8080/a")");
    ASSERT_EQ(act.containers.size(), 1u);
    EXPECT_EQ(act.containers[0].id, "[::1]");
  }
}

TEST(Connector, ATunnelIsAnActOfItsOwn) {
  model::ActionRequest request;
  request.surface = "http";
  request.server = "pinned.example.com";
  request.target = "tunnel";
  request.args = json::object{{"method", "CONNECT"}, {"host", "pinned.example.com"}, {"port", 443}};
  const auto act = shipped()->classify(request);
  EXPECT_EQ(act.action, "http/tunnel");
  EXPECT_EQ(model::text_of(act.resource), R"(Host::"pinned.example.com")");
  ASSERT_EQ(act.containers.size(), 1u);
  EXPECT_EQ(act.containers[0].id, "example.com");
  EXPECT_FALSE(act.known);
  EXPECT_EQ(effects_of(act), "write delete execute send");
}

TEST(Connector, AConnectionThatBecomesAnotherProtocolMayDoAnything) {
  HttpTarget target{.method = "GET", .host = "example.com", .path = "/socket", .query = {}, .upgrade = true};
  auto route = shipped()->route(target);
  EXPECT_FALSE(route.known);
  EXPECT_EQ(route.operation, "WEBSOCKET /socket");
  model::ActionRequest request;
  request.surface = "http";
  request.server = "example.com";
  request.target = route.operation;
  request.args = route.args;
  EXPECT_EQ(effects_of(shipped()->classify(request)), "write delete execute send");
  EXPECT_EQ(shipped()->classify(request).action, "http/websocket");
  target.host = "api.openai.com";
  target.path = "/v1/realtime";
  route = shipped()->route(target);
  EXPECT_EQ(route.operation, "realtime");
  EXPECT_TRUE(route.known);
}

TEST(Connector, GraphqlReadsOnlyWhereItsTextSaysSo) {
  const auto graphql = [](const char* url, const char* body) { return ask(*shipped(), "POST", url, body).act; };
  EXPECT_EQ(effects_of(graphql("https://api.github.com/graphql", R"({"query":"query { viewer { login } }"})")), "read");
  EXPECT_EQ(effects_of(graphql("https://api.github.com/graphql", R"({"query":"mutation { x }"})")), "write delete send admin");
  EXPECT_EQ(graphql("https://api.github.com/graphql", R"({"query":"mutation { x }"})").band, Band::kSensitive);
  EXPECT_EQ(graphql("https://api.github.com/graphql", R"([{"query":"{a}"}])").band, Band::kCritical);
  // A parameter of the query could stand in the body's place.
  EXPECT_EQ(graphql("https://api.github.com/graphql?query=mutation%7Bx%7D", R"({"query":"{a}"})").band, Band::kCritical);
  // The body could not be read.
  const auto unread = graphql("https://api.github.com/graphql", nullptr);
  EXPECT_FALSE(unread.known);
  EXPECT_EQ(unread.band, Band::kCritical);
}

TEST(Connector, WhatCostsMoneySaysHowMuchOrThatItCannotBeTold) {
  const auto pay = [](const char* url, const char* body) { return ask(*shipped(), "POST", url, body).act; };
  auto act = pay("https://api.stripe.com/v1/payment_intents", "amount=1250&currency=usd");
  EXPECT_TRUE(act.spends);
  EXPECT_EQ(act.spend_micros, 12'500'000);
  EXPECT_EQ(pay("https://api.stripe.com/v1/payment_intents", "amount=1250&currency=jpy").spend_micros, 1'250'000'000);
  EXPECT_EQ(pay("https://api.stripe.com/v1/payment_intents", "amount=1250&currency=usd&currency=jpy").spend_micros, 1'250'000'000);
  EXPECT_EQ(pay("https://api.stripe.com/v1/payment_intents", "amount=1&amount=1000&currency=usd").spend_micros, std::nullopt);
  EXPECT_EQ(pay("https://api.stripe.com/v1/refunds", "charge=ch_1").spend_micros, std::nullopt);
  act = pay("https://api.stripe.com/v1/payouts", nullptr);
  EXPECT_TRUE(act.spends);
  EXPECT_FALSE(act.known);
  EXPECT_FALSE(ask(*shipped(), "GET", "https://api.stripe.com/v1/balance").act.spends);
}

TEST(Connector, TheRouteSaysWhatTheSurfaceHasToDo) {
  auto route = ask(*shipped(), "POST", "https://api.anthropic.com/v1/messages").route;
  EXPECT_EQ(route.model, ModelWire::kAnthropicMessages);
  EXPECT_EQ(route.body, BodyUse::kJson) << "its prompts enter the record";
  EXPECT_EQ(route.credential_headers, std::vector<std::string>{"x-api-key"});
  route = ask(*shipped(), "POST", "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent?key=AIza&alt=sse").route;
  EXPECT_EQ(route.model, ModelWire::kGeminiGenerate);
  EXPECT_EQ(route.credential_query, std::vector<std::string>{"key"});
  EXPECT_EQ(
      json::write(route.args),
      R"({"method":"POST","host":"generativelanguage.googleapis.com","path":"/v1beta/models/m:generateContent","version":"v1beta","model":"m","query":{"alt":"sse"},"body":{}})");
  route = ask(*shipped(), "GET", "http://b.s3.amazonaws.com:80/k?X-Amz-Signature=s&versionId=1").route;
  EXPECT_EQ(json::write(route.args),
            R"({"method":"GET","host":"b.s3.amazonaws.com","path":"/k","scheme":"http","bucket":"b","key":"k","query":{"versionId":"1"}})");
}

constexpr const char* kOwn = R"(
catalogue: 1
entry: tickets
hosts: [tickets.example.com, "127.0.0.1:8080", "{site}.tickets.example.org", "*.old.example.org"]
operations:
  create: { request: "POST /projects/{project}/tickets", effects: [write, send], band: 2, body: json, sensitive: [/body/text],
            resource: { type: Ticket, id: "{project}/{/body/number}", in: [{ type: Project, id: "{project}" }] },
            cases: [{ when: { /body/draft: true }, effects: [write], band: 1 }] }
  move: { request: "POST /move", effects: [write], band: 1, resource: { url: /query/to } }
)";

TEST(Connector, ArgumentsComeFromPathQueryAndBody) {
  const auto catalogue = with(kOwn);
  auto act = ask(*catalogue, "POST", "https://tickets.example.com/projects/p/tickets", R"({"number":7,"text":"t"})").act;
  EXPECT_EQ(model::text_of(act.resource), R"(Ticket::"p/7")");
  EXPECT_EQ(effects_of(act), "write send");
  EXPECT_EQ(act.sensitive_args, std::vector<std::string>{"/body/text"});
  act = ask(*catalogue, "POST", "https://tickets.example.com/projects/p/tickets", R"({"number":7,"draft":true})").act;
  EXPECT_EQ(effects_of(act), "write");
  // The number is missing: the address stands for it. It is of another shape, or could not be read: anything may happen.
  act = ask(*catalogue, "POST", "https://tickets.example.com/projects/p/tickets", "{}").act;
  EXPECT_EQ(act.resource.type, "Url");
  EXPECT_TRUE(act.known);
  for (const char* body : {R"({"number":"a/b"})", R"({"number":[7]})", R"("text")", static_cast<const char*>(nullptr)}) {
    act = ask(*catalogue, "POST", "https://tickets.example.com/projects/p/tickets", body).act;
    EXPECT_FALSE(act.known);
    EXPECT_EQ(effects_of(act), "write delete execute send");
  }
  act = ask(*catalogue, "POST", "http://127.0.0.1:8080/move?to=https%3A%2F%2Fexample.net%2Fx").act;
  EXPECT_EQ(model::text_of(act.resource), R"(Url::"https://example.net/x")");
  EXPECT_EQ(ask(*catalogue, "POST", "http://127.0.0.1:8081/move").act.action, "http/post");
  EXPECT_EQ(ask(*catalogue, "POST", "https://a.tickets.example.org/move?to=https://x.y/").route.args.at("site"), "a");
  EXPECT_EQ(ask(*catalogue, "POST", "https://a.b.tickets.example.org/move").act.action, "http/post");
  EXPECT_EQ(ask(*catalogue, "POST", "https://x.old.example.org/move?to=https://x.y/").act.action, "tickets/move");
}

TEST(Connector, AHostMayNameItsConnector) {
  EXPECT_EQ(ask(*shipped(), "GET", "https://git.acme.example:8443/api/v4/projects/1", nullptr, "gitlab-api").act.action,
            "gitlab-api/projects/get");
  EXPECT_EQ(ask(*shipped(), "GET", "https://git.acme.example/api/v4/projects/1", nullptr, "no-such-entry").act.action, "http/get");
}

TEST(Connector, BadFilesAreRefusedWithTheirPlace) {
  const std::string head = "catalogue: 1\nentry: own\n";
  const std::string one = "effects: [read], band: 1 }\n";
  const std::string cases[] = {
      head + "hosts: [\"*\"]\n",
      head + "hosts: [\"*.com\"]\n",
      head + "hosts: [\"a.*\"]\n",
      head + "hosts: [\"{a*}.{b*}.example.com\"]\n",
      head + "hosts: [Upper.example.com]\n",
      head + "hosts: [\"a.example.com:0\"]\n",
      head + "hosts: [{ host: a.example.com, under: \"/{b}\" }]\n",
      head + "hosts: [api.github.com]\n",
      head + "hosts: a.example.com\n",
      head + "credential_headers: [X-Key]\n",
      head + "operations: [a]\n",
      head + "operations:\n  a: { " + one,
      head + "operations:\n  a: { request: \"get /a\", " + one,
      head + "operations:\n  a: { request: \"GET /a/../b\", " + one,
      head + "operations:\n  get: { request: \"GET /a\", " + one,
      head + "operations:\n  \"a b\": { request: \"GET /a\", " + one,
      head + "operations:\n  a: { request: \"GET /a\", body: xml, " + one,
      head + "operations:\n  a: { request: \"GET /a\", model: llama, " + one,
      head + "operations:\n  a: { request: \"GET /a\", resource: { type: T, id: \"{b}\" }, " + one,
      head + "operations:\n  a: { request: \"GET /{b*}\", resource: { type: T, id: \"{b}/x\" }, " + one,
      head + "operations:\n  a: { request: \"GET /a/{b}\", " + one + "  b: { request: \"GET /a/{c}\", " + one,
      head + "operations:\n  a: { request: \"GET /a\", when: x, " + one,
  };
  for (const std::string& text : cases) {
    const std::vector<CatalogueSource> sources = {{"own.yaml", text}};
    const auto loaded = Catalogue::load(sources, {});
    ASSERT_FALSE(loaded) << text;
    EXPECT_NE(loaded.error().message.find("own.yaml"), std::string::npos) << loaded.error().text();
  }
}

}  // namespace
}  // namespace interlock::catalogue
