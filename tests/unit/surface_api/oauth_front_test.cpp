// The token endpoint without a network: which forms reach an exchange, what the token is bound to, and what each refusal says.
#include "surface/api/oauth_front.hpp"

#include <gtest/gtest.h>

#include "jose/dpop.hpp"
#include "net/tls.hpp"

namespace interlock::api {
namespace {

constexpr UnixMs kNow = 1'800'000'000'000;
constexpr const char* kGate = "https://gate.example";
constexpr const char* kTokenUrl = "https://gate.example/oauth/token";

class FixedClock final : public Clock {
 public:
  UnixMs now_ms() const override { return kNow; }
};

class Recorder final : public net::HttpExchange {
 public:
  void respond(int code, net::Headers answered, std::string text) override {
    ++answers;
    status = code;
    headers = std::move(answered);
    body = std::move(text);
  }
  void start(int, net::Headers) override {}
  bool write(std::string_view) override { return true; }
  void end() override {}
  void on_gone(std::function<void()>) override {}
  bool gone() const override { return false; }
  int answers = 0;
  int status = 0;
  net::Headers headers;
  std::string body;
};

class OAuthFrontTest : public testing::Test {
 protected:
  OAuthFrontTest() : key_(*jose::PrivateKey::generate(jose::Algorithm::kEs256)) {
    OAuthFrontParts parts;
    parts.authenticate = [this](const identity::Presentation& shown, const std::function<void(identity::Answer)>& done) {
      shown_authorization = std::string(shown.authorization.value_or(""));
      shown_proofs = shown.dpop.size();
      if (shown.authorization || shown.certificates) return done(subject("agent", {}));
      identity::Refusal refusal;
      refusal.error = {ErrorCode::kDenied, "the request names no identity", {}};
      done(std::unexpected(std::move(refusal)));
    };
    parts.verify_token = [this](const std::string& token, const std::vector<std::string>&,
                                const std::function<void(identity::Answer)>& done) {
      verified.push_back(token);
      done(subject("ada", {"read", "write"}));
    };
    parts.sign = [this](json::object claims, std::int64_t life_ms) -> Result<std::string> {
      signed_claims = std::move(claims);
      signed_life_ms = life_ms;
      return "signed-token";
    };
    parts.keys = [] { return std::make_shared<const jose::KeySet>(); };
    parts.record = [this](const identity::ExchangeOrder&, const Error* refusal) -> Status {
      records.push_back(refusal == nullptr ? "made" : "refused");
      return record_status;
    };
    parts.clock = &clock_;
    OAuthFrontOptions options;
    options.issuer = kGate;
    options.resources = {kGate, std::string(kGate) + "/mcp"};
    front = std::make_unique<OAuthFront>(std::move(options), std::move(parts));
  }

  static model::Subject subject(std::string id, std::vector<std::string> scopes) {
    model::Subject out;
    out.id = std::move(id);
    out.scopes = std::move(scopes);
    out.expires_ms = kNow + 3'600'000;
    return out;
  }
  static std::string form(const std::string& more = "") {
    return "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=S3CRET.of.ada&subject_token_type="
           "urn:ietf:params:oauth:token-type:jwt" +
           more;
  }
  net::HttpRequest request(std::string body) const {
    net::HttpRequest out;
    out.method = "POST";
    out.path = "/oauth/token";
    out.headers.add("Content-Type", "application/x-www-form-urlencoded");
    out.headers.add("Authorization", "Bearer agent-token");
    out.body = std::move(body);
    return out;
  }
  net::HttpRequest with_proof(std::string body) const {
    auto out = request(std::move(body));
    out.headers.add("DPoP", *jose::make_dpop(key_, "POST", kTokenUrl, "", "", kNow));
    return out;
  }
  json::object ask(net::HttpRequest what) {
    exchange = std::make_shared<Recorder>();
    handled = front->handle(what, exchange);
    auto body = json::parse(exchange->body);
    return body && body->is_object() ? body->get_object() : json::object();
  }
  std::string error_of(net::HttpRequest what) {
    const auto body = ask(std::move(what));
    return std::string(json::string_at(body, "error").value_or("")) + " " + std::to_string(exchange->status);
  }

