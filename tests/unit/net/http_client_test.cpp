// The client against our server and against servers that misbehave: streams, kept connections, limits, timeouts, cancelling.
#include "net/http_client.hpp"

#include <atomic>
#include <optional>

#include "parts.hpp"
#include "scripted_server.hpp"

namespace interlock::net::testing {
namespace {

struct Outcome {
  int status = 0;
  Headers headers;
  std::string body;
  int heads = 0;
  int ends = 0;
  std::optional<Status> end;
  bool ok() const { return end && end->has_value(); }
  ErrorCode code() const { return end && !*end ? end->error().code : ErrorCode::kInternal; }
  std::string text() const { return end && !*end ? end->error().text() : std::string(); }
};

// A client on the test's own thread: run() turns the loop until nothing is open.
class Asker {
 public:
  explicit Asker(HttpClientOptions options = {}) : client_(std::make_unique<HttpClient>(loop_, std::move(options))) {}

  std::shared_ptr<HttpCall> start(std::shared_ptr<Outcome> outcome, HttpClientRequest request) {
    ++open_;
    return client_->start(std::move(request), {.on_head =
                                                   [outcome](int status, Headers headers) {
                                                     ++outcome->heads;
                                                     outcome->status = status;
                                                     outcome->headers = std::move(headers);
                                                   },
                                               .on_data = [outcome](std::string_view chunk) { outcome->body += chunk; },
                                               .on_end =
                                                   [this, outcome](Status status) {
                                                     ++outcome->ends;
                                                     outcome->end = std::move(status);
                                                     if (--open_ == 0) loop_.stop();
                                                   }});
  }
  void run() {
    if (open_ == 0) return;
    const auto patience = loop_.after_ms(kPatience_s * 1000, [this] {
      ADD_FAILURE() << "the loop waited too long";
      loop_.stop();
    });
    loop_.run();
    loop_.cancel(patience);
  }
  Outcome ask(HttpClientRequest request) {
    auto outcome = std::make_shared<Outcome>();
    start(outcome, std::move(request));
    run();
    EXPECT_EQ(outcome->ends, 1);
    EXPECT_LE(outcome->heads, 1);
    return *outcome;
  }
  Loop& loop() { return loop_; }
  HttpClient& client() { return *client_; }
  void drop_client() { client_.reset(); }
  void forget_open() { open_ = 0; }

