// What net/ costs alone: a proxy of StreamServer and StreamClient that asks nobody and records nothing, for `dev bench egress`.
//
// egress_relay --upstream PORT --upstream-tls PORT --certificate CHAIN KEY --ca FILE
// Two listeners on 127.0.0.1, told on standard output as {"plain":PORT,"tls":PORT}: plain takes origin and absolute form and CONNECT, whose
// tunnel it opens with the certificate; tls is the same in TLS. What comes plain goes to the plain upstream, what comes in TLS to the
// other.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "net/http_stream.hpp"

namespace {

using namespace interlock;
using namespace interlock::net;

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Relay {
  Loop loop;
  std::shared_ptr<TlsServer> certificate;
  Destination plain, secure;
  std::unique_ptr<StreamClient> client;
  std::unique_ptr<StreamServer> server;

  void serve(const std::shared_ptr<ServerStream>& down) {
    const auto& head = down->head();
    if (head.method == "CONNECT") {
      auto bytes = down->take_over(200, {});
      auto peer = down->peer();
      if (bytes) server->adopt(std::move(*bytes), certificate, std::move(peer));
      return;
    }
    auto up = std::make_shared<std::shared_ptr<ClientStream>>();
    *up = client->start(down->peer().is_tls ? secure : plain, {head.method, head.authority, head.target, head.headers, head.length, ""},
                        {.on_inform = {},
                         .on_head = [down](int status, Headers headers,
                                           std::optional<std::uint64_t> length) { down->answer(status, std::move(headers), length); },
                         .body = {.on_data =
                                      [down, up](std::string_view chunk) {
                                        if (!down->write(chunk)) (*up)->hold(true);
                                      },
                                  .on_end = [down](Headers trailers) { down->end(std::move(trailers)); },
                                  .on_lost = [down](const Error& error) { down->respond(502, {}, error.message); }},
                         .on_writable = {},
                         .on_upgrade = {}});
    down->on_writable([up] { (*up)->hold(false); });
    down->on_gone([up] { (*up)->cut(); });
    (*up)->end();
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 10) return std::fputs("egress_relay: see bench/egress/relay.cpp\n", stderr), 2;
  Relay relay;
  auto certificate = TlsServer::create({text_of(argv[6]), text_of(argv[7])}, {.asks_for_certificate = false, .http2 = true, .choose = {}});
  auto trust = TlsClient::create({.ca_file = argv[9], .judge = {}});
  if (!certificate || !trust) return std::fputs("egress_relay: the certificate cannot be used\n", stderr), 2;
  relay.certificate = *certificate;
  relay.plain.scheme = "http";
  relay.plain.host = "localhost";
  relay.plain.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  relay.plain.addresses = {*parse_address("127.0.0.1")};
  relay.secure = relay.plain;
  relay.secure.scheme = "https";
  relay.secure.port = static_cast<std::uint16_t>(std::atoi(argv[4]));
  relay.secure.tls = *trust;
  relay.client = std::make_unique<StreamClient>(relay.loop);
  relay.server = std::make_unique<StreamServer>(
      relay.loop, StreamLimits{},
      StreamHandlers{.on_request = [&relay](const std::shared_ptr<ServerStream>& down) { relay.serve(down); }, .on_refused = {}});
  const auto plain = relay.server->listen_tcp("127.0.0.1", 0);
  const auto tls = relay.server->listen_tls("127.0.0.1", 0, relay.certificate);
  if (!plain || !tls) return std::fputs("egress_relay: cannot listen\n", stderr), 2;
  std::printf("{\"plain\":%u,\"tls\":%u}\n", *plain, *tls);
  std::fflush(stdout);
  relay.loop.on_signals({15, 2}, [&relay](int) { relay.loop.stop(); });
  relay.loop.run();
  relay.server.reset();
  relay.client.reset();
  return 0;
}
