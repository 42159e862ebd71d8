// HTTP messages whose bodies flow, for those who pass them on: one face for HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113), towards clients
// (StreamServer) and towards servers (StreamClient).
//
// Nothing is held whole: a body is handed on as it comes, and a side that cannot keep up stops the other (TCP's or the stream's window).
// The message is the same in both protocols: pseudo-headers, Host, Connection and what it names, Keep-Alive, Proxy-Connection, TE, Trailer,
// Transfer-Encoding, Upgrade and Content-Length are in no Headers here, in either direction; they are fields of the heads. Shapes that
// two readers could understand differently (RFC 9112 §6.3, §11.2; RFC 9113 §8.1.1) are refused with an answer, and told to on_refused.
// Loop thread only. Callbacks may drop the stream they are of, and cut() any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/byte_stream.hpp"
#include "net/http.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/tls.hpp"

namespace interlock::net {

enum class HttpVersion : std::uint8_t { k1_0, k1_1, k2 };

struct BodyHandlers {
  std::function<void(std::string_view chunk)> on_data;
  std::function<void(Headers trailers)> on_end;  // the message is complete
  std::function<void(Error)> on_lost;            // it never will be; nothing follows
};

// ---- towards clients ------------------------------------------------------------------------------------------------------------

struct StreamLimits {
  std::size_t header_bytes = 64 * 1024;  // of one head, after decompression
  std::size_t connections = 10'000;
  std::size_t streams = 128;                          // of one HTTP/2 connection at once
  std::size_t queued_bytes = std::size_t{256} << 10;  // of one answer before write() says no
  std::int64_t header_timeout_ms = 10'000;
  std::int64_t idle_timeout_ms = 120'000;   // between requests of a connection
  std::int64_t stall_timeout_ms = 120'000;  // of a message in which nothing moves, while nobody holds it
  // What an HTTP/2 client may do in excess, per connection (rapid reset CVE-2023-44487, CONTINUATION, PING, SETTINGS and empty-frame
  // floods): past it the connection ends with GOAWAY ENHANCE_YOUR_CALM.
  std::size_t resets_per_second = 100;
  std::size_t control_frames_per_second = 500;
};

struct RequestHead {
  std::string method;
  std::string scheme;     // of an absolute form or :scheme; empty: origin form, the connection's own
  std::string authority;  // host[:port] of the target, :authority or else Host; both must agree where both are given
  std::string target;     // path and query, "*" (OPTIONS), empty for CONNECT
  Headers headers;
  std::optional<std::uint64_t> length;  // of the body where it is told; 0: there is none
  std::string upgrade;                  // the protocol asked for by Upgrade: "websocket"; empty: none
  HttpVersion version = HttpVersion::k1_1;
};

// Whom a connection is with.
struct StreamPeer {
  std::string text;  // as HttpRequest::peer
  int pid = -1;      // of a Unix socket
  int uid = -1;
  bool is_tls = false;
  std::string server_name;  // SNI
  std::shared_ptr<const PeerCertificates> certificates;
  std::shared_ptr<void> door;  // whatever adopt_listener() was given: whom everybody who comes by that listener is
  std::shared_ptr<void> tag;   // whatever adopt() or listen was given: what a connection that was opened inside a tunnel stands for
};

// One request being answered. Held by shared_ptr as long as the answer is owed; dropped without one: it is cut.
class ServerStream {
 public:
  virtual ~ServerStream() = default;
  virtual const RequestHead& head() const = 0;
  virtual const StreamPeer& peer() const = 0;

  // The body begins to flow (100 Continue is sent where it is waited for, RFC 9110 §10.1.1). Before that none of it is read.
  virtual void receive(BodyHandlers handlers) = 0;
  virtual void hold(bool held) = 0;                      // stop and go of the body
  virtual void on_gone(std::function<void()> work) = 0;  // the client is gone before the answer was complete; once

  virtual void inform(int status, Headers headers) = 0;  // 1xx but 101
  // `length`: Content-Length, where it is known; the body written must be exactly that long.
  virtual void answer(int status, Headers headers, std::optional<std::uint64_t> length) = 0;
  virtual bool write(std::string_view chunk) = 0;  // false: enough is queued, wait for on_writable
  virtual void on_writable(std::function<void()> work) = 0;
  virtual void end(Headers trailers = {}) = 0;
  // A whole answer.
  void respond(int status, Headers headers, std::string_view body) {
    answer(status, std::move(headers), body.size());
    if (!body.empty()) (void)write(body);
    end();
  }
  virtual void cut() = 0;  // RST_STREAM, or the end of the connection
  // HTTP/1.1 alone: answers (200 to CONNECT, 101 to an upgrade) and hands the connection over as bytes. kUnsupported in HTTP/2;
  // kInvalid for a CONNECT whose client did not wait for the answer.
  virtual Result<std::unique_ptr<ByteStream>> take_over(int status, Headers headers) = 0;
};

struct StreamHandlers {
  std::function<void(std::shared_ptr<ServerStream> stream)> on_request;
  // A message was refused before it was a request: for the record. `rule` in a few words: "content-length and transfer-encoding".
  std::function<void(const StreamPeer& peer, std::string_view rule)> on_refused;
};

class StreamServer {
 public:
  StreamServer(Loop& loop, StreamLimits limits, StreamHandlers handlers);
  ~StreamServer();  // closes the listeners and cuts every connection