 private:
  Loop loop_;
  std::unique_ptr<HttpClient> client_;
  int open_ = 0;
};

HttpClientRequest to(std::uint16_t port, std::string method = "GET", std::string body = {}, std::string target = "/") {
  return {.method = std::move(method),
          .url = {.scheme = "http", .host = "127.0.0.1", .port = port, .target = std::move(target)},
          .headers = {},
          .body = std::move(body),
          .head_timeout_ms = 0};
}

void echo(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  exchange->respond(200, {{"X-Peer", request.peer}}, request.method + " " + request.path + " " + request.body);
}

TEST(HttpClient, GetsAnAnswer) {
  RunningServer running(echo);
  Asker asker;
  const auto outcome = asker.ask(to(running.port(), "POST", "hello", "/x"));
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, "POST /x hello");
}

TEST(HttpClient, SendsWhatItShould) {
  std::string seen;
  ScriptedServer server({[&](ScriptedConnection& connection) {
    seen = connection.read_request();
    connection.send("HTTP/1.1 204 No Content\r\n\r\n");
  }});
  Asker asker;
  auto request = to(server.port(), "POST", "hello", "/a?b=c");
  request.headers = {{"X-A", "b"}, {"Host", "lie"}, {"Content-Length", "99"}, {"Transfer-Encoding", "chunked"}, {"Connection", "close"}};
  EXPECT_TRUE(asker.ask(std::move(request)).ok());
  EXPECT_EQ(seen,
            "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello");
}

struct Answer {
  const char* name;
  std::string bytes;
  bool ok;
  int status;
  std::string body;
  ErrorCode code = ErrorCode::kInternal;
  std::string method = "GET";
};
void PrintTo(const Answer& row, std::ostream* out) { *out << row.name; }
class ServerAnswer : public ::testing::TestWithParam<Answer> {};

void expect_answer(const Answer& row, const Outcome& outcome) {
  EXPECT_EQ(outcome.ok(), row.ok) << outcome.text();
  EXPECT_EQ(outcome.status, row.status);
  EXPECT_EQ(outcome.body, row.body);
  if (!row.ok) {
    EXPECT_EQ(error_code_name(outcome.code()), error_code_name(row.code)) << outcome.text();
    EXPECT_FALSE(outcome.text().empty());
  }
}
TEST_P(ServerAnswer, IsReadAsItIs) {
  const auto& row = GetParam();
  ScriptedServer server({[&](ScriptedConnection& connection) {
    connection.read_request();
    connection.send(row.bytes);
  }});
  Asker asker({.header_bytes = 4096});
  expect_answer(row, asker.ask(to(server.port(), row.method)));
}
TEST_P(ServerAnswer, IsReadTheSameInPieces) {
  const auto& row = GetParam();
  ScriptedServer server({[&](ScriptedConnection& connection) {
    const int on = 1;
    ::setsockopt(connection.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
    connection.read_request();
    const auto piece = row.bytes.size() > 1000 ? std::size_t{97} : std::size_t{1};
    for (std::size_t at = 0; at < row.bytes.size(); at += piece) connection.send(std::string_view(row.bytes).substr(at, piece));
  }});
  Asker asker({.header_bytes = 4096});
  expect_answer(row, asker.ask(to(server.port(), row.method)));
}
const std::string kOk = "HTTP/1.1 200 OK\r\n";
INSTANTIATE_TEST_SUITE_P(
    Shapes, ServerAnswer,
    ::testing::Values(
        Answer{"ALength", kOk + "Content-Length: 5\r\n\r\nhello", true, 200, "hello"},
        Answer{"NoReason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", true, 200, ""},
        Answer{"Chunks", kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", true, 200, "hello!"},
        Answer{"ChunksWithTrailers", kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", true, 200, "hello"},
        Answer{"UntilTheEnd", kOk + "\r\nhello", true, 200, "hello"},
        Answer{"UntilTheEndOfHttp10", "HTTP/1.0 200 OK\r\n\r\nhello", true, 200, "hello"},
        Answer{"NothingUntilTheEnd", kOk + "\r\n", true, 200, ""},
        Answer{"AnInterimFirst",
               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + kOk + "Content-Length: 1\r\n\r\nx", true,
               200, "x"},
        Answer{"NoContent", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", true, 204, ""},
        Answer{"NotModified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true, 304, ""},
        Answer{"ToHead", kOk + "Content-Length: 5\r\n\r\n", true, 200, "", ErrorCode::kInternal, "HEAD"},
        Answer{"ToHeadChunked", kOk + "Transfer-Encoding: chunked\r\n\r\n", true, 200, "", ErrorCode::kInternal, "HEAD"},
        Answer{"AnUnusualStatus", "HTTP/1.1 599 Odd\r\nContent-Length: 1\r\n\r\nx", true, 599, "x"},
        Answer{"Nothing", "", false, 0, "", ErrorCode::kUnavailable},
        Answer{"HalfAHead", "HTTP/1.1 200 OK\r\nContent-", false, 0, "", ErrorCode::kUnavailable},
        Answer{"TooShortABody", kOk + "Content-Length: 9\r\n\r\nhello", false, 200, "hello", ErrorCode::kUnavailable},
        Answer{"ChunksWithoutAnEnd", kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, 200, "hello",
               ErrorCode::kUnavailable},
        Answer{"HalfTheLastChunk", kOk + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", false, 200, "hello",
               ErrorCode::kUnavailable},
        Answer{"AnInterimAlone", "HTTP/1.1 100 Continue\r\n\r\n", false, 0, "", ErrorCode::kUnavailable},
        Answer{"Garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"BinaryGarbage", std::string("\x15\x03\x03\0\2\2\x28", 7), false, 0, "", ErrorCode::kInvalid},
        Answer{"Http2", "HTTP/2.0 200 OK\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"NoStatus", "HTTP/1.1 abc OK\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"AStatusOfZero", "HTTP/1.1 000 OK\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"ASwitchOfProtocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"BothLengthAndCoding", kOk + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 0, "",
               ErrorCode::kInvalid},
        Answer{"TwoLengths", kOk + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", false, 0, "", ErrorCode::kInvalid},
        Answer{"AnUnknownCoding", kOk + "Transfer-Encoding: gzip\r\n\r\nhello", false, 0, "", ErrorCode::kInvalid},
        Answer{"ABareLf", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"AFoldedHeader", kOk + "X: a\r\n b\r\n\r\n", false, 0, "", ErrorCode::kInvalid},
        Answer{"ANulInAHeader", kOk + std::string("X: a\0b\r\n\r\n", 10), false, 0, "", ErrorCode::kInvalid},
        Answer{"ABadChunk", kOk + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, 200, "", ErrorCode::kInvalid},
        Answer{"ALongHead", kOk + "X: " + std::string(10'000, 'a'), false, 0, "", ErrorCode::kTooLarge},
        Answer{"InterimsWithoutEnd",
               [] {
                 std::string out;
                 for (int i = 0; i < 50; ++i) out += "HTTP/1.1 102 Processing\r\n\r\n";
                 return out;
               }(),
               false, 0, "", ErrorCode::kInvalid}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HttpClient, KeepsItsConnection) {
  RunningServer running(echo);
  Asker asker;
  std::string peer;
  for (int i = 0; i < 50; ++i) {
    const auto outcome = asker.ask(to(running.port(), "POST", std::string(static_cast<std::size_t>(i) * 1000, 'x')));
    ASSERT_TRUE(outcome.ok()) << outcome.text();
    EXPECT_EQ(outcome.body.size(), 7U + static_cast<std::size_t>(i) * 1000);
    EXPECT_TRUE(i == 0 || outcome.headers.get("x-peer") == peer);
    peer = std::string(*outcome.headers.get("x-peer"));
  }
}

TEST(HttpClient, DoesNotKeepAConnectionThatTheServerEnds) {
  ScriptedServer server({[](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1");
                           connection.wait_end();
                         },
                         [](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
                         }});
  Asker asker;
  EXPECT_EQ(asker.ask(to(server.port())).body, "1");
  EXPECT_EQ(asker.ask(to(server.port())).body, "2");
}

TEST(HttpClient, DropsAConnectionThatSaysMoreThanItWasAsked) {
  ScriptedServer server({[](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
                           connection.wait_end();
                         },
                         [](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
                         }});
  Asker asker;
  EXPECT_EQ(asker.ask(to(server.port())).body, "1");
  EXPECT_EQ(asker.ask(to(server.port())).body, "2");
}

TEST(HttpClient, RetriesOnceOnAKeptConnectionThatWasClosedWithoutAWord) {
  for (const bool by_reset : {false, true}) {
    const auto take_and_close = [by_reset](ScriptedConnection& connection) {
      connection.read_request();
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
      connection.read_request();  // the second has arrived: the client cannot have known
      if (by_reset) connection.reset();
    };
    std::string retried;
    ScriptedServer server({take_and_close, [&](ScriptedConnection& connection) {
                             retried = connection.read_request();
                             connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
                           }});
    Asker asker;
    EXPECT_EQ(asker.ask(to(server.port())).body, "1");
    const auto second = asker.ask(to(server.port(), "POST", "again"));
    EXPECT_TRUE(second.ok()) << second.text();
    EXPECT_EQ(second.body, "2");
    EXPECT_TRUE(retried.ends_with("\r\n\r\nagain"));
  }
}

TEST(HttpClient, SendsNothingTwiceThatMustNotBeRepeated) {
  ScriptedServer server({[](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
                           connection.read_request();  // carried out, perhaps; nobody can know
                         },
                         [](ScriptedConnection& connection) {
                           connection.read_request();
                           connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
                         }});
  Asker asker;
  EXPECT_EQ(asker.ask(to(server.port())).body, "1");
  auto once = to(server.port(), "POST", "pay");
  once.may_repeat = false;
  EXPECT_EQ(asker.ask(std::move(once)).code(), ErrorCode::kUnavailable);
}

TEST(HttpClient, DoesNotRetryAFreshConnectionNorAfterAByte) {
  ScriptedServer fresh({[](ScriptedConnection& connection) { connection.read_request(); },
                        [](ScriptedConnection& connection) { connection.send(kOk + "\r\n"); }});
  Asker asker;
  EXPECT_EQ(asker.ask(to(fresh.port())).code(), ErrorCode::kUnavailable);
  ScriptedServer after_a_byte({[](ScriptedConnection& connection) {
                                 connection.read_request();
                                 connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
                                 connection.read_request();
                                 connection.send("H");
                               },
                               [](ScriptedConnection& connection) { connection.send(kOk + "\r\n"); }});
  EXPECT_EQ(asker.ask(to(after_a_byte.port())).body, "1");
  EXPECT_EQ(asker.ask(to(after_a_byte.port())).code(), ErrorCode::kUnavailable);
}

TEST(HttpClient, TakesNoResetForTheEndOfABody) {
  std::promise<void> seen;
  ScriptedServer server({[&](ScriptedConnection& connection) {
    connection.read_request();
    connection.send(kOk + "\r\nhalf");
    seen.get_future().wait();
    connection.reset();
  }});
  Asker asker;
  Outcome outcome;
  asker.client().start(to(server.port()), {.on_head = {},
                                           .on_data = [&](std::string_view) { seen.set_value(); },
                                           .on_end =
                                               [&](Status status) {
                                                 outcome.end = std::move(status);
                                                 asker.loop().stop();
                                               }});
  asker.loop().run();
  EXPECT_EQ(outcome.code(), ErrorCode::kUnavailable);
}

TEST(HttpClient, StreamsAsItComes) {
  std::promise<void> first_seen;
  ScriptedServer server({[&](ScriptedConnection& connection) {
    connection.read_request();
    connection.send(kOk + "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    first_seen.get_future().wait();  // the second only comes once the first was handed out
    connection.send("3\r\ntwo\r\n0\r\n\r\n");
  }});
  Asker asker;
  std::string got;
  bool ended = false;
  asker.client().start(to(server.port()), {.on_head = {},
                                           .on_data =
                                               [&](std::string_view chunk) {
                                                 got += chunk;
                                                 if (got == "one") first_seen.set_value();
                                               },
                                           .on_end =
                                               [&](Status status) {
                                                 ended = status.has_value();
                                                 asker.loop().stop();
                                               }});
  asker.loop().run();
  EXPECT_TRUE(ended);
  EXPECT_EQ(got, "onetwo");
}

TEST(HttpClient, CarriesLargeBodiesBothWays) {
  RunningServer running(echo);
  Asker asker;
  const std::string large(10'000'000, 'z');
  const auto outcome = asker.ask(to(running.port(), "PUT", large));
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(outcome.body, "PUT / " + large);
}

TEST(HttpClient, TakesAnEarlyRefusalOfABodyItStillSends) {
  RunningServer running(echo, {.body_bytes = 1000});
  Asker asker;
  EXPECT_EQ(asker.ask(to(running.port(), "PUT", std::string(8'000'000, 'z'))).status, 413);
}

TEST(HttpClient, RunsManyCallsOverFewConnections) {
  RunningServer running(echo);
  Asker asker({.connections_per_origin = 3});
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 200; ++i) {
    outcomes.push_back(std::make_shared<Outcome>());
    asker.start(outcomes.back(), to(running.port(), "POST", std::to_string(i)));
  }
  asker.run();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(outcomes[static_cast<std::size_t>(i)]->body, "POST / " + std::to_string(i));
  EXPECT_LE(running.connections(), 3U);
}

TEST(HttpClient, RefusesCallsPastTheBoundOnWaiting) {
  RunningServer running(echo);
  Asker asker({.connections_per_origin = 1, .waiting_calls = 2});
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 5; ++i) {
    outcomes.push_back(std::make_shared<Outcome>());
    asker.start(outcomes.back(), to(running.port()));
    EXPECT_EQ(outcomes.back()->ends, 0);  // nobody is called inside start()
  }
  asker.run();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(outcomes[static_cast<std::size_t>(i)]->ok(), i < 3) << i;
  EXPECT_EQ(outcomes[4]->code(), ErrorCode::kUnavailable);
}

TEST(HttpClient, GivesUpOnAHeadThatDoesNotCome) {
  ScriptedServer server({[](ScriptedConnection& connection) {
    connection.read_request();
    connection.wait_end();
  }});
  Asker asker({.connections_per_origin = 1});
  auto request = to(server.port());
  request.head_timeout_ms = 40;
  auto first = std::make_shared<Outcome>(), waiting = std::make_shared<Outcome>();
  auto more_patient = request;
  asker.start(first, request);
  asker.start(waiting, request);  // waits for the connection, and no longer than for a head
  asker.run();
  EXPECT_EQ(first->code(), ErrorCode::kTimeout);
  EXPECT_EQ(waiting->code(), ErrorCode::kTimeout);
}

TEST(HttpClient, ABodyMayTakeLongerThanTheHead) {
  RunningServer* running = nullptr;
  RunningServer server([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    exchange->start(200, {});
    running->loop().after_ms(120, [exchange] {
      exchange->write("late");
      exchange->end();
    });
  });
  running = &server;
  Asker asker;
  auto request = to(server.port());
  request.head_timeout_ms = 50;
  EXPECT_EQ(asker.ask(std::move(request)).body, "late");
}

TEST(HttpClient, GivesUpOnAServerThatDoesNotAcceptTls) {
  ScriptedServer server({[](ScriptedConnection& connection) { connection.wait_end(); }});
  Asker asker({.connect_timeout_ms = 40});
  auto request = to(server.port());
  request.url.scheme = "https";
  EXPECT_EQ(asker.ask(std::move(request)).code(), ErrorCode::kTimeout);
}

TEST(HttpClient, SaysWhyAServerIsNotReached) {
  std::uint16_t port = 0;
  {
    ScriptedServer server({});
    port = server.port();
  }
  Asker asker;
  const auto refused = asker.ask(to(port));
  EXPECT_EQ(refused.code(), ErrorCode::kUnavailable);
  EXPECT_NE(refused.text().find("http://127.0.0.1:" + std::to_string(port)), std::string::npos) << refused.text();
  auto request = to(port);
  request.url.host = "no-such-host.invalid";
  EXPECT_EQ(asker.ask(std::move(request)).code(), ErrorCode::kUnavailable);
}

TEST(HttpClient, RefusesRequestsThatWouldSplitTheWire) {
  Asker asker;
  for (int i = 0; i < 4; ++i) {
    auto request = to(1);
    if (i == 0) request.headers.add("X", "a\r\nY: b");
    if (i == 1) request.headers.add("X: y", "a");
    if (i == 2) request.method = "GET / HTTP/1.1\r\n";
    if (i == 3) request.url.target = "/ HTTP/1.1\r\nX: y";
    EXPECT_EQ(asker.ask(std::move(request)).code(), ErrorCode::kInvalid);
  }
}

TEST(HttpClient, ClosesIdleConnectionsInTime) {
  RunningServer running(echo);
  Asker asker({.idle_ms = 30});
  EXPECT_TRUE(asker.ask(to(running.port())).ok());
  EXPECT_EQ(running.connections(), 1U);
  asker.loop().after_ms(100, [&] { asker.loop().stop(); });
  asker.loop().run();
  EXPECT_TRUE(running.comes_to(0));
}

TEST(HttpClient, CancelClosesTheConnectionAndCallsNobody) {
  std::promise<void> gone;
  RunningServer running([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    exchange->start(200, {});
    exchange->write("first");
    exchange->on_gone([&, exchange] { gone.set_value(); });
  });
  Asker asker;
  std::shared_ptr<HttpCall> call;
  int ends = 0;
  call = asker.client().start(to(running.port()), {.on_head = {},
                                                   .on_data =
                                                       [&](std::string_view) {
                                                         call->cancel();  // from inside its own handler
                                                         asker.loop().stop();
                                                       },
                                                   .on_end = [&](Status) { ++ends; }});
  asker.loop().run();
  asker.loop().poll();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(kPatience_s)), std::future_status::ready);
  EXPECT_EQ(ends, 0);
  call->cancel();
}

TEST(HttpClient, CancelOfAWaitingCallMakesRoom) {
  RunningServer running(echo);
  Asker asker({.connections_per_origin = 1, .waiting_calls = 1});
  auto first = std::make_shared<Outcome>(), cancelled = std::make_shared<Outcome>(), third = std::make_shared<Outcome>();
  asker.start(first, to(running.port()));
  const auto call = asker.client().start(to(running.port()), {.on_head = {}, .on_data = {}, .on_end = [&](Status) { ++cancelled->ends; }});
  call->cancel();
  asker.start(third, to(running.port()));
  asker.run();
  EXPECT_TRUE(first->ok());
  EXPECT_TRUE(third->ok());
  EXPECT_EQ(cancelled->ends, 0);
}

TEST(HttpClient, CancelsWhatRunsWhenItEnds) {
  RunningServer running([](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    exchange->start(200, {});
    exchange->on_gone([exchange] {});
  });
  Asker asker({.connections_per_origin = 1});
  auto running_call = std::make_shared<Outcome>(), waiting = std::make_shared<Outcome>();
  const auto kept = asker.start(running_call, to(running.port()));
  asker.start(waiting, to(running.port()));
  asker.loop().after_ms(20, [&] { asker.loop().stop(); });
  asker.loop().run();
  asker.drop_client();
  asker.loop().poll();
  EXPECT_EQ(running_call->ends + waiting->ends, 0);
  kept->cancel();
  EXPECT_TRUE(running.comes_to(0));
}

TEST(HttpClient, MayBeEndedByAnAnswer) {
  RunningServer running(echo);
  Asker asker;
  bool ended = false;
  asker.client().start(to(running.port()), {.on_head = {}, .on_data = {}, .on_end = [&](Status) {
                                              ended = true;
                                              asker.drop_client();
                                              asker.loop().stop();
                                            }});
  asker.loop().run();
  asker.loop().poll();
  EXPECT_TRUE(ended);
}

TEST(HttpClient, AnAnswerMayStartTheNextCallOnTheSameConnection) {
  RunningServer running(echo);
  Asker asker;
  std::vector<std::string> peers;
  std::function<void()> next = [&] {
    asker.client().start(to(running.port()), {.on_head = [&](int, Headers headers) { peers.emplace_back(*headers.get("x-peer")); },
                                              .on_data = {},
                                              .on_end =
                                                  [&](Status) {
                                                    if (peers.size() < 10) next();
                                                    else asker.loop().stop();
                                                  }});
  };
  next();
  asker.loop().run();
  ASSERT_EQ(peers.size(), 10U);
  for (const auto& peer : peers) EXPECT_EQ(peer, peers.front());
}

TEST(HttpClient, ReachesIPv6AndNames) {
  const auto answer = [](ScriptedConnection& connection) {
    const auto request = connection.read_request();
    const auto host = request.substr(request.find("Host: ") + 6);
    connection.send("HTTP/1.1 200 OK\r\n\r\n" + host.substr(0, host.find('\r')));
  };
  ScriptedServer v6({answer}, AF_INET6), v4({answer});
  if (v6.port() != 0) {
    Asker asker;
    auto request = to(v6.port());
    request.url.host = "::1";
    EXPECT_EQ(asker.ask(std::move(request)).body, "[::1]:" + std::to_string(v6.port()));
  }
  Asker asker;
  auto request = to(v4.port());
  request.url.host = "localhost";
  EXPECT_EQ(asker.ask(std::move(request)).body, "localhost:" + std::to_string(v4.port()));
}

}  // namespace
}  // namespace interlock::net::testing
