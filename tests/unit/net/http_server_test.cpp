// The server over real sockets: framing, order, streams, clients that go away, limits, draining, Unix sockets.
#include "net/http_server.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>

#include "parts.hpp"

namespace interlock::net::testing {
namespace {

// Says what it was asked.
void echo(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  std::string text =
      request.method + " " + request.path + "?" + request.query + " " + std::to_string(request.body.size()) + ":" + request.body;
  exchange->respond(200, {{"Content-Type", "text/plain"}}, std::move(text));
}

std::string get(std::string_view path, std::string_view more = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n";
}

TEST(HttpServer, AnswersARequest) {
  RunningServer running(echo);
  RawClient client(running.port());
  const auto response = client.ask(get("/a/b?c=d%20e"));
  EXPECT_EQ(status_of(response), 200);
  EXPECT_EQ(body_of(response), "GET /a/b?c=d%20e 0:");
  EXPECT_NE(response.find("\r\nDate: "), std::string::npos);
}

TEST(HttpServer, KeepsAConnectionForManyRequests) {
  RunningServer running(echo);
  RawClient client(running.port());
  for (int i = 0; i < 100; ++i) {
    const auto body = std::string(static_cast<std::size_t>(i * 997), 'x');
    const auto response = client.ask("POST /" + std::to_string(i) +
                                     " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_EQ(body_of(response), "POST /" + std::to_string(i) + "? " + std::to_string(body.size()) + ":" + body);
  }
  EXPECT_EQ(running.connections(), 1U);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderThoughTheHandlerIsSlow) {
  RunningServer* running = nullptr;
  std::atomic<int> at_work = 0;
  std::atomic<bool> overlapped = false;
  RunningServer server([&](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    if (++at_work > 1) overlapped = true;
    running->loop().after_ms(request.path == "/0" ? 30 : 1, [&, request, exchange] {
      --at_work;
      exchange->respond(200, {}, request.path + ":" + request.body);
    });
  });
  running = &server;
  RawClient client(server.port());
  std::string bytes;
  for (int i = 0; i < 20; ++i)
    bytes += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
  client.send(bytes);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(body_of(client.read_response()), "/" + std::to_string(i) + ":ab");
  EXPECT_FALSE(overlapped);
}

TEST(HttpServer, KeepsTheOrderOfBytesThatComeWhileAnswersAreOwed) {
  constexpr int kRequests = 1000;
  RunningServer* running = nullptr;
  RunningServer server([&](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    running->loop().post([path = std::move(request.path), exchange] { exchange->respond(200, {}, path); });
  });
  running = &server;
  RawClient client(server.port());
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i)
      client.send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nX-Fill: " + std::string(400, 'f') + "\r\n\r\n");
  });
  for (int i = 0; i < kRequests; ++i) {
    const auto response = client.read_response();
    EXPECT_EQ(body_of(response), "/" + std::to_string(i)) << response;
    if (::testing::Test::HasFailure()) break;
  }
  client.end_writing();
  sender.join();
}

TEST(HttpServer, StopsReadingFromAClientThatPipelinesWithoutEnd) {
  std::shared_ptr<HttpExchange> held;
  RunningServer running([&](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    if (request.path == "/held") held = std::move(exchange);
    else exchange->respond(200, {}, "later");
  });
  RawClient client(running.port());
  client.send(get("/held"));
  // Far more than the server and both sockets' buffers take; the client's send gives up in the end, or is never allowed to.
  const timeval short_patience{0, 300'000};
  ::setsockopt(client.fd(), SOL_SOCKET, SO_SNDTIMEO, &short_patience, sizeof short_patience);
  const std::string more(64 * 1024, 'x');
  std::size_t sent = 0;
  const std::string request = "POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
  client.send(request);
  while (sent < (std::size_t{64} << 20) && client.send(more)) sent += more.size();
  EXPECT_LT(sent, std::size_t{64} << 20);
  running.thread().on([&] {
    EXPECT_FALSE(held->gone());
    held->respond(200, {}, "done");
    held.reset();
  });
  EXPECT_EQ(body_of(client.read_response()), "done");
  EXPECT_EQ(status_of(client.read_response()), 413);
}

TEST(HttpServer, StreamsChunksAtOnce) {
  std::shared_ptr<HttpExchange> held;
  std::promise<void> started;
  RunningServer running([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    exchange->start(200, {{"Content-Type", "text/event-stream"}});
    exchange->write("one");
    const bool first = !std::exchange(held, std::move(exchange));
    if (first) started.set_value();
  });
  RawClient client(running.port());
  client.send(get("/"));
  started.get_future().wait();
  const auto head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(client.read_until("one\r\n"), "3\r\none\r\n");
  running.thread().on([&] { held->write(std::string(300, 'b')); });
  EXPECT_EQ(client.read_exactly(5 + 300 + 2), "12c\r\n" + std::string(300, 'b') + "\r\n");
  running.thread().on([&] {
    EXPECT_TRUE(held->write(""));  // says nothing: an empty chunk would end the stream
    held->end();
    EXPECT_FALSE(held->write("late"));
  });
  EXPECT_EQ(client.read_exactly(5), "0\r\n\r\n");
  // The connection is kept.
  client.send(get("/"));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 200);
  running.thread().on([&] { held.reset(); });
}

