// The HTTP front before a real gate: who may use a session, and what a refusal looks like on the wire.
#include "surface/mcp/http_front.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_client.hpp"
#include "unit/gate/world.hpp"

namespace interlock::mcp {
namespace {

using testing::HasSubstr;

constexpr const char* kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}})";
constexpr const char* kPing = R"({"jsonrpc":"2.0","id":2,"method":"ping"})";

struct Said {
  int status = 0;
  net::Headers headers;
  std::string body;
};

class HttpFrontTest : public ::testing::Test {
 protected:
  HttpFrontTest() {
    HttpFrontOptions options;
    options.resource.public_url = "https://gate.example";
    options.resource.authorization_servers = {"https://id.example"};
    front = std::make_unique<HttpFront>(surface, std::move(options),
                                        [this](identity::Presentation shown, std::function<void(identity::Answer)> done) {
                                          seen_authorization = shown.authorization.value_or("");
                                          seen_url = shown.url;
                                          seen_resources = shown.resources;
                                          seen_proofs = shown.dpop.size();
                                          // Later, as where keys have to be fetched.
                                          loop.post([answer = answer, done = std::move(done)] { done(answer); });
                                        });
    port = server.listen_tcp("127.0.0.1", 0).value();
    subject.id = "coder";
    subject.assurance = model::Assurance::kDpop;
    subject.credential = "oidc";
    answer = subject;
  }

