// The gate as a protected resource: names, metadata, challenges.
#include "surface/mcp/protected_resource.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace interlock::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ProtectedResource resource(std::string url = "https://gate.example") {
  ProtectedResource out;
  out.public_url = std::move(url);
  out.authorization_servers = {"https://id.example"};
  out.scopes = {"offline_access"};
  out.endpoint_scopes = {{"github", {"repo:read", "mcp"}}, {"mail", {"mcp", "mail"}}};
  out.takes_dpop = true;
  return out;
}

std::vector<std::string> values(const net::Headers& headers, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& [header, value] : headers.all()) {
    if (net::equal_ignoring_case(header, name)) out.push_back(value);
  }
  return out;
}

identity::Refusal refusal(std::string oauth_error, int status = 401) {
  identity::Refusal out;
  out.error = {ErrorCode::kDenied, "the token's \"aud\" is \\ wrong \xC3\xA9", "a hint"};
  out.status = status;
  out.oauth_error = std::move(oauth_error);
  return out;
}

TEST(ProtectedResource, NamesEachEndpointAndTheWholeGate) {
  EXPECT_EQ(resource_of(resource(), ""), "https://gate.example/mcp");
  EXPECT_EQ(resource_of(resource(), "github"), "https://gate.example/mcp/github");
  EXPECT_THAT(audiences_of(resource(), "github"), ElementsAre("https://gate.example/mcp/github", "https://gate.example"));
  EXPECT_THAT(audiences_of(resource(""), "github"), IsEmpty()) << "without a public URL no token fits by its resource";
}

TEST(ProtectedResource, TheEndpointOfAllServersNeedsTheScopesOfAll) {
  EXPECT_THAT(scopes_of(resource(), "github"), ElementsAre("repo:read", "mcp"));
  EXPECT_THAT(scopes_of(resource(), "files"), IsEmpty());
  EXPECT_THAT(scopes_of(resource(), ""), ElementsAre("mail", "mcp", "repo:read"));
}

TEST(ProtectedResource, MetadataStandWhereRfc9728PutsThem) {
  EXPECT_EQ(metadata_url(resource(), "github"), "https://gate.example/.well-known/oauth-protected-resource/mcp/github");
  EXPECT_EQ(metadata_url(resource("https://example.org/gate"), ""), "https://example.org/.well-known/oauth-protected-resource/gate/mcp");
  auto without = resource();
  without.authorization_servers.clear();
  EXPECT_EQ(metadata_url(without, ""), "");
  struct Case {
    const char* path;
    bool asked;
    bool gate;
    const char* endpoint;
  };
  const Case cases[] = {
      {"/.well-known/oauth-protected-resource", true, true, ""},
      {"/.well-known/oauth-protected-resource/mcp", true, false, ""},
      {"/.well-known/oauth-protected-resource/mcp/github", true, false, "github"},
      {"/.well-known/oauth-protected-resource/mcpx", false, false, ""},
      {"/.well-known/oauth-protected-resource/other", false, false, ""},
      {"/.well-known/oauth-authorization-server", false, false, ""},
      {"/mcp", false, false, ""},
  };
  for (const auto& one : cases) {
    const auto of = metadata_asked(resource(), one.path);
    ASSERT_EQ(of.has_value(), one.asked) << one.path;
    if (!of) continue;
    EXPECT_EQ(of->gate, one.gate) << one.path;
    EXPECT_EQ(of->endpoint, one.endpoint) << one.path;
  }
  const auto behind = resource("https://example.org/gate");
  for (const char* path : {"/.well-known/oauth-protected-resource/gate/mcp/github", "/.well-known/oauth-protected-resource/mcp/github"}) {
    EXPECT_EQ(metadata_asked(behind, path)->endpoint, "github") << path;
  }
}

