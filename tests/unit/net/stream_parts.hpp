// What the tests of streams share: a StreamServer on a loop of its own thread, a gathering of one message, and a relay from the one to a
// StreamClient, as a proxy is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http_stream.hpp"
#include "parts.hpp"

namespace interlock::net::testing {

inline Destination local(std::uint16_t port) {
  Destination to;
  to.scheme = "http";
  to.host = "127.0.0.1";
  to.port = port;
  to.addresses = {*parse_address("127.0.0.1")};
  return to;
}

// On its loop: tells each refused rule, and hands each request to `handler`.
class RunningStreamServer {
 public:
  using Handler = std::function<void(std::shared_ptr<ServerStream>)>;
  explicit RunningStreamServer(Handler handler, StreamLimits limits = {}, std::shared_ptr<TlsServer> tls = nullptr) {
    thread_.on([&] {
      server_ = std::make_unique<StreamServer>(
          thread_.loop(), limits,
          StreamHandlers{.on_request = std::move(handler),
                         .on_refused = [this](const StreamPeer&, std::string_view rule) { refused_.emplace_back(rule); }});
      auto bound = tls ? server_->listen_tls("127.0.0.1", 0, std::move(tls)) : server_->listen_tcp("127.0.0.1", 0);
      port_ = bound ? *bound : std::uint16_t{0};
    });
  }
  ~RunningStreamServer() {
    thread_.on([&] { server_.reset(); });
  }
  std::uint16_t port() const { return port_; }
  Loop& loop() { return thread_.loop(); }
  LoopThread& thread() { return thread_; }
  StreamServer& server() { return *server_; }  // on its loop
  std::vector<std::string> refused() {
    return thread_.on([&] { return refused_; });
  }
  std::size_t connections() {
    return thread_.on([&] { return server_->open_connections(); });
  }
  bool comes_to(std::size_t wanted) {
    for (int turn = 0; turn < kPatience_s * 1000; ++turn) {
      if (connections() == wanted) return true;
      ::usleep(1000);
    }
    return false;
  }

 private:
  LoopThread thread_;
  std::vector<std::string> refused_;
  std::unique_ptr<StreamServer> server_;
  std::uint16_t port_ = 0;
};

// Answers with what was asked: "METHOD scheme authority target name=value;... body trailer=value;".
inline void answer_with_request(const std::shared_ptr<ServerStream>& stream) {
  auto text = std::make_shared<std::string>();
  const auto& head = stream->head();
  *text = head.method + " " + head.scheme + " " + head.authority + " " + head.target + " ";
  for (const auto& [name, value] : head.headers.all()) *text += name + "=" + value + ";";
  *text += " ";
  stream->receive({.on_data = [text](std::string_view chunk) { *text += chunk; },
                   .on_end =
                       [text, stream](Headers trailers) {
                         for (const auto& [name, value] : trailers.all()) *text += " " + name + "=" + value + ";";
                         stream->respond(200, {}, *text);
                       },
                   .on_lost = [](Error) {}});
}

// Passes a request on to `to` and its answer back, both flowing, as a proxy does.
inline void relay(const std::shared_ptr<ServerStream>& down, StreamClient& client, Destination to) {
  const auto& head = down->head();
  ClientHead request;
  request.method = head.method;
  request.authority = head.authority;
  request.target = head.target;
  request.headers = head.headers;
  request.length = head.length;
  request.upgrade = head.upgrade;
  auto up = std::make_shared<std::shared_ptr<ClientStream>>();
  *up = client.start(std::move(to), std::move(request),
                     {.on_inform = [down](int status, Headers headers) { down->inform(status, std::move(headers)); },
                      .on_head = [down](int status, Headers headers,
                                        std::optional<std::uint64_t> length) { down->answer(status, std::move(headers), length); },
                      .body = {.on_data =
                                   [down, up](std::string_view chunk) {
                                     if (!down->write(chunk)) (*up)->hold(true);
                                   },
                               .on_end = [down](Headers trailers) { down->end(std::move(trailers)); },
                               .on_lost = [down](Error error) { down->respond(502, {}, error.message); }},
                      .on_writable = [down] { down->hold(false); },
                      .on_upgrade = {}});
  down->on_writable([up] { (*up)->hold(false); });
  down->on_gone([up] { (*up)->cut(); });
  if (head.length == 0) return (*up)->end();
  down->receive({.on_data =
                     [down, up](std::string_view chunk) {
                       if (!(*up)->write(chunk)) down->hold(true);
                     },
                 .on_end = [up](Headers trailers) { (*up)->end(std::move(trailers)); },
                 .on_lost = [up](Error) { (*up)->cut(); }});
}

}  // namespace interlock::net::testing
