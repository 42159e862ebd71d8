// The client as a whole against a server and authorization servers that we script: how it comes to a token, and all the ways in which
// it must not.
#include "oauth/client.hpp"

#include <optional>

#include "base/hash.hpp"
#include "jose/dpop.hpp"
#include "jose/token.hpp"
#include "oauth/clients.hpp"
#include "oauth/fetch.hpp"
#include "oauth/form.hpp"
#include "parts.hpp"

namespace interlock::oauth::testing {
namespace {

std::string text_of(const json::object& document) { return json::write(document); }

class OAuthClient : public ::testing::Test {
 protected:
  OAuthClient() {
    publish_resource(server.url("/mcp"), issuer.url());
    publish_issuer({});
    issuer.on("/register", [this](const net::HttpRequest& request) {
      registered.push_back(json::parse(request.body)->get_object());
      return Reply{201, R"({"client_id":"client-)" + std::to_string(registered.size()) + "\"}"};
    });
    issuer.on("/token", [this](const net::HttpRequest& request) {
      token_requests.push_back(*read_form(request.body));
      if (!token_replies.empty()) {
        auto reply = token_replies.front();
        token_replies.erase(token_replies.begin());
        return reply;
      }
      return Reply{200, R"({"access_token":"token-)" + std::to_string(token_requests.size()) + R"(","token_type":"Bearer"})"};
    });
    parts.loop = &loop;
    parts.http = &http;
    parts.clock = &clock;
    parts.vault = &vault;
    parts.redirect_uri = "http://127.0.0.1:9/oauth/callback";
    parts.on_login = [this](const std::string&, const std::string& url) { urls.push_back(url); };
    parts.on_event = [this](const std::string&, const std::string& what) { events += what + "\n"; };
  }

  void publish_resource(const std::string& resource, const std::string& authorization_server, json::object more = {}) {
    more["resource"] = resource;
    more["authorization_servers"] = json::array{json::value(authorization_server)};
    server.on("/.well-known/oauth-protected-resource/mcp", Reply{200, text_of(more)});
  }
  void publish_issuer(const json::object& more) {
    json::object document{{"issuer", issuer.url()},
                          {"authorization_endpoint", issuer.url("/authorize")},
                          {"token_endpoint", issuer.url("/token")},
                          {"registration_endpoint", issuer.url("/register")},
                          {"code_challenge_methods_supported", json::array{"S256"}},
                          {"token_endpoint_auth_methods_supported", json::array{"none", "client_secret_basic"}}};
    for (const auto& member : more) {
      if (member.value().is_null()) document.erase(member.key());
      else document[member.key()] = member.value();
    }
    issuer.on("/.well-known/oauth-authorization-server", Reply{200, text_of(document)});
  }

  std::shared_ptr<Client> make(ClientOptions options = {}) {
    auto made = Client::create(parts, "files", server.url("/mcp"), std::move(options));
    EXPECT_TRUE(made) << made.error().text();
    return made ? *made : nullptr;
  }
  Status refuse(Client& client, Refusal refusal) {
    std::optional<Status> out;
    run_until_done(loop, [&](auto done) {
      client.refused(std::move(refusal), [&out, done](Status status) {
        out = std::move(status);
        done();
      });
    });
    return *out;
  }
  Refusal challenge(std::string field = "Bearer", int status = 401, std::uint64_t token = 0) {
    return {.status = status, .challenges = {std::move(field)}, .dpop_nonce = {}, .token = token};
  }
  Credentials credentials(Client& client) {
    std::optional<Result<Credentials>> out;
    run_until_done(loop, [&](auto done) {
      client.credentials("POST", [&out, done](Result<Credentials> given) {
        out = std::move(given);
        done();
      });
    });
    EXPECT_TRUE(*out) << out->error().text();
    return *out ? **out : Credentials{};
  }
  std::string authorization(Client& client) { return std::string(credentials(client).headers.get("authorization").value_or("")); }

