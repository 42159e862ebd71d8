// The approver's passphrase: only the right one, and not by trying.
#include "approval/passphrase.hpp"

#include <gtest/gtest.h>

namespace interlock::approval {
namespace {

TEST(Passphrase, VerifiesOnlyTheRightOne) {
  const auto text = hash_passphrase("correct horse");
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->starts_with("scrypt:15:"));
  EXPECT_EQ(text->find("horse"), std::string::npos);
  EXPECT_NE(*hash_passphrase("correct horse"), *text);  // salted
  auto verifier = *PassphraseVerifier::parse(*text);
  EXPECT_TRUE(verifier.verify("correct horse", 0));
  for (const char* wrong : {"correct horse ", "Correct horse", "correct hors"})
    EXPECT_EQ(verifier.verify(wrong, 0).error().message, "the passphrase is wrong");
  EXPECT_EQ(verifier.verify("", 0).error().message, kNeedsPassphrase);
  EXPECT_EQ(verifier.verify(std::string(kPassphraseBytes + 1, 'x'), 0).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(verifier.verify("correct horse", 0));
}

TEST(Passphrase, StopsTheOneWhoTries) {
  auto verifier = *PassphraseVerifier::parse(*hash_passphrase("correct horse"));
  const UnixMs start = 1000;
  for (int i = 0; i < PassphraseVerifier::kTries; ++i)
    EXPECT_EQ(verifier.verify("wrong", start + i).error().message, "the passphrase is wrong");
  EXPECT_EQ(verifier.verify("correct horse", start + 10).error().message, "too many wrong passphrases");  // even the right one
  EXPECT_EQ(verifier.verify("correct horse", start + PassphraseVerifier::kWindowMs - 1).error().message, "too many wrong passphrases");
  EXPECT_TRUE(verifier.verify("correct horse", start + PassphraseVerifier::kWindowMs));
  // A right one clears the count; an empty one is no try.
  for (int i = 0; i < PassphraseVerifier::kTries - 1; ++i) EXPECT_FALSE(verifier.verify("wrong", start));
  EXPECT_TRUE(verifier.verify("correct horse", start));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(verifier.verify("", start));
  EXPECT_TRUE(verifier.verify("correct horse", start));
}

TEST(Passphrase, RefusesHashesThatAreNone) {
  const std::string salt = "AAAAAAAAAAAAAAAAAAAAAA==";
  const std::string hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  ASSERT_TRUE(PassphraseVerifier::parse("scrypt:15:" + salt + ":" + hash));
  const std::string bad[] = {"",
                             "hunter2",
                             "scrypt",
                             "scrypt:15:" + salt,
                             "scrypt::" + salt + ":" + hash,
                             "scrypt:9:" + salt + ":" + hash,
                             "scrypt:30:" + salt + ":" + hash,
                             "scrypt:15x:" + salt + ":" + hash,
                             "scrypt:-15:" + salt + ":" + hash,
                             "scrypt:99999999999999999999:" + salt + ":" + hash,
                             "scrypt:15:AAAA:" + hash,
                             "scrypt:15:" + salt + ":AAAA",
                             "scrypt:15:" + salt + ":" + hash + ":",
                             "scrypt:15:" + salt + ":" + hash + " ",
                             "argon2:15:" + salt + ":" + hash};
  for (const auto& text : bad) {
    const auto parsed = PassphraseVerifier::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(parsed.error().text().find("hunter2"), std::string::npos);  // it may be the passphrase itself
  }
  EXPECT_FALSE(hash_passphrase(""));
  EXPECT_FALSE(hash_passphrase(std::string(kPassphraseBytes + 1, 'x')));
}

}  // namespace
}  // namespace interlock::approval
