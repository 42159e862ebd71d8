#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "base/hash.hpp"

namespace interlock::net {
namespace {

// Forward secrecy and authenticated encryption (RFC 9325 §4.2); TLS 1.3 has nothing else.
constexpr const char* kServerCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// What clients have, without the groups that cost a server many times more than they cost whoever asks for them.
constexpr const char* kServerGroups = "X25519:P-256:P-384";

using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Bytes = std::unique_ptr<BIO, FreeWith<BIO_free>>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using Chain = std::unique_ptr<STACK_OF(X509), FreeStack>;

// An encrypted key fails to be read, instead of asking at a terminal.
int no_password(char*, int, int, void*) { return -1; }

std::string der_of(X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

// The whole chain, leaf first; null where it is over a bound or cannot be encoded.
std::shared_ptr<const PeerCertificates> shown_certificates(const STACK_OF(X509) * chain) {
  const int count = sk_X509_num(chain);
  if (count < 1 || count > kShownCertificates) return nullptr;
  auto shown = std::make_shared<PeerCertificates>();
  shown->chain.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    shown->chain.push_back(der_of(sk_X509_value(chain, i)));
    if (shown->chain.back().empty()) return nullptr;
  }
  shown->leaf_sha256 = as_bytes(sha256(shown->chain.front()));
  return shown;
}

ShownChain* connection_of(X509_STORE_CTX* context) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return ssl == nullptr ? nullptr : static_cast<ShownChain*>(SSL_get_app_data(ssl));
}

// Runs in the middle of a handshake, in place of OpenSSL's own verification: everything but an explicit yes ends the handshake.
int take_chain(X509_STORE_CTX* context, bool judged) noexcept {
  X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
  auto* connection = connection_of(context);
  if (connection == nullptr) return 0;
  auto shown = shown_certificates(X509_STORE_CTX_get0_untrusted(context));
  if (!shown) {
    connection->verdict =
        fail(ErrorCode::kTooLarge, "the certificate chain has more than " + std::to_string(kShownCertificates) + " certificates",
             "send the leaf and its intermediates alone");
    return 0;
  }
  if (judged) {
    if (connection->judge == nullptr || !*connection->judge) return 0;
    connection->verdict = (*connection->judge)(*shown);
    if (!connection->verdict) return 0;
  }
  connection->certificates = std::move(shown);
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}
int take_any_chain(X509_STORE_CTX* context, void*) noexcept { return take_chain(context, false); }
int take_judged_chain(X509_STORE_CTX* context, void*) noexcept { return take_chain(context, true); }

// A client that speaks only something else is told so; one without ALPN is taken to speak HTTP/1.1.
int choose_protocol(bool http2, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned int offered_size) noexcept {
  const auto ours = protocols_of(http2);
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, reinterpret_cast<const unsigned char*>(ours.data()), static_cast<unsigned>(ours.size()),
                            offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}
int choose_http1(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned int offered_size,
                 void*) noexcept {
  return choose_protocol(false, chosen, size, offered, offered_size);
}
int choose_http2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned int offered_size,
                 void*) noexcept {
  return choose_protocol(true, chosen, size, offered, offered_size);
}

// Called once a handshake, also where no name was asked for.
int choose_server(SSL* ssl, int* alert, void*) noexcept {
  auto* connection = static_cast<ShownChain*>(SSL_get_app_data(ssl));
  if (connection == nullptr || connection->server == nullptr || !connection->server->choose) return SSL_TLSEXT_ERR_OK;
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  auto chosen = connection->server->choose(name == nullptr ? std::string_view() : std::string_view(name), connection->tag);
  if (chosen && *chosen && SSL_set_SSL_CTX(ssl, (*chosen)->context()) == nullptr)
    chosen = fail(ErrorCode::kInternal, "the certificate chosen for the name cannot be used");
  if (chosen) return SSL_TLSEXT_ERR_OK;
  connection->verdict = fail(std::move(chosen.error()));
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::unexpected<Error> cannot_set_up() { return fail(ErrorCode::kInternal, "TLS cannot be set up: " + last_tls_error()); }

Result<TlsContextPointer> new_context(const SSL_METHOD* method) {
  ERR_clear_error();
  TlsContextPointer context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) return cannot_set_up();
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // A chain is shown as it was given: none is guessed from the authorities that are trusted.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);  // the head of a record and its body in one call
  SSL_CTX_set_max_cert_list(context.get(), kShownChainBytes);
  return context;
}

