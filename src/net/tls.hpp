// TLS identities and trust for both directions: a certificate that can be replaced while connections live, and what the other side showed.
//
// TLS 1.2 or later (RFC 8446, RFC 5246), no compression, renegotiation or resumption, ALPN http/1.1, and h2 where it is asked for. Objects
// here are shared by pointer; replace() and the certificate callbacks belong to the loop thread. Keys are secrets: they are in no error and
// no log.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace interlock::net {

// A certificate chain, leaf first, with the key of the leaf.
struct TlsCertificate {
  std::string chain_pem;
  std::string key_pem;
};

// DER, leaf first, as the peer sent them in the handshake. That the peer holds the leaf's key is proven; nothing else is.
struct PeerCertificates {
  std::vector<std::string> chain;
  std::string leaf_sha256;  // 32 bytes: the x5t#S256 of RFC 8705 §3.1 before its base64url
};

// What a server shows. Handshakes that begin after replace() use the new certificate; connections that stand are left alone.
class TlsServer {
 public:
  struct Options {
    bool asks_for_certificate = false;
    bool http2 = false;  // h2 before http/1.1; without it http/1.1 alone
    // Chooses who is shown to a client that asks for `server_name` (SNI, RFC 6066 §3; empty: it named none), once a handshake: another
    // server's certificate, or null for this one's. An error ends the handshake (unrecognized_name) and is the connection's. `tag`: what
    // the connection stands for, as tls_transport() was given it.
    std::function<Result<std::shared_ptr<TlsServer>>(std::string_view server_name, const std::shared_ptr<void>& tag)> choose;
  };
  static Result<std::shared_ptr<TlsServer>> create(const TlsCertificate& certificate, Options options);
  // `asks_for_certificate`: clients may show one (RFC 8705, SPIFFE). Any chain passes the handshake, with proof of possession alone:
  // whether it is believed is decided above, where the bundles are.
  static Result<std::shared_ptr<TlsServer>> create(const TlsCertificate& certificate, bool asks_for_certificate);
  Status replace(const TlsCertificate& certificate);  // a bad one changes nothing
  ~TlsServer();
  ssl_ctx_st* context() const;  // for the other files of net/
  const Options& options() const;

 private:
  TlsServer() = default;
  struct State;
  std::unique_ptr<State> state_;
};

// What a client shows, and how it judges the server.
class TlsClient {
 public:
  struct Options {
    std::string ca_file;  // PEM authorities to trust besides the system's; empty: none
    // Judges the server's chain in place of the system's store and of names (SPIFFE): an error's message is the call's.
    std::function<Status(const PeerCertificates& peer)> judge;
  };
  static Result<std::shared_ptr<TlsClient>> create(Options options);
  Status set_certificate(const TlsCertificate& certificate);  // shown from the next handshake on
  ~TlsClient();
  ssl_ctx_st* context() const;
  const Options& options() const;

 private:
  TlsClient() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::net
