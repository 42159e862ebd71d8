// HTTP/2 towards servers: one connection of the client over a socket pair, whose other end the test speaks in raw frames, good and hostile.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "h2_parts.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net::testing {
namespace {

using ::testing::HasSubstr;

// A connection of the client, the server's end of it, and what the pool and the callers hear.
class Ends {
 public:
  explicit Ends(StreamClientLimits limits = {}) : pair_(make_pair()), server(RawClient::Descriptor{pair_[1]}) {
    thread.on([&] {
      context_ = std::make_shared<StreamClientContext>(
          StreamClientContext{.loop = thread.loop(),
                              .limits = limits,
                              .include_deadline = [](std::int64_t) {},
                              .on_room = [](StreamClientConnection*) {},
                              .on_closed = [this](StreamClientConnection*) { events.add("closed"); },
                              .on_repeat = [this](const std::shared_ptr<StreamCall>& call) { events.add("repeat " + call->head.target); }});
      connection = open_h2_client(context_, Wire::make(thread.loop(), pair_[0], std::move(*plain_transport(pair_[0]))));
    });
  }
  ~Ends() {
    thread.on([&] {
      connection->close();
      connection.reset();
    });
  }

  // Behind the preface: frames alone. Then the server's SETTINGS.
  void greet(std::string_view settings = settings_frame()) {
    EXPECT_EQ(server.read_exactly(kPreface.size()), kPreface);
    server.send(settings);
    read_raw_until(server, 4, 0, 1);
  }

  // The text of events is "NAME what".
  std::shared_ptr<StreamCall> start(const std::string& name, ClientHead head) {
    auto handlers =
        ClientStreamHandlers{.on_inform = [this, name](int status, const Headers&) { events.add(name + " " + std::to_string(status)); },
                             .on_head =
                                 [this, name](int status, const Headers& headers, std::optional<std::uint64_t> length) {
                                   std::string text = name + " " + std::to_string(status);
                                   for (const auto& [key, value] : headers.all()) text.append(" ").append(key).append("=").append(value);
                                   if (length) text += " of " + std::to_string(*length);
                                   events.add(text);
                                 },
                             .body = {.on_data = [this, name](std::string_view chunk) { events.add(name + " data " + std::string(chunk)); },
                                      .on_end =
                                          [this, name](const Headers& trailers) {
                                            std::string text = name + " end";
                                            for (const auto& [key, value] : trailers.all())
                                              text.append(" ").append(key).append("=").append(value);
                                            events.add(text);
                                          },
                                      .on_lost = [this, name](const Error& error) { events.add(name + " lost: " + error.message); }},
                             .on_writable = [this, name] { events.add(name + " writable"); },
                             .on_upgrade = {}};
    return thread.on([&] {
      Destination to;
      to.scheme = "https";
      auto call = std::make_shared<StreamCall>(to, std::move(head), std::move(handlers), context_->limits.queued_bytes);
      connection->carry(call);
      return call;
    });
  }
  std::shared_ptr<StreamCall> get(const std::string& path) { return start(path, {"GET", "host", path, {}, 0, ""}); }

 private:
  static std::array<int, 2> make_pair() {
    std::array<int, 2> pair{-1, -1};
    (void)!::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data());
    ::fcntl(pair[0], F_SETFL, O_NONBLOCK);
    return pair;
  }
  std::array<int, 2> pair_;
  std::shared_ptr<StreamClientContext> context_;

 public:
  LoopThread thread;
  RawClient server;
  Notes events;
  std::shared_ptr<StreamClientConnection> connection;
};

const Fields kAnswer{{":status", "200"}, {"x-name", "value"}};

TEST(H2Client, SendsARequestAndHearsItsAnswer) {
  Ends ends;
  ends.start("a", {"POST", "host:8443", "/p?q", {{"X-Name", "v"}, {"Connection", "close"}}, std::uint64_t{4}, ""});
  ends.thread.on([&] {});
  ends.greet();
  RawHttp2 unused(ends.server);
  ends.server.send(headers_frame(1, {{":status", "103"}}) +
                   headers_frame(1, {{":status", "200"}, {"x-name", "value"}, {"content-length", "5"}}) + data_frame(1, "hello", false) +
                   headers_frame(1, {{"x-sum", "7"}}, kWhole));
  EXPECT_EQ(ends.events.next(), "a 103");
  EXPECT_EQ(ends.events.next(), "a 200 x-name=value of 5");
  EXPECT_EQ(ends.events.next(), "a data hello");
  EXPECT_EQ(ends.events.next(), "a end x-sum=7");
}

