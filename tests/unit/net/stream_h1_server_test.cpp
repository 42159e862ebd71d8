// The server's side of HTTP/1.1 streams over real sockets: what a raw client sends and sees.
#include "stream_parts.hpp"

namespace interlock::net::testing {
namespace {

TEST(StreamServerH1, HandsOverTheRequestAndItsBody) {
  RunningStreamServer server(answer_with_request);
  RawClient client(server.port());
  EXPECT_EQ(body_of(client.ask("GET /a?b HTTP/1.1\r\nHost: x:1\r\nX-Y: z\r\n\r\n")), "GET  x:1 /a?b X-Y=z; ");
  EXPECT_EQ(body_of(client.ask("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")), "POST  x /a  hello");
  EXPECT_EQ(body_of(client.ask("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;e=1\r\n yo\r\n0\r\n\r\n")),
            "POST  x /a  hello yo");
}

TEST(StreamServerH1, TellsTheAuthorityOfAnAbsoluteForm) {
  RunningStreamServer server(answer_with_request);
  RawClient client(server.port());
  EXPECT_EQ(body_of(client.ask("GET http://A.example/p HTTP/1.1\r\nHost: a.example:80\r\n\r\n")), "GET http A.example /p  ");
  EXPECT_EQ(body_of(client.ask("GET HTTP://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n")), "GET http a.example /  ");
  EXPECT_EQ(body_of(client.ask("GET http://a.example?q HTTP/1.1\r\nHost: a.example\r\n\r\n")), "GET http a.example /?q  ");
  EXPECT_EQ(body_of(client.ask("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n")), "OPTIONS http a.example *  ");
}

TEST(StreamServerH1, LeavesOutWhatIsForThisHopAlone) {
  RunningStreamServer server(answer_with_request);
  RawClient client(server.port());
  EXPECT_EQ(
      body_of(client.ask("GET / HTTP/1.1\r\nX-Hop: 1\r\nConnection: x-hop, X-Late, keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                         "Proxy-Connection: keep-alive\r\nTrailer: a\r\nHost: x\r\nX-Late: 2\r\nHTTP2-Settings: a\r\nX-End: 3\r\n\r\n")),
      "GET  x / X-End=3; ");
}

TEST(StreamServerH1, HandsOverTrailersButThoseThatNoTrailerMayHold) {
  RunningStreamServer server(answer_with_request);
  RawClient client(server.port());
  EXPECT_EQ(body_of(client.ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 12 \r\n"
                               "Content-Length: 9\r\nAuthorization: b\r\nHost: c\r\nX-Two:d\r\n\r\n")),
            "POST  x /  a X-Sum=12; X-Two=d;");
}

TEST(StreamServerH1, AnswersPipelinedRequestsInOrder) {
  std::vector<std::shared_ptr<ServerStream>> waiting;
  RunningStreamServer server([&](std::shared_ptr<ServerStream> stream) { waiting.push_back(std::move(stream)); });
  RawClient client(server.port());
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 1; i <= 3; ++i) {
    for (int turn = 0; turn < 5000 && server.thread().on([&] { return waiting.empty(); }); ++turn) ::usleep(1000);
    server.thread().on([&] {
      ASSERT_EQ(waiting.size(), 1U);  // the next is not looked at before
      const auto stream = std::exchange(waiting, {}).front();
      stream->respond(200, {}, stream->head().target);
    });
    EXPECT_EQ(body_of(client.read_response()), "/" + std::to_string(i));
  }
}

TEST(StreamServerH1, StreamsAnAnswerInChunksWithTrailers) {
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) {
    stream->inform(103, {{"Link", "</a>"}});
    stream->answer(200, {{"X-A", "1"}, {"Date", "then"}, {"Connection", "bad"}, {"Upgrade", "bad"}}, std::nullopt);
    (void)stream->write("hello");
    (void)stream->write(std::string(20'000, 'x'));
    stream->end({{"X-Sum", "7"}, {"Content-Length", "3"}});
  });
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 200 OK\r\nX-A: 1\r\nDate: then\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "5\r\nhello\r\n4e20\r\n" + std::string(20'000, 'x') + "\r\n0\r\nX-Sum: 7\r\n\r\n");
}

TEST(StreamServerH1, SendsNoBodyWhereNoneMayBe) {
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) {
    const auto& target = stream->head().target;
    const int status = target == "/204" ? 204 : target == "/304" ? 304 : 200;
    stream->answer(status, {{"Date", "d"}}, target == "/unknown" ? std::nullopt : std::optional<std::uint64_t>(5));
    (void)stream->write("hello");
    stream->end();
  });
  RawClient client(server.port());
  client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 5\r\n\r\n");
  client.send("HEAD /unknown HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 200 OK\r\nDate: d\r\n\r\n");
  client.send("GET /204 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 204 No Content\r\nDate: d\r\n\r\n");
  client.send("GET /304 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 304 Not Modified\r\nDate: d\r\nContent-Length: 5\r\n\r\n");
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(client.read_response()), "hello");
}

