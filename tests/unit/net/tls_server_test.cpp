// Our server over TLS: who shakes hands with it, what it learns of their certificates, and how it stands up to those who stop or end
// halfway.
#include <malloc.h>

#include <atomic>

#include "base/hash.hpp"
#include "tls_parts.hpp"

namespace interlock::net::testing {
namespace {

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";

// Says who asks.
void introduce(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  const auto& shown = request.peer_certificates;
  exchange->respond(200, {},
                    std::string(request.is_tls ? "tls" : "plain") + " chain=" + std::to_string(shown ? shown->chain.size() : 0) +
                        " leaf=" + (shown ? to_hex(shown->leaf_sha256) : "none"));
}

void echo(HttpRequest request, std::shared_ptr<HttpExchange> exchange) { exchange->respond(200, {}, std::move(request.body)); }

class TlsServing : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(Certificates::get().ok()) << Certificates::get().text("make.log"); }
};

// As OpenSSL's command line sees it.
std::string fingerprint(const std::string& name) {
  return run_command("sh -c 'openssl x509 -in " + name + ".pem -outform DER | sha256sum'").substr(0, 64);
}

struct ClientCase {
  const char* certificate;  // of the client; empty: none
  const char* more;         // intermediates
  int chain;                // s_client adds the authority where it knows it and no intermediate is named
};

TEST_F(TlsServing, ShakesHandsInEachVersionWithEachKindOfKeyAndLearnsTheClientsChain) {
  for (const char* server_key : {"server", "rsa-server"}) {
    RunningTlsServer server(introduce, {}, server_key);
    for (const char* version : {"-tls1_3", "-tls1_2"}) {
      for (const auto& client : {ClientCase{"", "", 0},
                                 {"client", " -cert_chain middle.pem", 2},
                                 {"rsa-client", "", 2},
                                 {"ed-client", "", 2},
                                 {"foreign-client", "", 1}}) {
        const std::string name = client.certificate;
        const auto shows = name.empty() ? "" : " -cert " + name + ".pem -key " + name + ".key" + client.more;
        const auto got = ask_by_openssl(server.port(), version + shows);
        const auto expected = "tls chain=" + std::to_string(client.chain) + " leaf=" + (name.empty() ? "none" : fingerprint(name));
        EXPECT_NE(got.find(expected), std::string::npos) << server_key << " " << version << " " << name << "\n" << got;
      }
    }
  }
}

TEST_F(TlsServing, AsksForNoCertificateWhereNobodyWouldReadIt) {
  RunningTlsServer server(introduce, {}, "server", false);
  const auto got = ask_by_openssl(server.port(), "-cert client.pem -key client.key");
  EXPECT_NE(got.find("tls chain=0 leaf=none"), std::string::npos) << got;
  EXPECT_NE(got.find("No client certificate CA names sent"), std::string::npos) << got;
}

TEST_F(TlsServing, RefusesHandshakes) {
  struct Case {
    const char* what;
    const char* options;
  };
  RunningTlsServer server(introduce);
  for (const auto& [what, options] : {
           Case{"TLS 1.1", "-tls1_1 -cipher ALL:@SECLEVEL=0"},
           Case{"TLS 1.0", "-tls1 -cipher ALL:@SECLEVEL=0"},
           Case{"no forward secrecy", "-tls1_2 -cipher AES128-GCM-SHA256"},
           Case{"no authenticated encryption", "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA"},
           Case{"no certificate of the server", "-tls1_2 -cipher aNULL:@SECLEVEL=0"},
           Case{"a costly group", "-groups ffdhe8192"},
           Case{"HTTP/2 alone", "-alpn h2"},
           Case{"a certificate chain without end", "-cert server.pem -key server.key -cert_chain long.pem"},
           Case{"the key of another certificate", "-cert client.pem -key next-client.key"},
       }) {
    const auto got = ask_by_openssl(server.port(), options);
    EXPECT_EQ(got.find("HTTP/1.1 200"), std::string::npos) << what << "\n" << got;
  }
  EXPECT_TRUE(server.comes_to(0));
  EXPECT_NE(ask_by_openssl(server.port(), "-alpn h2,http/1.1").find("ALPN protocol: http/1.1"), std::string::npos);
}

