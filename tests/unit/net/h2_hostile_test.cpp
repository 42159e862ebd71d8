// Clients that do not keep to HTTP/2, in raw frames over real sockets: each shape is refused by name, in its own way, and the server serves
// on. Messages are RFC 9113 §8; the floods have numbers: CVE-2019-9512, -9515, -9516, -9518, CVE-2023-44487, CVE-2024-27316, CVE-2025-8671.
#include <gmock/gmock.h>

#include "h2_parts.hpp"

namespace interlock::net::testing {
namespace {

using ::testing::HasSubstr;

const std::string kHello = std::string(kPreface) + settings_frame();
constexpr std::uint32_t kProtocolError = 1;
constexpr std::uint32_t kFlowControlError = 3;
constexpr std::uint32_t kStreamClosed = 5;
constexpr std::uint32_t kFrameSizeError = 6;
constexpr std::uint32_t kCompressionError = 9;
constexpr std::uint32_t kEnhanceYourCalm = 11;

std::string many(int count, const std::function<std::string(int)>& make) {
  std::string out;
  for (int i = 0; i < count; ++i) out += make(i);
  return out;
}
std::uint32_t nth(int i) { return static_cast<std::uint32_t>(2 * i + 1); }

// --- messages that are refused, while the connection goes on ---

struct BadMessage {
  const char* name;
  std::string bytes;
  std::string rule;
  std::uint32_t reset = kProtocolError;
};
void PrintTo(const BadMessage& row, std::ostream* out) { *out << row.name; }

class HostileH2Message : public ::testing::TestWithParam<BadMessage> {};

TEST_P(HostileH2Message, IsResetAndTheConnectionServesOn) {
  const auto& row = GetParam();
  std::vector<std::shared_ptr<ServerStream>> kept;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    if (stream->head().target == "/kept") kept.push_back(stream);
    else echo(stream);
  });
  RawClient client(server.path());
  client.send(kHello + row.bytes);
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(seen.reset, row.reset);
  EXPECT_FALSE(seen.fields.contains(":status")) << seen.data;
  EXPECT_THAT(server.refused.next(), HasSubstr(row.rule));
  EXPECT_TRUE(server.refused.empty());
  client.send(headers_frame(3, get_fields(), kWhole));
  EXPECT_EQ(http2.read_stream(3).data, "GET localhost/|");
  server.thread().on([&] { kept.clear(); });
}

