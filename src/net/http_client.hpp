// An HTTP/1.1 client on one loop: kept connections a origin, streaming bodies, http and https (system trust store, names
// verified, TLS 1.2 or later). Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace interlock::net {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // without brackets
  std::uint16_t port = 0;
  std::string target;  // path and query, at least "/"
};
Result<Url> parse_url(std::string_view text);

struct HttpClientOptions {
  std::size_t header_bytes = 64 * 1024;
  std::size_t connections_per_origin = 256;  // further calls wait for one
  std::size_t waiting_calls = 10'000;
  std::int64_t connect_timeout_ms = 10'000;
  std::int64_t idle_ms = 30'000;     // a kept connection is closed after this
  std::string ca_file{};             // PEM authorities to trust besides the system's (SSL_CERT_FILE is heeded); empty: none
  std::shared_ptr<TlsClient> tls{};  // client certificate and own judgement of servers; then `ca_file` means nothing
};

struct HttpClientRequest {
  std::string method;
  Url url;
  Headers headers;  // Host and Content-Length are set by the client
  std::string body;
  std::int64_t head_timeout_ms = 0;  // from start() until the response head; 0: none
  bool may_repeat = true;            // false: never sent twice (RFC 9110 §9.2.2), so a kept connection that breaks is its end
};

// Called on the loop: on_head once, then on_data any number of times, then on_end exactly once (also alone, with an error).
// After cancel() none is called any more.
struct HttpCallHandlers {
  std::function<void(int status, Headers headers)> on_head;
  std::function<void(std::string_view chunk)> on_data;
  std::function<void(Status status)> on_end;
};

// Whether a call ended before it was sent (no name, no connection, no TLS): nothing has happened at the other side.
bool was_never_sent(const Error& error);

class HttpCall {
 public:
  virtual ~HttpCall() = default;
  virtual void cancel() = 0;  // closes its connection
};

class HttpClient {
 public:
  HttpClient(Loop& loop, HttpClientOptions options = {});
  ~HttpClient();  // cancels what runs

  // A kept connection that the server closed before a single byte of the answer is retried once on a fresh one, where `may_repeat`.
  std::shared_ptr<HttpCall> start(HttpClientRequest request, HttpCallHandlers handlers);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