TEST_F(TlsServing, ResumesNoSessionSoThatAChainIsAlwaysThere) {
  RunningTlsServer server(introduce);
  const std::string shows = " -cert client.pem -key client.key -cert_chain middle.pem ";
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    (void)ask_by_openssl(server.port(), version + shows + "-sess_out session");
    const auto again = ask_by_openssl(server.port(), version + shows + "-sess_in session");
    const auto& got = again.find("HTTP/1.1 200") == std::string::npos ? ask_by_openssl(server.port(), version + shows) : again;
    EXPECT_EQ(got.find("Reused"), std::string::npos) << got;
    EXPECT_EQ(got.find("session ticket:"), std::string::npos) << got;
    EXPECT_NE(got.find("tls chain=2"), std::string::npos) << got;
  }
}

TEST_F(TlsServing, DoesNotRenegotiate) {
  RunningTlsServer server(introduce);
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  SSL_set_max_proto_version(client.ssl(), TLS1_2_VERSION);
  ASSERT_TRUE(client.shake_hands());
  EXPECT_EQ(SSL_renegotiate(client.ssl()), 1);
  EXPECT_FALSE(client.shake_hands());
  EXPECT_TRUE(server.comes_to(0));
}

TEST_F(TlsServing, ClosesOnPlainHttp) {
  RunningTlsServer server(introduce);
  RawClient client(server.port());
  client.send(kGet);
  EXPECT_EQ(client.read_all().find("HTTP/"), std::string::npos);
  EXPECT_TRUE(server.comes_to(0));
}

TEST_F(TlsServing, ClosesOnBytesThatAreNoHandshake) {
  RunningTlsServer server(introduce);
  const std::string zeroes(4096, '\0');
  std::string huge_hello("\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9);
  huge_hello.resize(64 * 1024, 'x');
  for (const auto& bytes :
       {zeroes, huge_hello, std::string("\x15\x03\x03\x00\x02\x02\x28", 7), std::string("\x80\x2e\x01\x00\x02", 5) + zeroes}) {
    RawClient client(server.port());
    client.send(bytes);
    client.end_writing();
    EXPECT_TRUE(client.sees_end());
  }
  EXPECT_TRUE(server.comes_to(0));
}

TEST_F(TlsServing, GivesAHandshakeOneDeadlineThatBytesDoNotMove) {
  HttpServerOptions options;
  options.header_timeout_ms = 100;
  RunningTlsServer server(introduce, options);
  RawClient silent(server.port());
  RawClient slow(server.port());
  // A ClientHello of 512 bytes that never comes to its end.
  EXPECT_TRUE(slow.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)));
  int sent = 0;
  while (slow.send("x")) {
    ASSERT_LT(++sent, 400) << "still open";
    ::usleep(10'000);
  }
  EXPECT_TRUE(silent.sees_end());
  EXPECT_TRUE(server.comes_to(0));
}

TEST_F(TlsServing, CutsAClientThatIsSilentAfterTheHandshake) {
  HttpServerOptions options;
  options.header_timeout_ms = 300;
  RunningTlsServer server(introduce, options);
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  ASSERT_TRUE(client.shake_hands());
  client.read_all();
  EXPECT_TRUE(server.comes_to(0));
}

TEST_F(TlsServing, AnswersALateHeadWith408) {
  HttpServerOptions options;
  options.header_timeout_ms = 300;
  RunningTlsServer server(introduce, options);
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  ASSERT_TRUE(client.shake_hands());
  client.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_EQ(status_of(client.read_all()), 408);
  EXPECT_TRUE(client.ended_well());
}

