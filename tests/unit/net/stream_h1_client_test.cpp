// The client's side of HTTP/1.1 streams over real sockets, against servers that do as they are told; and the relay of both sides, which is
// what a proxy is.
#include <atomic>
#include <fstream>

#include "scripted_server.hpp"
#include "stream_parts.hpp"

namespace interlock::net::testing {
namespace {

// What became of one call, in words.
struct Outcome {
  std::string informs;
  int status = 0;
  Headers headers;
  std::optional<std::uint64_t> length;
  std::string body;
  Headers trailers;
  std::optional<Error> lost;
  bool ended = false;
  std::string upgraded;  // what came over the connection after a switch
  std::string why() const { return lost ? lost->text() : ""; }
};

ClientHead get(const std::string& target = "/") {
  return {.method = "GET", .authority = "a.example", .target = target, .headers = {}, .length = 0, .upgrade = {}};
}

// One call after another over one client, on a loop of its own.
class Caller {
 public:
  explicit Caller(StreamClientLimits limits = {}) : client_(loop_, limits) {}
  Outcome call(const Destination& to, ClientHead head, const std::vector<std::string>& body = {}, Headers trailers = {}) {
    Outcome out;
    const auto stream = client_.start(to, std::move(head), handlers(out));
    for (const auto& chunk : body) (void)stream->write(chunk);
    stream->end(std::move(trailers));
    loop_.run();
    return out;
  }
  ClientStreamHandlers handlers(Outcome& out) {
    return {.on_inform = [&out](int status, Headers) { out.informs += std::to_string(status) + " "; },
            .on_head =
                [&out](int status, Headers headers, std::optional<std::uint64_t> length) {
                  out.status = status;
                  out.headers = std::move(headers);
                  out.length = length;
                },
            .body = {.on_data = [&out](std::string_view chunk) { out.body += chunk; },
                     .on_end =
                         [&out, this](Headers trailers) {
                           out.trailers = std::move(trailers);
                           out.ended = true;
                           loop_.stop();
                         },
                     .on_lost =
                         [&out, this](Error error) {
                           out.lost = std::move(error);
                           loop_.stop();
                         }},
            .on_writable = {},
            .on_upgrade =
                [&out, this](Headers, std::unique_ptr<ByteStream> bytes) {
                  bytes_ = std::move(bytes);
                  bytes_->open({.on_bytes = [&out](std::string_view got) { out.upgraded += got; },
                                .on_end = [this] { loop_.stop(); },
                                .on_lost = [this](const Error&) { loop_.stop(); },
                                .on_writable = {}});
                  (void)bytes_->write("ping");
                }};
  }
  Loop& loop() { return loop_; }
  StreamClient& client() { return client_; }

 private:
  Loop loop_;
  StreamClient client_;
  std::unique_ptr<ByteStream> bytes_;
};

// A server whose one connection answers each request with the next of `answers`, and tells the requests it has seen.
class Answers {
 public:
  explicit Answers(std::vector<std::string> answers, bool keeps = true)
      : server_({[this, answers = std::move(answers), keeps](ScriptedConnection& connection) {
          for (const auto& answer : answers) {
            seen_.push_back(connection.read_request());
            connection.send(answer);
          }
          if (keeps) connection.wait_end();
        }}) {}
  std::uint16_t port() const { return server_.port(); }
  const std::vector<std::string>& seen() const { return seen_; }  // once its answer was read