TEST(H2Client, TheRequestOnTheWireHasItsPseudoFieldsFirstAndNothingOfHttp1) {
  Ends ends;
  const auto call = ends.start("a", {"POST", "host:8443", "/p?q", {{"X-Name", "v"}, {"Connection", "close"}, {"TE", "gzip"}}, 4, ""});
  ends.thread.on([&] {
    call->write("body");
    call->end({{"x-sum", "7"}});
  });
  EXPECT_EQ(ends.server.read_exactly(kPreface.size()), kPreface);
  RawHttp2 http2(ends.server);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(seen.data, "body");
  EXPECT_TRUE(seen.ended);
  const std::map<std::string, std::string> expected{{":method", "POST"}, {":scheme", "https"}, {":authority", "host:8443"},
                                                    {":path", "/p?q"},   {"x-name", "v"},      {"content-length", "4"},
                                                    {"x-sum", "7"}};
  EXPECT_EQ(seen.fields, expected);
}

TEST(H2Client, ManyCallsShareTheConnectionUpToTheServersBound) {
  Ends ends;
  EXPECT_EQ(ends.thread.on([&] { return ends.connection->room(); }), 1U);  // until the server has said how many
  ends.get("/a");
  EXPECT_EQ(ends.thread.on([&] { return ends.connection->room(); }), 0U);
  ends.greet(setting_frame(3, 3));
  ends.server.send(ping_frame());
  read_raw_until(ends.server, 6, 0, 1);
  EXPECT_EQ(ends.thread.on([&] { return ends.connection->room(); }), 2U);
  ends.get("/b");
  ends.get("/c");
  EXPECT_EQ(ends.thread.on([&] { return ends.connection->room(); }), 0U);
  ends.server.send(headers_frame(5, kAnswer) + headers_frame(3, kAnswer) + data_frame(5, "third"));
  EXPECT_EQ(ends.events.next(), "/c 200 x-name=value");
  EXPECT_EQ(ends.events.next(), "/b 200 x-name=value");
  EXPECT_EQ(ends.events.next(), "/c data third");
  EXPECT_EQ(ends.events.next(), "/c end");
  EXPECT_EQ(ends.thread.on([&] { return ends.connection->room(); }), 1U);
}

TEST(H2Client, AHeldAnswerKeepsItsWindowClosedAndComesWholeAfterTheStreamHasEnded) {
  Ends ends;
  const auto call = ends.get("/a");
  ends.thread.on([&] { call->hold(true); });
  ends.greet();
  ends.server.send(headers_frame(1, kAnswer) + data_frame(1, "some ", false) + data_frame(1, "more", true) + ping_frame());
  for (const auto& one : read_raw_until(ends.server, 6, 0, 1)) EXPECT_NE(one.type == 8 && one.stream == 1, true);
  EXPECT_EQ(ends.events.next(), "/a 200 x-name=value");
  EXPECT_TRUE(ends.events.empty());
  ends.thread.on([&] { call->hold(false); });
  EXPECT_EQ(ends.events.next(), "/a data some more");
  EXPECT_EQ(ends.events.next(), "/a end");
}

