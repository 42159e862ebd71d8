// TLS by OpenSSL over a non-blocking descriptor: RFC 8446 and RFC 5246, names by RFC 9525.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "net/http_transport.hpp"
#include "net/tls_context.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;

using Ssl = std::unique_ptr<SSL, FreeWith<SSL_free>>;

bool is_address(const std::string& host) {
  in6_addr out;
  return ::inet_pton(AF_INET, host.c_str(), &out) == 1 || ::inet_pton(AF_INET6, host.c_str(), &out) == 1;
}

// What a chain was refused for, so that one can tell what to mend (RFC 5280 §6, RFC 9525).
std::string describe_verification(long code, const std::string& host) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "it has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "it is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return "name mismatch, it is for another than " + host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "it is self-signed";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "its chain ends at a self-signed authority that is not trusted here";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return "its issuer is not trusted here, or an intermediate is missing";
    case X509_V_ERR_CERT_REVOKED: return "it is revoked";
    default: return X509_verify_cert_error_string(code);
  }
}

// ---- OpenSSL over another transport ----

int inside_outcome(BIO* bio, const IoResult& got) {
  BIO_clear_retry_flags(bio);
  switch (got.state) {
    case IoState::kDone: return static_cast<int>(got.bytes);
    case IoState::kWantRead: BIO_set_retry_read(bio); return -1;
    case IoState::kWantWrite: BIO_set_retry_write(bio); return -1;
    case IoState::kEnd: return 0;
    case IoState::kFailed: break;
  }
  return -1;
}
int read_inside(BIO* bio, char* out, int size) noexcept {
  return inside_outcome(bio, static_cast<Transport*>(BIO_get_data(bio))->read(out, static_cast<std::size_t>(size)));
}
int write_inside(BIO* bio, const char* bytes, int size) noexcept {
  return inside_outcome(bio, static_cast<Transport*>(BIO_get_data(bio))->write({bytes, static_cast<std::size_t>(size)}, {}));
}
long control_inside(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }
int create_inside(BIO* bio) noexcept {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* inside_method() {
  static const std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>> method = [] {
    std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>> made(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "transport"));
    if (made && (BIO_meth_set_read(made.get(), read_inside) != 1 || BIO_meth_set_write(made.get(), write_inside) != 1 ||
                 BIO_meth_set_ctrl(made.get(), control_inside) != 1 || BIO_meth_set_create(made.get(), create_inside) != 1))
      made.reset();
    return made;
  }();
  return method.get();
}

class TlsTransport final : public Transport {
 public:
  // A client's side: `client` outlives the handshake, which calls its judge.
  TlsTransport(Ssl ssl, int fd, std::shared_ptr<TlsClient> client, std::string host)
      : ssl_(std::move(ssl)), fd_(fd), client_(std::move(client)), host_(std::move(host)) {
    SSL_set_app_data(ssl_.get(), &shown_);
    SSL_set_connect_state(ssl_.get());
    shown_.judge = &client_->options().judge;
  }
  // A server's side: `server` outlives the handshake, `inside` is what carries it where that is no socket.
  TlsTransport(Ssl ssl, int fd, const TlsServer& server, std::unique_ptr<Transport> inside, std::shared_ptr<void> tag)
      : inside_(std::move(inside)), ssl_(std::move(ssl)), fd_(fd) {
    SSL_set_app_data(ssl_.get(), &shown_);
    SSL_set_accept_state(ssl_.get());
    shown_.server = &server.options();
    shown_.tag = std::move(tag);
  }
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  IoResult handshake() override {
    ERR_clear_error();
    if (const int result = SSL_do_handshake(ssl_.get()); result != 1) return outcome(result);
    if (client_ && !server_is_proven()) {
      state_ = State::kFailed;
      problem_ = {ErrorCode::kUnavailable, "it has shown no certificate that was verified", "check the server's certificate"};
      return {IoState::kFailed};
    }
    state_ = State::kOpen;
    return {};
  }