  // The human opens the URL and comes back with a code; `change` may spoil the answer.
  Status log_in(Client& client, Refusal refusal, const std::function<std::string(std::string)>& change = {}) {
    std::optional<Status> call;
    std::optional<Status> login;
    run_until_done(loop, [&](auto done) {
      const auto settle = [&, done] {
        if (call && login) done();
      };
      client.refused(std::move(refusal), [&, settle](Status status) {
        call = std::move(status);
        settle();
      });
      parts_login(client, change, [&, settle](Status status) {
        login = std::move(status);
        settle();
      });
    });
    EXPECT_EQ(call->has_value(), login->has_value());
    return *login;
  }
  void parts_login(Client& client, std::function<std::string(std::string)> change, std::function<void(Status)> done) {
    client.begin_login([this, &client, change = std::move(change), done = std::move(done)](Result<std::string> url) {
      if (!url) return done(fail(url.error()));
      const auto query = *read_form(url->substr(url->find('?') + 1));
      asked.push_back(query);
      auto answer = "code=the-code&state=" + form_encode(form_get(query, "state"));
      if (change) answer = change(answer);
      client.finish_login(answer, done);
    });
  }
  ClientOptions machine() {
    ClientOptions options;
    options.grant = Grant::kClientCredentials;
    options.client_id = "machine";
    options.client_secret = "CLIENT-SECRET";
    options.issuer = issuer.url();
    return options;
  }

  net::Loop loop;
  net::HttpClient http{loop};
  ManualClock clock;
  MemoryVault vault;
  Site server{loop};
  Site issuer{loop};
  ClientParts parts;
  std::vector<json::object> registered;
  std::vector<Form> token_requests;
  std::vector<Reply> token_replies;
  std::vector<Form> asked;
  std::vector<std::string> urls;
  std::string events;
};

TEST_F(OAuthClient, ComesToATokenThroughAHumanAndKeepsItToItself) {
  auto client = make();
  EXPECT_TRUE(authorization(*client).empty());
  ASSERT_TRUE(log_in(*client, challenge(R"(Bearer scope="read")")));
  EXPECT_EQ(authorization(*client), "Bearer token-1");
  ASSERT_EQ(registered.size(), 1U);
  EXPECT_EQ(json::string_at(registered[0], "application_type"), "native");
  EXPECT_EQ(json::write(registered[0].at("grant_types")), R"(["authorization_code","refresh_token"])");
  ASSERT_EQ(token_requests.size(), 1U);
  EXPECT_EQ(form_get(token_requests[0], "grant_type"), "authorization_code");
  EXPECT_EQ(form_get(token_requests[0], "code"), "the-code");
  EXPECT_EQ(form_get(token_requests[0], "client_id"), "client-1");
  EXPECT_EQ(form_get(token_requests[0], "resource"), server.url("/mcp"));
  EXPECT_EQ(base64url_encode(as_bytes(sha256(form_get(token_requests[0], "code_verifier")))), form_get(asked[0], "code_challenge"));
  EXPECT_EQ(client->status().state, ClientState::kAuthorized);
  for (const auto* secret : {"token-1", "the-code"}) EXPECT_EQ(events.find(secret), std::string::npos) << events;

  // A gate that starts again has it still, and registers no second time.
  auto again = make();
  EXPECT_EQ(authorization(*again), "Bearer token-1");
  ASSERT_TRUE(again->forget());
  EXPECT_TRUE(authorization(*make()).empty());
  ASSERT_TRUE(log_in(*again, challenge()));
  EXPECT_EQ(registered.size(), 1U);
}

TEST_F(OAuthClient, GoesOnWithoutTokensThatCannotBeReadAndSaysSo) {
  for (const auto* kept : {"", "no JSON", "[]", R"({"access_token":"t","is_bound":true})", R"({"access_token":"t","dpop_key":"no key"})"}) {
    ASSERT_TRUE(vault.put("tokens/files", kept));
    events.clear();
    auto client = make();
    EXPECT_TRUE(authorization(*client).empty()) << kept;
    EXPECT_EQ(client->status().state, ClientState::kFailed) << kept;
    EXPECT_NE(events.find("cannot be read"), std::string::npos) << kept;
  }
}

TEST_F(OAuthClient, TakesEachStateOnceAndNoOther) {
  auto client = make();
  std::string answer;
  ASSERT_TRUE(log_in(*client, challenge(), [&](const std::string& good) {
    EXPECT_FALSE(client->has_login("guess"));
    std::optional<Status> guessed;
    client->finish_login("code=c&state=guess", [&](Status status) { guessed = std::move(status); });
    EXPECT_EQ(guessed->error().code, ErrorCode::kNotFound);
    return answer = good;
  }));
  std::optional<Status> replayed;
  client->finish_login(answer, [&](Status status) { replayed = std::move(status); });
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->error().code, ErrorCode::kNotFound);
  EXPECT_EQ(token_requests.size(), 1U);
}

