// gRPC's bytes above HTTP/2: messages however they are split, status texts, timeouts.
#include "net/grpc_wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace interlock::net {
namespace {

using ::testing::ElementsAre;

TEST(GrpcMessages, AreTheSameHoweverTheirBytesAreSplit) {
  std::string bytes;
  for (const char* message : {"first", "", "a longer third one"}) append_grpc_message(bytes, message);
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    GrpcMessageReader reader(100);
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto status = reader.feed(std::string_view(bytes).substr(at, piece), [&](std::string_view message) {
        seen.emplace_back(message);
        return true;
      });
      ASSERT_TRUE(status.ok());
    }
    EXPECT_THAT(seen, ElementsAre("first", "", "a longer third one")) << piece;
    EXPECT_TRUE(reader.between_messages());
  }
}

TEST(GrpcMessages, OfABadKindAreRefusedBeforeTheirBytesCome) {
  struct Row {
    std::string bytes;
    GrpcCode code;
  };
  for (const auto& row : {Row{{"\1\0\0\0\1", 5}, GrpcCode::kUnimplemented}, Row{{"\2\0\0\0\1", 5}, GrpcCode::kInternal},
                          Row{{"\xff\0\0\0\0", 5}, GrpcCode::kInternal}, Row{{"\0\0\0\0\x65", 5}, GrpcCode::kResourceExhausted},
                          Row{{"\0\xff\xff\xff\xff", 5}, GrpcCode::kResourceExhausted}}) {
    GrpcMessageReader reader(100);
    const auto status = reader.feed(row.bytes, [](std::string_view) { return true; });
    EXPECT_EQ(status.code, row.code);
    EXPECT_FALSE(status.message.empty());
  }
}

TEST(GrpcTexts, SurviveTheHeaderAndOddEscapesStay) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
  const auto encoded = encode_grpc_text(every);
  for (const char c : encoded) EXPECT_TRUE(c >= 0x20 && c <= 0x7e);
  EXPECT_EQ(decode_grpc_text(encoded), every);
  EXPECT_EQ(decode_grpc_text("100%"), "100%");
  EXPECT_EQ(decode_grpc_text("%4"), "%4");
  EXPECT_EQ(decode_grpc_text("%zz%41"), "%zzA");
  EXPECT_EQ(decode_grpc_text("%4a%"), "J%");
}

TEST(GrpcTimeouts, AreReadInEachUnitAndRoundedUp) {
  EXPECT_EQ(parse_grpc_timeout("1H"), 3'600'000);
  EXPECT_EQ(parse_grpc_timeout("2M"), 120'000);
  EXPECT_EQ(parse_grpc_timeout("3S"), 3'000);
  EXPECT_EQ(parse_grpc_timeout("4m"), 4);
  EXPECT_EQ(parse_grpc_timeout("1500u"), 2);
  EXPECT_EQ(parse_grpc_timeout("1n"), 1);
  EXPECT_EQ(parse_grpc_timeout("99999999H"), kGrpcLongestTimeoutMs);
  for (const char* text : {"", "S", "1", "123456789S", "-1S", "+1S", " 1S", "1 S", "1s", "1.5S", "0x1S"}) {
    EXPECT_FALSE(parse_grpc_timeout(text)) << text;
  }
}

TEST(GrpcContentTypes, AreThoseOfProtobuf) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "Application/GRPC", "application/grpc;x=y"}) {
    EXPECT_TRUE(is_grpc_content_type(type)) << type;
  }
  for (const char* type : {"", "application/json", "application/grpc-web", "application/grpc+json", "text/plain", "application/grp"}) {
    EXPECT_FALSE(is_grpc_content_type(type)) << type;
  }
}

TEST(GrpcCodes, AreReadFromTheirNumbers) {
  EXPECT_EQ(parse_grpc_code("0"), GrpcCode::kOk);
  EXPECT_EQ(parse_grpc_code("16"), GrpcCode::kUnauthenticated);
  EXPECT_EQ(parse_grpc_code("17"), GrpcCode::kUnknown);
  for (const char* text : {"", "-1", "1 ", "x", "99999999999"}) EXPECT_FALSE(parse_grpc_code(text)) << text;
}

}  // namespace
}  // namespace interlock::net
