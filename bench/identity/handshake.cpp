#include "bench/identity/handshake.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>

#include "bench/identity/world.hpp"

namespace interlock::bench {
namespace {

constexpr int kTurns = 10;  // a handshake needs two of the server

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

void show(SSL_CTX* context, const net::TlsCertificate& certificate) {
  BIO* chain = BIO_new_mem_buf(certificate.chain_pem.data(), static_cast<int>(certificate.chain_pem.size()));
  BIO* key = BIO_new_mem_buf(certificate.key_pem.data(), static_cast<int>(certificate.key_pem.size()));
  X509* leaf = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
  EVP_PKEY* private_key = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  if (SSL_CTX_use_cert_and_key(context, leaf, private_key, nullptr, 1) != 1) give_up("OpenSSL does not take a certificate");
  EVP_PKEY_free(private_key);
  X509_free(leaf);
  BIO_free(key);
  BIO_free(chain);
}

// True once it is done.
bool step(SSL* ssl) {
  const int result = SSL_do_handshake(ssl);
  if (result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) give_up("a handshake failed");
  return result == 1;
}

}  // namespace

double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

HandshakeClient::HandshakeClient(const net::TlsCertificate& certificate) : context_(SSL_CTX_new(TLS_client_method())) {
  show(context_, certificate);
}
HandshakeClient::~HandshakeClient() { SSL_CTX_free(context_); }

double HandshakeClient::against(const std::function<std::function<bool()>(int fd)>& serve) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) give_up("there is no socket pair");
  const std::unique_ptr<SSL, FreeSsl> client(SSL_new(context_));
  SSL_set_fd(client.get(), ends[0]);
  SSL_set_connect_state(client.get());
  double spent_s = 0;
  bool done = false;
  {
    double began_s = thread_cpu_s();
    auto server_step = serve(ends[1]);
    spent_s += thread_cpu_s() - began_s;
    for (int turn = 0; turn < kTurns && !done; ++turn) {
      (void)step(client.get());
      began_s = thread_cpu_s();
      done = server_step();
      if (done) server_step = nullptr;  // the connection's end is part of its cost
      spent_s += thread_cpu_s() - began_s;
    }
  }
  if (!done) give_up("a handshake does not end");
  ::close(ends[0]);
  ::close(ends[1]);
  return spent_s;
}

BareServer::BareServer(const net::TlsCertificate& certificate, const std::string& authority_der)
    : context_(SSL_CTX_new(TLS_server_method())) {
  show(context_, certificate);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_purpose(context_, X509_PURPOSE_ANY);
  SSL_CTX_set_num_tickets(context_, 0);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  const auto* der = reinterpret_cast<const unsigned char*>(authority_der.data());
  X509* authority = d2i_X509(nullptr, &der, static_cast<long>(authority_der.size()));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
  X509_free(authority);
}
BareServer::~BareServer() { SSL_CTX_free(context_); }

std::function<bool()> BareServer::serve(int fd) {
  const std::shared_ptr<SSL> ssl(SSL_new(context_), FreeSsl());
  SSL_set_fd(ssl.get(), fd);
  SSL_set_accept_state(ssl.get());
  return [ssl] { return step(ssl.get()); };
}

}  // namespace interlock::bench