std::string head(const Fields& fields) { return headers_frame(1, fields, kWhole); }
Fields and_then(Fields fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}
Fields first(const std::string& name, const std::string& value, Fields fields) {
  fields.insert(fields.begin(), {name, value});
  return fields;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileH2Message,
    ::testing::Values(
        BadMessage{"NoMethod", head(without(get_fields(), ":method")), "fields contradict"},
        BadMessage{"NoScheme", head(without(get_fields(), ":scheme")), "fields contradict"},
        BadMessage{"NoPath", head(without(get_fields(), ":path")), "fields contradict"},
        BadMessage{"NoAuthorityAndNoHost", head(without(get_fields(), ":authority")), "fields contradict"},
        BadMessage{"AnEmptyPath", head(with(get_fields(), ":path", "")), ":path"},
        BadMessage{"TwoMethods", head(first(":method", "GET", get_fields())), ":method twice"},
        BadMessage{"TwoPaths", head(first(":path", "/b", get_fields())), ":path twice"},
        BadMessage{"TwoAuthorities", head(first(":authority", "evil", get_fields())), ":authority twice"},
        BadMessage{"APseudoFieldBehindAField", head(and_then(first("x-a", "b", {}), ":method", "GET")), ":method"},
        BadMessage{"AnUnknownPseudoField", head(and_then(get_fields(), ":magic", "x")), "forbids"},
        BadMessage{"AStatus", head(and_then(get_fields(), ":status", "200")), ":status in a request"},
        BadMessage{"AnExtendedConnect", head(and_then(with(get_fields(), ":method", "CONNECT"), ":protocol", "websocket")),
                   "extended CONNECT"},
        BadMessage{"UpperCase", head(and_then(get_fields(), "X-Name", "x")), "forbids"},
        BadMessage{"ASpaceInAName", head(and_then(get_fields(), "x name", "x")), "forbids"},
        BadMessage{"AColonInAName", head(and_then(get_fields(), "x:y", "x")), "forbids"},
        BadMessage{"AnEmptyName", head(and_then(get_fields(), "", "x")), "forbids"},
        BadMessage{"ALineBreakInAName", head(and_then(get_fields(), "x\r\ny", "x")), "forbids"},
        BadMessage{"ALineBreakInAValue", head(and_then(get_fields(), "x-y", "a\r\nTransfer-Encoding: chunked")), "forbids"},
        BadMessage{"ALoneLfInAValue", head(and_then(get_fields(), "x-y", "a\nb: c")), "forbids"},
        BadMessage{"ANulInAValue", head(and_then(get_fields(), "x-y", std::string("a\0b", 3))), "forbids"},
        BadMessage{"ALineBreakInTheMethod", head(with(get_fields(), ":method", "GET / HTTP/1.1\r\nx: ")), ":method"},
        BadMessage{"ASpaceInTheMethod", head(with(get_fields(), ":method", "GET /")), ":method"},
        BadMessage{"ALineBreakInThePath", head(with(get_fields(), ":path", "/ HTTP/1.1\r\nHost: evil\r\n")), ":path"},
        BadMessage{"ASpaceInThePath", head(with(get_fields(), ":path", "/a b")), ":path"},
        BadMessage{"AFragment", head(with(get_fields(), ":path", "/a#b")), "no path"},
        BadMessage{"AnAbsoluteFormAsPath", head(with(get_fields(), ":path", "http://evil/")), "fields contradict"},
        BadMessage{"AStarOfAGet", head(with(get_fields(), ":path", "*")), "fields contradict"},
        BadMessage{"AnotherScheme", head(with(get_fields(), ":scheme", "file")), "a scheme other"},
        BadMessage{"UserInformation", head(with(get_fields(), ":authority", "user@localhost")), "authority"},
        BadMessage{"ASlashInTheAuthority", head(with(get_fields(), ":authority", "localhost/x")), "authority"},
        BadMessage{"HostAndAuthorityDiffer", head(and_then(get_fields(), "host", "evil")), ":authority and host differ"},
        BadMessage{"TwoHosts", head(and_then(and_then(without(get_fields(), ":authority"), "host", "a"), "host", "b")), "host twice"},
        BadMessage{"Connection", head(and_then(get_fields(), "connection", "close")), "connection in HTTP/2"},
        BadMessage{"KeepAlive", head(and_then(get_fields(), "keep-alive", "1")), "keep-alive in HTTP/2"},
        BadMessage{"ProxyConnection", head(and_then(get_fields(), "proxy-connection", "close")), "proxy-connection in HTTP/2"},
        BadMessage{"TransferEncoding", headers_frame(1, and_then(post_fields(), "transfer-encoding", "chunked")),
                   "transfer-encoding in HTTP/2"},
        BadMessage{"Upgrade", head(and_then(get_fields(), "upgrade", "h2c")), "upgrade in HTTP/2"},
        BadMessage{"TeOtherThanTrailers", head(and_then(get_fields(), "te", "gzip")), "te other than trailers"},
        BadMessage{"AnUnknownExpectation", headers_frame(1, and_then(post_fields(), "expect", "miracles")), "expectation"},
        BadMessage{"ALengthThatIsNone", headers_frame(1, and_then(post_fields(), "content-length", "1x")), "content-length"},
        BadMessage{"ANegativeLength", headers_frame(1, and_then(post_fields(), "content-length", "-1")), "content-length"},
        BadMessage{"TwoLengths", headers_frame(1, and_then(and_then(post_fields(), "content-length", "1"), "content-length", "2")),
                   "content-length"},
        BadMessage{"ALengthWithoutABody", head(and_then(post_fields(), "content-length", "5")), "contradict"},
        BadMessage{"ShorterThanTold", headers_frame(1, and_then(post_fields(), "content-length", "5")) + data_frame(1, "abc"),
                   "length is not content-length"},
        BadMessage{"LongerThanTold", headers_frame(1, and_then(post_fields(), "content-length", "2")) + data_frame(1, "abc"),
                   "length is not content-length"},
        BadMessage{"APseudoFieldInTrailers",
                   headers_frame(1, post_fields()) + data_frame(1, "x", false) + headers_frame(1, {{":path", "/evil"}}, kWhole), ":path"},
        BadMessage{"TrailersThatDoNotEnd", headers_frame(1, post_fields()) + headers_frame(1, {{"x-y", "z"}}), "contradict"},
        BadMessage{"MoreThanTheWindow",
                   headers_frame(1, with(post_fields(), ":path", "/kept")) +
                       many(9, [](int) { return data_frame(1, std::string(16 * 1024, 'x'), false); }),
                   "window", kFlowControlError},
        BadMessage{"AWindowThatOverflows", headers_frame(1, post_fields()) + window_frame(1, 0x7fffffff), "window", kFlowControlError}),
    [](const auto& row) { return row.param.name; });

