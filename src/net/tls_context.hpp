// What TLS of both directions is made of: contexts that keep this house's rules, certificates from PEM, the chain that a peer shows.
// For the files of net/ alone; OpenSSL stays behind them.
//
// TLS 1.2 or later, ALPN (RFC 7301), no compression, no renegotiation, no resumption: each connection proves itself anew, so that
// a chain is always there to be judged and a certificate that was replaced is not lived on. Bounds on what a peer shows are below.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "net/tls.hpp"

namespace interlock::net {

inline constexpr int kShownChainBytes = 64 * 1024;  // of a peer's chain on the wire
inline constexpr int kShownCertificates = 10;
inline constexpr std::size_t kCertificateFileBytes = std::size_t{1} << 20;  // of our own chain or key as PEM

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* it) const {
    Free(it);
  }
};
using TlsContextPointer = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

// One handshake's other side. The transport puts it on its SSL; the context's callbacks fill it.
struct ShownChain {
  const TlsServer::Options* server = nullptr;  // of a server's side
  std::shared_ptr<void> tag;                   // for the server's choice
  const std::function<Status(const PeerCertificates&)>* judge = nullptr;
  std::shared_ptr<const PeerCertificates> certificates;  // null: none was shown
  Status verdict;                                        // why the chain, or the name asked for, was refused, where it was
};

// The oldest entry of OpenSSL's queue of this thread, as a sentence for people.
std::string last_tls_error();

// ALPN in wire form (RFC 7301 §3.1): both, the better first, or HTTP/1.1 alone.
std::string_view protocols_of(bool http2);

Result<TlsContextPointer> new_server_context(bool asks_for_certificate, bool http2);
// `judged`: chains go to ShownChain::judge, and neither a store nor names are asked.
Result<TlsContextPointer> new_client_context(bool judged);
Status use_certificate(SSL_CTX* context, const TlsCertificate& certificate);

}  // namespace interlock::net