TEST_F(TlsServing, AnswersWhatCameInOneBurst) {
  // More than the server holds while an answer is owed, in records that TLS reads ahead: nothing may be left lying there.
  constexpr int kRequests = 400;
  LoopThread* loop = nullptr;
  RunningTlsServer server(
      [&](HttpRequest, std::shared_ptr<HttpExchange> exchange) { loop->loop().post([exchange] { exchange->respond(200, {}, "ok"); }); });
  loop = &server.thread();
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  ASSERT_TRUE(client.shake_hands());
  std::string burst;
  for (int i = 0; i < kRequests; ++i) {
    const bool last = i + 1 == kRequests;
    burst +=
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Fill: " + std::string(400, 'f') + (last ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
  }
  ASSERT_TRUE(client.send(burst));
  const auto got = client.read_all();
  int answers = 0;
  for (auto at = got.find("HTTP/1.1 200"); at != std::string::npos; at = got.find("HTTP/1.1 200", at + 1)) ++answers;
  EXPECT_EQ(answers, kRequests) << got;
  EXPECT_TRUE(client.ended_well());
}

TEST_F(TlsServing, EndsAWholeAnswerWithAGoodbyeAndACutOneWithout) {
  std::shared_ptr<HttpExchange> held;
  RunningTlsServer server([&](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    exchange->start(200, {});
    exchange->write("data");
    if (request.path == "/whole") exchange->end();
    else held = exchange;
  });
  for (const bool whole : {true, false}) {
    RawClient socket(server.port());
    TlsEnd client(socket.fd());
    ASSERT_TRUE(client.shake_hands());
    // HTTP/1.0 knows no chunks: the end of the stream is the end of the body.
    client.send(whole ? "GET /whole HTTP/1.0\r\n\r\n" : "GET /cut HTTP/1.0\r\n\r\n");
    if (!whole) {
      std::string got;
      while (got.find("data") == std::string::npos) got += client.read_all(1);
      server.thread().on([&] { held.reset(); });
    }
    client.read_all();
    EXPECT_EQ(client.ended_well(), whole);
  }
}

TEST_F(TlsServing, CutsAReaderThatIsTooSlow) {
  HttpServerOptions options;
  options.queued_bytes = 256 * 1024;
  std::atomic<bool> cut = false;
  RunningTlsServer server(
      [&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
        exchange->start(200, {});
        const std::string block(64 * 1024, 'b');
        for (int i = 0; i < 1000 && !cut; ++i) cut = !exchange->write(block);
      },
      options);
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  ASSERT_TRUE(client.shake_hands());
  ASSERT_TRUE(client.send(kGet));
  EXPECT_TRUE(server.comes_to(0));
  EXPECT_TRUE(cut);
  client.read_all();
  EXPECT_FALSE(client.ended_well());
}

TEST_F(TlsServing, CarriesBigBodiesBothWays) {
  RunningTlsServer server(echo);
  std::string body(7'654'321, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 >> 3);
  const auto got = fetch(server.url(), showing("client"), 2, body);
  EXPECT_TRUE(got.end) << got.why();
  EXPECT_EQ(got.body.size(), body.size());
  EXPECT_TRUE(got.body == body);
}

TEST_F(TlsServing, AnIdleConnectionHoldsNoBuffers) {
  constexpr int kClients = 200;
  constexpr double kMost_kib = 40;  // two buffers of a record each would be 33 KiB alone, beside what OpenSSL keeps of a peer
  RunningTlsServer running(echo);
  const auto heap_bytes = [] { return static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd); };
  const auto use = [](RawClient& socket) {
    TlsEnd client(socket.fd());  // its own memory is given back, while the socket stays
    return client.shake_hands() && client.send(kGet) && status_of(client.read_all(1)) == 200;
  };
  RawClient warm(running.port());
  ASSERT_TRUE(use(warm));
  const auto before = heap_bytes();
  std::vector<std::unique_ptr<RawClient>> sockets;
  for (int i = 0; i < kClients; ++i) {
    sockets.push_back(std::make_unique<RawClient>(running.port()));
    ASSERT_TRUE(use(*sockets.back()));
  }
  EXPECT_EQ(running.connections(), kClients + 1U);
  const auto each = (heap_bytes() - before) / 1024 / kClients;
  std::printf("%.1f KiB an idle TLS connection of the server\n", each);
  EXPECT_LT(each, kMost_kib);
}

