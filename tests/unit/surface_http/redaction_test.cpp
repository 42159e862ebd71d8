// Secrets in answers: whatever the pieces they come in and the forms they take, none gets out, and nothing else is touched.
#include "surface/http/redaction.hpp"

#include <gtest/gtest.h>

#include <random>

namespace interlock::http {
namespace {

using credential::kHidden;

std::shared_ptr<const SecretForms> forms_of(const std::vector<std::string_view>& secrets) {
  credential::Echoes echoes;
  for (const auto secret : secrets) echoes.add(secret);
  return std::make_shared<const SecretForms>(echoes);
}

const std::string kSecret = "s3cr3t/with+odd \"chars\"~and=more";

std::string base64(std::string_view text, bool url) {
  const std::string alphabet = std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") + (url ? "-_" : "+/");
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    unsigned word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= text.size() - i ? alphabet[word >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

// Fed in pieces that end at the given places.
std::string redact(const std::shared_ptr<const SecretForms>& forms, std::string_view text, const std::vector<std::size_t>& ends) {
  Redactor redactor(forms);
  std::string result;
  std::string out;
  std::size_t from = 0;
  for (const auto end : ends) {
    result += redactor.feed(text.substr(from, end - from), out);
    from = end;
  }
  result += redactor.feed(text.substr(from), out);
  result += redactor.finish(out);
  return result;
}

TEST(Redaction, BlotsOutASecretHoweverItIsCut) {
  const auto forms = forms_of({kSecret});
  const std::string text = "before " + kSecret + " after";
  const std::string want = "before " + std::string(kHidden) + " after";
  for (std::size_t a = 0; a <= text.size(); ++a)
    for (std::size_t b = a; b <= text.size(); ++b) ASSERT_EQ(redact(forms, text, {a, b}), want) << a << " " << b;
}

// A long run within a secret is looked for by itself, and must not end the search for the whole.
TEST(Redaction, BlotsOutTheRestOfASecretThatIsCutBehindARun) {
  const std::string secret = "ab+longrunofletters0123+thetail";
  const auto forms = forms_of({secret});
  for (std::size_t a = 0; a <= secret.size(); ++a) ASSERT_EQ(redact(forms, secret, {a}), kHidden) << a;
  const std::string run = "see longrunofletters0123";
  for (std::size_t a = 0; a <= run.size(); ++a) ASSERT_EQ(redact(forms, run, {a}), "see " + std::string(kHidden)) << a;
}

TEST(Redaction, InPlaceKeepsTheLengthAndWaitsForNoShortBeginning) {
  const auto forms = forms_of({kSecret});
  const std::string text = "before " + kSecret + " after s3c";
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      Redactor redactor(forms);
      std::string got;
      std::string out;
      for (const auto& piece : {text.substr(0, a), text.substr(a, b - a), text.substr(b)}) got += redactor.feed_in_place(piece, out);
      ASSERT_EQ(got.size(), text.size()) << a << " " << b;
      ASSERT_EQ(got.substr(0, 7), "before ");
      ASSERT_EQ(got.substr(7 + kSecret.size()), " after s3c");
      // What was released of it before it could be told is short.
      const auto hidden = got.substr(7, kSecret.size());
      ASSERT_GT(static_cast<std::size_t>(std::ranges::count(hidden, '*')) + credential::kEchoBytes, kSecret.size()) << hidden;
    }
  }
}

TEST(Redaction, FindsEncodedFormsAtEachOffset) {
  const auto forms = forms_of({kSecret});
  for (const bool url : {false, true}) {
    for (std::size_t before = 0; before < 6; ++before) {
      for (std::size_t behind = 0; behind < 4; ++behind) {
        const auto text = base64(std::string(before, 'u') + kSecret + std::string(behind, ':'), url);
        const auto out = redact(forms, text, {text.size() / 2});
        EXPECT_NE(out.find(kHidden), std::string::npos) << text;
        // At most a character at each end stays, which holds some bits of the secret's first and last byte.
        EXPECT_LE(out.size(), kHidden.size() + 8 + 4 * (before + behind + 2) / 3) << out;
      }
    }
  }
  for (const auto& text :
       std::vector<std::string>{"s3cr3t%2Fwith%2Bodd%20%22chars%22~and%3Dmore", "s3cr3t/with+odd \\\"chars\\\"~and=more"}) {
    EXPECT_EQ(redact(forms, text, {10}), kHidden) << text;
  }
}

TEST(Redaction, LeavesEverythingElseAsItWas) {
  const auto forms = forms_of({kSecret, "short", "aaaaaaaaab"});
  for (const auto& text : std::vector<std::string>{std::string(), std::string("s3cr3t/with+odd \"chars\"~and=mor"), std::string(100, 'a'),
                                                   std::string("short"), std::string("\0\xff\r\n", 4), kSecret.substr(1)}) {
    EXPECT_EQ(redact(forms, text, {text.size() / 2}), text);
  }
  EXPECT_EQ(redact(forms, std::string(100, 'a') + "b", {50}), std::string(91, 'a') + std::string(kHidden));
}

TEST(Redaction, TakesTheFirstOfSecretsThatOverlapAndAllThatRepeat) {
  const auto forms = forms_of({"abcdefgh", "abcdefghij", "defghijkl"});
  EXPECT_EQ(redact(forms, "abcdefghijkl", {}), std::string(kHidden) + "kl");
  EXPECT_EQ(redact(forms, "abcdefghabcdefgh", {9}), std::string(kHidden) + std::string(kHidden));
  Redactor redactor(forms);
  std::string out;
  redactor.feed("xdefghijklx", out);
  EXPECT_EQ(redactor.blotted(), 1U);
}

TEST(Redaction, AgreesWithAPlainSearchOnRandomTexts) {
  std::mt19937 random(7);
  const std::vector<std::string_view> secrets{"abababab", "babababa", "aabbaabbaa", "bbbbbbbbb"};
  const auto forms = forms_of(secrets);
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    const auto size = random() % 60;
    for (std::size_t i = 0; i < size; ++i) text += random() % 2 == 0 ? 'a' : 'b';
    const auto whole = redact(forms, text, {});
    std::vector<std::size_t> ends;
    for (std::size_t at = 0; at < text.size(); at += 1 + random() % 7) ends.push_back(at);
    const auto pieces = redact(forms, text, ends);
    for (const auto secret : secrets) {
      ASSERT_EQ(whole.find(secret), std::string::npos) << text;
      ASSERT_EQ(pieces.find(secret), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace interlock::http
