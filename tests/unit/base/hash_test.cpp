// Hashes and encodings, by the vectors of their standards.
#include "base/hash.hpp"

#include <gtest/gtest.h>

namespace interlock {
namespace {

TEST(Sha256, GivesTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(to_hex(sha256(std::string(1'000'000, 'a'))), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(sha256({"a", "", "bc"}), sha256("abc"));
}

TEST(HmacSha256, GivesTheVectorsOfRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Base64, GivesTheVectorsOfRfc4648) {
  const struct {
    const char* bytes;
    const char* padded;
    const char* url;
  } cases[] = {{"", "", ""},
               {"f", "Zg==", "Zg"},
               {"fo", "Zm8=", "Zm8"},
               {"foo", "Zm9v", "Zm9v"},
               {"foob", "Zm9vYg==", "Zm9vYg"},
               {"fooba", "Zm9vYmE=", "Zm9vYmE"},
               {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
               {"\xfb\xff\xbf", "+/+/", "-_-_"}};
  for (const auto& c : cases) {
    EXPECT_EQ(base64_encode(c.bytes), c.padded);
    EXPECT_EQ(base64url_encode(c.bytes), c.url);
    EXPECT_EQ(base64_decode(c.padded), c.bytes);
    EXPECT_EQ(base64url_decode(c.url), c.bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(base64_decode(base64_encode(all)), all);
  EXPECT_EQ(base64url_decode(base64url_encode(all)), all);
}

TEST(Base64, TakesOneTextForEachBytes) {
  for (auto text : {"Zg", "Zg=", "Z===", "====", "=", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Zg==Zg==", "Z-==", "Zm9v="})
    EXPECT_FALSE(base64_decode(text)) << text;
  for (auto text : {"Z", "Zh", "Zm9", "Zg==", "Zg=", "Zm+v", "Zm/v", "Zg\n"}) EXPECT_FALSE(base64url_decode(text)) << text;
}

TEST(Hex, ReadsBothCasesAndNothingElse) {
  EXPECT_EQ(to_hex(std::string_view("\x00\xfe\x10", 3)), "00fe10");
  EXPECT_EQ(from_hex("00FEfe"), std::string("\0\xfe\xfe", 3));
  EXPECT_EQ(from_hex(""), "");
  for (auto text : {"0", "0g", "0x00", " 00", "-1"}) EXPECT_FALSE(from_hex(text)) << text;
}

TEST(EqualConstantTime, ComparesLengthsAndBytes) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "abcd"));
}

}  // namespace
}  // namespace interlock
