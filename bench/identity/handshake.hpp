// TLS handshakes with client certificates inside one thread, of which the server's part alone is timed.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

#include "net/http_transport.hpp"
#include "net/tls.hpp"

namespace interlock::bench {

double thread_cpu_s();

// The other side: shows a certificate, and judges nothing, as its time does not count.
class HandshakeClient {
 public:
  explicit HandshakeClient(const net::TlsCertificate& certificate);
  ~HandshakeClient();
  HandshakeClient(const HandshakeClient&) = delete;
  HandshakeClient& operator=(const HandshakeClient&) = delete;

  // `serve` makes the server's side on a descriptor and returns its step, which is called in turns with the client's until it says true.
  // Returns the CPU seconds of serve and of its steps. Ends the process where a handshake does not end.
  double against(const std::function<std::function<bool()>(int fd)>& serve);

 private:
  SSL_CTX* context_;
};

// What OpenSSL alone does for the same handshake: it believes what `authority_der` has signed.
class BareServer {
 public:
  BareServer(const net::TlsCertificate& certificate, const std::string& authority_der);
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  std::function<bool()> serve(int fd);

 private:
  SSL_CTX* context_;
};

}  // namespace interlock::bench