Result<Bytes> read_pem(std::string_view pem, const char* what) {
  if (pem.size() > kCertificateFileBytes)
    return fail(ErrorCode::kTooLarge, std::string(what) + " is larger than " + std::to_string(kCertificateFileBytes) + " bytes",
                "give a PEM file");
  return Bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

}  // namespace

std::string last_tls_error() {
  const auto code = ERR_get_error();
  if (code == 0) return "unknown TLS error";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

std::string_view protocols_of(bool http2) {
  constexpr std::string_view kBoth = "\x02h2\x08http/1.1";
  return http2 ? kBoth : kBoth.substr(3);
}

Result<TlsContextPointer> new_server_context(bool asks_for_certificate, bool http2) {
  auto context = new_context(TLS_server_method());
  if (!context) return context;
  auto* raw = context->get();
  if (SSL_CTX_set_num_tickets(raw, 0) != 1 || SSL_CTX_set_cipher_list(raw, kServerCiphers) != 1 ||
      SSL_CTX_set1_groups_list(raw, kServerGroups) != 1)
    return cannot_set_up();
  SSL_CTX_set_alpn_select_cb(raw, http2 ? choose_http2 : choose_http1, nullptr);
  SSL_CTX_set_tlsext_servername_callback(raw, choose_server);
  if (asks_for_certificate) {
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(raw, take_any_chain, nullptr);
  }
  return context;
}

Result<TlsContextPointer> new_client_context(bool judged) {
  auto context = new_context(TLS_client_method());
  if (!context) return context;
  auto* raw = context->get();
  const auto protocols = protocols_of(false);
  if (SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>(protocols.data()), static_cast<unsigned>(protocols.size())) != 0)
    return cannot_set_up();
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  if (judged) SSL_CTX_set_cert_verify_callback(raw, take_judged_chain, nullptr);
  return context;
}

Status use_certificate(SSL_CTX* context, const TlsCertificate& certificate) {
  ERR_clear_error();
  auto chain_bytes = read_pem(certificate.chain_pem, "the certificate");
  if (!chain_bytes) return fail(std::move(chain_bytes.error()));
  auto key_bytes = read_pem(certificate.key_pem, "the key");
  if (!key_bytes) return fail(std::move(key_bytes.error()));
  const Certificate leaf(PEM_read_bio_X509(chain_bytes->get(), nullptr, no_password, nullptr));
  if (!leaf)
    return fail(ErrorCode::kInvalid, "the certificate cannot be read: " + last_tls_error(),
                "give PEM: the leaf first, then its intermediates");
  const Chain rest(sk_X509_new_null());
  if (!rest) return cannot_set_up();
  while (auto* next = PEM_read_bio_X509(chain_bytes->get(), nullptr, no_password, nullptr)) {
    if (sk_X509_push(rest.get(), next) == 0) {
      X509_free(next);
      return cannot_set_up();
    }
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    return fail(ErrorCode::kInvalid, "a certificate behind the leaf cannot be read: " + last_tls_error(),
                "give PEM: the leaf first, then its intermediates");
  ERR_clear_error();
  if (sk_X509_num(rest.get()) >= kShownCertificates)
    return fail(ErrorCode::kTooLarge, "the certificate chain has more than " + std::to_string(kShownCertificates) + " certificates",
                "give the leaf and its intermediates alone");
  const Key key(PEM_read_bio_PrivateKey(key_bytes->get(), nullptr, no_password, nullptr));
  if (!key)
    return fail(ErrorCode::kInvalid, "the key of the certificate cannot be read: " + last_tls_error(),
                "give an unencrypted PEM key (PKCS#8)");
  if (SSL_CTX_use_cert_and_key(context, leaf.get(), key.get(), rest.get(), 1) != 1)
    return fail(ErrorCode::kInvalid, "the certificate cannot be used: " + last_tls_error(),
                "give a certificate and the key that belongs to it");
  return {};
}

}  // namespace interlock::net
