#include "cli/egress_wiring.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "catalogue/catalogue.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBundleBytes = std::size_t{8} << 20;
// Where distributions keep the roots that they trust, as one file.
constexpr std::array<const char*, 5> kSystemBundles = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                                       "/etc/ssl/ca-bundle.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                                       "/etc/ssl/cert.pem"};

// The file that holds `text` once this returns, or is as it was.
Status write_whole(const fs::path& path, const std::string& text) {
  const auto part = path.string() + "." + std::to_string(::getpid());
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail(system_error("cannot write " + part, errno));
  std::size_t done = 0;
  ssize_t wrote = 0;
  while (done < text.size() && (wrote = ::write(fd, text.data() + done, text.size() - done)) > 0) done += static_cast<std::size_t>(wrote);
  const int why = errno;
  ::close(fd);
  if (done == text.size() && ::rename(part.c_str(), path.c_str()) == 0) return {};
  const auto error = system_error("cannot write " + path.string(), done == text.size() ? errno : why);
  ::unlink(part.c_str());
  return fail(error);
}

void append_pem(std::string& out, const std::string& pem) {
  out += pem;
  if (!out.empty() && out.back() != '\n') out += '\n';
}

std::string address_of(const std::string& host, std::uint16_t port) {
  return (host.contains(':') ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

// How clients on this machine write an address that stands for all of its own.
std::string reachable(const std::string& host) { return host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host; }

}  // namespace

TrustFiles trust_files(const fs::path& state_folder) {
  return {state_folder / "egress" / "ca.pem", state_folder / "egress" / "ca-bundle.pem"};
}

Status write_trust(const Config& config, const http::LeafAuthority& authority) {
  const auto files = trust_files(config.state_dir);
  if (auto made = make_state_folder(files.authority.parent_path()); !made) return made;
  std::string bundle;
  for (const auto* path : kSystemBundles) {
    if (auto roots = read_text_file(path, kBundleBytes)) {
      append_pem(bundle, *roots);
      break;
    }
  }
  // Opaque tunnels show clients the certificates of the servers themselves.
  if (!config.egress.proxy.upstream_ca_file.empty()) {
    auto more = read_text_file(config.egress.proxy.upstream_ca_file, kBundleBytes);
    if (!more) return fail(std::move(more.error()));
    append_pem(bundle, *more);
  }
  append_pem(bundle, authority.certificate_pem());
  if (auto written = write_whole(files.authority, authority.certificate_pem()); !written) return written;
  return write_whole(files.bundle, bundle);
}

EgressWiring::EgressWiring(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity)
    : loop_(loop), log_(log), organs_(organs), identity_(identity), resolver_(loop) {}

Result<std::unique_ptr<EgressWiring>> EgressWiring::open(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                         const Config& config) {
  if (!config.egress.is_on()) return nullptr;
  return open_for_runs(loop, log, organs, identity, config);
}

Result<std::unique_ptr<EgressWiring>> EgressWiring::open_for_runs(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                                  const Config& config) {
  std::unique_ptr<EgressWiring> out(new EgressWiring(loop, log, organs, identity));
  if (auto fits = out->check(config, *organs.gate->rules().catalogue); !fits) return fail(std::move(fits.error()));
  auto authority = http::LeafAuthority::open(*organs.sealed, organs.clock, config.egress.only_hosts);
  if (!authority) return fail(std::move(authority.error()));
  out->authority_ = std::move(*authority);
  if (auto written = write_trust(config, *out->authority_); !written) return fail(std::move(written.error()));
  return out;
}

Status EgressWiring::check(const Config& config, const catalogue::Catalogue& catalogue) const {
  const auto known = catalogue.entry_names();
  for (const auto& host : config.egress.proxy.hosts) {
    if (!host.connector.empty() && !std::ranges::binary_search(known, host.connector))
      return fail(ErrorCode::kNotFound,
                  "egress.hosts: " + host.pattern + " names the connector `" + host.connector + "`, and there is none",
                  "`interlock catalogue list` names them; leave it out where the host tells");
  }
  return {};
}

Status EgressWiring::begin(const Config& config, const std::string& gate_address) {
  http::ProxyParts parts;
  parts.loop = &loop_;
  parts.gate = organs_.gate.get();
  parts.resolver = &resolver_;
  parts.authority = authority_.get();
  parts.clock = &organs_.clock;
  parts.authenticate = [this](identity::Presentation shown, std::function<void(identity::Answer)> done) {
    identity_.authenticate(std::move(shown), std::move(done));
  };
  auto options = config.egress.proxy;
  options.own_authorities.push_back(gate_address);
  auto proxy = http::Proxy::create(std::move(parts), std::move(options));
  if (!proxy) return fail(std::move(proxy.error()));
  proxy_ = std::move(*proxy);
  const auto& egress = config.egress;
  if (!egress.listen_host.empty()) {
    const auto port = proxy_->listen_tcp(egress.listen_host, egress.listen_port);
    if (!port) return fail(port.error());
    listening_ = "http://" + address_of(reachable(egress.listen_host), *port);
  }
  if (!egress.socket.empty()) {
    if (auto listening = proxy_->listen_unix(egress.socket.string()); !listening) return listening;
    socket_ = egress.socket.string();
  }
  log_.info("the HTTP road out is open", {{"address", listening_}, {"socket", socket_}});
  return {};
}

std::shared_ptr<void> EgressWiring::adopt_listener(net::OwnedFd listening, http::Door door) {
  return proxy_ ? proxy_->adopt_listener(std::move(listening), std::move(door)) : nullptr;
}

void EgressWiring::take_over(const Config& config) {
  if (!proxy_) return;
  if (auto set = proxy_->set_hosts(config.egress.proxy.hosts, config.egress.proxy.routes); !set)
    log_.error("the hosts of egress stay as they were", set.error());
}

void EgressWiring::close(std::string_view why) {
  if (proxy_) proxy_->close(why);
}

std::size_t EgressWiring::under_way() const { return proxy_ ? proxy_->under_way() : 0; }

json::object EgressWiring::describe() const {
  auto out = proxy_ ? proxy_->describe() : json::object();
  out["listening"] = listening_;
  out["socket"] = socket_;
  return out;
}

}  // namespace interlock::cli