TEST(StreamServerH1, ServesHttp10WithAndWithoutKeepAlive) {
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) {
    stream->inform(103, {});
    stream->answer(200, {{"Date", "d"}}, stream->head().target == "/told" ? std::optional<std::uint64_t>(2) : std::nullopt);
    (void)stream->write("hi");
    stream->end({{"X-Trailer", "none"}});
  });
  RawClient kept(server.port());
  kept.send("GET /told HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read_until("hi"), "HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi");
  kept.send("GET /untold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read_all(), "HTTP/1.1 200 OK\r\nDate: d\r\nConnection: close\r\n\r\nhi");
  RawClient plain(server.port());
  plain.send("GET /told HTTP/1.0\r\n\r\n");
  EXPECT_EQ(plain.read_all(), "HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
}

TEST(StreamServerH1, AsksForTheBodyOnceSomebodyWantsIt) {
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) {
    if (stream->head().target == "/no") stream->respond(403, {}, "no");
    else answer_with_request(stream);
  });
  RawClient client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(body_of(client.ask("hello")), "POST  x /  hello");
  const auto refused = client.ask("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(refused), 403);
  EXPECT_NE(refused.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(client.sees_end());
}

TEST(StreamServerH1, StopsReadingABodyThatIsHeld) {
  std::shared_ptr<ServerStream> held;
  std::size_t got = 0;
  RunningStreamServer server([&](const std::shared_ptr<ServerStream>& stream) {
    held = stream;
    stream->receive({.on_data =
                         [&](std::string_view chunk) {
                           got += chunk.size();
                           if (got == chunk.size()) held->hold(true);
                         },
                     .on_end = [&](Headers) { std::exchange(held, nullptr)->respond(200, {}, std::to_string(got)); },
                     .on_lost = {}});
  });
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  RawClient client(server.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n");
  std::thread sender([&] {
    const std::string block(1 << 20, 'x');
    for (std::size_t sent = 0; sent < kBytes; sent += block.size()) client.send(block);
  });
  while (server.thread().on([&] { return got; }) == 0) ::usleep(1000);
  ::usleep(50'000);  // time in which a server that does not stop would have read it all
  EXPECT_LE(server.thread().on([&] { return got; }), std::size_t{128} << 10);  // what had been read before it was held
  server.thread().on([&] { held->hold(false); });
  sender.join();
  EXPECT_EQ(body_of(client.read_response()), std::to_string(kBytes));
}

TEST(StreamServerH1, SaysWhenEnoughIsQueuedAndWhenThereIsRoomAgain) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  std::size_t queued = 0;
  bool stopped = false;
  RunningStreamServer server([&](std::shared_ptr<ServerStream> stream) {
    stream->answer(200, {}, kBytes);
    auto go_on = std::make_shared<std::function<void()>>();
    *go_on = [&, stream, block = std::string(1 << 18, 'x')] {
      while (queued < kBytes) {
        queued += block.size();
        if (!stream->write(block)) {
          stopped = true;
          return;
        }
      }
      stream->end();
    };
    stream->on_writable([go_on] { (*go_on)(); });
    (*go_on)();
  });
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!server.thread().on([&] { return stopped; })) ::usleep(1000);
  EXPECT_LT(server.thread().on([&] { return queued; }), std::size_t{32} << 20);  // what the sockets hold, and a little
  client.read_until("\r\n\r\n");
  EXPECT_EQ(client.read_exactly(kBytes).size(), kBytes);
}

TEST(StreamServerH1, TellsWhoeverAnswersThatTheClientHasGone) {
  std::promise<void> gone;
  std::shared_ptr<ServerStream> kept;
  RunningStreamServer server([&](std::shared_ptr<ServerStream> stream) {
    kept = std::move(stream);
    kept->on_gone([&] { gone.set_value(); });
  });
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (server.thread().on([&] { return !kept; })) ::usleep(1000);
  client.close();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(kPatience_s)), std::future_status::ready);
  server.thread().on([&] { kept->respond(200, {}, "nobody"); });
  EXPECT_TRUE(server.comes_to(0));
  server.thread().on([&] { kept.reset(); });
}

TEST(StreamServerH1, CutsTheConnectionOfAnAnswerThatNeverCame) {
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) {
    if (stream->head().target == "/short") {
      stream->answer(200, {}, 10);
      (void)stream->write("short");
      stream->end();
    } else if (stream->head().target == "/long") {
      stream->answer(200, {}, 2);
      (void)stream->write("long");
    } else if (stream->head().target == "/cut") {
      stream->answer(200, {}, std::nullopt);
      stream->cut();
    }
  });
  for (const std::string target : {"/dropped", "/short", "/long", "/cut"}) {
    RawClient client(server.port());
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client.sees_end()) << target;
  }
  EXPECT_TRUE(server.comes_to(0));
}