  // Plain: HTTP/1.1, and HTTP/2 with prior knowledge (RFC 9113 §3.3). Port 0 picks one; returns the port bound.
  Result<std::uint16_t> listen_tcp(const std::string& host, std::uint16_t port, std::shared_ptr<void> tag = nullptr);
  // Both by ALPN.
  Result<std::uint16_t> listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<TlsServer> tls,
                                   std::shared_ptr<void> tag = nullptr);
  Status listen_unix(const std::string& path, std::shared_ptr<void> tag = nullptr);  // mode 0600, as HttpServer
  // A plain listener that somebody else opened, as Listeners::adopt; its connections, and those opened inside their tunnels, have `door`.
  std::shared_ptr<void> adopt_listener(OwnedFd listening, std::shared_ptr<void> door);
  // Takes over what a tunnel is inside: TLS as the server `tls`, then HTTP by ALPN. null `tls`: HTTP at once.
  void adopt(std::unique_ptr<ByteStream> bytes, std::shared_ptr<TlsServer> tls, StreamPeer peer);
  void drain();  // no new connections; each ends when its answers are complete
  std::size_t open_connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// ---- towards servers ------------------------------------------------------------------------------------------------------------

// Where a request goes. The addresses were resolved and judged by the caller: no name is looked up here, so that what was allowed is what
// is connected to. Connections are kept and shared by (scheme, host, port, tls, addresses' judge `realm`).
struct Destination {
  std::string scheme;  // "http" or "https"
  std::string host;    // for SNI and the check of the certificate
  std::uint16_t port = 0;
  std::vector<Address> addresses;  // tried in order
  std::shared_ptr<TlsClient> tls;  // https
  bool http2 = true;               // offer h2 by ALPN; plain http is HTTP/1.1 always
  std::string realm;  // connections of different realms are never shared (say: one a task, where a client certificate is shown)
};

struct ClientHead {
  std::string method;
  std::string authority;
  std::string target;
  Headers headers;
  std::optional<std::uint64_t> length;  // 0: no body; nullopt: chunked, or the frames of HTTP/2
  std::string upgrade;                  // asks for an upgrade: HTTP/1.1 is spoken
};

struct ClientStreamHandlers {
  std::function<void(int status, Headers headers)> on_inform;  // 1xx
  std::function<void(int status, Headers headers, std::optional<std::uint64_t> length)> on_head;
  BodyHandlers body;                  // of the response; on_lost also where no head came. Exactly one of on_end, on_lost, on_upgrade
  std::function<void()> on_writable;  // of the request's body
  std::function<void(Headers headers, std::unique_ptr<ByteStream> bytes)> on_upgrade;  // 101
};

// One request under way. It may be dropped: the call goes on until its last word, or the client's end.
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  virtual bool write(std::string_view chunk) = 0;
  virtual void end(Headers trailers = {}) = 0;
  virtual void hold(bool held) = 0;  // of the response's body
  virtual void cut() = 0;            // no callback comes after it
  virtual HttpVersion version() const = 0;
};

struct StreamClientLimits {
  std::size_t header_bytes = 64 * 1024;
  std::size_t connections_per_origin = 256;
  std::size_t waiting = 10'000;  // streams that wait for a connection
  std::size_t queued_bytes = std::size_t{256} << 10;
  std::int64_t connect_timeout_ms = 10'000;
  std::int64_t idle_ms = 30'000;
};

class StreamClient {
 public:
  explicit StreamClient(Loop& loop, StreamClientLimits limits = {});
  ~StreamClient();
  // A request is never sent twice: one that met a kept connection's end before a byte of it was answered is repeated only where it has no
  // body and its method is safe (RFC 9110 §9.2.2).
  std::shared_ptr<ClientStream> start(Destination to, ClientHead head, ClientStreamHandlers handlers);
  // Bytes alone, to the first address that takes them: opaque tunnels.
  void connect(const Destination& to, std::function<void(Result<std::unique_ptr<ByteStream>>)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
