// TLS under streams: the protocol by ALPN, the certificate by the name that was asked for, TLS inside a CONNECT, and what is said of
// certificates that are not good.
#include <optional>

#include "stream_parts.hpp"
#include "tls_parts.hpp"

namespace interlock::net::testing {
namespace {

std::shared_ptr<TlsServer> tls_server(TlsServer::Options options = {}, const std::string& certificate = "server") {
  return *TlsServer::create(Certificates::get().certificate(certificate), std::move(options));
}

struct Told {
  int status = 0;
  std::string body;
  std::optional<Error> lost;
  HttpVersion version = HttpVersion::k1_0;
};

Told ask(std::uint16_t port, const std::string& host = "localhost", bool http2 = false) {
  Loop loop;
  StreamClient client(loop);
  auto to = local(port);
  to.scheme = "https";
  to.host = host;
  to.http2 = http2;
  to.tls = *TlsClient::create({.ca_file = Certificates::get().path("ca.pem"), .judge = {}});
  Told out;
  std::shared_ptr<ClientStream> stream;
  stream = client.start(to, {.method = "GET", .authority = host, .target = "/", .headers = {}, .length = 0, .upgrade = {}},
                        {.on_inform = {},
                         .on_head =
                             [&](int status, Headers, std::optional<std::uint64_t>) {
                               out.status = status;
                               out.version = stream->version();
                             },
                         .body = {.on_data = [&](std::string_view chunk) { out.body += chunk; },
                                  .on_end = [&](Headers) { loop.stop(); },
                                  .on_lost =
                                      [&](Error error) {
                                        out.lost = std::move(error);
                                        loop.stop();
                                      }},
                         .on_writable = {},
                         .on_upgrade = {}});
  stream->end();
  loop.run();
  return out;
}

// Who the client is, and what it asked for.
void answer_with_peer(const std::shared_ptr<ServerStream>& stream) {
  const auto& peer = stream->peer();
  stream->respond(200, {}, std::string(peer.is_tls ? "tls " : "plain ") + peer.server_name);
}

class StreamTls : public ::testing::Test {
  void SetUp() override { ASSERT_TRUE(Certificates::get().ok()); }
};

TEST_F(StreamTls, SpeaksHttp11OrHttp2AsBothSidesWish) {
  RunningStreamServer both(answer_with_peer, {}, tls_server({.asks_for_certificate = false, .http2 = true, .choose = {}}));
  RunningStreamServer one(answer_with_peer, {}, tls_server());
  const auto first = ask(both.port(), "localhost", true);
  EXPECT_EQ(first.body, "tls localhost") << (first.lost ? first.lost->text() : "");
  EXPECT_EQ(first.version, HttpVersion::k2);
  EXPECT_EQ(ask(both.port(), "localhost", false).version, HttpVersion::k1_1);
  EXPECT_EQ(ask(one.port(), "localhost", true).version, HttpVersion::k1_1);
  EXPECT_EQ(ask(one.port(), "127.0.0.1").body, "tls ");  // addresses are no names (RFC 6066 §3)
}

TEST_F(StreamTls, ChoosesTheCertificateByTheNameAskedForAndTheTag) {
  std::vector<std::string> asked;
  std::vector<std::shared_ptr<void>> tags;
  auto other = tls_server({}, "strange-server");
  auto tls = tls_server({.asks_for_certificate = false,
                         .http2 = false,
                         .choose = [&](std::string_view name, const std::shared_ptr<void>& tag) -> Result<std::shared_ptr<TlsServer>> {
                           asked.emplace_back(name);
                           tags.push_back(tag);
                           if (name == "example.com") return other;
                           if (name == "refused.example") return fail(ErrorCode::kDenied, "refused.example is another place");
                           return nullptr;
                         }});
  RunningStreamServer server(answer_with_peer, {}, tls);
  EXPECT_EQ(ask(server.port(), "localhost").body, "tls localhost");
  EXPECT_EQ(ask(server.port(), "example.com").body, "tls example.com");
  EXPECT_TRUE(ask(server.port(), "refused.example").lost);
  EXPECT_EQ(ask(server.port(), "127.0.0.1").body, "tls ");
  EXPECT_EQ(asked, (std::vector<std::string>{"localhost", "example.com", "refused.example", ""}));
  EXPECT_EQ(server.refused(), std::vector<std::string>{"TLS: refused.example is another place"});
}

TEST_F(StreamTls, SaysWhatIsWrongWithACertificate) {
  const auto why = [](const std::string& certificate) {
    RunningStreamServer server(answer_with_peer, {}, tls_server({}, certificate));
    const auto told = ask(server.port());
    return told.lost ? told.lost->message : "nothing";
  };
  EXPECT_NE(why("expired-server").find("it has expired"), std::string::npos) << why("expired-server");
  EXPECT_NE(why("strange-server").find("it is for another than localhost"), std::string::npos) << why("strange-server");
  EXPECT_NE(why("self-server").find("it is self-signed"), std::string::npos) << why("self-server");
  EXPECT_NE(why("foreign-server").find("its issuer is not trusted here"), std::string::npos) << why("foreign-server");
}

TEST_F(StreamTls, TellsAServerThatSpeaksNoTls) {
  RunningStreamServer server(answer_with_peer);
  const auto told = ask(server.port());
  ASSERT_TRUE(told.lost);
  EXPECT_NE(told.lost->message.find("TLS"), std::string::npos) << told.lost->message;
}

// A proxy that opens what is inside a CONNECT, as the egress does; `outer`: it is spoken to in TLS as well.
class OpeningProxy {
 public:
  explicit OpeningProxy(std::shared_ptr<TlsServer> outer = nullptr)
      : inner_(tls_server({.asks_for_certificate = false, .http2 = true, .choose = {}})),
        server_(
            [this](const std::shared_ptr<ServerStream>& stream) {
              if (stream->head().method != "CONNECT") {
                const auto* place = static_cast<const std::string*>(stream->peer().tag.get());
                return stream->respond(200, {}, "inside " + (place ? *place : "nothing") + " " + stream->peer().server_name);
              }
              auto peer = stream->peer();
              peer.tag = std::make_shared<std::string>(stream->head().authority);
              auto bytes = stream->take_over(200, {});
              if (bytes) server_.server().adopt(std::move(*bytes), inner_, std::move(peer));
            },
            {}, std::move(outer)) {}
  std::uint16_t port() const { return server_.port(); }
  RunningStreamServer& server() { return server_; }

