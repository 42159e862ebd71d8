#include "cli/tls_files.hpp"

#include <sys/stat.h>

#include "cli/config.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kPemBytes = std::size_t{1} << 20;

}  // namespace

Result<std::unique_ptr<TlsFiles>> TlsFiles::open(const TlsConfig& config) {
  std::unique_ptr<TlsFiles> out(new TlsFiles(config));
  out->in_force_ = out->last_seen_ = out->mark();
  auto certificate = out->read();
  if (!certificate) return fail(std::move(certificate.error()));
  auto server = net::TlsServer::create(*certificate, true);
  if (!server) return fail(std::move(server.error()));
  out->server_ = std::move(*server);
  return out;
}

Result<net::TlsCertificate> TlsFiles::read() const {
  net::TlsCertificate out;
  auto chain = read_text_file(config_.certificate, kPemBytes);
  if (!chain) return fail(std::move(chain.error()));
  auto key = read_text_file(config_.key, kPemBytes);
  if (!key) return fail(std::move(key.error()));
  out.chain_pem = std::move(*chain);
  out.key_pem = std::move(*key);
  return out;
}

std::string TlsFiles::mark() const {
  std::string out;
  for (const auto& path : {config_.certificate, config_.key}) {
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0) out += " gone";
    else
      out += ' ' + std::to_string(facts.st_ino) + ':' + std::to_string(facts.st_size) + ':' + std::to_string(facts.st_mtim.tv_sec) + '.' +
             std::to_string(facts.st_mtim.tv_nsec);
  }
  return out;
}

// Taken up once both have stayed the same from one look to the next: who renews writes one after the other.
Result<bool> TlsFiles::follow() {
  auto now = mark();
  const bool is_settled = now == last_seen_;
  last_seen_ = now;
  if (now == in_force_ || !is_settled) return false;
  in_force_ = std::move(now);
  const auto certificate = read();
  if (!certificate) return fail(certificate.error());
  if (auto replaced = server_->replace(*certificate); !replaced) return fail(std::move(replaced.error()));
  return true;
}

}  // namespace interlock::cli