 private:
  std::vector<std::string> seen_;
  ScriptedServer server_;
};

TEST(StreamClientH1, SendsAHeadThatIsItsOwnAndReadsTheAnswer) {
  Answers server({"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\nConnection: x-hop\r\nX-Hop: 2\r\nKeep-Alive: 3\r\n\r\nhello"});
  Caller caller;
  auto head = get("/p?q");
  head.headers = {{"X-B", "2"}, {"Connection", "bad"}, {"Content-Length", "9"}, {"Host", "other"}, {"Transfer-Encoding", "chunked"}};
  const auto got = caller.call(local(server.port()), std::move(head));
  EXPECT_EQ(server.seen().at(0), "GET /p?q HTTP/1.1\r\nHost: a.example\r\nX-B: 2\r\n\r\n");
  ASSERT_TRUE(got.ended) << got.why();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.length, 5U);
  ASSERT_EQ(got.headers.all().size(), 1U);
  EXPECT_EQ(got.headers.get("x-a"), "1");
}

TEST(StreamClientH1, SendsBodiesByLengthAndInChunks) {
  const std::string ok = "HTTP/1.1 204 No Content\r\n\r\n";
  Answers server({ok, ok});
  Caller caller;
  auto head = get();
  head.method = "POST";
  head.length = 5;
  EXPECT_TRUE(caller.call(local(server.port()), head, {"he", "llo"}).ended);
  EXPECT_EQ(server.seen().at(0), "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
  head.length = 0;
  EXPECT_TRUE(caller.call(local(server.port()), head).ended);
  EXPECT_EQ(server.seen().at(1), "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n");

  std::string seen;
  ScriptedServer chunks({[&](ScriptedConnection& connection) {
    while (!seen.ends_with("X-Sum: 7\r\n\r\n")) {
      char block[4096];
      const auto count = ::recv(connection.fd(), block, sizeof block, 0);
      if (count <= 0) return;
      seen.append(block, static_cast<std::size_t>(count));
    }
    connection.send(ok);
    connection.wait_end();
  }});
  head.length = std::nullopt;
  Caller other;
  EXPECT_TRUE(other.call(local(chunks.port()), head, {"hello", "yo"}, {{"X-Sum", "7"}}).ended);
  EXPECT_EQ(seen, "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhelloyo\r\n0\r\nX-Sum: 7\r\n\r\n");
}

TEST(StreamClientH1, ReadsEveryKindOfBody) {
  {
    Answers server(
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"});
    Caller caller;
    const auto got = caller.call(local(server.port()), get());
    EXPECT_EQ(got.informs, "100 103 ");
    EXPECT_EQ(got.body, "abc");
    EXPECT_EQ(got.length, std::nullopt);
    EXPECT_EQ(got.trailers.get("x-sum"), "6");
  }
  {
    Answers server({"HTTP/1.0 200 OK\r\n\r\nuntil the end"}, false);
    Caller caller;
    EXPECT_EQ(caller.call(local(server.port()), get()).body, "until the end");
  }
  {
    Answers server({"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n",
                    "HTTP/1.1 204 No Content\r\n\r\n"});
    Caller caller;
    auto head = get();
    head.method = "HEAD";
    EXPECT_EQ(caller.call(local(server.port()), head).length, 7U);
    EXPECT_EQ(caller.call(local(server.port()), get()).length, 8U);
    EXPECT_TRUE(caller.call(local(server.port()), get()).ended);
  }
}

TEST(StreamClientH1, KeepsAConnectionForTheNextRequestToTheSamePlaceAndRealmAlone) {
  std::atomic<int> connections = 0;
  const auto answer = [&](ScriptedConnection& connection) {
    ++connections;
    while (!connection.read_request().empty()) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  };
  ScriptedServer server({[&](ScriptedConnection& it) { answer(it); }, [&](ScriptedConnection& it) { answer(it); }});
  {
    Caller caller;
    auto to = local(server.port());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(caller.call(to, get()).body, "ok");
    EXPECT_EQ(connections, 1);
  }
  Caller caller;
  auto to = local(server.port());
  to.realm = "task-2";
  EXPECT_EQ(caller.call(to, get()).body, "ok");
  EXPECT_EQ(connections, 2);
}

TEST(StreamClientH1, RepeatsOnlyWhatIsSafeAndHasNoBody) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  for (const std::string method : {"GET", "POST", "DELETE"}) {
    const bool repeats = method == "GET";
    int seen = 0;
    std::vector<ScriptedServer::Step> steps{[&](ScriptedConnection& connection) {
      connection.read_request();
      connection.send(ok);
      connection.read_request();  // and goes, without a word
      ++seen;
    }};
    if (repeats) {
      steps.emplace_back([&](ScriptedConnection& connection) {
        connection.read_request();
        ++seen;
        connection.send(ok);
      });
    }
    std::optional<ScriptedServer> server(std::in_place, std::move(steps));
    {
      Caller caller;
      const auto to = local(server->port());
      EXPECT_EQ(caller.call(to, get()).body, "ok");
      auto head = get();
      head.method = method;
      const auto got = caller.call(to, head);
      EXPECT_EQ(got.ended, repeats) << method << got.why();
      EXPECT_EQ(got.lost.has_value(), !repeats);
    }
    server.reset();
    EXPECT_EQ(seen, repeats ? 2 : 1);
  }
}

TEST(StreamClientH1, SwitchesTheProtocolWhereItWasAskedFor) {
  std::string ping;
  ScriptedServer server({[&](ScriptedConnection& connection) {
    const auto request = connection.read_request();
    EXPECT_NE(request.find("Connection: Upgrade\r\nUpgrade: websocket\r\n"), std::string::npos) << request;
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\nfirst");
    char block[8];
    while (ping.size() < 4) {
      const auto count = ::recv(connection.fd(), block, sizeof block, 0);
      if (count <= 0) return;
      ping.append(block, static_cast<std::size_t>(count));
    }
    connection.send("second");
  }});
  Caller caller;
  auto head = get();
  head.upgrade = "websocket";
  const auto got = caller.call(local(server.port()), head);
  EXPECT_EQ(got.upgraded, "firstsecond");
  EXPECT_EQ(ping, "ping");
  EXPECT_FALSE(got.ended || got.lost);
}

TEST(StreamClientH1, SendsNothingThatCouldEndALineEarly) {
  Caller caller;
  const auto to = local(1);
  const auto refused = [&](auto change) {
    auto head = get();
    change(head);
    const auto got = caller.call(to, head);
    return got.lost && got.lost->code == ErrorCode::kInvalid;
  };
  EXPECT_TRUE(refused([](ClientHead& it) { it.headers.add("X", "a\r\nY: b"); }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.headers.add("X", "a\nb"); }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.headers.add("X", std::string("a\0b", 3)); }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.headers.add("X: y", "a"); }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.headers.add("", "a"); }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.method = "GET /"; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.method = ""; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.target = "/ HTTP/1.1\r\nX: y"; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.target = "x"; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.target = "/a b"; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.authority = "a\r\nX: y"; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.authority = "u@a"; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.authority = ""; }));
  EXPECT_TRUE(refused([](ClientHead& it) { it.upgrade = "a\r\nb"; }));
}