TEST_F(OAuthClient, NeverSendsACodeWhereTheAnswerIsAnotherIssuers) {
  for (const auto* iss : {"&iss=https%3A%2F%2Fevil.example", "&iss="}) {
    auto client = make();
    const auto status = log_in(*client, challenge(), [&](const std::string& good) { return good + iss; });
    ASSERT_FALSE(status) << iss;
    EXPECT_EQ(status.error().code, ErrorCode::kDenied);
  }
  publish_issuer({{"authorization_response_iss_parameter_supported", true}});
  auto client = make();
  EXPECT_FALSE(log_in(*client, challenge()));
  EXPECT_TRUE(token_requests.empty());
}

struct HostileCase {
  const char* name;
  std::function<void()> arrange;
  const char* says;
};

TEST_F(OAuthClient, StopsBeforeAnyCredentialAtMetadataThatBreaksARule) {
  const HostileCase cases[] = {
      {"a resource elsewhere", [&] { publish_resource("https://evil.example/mcp", issuer.url()); }, "another resource"},
      {"a resource beside ours", [&] { publish_resource(server.url("/mc"), issuer.url()); }, "another resource"},
      {"a resource below ours", [&] { publish_resource(server.url("/mcp/x"), issuer.url()); }, "another resource"},
      {"no authorization server",
       [&] { server.on("/.well-known/oauth-protected-resource/mcp", Reply{200, R"({"resource":")" + server.url("/mcp") + "\"}"}); },
       "names no authorization server"},
      {"an issuer in the clear", [&] { publish_resource(server.url("/mcp"), "http://as.example"); }, "in the clear"},
      {"metadata of another issuer", [&] { publish_issuer({{"issuer", "https://evil.example"}}); }, "another issuer's"},
      {"no S256", [&] { publish_issuer({{"code_challenge_methods_supported", nullptr}}); }, "S256"},
      {"plain alone", [&] { publish_issuer({{"code_challenge_methods_supported", json::array{"plain"}}}); }, "S256"},
      {"a token endpoint in the clear", [&] { publish_issuer({{"token_endpoint", "http://as.example/token"}}); }, "token_endpoint"},
      {"no token endpoint", [&] { publish_issuer({{"token_endpoint", nullptr}}); }, "no token endpoint"},
      {"no way to register", [&] { publish_issuer({{"registration_endpoint", nullptr}}); }, "by hand"},
      {"a registration refused", [&] { issuer.on("/register", Reply{400, R"({"error":"invalid_client_metadata"})"}); },
       "invalid_client_metadata"},
      {"metadata that redirects",
       [&] { issuer.on("/.well-known/oauth-authorization-server", Reply{302, "", {{"Location", issuer.url("/other")}}}); }, "no metadata"},
      {"a flood", [&] { issuer.on("/.well-known/oauth-authorization-server", Reply{200, std::string(kDocumentBytes + 1, ' ')}); }, "bound"},
  };
  for (const auto& one : cases) {
    one.arrange();
    auto client = make();
    const auto status = refuse(*client, challenge());
    ASSERT_FALSE(status) << one.name;
    EXPECT_NE(status.error().text().find(one.says), std::string::npos) << one.name << ": " << status.error().text();
    EXPECT_TRUE(urls.empty()) << one.name;
    EXPECT_TRUE(token_requests.empty()) << one.name;
    publish_resource(server.url("/mcp"), issuer.url());
    publish_issuer({});
    issuer.on("/register", Reply{201, R"({"client_id":"c"})"});
    vault = {};
  }
}

struct TokenCase {
  const char* name;
  Reply reply;
  const char* says;
};

TEST_F(OAuthClient, TakesNoTokenOfAKindThatItDidNotAskFor) {
  const TokenCase cases[] = {
      {"a MAC token", {200, R"({"access_token":"t","token_type":"mac"})"}, "of type \"mac\""},
      {"a bound token without a key", {200, R"({"access_token":"t","token_type":"DPoP"})"}, "not shown"},
      {"no type", {200, R"({"access_token":"t"})"}, "token_type"},
      {"a refusal", {400, R"({"error":"invalid_client"})"}, "invalid_client"},
  };
  for (const auto& one : cases) {
    token_replies = {one.reply};
    auto client = make(machine());
    const auto status = refuse(*client, challenge());
    ASSERT_FALSE(status) << one.name;
    EXPECT_NE(status.error().text().find(one.says), std::string::npos) << one.name << ": " << status.error().text();
    EXPECT_TRUE(authorization(*client).empty());
  }
  auto options = machine();
  options.dpop = true;
  auto client = make(options);
  const auto unbound = refuse(*client, challenge());
  ASSERT_FALSE(unbound);
  EXPECT_NE(unbound.error().text().find("not bound"), std::string::npos);
}