  IoResult read(char* out, std::size_t size) override {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), out, size, &got);
    return result == 1 ? IoResult{IoState::kDone, got, inside_ || SSL_has_pending(ssl_.get()) == 1} : outcome(result);
  }

  // Both in one record where they fit: one packet, one call.
  IoResult write(std::string_view head, std::string_view body) override {
    if (!body.empty() && head.size() < kRecordBytes) {
      thread_local std::array<char, kRecordBytes> record;
      const auto from_body = std::min(body.size(), record.size() - head.size());
      std::copy_n(body.data(), from_body, std::copy_n(head.data(), head.size(), record.data()));
      head = {record.data(), head.size() + from_body};
    }
    ERR_clear_error();
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_.get(), head.data(), head.size(), &sent);
    return result == 1 ? IoResult{IoState::kDone, sent} : outcome(result);
  }

  // If the socket takes it; nobody waits for the answer.
  void say_goodbye() override {
    if (state_ != State::kOpen) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    state_ = State::kEnding;
  }

  // Bytes may wait there that are TLS's own (session tickets): only an end says something.
  bool looks_usable() override {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0 && (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) == 0;
  }

  // Only once the handshake is over is it proven that the peer holds the key.
  std::shared_ptr<const PeerCertificates> peer_certificates() const override {
    return state_ == State::kOpen ? shown_.certificates : nullptr;
  }

  std::string_view protocol() const override {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
    return {reinterpret_cast<const char*>(chosen), size};
  }
  std::string_view server_name() const override {
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string_view() : std::string_view(name);
  }

  Error problem() const override { return problem_; }

 private:
  enum class State : std::uint8_t { kHandshake, kOpen, kEnding, kFailed };

  // OpenSSL has ended the handshake where this does not hold; here it is not taken on trust.
  bool server_is_proven() const {
    if (SSL_get0_peer_certificate(ssl_.get()) == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return false;
    return !client_->options().judge || (shown_.certificates && shown_.verdict);
  }

  IoResult outcome(int result) {
    const int os_error = errno;
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind == SSL_ERROR_WANT_READ) return {IoState::kWantRead};
    if (kind == SSL_ERROR_WANT_WRITE) return {IoState::kWantWrite};
    if (kind == SSL_ERROR_ZERO_RETURN && state_ != State::kHandshake) return {IoState::kEnd};
    problem_ = {ErrorCode::kUnavailable, {}, state_ == State::kHandshake ? "check the server's certificate and name" : "try again"};
    if (!shown_.verdict) {
      problem_ = shown_.verdict.error();
    } else if (const auto verified = SSL_get_verify_result(ssl_.get()); state_ == State::kHandshake && verified != X509_V_OK) {
      problem_.message = "its certificate is not trusted: " + describe_verification(verified, host_);
    } else if (kind == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
      problem_.message = system_error("TLS failed", os_error).message;
    } else {
      problem_.message = "TLS failed: " + last_tls_error();
    }
    state_ = State::kFailed;
    return {IoState::kFailed};
  }

  std::unique_ptr<Transport> inside_;  // null: the socket itself. It outlives ssl_, which calls it
  Ssl ssl_;
  int fd_;
  std::shared_ptr<TlsClient> client_;  // null: the server's side
  std::string host_;                   // that a client asked for
  ShownChain shown_;
  State state_ = State::kHandshake;
  Error problem_;
};

std::unexpected<Error> cannot_set_up() { return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error()); }

}  // namespace

Result<std::unique_ptr<Transport>> tls_transport(std::shared_ptr<TlsClient> client, int fd, const std::string& host, bool http2) {
  ERR_clear_error();
  Ssl ssl(SSL_new(client->context()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return cannot_set_up();
  if (http2) {
    const auto both = protocols_of(true);
    if (SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(both.data()), static_cast<unsigned>(both.size())) != 0)
      return cannot_set_up();
  }
  if (is_address(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) return cannot_set_up();
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl.get(), host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1) return cannot_set_up();
  }
  return std::make_unique<TlsTransport>(std::move(ssl), fd, std::move(client), host);
}

Result<std::unique_ptr<Transport>> tls_transport(const TlsServer& server, int fd, std::shared_ptr<void> tag) {
  return tls_transport(server, fd, nullptr, std::move(tag));
}

Result<std::unique_ptr<Transport>> tls_transport(const TlsServer& server, int fd, std::unique_ptr<Transport> inside,
                                                 std::shared_ptr<void> tag) {
  ERR_clear_error();
  if (inside && inside->is_plain()) inside.reset();
  Ssl ssl(SSL_new(server.context()));
  if (!ssl) return cannot_set_up();
  if (!inside) {
    if (SSL_set_fd(ssl.get(), fd) != 1) return cannot_set_up();
  } else {
    const auto* method = inside_method();
    BIO* bio = method == nullptr ? nullptr : BIO_new(method);
    if (bio == nullptr) return cannot_set_up();
    BIO_set_data(bio, inside.get());
    SSL_set_bio(ssl.get(), bio, bio);
  }
  return std::make_unique<TlsTransport>(std::move(ssl), fd, server, std::move(inside), std::move(tag));
}

}  // namespace interlock::net
