#include "oauth/revocation.hpp"

#include <gtest/gtest.h>

#include "oauth/form.hpp"
#include "parts.hpp"

namespace interlock::oauth {
namespace {

TEST(RevocationTest, OnlyTwoHundredSaysThatATokenIsDead) {
  EXPECT_TRUE(read_revocation_response(200, ""));
  EXPECT_TRUE(read_revocation_response(200, "anything"));
  struct Case {
    int status;
    const char* body;
    ErrorCode code;
  };
  const Case cases[] = {
      {204, "", ErrorCode::kUnavailable},
      {302, "", ErrorCode::kUnavailable},
      {400, R"({"error": "unsupported_token_type"})", ErrorCode::kDenied},
      {401, R"({"error": "invalid_client"})", ErrorCode::kDenied},
      {400, R"({"error": 7})", ErrorCode::kUnavailable},
      {404, "<html>", ErrorCode::kUnavailable},
      {429, R"({"error": "slow_down"})", ErrorCode::kUnavailable},
      {503, "", ErrorCode::kUnavailable},
  };
  for (const auto& c : cases) {
    const auto status = read_revocation_response(c.status, c.body);
    ASSERT_FALSE(status) << c.status << c.body;
    EXPECT_EQ(status.error().code, c.code) << c.status << c.body;
  }
}

TEST(RevocationTest, AServersWordsAreShownShortAndPrintable) {
  const auto status = read_revocation_response(400, R"({"error": "a\r\n\u001b[31mb"})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().text().find('\x1b'), std::string::npos);
  const auto long_one = read_revocation_response(400, "{\"error\": \"" + std::string(8000, 'x') + "\"}");
  EXPECT_LT(long_one.error().text().size(), 500U);
}

class RevokeTest : public ::testing::Test {
 protected:
  Status revoke(const RevocationRequest& request) {
    Status out = fail(ErrorCode::kInternal, "not called");
    std::unique_ptr<Fetch> running;
    testing::run_until_done(loop_, [&](std::function<void()> done) {
      running = revoke_token(loop_, http_, clock_, request, [&, done](Status status) {
        out = std::move(status);
        done();
      });
    });
    return out;
  }
  RevocationRequest request() const {
    return {.endpoint = site_.url("/revoke"),
            .audience = site_.url(),
            .token = "to ken&",
            .token_type_hint = "access_token",
            .client = {.id = "gate", .secret = "s", .method = AuthMethod::kPost, .key = {}, .algorithm = {}, .key_id = {}}};
  }
  net::Loop loop_;
  net::HttpClient http_{loop_};
  testing::Site site_{loop_};
  SystemClock clock_;
};

TEST_F(RevokeTest, TheTokenAndTheClientAreSentAsAForm) {
  site_.on("/revoke", testing::Reply{200, ""});
  ASSERT_TRUE(revoke(request()));
  const auto form = *read_form(site_.requests[0].body);
  EXPECT_EQ(form_get(form, "token"), "to ken&");
  EXPECT_EQ(form_get(form, "token_type_hint"), "access_token");
  EXPECT_EQ(form_get(form, "client_id"), "gate");
  EXPECT_EQ(form_get(form, "client_secret"), "s");
}

TEST_F(RevokeTest, WhatCannotBeSentFailsLater) {
  auto elsewhere = request();
  elsewhere.endpoint = "http://192.0.2.1/revoke";  // in the clear
  EXPECT_EQ(revoke(elsewhere).error().code, ErrorCode::kDenied);
  elsewhere.endpoint = "nonsense";
  EXPECT_FALSE(revoke(elsewhere));
  auto keyless = request();
  keyless.client.method = AuthMethod::kPrivateKeyJwt;
  EXPECT_EQ(revoke(keyless).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(site_.requests.empty());
}

}  // namespace
}  // namespace interlock::oauth