  FixedClock clock_;
  jose::PrivateKey key_;
  std::unique_ptr<OAuthFront> front;
  std::shared_ptr<Recorder> exchange;
  bool handled = false;
  std::string shown_authorization;
  std::size_t shown_proofs = 0;
  std::vector<std::string> verified;
  std::vector<std::string> records;
  Status record_status;
  json::object signed_claims;
  std::int64_t signed_life_ms = 0;
};

TEST_F(OAuthFrontTest, ATokenIsBoundToTheKeyOfTheProof) {
  const auto body = ask(with_proof(form("&scope=read")));
  ASSERT_EQ(exchange->status, 200) << exchange->body;
  EXPECT_EQ(json::string_at(body, "access_token"), "signed-token");
  EXPECT_EQ(json::string_at(body, "token_type"), "DPoP");
  EXPECT_EQ(json::int_at(body, "expires_in"), 600);
  EXPECT_EQ(exchange->headers.get("cache-control"), "no-store");
  EXPECT_EQ(json::string_at(signed_claims, "iss"), kGate);
  EXPECT_EQ(json::string_at(*json::object_at(signed_claims, "cnf"), "jkt"), key_.public_key().thumbprint());
  EXPECT_EQ(records, std::vector<std::string>{"made"});
  EXPECT_EQ(shown_proofs, 0U) << "beside a bearer token the proof is of the new token's key";
}

TEST_F(OAuthFrontTest, ATokenIsBoundToTheClientsCertificate) {
  auto what = request(form());
  auto certificates = std::make_shared<net::PeerCertificates>();
  certificates->leaf_sha256 = std::string(32, '\x01');
  what.peer_certificates = certificates;
  const auto body = ask(std::move(what));
  ASSERT_EQ(exchange->status, 200) << exchange->body;
  EXPECT_EQ(json::string_at(body, "token_type"), "Bearer");
  EXPECT_EQ(json::string_at(*json::object_at(signed_claims, "cnf"), "x5t#S256"), "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
}

TEST_F(OAuthFrontTest, AnActorTokenStandsForTheRequestThatShowsNothingElse) {
  auto what = with_proof(form("&actor_token=actor&actor_token_type=urn:ietf:params:oauth:token-type:jwt"));
  what.headers.remove("authorization");
  // The proof of a token that is shown as bound must hold its hash, so this one is of another use.
  ask(std::move(what));
  EXPECT_EQ(shown_authorization, "DPoP actor");
  EXPECT_EQ(shown_proofs, 1U);
}

TEST_F(OAuthFrontTest, WhatIsWrongIsRefusedWithTheNameThatClientsKnow) {
  const auto remove = [](std::string text, std::string_view what) { return text.erase(text.find(what), what.size()); };
  EXPECT_EQ(error_of(request(form())), "invalid_request 400") << "nothing to bind it to";
  EXPECT_EQ(error_of(with_proof(form("&scope=admin"))), "invalid_scope 400");
  EXPECT_EQ(error_of(with_proof(form("&resource=https://elsewhere.example"))), "invalid_target 400");
  EXPECT_EQ(error_of(with_proof(form("&resource=https://gate.example&audience=https://gate.example/mcp"))), "invalid_target 400");
  EXPECT_EQ(error_of(with_proof(form("&subject_token=again"))), "invalid_request 400");
  EXPECT_EQ(error_of(with_proof(form("&actor_token=x"))), "invalid_request 400");
  EXPECT_EQ(error_of(with_proof(form("&requested_token_type=urn:ietf:params:oauth:token-type:saml2"))), "invalid_request 400");
  EXPECT_EQ(error_of(with_proof(remove(form(), "&subject_token=S3CRET.of.ada"))), "invalid_request 400");
  EXPECT_EQ(error_of(with_proof("grant_type=password&username=a")), "unsupported_grant_type 400");
  EXPECT_EQ(error_of(with_proof("")), "unsupported_grant_type 400");
  auto nobody = with_proof(form());
  nobody.headers.remove("authorization");
  EXPECT_EQ(error_of(std::move(nobody)), "invalid_client 401");
  auto twice = with_proof(form());
  twice.headers.add("DPoP", "x");
  EXPECT_EQ(error_of(std::move(twice)), "invalid_dpop_proof 400");
  auto page = with_proof(form());
  page.headers.add("Origin", "https://evil.example");
  EXPECT_EQ(error_of(std::move(page)), "invalid_request 403");
  auto query = with_proof(form());
  query.query = "subject_token=x";
  EXPECT_EQ(error_of(std::move(query)), "invalid_request 400");
  auto typed = with_proof(form());
  typed.headers.set("Content-Type", "application/json");
  EXPECT_EQ(error_of(std::move(typed)), "invalid_request 400");
  auto read = request(form());
  read.method = "GET";
  EXPECT_EQ(error_of(std::move(read)), "invalid_request 405");
  EXPECT_EQ(exchange->body.find("S3CRET"), std::string::npos);
}

TEST_F(OAuthFrontTest, WhatCannotBeRecordedIsNotDone) {
  record_status = fail(ErrorCode::kIo, "the disk is full");
  EXPECT_EQ(error_of(with_proof(form())), "temporarily_unavailable 503");
  EXPECT_EQ(exchange->body.find("signed-token"), std::string::npos);
}

TEST_F(OAuthFrontTest, SaysWhatItIsAndLeavesOtherPathsToOthers) {
  net::HttpRequest what;
  what.method = "GET";
  what.path = "/.well-known/oauth-authorization-server";
  const auto metadata = ask(what);
  EXPECT_EQ(json::string_at(metadata, "issuer"), kGate);
  EXPECT_EQ(json::string_at(metadata, "token_endpoint"), kTokenUrl);
  what.path = "/.well-known/jwks.json";
  EXPECT_TRUE(ask(what).contains("keys"));
  what.method = "POST";
  ask(what);
  EXPECT_EQ(exchange->status, 405);
  for (const char* path : {"/oauth", "/oauth/token/", "/oauth/authorize", "/.well-known/jwks.json/x"}) {
    what.path = path;
    ask(what);
    EXPECT_FALSE(handled) << path;
    EXPECT_EQ(exchange->answers, 0) << path;
  }
}

}  // namespace
}  // namespace interlock::api