TEST_F(TlsServing, StreamsEventsAsTheyAreWritten) {
  std::shared_ptr<HttpExchange> stream;
  RunningTlsServer server([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
    exchange->start(200, {{"Content-Type", "text/event-stream"}});
    stream = std::move(exchange);
  });
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  ASSERT_TRUE(client.shake_hands());
  client.send(kGet);
  std::string got;
  const auto wait_for = [&](const std::string& mark) {
    while (got.find(mark) == std::string::npos) {
      const auto more = client.read_all(1);
      if (more.empty()) return false;
      got += more;
    }
    return true;
  };
  ASSERT_TRUE(wait_for("text/event-stream"));
  // Each is read before the next one is written.
  for (int i = 0; i < 200; ++i) {
    const auto event = "data: " + std::to_string(i) + "\n\n";
    EXPECT_TRUE(server.thread().on([&] { return stream->write(event); }));
    ASSERT_TRUE(wait_for(event)) << i;
  }
  server.thread().on([&] { std::exchange(stream, nullptr)->end(); });
  EXPECT_TRUE(wait_for("0\r\n\r\n"));
}

TEST_F(TlsServing, TellsAHandlerThatItsClientIsGone) {
  for (const bool says_goodbye : {true, false}) {
    std::promise<void> gone;
    std::promise<void> asked;
    std::shared_ptr<HttpExchange> held;
    RunningTlsServer server([&](HttpRequest, std::shared_ptr<HttpExchange> exchange) {
      exchange->on_gone([&] { gone.set_value(); });
      held = std::move(exchange);
      asked.set_value();
    });
    RawClient socket(server.port());
    {
      TlsEnd client(socket.fd());
      ASSERT_TRUE(client.shake_hands());
      client.send(kGet);
      asked.get_future().wait();
      if (says_goodbye) client.say_goodbye();
      else socket.close();
    }
    EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(kPatience_s)), std::future_status::ready);
    server.thread().on([&] { held.reset(); });
  }
}

