// TLS by OpenSSL over a non-blocking descriptor: RFC 8446 and RFC 5246, names by RFC 9525.
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>

#include "net/http_transport.hpp"

namespace interlock::net {
namespace {

std::string last_tls_error() {
  const auto code = ERR_get_error();
  if (code == 0) return "unknown TLS error";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

bool is_address(const std::string& host) {
  in6_addr out;
  return ::inet_pton(AF_INET, host.c_str(), &out) == 1 || ::inet_pton(AF_INET6, host.c_str(), &out) == 1;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(SSL* ssl, int fd) : ssl_(ssl), fd_(fd) {}
  ~TlsTransport() override {
    // Says goodbye if the socket takes it; nobody waits for the answer.
    ERR_clear_error();
    if (ready_ && !failed_) SSL_shutdown(ssl_);
    ERR_clear_error();
    SSL_free(ssl_);
  }

  IoResult handshake() override {
    ERR_clear_error();
    const int result = SSL_connect(ssl_);
    if (result == 1) {
      ready_ = true;
      return {};
    }
    return outcome(result);
  }

  IoResult read(char* out, std::size_t size) override {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_, out, size, &got);
    return result == 1 ? IoResult{IoState::kDone, got} : outcome(result);
  }

  IoResult write(std::string_view bytes) override {
    ERR_clear_error();
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent);
    return result == 1 ? IoResult{IoState::kDone, sent} : outcome(result);
  }

  // Bytes may wait there that are TLS's own (session tickets): only an end says something.
  bool looks_usable() override {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0 && (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) == 0;
  }

  std::string problem() const override { return problem_; }

 private:
  SSL* ssl_;
  int fd_;
  bool ready_ = false;
  bool failed_ = false;
  std::string problem_;

  IoResult outcome(int result) {
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ: return {IoState::kWantRead};
      case SSL_ERROR_WANT_WRITE: return {IoState::kWantWrite};
      case SSL_ERROR_ZERO_RETURN: return {IoState::kEnd};
      default: break;
    }
    failed_ = true;
    if (const auto verified = SSL_get_verify_result(ssl_); !ready_ && verified != X509_V_OK) {
      problem_ = std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(verified);
    } else {
      problem_ = "TLS failed: " + last_tls_error();
    }
    return {IoState::kFailed};
  }
};

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::create(const std::string& ca_file) {
  ERR_clear_error();
  SSL_CTX* raw = SSL_CTX_new(TLS_client_method());
  if (raw == nullptr) return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error());
  auto context = std::unique_ptr<TlsContext>(new TlsContext(raw));
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_default_verify_paths(raw) != 1)
    return fail(ErrorCode::kInternal, "the system's trust store cannot be read: " + last_tls_error());
  if (!ca_file.empty() && SSL_CTX_load_verify_file(raw, ca_file.c_str()) != 1) {
    return fail(ErrorCode::kInvalid, ca_file + " holds no certificates of authorities that can be read: " + last_tls_error(),
                "give a PEM file");
  }
  // ALPN: http/1.1 alone, with its length before it (RFC 7301 §3.1).
  static constexpr std::array<unsigned char, 9> kProtocols{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(raw, kProtocols.data(), kProtocols.size());
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::unique_ptr<Transport>> TlsContext::open(int fd, const std::string& host) {
  ERR_clear_error();
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error());
  auto transport = std::make_unique<TlsTransport>(ssl, fd);
  bool ready = SSL_set_fd(ssl, fd) == 1;
  if (is_address(host)) {
    ready = ready && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ready = ready && SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  if (!ready) return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error());
  return transport;
}

}  // namespace interlock::net