TEST(H2Hostile, AConnectIsAnsweredThatItIsNotServed) {
  RunningH2Server server(echo);
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, {{":method", "CONNECT"}, {":authority", "evil:443"}}));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(seen.fields.at(":status"), "405");
  EXPECT_THAT(server.refused.next(), HasSubstr("CONNECT"));
}

TEST(H2Hostile, FieldsThatAreTooLargeAreAnsweredSo) {
  RunningH2Server server(echo, {.header_bytes = 4096});
  RawClient client(server.path());
  client.send(kHello + head(and_then(get_fields(), "x-one", "1")));
  RawHttp2 http2(client);
  EXPECT_EQ(http2.read_stream(1).fields.at(":status"), "200");
  auto fields = get_fields();
  for (int i = 0; i < 50; ++i) fields.emplace_back("x-" + std::to_string(i), std::string(100, 'x'));
  client.send(headers_frame(3, fields, kWhole));
  const auto seen = http2.read_stream(3);
  EXPECT_EQ(seen.fields.at(":status"), "431");
  EXPECT_THAT(seen.data, HasSubstr("over 4096 bytes"));
  client.send(headers_frame(5, get_fields(), kWhole));
  EXPECT_EQ(http2.read_stream(5).fields.at(":status"), "200");
}

TEST(H2Hostile, StreamsBeyondTheBoundAreRefusedAndTheOthersAnswered) {
  RunningH2Server server(echo, {.streams = 4});
  RawClient client(server.path());
  client.send(kHello + many(5, [](int i) { return headers_frame(nth(i), post_fields()); }));
  EXPECT_EQ(number_of(read_raw_until(client, 3, 9).back().payload), 7U);  // REFUSED_STREAM
  client.send(data_frame(1, "first"));
  EXPECT_EQ(read_raw_until(client, 0, 1).back().payload, "POST localhost/|first");
}

// --- connections that are ended ---

struct BadConnection {
  const char* name;
  std::string bytes;
  std::string rule;
  std::uint32_t goaway;
};
void PrintTo(const BadConnection& row, std::ostream* out) { *out << row.name; }

class HostileH2Connection : public ::testing::TestWithParam<BadConnection> {};