TEST(HttpServer, CutsTheConnectionOfAnAnswerThatIsDropped) {
  RunningServer running([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    if (request.path == "/half") {
      exchange->start(200, {});
      exchange->write("half");
    }
  });
  for (const char* path : {"/", "/half"}) {
    RawClient client(running.port());
    client.send(get(path));
    EXPECT_EQ(client.read_all().find("0\r\n\r\n"), std::string::npos);
    EXPECT_TRUE(client.sees_end());
  }
}

TEST(HttpServer, TellsTheHandlerOnceThatTheClientIsGone) {
  std::promise<void> started, gone;
  std::atomic<int> times = 0;
  std::shared_ptr<HttpExchange> held;
  RunningServer running([&](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    exchange->on_gone([&] {
      ++times;
      gone.set_value();
    });
    if (request.path == "/stream") exchange->start(200, {});
    held = std::move(exchange);
    started.set_value();
  });
  for (const char* path : {"/silent", "/stream"}) {
    started = {};
    gone = {};
    times = 0;
    {
      RawClient client(running.port());
      client.send(get(path));
      started.get_future().wait();
    }
    ASSERT_EQ(gone.get_future().wait_for(std::chrono::seconds(kPatience_s)), std::future_status::ready);
    running.thread().on([&] {
      EXPECT_TRUE(held->gone());
      EXPECT_FALSE(held->write("x"));
      held->respond(200, {}, "nobody reads it");
      held->end();
      held.reset();
    });
    EXPECT_EQ(times, 1);
    EXPECT_TRUE(running.comes_to(0));
  }
}

TEST(HttpServer, DoesNotTellOfAClientThatLeavesAfterItsAnswer) {
  std::atomic<int> times = 0;
  std::shared_ptr<HttpExchange> held;
  RunningServer running([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    exchange->on_gone([&] { ++times; });
    exchange->respond(200, {}, "x");
    held = std::move(exchange);
  });
  {
    RawClient client(running.port());
    client.ask(get("/"));
  }
  EXPECT_TRUE(running.comes_to(0));
  running.thread().on([&] { held.reset(); });
  EXPECT_EQ(times, 0);
}

