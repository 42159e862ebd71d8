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

class TlsTransport final : public Transport {
 public:
  // `client`: of a client's side; it outlives the handshake, which calls its judge.
  TlsTransport(Ssl ssl, int fd, std::shared_ptr<TlsClient> client) : ssl_(std::move(ssl)), fd_(fd), client_(std::move(client)) {
    SSL_set_app_data(ssl_.get(), &shown_);
    if (client_) {
      SSL_set_connect_state(ssl_.get());
      shown_.judge = &client_->options().judge;
    } else {
      SSL_set_accept_state(ssl_.get());
    }
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
    return result == 1 ? IoResult{IoState::kDone, got, SSL_has_pending(ssl_.get()) == 1} : outcome(result);
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
      problem_.message = std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(verified);
    } else if (kind == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
      problem_.message = system_error("TLS failed", os_error).message;
    } else {
      problem_.message = "TLS failed: " + last_tls_error();
    }
    state_ = State::kFailed;
    return {IoState::kFailed};
  }

  Ssl ssl_;
  int fd_;
  std::shared_ptr<TlsClient> client_;  // null: the server's side
  ShownChain shown_;
  State state_ = State::kHandshake;
  Error problem_;
};

std::unexpected<Error> cannot_set_up() { return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error()); }

}  // namespace

Result<std::unique_ptr<Transport>> tls_transport(std::shared_ptr<TlsClient> client, int fd, const std::string& host) {
  ERR_clear_error();
  Ssl ssl(SSL_new(client->context()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return cannot_set_up();
  if (is_address(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) return cannot_set_up();
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl.get(), host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1) return cannot_set_up();
  }
  return std::make_unique<TlsTransport>(std::move(ssl), fd, std::move(client));
}

Result<std::unique_ptr<Transport>> tls_transport(const TlsServer& server, int fd) {
  ERR_clear_error();
  Ssl ssl(SSL_new(server.context()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return cannot_set_up();
  return std::make_unique<TlsTransport>(std::move(ssl), fd, nullptr);
}

}  // namespace interlock::net
