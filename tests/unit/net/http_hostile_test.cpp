// What two readers could take differently is refused, over real sockets, and the server serves on. One row, one shape.
#include "parts.hpp"

namespace interlock::net::testing {
namespace {

struct Row {
  const char* name;
  std::string bytes;
  int status;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

std::string with(std::string_view head, std::string_view body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(head) + "\r\n" + std::string(body);
}

class HostileRequest : public ::testing::TestWithParam<Row> {};

RunningServer& server() {
  static RunningServer running(
      [](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
        exchange->respond(200, {}, "taken:" + request.path + ":" + request.body);
      },
      {.header_bytes = 4096, .body_bytes = 1000});
  return running;
}

TEST_P(HostileRequest, IsRefusedWithAReasonAndTheConnectionCloses) {
  RawClient client(server().port());
  ASSERT_TRUE(client.connected());
  client.send(GetParam().bytes);
  const auto response = client.read_response();
  EXPECT_EQ(status_of(response), GetParam().status) << response;
  EXPECT_TRUE(body_of(response).starts_with(R"({"error":{"code":")")) << response;
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.sees_end());

  RawClient other(server().port());
  EXPECT_EQ(status_of(other.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), 200);
}

TEST_P(HostileRequest, IsRefusedTheSameWhenItComesByteByByte) {
  RawClient client(server().port());
  for (const char byte : GetParam().bytes) {
    if (!client.send({&byte, 1})) break;
  }
  EXPECT_EQ(status_of(client.read_response()), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileRequest,
    ::testing::Values(
        Row{"BothLengthAndCoding", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        Row{"BothCodingAndLength", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
        Row{"TwoLengthsThatDiffer", with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), 400},
        Row{"TwoEqualLengths", with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
        Row{"AListOfLengths", with("Content-Length: 5, 5\r\n", "hello"), 400},
        Row{"ANegativeLength", with("Content-Length: -5\r\n", "hello"), 400},
        Row{"ASignedLength", with("Content-Length: +5\r\n", "hello"), 400},
        Row{"ALengthInHex", with("Content-Length: 0x5\r\n", "hello"), 400},
        Row{"AnEmptyLength", with("Content-Length: \r\n", "hello"), 400},
        Row{"ALengthBeyond64Bits", with("Content-Length: 18446744073709551617\r\n", "h"), 400},
        Row{"TwoCodings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        Row{"ChunkedTwice", with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400},
        Row{"AnotherCoding", with("Transfer-Encoding: gzip\r\n"), 400}, Row{"IdentityCoding", with("Transfer-Encoding: identity\r\n"), 400},
        Row{"GzipThenChunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400},
        Row{"ChunkedInQuotes", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400},
        Row{"ACodingWithVerticalTab",
            with("Transfer-Encoding: \x0b"
                 "chunked\r\n",
                 "0\r\n\r\n"),
            400},
        Row{"ACodingInHttp10", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Row{"BareLfAfterTheRequestLine", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        Row{"BareLfAfterAHeader", with("X: y\nContent-Length: 5\r\n", "hello"), 400},
        Row{"BareLfForTheBlankLine", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400}, Row{"BareCrInAHeader", with("X: y\rZ: w\r\n"), 400},
        Row{"AFoldedHeader", with("X: y\r\n z\r\n"), 400}, Row{"AHeaderFoldedWithTab", with("X: y\r\n\tz\r\n"), 400},
        Row{"AFoldAtOnce", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        Row{"ASpaceBeforeTheColon", with("Content-Length : 5\r\n", "hello"), 400},
        Row{"ATabBeforeTheColon", with("Content-Length\t: 5\r\n", "hello"), 400}, Row{"NoColon", with("nonsense\r\n"), 400},
        Row{"AnEmptyHeaderName", with(": x\r\n"), 400}, Row{"ANulInAHeader", with(std::string("X: a\0b\r\n", 8)), 400},
        Row{"ADelInAHeader", with("X: a\x7f\r\n"), 400}, Row{"AnUmlautInAHeaderName", with("X-\xc3\xa4: a\r\n"), 400},
        Row{"ALongHeaderName", with(std::string(300, 'a') + ": b\r\n"), 431}, Row{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
        Row{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        Row{"AHostWithAPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        Row{"AHostWithAUser", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400}, Row{"AListOfHosts", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        Row{"AuthorityForm", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400}, Row{"Connect", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        Row{"AnotherScheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"AbsoluteFormWithAUser", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"AbsoluteFormWithoutAHost", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"AsteriskForGet", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400}, Row{"AFragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"ABackslash", "GET /\\x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"RawUtf8InTheTarget", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"ASpaceInTheTarget", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400}, Row{"TwoSpaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Row{"NoVersion", "GET /\r\nHost: a\r\n\r\n", 400}, Row{"NoVersionNumber", "GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
        Row{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}, Row{"Http7", "GET / HTTP/7.3\r\nHost: a\r\n\r\n", 505},
        Row{"AVersionInLowerCase", "GET / http/1.1\r\nHost: a\r\n\r\n", 400}, Row{"ATlsHello", "\x16\x03\x01\x02", 400},
        Row{"Binary", std::string("\0\1\2\3", 4), 400}, Row{"JsonAlone", "{\"jsonrpc\":\"2.0\"}", 400},
        Row{"ALongTarget", "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        Row{"ALongHead", with("X: " + std::string(10'000, 'a') + "\r\n"), 431},
        Row{"ManyHeaders", with([] {
              std::string out;
              for (int i = 0; i < 200; ++i) out += "X: 1\r\n";
              return out;
            }()),
            431},
        Row{"ABodyBeyondTheBound", with("Content-Length: 1001\r\n", std::string(1001, 'x')), 413},
        Row{"AHugeLength", with("Content-Length: 999999999999\r\n"), 413},
        Row{"AChunkBeyondTheBound", with("Transfer-Encoding: chunked\r\n", "3e9\r\n"), 413},
        Row{"ChunksBeyondTheBound", with("Transfer-Encoding: chunked\r\n", "320\r\n" + std::string(800, 'x') + "\r\n320\r\n"), 413},
        Row{"AChunkSizeThatIsNone", with("Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"ANegativeChunk", with("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"AChunkSizeWith0x", with("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"AChunkSizeBeyond64Bits", with("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"ASpaceBeforeAChunkSize", with("Transfer-Encoding: chunked\r\n", " 5\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"ASpaceBehindAChunkSize", with("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"), 400},
        Row{"ABareLfBehindAChunkSize", with("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"), 400},
        Row{"ABareCrBehindAChunkSize", with("Transfer-Encoding: chunked\r\n", "5\rhello\r\n0\r\n\r\n"), 400},
        Row{"AChunkLongerThanItSays", with("Transfer-Encoding: chunked\r\n", "4\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"ABareLfBehindAChunk", with("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"), 400},
        Row{"ABareLfInAChunkExtension", with("Transfer-Encoding: chunked\r\n", "5;a=\"\nb\"\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"AnEndlessChunkExtension", with("Transfer-Encoding: chunked\r\n", "5;" + std::string(10'000, 'a')), 431},
        Row{"EndlessTrailers", with("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(10'000, 'a')), 431},
        Row{"AFoldedTrailer", with("Transfer-Encoding: chunked\r\n", "0\r\nX: a\r\n b\r\n\r\n"), 400},
        Row{"ABareLfInATrailer", with("Transfer-Encoding: chunked\r\n", "0\r\nX: a\nY: b\r\n\r\n"), 400},
        Row{"ATrailerWithoutAColon", with("Transfer-Encoding: chunked\r\n", "0\r\nnonsense\r\n\r\n"), 400},
        Row{"AChunkExtensionOverALineEnd", with("Transfer-Encoding: chunked\r\n", "5;a=\"\r\nb\"\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"NoChunkSize", with("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"AnExtensionWithoutAChunkSize", with("Transfer-Encoding: chunked\r\n", ";a\r\nhello\r\n0\r\n\r\n"), 400},
        Row{"ACompressedBody", with("Content-Encoding: gzip\r\nContent-Length: 5\r\n", "hello"), 415},
        Row{"AnUnknownExpectation", with("Expect: a-miracle\r\nContent-Length: 5\r\n", "hello"), 417}),
    [](const auto& row) { return std::string(row.param.name); });

struct Accepted {
  const char* name;
  std::string bytes;
  std::string body;
};
void PrintTo(const Accepted& row, std::ostream* out) { *out << row.name; }
class OddRequest : public ::testing::TestWithParam<Accepted> {};

TEST_P(OddRequest, IsValidAndTaken) {
  RawClient client(server().port());
  client.send(GetParam().bytes);
  const auto response = client.read_response();
  EXPECT_EQ(status_of(response), 200) << response;
  EXPECT_EQ(body_of(response), GetParam().body);
}
TEST_P(OddRequest, IsTakenByteByByte) {
  RawClient client(server().port());
  for (const char byte : GetParam().bytes) client.send({&byte, 1});
  EXPECT_EQ(body_of(client.read_response()), GetParam().body);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, OddRequest,
    ::testing::Values(Accepted{"AbsoluteForm", "GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "taken:/x:"},
                      Accepted{"AbsoluteFormWithoutAPath", "GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", "taken:/:"},
                      Accepted{"AbsoluteFormWithAQueryAlone", "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "taken:/:"},
                      Accepted{"AsteriskForOptions", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "taken:*:"},
                      Accepted{"EmptyLinesBefore", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "taken:/:"},
                      Accepted{"AnEmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "taken:/:"},
                      Accepted{"Chunks", with("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n00a\r\n, world!!!\r\n0\r\n\r\n"),
                               "taken:/:hello, world!!!"},
                      Accepted{"ChunksWithExtensionsAndTrailers",
                               with("Transfer-Encoding: chunked\r\n",
                                    "5;a;b=c;d=\"e f\"\r\nhello\r\n0;last\r\nX-Sum: 1\r\nHost: evil\r\nContent-Length: 9\r\n\r\n"),
                               "taken:/:hello"},
                      Accepted{"AnEmptyChunkedBody", with("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "taken:/:"},
                      Accepted{"AZeroLength", with("Content-Length: 0\r\n"), "taken:/:"},
                      Accepted{"ALengthWithZeros", with("Content-Length: 0005\r\n", "hello"), "taken:/:hello"},
                      Accepted{"ABodyAtTheBound", with("Content-Length: 1000\r\n", std::string(1000, 'x')),
                               "taken:/:" + std::string(1000, 'x')},
                      Accepted{"TabsAroundAValue", with("Content-Length:\t 5\t \r\n", "hello"), "taken:/:hello"},
                      Accepted{"Latin1InAValue", with("X: \xe4\r\n"), "taken:/:"},
                      Accepted{"AMethodOfItsOwn", "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", "taken:/:"},
                      Accepted{"AnIdentityEncoding", with("Content-Encoding: identity\r\nContent-Length: 1\r\n", "x"), "taken:/:x"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace interlock::net::testing