TEST(H2Client, ABodyThatTheServerDoesNotTakeWaits) {
  Ends ends({.queued_bytes = 10'000});
  const auto call = ends.start("a", {"POST", "host", "/", {}, std::nullopt, ""});
  ends.greet(setting_frame(4, 0));
  EXPECT_FALSE(ends.thread.on([&] { return call->write(std::string(20'000, 'x')); }));
  ends.server.send(ping_frame());
  for (const auto& one : read_raw_until(ends.server, 6, 0, 1)) EXPECT_NE(one.type, 0);
  ends.server.send(window_frame(1, 16'000));
  EXPECT_EQ(ends.events.next(), "a writable");
}

TEST(H2Client, ACallThatIsCutIsResetAndHeardOfNoMore) {
  Ends ends;
  const auto call = ends.get("/a");
  ends.greet();
  ends.thread.on([&] { call->cut(); });
  EXPECT_EQ(number_of(read_raw_until(ends.server, 3, 1).back().payload), 8U);
  ends.server.send(headers_frame(1, kAnswer) + data_frame(1, "late"));
  ends.server.send(ping_frame());
  read_raw_until(ends.server, 6, 0, 1);
  EXPECT_TRUE(ends.events.empty());
}

TEST(H2Client, AnAnswerBeforeTheRequestHasEndedStopsTheRequest) {
  Ends ends;
  ends.start("a", {"POST", "host", "/", {}, std::nullopt, ""});
  ends.greet();
  ends.server.send(headers_frame(1, {{":status", "413"}}, kWhole));
  EXPECT_EQ(ends.events.next(), "a 413 of 0");
  EXPECT_EQ(ends.events.next(), "a end");
  EXPECT_EQ(read_raw_until(ends.server, 3, 1).back().type, 3);
}

// --- ends that call for a repetition, or must not ---

TEST(H2Client, ARefusedStreamIsRepeatedOnceWhateverItsMethodWhereItHasNoBody) {
  Ends ends;
  ends.start("a", {"DELETE", "host", "/refused", {}, 0, ""});
  ends.greet();
  ends.server.send(reset_frame(1, 7));
  EXPECT_EQ(ends.events.next(), "repeat /refused");
  auto call = ends.start("b", {"POST", "host", "/with-body", {}, 4, ""});
  read_raw_until(ends.server, 1, 3);
  ends.server.send(reset_frame(3, 7));
  EXPECT_THAT(ends.events.next(), HasSubstr("b lost: the stream was reset: REFUSED_STREAM"));
}

TEST(H2Client, AGoodbyeEndsTheRoomRepeatsWhatWasNotTakenAndServesTheRest) {
  Ends ends;
  ends.get("/taken");
  ends.greet();
  ends.get("/untaken");
  read_raw_until(ends.server, 1, 3);
  ends.server.send(frame(7, 0, 0, number_bytes(1) + number_bytes(0)));
  EXPECT_EQ(ends.events.next(), "repeat /untaken");
  EXPECT_EQ(ends.thread.on([&] { return ends.connection->room(); }), 0U);
  EXPECT_FALSE(ends.thread.on([&] { return ends.connection->looks_usable(); }));
  ends.server.send(headers_frame(1, kAnswer, kWhole));
  EXPECT_EQ(ends.events.next(), "/taken 200 x-name=value of 0");
  EXPECT_EQ(ends.events.next(), "/taken end");
  EXPECT_TRUE(ends.server.sees_end());
}

TEST(H2Client, ALostConnectionRepeatsWhatIsSafeAndNoAnswerHadBegun) {
  Ends ends;
  ends.get("/silent");
  ends.greet();
  ends.get("/begun");
  ends.start("delete", {"DELETE", "host", "/delete", {}, 0, ""});
  read_raw_until(ends.server, 1, 5);
  ends.server.send(headers_frame(3, kAnswer));
  EXPECT_EQ(ends.events.next(), "/begun 200 x-name=value");
  ends.server.close();
  std::vector<std::string> seen{ends.events.next(), ends.events.next(), ends.events.next()};
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("repeat /silent", "/begun lost: the other side has closed the connection",
                                                    "delete lost: the other side has closed the connection"));
  EXPECT_EQ(ends.events.next(), "closed");
}

TEST(H2Client, AServerThatSaysNothingIsAskedWhetherItIsThereAndGivenUp) {
  Ends ends;
  ends.get("/a");
  ends.greet();
  const auto later = [&](std::int64_t by_ms) { ends.thread.on([&] { ends.connection->check_deadline(steady_ms() + by_ms); }); };
  later(31'000);
  ends.server.send(frame(6, 1, 0, read_raw_until(ends.server, 6).back().payload));
  ends.server.send(headers_frame(1, kAnswer));
  EXPECT_EQ(ends.events.next(), "/a 200 x-name=value");
  later(31'000);
  read_raw_until(ends.server, 6);
  later(60'000);
  EXPECT_EQ(ends.events.next(), "/a lost: the server does not answer");
  EXPECT_EQ(ends.events.next(), "closed");
}

// --- servers that answer nonsense ---

struct BadAnswer {
  const char* name;
  std::string bytes;
  std::string problem;
};
void PrintTo(const BadAnswer& row, std::ostream* out) { *out << row.name; }
class HostileH2Server : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(HostileH2Server, LosesItsCallOnce) {
  Ends ends({.header_bytes = 4096});
  ends.start("call", {"POST", "host", "/", {}, std::nullopt, ""});
  ends.greet();
  ends.server.send(GetParam().bytes);
  std::string event = ends.events.next();
  while (event.starts_with("call 1") || event.starts_with("call 200") || event.starts_with("call data")) event = ends.events.next();
  EXPECT_THAT(event, HasSubstr("call lost: "));
  EXPECT_THAT(event, HasSubstr(GetParam().problem));
}

std::string repeated(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, HostileH2Server,
    ::testing::Values(BadAnswer{"NoStatus", headers_frame(1, {{"x-name", "x"}}), "PROTOCOL_ERROR"},
                      BadAnswer{"AStatusThatIsNone", headers_frame(1, {{":status", "9x"}}), "PROTOCOL_ERROR"},
                      BadAnswer{"TwoStatuses", headers_frame(1, {{":status", "200"}, {":status", "200"}}), "PROTOCOL_ERROR"},
                      BadAnswer{"ASwitchOfProtocols", headers_frame(1, {{":status", "101"}}), ""},
                      BadAnswer{"ARequest", headers_frame(1, get_fields()), "PROTOCOL_ERROR"},
                      BadAnswer{"ALineBreakInAValue", headers_frame(1, {{":status", "200"}, {"x-y", "a\r\nb: c"}}), "PROTOCOL_ERROR"},
                      BadAnswer{"Connection", headers_frame(1, {{":status", "200"}, {"connection", "close"}}), "PROTOCOL_ERROR"},
                      BadAnswer{"TransferEncoding", headers_frame(1, {{":status", "200"}, {"transfer-encoding", "chunked"}}),
                                "PROTOCOL_ERROR"},
                      BadAnswer{"DataBeforeTheHead", data_frame(1, "x"), "ended"},
                      BadAnswer{"ShorterThanTold", headers_frame(1, {{":status", "200"}, {"content-length", "5"}}) + data_frame(1, "abc"),
                                "PROTOCOL_ERROR"},
                      BadAnswer{"LongerThanTold", headers_frame(1, {{":status", "200"}, {"content-length", "1"}}) + data_frame(1, "abc"),
                                "PROTOCOL_ERROR"},
                      BadAnswer{"InterimsWithoutEnd", repeated(50, headers_frame(1, {{":status", "103"}})), "without end"},
                      BadAnswer{"AnInterimThatEnds", headers_frame(1, {{":status", "103"}}, kWhole), "PROTOCOL_ERROR"},
                      BadAnswer{"MuchHead",
                                headers_frame(1,
                                              [] {
                                                auto fields = kAnswer;
                                                for (int i = 0; i < 50; ++i)
                                                  fields.emplace_back("x-" + std::to_string(i), std::string(100, 'x'));
                                                return fields;
                                              }()),
                                "over 4096 bytes"},
                      BadAnswer{"AReset", reset_frame(1, 2), "INTERNAL_ERROR"},
                      BadAnswer{"APush", frame(5, kEndHeaders, 1, std::string("\0\0\0\2", 4) + block(get_fields())), "ended"},
                      BadAnswer{"AFloodOfPings", repeated(3'000, ping_frame()), "ended"},
                      BadAnswer{"AFloodOfSettings", repeated(3'000, settings_frame()), "ended"},
                      BadAnswer{"AFloodOfEmptyData", headers_frame(1, kAnswer) + repeated(3'000, data_frame(1, "", false)), "ended"},
                      BadAnswer{"EndlessContinuations", headers_frame(1, kAnswer, 0) + repeated(3'000, frame(9, 0, 1, "")), "ended"},
                      BadAnswer{"AWindowThatOverflows", window_frame(0, 0x7fffffff), "ended"},
                      BadAnswer{"Http1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", ""}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace interlock::net::testing
