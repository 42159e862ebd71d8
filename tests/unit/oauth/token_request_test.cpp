// Token endpoints: how the client authenticates, and answers that are not what they should be.
#include "oauth/token_request.hpp"

#include <optional>

#include "base/hash.hpp"
#include "base/time.hpp"
#include "jose/dpop.hpp"
#include "jose/token.hpp"
#include "oauth/registration.hpp"
#include "parts.hpp"

namespace interlock::oauth::testing {
namespace {

struct ResponseCase {
  const char* name;
  int status;
  std::string body;
  ErrorCode code;
  const char* says;
};

TEST(ReadTokenResponse, RefusesWhatIsNoTokenAndNeverShowsTheBody) {
  const std::string secret = "SECRET-IN-BODY";
  const auto token = [](const std::string& more) { return R"({"access_token":"SECRET-IN-BODY","token_type":"Bearer")" + more + "}"; };
  const ResponseCase cases[] = {
      {"a page", 200, "<html>SECRET-IN-BODY", ErrorCode::kInvalid, "refused"},
      {"a list", 200, R"(["SECRET-IN-BODY"])", ErrorCode::kInvalid, "no JSON object"},
      {"no token", 200, R"({"token_type":"Bearer"})", ErrorCode::kInvalid, "no access_token"},
      {"an empty token", 200, R"({"access_token":"","token_type":"Bearer"})", ErrorCode::kInvalid, "no access_token"},
      {"a token that is a number", 200, R"({"access_token":7,"token_type":"Bearer"})", ErrorCode::kInvalid, "access_token"},
      {"no type", 200, R"({"access_token":"SECRET-IN-BODY"})", ErrorCode::kInvalid, "token_type"},
      {"two tokens", 200, R"({"access_token":"SECRET-IN-BODY","access_token":"b","token_type":"Bearer"})", ErrorCode::kInvalid, "refused"},
      {"a token that ends a header", 200, R"({"access_token":"SECRET-IN-BODY\r\nX: y","token_type":"Bearer"})", ErrorCode::kInvalid,
       "characters"},
      {"a refresh token with a space", 200, token(R"(,"refresh_token":"SECRET-IN-BODY b")"), ErrorCode::kInvalid, "refresh_token"},
      {"a huge token", 200, R"({"token_type":"Bearer","access_token":")" + std::string(kAccessTokenBytes + 1, 't') + "\"}",
       ErrorCode::kTooLarge, "access_token"},
      {"a negative life", 200, token(R"(,"expires_in":-1)"), ErrorCode::kInvalid, "expires_in"},
      {"a life in words", 200, token(R"(,"expires_in":"3600")"), ErrorCode::kInvalid, "expires_in"},
      {"an endless life", 200, token(R"(,"expires_in":9223372036854775807)"), ErrorCode::kInvalid, "expires_in"},
      {"a scope with a quote", 200, token(R"(,"scope":"a\"b")"), ErrorCode::kInvalid, "scope"},
      {"a redirect", 302, token(""), ErrorCode::kUnavailable, "HTTP 302"},
      {"a token beside an error status", 400, token(""), ErrorCode::kUnavailable, "HTTP 400"},
      {"a refusal", 400, R"({"error":"invalid_grant","error_description":"gone"})", ErrorCode::kDenied, "invalid_grant: gone"},
      {"a refusal with terminal codes", 400, "{\"error\":\"invalid_grant\",\"error_description\":\"\\u001b[31mred\"}", ErrorCode::kDenied,
       "?[31mred"},
      {"an error that is no name", 400, R"({"error":"a b"})", ErrorCode::kUnavailable, "HTTP 400"},
      {"a long error", 400, R"({"error":")" + std::string(500, 'e') + "\"}", ErrorCode::kUnavailable, "HTTP 400"},
      {"a broken server", 503, R"({"error":"invalid_grant"})", ErrorCode::kUnavailable, "HTTP 503"},
  };
  for (const auto& one : cases) {
    const auto read = read_token_response(one.status, one.body);
    ASSERT_FALSE(read) << one.name;
    EXPECT_EQ(read.error().code, one.code) << one.name << ": " << read.error().text();
    EXPECT_NE(read.error().text().find(one.says), std::string::npos) << one.name << ": " << read.error().text();
    EXPECT_EQ(read.error().text().find(secret), std::string::npos) << one.name << ": " << read.error().text();
  }
}

TEST(ReadTokenResponse, GivesWhatAServerMayLeaveOutAsNothing) {
  const auto least = read_token_response(200, R"({"access_token":"t","token_type":"BEARER"})");
  ASSERT_TRUE(least);
  EXPECT_EQ(least->token_type, "bearer");
  EXPECT_FALSE(least->scopes);
  EXPECT_FALSE(least->lifetime_s);
  const auto full =
      read_token_response(200, R"({"access_token":"t","token_type":"DPoP","expires_in":60,"refresh_token":"r","scope":"a b"})");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->lifetime_s, 60);
  EXPECT_EQ(full->refresh_token, "r");
  EXPECT_EQ(*full->scopes, (std::vector<std::string>{"a", "b"}));
}