TEST_P(HostileH2Connection, IsEndedWithItsReasonWhileAnotherIsServed) {
  const auto& row = GetParam();
  std::vector<std::shared_ptr<ServerStream>> kept;
  RunningH2Server server(
      [&](const std::shared_ptr<ServerStream>& stream) {
        if (stream->head().target == "/kept") kept.push_back(stream);
        else echo(stream);
      },
      {.header_bytes = 16 * 1024, .resets_per_second = 100, .control_frames_per_second = 500});
  RawClient other(server.path());
  other.send(kHello + headers_frame(1, post_fields()));
  RawClient client(server.path());
  std::thread sends([&] { client.send(row.bytes); });  // it may be cut while it still sends
  RawHttp2 http2(client);
  const auto seen = http2.read_all();
  client.end_writing();
  sends.join();
  EXPECT_EQ(seen.goaway, row.goaway);
  std::string rules;
  while (rules.find(row.rule) == std::string::npos) {
    const auto rule = server.refused.next();
    ASSERT_NE(rule, "nothing") << rules;
    rules += rule + "; ";
  }
  other.send(data_frame(1, "still here"));
  RawHttp2 others(other);
  EXPECT_EQ(others.read_stream(1).data, "POST localhost/|still here");
  server.thread().on([&] { kept.clear(); });
}