TEST(HttpServer, CutsAClientThatDoesNotReadItsStream) {
  std::promise<void> gone;
  RunningServer* running = nullptr;
  std::shared_ptr<HttpExchange> held;
  std::atomic<std::size_t> written = 0;
  std::function<void()> more;
  RunningServer server(
      [&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
        exchange->on_gone([&] { gone.set_value(); });
        exchange->start(200, {});
        held = std::move(exchange);
        more = [&] {
          if (!held->write(std::string(100'000, 'x'))) return;
          written += 100'000;
          running->loop().post(more);
        };
        running->loop().post(more);
      },
      {.queued_bytes = 1'000'000});
  running = &server;
  RawClient client(server.port());
  client.send(get("/"));
  ASSERT_EQ(gone.get_future().wait_for(std::chrono::seconds(kPatience_s)), std::future_status::ready);
  EXPECT_GT(written, 1'000'000U);  // what the sockets took is not counted
  EXPECT_LT(written, 50'000'000U);
  EXPECT_TRUE(server.comes_to(0));
  server.thread().on([&] { held.reset(); });
}

TEST(HttpServer, DeliversALargeAnswerToASlowReader) {
  const std::string large(20'000'000, 'y');
  RunningServer running([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) { exchange->respond(200, {}, large); });
  RawClient client(running.port());
  client.send(get("/") + get("/"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(body_of(client.read_response()).size(), large.size());
}

TEST(HttpServer, GivesNoBodyToHeadNorWith204) {
  RunningServer running([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    if (request.path == "/stream") {
      exchange->start(200, {});
      exchange->write("not for HEAD");
      return exchange->end();
    }
    exchange->respond(request.path == "/204" ? 204 : 200,
                      {{"X-Evil", "a\r\nX-Injected: b"}, {"Content-Length", "99"}, {"Transfer-Encoding", "chunked"}}, "body");
  });
  RawClient client(running.port());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/204") + get("/"));
  const auto head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("99"), std::string::npos);
  EXPECT_EQ(head.find("chunked"), std::string::npos);
  EXPECT_EQ(head.find("Injected"), std::string::npos);
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 200);
  const auto none = client.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(none), 204);
  EXPECT_EQ(none.find("Content-Length"), std::string::npos);
  EXPECT_EQ(body_of(client.read_response()), "body");
}

TEST(HttpServer, SpeaksHttp10) {
  RunningServer running([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    if (request.path != "/stream") return exchange->respond(200, {}, "x");
    exchange->start(200, {});
    exchange->write("until ");
    exchange->write("the end");
    exchange->end();
  });
  RawClient closing(running.port());
  const auto response = closing.ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closing.sees_end());

  RawClient kept(running.port());
  EXPECT_NE(kept.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").find("Connection: keep-alive\r\n"), std::string::npos);
  kept.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto stream = kept.read_all();
  EXPECT_EQ(body_of(stream), "until the end");
  EXPECT_EQ(stream.find("chunked"), std::string::npos);
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  RunningServer running(echo);
  RawClient client(running.port());
  client.send(get("/", "Connection: close\r\n") + get("/never"));
  const auto all = client.read_all();
  EXPECT_EQ(body_of(all), "GET /? 0:");
  EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos);
}

TEST(HttpServer, SaysContinueToAClientThatWaitsForIt) {
  RunningServer running(echo, {.body_bytes = 100});
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_EQ(body_of(client.read_response()), "POST /? 5:hello");
  // The body comes along: nothing waits.
  EXPECT_EQ(status_of(client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")), 200);
  // It would be refused: then it is not asked for.
  EXPECT_EQ(status_of(client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n")), 413);
}

TEST(HttpServer, TakesTheHostOfAnAbsoluteTarget) {
  RunningServer running([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    exchange->respond(200, {}, std::string(request.headers.get("host").value_or("")));
  });
  RawClient client(running.port());
  EXPECT_EQ(body_of(client.ask("GET http://real.example:8080/ HTTP/1.1\r\nHost: lie.example\r\n\r\n")), "real.example:8080");
}

TEST(HttpServer, LetsAClientReadTheRefusalOfABodyThatItStillSends) {
  RunningServer running(echo, {.body_bytes = 1000});
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
  client.send(std::string(8'000'000, 'x'));
  EXPECT_EQ(status_of(client.read_response()), 413);
}

struct Slow {
  const char* name;
  std::string bytes;
  int status;  // 0: it is just closed
};
class SlowClient : public ::testing::TestWithParam<Slow> {};
TEST_P(SlowClient, IsCutOffInTime) {
  RunningServer running(echo, {.header_timeout_ms = 40, .body_timeout_ms = 60, .idle_timeout_ms = 80});
  RawClient client(running.port());
  client.send(GetParam().bytes);
  auto all = client.read_all();
  if (GetParam().bytes.starts_with("GET")) all.erase(0, all.find("? 0:") + 4);  // of a first, whole request
  EXPECT_EQ(status_of(all), GetParam().status) << all;
  client.close();
  EXPECT_TRUE(running.comes_to(0));
}
INSTANTIATE_TEST_SUITE_P(Waits, SlowClient,
                         ::testing::Values(Slow{"SaysNothing", "", 0}, Slow{"HalfAHead", "POST / HTTP/1.1\r\nHost: a\r\n", 408},
                                           Slow{"HalfABody", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", 408},
                                           Slow{"HalfAChunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
                                                408},
                                           Slow{"IdleAfterAnAnswer", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
                                           Slow{"HalfASecondHead", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", 408}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HttpServer, ADripOfBytesDoesNotKeepASlowHeadAlive) {
  RunningServer running(echo, {.header_timeout_ms = 60});
  RawClient client(running.port());
  bool taken = client.send("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 2000 && taken; ++i) {
    taken = client.send("X: y\r\n");
    ::usleep(2000);
    char byte;
    if (::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) break;
  }
  EXPECT_EQ(status_of(client.read_response()), 408);
}

TEST(HttpServer, AHandlerMayTakeItsTime) {
  RunningServer* running = nullptr;
  RunningServer server(
      [&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
        running->loop().after_ms(150, [exchange] { exchange->respond(200, {}, "slow"); });
      },
      {.header_timeout_ms = 20, .body_timeout_ms = 20, .idle_timeout_ms = 20});
  running = &server;
  RawClient client(server.port());
  EXPECT_EQ(body_of(client.ask(get("/"))), "slow");
}

TEST(HttpServer, RefusesConnectionsPastItsBound) {
  RunningServer running(echo, {.connections = 2});
  RawClient first(running.port()), second(running.port());
  EXPECT_EQ(status_of(first.ask(get("/"))), 200);
  EXPECT_EQ(status_of(second.ask(get("/"))), 200);
  RawClient third(running.port());
  const auto refused = third.read_all();
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_TRUE(body_of(refused).starts_with(R"({"error":{"code":"unavailable")"));
  first.close();
  EXPECT_TRUE(running.comes_to(1));
  RawClient fourth(running.port());
  EXPECT_EQ(status_of(fourth.ask(get("/"))), 200);
}

TEST(HttpServer, WaitsWithoutSpinningWhenDescriptorsRunOut) {
  RunningServer running(echo);
  RawClient kept(running.port());
  EXPECT_EQ(status_of(kept.ask(get("/"))), 200);
  RawClient waiting(std::uint16_t{0});  // its descriptor is taken now, to be connected below
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  const int spare = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const rlimit none_left{static_cast<rlim_t>(spare + 1), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  std::vector<int> fillers;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fillers.push_back(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(running.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(spare, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  rusage used_before{}, used_after{};
  ::getrusage(RUSAGE_SELF, &used_before);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(status_of(kept.ask(get("/"))), 200);  // those who are in are served
    ::usleep(10'000);
  }
  ::getrusage(RUSAGE_SELF, &used_after);
  const auto ms = [](const rusage& usage) {
    return usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 + usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000;
  };
  EXPECT_LT(ms(used_after) - ms(used_before), 100);
  for (const int fd : fillers) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
  const timeval patience{kPatience_s, 0};
  ::setsockopt(spare, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ASSERT_GT(::send(spare, get("/").data(), get("/").size(), MSG_NOSIGNAL), 0);
  char byte = 0;
  EXPECT_EQ(::recv(spare, &byte, 1, 0), 1);  // served once there is room
  ::close(spare);
}

TEST(HttpServer, DrainsWithoutCuttingAnAnswerShort) {
  std::shared_ptr<HttpExchange> held;
  std::promise<void> started;
  RunningServer running([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    held = std::move(exchange);
    started.set_value();
  });
  RawClient idle(running.port()), busy(running.port());
  busy.send(get("/"));
  started.get_future().wait();
  EXPECT_TRUE(running.comes_to(2));
  running.thread().on([&] { running.server().drain(); });
  EXPECT_TRUE(idle.sees_end());
  EXPECT_FALSE(RawClient(running.port()).connected());
  EXPECT_EQ(running.connections(), 1U);
  running.thread().on([&] {
    held->respond(200, {}, "complete");
    held.reset();
  });
  const auto response = busy.read_all();
  EXPECT_EQ(body_of(response), "complete");
  EXPECT_NE(response.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(running.comes_to(0));
}

TEST(HttpServer, EndsWithAnswersStillOwed) {
  std::vector<std::shared_ptr<HttpExchange>> held;
  std::promise<void> both;
  RunningServer running([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    if (!held.empty()) exchange->start(200, {});
    held.push_back(std::move(exchange));
    if (held.size() == 2) both.set_value();
  });
  RawClient first(running.port()), second(running.port());
  first.send(get("/"));
  second.send(get("/"));
  both.get_future().wait();
  running.thread().on([&] {
    running.end_server();
    for (auto& exchange : held) {
      EXPECT_TRUE(exchange->gone());
      exchange->respond(200, {}, "too late");
    }
    held.clear();
  });
  EXPECT_TRUE(first.sees_end());
  EXPECT_TRUE(second.sees_end());
}

TEST(HttpServer, NamesThePeer) {
  RunningServer running([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    exchange->respond(200, {}, request.peer + " " + std::to_string(request.peer_pid) + " " + std::to_string(request.peer_uid));
  });
  RawClient client(running.port());
  EXPECT_TRUE(body_of(client.ask(get("/"))).starts_with("127.0.0.1:"));
  RawClient again(running.port());
  EXPECT_TRUE(body_of(again.ask(get("/"))).ends_with(" -1 -1"));
}

TEST(HttpServer, ListensOnIPv6AndLocalhost) {
  RunningServer running(echo);
  running.thread().on([&] {
    EXPECT_TRUE(running.server().listen_tcp("::1", 0));
    EXPECT_TRUE(running.server().listen_tcp("localhost", 0));
    EXPECT_EQ(running.server().listen_tcp("example.com", 0).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(running.server().listen_tcp("", 0).error().code, ErrorCode::kInvalid);
    EXPECT_FALSE(running.server().listen_tcp("127.0.0.1", running.port()));
  });
}

TEST(HttpServer, KnowsWhoIsBehindAUnixSocket) {
  TemporaryFolder folder;
  const auto path = folder.path() + "/gate.sock";
  {
    RunningServer running([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
      exchange->respond(200, {}, request.peer + " " + std::to_string(request.peer_pid) + " " + std::to_string(request.peer_uid));
    });
    ASSERT_TRUE(running.thread().on([&] { return running.server().listen_unix(path); }));
    struct stat facts;
    ASSERT_EQ(::lstat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0600U);
    RawClient client(path);
    const auto pid = std::to_string(::getpid());
    const auto uid = std::to_string(::getuid());
    EXPECT_EQ(body_of(client.ask(get("/"))), "unix:pid=" + pid + ",uid=" + uid + " " + pid + " " + uid);
    // A live socket is not taken away.
    EXPECT_EQ(running.thread().on([&] { return running.server().listen_unix(path); }).error().code, ErrorCode::kConflict);
  }
  struct stat facts;
  EXPECT_NE(::lstat(path.c_str(), &facts), 0);  // it goes with the server
}

TEST(HttpServer, ReplacesADeadUnixSocketAndNothingElse) {
  TemporaryFolder folder;
  const auto dead = folder.path() + "/dead.sock";
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  dead.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  const auto file = folder.path() + "/file";
  ASSERT_EQ(std::system(("echo precious > " + file).c_str()), 0);
  RunningServer running(echo);
  running.thread().on([&] {
    EXPECT_TRUE(running.server().listen_unix(dead));
    EXPECT_EQ(running.server().listen_unix(file).error().code, ErrorCode::kConflict);
    EXPECT_EQ(running.server().listen_unix(folder.path() + "/" + std::string(200, 'a')).error().code, ErrorCode::kTooLarge);
    EXPECT_FALSE(running.server().listen_unix(folder.path() + "/no/such/folder"));
  });
  RawClient client(dead);
  EXPECT_EQ(status_of(client.ask(get("/"))), 200);
}

TEST(HttpServer, AnIdleConnectionCostsFewKiB) {
  constexpr int kClients = 500;
  RunningServer running(echo);
  const auto heap_bytes = [] { return static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd); };
  const std::string body(50'000, 'x');
  const auto use = [&](RawClient& client) { return client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + body); };
  RawClient warm(running.port());
  use(warm);
  const auto before = heap_bytes();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(running.port()));
    ASSERT_EQ(status_of(use(*clients.back())), 200);
  }
  const auto each = (heap_bytes() - before) / 1024 / kClients;
  std::printf("%.1f KiB a connection, client and server together\n", each);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(each, 4.0);
#endif
}

}  // namespace
}  // namespace interlock::net::testing