TEST_F(OAuthClient, GivesItsCredentialsToNoIssuerButTheirOwn) {
  Site evil(loop);
  json::object document{{"issuer", evil.url()}, {"token_endpoint", evil.url("/token")}};
  evil.on("/.well-known/oauth-authorization-server", Reply{200, text_of(document)});
  publish_resource(server.url("/mcp"), evil.url());
  auto client = make(machine());
  const auto status = refuse(*client, challenge());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kDenied);
  EXPECT_TRUE(evil.requests.empty());
  EXPECT_TRUE(token_requests.empty());
}

TEST_F(OAuthClient, RegistersAnewWhereTheServerHasMovedToAnotherIssuer) {
  auto client = make();
  token_replies = {{200, R"({"access_token":"old","token_type":"Bearer","refresh_token":"OLD-REFRESH"})"}};
  ASSERT_TRUE(log_in(*client, challenge()));
  const auto before = credentials(*client);
  client->accepted(before.token, "");

  Site moved(loop);
  std::string seen;
  moved.on("/.well-known/oauth-authorization-server", Reply{200, text_of({{"issuer", moved.url()},
                                                                          {"authorization_endpoint", moved.url("/authorize")},
                                                                          {"token_endpoint", moved.url("/token")},
                                                                          {"registration_endpoint", moved.url("/register")},
                                                                          {"code_challenge_methods_supported", json::array{"S256"}}})});
  moved.on("/register", Reply{201, R"({"client_id":"new-client"})"});
  moved.on("/token", [&](const net::HttpRequest& request) {
    seen = request.body;
    return Reply{200, R"({"access_token":"new","token_type":"Bearer"})"};
  });
  publish_resource(server.url("/mcp"), moved.url());
  ASSERT_TRUE(log_in(*client, challenge("Bearer", 401, before.token)));
  EXPECT_EQ(authorization(*client), "Bearer new");
  EXPECT_EQ(seen.find("OLD-REFRESH"), std::string::npos);
  EXPECT_EQ(seen.find("client-1"), std::string::npos);
  EXPECT_NE(seen.find("new-client"), std::string::npos);
}

