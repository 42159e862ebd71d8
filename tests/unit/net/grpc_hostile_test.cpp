// Peers that do not keep to HTTP/2 or gRPC, over real sockets: each shape is refused in its own way, and the server serves on.
#include <gmock/gmock.h>

#include "grpc_parts.hpp"
#include "scripted_server.hpp"

namespace interlock::net::testing {
namespace {

using ::testing::HasSubstr;

RunningGrpcServer& server() {
  static RunningGrpcServer running(
      [](GrpcCall call, std::shared_ptr<GrpcReply> reply) {
        reply->send(call.message);
        reply->finish({});
      },
      {.message_bytes = 1000, .metadata_bytes = 2048, .streams_per_connection = 8});
  return running;
}

const std::string kHello = std::string(kPreface) + settings_frame();

bool serves_on() {
  RawClient client(server().path());
  client.send(kHello + headers_frame(1, call_fields()) + data_frame(1, grpc_message("hi")));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  return seen.data == grpc_message("hi") && seen.fields.at("grpc-status") == "0";
}

// --- calls that are refused, while the connection goes on ---

struct BadCall {
  const char* name;
  Fields fields;
  std::string body;
  std::string http_status;
  std::string grpc_status;  // "": none is owed
};
void PrintTo(const BadCall& row, std::ostream* out) { *out << row.name; }

class HostileCall : public ::testing::TestWithParam<BadCall> {};

TEST_P(HostileCall, IsRefusedAndItsConnectionServesOn) {
  const auto& row = GetParam();
  RawClient client(server().path());
  client.send(kHello + headers_frame(1, row.fields) + data_frame(1, row.body, true));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  ASSERT_TRUE(seen.fields.contains(":status")) << "reset: " << seen.reset.value_or(0);
  EXPECT_EQ(seen.fields.at(":status"), row.http_status);
  EXPECT_EQ(seen.fields.contains("grpc-status") ? seen.fields.at("grpc-status") : "", row.grpc_status);
  EXPECT_EQ(seen.fields.contains("grpc-message"), !row.grpc_status.empty());
  client.send(headers_frame(3, call_fields()) + data_frame(3, grpc_message("again")));
  EXPECT_EQ(http2.read_stream(3).data, grpc_message("again"));
}

INSTANTIATE_TEST_SUITE_P(Shapes, HostileCall,
                         ::testing::Values(BadCall{"Get", with(call_fields(), ":method", "GET"), "", "405", ""},
                                           BadCall{"Json", with(call_fields(), "content-type", "application/json"), "{}", "415", ""},
                                           BadCall{"NoContentType", without(call_fields(), "content-type"), "", "415", ""},
                                           BadCall{"GrpcWeb", with(call_fields(), "content-type", "application/grpc-web"), "", "415", ""},
                                           BadCall{"NoTrailersWanted", without(call_fields(), "te"), grpc_message("x"), "200", "13"},
                                           BadCall{"Gzip", with(call_fields(), "grpc-encoding", "gzip"), grpc_message("x", 1), "200", "12"},
                                           BadCall{"CompressedFlag", call_fields(), grpc_message("x", 1), "200", "12"},
                                           BadCall{"AFlagOfSeven", call_fields(), grpc_message("x", 7), "200", "13"},
                                           BadCall{"ABadTimeout", with(call_fields(), "grpc-timeout", "soon"), grpc_message("x"), "200",
                                                   "13"},
                                           BadCall{"NoMessage", call_fields(), "", "200", "12"},
                                           BadCall{"TwoMessages", call_fields(), grpc_message("x") + grpc_message("y"), "200", "12"},
                                           BadCall{"HalfAPrefix", call_fields(), std::string(3, '\0'), "200", "13"},
                                           BadCall{"HalfAMessage", call_fields(), grpc_message("hello").substr(0, 7), "200", "13"},
                                           BadCall{"ALargeMessage", call_fields(), grpc_message(std::string(1001, 'x')), "200", "8"},
                                           BadCall{"AHugeLength", call_fields(), std::string("\0\xff\xff\xff\xff", 5), "200", "8"},
                                           BadCall{"MuchMetadata",
                                                   [] {
                                                     auto fields = call_fields();
                                                     for (int i = 0; i < 30; ++i)
                                                       fields.emplace_back("x-" + std::to_string(i), std::string(100, 'x'));
                                                     return fields;
                                                   }(),
                                                   grpc_message("x"), "200", "8"}),
                         [](const auto& row) { return row.param.name; });

TEST(GrpcHostile, ARefusedCallIsToldToStopSending) {
  RawClient client(server().path());
  client.send(kHello + headers_frame(1, call_fields()) + data_frame(1, std::string("\0\xff\xff\xff\xff", 5), false));
  RawHttp2 http2(client);
  EXPECT_EQ(http2.read_stream(1).fields.at("grpc-status"), "8");
  EXPECT_EQ(http2.read_stream(1).reset, 0U);  // NO_ERROR
}

TEST(GrpcHostile, CallsBeyondABoundThatWasNotYetToldAreRefusedAndTheOthersAnswered) {
  RawClient client(server().path());
  RawHttp2 http2(client);
  std::string bytes = kHello;
  for (std::uint32_t id = 1; id <= 17; id += 2) bytes += headers_frame(id, call_fields());
  client.send(bytes);
  EXPECT_EQ(http2.read_stream(17).reset, 7U);  // REFUSED_STREAM: the ninth at once
  client.send(data_frame(1, grpc_message("first")));
  EXPECT_EQ(http2.read_stream(1).data, grpc_message("first"));
}

TEST(GrpcHostile, CallsBeyondABoundThatWasAcknowledgedEndTheConnection) {
  RawClient client(server().path());
  RawHttp2 http2(client);
  client.send(kHello + headers_frame(1, call_fields()) + data_frame(1, grpc_message("x")));
  ASSERT_TRUE(http2.read_stream(1).ended);
  std::string bytes;
  for (std::uint32_t id = 3; id <= 19; id += 2) bytes += headers_frame(id, call_fields());
  client.send(bytes);
  EXPECT_EQ(http2.read_all().goaway, 1U);  // PROTOCOL_ERROR
}

// --- connections that are ended ---

struct BadConnection {
  const char* name;
  std::string bytes;
};
void PrintTo(const BadConnection& row, std::ostream* out) { *out << row.name; }

std::string many(int count, const std::function<std::string(int)>& make) {
  std::string out;
  for (int i = 0; i < count; ++i) out += make(i);
  return out;
}

class HostileConnection : public ::testing::TestWithParam<BadConnection> {};

TEST_P(HostileConnection, IsEndedAndOthersAreServed) {
  RawClient client(server().path());
  client.send(GetParam().bytes);  // it may be cut while it still sends
  EXPECT_TRUE(client.sees_end());
  EXPECT_TRUE(serves_on());
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileConnection,
    ::testing::Values(BadConnection{"Http1", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
                      BadConnection{"Tls", std::string("\x16\x03\x01\x02\x00\x01", 6)},
                      BadConnection{"NoSettings", std::string(kPreface) + headers_frame(1, call_fields())},
                      BadConnection{"AnEvenStream", kHello + headers_frame(2, call_fields())},
                      BadConnection{"AFrameBeyondTheSize", kHello + frame(0, 0, 1, std::string(16 * 1024 + 1, 'x'))},
                      BadConnection{"DataWithoutACall", kHello + data_frame(1, "x")},
                      BadConnection{"BrokenHpack", kHello + frame(1, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff")},
                      BadConnection{"AHugeTableSize", kHello + frame(1, kEndHeaders, 1, std::string("\x3f\xff\xff\xff\x7f", 5))},
                      BadConnection{"APushFromAClient", kHello + frame(5, kEndHeaders, 1, std::string(4, '\0'))},
                      BadConnection{"ASettingsOfOddSize", std::string(kPreface) + frame(4, 0, 0, "12345")},
                      BadConnection{"AHugeWindow", kHello + frame(8, 0, 0, std::string("\x7f\xff\xff\xff", 4)) +
                                                       frame(8, 0, 0, std::string("\x7f\xff\xff\xff", 4))},
                      BadConnection{"AFloodOfPings", kHello + many(50'000, [](int) { return frame(6, 0, 0, "12345678"); })},
                      BadConnection{"AFloodOfSettings", kHello + many(50'000, [](int) { return settings_frame(); })},
                      BadConnection{"RapidReset", kHello + many(5'000,
                                                                [](int i) {
                                                                  const auto id = static_cast<std::uint32_t>(2 * i + 1);
                                                                  return headers_frame(id, call_fields()) +
                                                                         frame(3, 0, id, std::string("\0\0\0\x08", 4));
                                                                })},
                      BadConnection{"EndlessContinuations",
                                    kHello + frame(1, 0, 1, block(call_fields())) +
                                        many(2'000, [](int) { return frame(9, 0, 1, field("x", std::string(100, 'x'))); })}),
    [](const auto& row) { return row.param.name; });

// --- servers that answer the client nonsense ---

struct BadAnswer {
  const char* name;
  std::string bytes;
  GrpcCode code;
};
void PrintTo(const BadAnswer& row, std::ostream* out) { *out << row.name; }

const Fields kAnswer{{":status", "200"}, {"content-type", "application/grpc"}};

class HostileAnswer : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(HostileAnswer, EndsTheCallWithAStatusOnce) {
  ScriptedServer scripted({[](ScriptedConnection& connection) {
    connection.send(settings_frame() + frame(4, 1, 0, "") + GetParam().bytes);
    connection.wait_end();
  }});
  RunningGrpcClient client("tcp://127.0.0.1:" + std::to_string(scripted.port()), {.message_bytes = 1000, .metadata_bytes = 2048});
  Outcome outcome;
  const auto status = client.ask("/Test/Echo", "x", outcome);
  EXPECT_EQ(status.code, GetParam().code) << status.message;
  EXPECT_FALSE(status.message.empty());
  client.end();
  EXPECT_EQ(outcome.ends(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileAnswer,
    ::testing::Values(
        BadAnswer{"AWebServersError", headers_frame(1, {{":status", "503"}}, kEndHeaders | kEndStream), GrpcCode::kUnavailable},
        BadAnswer{"AWebServersPage",
                  headers_frame(1, {{":status", "404"}, {"content-type", "text/html"}}) + data_frame(1, "<html>not found</html>"),
                  GrpcCode::kUnimplemented},
        BadAnswer{"AnotherType", headers_frame(1, {{":status", "200"}, {"content-type", "text/html"}}) + data_frame(1, "<html>"),
                  GrpcCode::kUnknown},
        BadAnswer{"NoStatusAtTheEnd", headers_frame(1, kAnswer) + data_frame(1, grpc_message("x")), GrpcCode::kInternal},
        BadAnswer{"AStatusThatIsNone", headers_frame(1, with(kAnswer, "grpc-status", "fine"), kEndHeaders | kEndStream),
                  GrpcCode::kInternal},
        BadAnswer{"AnOkInTheMiddleOfAMessage",
                  headers_frame(1, kAnswer) + data_frame(1, std::string("\0\0\0\0\5he", 7), false) +
                      headers_frame(1, {{"grpc-status", "0"}}, kEndHeaders | kEndStream),
                  GrpcCode::kInternal},
        BadAnswer{"ACompressedMessage", headers_frame(1, kAnswer) + data_frame(1, grpc_message("x", 1), false), GrpcCode::kUnimplemented},
        BadAnswer{"ALargeMessage", headers_frame(1, kAnswer) + data_frame(1, std::string("\0\xff\xff\xff\xff", 5), false),
                  GrpcCode::kResourceExhausted},
        BadAnswer{"MuchMetadata",
                  headers_frame(1,
                                [] {
                                  auto fields = kAnswer;
                                  for (int i = 0; i < 30; ++i) fields.emplace_back("x-" + std::to_string(i), std::string(100, 'x'));
                                  return fields;
                                }()),
                  GrpcCode::kResourceExhausted},
        BadAnswer{"AReset", frame(3, 0, 1, std::string("\0\0\0\x07", 4)), GrpcCode::kUnavailable},
        BadAnswer{"AGoodbyeToAll", frame(7, 0, 0, std::string(8, '\0')), GrpcCode::kUnavailable},
        BadAnswer{"APush", frame(5, kEndHeaders, 1, std::string("\0\0\0\2", 4) + block(call_fields())), GrpcCode::kUnavailable},
        BadAnswer{"Http1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", GrpcCode::kUnavailable}),
    [](const auto& row) { return row.param.name; });

TEST(GrpcHostile, AServerThatClosesAtOnceMakesTheCallUnavailable) {
  ScriptedServer scripted({[](ScriptedConnection& connection) { connection.reset(); }});
  RunningGrpcClient client("tcp://127.0.0.1:" + std::to_string(scripted.port()));
  Outcome outcome;
  EXPECT_EQ(client.ask("/Test/Echo", "x", outcome).code, GrpcCode::kUnavailable);
}

}  // namespace
}  // namespace interlock::net::testing
