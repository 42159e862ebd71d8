// The bytes of a connected non-blocking socket, plain or TLS, behind one face: neither client nor server cares which. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/tls.hpp"

namespace interlock::net {

enum class IoState : std::uint8_t { kDone, kWantRead, kWantWrite, kEnd, kFailed };

struct IoResult {
  IoState state = IoState::kDone;
  std::size_t bytes = 0;
  bool may_have_more = true;  // another call of its kind may do something without waiting
};

// Does not own the descriptor, which must outlive it.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual IoResult handshake() = 0;  // until kDone
  // TLS may hold bytes that no wait for the descriptor tells of: while may_have_more, read again before waiting.
  virtual IoResult read(char* out, std::size_t size) = 0;
  // Sends `head`, then `body`, in one call where it can; bytes counts both. What was not taken must be offered again, unchanged.
  virtual IoResult write(std::string_view head, std::string_view body) = 0;
  // Nothing follows what was written: tells a TLS peer so, by which it knows a whole message from one that was cut (RFC 8446 §6.1).
  virtual void say_goodbye() = 0;
  // Of a connection that nobody uses: false if the other side has closed it, or has sent what was not asked for.
  virtual bool looks_usable() = 0;
  // What the other side showed in the handshake; null: nothing.
  virtual std::shared_ptr<const PeerCertificates> peer_certificates() const = 0;
  // After the handshake: what ALPN settled on ("h2", "http/1.1"; empty: nothing), and the name that the client asked for (SNI).
  virtual std::string_view protocol() const { return {}; }
  virtual std::string_view server_name() const { return {}; }
  virtual bool is_plain() const { return false; }  // the descriptor's bytes are the message's
  // After kFailed: what went wrong, for people.
  virtual Error problem() const = 0;
};

Result<std::unique_ptr<Transport>> plain_transport(int fd);

// The client's side: the server must be `host`, a name or an IP address, or pass the judge of `client`. `http2`: h2 is offered as well.
Result<std::unique_ptr<Transport>> tls_transport(std::shared_ptr<TlsClient> client, int fd, const std::string& host, bool http2 = false);
// The server's side. `tag`: for the server's choice of a certificate.
Result<std::unique_ptr<Transport>> tls_transport(const TlsServer& server, int fd, std::shared_ptr<void> tag = nullptr);
// The server's side inside another transport, which speaks over `fd` (TLS within a TLS tunnel); a plain one costs nothing more.
Result<std::unique_ptr<Transport>> tls_transport(const TlsServer& server, int fd, std::unique_ptr<Transport> inside,
                                                 std::shared_ptr<void> tag);

}  // namespace interlock::net
