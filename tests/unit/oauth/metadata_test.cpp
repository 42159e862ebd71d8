// Discovery against servers that lie, wander, flood and fall silent.
#include "oauth/metadata.hpp"

#include <optional>

#include "parts.hpp"

namespace interlock::oauth::testing {
namespace {

struct UrlCase {
  const char* issuer;
  std::vector<std::string> urls;
};

TEST(MetadataUrls, PutTheWellKnownNameBeforeThePathAndForOidcAlsoBehindIt) {
  const UrlCase cases[] = {
      {"https://as.example",
       {"https://as.example/.well-known/oauth-authorization-server", "https://as.example/.well-known/openid-configuration"}},
      {"https://as.example/",
       {"https://as.example/.well-known/oauth-authorization-server", "https://as.example/.well-known/openid-configuration"}},
      {"https://as.example:8443/tenant/one",
       {"https://as.example:8443/.well-known/oauth-authorization-server/tenant/one",
        "https://as.example:8443/.well-known/openid-configuration/tenant/one",
        "https://as.example:8443/tenant/one/.well-known/openid-configuration"}},
      {"http://as.example", {}},
      {"https://as.example?tenant=1", {}},
      {"https://as.example#x", {}},
      {"https://user@as.example", {}},
      {"javascript:alert(1)", {}},
      {"", {}},
  };
  for (const auto& one : cases) EXPECT_EQ(metadata_urls(one.issuer), one.urls) << one.issuer;
}

TEST(CheckEndpoint, TakesHttpsAndPlainHttpOnLoopbackAlone) {
  for (const auto* url : {"https://as.example/token", "http://localhost:1/token", "http://127.0.0.1/t", "http://127.3.2.1/t",
                          "http://[::1]:80/t", "http://as.localhost/t"})
    EXPECT_TRUE(check_endpoint(url)) << url;
  for (const auto* url : {"http://as.example/token", "http://127.0.0.1.example/t", "http://localhost.example/t", "http://10.0.0.1/t",
                          "http://[fe80::1]/t", "ftp://as.example", "//as.example/t", "https://"}) {
    const auto status = check_endpoint(url);
    ASSERT_FALSE(status) << url;
    EXPECT_EQ(status.error().code, ErrorCode::kDenied) << url;
  }
}

TEST(IsLocalHost, KnowsTheAddressesThatOnlyThisMachineOrLinkUnderstands) {
  for (const auto* host :
       {"localhost", "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "0.0.0.0", "::", "::ffff:169.254.169.254", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_local_host(host)) << host;
  for (const auto* host : {"as.example", "10.0.0.1", "192.168.1.1", "2001:db8::1", "169.254.example", "localhost.example"})
    EXPECT_FALSE(is_local_host(host)) << host;
}

struct DocumentCase {
  const char* name;
  std::string text;
  ErrorCode code;
  const char* says;
};

TEST(ReadMetadata, RefusesWhatBreaksARuleAndSaysWhich) {
  const std::string issuer = "https://as.example";
  const auto with = [&](const std::string& members) { return R"({"issuer":"https://as.example")" + members + "}"; };
  std::string many = R"(,"scopes_supported":[")";
  for (std::size_t i = 0; i < kListEntries + 1; ++i) many += "s\",\"";
  many += "s\"]";
  const DocumentCase cases[] = {
      {"another issuer", R"({"issuer":"https://evil.example"})", ErrorCode::kDenied, "another issuer's"},
      {"a slash more", R"({"issuer":"https://as.example/"})", ErrorCode::kDenied, "slash"},
      {"another letter case", R"({"issuer":"https://AS.example"})", ErrorCode::kDenied, "another issuer's"},
      {"no issuer", R"({"token_endpoint":"https://as.example/token"})", ErrorCode::kInvalid, "names no issuer"},
      {"an issuer that is no text", R"({"issuer":["https://as.example"]})", ErrorCode::kInvalid, "names no issuer"},
      {"two issuers", R"({"issuer":"https://as.example","issuer":"https://evil.example"})", ErrorCode::kInvalid, "refused"},
      {"a list", R"([{"issuer":"https://as.example"}])", ErrorCode::kInvalid, "no JSON object"},
      {"a page", "<html></html>", ErrorCode::kInvalid, "refused"},
      {"a plain token endpoint", with(R"(,"token_endpoint":"http://as.example/token")"), ErrorCode::kDenied, "token_endpoint"},
      {"a script to authorize with", with(R"(,"authorization_endpoint":"javascript:alert")"), ErrorCode::kDenied, "authorization_endpoint"},
      {"keys in a file", with(R"(,"jwks_uri":"file:///etc/passwd")"), ErrorCode::kDenied, "jwks_uri"},
      {"an endpoint that is no text", with(R"(,"registration_endpoint":7)"), ErrorCode::kInvalid, "registration_endpoint"},
      {"scopes that are no list", with(R"(,"scopes_supported":"a b")"), ErrorCode::kInvalid, "scopes_supported"},
      {"methods that are no texts", with(R"(,"code_challenge_methods_supported":[1])"), ErrorCode::kInvalid,
       "code_challenge_methods_supported"},
      {"too many scopes", with(many), ErrorCode::kInvalid, "too many"},
      {"a depth bomb", with(R"(,"x":)" + std::string(100, '[') + std::string(100, ']')), ErrorCode::kTooLarge, "refused"},
  };
  for (const auto& one : cases) {
    const auto read = read_metadata(issuer, one.text);
    ASSERT_FALSE(read) << one.name;
    EXPECT_EQ(read.error().code, one.code) << one.name << ": " << read.error().text();
    EXPECT_NE(read.error().text().find(one.says), std::string::npos) << one.name << ": " << read.error().text();
  }
}

TEST(ReadMetadata, GivesEveryMemberThatAClientActsOn) {
  const auto read = read_metadata("https://as.example", R"({"issuer":"https://as.example","authorization_endpoint":"https://as.example/a",
    "token_endpoint":"https://as.example/t","registration_endpoint":"https://as.example/r","revocation_endpoint":"https://as.example/v",
    "jwks_uri":"https://as.example/k","authorization_response_iss_parameter_supported":true,"client_id_metadata_document_supported":true,
    "code_challenge_methods_supported":["S256"],"grant_types_supported":["authorization_code"],"scopes_supported":["a","b"],
    "token_endpoint_auth_methods_supported":["none"],"dpop_signing_alg_values_supported":["ES256"]})");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->authorization_endpoint, "https://as.example/a");
  EXPECT_EQ(read->token_endpoint, "https://as.example/t");
  EXPECT_EQ(read->registration_endpoint, "https://as.example/r");
  EXPECT_EQ(read->revocation_endpoint, "https://as.example/v");
  EXPECT_EQ(read->jwks_uri, "https://as.example/k");
  EXPECT_TRUE(read->iss_parameter_supported);
  EXPECT_TRUE(read->client_id_metadata_document_supported);
  EXPECT_EQ(read->code_challenge_methods, std::vector<std::string>{"S256"});
  EXPECT_EQ(read->scopes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read->dpop_algorithms, std::vector<std::string>{"ES256"});
}

class Discover : public ::testing::Test {
 protected:
  Result<ServerMetadata> ask(const std::string& issuer) {
    std::optional<Result<ServerMetadata>> out;
    std::unique_ptr<Fetch> running;
    run_until_done(loop, [&](auto done) {
      running = discover(loop, client, issuer, [&out, done](Result<ServerMetadata> result) {
        out = std::move(result);
        done();
      });
    });
    return std::move(*out);
  }
  std::string document(const std::string& issuer) const {
    return R"({"issuer":")" + issuer + R"(","token_endpoint":")" + site.url("/token") + "\"}";
  }

  net::Loop loop;
  net::HttpClient client{loop};
  Site site{loop};
};

TEST_F(Discover, LooksAtEachPlaceInOrderUntilOneHasADocument) {
  const auto issuer = site.url("/tenant");
  site.on("/.well-known/openid-configuration/tenant", Reply{200, "<html>not found</html>", {{"Content-Type", "text/html"}}});
  site.on("/tenant/.well-known/openid-configuration", Reply{200, document(issuer)});
  const auto found = ask(issuer);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->token_endpoint, site.url("/token"));
  EXPECT_EQ(site.paths(),
            (std::vector<std::string>{"/.well-known/oauth-authorization-server/tenant", "/.well-known/openid-configuration/tenant",
                                      "/tenant/.well-known/openid-configuration"}));
}

TEST_F(Discover, StopsAtADocumentOfAnotherIssuerAndLooksNowhereElse) {
  site.on("/.well-known/oauth-authorization-server", Reply{200, document("https://evil.example")});
  site.on("/.well-known/openid-configuration", Reply{200, document(site.url())});
  const auto found = ask(site.url());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kDenied);
  EXPECT_EQ(site.requests.size(), 1U);
}

TEST_F(Discover, DoesNotFollowARedirect) {
  site.on("/.well-known/oauth-authorization-server", Reply{302, "", {{"Location", site.url("/elsewhere")}}});
  site.on("/elsewhere", Reply{200, document(site.url())});
  const auto found = ask(site.url());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kUnavailable) << found.error().text();
  for (const auto& path : site.paths()) EXPECT_NE(path, "/elsewhere");
}

TEST_F(Discover, ReadsNoMoreThanTheBound) {
  site.on("/.well-known/oauth-authorization-server", Reply{200, std::string(kDocumentBytes + 1, ' ') + document(site.url())});
  const auto found = ask(site.url());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kTooLarge) << found.error().text();
}

TEST_F(Discover, RefusesWhatIsNoIssuerBeforeAnythingIsSent) {
  for (const auto* issuer : {"http://as.example", "https://as.example/?a=b", "nonsense"}) {
    const auto found = ask(issuer);
    ASSERT_FALSE(found) << issuer;
    EXPECT_EQ(found.error().code, ErrorCode::kDenied) << issuer;
  }
}

TEST_F(Discover, SaysNothingOnceItsHandleIsDropped) {
  site.on("/.well-known/oauth-authorization-server", Reply{200, document(site.url())});
  bool called = false;
  discover(loop, client, site.url(), [&](Result<ServerMetadata>) { called = true; }).reset();
  discover(loop, client, "nonsense", [&](Result<ServerMetadata>) { called = true; }).reset();
  EXPECT_TRUE(ask(site.url()));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace interlock::oauth::testing