TEST(ProtectedResource, MetadataSayWhatTheEndpointTakes) {
  const auto text = json::write_canonical(metadata(resource(), {.gate = false, .endpoint = "github"}));
  EXPECT_THAT(text, HasSubstr(R"("resource":"https://gate.example/mcp/github")"));
  EXPECT_THAT(text, HasSubstr(R"("authorization_servers":["https://id.example"])"));
  EXPECT_THAT(text, HasSubstr(R"("scopes_supported":["repo:read","mcp","offline_access"])"));
  EXPECT_THAT(text, HasSubstr(R"("bearer_methods_supported":["header"])"));
  EXPECT_THAT(text, HasSubstr("\"ES256\""));
  EXPECT_THAT(text, Not(HasSubstr("tls_client_certificate")));
  const auto whole = json::write_canonical(metadata(resource(), {.gate = true, .endpoint = {}}));
  EXPECT_THAT(whole, HasSubstr(R"("resource":"https://gate.example")"));
}

TEST(Challenges, WithoutACredentialSayWhereToGetOne) {
  net::Headers headers;
  add_challenges(resource(), "github", refusal(""), headers);
  const auto challenges = values(headers, "www-authenticate");
  ASSERT_EQ(challenges.size(), 2U);
  EXPECT_EQ(challenges[0],
            "Bearer realm=\"interlock\", resource_metadata=\"https://gate.example/.well-known/oauth-protected-resource/mcp/github\", "
            "scope=\"repo:read mcp\"");
  EXPECT_THAT(challenges[1], HasSubstr("DPoP algs=\"ES256 "));
  EXPECT_THAT(challenges[1], Not(HasSubstr("error")));
}

TEST(Challenges, WithoutAnAuthorizationServerAreAsPlainAsTheyCanBe) {
  net::Headers headers;
  add_challenges({}, "", refusal(""), headers);
  EXPECT_THAT(values(headers, "www-authenticate"), ElementsAre("Bearer realm=\"interlock\""));
}

TEST(Challenges, TellTheErrorInTheSchemeThatItBelongsTo) {
  struct Case {
    const char* error;
    bool bearer;
    bool dpop;
  };
  for (const auto& one : {Case{"invalid_token", true, true}, Case{"insufficient_scope", true, false},
                          Case{"invalid_dpop_proof", false, true}, Case{"use_dpop_nonce", false, true}}) {
    net::Headers headers;
    add_challenges(resource(), "", refusal(one.error, std::string_view(one.error) == "insufficient_scope" ? 403 : 401), headers);
    const auto challenges = values(headers, "www-authenticate");
    ASSERT_EQ(challenges.size(), 2U) << one.error;
    const auto said = "error=\"" + std::string(one.error) + "\"";
    EXPECT_EQ(challenges[0].find(said) != std::string::npos, one.bearer) << one.error;
    EXPECT_EQ(challenges[1].find(said) != std::string::npos, one.dpop) << one.error;
  }
}

TEST(Challenges, HoldNothingThatBreaksAHeader) {
  net::Headers headers;
  add_challenges(resource(), "", refusal("invalid_token"), headers);
  EXPECT_THAT(values(headers, "www-authenticate")[0], HasSubstr("error_description=\"the token's 'aud' is ' wrong ?\""));
}

TEST(Challenges, ANonceIsHandedOutAndAnOutageAsksForPatience) {
  auto wanted = refusal("use_dpop_nonce");
  wanted.dpop_nonce = "n-1";
  net::Headers headers;
  add_challenges(resource(), "", wanted, headers);
  EXPECT_THAT(values(headers, "dpop-nonce"), ElementsAre("n-1"));
  net::Headers later;
  add_challenges(resource(), "", refusal("", 503), later);
  EXPECT_THAT(values(later, "www-authenticate"), IsEmpty());
  EXPECT_FALSE(values(later, "retry-after").empty());
  net::Headers forbidden;
  add_challenges(resource(), "", refusal("", 403), forbidden);
  EXPECT_THAT(values(forbidden, "www-authenticate"), IsEmpty()) << "a borrowed identity is not helped by another try";
}

TEST(Challenges, OfAMissingScopeNameWhatIsNeeded) {
  auto wanted = refusal("insufficient_scope", 403);
  wanted.scopes = {"mail", "mcp"};
  net::Headers headers;
  add_challenges(resource(), "mail", wanted, headers);
  EXPECT_THAT(values(headers, "www-authenticate")[0], HasSubstr("scope=\"mail mcp\""));
}

}  // namespace
}  // namespace interlock::mcp
