// A strict HTTP/1.1 server on one loop: Beast's parser (alone) for the bytes, our own streams. TCP and Unix sockets.
//
// What outsiders control is bounded by HttpServerOptions; each refusal is a real HTTP answer with a JSON body
// {"error":{"code","message","hint"}} where one can still be sent, then the connection closes. Request smuggling shapes
// (both Content-Length and Transfer-Encoding, two lengths, bare LF in the head, obs-fold) are refused with 400.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace interlock::net {

struct HttpServerOptions {
  std::size_t header_bytes = 32 * 1024;
  std::size_t body_bytes = std::size_t{16} << 20;
  std::size_t connections = 10'000;
  std::size_t queued_bytes = std::size_t{32} << 20;  // unsent bytes of one response stream: past it the reader is too slow, and is cut
  std::int64_t header_timeout_ms = 10'000;           // from the first byte of a head (or accept) to its end: slow-loris
  std::int64_t body_timeout_ms = 60'000;             // longest pause... total time for one body
  std::int64_t idle_timeout_ms = 120'000;            // between requests of a kept connection
};

// One request's answer. Held by shared_ptr: keep it as long as the answer is owed. Loop thread only.
// Exactly one of respond() or start()…end() is used; an exchange dropped without an answer closes the connection.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  // A whole answer; Content-Length is set. `headers` without Content-Length.
  virtual void respond(int status, Headers headers, std::string body) = 0;
  // A stream: chunked, each write is sent at once. write() returns false once the client is gone or was cut.
  virtual void start(int status, Headers headers) = 0;
  virtual bool write(std::string_view chunk) = 0;
  virtual void end() = 0;
  // Called once if the client goes away (or is cut) before the answer was complete.
  virtual void on_gone(std::function<void()> work) = 0;
  virtual bool gone() const = 0;
};

using HttpHandler = std::function<void(HttpRequest request, std::shared_ptr<HttpExchange> exchange)>;

class HttpServer {
 public:
  HttpServer(Loop& loop, HttpServerOptions options, HttpHandler handler);
  ~HttpServer();  // closes the listeners and cuts every connection

  // Port 0 picks one; returns the port bound. `host` is a literal address or "localhost".
  Result<std::uint16_t> listen_tcp(const std::string& host, std::uint16_t port);
  // The same with TLS. A handshake has header_timeout_ms to end.
  Result<std::uint16_t> listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<TlsServer> tls);
  // Creates the socket with mode 0600; a dead socket file in its place is replaced, a live one is an error.
  Status listen_unix(const std::string& path);
  // As Listeners::adopt. Plain.
  std::shared_ptr<void> adopt_listener(OwnedFd listening);
  // Takes no new connections and ends each connection when its current answer is complete.
  void drain();
  std::size_t open_connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