TEST_F(OAuthClient, RefreshesBeforeTheEndAndGoesOnWithTheOldRefreshTokenUnlessGivenANewOne) {
  auto client = make();
  token_replies = {{200, R"({"access_token":"a","token_type":"Bearer","expires_in":100,"refresh_token":"r1"})"},
                   {200, R"({"access_token":"b","token_type":"Bearer","expires_in":100})"},
                   {200, R"({"access_token":"c","token_type":"Bearer","expires_in":100,"refresh_token":"r2"})"}};
  ASSERT_TRUE(log_in(*client, challenge()));
  EXPECT_EQ(authorization(*client), "Bearer a");
  clock.advance_ms(75'000);
  EXPECT_EQ(authorization(*client), "Bearer b");
  clock.advance_ms(75'000);
  EXPECT_EQ(authorization(*client), "Bearer c");
  ASSERT_EQ(token_requests.size(), 3U);
  for (const std::size_t index : {1U, 2U}) {
    EXPECT_EQ(form_get(token_requests[index], "grant_type"), "refresh_token");
    EXPECT_EQ(form_get(token_requests[index], "refresh_token"), "r1");
    EXPECT_EQ(form_get(token_requests[index], "resource"), server.url("/mcp"));
  }
  EXPECT_EQ(urls.size(), 1U);
}

TEST_F(OAuthClient, ShowsNoTokenThatIsOver) {
  auto client = make();
  token_replies = {{200, R"({"access_token":"a","token_type":"Bearer","expires_in":100})"}};
  ASSERT_TRUE(log_in(*client, challenge()));
  clock.advance_ms(100'000);
  EXPECT_TRUE(authorization(*client).empty());
}

TEST_F(OAuthClient, AsksForMoreScopesTogetherWithThoseBefore) {
  auto client = make();
  ASSERT_TRUE(log_in(*client, challenge(R"(Bearer scope="read")")));
  const auto before = credentials(*client);
  client->accepted(before.token, "");
  ASSERT_TRUE(log_in(*client, challenge(R"(Bearer error="insufficient_scope", scope="write")", 403, before.token)));
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(form_get(asked[0], "scope"), "read");
  EXPECT_EQ(form_get(asked[1], "scope"), "read write");
}

TEST_F(OAuthClient, AsksForNothingThatItAskedForAlreadyAndThereIsAnEndToAsking) {
  auto client = make(machine());
  ASSERT_TRUE(refuse(*client, challenge(R"(Bearer scope="admin")")));
  const auto insufficient = [&](const std::string& scope) {
    return refuse(*client, challenge("Bearer error=\"insufficient_scope\", scope=\"" + scope + "\"", 403, credentials(*client).token));
  };
  const auto again = insufficient("admin");
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().text().find("asked for already"), std::string::npos);
  EXPECT_EQ(token_requests.size(), 1U);
  for (const auto* scope : {"s1", "s2", "s3"}) EXPECT_TRUE(insufficient(scope)) << scope;
  const auto ended = insufficient("s4");
  ASSERT_FALSE(ended);
  EXPECT_NE(ended.error().text().find("within an hour"), std::string::npos);
  EXPECT_EQ(token_requests.size(), 4U);
}

TEST_F(OAuthClient, DoesNotAnswerARefusalThatNoScopeWouldHelp) {
  auto client = make(machine());
  for (const auto* field :
       {"", "Bearer", R"(Bearer error="insufficient_scope")", R"(Bearer scope="x")", R"(Bearer error="insufficient_scope", scope="a\"b")"})
    EXPECT_FALSE(refuse(*client, challenge(field, 403))) << field;
  EXPECT_TRUE(server.requests.empty());
}

TEST_F(OAuthClient, GivesAServerThatRefusesANewTokenNoOtherAtOnce) {
  auto client = make(machine());
  ASSERT_TRUE(refuse(*client, challenge()));
  const auto refused = refuse(*client, challenge("Bearer", 401, credentials(*client).token));
  ASSERT_FALSE(refused);
  EXPECT_EQ(token_requests.size(), 1U);
  // A token that served once, and then no more, is replaced.
  client->accepted(credentials(*client).token, "");
  EXPECT_TRUE(refuse(*client, challenge("Bearer", 401, credentials(*client).token)));
  EXPECT_EQ(token_requests.size(), 2U);
}

TEST_F(OAuthClient, AsksOnceForManyCallsThatWait) {
  auto client = make(machine());
  int answered = 0;
  run_until_done(loop, [&](auto done) {
    for (int i = 0; i < 10; ++i) {
      client->refused(challenge(), [&, done](Status status) {
        EXPECT_TRUE(status);
        if (++answered == 10) done();
      });
    }
  });
  EXPECT_EQ(token_requests.size(), 1U);
}

TEST_F(OAuthClient, DoesNotRepeatAtOnceWhatWasDenied) {
  auto client = make(machine());
  token_replies = {{400, R"({"error":"invalid_scope"})"}};
  EXPECT_FALSE(refuse(*client, challenge()));
  EXPECT_FALSE(refuse(*client, challenge()));
  EXPECT_EQ(token_requests.size(), 1U);
  clock.advance_ms(60'000);
  EXPECT_TRUE(refuse(*client, challenge()));
}

TEST_F(OAuthClient, ProvesItsKeyForEachRequestAndTakesTheServersNonce) {
  auto options = machine();
  options.dpop = true;
  token_replies = {{200, R"({"access_token":"bound","token_type":"DPoP"})"}};
  auto client = make(options);
  ASSERT_TRUE(refuse(*client, challenge("DPoP")));
  std::string thumbprint;
  std::vector<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    const auto given = credentials(*client);
    EXPECT_EQ(given.headers.get("authorization"), "DPoP bound");
    const auto url = server.url("/mcp");
    const auto proof =
        jose::verify_dpop(given.headers.get("dpop").value_or(""),
                          {.method = "POST", .url = url, .access_token = "bound", .window_ms = 60'000, .now_ms = clock.now_ms()});
    ASSERT_TRUE(proof) << proof.error().text();
    seen.push_back(proof->jti);
    EXPECT_EQ(proof->nonce, i == 0 ? "" : "n1");
    thumbprint = proof->thumbprint;
    Refusal nonce = challenge(R"(DPoP error="use_dpop_nonce")", 401, given.token);
    nonce.dpop_nonce = "n1";
    // The same nonce demanded twice is a server that does not listen.
    EXPECT_EQ(refuse(*client, nonce).has_value(), i == 0);
  }
  EXPECT_NE(seen[0], seen[1]);
  EXPECT_EQ(token_requests.size(), 1U);
}

TEST_F(OAuthClient, AsksWithTheWorkloadsAssertionForTheIssuerAlone) {
  ClientOptions options;
  options.grant = Grant::kJwtBearer;
  options.client_id = "workload";
  options.issuer = issuer.url();
  std::string audience;
  options.assertion = [&](std::string wanted, const std::function<void(Result<std::string>)>& done) {
    audience = std::move(wanted);
    done("the-assertion");
  };
  auto client = make(options);
  ASSERT_TRUE(refuse(*client, challenge()));
  EXPECT_EQ(audience, issuer.url());
  EXPECT_EQ(form_get(token_requests[0], "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
  EXPECT_EQ(form_get(token_requests[0], "assertion"), "the-assertion");
  EXPECT_EQ(form_get(token_requests[0], "resource"), server.url("/mcp"));
}

TEST_F(OAuthClient, ExchangesAtTheEnterprisesIdentityProviderThenAsksTheIssuer) {
  Site idp(loop);
  Form exchanged;
  std::string issued = "urn:ietf:params:oauth:token-type:id-jag";
  idp.on("/token", [&](const net::HttpRequest& request) {
    exchanged = *read_form(request.body);
    return Reply{200, R"({"access_token":"the-id-jag","token_type":"N_A","issued_token_type":")" + issued + "\"}"};
  });
  auto options = machine();
  options.grant = Grant::kTokenExchange;
  options.idp.token_endpoint = idp.url("/token");
  options.idp.client_id = "gate-at-idp";
  options.idp.subject = [](std::string, const std::function<void(Result<std::string>)>& done) { done("the-id-token"); };
  auto client = make(options);
  ASSERT_TRUE(refuse(*client, challenge()));
  EXPECT_EQ(form_get(exchanged, "audience"), issuer.url());
  EXPECT_EQ(form_get(exchanged, "resource"), server.url("/mcp"));
  EXPECT_EQ(form_get(exchanged, "subject_token"), "the-id-token");
  EXPECT_EQ(form_get(exchanged, "requested_token_type"), "urn:ietf:params:oauth:token-type:id-jag");
  EXPECT_EQ(form_get(token_requests[0], "assertion"), "the-id-jag");
  EXPECT_EQ(issuer.requests.back().headers.get("authorization"), "Basic " + base64_encode("machine:CLIENT-SECRET"));

  issued = "urn:ietf:params:oauth:token-type:access_token";
  auto other = make(options);
  ASSERT_TRUE(other->forget());
  EXPECT_FALSE(refuse(*other, challenge()));
}

TEST_F(OAuthClient, LetsNoServerElsewhereSendItToThisMachine) {
  for (const auto* url : {"http://127.0.0.1:1/metadata", "https://169.254.169.254/latest", "https://[::1]/x"}) {
    auto remote = Client::create(parts, "remote", "https://mcp.example.invalid/mcp", {});
    ASSERT_TRUE(remote);
    const auto status = refuse(**remote, challenge("Bearer resource_metadata=\"" + std::string(url) + "\""));
    ASSERT_FALSE(status) << url;
    EXPECT_EQ(status.error().code, ErrorCode::kDenied) << url;
    EXPECT_NE(status.error().text().find("this machine"), std::string::npos) << status.error().text();
  }
}

TEST_F(OAuthClient, TellsACallThatNobodyLoggedInAndKeepsTheLoginOpen) {
  ClientOptions options;
  options.login_wait_ms = 500;  // the issuer is found and the login opened well before
  auto client = make(options);
  const auto status = refuse(*client, challenge());
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().hint.find("interlock server login files"), std::string::npos);
  ASSERT_EQ(urls.size(), 1U);
  EXPECT_EQ(status.error().text().find(urls[0]), std::string::npos);  // the URL is the human's
  EXPECT_EQ(client->status().state, ClientState::kWaitsForLogin);
  std::optional<Status> login;
  run_until_done(loop, [&](auto done) {
    parts_login(*client, {}, [&, done](Status finished) {
      login = std::move(finished);
      done();
    });
  });
  EXPECT_TRUE(*login);
  EXPECT_EQ(authorization(*client), "Bearer token-1");
}

TEST_F(OAuthClient, AsksForOfflineAccessWhereTheIssuerKnowsItAlone) {
  publish_issuer({{"scopes_supported", json::array{"read", "offline_access"}}});
  ASSERT_TRUE(log_in(*make(), challenge(R"(Bearer scope="read")")));
  EXPECT_EQ(form_get(asked.back(), "scope"), "read offline_access");
  vault = {};
  publish_issuer({{"scopes_supported", json::array{"read"}}});
  ASSERT_TRUE(log_in(*make(), challenge(R"(Bearer scope="read offline_access")")));
  EXPECT_EQ(form_get(asked.back(), "scope"), "read");
}

TEST_F(OAuthClient, BringsEachBrowserToTheClientWhoseLoginItIs) {
  parts.redirect_uri.clear();
  Clients clients(parts);
  ASSERT_TRUE(clients.listen());
  const auto client = clients.add("files", server.url("/mcp"), {});
  ASSERT_TRUE(client) << client.error().text();
  const auto get = [&](const std::string& url) {
    std::optional<Result<Fetched>> out;
    std::unique_ptr<Fetch> running;
    run_until_done(loop, [&](auto done) {
      running = fetch(loop, http, {.method = "GET", .url = *net::parse_url(url), .headers = {}, .body = {}},
                      [&out, done](Result<Fetched> fetched) {
                        out = std::move(fetched);
                        done();
                      });
    });
    return **out;
  };
  std::string state;
  run_until_done(loop, [&](auto done) {
    (*client)->begin_login([&, done](Result<std::string> url) {
      state = std::string(form_get(*read_form(url->substr(url->find('?') + 1)), "state"));
      done();
    });
  });
  EXPECT_EQ(get(clients.redirect_uri() + "?code=c&state=guess").status, 400);
  EXPECT_EQ(get(clients.redirect_uri()).status, 400);
  const auto page = get(clients.redirect_uri() + "?code=the-code&state=" + state);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body.find(state), std::string::npos);
  EXPECT_EQ(page.headers.get("cache-control"), "no-store");
  EXPECT_EQ(get(clients.redirect_uri() + "?code=the-code&state=" + state).status, 400);
  EXPECT_EQ(authorization(**client), "Bearer token-1");
  const auto uri = clients.redirect_uri();
  EXPECT_EQ(get(uri.substr(0, uri.find("/oauth")) + "/other").status, 404);
}

struct OptionCase {
  const char* name;
  std::function<void(ClientOptions&)> change;
  const char* says;
};

TEST(CheckOptions, SaysWhatIsMissingOrWouldLeak) {
  const OptionCase cases[] = {
      {"a client id of any issuer", [](auto& o) { o.issuer.clear(); }, "issuer is missing"},
      {"a secret of nobody", [](auto& o) { o.client_id.clear(); }, "without client_id"},
      {"an issuer in the clear", [](auto& o) { o.issuer = "http://as.example"; }, "in the clear"},
      {"nothing to show", [](auto& o) { o.client_secret.clear(); }, "client_secret or private_key"},
      {"an assertion of nothing", [](auto& o) { o.grant = Grant::kJwtBearer; }, "needs assertion"},
      {"no identity provider", [](auto& o) { o.grant = Grant::kTokenExchange; }, "idp."},
      {"a key that is none", [](auto& o) { o.private_key_pem = "no key"; }, "private_key"},
      {"metadata in the clear", [](auto& o) { o.client_metadata_url = "http://gate.example/client"; }, "client_metadata_url"},
      {"metadata without a path", [](auto& o) { o.client_metadata_url = "https://gate.example"; }, "client_metadata_url"},
      {"a scope with a quote", [](auto& o) { o.scopes = {"a\"b"}; }, "scopes"},
  };
  for (const auto& one : cases) {
    ClientOptions options;
    options.grant = Grant::kClientCredentials;
    options.client_id = "c";
    options.client_secret = "s";
    options.issuer = "https://as.example";
    ASSERT_TRUE(check_options(options));
    one.change(options);
    const auto status = check_options(options);
    ASSERT_FALSE(status) << one.name;
    EXPECT_NE(status.error().text().find(one.says), std::string::npos) << one.name << ": " << status.error().text();
  }
}

}  // namespace
}  // namespace interlock::oauth::testing