// Entries of the decoder's table that are named a thousand times: 4 KiB each, one byte on the wire.
std::string bomb() {
  const std::string huge(3'900, 'x');
  std::string block(1, '\x40');
  block.push_back(1);
  block.push_back('x');
  block += std::string("\x7f\xbd\x1d", 3);  // 3900
  block += huge;
  return frame(1, kWhole, 1, ::interlock::net::testing::block(get_fields()) + block + std::string(10'000, '\xbe'));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileH2Connection,
    ::testing::Values(
        BadConnection{"NoSettings", std::string(kPreface) + head(get_fields()), "a frame that breaks", kProtocolError},
        BadConnection{"AnEvenStream", kHello + headers_frame(2, get_fields()), "a frame that breaks", kProtocolError},
        BadConnection{"AFrameBeyondTheSize", kHello + frame(0, 0, 1, std::string(16 * 1024 + 1, 'x')), "size", kFrameSizeError},
        BadConnection{"DataWithoutAStream", kHello + data_frame(1, "x"), "a frame", kProtocolError},
        BadConnection{"DataBeyondTheEnd", kHello + headers_frame(1, with(get_fields(), ":path", "/kept"), kWhole) + data_frame(1, "x"),
                      "closed", kStreamClosed},
        BadConnection{"BrokenHpack", kHello + frame(1, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff"), "decompressed", kCompressionError},
        BadConnection{"AHugeTableSize", kHello + frame(1, kEndHeaders, 1, std::string("\x3f\xff\xff\xff\x7f", 5)), "decompressed",
                      kCompressionError},
        BadConnection{"APushFromAClient", kHello + frame(5, kEndHeaders, 1, std::string(4, '\0')), "a frame", kProtocolError},
        BadConnection{"SettingsOfOddSize", std::string(kPreface) + frame(4, 0, 0, "12345"), "size", kFrameSizeError},
        BadConnection{"AWindowOverTheBound", kHello + setting_frame(4, 0x80000000), "", kFlowControlError},
        BadConnection{"ATinyFrameSize", kHello + setting_frame(5, 1), "", kProtocolError},
        BadConnection{"AConnectionWindowThatOverflows", kHello + window_frame(0, 0x7fffffff) + window_frame(0, 0x7fffffff), "window",
                      kFlowControlError},
        BadConnection{"AFrameBetweenHeadAndContinuation", kHello + headers_frame(1, get_fields(), 0) + ping_frame(), "a frame",
                      kProtocolError},
        // Floods, from here.
        BadConnection{"Pings", kHello + many(5'000, [](int) { return ping_frame(); }), "flood of frames", kEnhanceYourCalm},
        BadConnection{"Settings", kHello + many(5'000, [](int) { return settings_frame(); }), "flood of frames", kEnhanceYourCalm},
        BadConnection{"Priorities", kHello + many(5'000, [](int i) { return frame(2, 0, nth(i), std::string(5, '\0')); }),
                      "flood of frames", kEnhanceYourCalm},
        BadConnection{"EmptyData", kHello + headers_frame(1, post_fields()) + many(5'000, [](int) { return data_frame(1, "", false); }),
                      "flood of frames", kEnhanceYourCalm},
        BadConnection{"DataOfPaddingAlone",
                      kHello + headers_frame(1, post_fields()) +
                          many(5'000, [](int) { return frame(0, 8, 1, std::string("\x3", 1) + std::string(3, '\0')); }),
                      "flood of frames", kEnhanceYourCalm},
        BadConnection{"WindowUpdates", kHello + many(5'000, [](int) { return window_frame(0, 1); }), "flood of frames", kEnhanceYourCalm},
        BadConnection{"RapidReset",
                      kHello + many(2'000, [](int i) { return headers_frame(nth(i), get_fields(), kWhole) + reset_frame(nth(i), 8); }),
                      "streams that are reset", kEnhanceYourCalm},
        BadConnection{"ResetsThatTheServerIsMadeToSend",
                      kHello + many(2'000, [](int i) { return headers_frame(nth(i), post_fields()) + window_frame(nth(i), 0x7fffffff); }),
                      "had to be reset", kEnhanceYourCalm},
        BadConnection{"ResetsByAWindowOfNought",
                      kHello + many(2'000, [](int i) { return headers_frame(nth(i), post_fields()) + window_frame(nth(i), 0); }), "",
                      kProtocolError},
        BadConnection{"ResetsByMalformedMessages",
                      kHello + many(2'000, [](int i) { return headers_frame(nth(i), and_then(get_fields(), "upgrade", "x"), kWhole); }),
                      "had to be reset", kEnhanceYourCalm},
        BadConnection{"ResetsByLengths",
                      kHello + many(2'000,
                                    [](int i) {
                                      return headers_frame(nth(i), and_then(post_fields(), "content-length", "1")) + data_frame(nth(i), "");
                                    }),
                      "had to be reset", kEnhanceYourCalm},
        BadConnection{"ResetsByOurOwnRules",
                      kHello + many(2'000, [](int i) { return headers_frame(nth(i), and_then(get_fields(), "host", "evil"), kWhole); }),
                      "had to be reset", kEnhanceYourCalm},
        BadConnection{"StreamsBeyondTheBound",
                      kHello + many(2'000, [](int i) { return headers_frame(nth(i), with(post_fields(), ":path", "/kept")); }), "",
                      kEnhanceYourCalm},
        BadConnection{
            "EndlessContinuations",
            kHello + headers_frame(1, get_fields(), 0) + many(2'000, [](int) { return frame(9, 0, 1, field("x", std::string(100, 'x'))); }),
            "CONTINUATION", kEnhanceYourCalm},
        BadConnection{"EmptyContinuations",
                      kHello + headers_frame(1, get_fields(), 0) + many(5'000, [](int) { return frame(9, 0, 1, ""); }), "CONTINUATION",
                      kEnhanceYourCalm},
        BadConnection{"AHeaderBomb", kHello + bomb(), "expands", kEnhanceYourCalm}),
    [](const auto& row) { return row.param.name; });

TEST(H2Hostile, AConnectionThatSpeaksAnotherProtocolBehindThePrefaceIsEnded) {
  RunningH2Server server(echo);
  RawClient client(server.path());
  client.send(std::string(kPreface) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.sees_end());
  EXPECT_NE(server.refused.next(), "nothing");
}

// It asks and never reads: what it is owed is bounded, and its time too.
TEST(H2Hostile, AClientThatNeverReadsIsCutInTime) {
  Notes notes;
  RunningH2Server server(
      [&](const std::shared_ptr<ServerStream>& stream) {
        stream->on_gone([&, stream] { notes.add("gone"); });
        stream->answer(200, {}, std::nullopt);
        while (stream->write(std::string(10'000, 'x'))) {
        }
        notes.add("wait");
      },
      {.queued_bytes = 2'000'000, .stall_timeout_ms = 100});
  RawClient client(server.path());
  const int small = 4096;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client.send(std::string(kPreface) + setting_frame(4, 0x7fffffff) + window_frame(0, 0x70000000) + head(get_fields()));
  EXPECT_EQ(notes.next(), "wait");
  EXPECT_EQ(notes.next(), "gone");
}

}  // namespace
}  // namespace interlock::net::testing
