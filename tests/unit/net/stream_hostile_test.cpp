// What two readers could take differently, as a request and as an answer: refused over real sockets, however it is split, while the next
// connection is served. One row, one shape. Each is what smuggling is made of: CL.TE, TE.CL, TE.TE, folds, bare LF, targets and Hosts that
// disagree (RFC 9112 §11.2).
#include <atomic>
#include <optional>

#include "net/http_flow.hpp"
#include "scripted_server.hpp"
#include "stream_parts.hpp"

namespace interlock::net::testing {
namespace {

struct Row {
  const char* name;
  std::string bytes;
  int status = 400;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

constexpr std::string_view kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

std::string with(std::string_view head, std::string_view body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(head) + "\r\n" + std::string(body) + std::string(kSmuggled);
}
std::string line(std::string_view first, std::string_view host = "Host: a\r\n") {
  return std::string(first) + "\r\n" + std::string(host) + "\r\n" + std::string(kSmuggled);
}
std::string chunks(std::string_view body) { return with("Transfer-Encoding: chunked\r\n", body); }

std::atomic<int> smuggled = 0;

RunningStreamServer& server() {
  static RunningStreamServer running(
      [](const std::shared_ptr<ServerStream>& stream) {
        if (stream->head().target == "/smuggled") ++smuggled;
        stream->receive({.on_data = {}, .on_end = [stream](Headers) { stream->respond(200, {}, "taken"); }, .on_lost = {}});
      },
      {.header_bytes = 4096});
  return running;
}

class HostileStreamRequest : public ::testing::TestWithParam<Row> {};

TEST_P(HostileStreamRequest, IsRefusedAndWhatLiesBehindItIsNoRequest) {
  smuggled = 0;
  const auto told_before = server().refused().size();
  RawClient client(server().port());
  client.send(GetParam().bytes);
  const auto response = client.read_response();
  EXPECT_EQ(status_of(response), GetParam().status) << response;
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos) << response;
  EXPECT_TRUE(client.sees_end());
  EXPECT_EQ(smuggled, 0);
  EXPECT_EQ(server().refused().size(), told_before + 1);