TEST(StreamClientH1, TriesTheAddressesInOrderAndSaysWhenNoneAnswers) {
  Answers server({"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"});
  Caller caller;
  auto to = local(server.port());
  to.addresses = {*parse_address("::1"), *parse_address("127.0.0.1")};
  EXPECT_EQ(caller.call(to, get()).body, "ok");
  to.port = 1;
  to.host = "nobody.example";
  const auto got = caller.call(to, get());
  ASSERT_TRUE(got.lost);
  EXPECT_NE(got.lost->message.find("http://nobody.example:1 cannot be reached"), std::string::npos) << got.why();
  to.addresses.clear();
  EXPECT_TRUE(caller.call(to, get()).lost);
}

TEST(StreamClientH1, FailsACallWhoseBodyIsNotAsLongAsWasTold) {
  for (const std::string body : {"short", "this is too long"}) {
    ScriptedServer server({[](ScriptedConnection& connection) { connection.wait_end(); }});
    Caller caller;
    auto head = get();
    head.method = "PUT";
    head.length = 10;
    const auto got = caller.call(local(server.port()), head, {body});
    ASSERT_TRUE(got.lost);
    EXPECT_EQ(got.lost->code, ErrorCode::kInvalid);
  }
}

TEST(StreamClientH1, OpensAPlainTunnel) {
  ScriptedServer server({[](ScriptedConnection& connection) {
    connection.send("hi");
    connection.wait_end();
  }});
  Caller caller;
  std::string got;
  std::unique_ptr<ByteStream> bytes;
  caller.client().connect(local(server.port()), [&](Result<std::unique_ptr<ByteStream>> made) {
    ASSERT_TRUE(made);
    bytes = std::move(*made);
    bytes->open({.on_bytes =
                     [&](std::string_view chunk) {
                       got += chunk;
                       if (got.size() == 2) caller.loop().stop();
                     },
                 .on_end = {},
                 .on_lost = {},
                 .on_writable = {}});
  });
  caller.loop().run();
  EXPECT_EQ(got, "hi");
}

