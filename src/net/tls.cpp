// Identities and trust, each a context of OpenSSL that is replaced whole: handshakes that run keep the one they began with.
#include "net/tls.hpp"

#include <openssl/err.h>

#include "net/tls_context.hpp"

namespace interlock::net {

struct TlsServer::State {
  TlsContextPointer context;
  Options options;
};

Result<std::shared_ptr<TlsServer>> TlsServer::create(const TlsCertificate& certificate, Options options) {
  auto server = std::shared_ptr<TlsServer>(new TlsServer);
  server->state_ = std::make_unique<State>(State{nullptr, std::move(options)});
  if (auto ready = server->replace(certificate); !ready) return fail(std::move(ready.error()));
  return server;
}

Result<std::shared_ptr<TlsServer>> TlsServer::create(const TlsCertificate& certificate, bool asks_for_certificate) {
  return create(certificate, Options{.asks_for_certificate = asks_for_certificate, .http2 = false, .choose = {}});
}

Status TlsServer::replace(const TlsCertificate& certificate) {
  auto context = new_server_context(state_->options.asks_for_certificate, state_->options.http2);
  if (!context) return fail(std::move(context.error()));
  if (auto used = use_certificate(context->get(), certificate); !used) return used;
  state_->context = std::move(*context);
  return {};
}

const TlsServer::Options& TlsServer::options() const { return state_->options; }
TlsServer::~TlsServer() = default;
ssl_ctx_st* TlsServer::context() const { return state_->context.get(); }

struct TlsClient::State {
  TlsContextPointer context;
  Options options;
};

Result<std::shared_ptr<TlsClient>> TlsClient::create(Options options) {
  auto made = new_client_context(static_cast<bool>(options.judge));
  if (!made) return fail(std::move(made.error()));
  if (!options.judge) {
    if (SSL_CTX_set_default_verify_paths(made->get()) != 1)
      return fail(ErrorCode::kInternal, "the system's trust store cannot be read: " + last_tls_error());
    if (!options.ca_file.empty() && SSL_CTX_load_verify_file(made->get(), options.ca_file.c_str()) != 1) {
      return fail(ErrorCode::kInvalid, options.ca_file + " holds no certificates of authorities that can be read: " + last_tls_error(),
                  "give a PEM file");
    }
  }
  auto client = std::shared_ptr<TlsClient>(new TlsClient);
  client->state_ = std::make_unique<State>(State{std::move(*made), std::move(options)});
  return client;
}

Status TlsClient::set_certificate(const TlsCertificate& certificate) {
  auto context = new_client_context(static_cast<bool>(state_->options.judge));
  if (!context) return fail(std::move(context.error()));
  if (auto used = use_certificate(context->get(), certificate); !used) return used;
  // What is trusted stays what it was.
  SSL_CTX_set1_cert_store(context->get(), SSL_CTX_get_cert_store(state_->context.get()));
  state_->context = std::move(*context);
  return {};
}

TlsClient::~TlsClient() = default;
ssl_ctx_st* TlsClient::context() const { return state_->context.get(); }
const TlsClient::Options& TlsClient::options() const { return state_->options; }

}  // namespace interlock::net
