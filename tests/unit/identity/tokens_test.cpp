// Bearer tokens: what admits, what does not, and that no answer holds a token.
#include "identity/tokens.hpp"

#include <gtest/gtest.h>

namespace interlock::identity {
namespace {

constexpr UnixMs kNow = 1'700'000'000'000;
constexpr const char* kToken = "s3cr3t-token_1.~+/==";

TokenRule rule_for(std::string_view token, std::string subject) {
  TokenRule rule;
  rule.subject = std::move(subject);
  rule.owner = "alice";
  rule.sha256 = sha256(token);
  return rule;
}

TokenBook book_with(bool anonymous) {
  TokenRule short_lived = rule_for("short-lived", "brief");
  short_lived.expires_ms = kNow;
  auto book = TokenBook::create({rule_for(kToken, "ci-agent"), rule_for("other", "deploy"), short_lived}, anonymous);
  EXPECT_TRUE(book);
  return std::move(*book);
}

TEST(Tokens, AKnownTokenIsItsSubject) {
  const auto book = book_with(false);
  for (const std::string& header : {std::string("Bearer ") + kToken, std::string("bearer ") + kToken, std::string("BEARER   ") + kToken}) {
    const auto subject = book.authenticate(header, kNow);
    ASSERT_TRUE(subject) << header;
    EXPECT_EQ(subject->id, "ci-agent");
    EXPECT_EQ(subject->owner, "alice");
    EXPECT_EQ(subject->assurance, model::Assurance::kBearer);
  }
  EXPECT_EQ(book.authenticate("Bearer other", kNow)->id, "deploy");
}

TEST(Tokens, WhatIsNotExactlyAKnownTokenIsDenied) {
  struct Case {
    const char* name;
    std::optional<std::string> header;
  };
  const std::string token = kToken;
  const Case cases[] = {
      {"no header", std::nullopt},
      {"empty", ""},
      {"a blank", " "},
      {"scheme only", "Bearer"},
      {"scheme and blank", "Bearer "},
      {"another scheme", "Basic " + token},
      {"a prefix of the scheme", "Bear " + token},
      {"a longer scheme", "Bearers " + token},
      {"no blank", "Bearer" + token},
      {"a tab", "Bearer\t" + token},
      {"one character less", "Bearer " + token.substr(0, token.size() - 1)},
      {"one character more", "Bearer " + token + "="},
      {"another case", "Bearer S3cr3t-token_1.~+/=="},
      {"trailing blank", "Bearer " + token + " "},
      {"two tokens", "Bearer " + token + " " + token},
      {"a comma list", "Bearer " + token + ", Bearer other"},
      {"NUL inside", "Bearer other" + std::string("\0", 1)},
      {"only padding", "Bearer ===="},
      {"the hash itself", "Bearer " + to_hex(sha256(token))},
      {"the hash with its prefix", "Bearer " + token_digest_text(token)},
      {"not ASCII", "Bearer \xC3\xA9"},
      {"too long", "Bearer " + std::string(17 * 1024, 'a')},
      {"very long", "Bearer " + std::string(10'000'000, 'a')},
  };
  const auto strict = book_with(false);
  for (const auto& c : cases) {
    const auto subject = c.header ? strict.authenticate(*c.header, kNow) : strict.authenticate(std::nullopt, kNow);
    ASSERT_FALSE(subject) << c.name;
    EXPECT_EQ(subject.error().code, ErrorCode::kDenied) << c.name;
    EXPECT_FALSE(subject.error().hint.empty()) << c.name;
    EXPECT_EQ(subject.error().text().find(token.substr(0, 8)), std::string::npos) << c.name << ": an error holds the token";
  }
  // Anonymous mode admits the absence of a header, not a wrong one.
  const auto open = book_with(true);
  for (const auto& c : cases) {
    if (!c.header) continue;
    EXPECT_FALSE(open.authenticate(*c.header, kNow)) << c.name;
  }
}

TEST(Tokens, AnonymousOnlyWhereConfigured) {
  const auto subject = book_with(true).authenticate(std::nullopt, kNow);
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->id, "anonymous");
  EXPECT_EQ(subject->assurance, model::Assurance::kNone);
  EXPECT_FALSE(TokenBook().authenticate(std::nullopt, kNow));
  EXPECT_FALSE(TokenBook().authenticate("Bearer x", kNow));
}

TEST(Tokens, AnExpiredTokenIsSaidToBeExpired) {
  const auto book = book_with(false);
  EXPECT_TRUE(book.authenticate("Bearer short-lived", kNow - 1));
  const auto late = book.authenticate("Bearer short-lived", kNow);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kExpired);
}

TEST(Tokens, ABadConfigurationIsRefusedWhole) {
  EXPECT_EQ(TokenBook::create({rule_for("t", "a"), rule_for("t", "b")}, false).error().code, ErrorCode::kConflict);
  EXPECT_EQ(TokenBook::create({rule_for("t", "")}, false).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(TokenBook::create({rule_for("t", "anonymous")}, false).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(TokenBook::create({rule_for("t", "local/alice/claude")}, false).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(TokenBook::create(std::vector<TokenRule>(kTokens + 1), false).error().code, ErrorCode::kTooLarge);
}

TEST(Tokens, DigestsOfTheConfigurationAreReadStrictly) {
  const std::string good = token_digest_text("token");
  EXPECT_EQ(*parse_token_digest(good), sha256("token"));
  for (const std::string& bad :
       {std::string(), std::string("sha256:"), good.substr(7), good + "0", good.substr(0, good.size() - 1),
        "sha256:" + std::string(64, 'g'), "SHA256:" + good.substr(7), std::string("token"), token_digest_text("")}) {
    EXPECT_FALSE(parse_token_digest(bad)) << bad;
  }
}

}  // namespace
}  // namespace interlock::identity