// ---- both sides ----

// A proxy to whatever listens on `port`, over one client.
class Proxy {
 public:
  explicit Proxy(std::uint16_t port)
      : server_([this, port](const std::shared_ptr<ServerStream>& stream) { relay(stream, *client_, local(port)); }) {
    server_.thread().on([&] { client_ = std::make_unique<StreamClient>(server_.loop()); });
  }
  ~Proxy() {
    server_.thread().on([&] { client_.reset(); });
  }
  std::uint16_t port() const { return server_.port(); }

 private:
  std::unique_ptr<StreamClient> client_;
  RunningStreamServer server_;
};

TEST(StreamRelay, PassesRequestsAndAnswersOnAsTheyCome) {
  RunningStreamServer upstream(answer_with_request);
  Proxy proxy(upstream.port());
  RawClient client(proxy.port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(body_of(client.ask("GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n")), "GET  a /x X-A=1; ");
    EXPECT_EQ(body_of(client.ask("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")),
              "POST  a /x  hello X-T=1;");
  }
}

TEST(StreamRelay, MovesLongBodiesBothWaysInLittleMemory) {
  constexpr std::size_t kBytes = std::size_t{256} << 20;
  RunningStreamServer upstream([](const std::shared_ptr<ServerStream>& stream) {
    stream->answer(200, {}, stream->head().length);
    stream->on_writable([stream] { stream->hold(false); });
    stream->receive({.on_data =
                         [stream](std::string_view chunk) {
                           if (!stream->write(chunk)) stream->hold(true);
                         },
                     .on_end = [stream](Headers) { stream->end(); },
                     .on_lost = {}});
  });
  Proxy proxy(upstream.port());
  RawClient client(proxy.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n");
  std::thread sender([&] {
    const std::string block(1 << 20, 'x');
    for (std::size_t sent = 0; sent < kBytes; sent += block.size()) client.send(block);
  });
  const auto resident = [] {
    std::ifstream status("/proc/self/statm");
    std::size_t all = 0;
    std::size_t pages = 0;
    status >> all >> pages;
    return pages * 4096;
  };
  client.read_until("\r\n\r\n");
  const auto before = resident();
  for (std::size_t got = 0; got < kBytes; got += 1 << 20) ASSERT_EQ(client.read_exactly(1 << 20).size(), 1U << 20);
  const auto after = resident();
  sender.join();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what was freed
  EXPECT_LT(after, before + (std::size_t{16} << 20));
#else
  (void)before;
  (void)after;
#endif
}

TEST(StreamRelay, LetsGoOfTheServerWhenTheClientHasGone) {
  std::promise<void> gone;
  std::shared_ptr<ServerStream> kept;
  RunningStreamServer upstream([&](std::shared_ptr<ServerStream> stream) {
    kept = std::move(stream);
    kept->on_gone([&] { gone.set_value(); });
  });
  Proxy proxy(upstream.port());
  RawClient client(proxy.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (upstream.thread().on([&] { return !kept; })) ::usleep(1000);
  client.close();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(kPatience_s)), std::future_status::ready);
  upstream.thread().on([&] { kept.reset(); });
}

}  // namespace
}  // namespace interlock::net::testing