struct MethodCase {
  std::vector<std::string> taken;
  bool has_secret;
  bool has_key;
  const char* told;
  std::optional<AuthMethod> chosen;
};

TEST(ChooseAuthMethod, UsesWhatThereIsAmongWhatTheServerTakes) {
  const MethodCase cases[] = {
      {{}, true, false, "", AuthMethod::kBasic},
      {{}, false, false, "", AuthMethod::kNone},
      {{"client_secret_post"}, true, false, "", AuthMethod::kPost},
      {{"client_secret_post", "client_secret_basic"}, true, false, "", AuthMethod::kBasic},
      {{"client_secret_basic"}, true, false, "client_secret_post", AuthMethod::kPost},
      {{"none"}, true, false, "", AuthMethod::kNone},
      {{"client_secret_basic"}, true, false, "none", AuthMethod::kNone},
      {{"private_key_jwt"}, false, true, "", AuthMethod::kPrivateKeyJwt},
      {{"private_key_jwt", "client_secret_basic"}, true, true, "", AuthMethod::kPrivateKeyJwt},
      {{"client_secret_basic"}, true, true, "", AuthMethod::kBasic},
      {{"client_secret_basic"}, false, false, "client_secret_basic", AuthMethod::kNone},
      {{"tls_client_auth"}, true, false, "", std::nullopt},
  };
  for (const auto& one : cases) {
    ServerMetadata server;
    server.token_auth_methods = one.taken;
    const auto chosen = choose_auth_method(server, one.has_secret, one.has_key, one.told);
    ASSERT_EQ(chosen.has_value(), one.chosen.has_value()) << ::testing::PrintToString(one.taken) << one.told;
    EXPECT_EQ(chosen.value_or(AuthMethod::kNone), one.chosen.value_or(AuthMethod::kNone))
        << ::testing::PrintToString(one.taken) << one.told;
  }
}

class RequestToken : public ::testing::Test {
 protected:
  Result<TokenResponse> ask(TokenRequest request) {
    std::optional<Result<TokenResponse>> out;
    std::unique_ptr<Fetch> running;
    run_until_done(loop, [&](auto done) {
      running = request_token(loop, client, clock, std::move(request), [&out, done](Result<TokenResponse> result) {
        out = std::move(result);
        done();
      });
    });
    return std::move(*out);
  }
  TokenRequest request(ClientIdentity identity) {
    TokenRequest out;
    out.endpoint = site.url("/token");
    out.audience = site.url();
    out.form = {{"grant_type", "client_credentials"}};
    out.client = std::move(identity);
    return out;
  }
  Form sent(std::size_t index = 0) { return *read_form(site.requests.at(index).body); }

  net::Loop loop;
  net::HttpClient client{loop};
  ManualClock clock;
  Site site{loop};
};

