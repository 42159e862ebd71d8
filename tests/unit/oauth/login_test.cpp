// The authorization request, and answers to it that were replayed, mixed up, or never asked for.
#include "oauth/login.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "oauth/form.hpp"

namespace interlock::oauth::testing {
namespace {

constexpr UnixMs kNow = 1'700'000'000'000;

ServerMetadata issuer() {
  ServerMetadata out;
  out.issuer = "https://as.example";
  out.authorization_endpoint = "https://as.example/authorize?tenant=1";
  out.token_endpoint = "https://as.example/token";
  out.code_challenge_methods = {"S256"};
  return out;
}

Login login_at(const ServerMetadata& server) {
  return *make_login(server, "the client", "http://127.0.0.1:1/oauth/callback", "https://mcp.example/mcp", {"a", "b"}, kNow);
}

TEST(MakeLogin, AsksForACodeWithPkceResourceAndAnUnguessableState) {
  const auto login = login_at(issuer());
  EXPECT_TRUE(login.url.starts_with("https://as.example/authorize?tenant=1&response_type=code&"));
  const auto query = read_form(login.url.substr(login.url.find('?') + 1));
  ASSERT_TRUE(query);
  EXPECT_EQ(form_get(*query, "client_id"), "the client");
  EXPECT_EQ(form_get(*query, "redirect_uri"), "http://127.0.0.1:1/oauth/callback");
  EXPECT_EQ(form_get(*query, "scope"), "a b");
  EXPECT_EQ(form_get(*query, "resource"), "https://mcp.example/mcp");
  EXPECT_EQ(form_get(*query, "code_challenge_method"), "S256");
  EXPECT_EQ(form_get(*query, "code_challenge"), base64url_encode(as_bytes(sha256(login.verifier))));
  EXPECT_EQ(form_get(*query, "state"), login.state);
  EXPECT_EQ(login.url.find(login.verifier), std::string::npos);
  EXPECT_GE(login.state.size(), 43U);
  EXPECT_GE(login.verifier.size(), 43U);  // RFC 7636 §4.1
  EXPECT_NE(login.state, login_at(issuer()).state);
  EXPECT_NE(login.verifier, login_at(issuer()).verifier);
}

TEST(MakeLogin, GoesNoFurtherWithAServerThatDoesNotSayItTakesS256) {
  for (const auto& methods : {std::vector<std::string>{}, {"plain"}, {"s256"}, {"plain", "S512"}}) {
    auto server = issuer();
    server.code_challenge_methods = methods;
    const auto login = make_login(server, "c", "http://127.0.0.1/", "https://mcp.example", {}, kNow);
    ASSERT_FALSE(login);
    EXPECT_EQ(login.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(login.error().text().find("S256"), std::string::npos);
  }
}

TEST(MakeLogin, LeavesOutWhatIsEmpty) {
  const auto login = make_login(issuer(), "c", "http://127.0.0.1/", "https://mcp.example", {}, kNow);
  EXPECT_EQ(login->url.find("scope="), std::string::npos);
}

struct AnswerCase {
  const char* name;
  bool advertises_iss;
  std::string query;  // S stands for the state
  ErrorCode code;
  const char* says;
};

TEST(ReadLoginResponse, RefusesEveryAnswerThatIsNotToThisLogin) {
  const AnswerCase cases[] = {
      {"another state", false, "code=c&state=guess", ErrorCode::kNotFound, "state"},
      {"no state", false, "code=c", ErrorCode::kNotFound, "state"},
      {"a state that begins like ours", false, "code=c&state=Sx", ErrorCode::kNotFound, "state"},
      {"two states", false, "code=c&state=guess&state=S", ErrorCode::kInvalid, "twice"},
      {"another issuer", true, "code=c&state=S&iss=https%3A%2F%2Fevil.example", ErrorCode::kDenied, "another issuer"},
      {"another issuer, where none was promised", false, "code=c&state=S&iss=https%3A%2F%2Fevil.example", ErrorCode::kDenied,
       "another issuer"},
      {"the issuer with a slash", true, "code=c&state=S&iss=https%3A%2F%2Fas.example%2F", ErrorCode::kDenied, "another issuer"},
      {"the issuer in other letters", true, "code=c&state=S&iss=https%3A%2F%2FAS.example", ErrorCode::kDenied, "another issuer"},
      {"an empty issuer", false, "code=c&state=S&iss=", ErrorCode::kDenied, "another issuer"},
      {"no issuer, where one was promised", true, "code=c&state=S", ErrorCode::kDenied, "names no issuer"},
      {"an error of another issuer", true, "error=access_denied&state=S&iss=https%3A%2F%2Fevil.example", ErrorCode::kDenied,
       "another issuer"},
      {"a refusal", false, "error=access_denied&state=S", ErrorCode::kDenied, "access_denied"},
      {"a refusal and a code", false, "error=access_denied&code=c&state=S", ErrorCode::kDenied, "access_denied"},
      {"no code", false, "state=S", ErrorCode::kInvalid, "code"},
      {"an empty code", false, "code=&state=S", ErrorCode::kInvalid, "code"},
      {"a huge code", false, "code=" + std::string(kCodeBytes + 1, 'c') + "&state=S", ErrorCode::kInvalid, "code"},
      {"a huge query", false, std::string(kQueryBytes + 1, 'c'), ErrorCode::kTooLarge, "bound"},
      {"a broken escape", false, "code=%&state=S", ErrorCode::kInvalid, "escape"},
  };
  for (const auto& one : cases) {
    auto server = issuer();
    server.iss_parameter_supported = one.advertises_iss;
    const auto login = login_at(server);
    auto query = one.query;
    if (const auto at = query.find("state=S"); at != std::string::npos) query.replace(at + 6, 1, login.state);
    const auto code = read_login_response(login, query, kNow + 1);
    ASSERT_FALSE(code) << one.name;
    EXPECT_EQ(code.error().code, one.code) << one.name << ": " << code.error().text();
    EXPECT_NE(code.error().text().find(one.says), std::string::npos) << one.name << ": " << code.error().text();
    EXPECT_EQ(code.error().text().find(login.state), std::string::npos) << one.name;
  }
}

TEST(ReadLoginResponse, TakesTheAnswerOfTheIssuerThatWasAskedInTime) {
  auto server = issuer();
  server.iss_parameter_supported = true;
  const auto login = login_at(server);
  const auto query = "code=the%20code&iss=https%3A%2F%2Fas.example&state=" + login.state;
  EXPECT_EQ(read_login_response(login, query, kNow + kLoginLifetimeMs).value(), "the code");
  const auto late = read_login_response(login, query, kNow + kLoginLifetimeMs + 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kExpired);
}

}  // namespace
}  // namespace interlock::oauth::testing