TEST_F(TlsServing, ServesCurl) {
  if (std::system("curl --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "SKIPPED curl: it is not installed";
  RunningTlsServer server(introduce);
  const auto url = "https://localhost:" + std::to_string(server.port()) + "/";
  EXPECT_EQ(run_command("curl -sS --cacert ca.pem --cert client.pem --key client.key " + url), "tls chain=2 leaf=" + fingerprint("client"));
  EXPECT_EQ(run_command("curl -sS --cacert ca.pem " + url), "tls chain=0 leaf=none");
  EXPECT_NE(run_command("curl -sS --cacert other-ca.pem " + url).find("curl: (60)"), std::string::npos);
  EXPECT_NE(run_command("curl -sS http://localhost:" + std::to_string(server.port()) + "/").find("curl:"), std::string::npos);
}

TEST_F(TlsServing, ReplacesItsCertificateUnderLoadWithoutAFailedCall) {
  RunningTlsServer server([](HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
    exchange->respond(200, {}, to_hex(request.peer_certificates ? request.peer_certificates->leaf_sha256 : "none"));
  });
  constexpr int kCalls = 300;
  constexpr int kAtOnce = 6;
  Loop loop;
  std::vector<std::string> seen_servers;
  std::vector<std::string> seen_clients;
  HttpClientOptions options;
  options.tls = *TlsClient::create({.ca_file = {}, .judge = [&](const PeerCertificates& peer) -> Status {
                                      seen_servers.push_back(to_hex(peer.leaf_sha256));
                                      return {};
                                    }});
  ASSERT_TRUE(options.tls->set_certificate(Certificates::get().certificate("client")));
  HttpClient kept(loop, options);
  std::vector<std::unique_ptr<HttpClient>> fresh;
  int started = 0;
  int ended = 0;
  std::function<void()> start = [&] {
    const int number = started++;
    // Every other call has a connection of its own, so that handshakes go on all the time.
    if (number % 2 == 0) fresh.push_back(std::make_unique<HttpClient>(loop, options));
    auto& client = number % 2 == 0 ? *fresh.back() : kept;
    client.start({.method = "GET", .url = *parse_url(server.url()), .headers = {}, .body = {}, .head_timeout_ms = kPatience_s * 1000},
                 {.on_head = [](int status, Headers) { EXPECT_EQ(status, 200); },
                  .on_data = [&](std::string_view chunk) { seen_clients.emplace_back(chunk); },
                  .on_end =
                      [&](const Status& status) {
                        EXPECT_TRUE(status) << status.error().text();
                        if (++ended == kCalls) loop.stop();
                        else if (started < kCalls) start();
                      }});
    if (number % 10 == 5) {
      const bool next = number % 20 == 5;
      EXPECT_TRUE(options.tls->set_certificate(Certificates::get().certificate(next ? "next-client" : "client")));
      EXPECT_TRUE(
          server.thread().on([&] { return server.tls().replace(Certificates::get().certificate(next ? "rsa-server" : "server")); }));
    }
  };
  for (int i = 0; i < kAtOnce; ++i) start();
  loop.run();
  EXPECT_EQ(ended, kCalls);
  for (const char* name : {"server", "rsa-server"}) {
    EXPECT_NE(std::find(seen_servers.begin(), seen_servers.end(), fingerprint(name)), seen_servers.end()) << name;
  }
  for (const char* name : {"client", "next-client"}) {
    EXPECT_NE(std::find(seen_clients.begin(), seen_clients.end(), fingerprint(name)), seen_clients.end()) << name;
  }
}

TEST_F(TlsServing, LeavesConnectionsAloneWhenItsCertificateIsReplaced) {
  RunningTlsServer server(introduce);
  RawClient socket(server.port());
  TlsEnd client(socket.fd());
  ASSERT_TRUE(client.shake_hands());
  RawClient halfway_socket(server.port());  // accepted with the old one
  ASSERT_TRUE(server.comes_to(2));
  EXPECT_TRUE(server.thread().on([&] { return server.tls().replace(Certificates::get().certificate("next-server")); }));
  client.send(kGet);
  EXPECT_NE(client.read_all(1).find("200 OK"), std::string::npos);
  TlsEnd halfway(halfway_socket.fd());
  EXPECT_TRUE(halfway.shake_hands());
}

TEST_F(TlsServing, KeepsTheOldCertificateWhereTheNewOneIsBad) {
  const auto& made = Certificates::get();
  struct Case {
    const char* what;
    TlsCertificate certificate;
    const char* says;
  };
  RunningTlsServer server(introduce);
  for (const auto& [what, certificate, says] : {
           Case{"nothing", {}, "the certificate cannot be read"},
           Case{"no certificate", {made.text("server.key"), made.text("server.key")}, "the certificate cannot be read"},
           Case{"no key", {made.text("server.pem"), made.text("server.pem")}, "the key of the certificate cannot be read"},
           Case{"another key", {made.text("server.pem"), made.text("next-server.key")}, "the certificate cannot be used"},
           Case{"an encrypted key", {made.text("server.pem"), made.text("encrypted.key")}, "unencrypted"},
           Case{"a weak key", {made.text("weak.pem"), made.text("weak.key")}, "the certificate cannot be used"},
           Case{"a broken chain",
                {made.text("server.pem") + made.text("ca.pem").substr(0, 200), made.text("server.key")},
                "behind the leaf"},
           Case{"a chain without end", {made.text("long.pem"), made.text("server.key")}, "more than 10 certificates"},
           Case{"a huge file", {std::string(kPatience_s * 1'000'000, 'x'), made.text("server.key")}, "is larger than"},
       }) {
    const auto status = server.thread().on([&] { return server.tls().replace(certificate); });
    ASSERT_FALSE(status) << what;
    EXPECT_NE(status.error().text().find(says), std::string::npos) << what << ": " << status.error().text();
    EXPECT_EQ(status.error().text().find("BEGIN"), std::string::npos);
    EXPECT_FALSE(TlsServer::create(certificate, true)) << what;
  }
  EXPECT_NE(ask_by_openssl(server.port(), "").find("tls chain=0"), std::string::npos);
}

TEST_F(TlsServing, ListensWithNoCertificateNever) {
  RunningServer plain(introduce);
  const auto status = plain.thread().on([&] { return plain.server().listen_tls("127.0.0.1", 0, nullptr); });
  EXPECT_FALSE(status);
}

}  // namespace
}  // namespace interlock::net::testing