TEST_F(RequestToken, ShowsWhoAsksByEachMethodAndByNoOtherBeside) {
  site.on("/token", Reply{200, R"({"access_token":"t","token_type":"Bearer"})"});
  ASSERT_TRUE(ask(request({.id = "id:1", .secret = "s e", .method = AuthMethod::kBasic, .key = {}, .algorithm = {}, .key_id = {}})));
  EXPECT_EQ(site.requests[0].headers.get("authorization"), "Basic " + base64_encode("id%3A1:s%20e"));
  EXPECT_FALSE(form_has(sent(0), "client_secret"));

  ASSERT_TRUE(ask(request({.id = "id", .secret = "s", .method = AuthMethod::kPost, .key = {}, .algorithm = {}, .key_id = {}})));
  EXPECT_FALSE(site.requests[1].headers.get("authorization"));
  EXPECT_EQ(form_get(sent(1), "client_secret"), "s");

  ASSERT_TRUE(ask(request({.id = "id", .secret = "s", .method = AuthMethod::kNone, .key = {}, .algorithm = {}, .key_id = {}})));
  EXPECT_EQ(form_get(sent(2), "client_id"), "id");
  EXPECT_FALSE(form_has(sent(2), "client_secret"));

  auto key = jose::PrivateKey::generate(jose::Algorithm::kEs256).value();
  ASSERT_TRUE(ask(request({.id = "id", .secret = {}, .method = AuthMethod::kPrivateKeyJwt, .key = key, .algorithm = {}, .key_id = "k1"})));
  EXPECT_EQ(form_get(sent(3), "client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  const auto assertion = jose::parse_token(form_get(sent(3), "client_assertion"));
  ASSERT_TRUE(assertion);
  EXPECT_EQ(assertion->kid, "k1");
  jose::Expectations expected;
  expected.issuer = "id";
  expected.audiences = {site.url()};
  expected.longest_life_ms = 300'000;
  expected.now_ms = clock.now_ms();
  EXPECT_TRUE(jose::verify_token(*assertion, key.public_key(), expected));
  EXPECT_EQ(json::string_at(assertion->claims, "sub"), "id");
}

TEST_F(RequestToken, TakesANonceThatIsDemandedOnceAndNoMore) {
  auto key = jose::PrivateKey::generate(jose::Algorithm::kEs256).value();
  int nonces = 0;
  site.on("/token", [&](const net::HttpRequest&) {
    ++nonces;
    return Reply{400, R"({"error":"use_dpop_nonce"})", {{"DPoP-Nonce", "nonce-" + std::to_string(nonces)}}};
  });
  auto asked = request({.id = "id", .secret = {}, .method = AuthMethod::kNone, .key = {}, .algorithm = {}, .key_id = {}});
  asked.dpop_key = key;
  const auto refused = ask(std::move(asked));
  ASSERT_FALSE(refused);
  EXPECT_EQ(error_of(refused.error()), "use_dpop_nonce");
  ASSERT_EQ(site.requests.size(), 2U);
  std::string first_jti;
  for (std::size_t i = 0; i < 2; ++i) {
    jose::DpopExpectations expected;
    expected.method = "POST";
    const auto url = site.url("/token");
    expected.url = url;
    expected.now_ms = clock.now_ms();
    const auto proof = jose::verify_dpop(site.requests[i].headers.get("dpop").value_or(""), expected);
    ASSERT_TRUE(proof) << proof.error().text();
    EXPECT_EQ(proof->nonce, i == 0 ? "" : "nonce-1");
    EXPECT_NE(proof->jti, first_jti);
    first_jti = proof->jti;
  }
}

TEST_F(RequestToken, FollowsNoRedirectWithWhatItCarries) {
  site.on("/token", Reply{307, "", {{"Location", site.url("/elsewhere")}}});
  ASSERT_FALSE(ask(request({.id = "id", .secret = "s", .method = AuthMethod::kPost, .key = {}, .algorithm = {}, .key_id = {}})));
  EXPECT_EQ(site.paths(), std::vector<std::string>{"/token"});
}

TEST(ReadRegistrationResponse, RefusesAnswersThatNameNoUsableClient) {
  for (const auto* body : {"", "[]", "{}", R"({"client_id":""})", R"({"client_id":7})", R"({"client_id":"a\nb"})",
                           R"({"client_id":"a","client_secret":"b\r\n"})"})
    EXPECT_FALSE(read_registration_response(201, body)) << body;
  EXPECT_FALSE(read_registration_response(201, R"({"client_id":")" + std::string(kClientIdBytes + 1, 'c') + "\"}"));
  const auto refused = read_registration_response(400, R"({"error":"invalid_redirect_uri"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_NE(refused.error().text().find("invalid_redirect_uri"), std::string::npos);
  const auto read = read_registration_response(
      201, R"({"client_id":"a","client_secret":"b","client_secret_expires_at":5,"token_endpoint_auth_method":"client_secret_post"})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->expires_ms, 5'000);
  const auto kept = read_kept_registration(write_registration(*read));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->client_secret, "b");
  EXPECT_EQ(kept->method, "client_secret_post");
}

}  // namespace
}  // namespace interlock::oauth::testing
