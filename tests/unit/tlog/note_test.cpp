// Signed notes against the examples of c2sp.org/signed-note and the test keys of golang.org/x/mod/sumdb/note.
#include "tlog/note.hpp"

#include <gtest/gtest.h>

namespace interlock::tlog {
namespace {

constexpr const char* kSpecificationKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr const char* kSpecificationNote =
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
constexpr const char* kPeterPrivate = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr const char* kPeterPublic = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kEnochPublic = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const std::string kText = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const std::string kPeterLine =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const std::string kEnochLine = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

TEST(Note, OfTheSpecificationIsVerified) {
  auto verifier = Verifier::parse(kSpecificationKey);
  ASSERT_TRUE(verifier) << verifier.error().text();
  EXPECT_EQ(verifier->text(), kSpecificationKey);
  auto text = open_note(kSpecificationNote, *verifier);
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(*text, "This is an example message.\n");
}

TEST(Note, IsSignedAsTheReferenceSignsIt) {
  auto signer = Signer::parse(kPeterPrivate);
  ASSERT_TRUE(signer) << signer.error().text();
  EXPECT_EQ(signer->private_text(), kPeterPrivate);
  EXPECT_EQ(signer->verifier().text(), kPeterPublic);
  EXPECT_EQ(*signer->sign_note(kText), kText + "\n" + kPeterLine);
}

TEST(Note, IsOpenedByEachOfItsSigners) {
  const auto note = kText + "\n" + kPeterLine + kEnochLine;
  EXPECT_EQ(*open_note(note, *Verifier::parse(kPeterPublic)), kText);
  EXPECT_EQ(*open_note(note, *Verifier::parse(kEnochPublic)), kText);
  EXPECT_EQ(open_note(kText + "\n" + kEnochLine, *Verifier::parse(kPeterPublic)).error().code, ErrorCode::kDenied);
  EXPECT_EQ(parse_note(note)->signatures.size(), 2u);
}

TEST(Note, DoesNotVerifyAfterAnyBitOfItsTextWasFlipped) {
  const auto verifier = *Verifier::parse(kPeterPublic);
  for (std::size_t i = 0; i < kText.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = kText;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      EXPECT_FALSE(open_note(changed + "\n" + kPeterLine, verifier)) << i;
    }
  }
  auto signature = kPeterLine;
  signature[60] = signature[60] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(open_note(kText + "\n" + signature, verifier));
}

TEST(Note, IsRefusedWhereMalformed) {
  const std::vector<std::string> bad = {
      "",
      "\n",
      "\n\n",
      kText,
      kText + "\n",
      kText + "\n" + kPeterLine.substr(0, kPeterLine.size() - 1),
      "\x01" + kText + "\n" + kPeterLine,
      "\xff" + kText + "\n" + kPeterLine,
      "\xed\xa0\x80" + kText + "\n" + kPeterLine,
      kText + "\n— Bad Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
      kText + "\n— Bad+Name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
      kText + "\n" + kPeterLine + "Unexpected line.\n",
      kText + "\n— Name AAAA\n",
      kText + "\n— Name \n",
      kText + "\n— Name !!!!!!!!!!!!\n",
  };
  for (const auto& note : bad) EXPECT_FALSE(parse_note(note)) << note;
  std::string many = kText + "\n";
  for (int i = 0; i < 101; ++i) many += kPeterLine;
  EXPECT_FALSE(parse_note(many));
}

TEST(Keys, AreRefusedInEveryMangledForm) {
  for (const auto& good : {std::string(kPeterPublic), std::string(kPeterPrivate)}) {
    const auto accepted = [](const std::string& text) { return Verifier::parse(text).has_value() || Signer::parse(text).has_value(); };
    ASSERT_TRUE(accepted(good));
    for (std::size_t begin = 0; begin < good.size(); ++begin) {
      for (std::size_t end = begin + 1; end <= good.size(); ++end) {
        if (begin == 0 && end == good.size()) continue;
        EXPECT_FALSE(accepted(good.substr(begin, end - begin))) << good.substr(begin, end - begin);
      }
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto changed = good;
      ++changed[i];
      EXPECT_FALSE(accepted(changed)) << changed;
    }
  }
  EXPECT_FALSE(Verifier::parse("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="));
  EXPECT_FALSE(Verifier::parse("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
}

TEST(Keys, AreGeneratedAndRenamed) {
  auto signer = Signer::generate("host.example/interlock");
  ASSERT_TRUE(signer);
  auto other = signer->renamed("host.example/interlock/0001");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->verifier().public_key, signer->verifier().public_key);
  EXPECT_NE(other->verifier().key_id, signer->verifier().key_id);
  const auto note = *other->sign_note("text\n");
  EXPECT_TRUE(open_note(note, other->verifier()));
  EXPECT_FALSE(open_note(note, signer->verifier()));
  for (const char* name : {"", "a b", "a+b", "a\nb",
                           "a\xC2\xA0"
                           "b",
                           "a\xE2\x80\x83"
                           "b",
                           "\xff"})
    EXPECT_FALSE(Signer::generate(name)) << name;
  EXPECT_TRUE(is_key_name("caf\xC3\xA9.example/\xE2\x80\x94"));
  EXPECT_FALSE(signer->sign_note("no newline"));
}

TEST(Checkpoint, IsReadAsTheSpecificationWritesIt) {
  const std::string text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  auto checkpoint = parse_checkpoint(text);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint->size, 20852163u);
  EXPECT_EQ(checkpoint_text(*checkpoint), text);
  EXPECT_TRUE(parse_checkpoint(text + "an extension\n"));
  EXPECT_TRUE(parse_checkpoint("o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"));
  for (const char* bad :
       {"", "o\n", "o\n1\n", "o\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "o\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "o\n99999999999999999999\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "o\n1\nshort\n", "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n", "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\next"}) {
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
  }
}

}  // namespace
}  // namespace interlock::tlog