  RawClient other(server().port());
  EXPECT_EQ(status_of(other.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), 200);
}

TEST_P(HostileStreamRequest, IsRefusedTheSameHoweverItIsSplit) {
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
    RequestFlow flow(4096);
    std::string_view bytes = GetParam().bytes;
    while (!bytes.empty() && flow.state() != RequestFlow::State::kRefused && flow.state() != RequestFlow::State::kComplete) {
      auto part = bytes.substr(0, piece);
      std::string_view data;
      bytes.remove_prefix(flow.feed(part, data));
    }
    ASSERT_EQ(flow.state(), RequestFlow::State::kRefused) << piece;
    EXPECT_EQ(flow.refusal().status, GetParam().status) << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileStreamRequest,
    ::testing::Values(
        // lengths
        Row{"ClTe", with("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG")},
        Row{"TeCl", with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "8\r\nSMUGGLED\r\n0\r\n\r\n")},
        Row{"ClTeWithZeroLength", with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
        Row{"TwoLengthsThatDiffer", with("Content-Length: 5\r\nContent-Length: 0\r\n", "hello")},
        Row{"TwoEqualLengths", with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")},
        Row{"TwoLengthsOfOtherCase", with("Content-Length: 5\r\ncontent-length: 0\r\n", "hello")},
        Row{"AListOfLengths", with("Content-Length: 5, 5\r\n", "hello")}, Row{"ANegativeLength", with("Content-Length: -1\r\n")},
        Row{"ASignedLength", with("Content-Length: +5\r\n", "hello")}, Row{"ALengthInHex", with("Content-Length: 0x5\r\n", "hello")},
        Row{"ALengthWithAnExponent", with("Content-Length: 5e0\r\n", "hello")},
        Row{"ALengthWithAFraction", with("Content-Length: 5.0\r\n", "hello")}, Row{"AnEmptyLength", with("Content-Length:\r\n", "hello")},
        Row{"ALengthOfTwoWords", with("Content-Length: 5 0\r\n", "hello")},
        Row{"ALengthOfTwoWordsByTab", with("Content-Length: 0\t5\r\n", "hello")},
        Row{"ALengthInQuotes", with("Content-Length: \"5\"\r\n", "hello")},
        Row{"ALengthBeyond64Bits", with("Content-Length: 18446744073709551617\r\n", "h")},
        Row{"ALengthWithANul", with(std::string("Content-Length: 5\0\r\n", 20), "hello")},
        Row{"ALengthOfOtherDigits", with("Content-Length: \xd9\xa5\r\n", "hello")},
        Row{"ALengthWithAComment", with("Content-Length: 5;x\r\n", "hello")},
        // codings
        Row{"TwoCodings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
        Row{"ChunkedThenIdentity", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n")},
        Row{"ChunkedTwice", with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")},
        Row{"GzipThenChunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")},
        Row{"ChunkedThenGzip", with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")},
        Row{"Identity", with("Transfer-Encoding: identity\r\n", "0\r\n\r\n")},
        Row{"AnUnknownCoding", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")},
        Row{"CowCoding", with("Transfer-Encoding: cow\r\n", "0\r\n\r\n")},
        Row{"AnEmptyCoding", with("Transfer-Encoding:\r\n", "0\r\n\r\n")},
        Row{"ACodingWithAComma", with("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n")},
        Row{"ACodingInQuotes", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")},
        Row{"ACodingInSingleQuotes", with("Transfer-Encoding: 'chunked'\r\n", "0\r\n\r\n")},
        Row{"ACodingWithAParameter", with("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n")},
        Row{"ACodingWithAVerticalTab", with("Transfer-Encoding: \x0b"
                                            "chunked\r\n",
                                            "0\r\n\r\n")},
        Row{"ACodingWithAFormFeed", with("Transfer-Encoding:\x0c"
                                         "chunked\r\n",
                                         "0\r\n\r\n")},
        Row{"ACodingWithANul", with(std::string("Transfer-Encoding: chunked\0\r\n", 29), "0\r\n\r\n")},
        Row{"ACodingWithANoBreakSpace", with("Transfer-Encoding: \xa0"
                                             "chunked\r\n",
                                             "0\r\n\r\n")},
        Row{"ACodingOfHttp10", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + std::string(kSmuggled)},
        Row{"ALateCodingBehindALength", with("Content-Length: 5\r\nX: y\r\nX: z\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
        // lines
        Row{"AFoldedCoding", with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")},
        Row{"AFoldedLength", with("Content-Length:\r\n\t5\r\n", "hello")}, Row{"AFoldedValue", with("X: y\r\n z\r\n")},
        Row{"AFoldAtOnce", "GET / HTTP/1.1\r\n Host: a\r\n\r\n" + std::string(kSmuggled)},
        Row{"ABareLfInTheHead", with("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
        Row{"ABareLfBehindTheRequestLine", "GET / HTTP/1.1\nHost: a\r\n\r\n" + std::string(kSmuggled)},
        Row{"ABareLfAsTheBlankLine", "GET / HTTP/1.1\r\nHost: a\r\n\n" + std::string(kSmuggled)},
        Row{"ABareCrInAValue", with("X: y\rContent-Length: 5\r\n", "hello")}, Row{"ABareCrAtTheEndOfALine", with("X: y\r\r\n")},
        Row{"ABareCrBeforeTheRequest", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        Row{"ASpaceBeforeTheColon", with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")},
        Row{"ATabBeforeTheColon", with("Content-Length\t: 5\r\n", "hello")},
        Row{"ASpaceBeforeAName", "GET / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\nhello" + std::string(kSmuggled)},
        Row{"ANulInAName", with(std::string("Content-Length\0: 5\r\n", 20), "hello")},
        Row{"ANulInAValue", with(std::string("X: a\0b\r\n", 8))}, Row{"ADelInAValue", with("X: a\x7f\r\n")},
        Row{"AnEmptyName", with(": 5\r\n")}, Row{"NoColon", with("Content-Length 5\r\n", "hello")},
        Row{"ANameOfOtherBytes", with("Content\xadLength: 5\r\n", "hello")}, Row{"ANameWithASlash", with("X/Y: 5\r\n")},
        Row{"ANameInBrackets", with("[X]: 5\r\n")}, Row{"AnOptionThatIsNoToken", with("Connection: close\"\r\n")},
        // the first line
        Row{"TwoSpaces", line("GET  / HTTP/1.1")}, Row{"ATabInTheFirstLine", line("GET\t/ HTTP/1.1")},
        Row{"ASpaceAtTheEnd", line("GET / HTTP/1.1 ")}, Row{"ASpaceInTheTarget", line("GET /a b HTTP/1.1")},
        Row{"NoVersion", line("GET /")}, Row{"AVersionOfOneDigit", line("GET / HTTP/1")},
        Row{"AVersionInLowerCase", line("GET / http/1.1")}, Row{"AnotherProtocol", line("GET / RTSP/1.0")},
        Row{"Http12", line("GET / HTTP/1.2"), 505}, Row{"Http09", line("GET / HTTP/0.9"), 505},
        Row{"Http2AsText", line("GET / HTTP/2.0"), 505}, Row{"AVersionOfTwoDigits", line("GET / HTTP/1.10")},
        Row{"AMethodThatIsNone", line("G(ET / HTTP/1.1")}, Row{"AMethodOfOtherBytes", line("G\xc3\x8bT / HTTP/1.1")},
        Row{"ALongMethod", line(std::string(65, 'A') + " / HTTP/1.1")}, Row{"ATlsHello", "\x16\x03\x01\x02\x03"},
        // targets and hosts
        Row{"NoTarget", line("GET HTTP/1.1")}, Row{"AFragment", line("GET /#x HTTP/1.1")}, Row{"ABackslash", line("GET /\\x HTTP/1.1")},
        Row{"RawUtf8InTheTarget", line("GET /\xc3\xa4 HTTP/1.1")}, Row{"AQuoteInTheTarget", line("GET /\"x HTTP/1.1")},
        Row{"AnAngleInTheTarget", line("GET /<x HTTP/1.1")}, Row{"ASchemeAlone", line("GET http HTTP/1.1")},
        Row{"ARelativeTarget", line("GET x HTTP/1.1")}, Row{"AsteriskForGet", line("GET * HTTP/1.1")},
        Row{"AuthorityFormForGet", line("GET a:80 HTTP/1.1")}, Row{"AnotherScheme", line("GET ftp://a/ HTTP/1.1")},
        Row{"AFileScheme", line("GET file:///etc/passwd HTTP/1.1")}, Row{"AUrlWithAUser", line("GET http://u@a/ HTTP/1.1")},
        Row{"AUrlWithoutAHost", line("GET http:///x HTTP/1.1")}, Row{"AUrlWithAPortThatIsNone", line("GET http://a:99999/ HTTP/1.1")},
        Row{"AUrlWithAnEmptyPort", line("GET http://a:/ HTTP/1.1")}, Row{"AUrlOfAnotherHost", line("GET http://b/ HTTP/1.1")},
        Row{"AUrlOfAnotherPort", line("GET http://a:81/ HTTP/1.1")},
        Row{"AUrlOfAnotherSchemesPort", line("GET https://a/ HTTP/1.1", "Host: a:80\r\n")},
        Row{"AnEncodedHost", line("GET http://%61/ HTTP/1.1")}, Row{"NoHost", line("GET / HTTP/1.1", "")},
        Row{"TwoHosts", line("GET / HTTP/1.1", "Host: a\r\nHost: b\r\n")},
        Row{"TwoEqualHosts", line("GET / HTTP/1.1", "Host: a\r\nHost: a\r\n")}, Row{"AnEmptyHost", line("GET / HTTP/1.1", "Host:\r\n")},
        Row{"AHostWithAPath", line("GET / HTTP/1.1", "Host: a/b\r\n")}, Row{"AHostWithAUser", line("GET / HTTP/1.1", "Host: u@a\r\n")},
        Row{"AListOfHosts", line("GET / HTTP/1.1", "Host: a, b\r\n")}, Row{"AHostOfTwoWords", line("GET / HTTP/1.1", "Host: a b\r\n")},
        Row{"AHostWithTwoPorts", line("GET / HTTP/1.1", "Host: a:1:2\r\n")},
        Row{"AHostWithAnOpenBracket", line("GET / HTTP/1.1", "Host: [::1\r\n")}, Row{"ConnectToAPath", line("CONNECT / HTTP/1.1")},
        Row{"ConnectWithoutAPort", line("CONNECT a HTTP/1.1")}, Row{"ConnectToAUrl", line("CONNECT http://a:80/ HTTP/1.1")},
        Row{"ConnectToAnotherHost", line("CONNECT b:443 HTTP/1.1")},
        Row{"ConnectToAnotherPort", line("CONNECT a:443 HTTP/1.1", "Host: a:80\r\n")},
        Row{"ConnectToPortZero", line("CONNECT a:0 HTTP/1.1")},
        Row{"ConnectWithABody", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
        Row{"AnotherExpectation", with("Expect: 200-ok\r\n"), 417},
        Row{"TwoExpectations", with("Expect: 100-continue\r\nExpect: 100-continue\r\n")},
        // bounds
        Row{"ALongTarget", line("GET /" + std::string(5000, 'a') + " HTTP/1.1"), 414},
        Row{"ALongHead", with("X: " + std::string(5000, 'a') + "\r\n"), 431},
        Row{"ALongName", with(std::string(300, 'a') + ": b\r\n"), 431},
        Row{"ManyHeaders", with([] {
              std::string out;
              for (int i = 0; i < 300; ++i) out += "X: 1\r\n";
              return out;
            }()),
            431},
        Row{"ManyOptions", with([] {
              std::string out = "Connection: a";
              for (int i = 0; i < 40; ++i) out += ", b";
              return out + "\r\n";
            }()),
            431},
        // chunks
        Row{"AChunkSizeThatIsNone", chunks("zz\r\nhello\r\n0\r\n\r\n")}, Row{"ANegativeChunk", chunks("-5\r\nhello\r\n0\r\n\r\n")},
        Row{"AChunkSizeWith0x", chunks("0x5\r\nhello\r\n0\r\n\r\n")},
        Row{"AChunkSizeBeyond64Bits", chunks("10000000000000005\r\nhello\r\n0\r\n\r\n")},
        Row{"ASpaceBeforeAChunkSize", chunks(" 5\r\nhello\r\n0\r\n\r\n")},
        Row{"ASpaceBehindAChunkSize", chunks("5 \r\nhello\r\n0\r\n\r\n")}, Row{"ABareLfBehindAChunkSize", chunks("5\nhello\r\n0\r\n\r\n")},
        Row{"ABareCrBehindAChunkSize", chunks("5\rhello\r\n0\r\n\r\n")}, Row{"ABareLfBehindAChunk", chunks("5\r\nhello\n0\r\n\r\n")},
        Row{"AChunkLongerThanItsSize", chunks("5\r\nhello!\r\n0\r\n\r\n")},
        Row{"ABareLfInAnExtension", chunks("5;a\nb\r\nhello\r\n0\r\n\r\n")}, Row{"ABareLfAsTheLastLine", chunks("0\r\n\n")},
        Row{"ABareLfBehindTheLastChunk", chunks("0\n\r\n")}, Row{"AFoldedTrailer", chunks("0\r\nX: y\r\n z\r\n\r\n")},
        Row{"ATrailerWithABareLf", chunks("0\r\nX: y\nZ: w\r\n\r\n")}, Row{"ATrailerWithoutAColon", chunks("0\r\nnonsense\r\n\r\n")},
        Row{"ALongExtension", chunks("5;" + std::string(9000, 'a') + "\r\nhello\r\n0\r\n\r\n"), 431},
        Row{"LongTrailers", chunks("0\r\nX: " + std::string(9000, 'a') + "\r\n\r\n"), 431},
        Row{"AnEmptyChunkSize", chunks("\r\nhello\r\n0\r\n\r\n")}),
    [](const auto& row) { return row.param.name; });

// ---- answers ----

class HostileStreamAnswer : public ::testing::TestWithParam<Row> {};

struct Got {
  int status = 0;
  bool ended = false;
  std::optional<Error> lost;
};

TEST_P(HostileStreamAnswer, IsAnErrorAndItsConnectionCarriesNothingMore) {
  Loop loop;
  StreamClient client(loop);
  std::atomic<bool> cut = false;
  std::optional<ScriptedServer> hostile(std::in_place, std::vector<ScriptedServer::Step>{[&](ScriptedConnection& connection) {
                                          connection.read_request();
                                          connection.send(GetParam().bytes);
                                          ::shutdown(connection.fd(), SHUT_WR);
                                          connection.wait_end();
                                          cut = true;
                                        }});
  Got got;
  const auto stream =
      client.start(local(hostile->port()), {.method = "GET", .authority = "a", .target = "/", .headers = {}, .length = 0, .upgrade = {}},
                   {.on_inform = {},
                    .on_head = [&](int status, Headers, std::optional<std::uint64_t>) { got.status = status; },
                    .body = {.on_data = {},
                             .on_end =
                                 [&](Headers) {
                                   got.ended = true;
                                   loop.stop();
                                 },
                             .on_lost =
                                 [&](Error error) {
                                   got.lost = std::move(error);
                                   loop.stop();
                                 }},
                    .on_writable = {},
                    .on_upgrade = {}});
  stream->end();
  loop.run();
  hostile.reset();
  EXPECT_TRUE(cut);
  EXPECT_FALSE(got.ended);
  ASSERT_TRUE(got.lost);
  EXPECT_FALSE(got.lost->message.empty());
}

std::string ok(std::string_view head, std::string_view body = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n" + std::string(body);
}
std::string ok_chunks(std::string_view body) { return ok("Transfer-Encoding: chunked\r\n", body); }

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileStreamAnswer,
    ::testing::Values(
        Row{"ClTe", ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
        Row{"TeCl", ok("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")},
        Row{"TwoLengthsThatDiffer", ok("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")},
        Row{"TwoEqualLengths", ok("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")},
        Row{"AListOfLengths", ok("Content-Length: 5, 5\r\n", "hello")}, Row{"ANegativeLength", ok("Content-Length: -5\r\n", "hello")},
        Row{"ASignedLength", ok("Content-Length: +5\r\n", "hello")}, Row{"ALengthInHex", ok("Content-Length: 0x5\r\n", "hello")},
        Row{"AnEmptyLength", ok("Content-Length:\r\n", "hello")},
        Row{"ALengthBeyond64Bits", ok("Content-Length: 18446744073709551617\r\n", "h")},
        Row{"TwoCodings", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
        Row{"GzipThenChunked", ok("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")},
        Row{"AnotherCoding", ok("Transfer-Encoding: gzip\r\n", "x")},
        Row{"ACodingWithAVerticalTab", ok("Transfer-Encoding: \x0b"
                                          "chunked\r\n",
                                          "0\r\n\r\n")},
        Row{"ACodingOfHttp10", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Row{"AFoldedHeader", ok("X: y\r\n z\r\nContent-Length: 0\r\n")}, Row{"ABareLf", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"},
        Row{"ABareLfAsTheBlankLine", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"},
        Row{"ABareCr", ok("X: y\rZ: w\r\nContent-Length: 0\r\n")}, Row{"ASpaceBeforeTheColon", ok("Content-Length : 0\r\n")},
        Row{"NoColon", ok("nonsense\r\nContent-Length: 0\r\n")}, Row{"AnEmptyName", ok(": x\r\nContent-Length: 0\r\n")},
        Row{"ANulInAValue", ok(std::string("X: a\0b\r\n", 8))}, Row{"AStatusOfTwoDigits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
        Row{"AStatusOfFourDigits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
        Row{"AStatusOfLetters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"},
        Row{"AStatusBelow100", "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n"}, Row{"NoStatus", "HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
        Row{"AnotherVersion", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
        Row{"AnotherProtocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"},
        Row{"ASwitchThatNobodyAskedFor", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
        Row{"AnInterimWithALength", "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        Row{"InterimsWithoutEnd",
            [] {
              std::string out;
              for (int i = 0; i < 20; ++i) out += "HTTP/1.1 103 Early\r\n\r\n";
              return out;
            }()},
        Row{"NothingAtAll", ""}, Row{"HalfAHead", "HTTP/1.1 200 OK\r\nContent-"}, Row{"ACutBody", ok("Content-Length: 5\r\n", "hel")},
        Row{"ACutChunk", ok_chunks("5\r\nhel")}, Row{"NoLastChunk", ok_chunks("5\r\nhello\r\n")},
        Row{"AChunkSizeThatIsNone", ok_chunks("zz\r\n")}, Row{"AChunkSizeWith0x", ok_chunks("0x5\r\nhello\r\n0\r\n\r\n")},
        Row{"ABareLfBehindAChunkSize", ok_chunks("5\nhello\r\n0\r\n\r\n")},
        Row{"AChunkLongerThanItsSize", ok_chunks("5\r\nhello!\r\n0\r\n\r\n")}, Row{"AFoldedTrailer", ok_chunks("0\r\nX: y\r\n z\r\n\r\n")},
        Row{"ALongHead", ok("X: " + std::string(70'000, 'a') + "\r\n")}),
    [](const auto& row) { return row.param.name; });

// What comes behind an answer was asked for by nobody: it is the answer to no later request.
TEST(HostileStreamAnswers, AnAnswerBehindAnAnswerIsThrownAwayWithItsConnection) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  Loop loop;
  std::string body;
  ScriptedServer server({[&](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send(answer + "ok" + answer + "no");
                           connection.wait_end();
                         },
                         [&](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send(answer + "ok");
                           connection.wait_end();
                         }});
  StreamClient client(loop);
  for (int i = 0; i < 2; ++i) {
    const auto stream =
        client.start(local(server.port()), {.method = "GET", .authority = "a", .target = "/", .headers = {}, .length = 0, .upgrade = {}},
                     {.on_inform = {},
                      .on_head = {},
                      .body = {.on_data = [&](std::string_view chunk) { body += chunk; },
                               .on_end = [&](Headers) { loop.stop(); },
                               .on_lost = [&](const Error&) { loop.stop(); }},
                      .on_writable = {},
                      .on_upgrade = {}});
    stream->end();
    loop.run();
  }
  EXPECT_EQ(body, "okok");
}

}  // namespace
}  // namespace interlock::net::testing