TEST(StreamServerH1, WritesNoHeaderThatEndsALineEarly) {
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) {
    stream->respond(200, {{"X-A", stream->head().target == "/lf" ? "a\nSet-Cookie: b" : std::string("a\0b", 3)}}, "x");
  });
  for (const std::string target : {"/lf", "/nul"}) {
    RawClient client(server.port());
    const auto response = client.ask("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_of(response), 502);
    EXPECT_EQ(response.find("Set-Cookie"), std::string::npos);
  }
  EXPECT_EQ(server.refused().size(), 2U);
}

TEST(StreamServerH1, HandsTheConnectionOverToAConnect) {
  std::unique_ptr<ByteStream> bytes;
  RunningStreamServer server([&](const std::shared_ptr<ServerStream>& stream) {
    auto taken = stream->take_over(200, {{"X-Via", "us"}});
    if (!taken) return stream->respond(400, {}, taken.error().message);
    bytes = std::move(*taken);
    bytes->open({.on_bytes = [&](std::string_view got) { (void)bytes->write("<" + std::string(got) + ">"); },
                 .on_end =
                     [&] {
                       (void)bytes->write("bye");
                       bytes->end();
                     },
                 .on_lost = {},
                 .on_writable = {}});
  });
  RawClient client(server.port());
  client.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  client.send("one");
  EXPECT_EQ(client.read_until(">"), "<one>");
  client.end_writing();
  EXPECT_EQ(client.read_all(), "bye");

  RawClient hasty(server.port());
  EXPECT_EQ(status_of(hasty.ask("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n\x16\x03\x01")), 400);
  server.thread().on([&] { bytes.reset(); });
}

TEST(StreamServerH1, HandsTheConnectionOverToAnUpgradeWithWhatCameAlready) {
  std::unique_ptr<ByteStream> bytes;
  RunningStreamServer server([&](const std::shared_ptr<ServerStream>& stream) {
    if (stream->head().upgrade.empty()) return stream->respond(426, {}, "upgrade");
    auto taken = stream->take_over(101, {});
    if (!taken) return stream->respond(400, {}, taken.error().message);
    bytes = std::move(*taken);
    bytes->open({.on_bytes = [&](std::string_view got) { (void)bytes->write("<" + std::string(got) + ">"); },
                 .on_end = {},
                 .on_lost = {},
                 .on_writable = {}});
  });
  RawClient client(server.port());
  client.send("GET /chat HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(client.read_until(">"), "<early>");
  for (const std::string head : {"Upgrade: websocket\r\n", "Connection: upgrade\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n",
                                 "Connection: upgrade\r\nUpgrade: a, b\r\n"}) {
    RawClient other(server.port());
    EXPECT_EQ(status_of(other.ask("GET / HTTP/1.1\r\nHost: x\r\n" + head + "\r\n")), 426) << head;
  }
  server.thread().on([&] { bytes.reset(); });
}

TEST(StreamServerH1, EndsIdleAndSlowConnections) {
  StreamLimits limits;
  limits.header_timeout_ms = 50;
  limits.idle_timeout_ms = 50;
  limits.stall_timeout_ms = 50;
  RunningStreamServer server(answer_with_request, limits);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.sees_end());
  RawClient slow(server.port());
  EXPECT_EQ(status_of(slow.ask("GET / HT")), 408);
  EXPECT_TRUE(slow.sees_end());
  RawClient idle(server.port());
  EXPECT_EQ(status_of(idle.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  EXPECT_TRUE(idle.sees_end());
  RawClient stalled(server.port());
  stalled.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_TRUE(stalled.sees_end());
  EXPECT_TRUE(server.comes_to(0));
}

TEST(StreamServerH1, DrainsWhenItsAnswersAreComplete) {
  std::shared_ptr<ServerStream> owed;
  RunningStreamServer server([&](std::shared_ptr<ServerStream> stream) {
    if (stream->head().target == "/later") owed = std::move(stream);
    else stream->respond(200, {}, "now");
  });
  RawClient idle(server.port());
  RawClient busy(server.port());
  EXPECT_EQ(status_of(idle.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  busy.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  while (server.thread().on([&] { return !owed; })) ::usleep(1000);
  server.thread().on([&] { server.server().drain(); });
  EXPECT_TRUE(idle.sees_end());
  server.thread().on([&] { std::exchange(owed, nullptr)->respond(200, {}, "later"); });
  EXPECT_NE(busy.read_response().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(busy.sees_end());
  EXPECT_TRUE(server.comes_to(0));
}

}  // namespace
}  // namespace interlock::net::testing