 private:
  std::shared_ptr<TlsServer> inner_;
  RunningStreamServer server_;
};

// What curl gets through the proxy, which it speaks to by `scheme`.
std::string through(const std::string& scheme, std::uint16_t proxy, const std::string& more) {
  return run_command("curl -sS --cacert ca.pem --proxy-cacert ca.pem " + more + " -x " + scheme + "://localhost:" + std::to_string(proxy) +
                     " https://localhost:4433/x");
}

TEST_F(StreamTls, OpensTlsInsideAConnect) {
  OpeningProxy proxy;
  EXPECT_EQ(through("http", proxy.port(), "--http1.1"), "inside localhost:4433 localhost");
  EXPECT_EQ(through("http", proxy.port(), "--http2"), "inside localhost:4433 localhost");
  EXPECT_TRUE(proxy.server().comes_to(0));
}

TEST_F(StreamTls, OpensTlsInsideAConnectInsideTls) {
  OpeningProxy proxy(tls_server());
  EXPECT_EQ(through("https", proxy.port(), "--http1.1"), "inside localhost:4433 localhost");
  EXPECT_EQ(through("https", proxy.port(), "--http2"), "inside localhost:4433 localhost");
  EXPECT_TRUE(proxy.server().comes_to(0));
}

TEST_F(StreamTls, MovesLongBodiesThroughTlsInsideAConnect) {
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  auto inner = tls_server();
  std::unique_ptr<RunningStreamServer> server;
  server = std::make_unique<RunningStreamServer>(
      [&](const std::shared_ptr<ServerStream>& stream) {
        if (stream->head().method == "CONNECT") {
          if (auto bytes = stream->take_over(200, {})) server->server().adopt(std::move(*bytes), inner, stream->peer());
          return;
        }
        stream->answer(200, {}, stream->head().length);
        stream->on_writable([stream] { stream->hold(false); });
        stream->receive({.on_data =
                             [stream](std::string_view chunk) {
                               if (!stream->write(chunk)) stream->hold(true);
                             },
                         .on_end = [stream](Headers) { stream->end(); },
                         .on_lost = {}});
      },
      StreamLimits{}, tls_server());
  const auto got = run_command(
      "sh -c 'head -c " + std::to_string(kBytes) +
      " /dev/urandom >body && curl -sS --cacert ca.pem --proxy-cacert ca.pem -H Expect: --data-binary @body -x https://localhost:" +
      std::to_string(server->port()) + " https://localhost:4433/x | cmp - body && echo same'");
  EXPECT_EQ(got, "same\n");
}

}  // namespace
}  // namespace interlock::net::testing
