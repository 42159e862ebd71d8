#include "credential/sigv4.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// AWS's signing test suite (github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4): each request and its signature.
struct SuiteCase {
  const char* name;
  const char* method;
  const char* target;
  net::Headers headers;
  const char* body;
  bool signs_body;
  const char* token;
  const char* signature;
};
constexpr const char* kToken = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
constexpr const char* kUnreserved =
    "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz";

std::vector<SuiteCase> suite() {
  const net::Headers form{{"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Length", "13"}};
  return {
      {"get-vanilla", "GET", "/", {}, "", false, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
       "",
       false,
       "",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-multiline",
       "GET",
       "/",
       {{"My-Header1", "value1\n  value2\n     value3"}},
       "",
       false,
       "",
       "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
      {"get-header-value-order",
       "GET",
       "/",
       {{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}},
       "",
       false,
       "",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       false,
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-relative-normalized",
       "GET",
       "/example/..",
       {},
       "",
       false,
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-relative-relative-normalized",
       "GET",
       "/example1/example2/../..",
       {},
       "",
       false,
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-dot-slash-normalized",
       "GET",
       "/./",
       {},
       "",
       false,
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-normalized", "GET", "//", {}, "", false, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slash-pointless-dot-normalized",
       "GET",
       "/./example",
       {},
       "",
       false,
       "",
       "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
      {"get-slashes-normalized",
       "GET",
       "//example//",
       {},
       "",
       false,
       "",
       "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"get-space-normalized",
       "GET",
       "/example space/",
       {},
       "",
       false,
       "",
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-unreserved",
       "GET",
       "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "",
       false,
       "",
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8", "GET", "/\xE1\x88\xB4", {}, "", false, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/?Param1=value1",
       {},
       "",
       false,
       "",
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query-order-encoded",
       "GET",
       "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
       {},
       "",
       false,
       "",
       "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "",
       false,
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       "GET",
       kUnreserved,
       {},
       "",
       false,
       "",
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\xE1\x88\xB4=bar",
       {},
       "",
       false,
       "",
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-vanilla-with-session-token",
       "GET",
       "/",
       {},
       "",
       false,
       kToken,
       "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
      {"post-vanilla", "POST", "/", {}, "", false, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-vanilla-query",
       "POST",
       "/?Param1=value1",
       {},
       "",
       false,
       "",
       "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
      {"post-header-key-sort",
       "POST",
       "/",
       {{"My-Header1", "value1"}},
       "",
       false,
       "",
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       "POST",
       "/",
       {{"My-Header1", "VALUE1"}},
       "",
       false,
       "",
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-x-www-form-urlencoded", "POST", "/", form, "Param1=value1", true, "",
       "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
  };
}

TEST(SigV4Test, SignsAsAwssOwnTestSuiteDoes) {
  const UnixMs now_ms = *parse_rfc3339("2015-08-30T12:36:00Z");
  for (const auto& c : suite()) {
    SCOPED_TRACE(c.name);
    const SigV4Signer signer{.access_key_id = "AKIDEXAMPLE",
                             .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                             .session_token = c.token,
                             .region = "us-east-1",
                             .service = "service"};
    auto headers = c.headers;
    headers.add("Host", "example.amazonaws.com");
    headers.add("X-Amz-Date", amz_date(now_ms));
    const auto payload = payload_hash(c.body);
    if (c.signs_body) headers.add("x-amz-content-sha256", payload);
    if (*c.token != '\0') headers.add("X-Amz-Security-Token", c.token);
    std::string names;
    const auto canonical = canonical_request(c.method, c.target, headers, payload, "service", names);
    const auto text = string_to_sign(signer, amz_date(now_ms), canonical);
    EXPECT_EQ(signature(signer, amz_date(now_ms), text), c.signature) << canonical;
  }
}

// The examples of the Amazon S3 API reference, "Examples: Signature calculations" (sig-v4-header-based-auth).
TEST(SigV4Test, SignsAsTheExamplesOfAmazonS3) {
  struct Example {
    const char* method;
    const char* target;
    net::Headers headers;
    std::string payload;
    const char* names;
    const char* signature;
  };
  const std::string empty(kEmptyHash);
  const Example examples[] = {
      {"GET",
       "/test.txt",
       {{"Range", "bytes=0-9"}},
       empty,
       "host;range;x-amz-content-sha256;x-amz-date",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT",
       "/test%24file.text",
       {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       payload_hash("Welcome to Amazon S3."),
       "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET",
       "/?lifecycle",
       {},
       empty,
       "host;x-amz-content-sha256;x-amz-date",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"GET",
       "/?max-keys=2&prefix=J",
       {},
       empty,
       "host;x-amz-content-sha256;x-amz-date",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  const SigV4Signer signer{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                           .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                           .session_token = {},
                           .region = "us-east-1",
                           .service = "s3"};
  for (const auto& c : examples) {
    SCOPED_TRACE(c.target);
    auto headers = c.headers;
    headers.add("Host", "examplebucket.s3.amazonaws.com");
    headers.add("x-amz-date", "20130524T000000Z");
    headers.add("x-amz-content-sha256", c.payload);
    std::string names;
    const auto canonical = canonical_request(c.method, c.target, headers, c.payload, "s3", names);
    EXPECT_EQ(names, c.names);
    EXPECT_EQ(signature(signer, "20130524T000000Z", string_to_sign(signer, "20130524T000000Z", canonical)), c.signature) << canonical;
  }
}

// Requests drawn at random and signed by botocore (tests/leases/sigv4_vectors.py).
TEST(SigV4Test, SignsAsBotocoreDoes) {
  std::ifstream file(INTERLOCK_SOURCE_DIR "/tests/unit/credential/sigv4_botocore.jsonl");
  std::string line;
  int seen = 0;
  while (std::getline(file, line)) {
    const auto vector = json::parse(line)->get_object();
    const auto text = [&](std::string_view name) { return std::string(json::string_at(vector, name).value()); };
    net::Headers headers{{"Host", "example.amazonaws.com"}};
    for (const auto& header : *json::object_at(vector, "headers"))
      headers.add(header.key(), std::string(json::view(header.value().get_string())));
    const auto region = text("region");
    const auto service = text("service");
    const auto token = text("token");
    const SigV4Signer signer{.access_key_id = "AKIDEXAMPLE",
                             .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                             .session_token = token,
                             .region = region,
                             .service = service};
    ASSERT_TRUE(sign(signer, text("method"), text("target"), headers, text("payload"), *json::int_at(vector, "now_s") * 1000));
    EXPECT_EQ(headers.get("authorization"), text("authorization")) << line;
    ++seen;
  }
  EXPECT_GE(seen, 80);
}

class SigV4SignTest : public ::testing::Test {
 protected:
  SigV4Signer signer_{
      .access_key_id = "AKID", .secret_access_key = "very secret", .session_token = "token", .region = "us-east-1", .service = "s3"};
};

TEST_F(SigV4SignTest, TakesOffWhatTheClientSignedWith) {
  net::Headers headers{{"Host", "b.s3.amazonaws.com"},
                       {"authorization", "AWS4-HMAC-SHA256 Credential=THEIRS/..., Signature=00"},
                       {"X-Amz-Security-Token", "theirs"},
                       {"x-amz-date", "20200101T000000Z"},
                       {"Date", "yesterday"},
                       {"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                       {"User-Agent", "aws-cli"}};
  ASSERT_TRUE(sign(signer_, "PUT", "/key", headers, kUnsignedTrailer, 1'440'938'160'000));
  for (const auto* name : {"Authorization", "X-Amz-Security-Token", "X-Amz-Date", "X-Amz-Content-Sha256"})
    EXPECT_EQ(headers.count(name), 1U) << name;
  EXPECT_EQ(headers.get("X-Amz-Security-Token"), "token");
  EXPECT_EQ(headers.get("X-Amz-Date"), "20150830T123600Z");
  EXPECT_EQ(headers.get("X-Amz-Content-Sha256"), kUnsignedTrailer);
  EXPECT_FALSE(headers.get("Date"));
  const auto authorization = std::string(*headers.get("Authorization"));
  EXPECT_NE(authorization.find("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"), std::string::npos)
      << authorization;
  EXPECT_EQ(authorization.find("very secret"), std::string::npos);
}

TEST_F(SigV4SignTest, RefusesWhatItCannotSignRightly) {
  const net::Headers with_host{{"Host", "b.s3.amazonaws.com"}};
  auto headers = with_host;
  const auto chunked = sign(signer_, "PUT", "/", headers, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 0);
  ASSERT_FALSE(chunked);
  EXPECT_EQ(chunked.error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(headers.get("Authorization"));
  net::Headers without_host;
  EXPECT_FALSE(sign(signer_, "GET", "/", without_host, kUnsignedPayload, 0));
  for (auto* part : {&signer_.access_key_id, &signer_.secret_access_key, &signer_.region, &signer_.service}) {
    const auto kept = *part;
    *part = {};
    EXPECT_FALSE(sign(signer_, "GET", "/", headers, kUnsignedPayload, 0));
    *part = kept;
  }
}

TEST(SigV4Test, AQueryIsTheSameHoweverItIsWritten) {
  EXPECT_EQ(canonical_query("b=2&a=%7e&a="), "a=&a=~&b=2");
  EXPECT_EQ(canonical_query("a=x+y"), canonical_query("a=x%20y"));
  EXPECT_EQ(canonical_query("&&acl&"), "acl=");
  EXPECT_EQ(canonical_query("a=%zz%"), "a=%25zz%25");
  EXPECT_EQ(canonical_query("a==="), "a=%3D%3D");
}

TEST(SigV4Test, APathOfS3StaysAsItIsAndOthersAreEncodedOnceMore) {
  EXPECT_EQ(canonical_path("//a/../b%20c", "s3"), "//a/../b%20c");
  EXPECT_EQ(canonical_path("/a+b/c%2fd%7E", "s3"), "/a%2Bb/c%2Fd~");
  EXPECT_EQ(canonical_path("//a/../b%20c", "dynamodb"), "/b%2520c");
  EXPECT_EQ(canonical_path("", "dynamodb"), "/");
  EXPECT_EQ(canonical_path("/../../x/.", "dynamodb"), "/x/");
}

TEST(SigV4Test, ThePlaceOfAnEndpointIsInItsName) {
  struct Case {
    std::string_view host;
    std::string_view service;
    std::string_view region;
  };
  for (const auto& [host, service, region] :
       {Case{"dynamodb.eu-central-1.amazonaws.com", "dynamodb", "eu-central-1"},
        Case{"bucket.s3.eu-west-1.amazonaws.com", "s3", "eu-west-1"}, Case{"a.b.s3.us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1"},
        Case{"s3.dualstack.eu-west-1.amazonaws.com", "s3", "eu-west-1"}, Case{"bucket.s3-eu-west-1.amazonaws.com", "s3", "eu-west-1"},
        Case{"bucket.s3.amazonaws.com", "s3", "us-east-1"}, Case{"iam.amazonaws.com", "iam", "us-east-1"},
        Case{"sqs.cn-north-1.amazonaws.com.cn", "sqs", "cn-north-1"},
        Case{"id1234.execute-api.eu-north-1.amazonaws.com", "execute-api", "eu-north-1"}, Case{"amazonaws.com", "", ""},
        Case{".amazonaws.com", "", ""}, Case{"evilamazonaws.com", "", ""}, Case{"s3.amazonaws.com.evil.example", "", ""},
        Case{"eu-west-1.amazonaws.com", "", ""}, Case{"minio.internal.example", "", ""}}) {
    const auto scope = sigv4_scope_of(host);
    EXPECT_EQ(scope.service, service) << host;
    EXPECT_EQ(scope.region, region) << host;
  }
}

}  // namespace
}  // namespace interlock::credential