  Said send(std::string method, const std::string& path, std::string body = {}, net::Headers headers = {}) {
    Said out;
    headers.add("Content-Type", "application/json");
    headers.add("Accept", "application/json, text/event-stream");
    bool done = false;
    const auto patience = loop.after_ms(30'000, [&] { loop.stop(); });
    const auto call = client.start({.method = std::move(method),
                                    .url = net::parse_url("http://127.0.0.1:" + std::to_string(port) + path).value(),
                                    .headers = std::move(headers),
                                    .body = std::move(body)},
                                   {.on_head =
                                        [&](int status, net::Headers got) {
                                          out.status = status;
                                          out.headers = std::move(got);
                                        },
                                    .on_data = [&](std::string_view chunk) { out.body += chunk; },
                                    .on_end =
                                        [&](Status) {
                                          done = true;
                                          loop.stop();
                                        }});
    loop.run();
    loop.cancel(patience);
    EXPECT_TRUE(done) << "no answer";
    return out;
  }
  Said ping(const std::string& session) { return send("POST", "/mcp", kPing, {{"Mcp-Session-Id", session}}); }

  net::Loop loop;
  gate::World world;
  Surface surface{loop, *world.gate, {}, {}};
  std::unique_ptr<HttpFront> front;
  net::HttpServer server{loop, {}, [this](net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange) {
                           if (!front->handle(request, exchange)) exchange->respond(599, {}, {});
                         }};
  net::HttpClient client{loop};
  std::uint16_t port = 0;
  model::Subject subject;
  identity::Answer answer;
  std::string seen_authorization;
  std::string seen_url;
  std::vector<std::string> seen_resources;
  std::size_t seen_proofs = 0;
};

TEST_F(HttpFrontTest, CredentialsAreHandedOverWithTheNamesOfTheConfiguration) {
  const auto said = send("POST", "/mcp?x=1", kInitialize, {{"Authorization", "DPoP abc"}, {"DPoP", "p1"}, {"dpop", "p2"}});
  EXPECT_EQ(said.status, 200) << said.body;
  EXPECT_EQ(seen_authorization, "DPoP abc");
  EXPECT_EQ(seen_url, "https://gate.example/mcp") << "never from the Host header";
  EXPECT_THAT(seen_resources, testing::ElementsAre("https://gate.example/mcp", "https://gate.example"));
  EXPECT_EQ(seen_proofs, 2U);
  EXPECT_EQ(send("POST", "/mcp", kInitialize, {{"Authorization", "Bearer a"}, {"Authorization", "Bearer b"}}).status, 400);
}

TEST_F(HttpFrontTest, ASessionIsContinuedByTheIdentityThatBeganItAlone) {
  subject.chain = {{"staff/ana", "https://id.example", true}};
  answer = subject;
  gate::Caller caller;
  caller.subject = subject;
  ClientProfile profile;
  profile.revision = kNewestLegacy;
  const std::string session = (*surface.new_session(*surface.endpoint(""), std::move(caller), std::move(profile)))->id();
  EXPECT_EQ(ping(session).status, 200);
  struct Case {
    const char* name;
    std::function<void(model::Subject&)> change;
    int status;
  };
  const Case cases[] = {
      {"another agent", [](model::Subject& s) { s.id = "other"; }, 404},
      {"for another human", [](model::Subject& s) { s.chain.front().id = "staff/bob"; }, 404},
      {"for nobody", [](model::Subject& s) { s.chain.clear(); }, 404},
      {"with one hop more", [](model::Subject& s) { s.chain.push_back({"agent/x", "", false}); }, 404},
      {"by another kind of credential", [](model::Subject& s) { s.credential = "exchange"; }, 404},
      {"proven less", [](model::Subject& s) { s.assurance = model::Assurance::kBearer; }, 404},
      {"borrowed", [](model::Subject& s) { s.inherited = true; }, 404},
      {"proven better", [](model::Subject& s) { s.assurance = model::Assurance::kMtls; }, 200},
      {"with other scopes and a later end",
       [](model::Subject& s) {
         s.scopes = {"a"};
         s.expires_ms = 5;
         s.assurance = model::Assurance::kMtls;
       },
       200},
  };
  for (const auto& one : cases) {
    auto changed = subject;
    one.change(changed);
    answer = changed;
    EXPECT_EQ(ping(session).status, one.status) << one.name;
  }
  EXPECT_EQ(surface.find_session(session)->caller().subject.scopes, std::vector<std::string>{"a"}) << "the newest claims count";
  answer = subject;
  EXPECT_EQ(ping(session).status, 404) << "a session that went on with more does not go back to less";
}

TEST_F(HttpFrontTest, ARefusalSaysWhereToGetAToken) {
  identity::Refusal refusal;
  refusal.error = {ErrorCode::kDenied, "no credential", "bring one"};
  answer = std::unexpected(refusal);
  const auto said = send("POST", "/mcp", kInitialize);
  EXPECT_EQ(said.status, 401);
  EXPECT_THAT(std::string(said.headers.get("www-authenticate").value_or("")),
              HasSubstr("resource_metadata=\"https://gate.example/.well-known/oauth-protected-resource/mcp\""));
  EXPECT_THAT(said.body, HasSubstr("no credential"));
  EXPECT_EQ(surface.sessions(), 0U);
}

TEST_F(HttpFrontTest, MetadataNeedNoCredential) {
  answer = std::unexpected(identity::Refusal{});
  const auto said = send("GET", "/.well-known/oauth-protected-resource/mcp");
  EXPECT_EQ(said.status, 200);
  EXPECT_THAT(said.body, HasSubstr(R"("resource":"https://gate.example/mcp")"));
  EXPECT_EQ(send("GET", "/.well-known/oauth-protected-resource").status, 200);
  EXPECT_EQ(send("GET", "/.well-known/oauth-protected-resource/mcp/nobody").status, 404);
  EXPECT_EQ(send("POST", "/.well-known/oauth-protected-resource/mcp").status, 405);
  EXPECT_EQ(send("GET", "/.well-known/oauth-authorization-server").status, 599) << "not this front's";
  front->set_resource({});
  EXPECT_EQ(send("GET", "/.well-known/oauth-protected-resource/mcp").status, 404);
}

TEST_F(HttpFrontTest, ABorrowedHumanIsForbiddenAndToldWhatToDo) {
  identity::Refusal refusal;
  refusal.error = {ErrorCode::kDenied, "the token stands for a human alone", "exchange it"};
  refusal.status = 403;
  refusal.inherited_from = "staff/ana";
  answer = std::unexpected(refusal);
  const auto said = send("POST", "/mcp", kInitialize);
  EXPECT_EQ(said.status, 403);
  EXPECT_THAT(said.body, HasSubstr("exchange it"));
  EXPECT_FALSE(said.headers.get("www-authenticate")) << "another token of that kind would not help";
}

TEST_F(HttpFrontTest, AnAnswerThatComesAfterTheFrontIsGoneTouchesNothing) {
  std::function<void(identity::Answer)> late;
  front = std::make_unique<HttpFront>(surface, HttpFrontOptions{},
                                      [&](identity::Presentation, std::function<void(identity::Answer)> done) { late = std::move(done); });
  const auto call = client.start({.method = "POST",
                                  .url = net::parse_url("http://127.0.0.1:" + std::to_string(port) + "/mcp").value(),
                                  .headers = {{"Content-Type", "application/json"}},
                                  .body = kInitialize},
                                 {.on_head = [](int, net::Headers) {}, .on_data = [](std::string_view) {}, .on_end = [](Status) {}});
  while (!late) loop.poll();
  front.reset();
  late(subject);
  EXPECT_EQ(surface.sessions(), 0U);
}

}  // namespace
}  // namespace interlock::mcp
