// Reads `tls`, `identity` (but for its issuers) and `resource`, and checks what these parts need of one another.
#include "cli/config_identity.hpp"

#include <algorithm>
#include <set>

#include "cli/config_reading.hpp"

namespace interlock::cli {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::size_t kAudiences = 100;
constexpr std::size_t kBundles = 100;
constexpr std::size_t kWorkloads = 10'000;
constexpr std::size_t kAuthorizationServers = 20;
constexpr std::size_t kScopes = 1'000;
constexpr std::size_t kTrustDomainBytes = 255;  // SPIFFE-ID §2.1
constexpr std::string_view kUnixScheme = "unix:";

// SPIFFE-ID §2.1: a host name's lower-case letters, digits, dots, dashes and underscores.
bool is_trust_domain(std::string_view name) {
  return !name.empty() && name.size() <= kTrustDomainBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

std::string read_trust_domain(ConfigReader& in, yaml::Map& map) {
  const auto& node = map.require("trust_domain");
  if (in.reader.failed()) return {};
  std::string out = in.reader.text(node, map.what_of("trust_domain"));
  if (!in.reader.failed() && !is_trust_domain(out))
    in.reader.complain(node, "`" + map.what_of("trust_domain") + "` names no trust domain",
                       "write it as in example.org: lower-case letters, digits, '.', '-' and '_'");
  return out;
}

BundleConfig read_bundle(ConfigReader& in, const yaml::Node& node) {
  BundleConfig out;
  yaml::Map map(in.reader, node, "identity.spiffe.bundles");
  out.trust_domain = read_trust_domain(in, map);
  out.file = in.file(map, "file");
  out.url = in.endpoint(map, "url");
  out.endpoint_id = map.text("endpoint_id");
  out.first = in.file(map, "first");
  out.ca_file = in.file(map, "ca_file");
  map.close();
  if (in.reader.failed()) return out;
  if (out.file.empty() == out.url.empty())
    in.reader.complain(node, "a bundle comes from a `file` or from a `url`", "write exactly one of them");
  if (!out.endpoint_id.empty() && (out.url.empty() || out.first.empty()))
    in.reader.complain(node, "`endpoint_id` (profile https_spiffe) needs `url`, and `first`, the bundle to begin with",
                       "write first: FILE, or leave endpoint_id out to trust the web's authorities");
  if (out.endpoint_id.empty() && !out.first.empty())
    in.reader.complain(node, "`first` means nothing without `endpoint_id`", "leave it out");
  if (!out.ca_file.empty() && (out.url.empty() || !out.endpoint_id.empty()))
    in.reader.complain(node, "`ca_file` is for a `url` without `endpoint_id`", "leave it out");
  return out;
}

WorkloadConfig read_workload(ConfigReader& in, const yaml::Node& node, const std::string& trust_domain) {
  WorkloadConfig out;
  yaml::Map map(in.reader, node, "identity.spiffe.authority.workloads");
  const auto& id = map.require("id");
  if (!in.reader.failed()) out.id = in.reader.text(id, map.what_of("id"));
  if (!in.reader.failed() && !out.id.starts_with("spiffe://" + trust_domain + "/"))
    in.reader.complain(id, "`" + map.what_of("id") + "` is not of this authority's trust domain",
                       "write spiffe://" + trust_domain + "/...");
  out.user = map.text("user");
  if (const auto* executable = map.find("executable")) out.executable = in.path(*executable, map.what_of("executable"));
  if (const auto* digest = map.find("sha256")) {
    out.sha256 = in.reader.text(*digest, map.what_of("sha256"));
    if (!in.reader.failed() && !is_sha256_text(out.sha256))
      in.reader.complain(*digest, "`" + map.what_of("sha256") + "` must be 64 hexadecimal digits in lower case",
                         "sha256sum PROGRAM prints it");
  }
  out.cgroup = map.text("cgroup");
  map.close();
  if (!in.reader.failed() && out.user.empty() && out.executable.empty() && out.sha256.empty() && out.cgroup.empty())
    in.reader.complain(node, "this workload is every local process", "name a user, an executable, its sha256 or a cgroup");
  return out;
}

AuthorityConfig read_authority(ConfigReader& in, const yaml::Node& node, const std::string& trust_domain, const Config& config) {
  AuthorityConfig out;
  yaml::Map map(in.reader, node, "identity.spiffe.authority");
  const auto* socket = map.find("socket");
  out.socket = socket != nullptr ? in.path(*socket, map.what_of("socket")) : config.state_dir / "workload.sock";
  out.svid_lifetime_ms = map.duration_ms("svid_lifetime", out.svid_lifetime_ms, kMinuteMs, kDayMs);
  in.each_map(map, "workloads", kWorkloads, "{ id: spiffe://DOMAIN/NAME, user: NAME }",
              [&](const yaml::Node& item) { out.workloads.push_back(read_workload(in, item, trust_domain)); });
  map.close();
  return out;
}

// "unix:///run/x.sock", as the SPIFFE Workload Endpoint §4 writes it.
std::string read_workload_api(ConfigReader& in, yaml::Map& map) {
  const auto* node = map.find("workload_api");
  if (node == nullptr) return {};
  std::string out = in.reader.text(*node, map.what_of("workload_api"));
  auto path = std::string_view(out);
  if (path.starts_with(kUnixScheme)) path.remove_prefix(kUnixScheme.size());
  while (path.starts_with("//")) path.remove_prefix(1);
  if (!in.reader.failed() && (!out.starts_with(kUnixScheme) || !path.starts_with('/') || path.size() < 2))
    in.reader.complain(*node, "`" + map.what_of("workload_api") + "` is no Unix socket", "write unix:///run/spire/sockets/agent.sock");
  return out;
}

SpiffeConfig read_spiffe(ConfigReader& in, const yaml::Node& node, const Config& config) {
  SpiffeConfig out;
  yaml::Map map(in.reader, node, "identity.spiffe");
  out.trust_domain = read_trust_domain(in, map);
  out.workload_api = read_workload_api(in, map);
  if (const auto* authority = map.find("authority")) {
    if (!in.reader.failed() && !out.workload_api.empty())
      in.reader.complain(*authority, "`identity.spiffe.authority` and `identity.spiffe.workload_api` exclude each other",
                         "keep workload_api where SPIRE runs, authority where nothing does");
    if (!in.reader.failed()) out.authority = read_authority(in, *authority, out.trust_domain, config);
  }
  const bool has_own = !out.workload_api.empty() || out.authority;
  std::set<std::string> seen;
  in.each_map(map, "bundles", kBundles, "{ trust_domain: example.org, file: FILE }", [&](const yaml::Node& item) {
    out.bundles.push_back(read_bundle(in, item));
    const auto& domain = out.bundles.back().trust_domain;
    if (in.reader.failed()) return;
    if (!seen.insert(domain).second) in.reader.complain(item, "`" + domain + "` has a bundle already", "keep one of them");
    if (has_own && domain == out.trust_domain)
      in.reader.complain(item, "the bundle of the own trust domain comes with its SVIDs", "leave this entry out");
  });
  out.audiences = map.texts("audiences", kAudiences);
  out.accept_bearer = map.flag("accept_bearer", out.accept_bearer);
  map.close();
  if (!in.reader.failed() && !has_own && out.bundles.empty())
    in.reader.complain(node, "`identity.spiffe` says nothing of where bundles come from", "write workload_api, authority or bundles");
  return out;
}

}  // namespace

void read_tls(ConfigReader& in, yaml::Map& root, Config& out) {
  const auto* node = root.find("tls");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, "tls");
  out.tls.certificate = in.file(map, "certificate");
  out.tls.key = in.secret_file(map, "key");
  out.tls.spiffe = map.flag("spiffe", false);
  map.close();
  if (in.reader.failed()) return;
  if (out.tls.certificate.empty() != out.tls.key.empty())
    in.reader.complain(*node, "`tls` needs both `certificate` and `key`", "write tls: { certificate: FILE, key: FILE }");
  else if (out.tls.spiffe != out.tls.certificate.empty())
    in.reader.complain(*node, "`tls` needs a `certificate` with its `key`, or `spiffe: true`", "write exactly one of them");
}

void read_identity(ConfigReader& in, yaml::Map& root, Config& out) {
  if (const auto* node = root.find("identity")) {
    yaml::Map map(in.reader, *node, "identity");
    if (const auto* spiffe = map.find("spiffe")) out.identity.spiffe = read_spiffe(in, *spiffe, out);
    read_issuers(in, map, out.identity);
    if (const auto* proof = map.find("dpop")) {
      yaml::Map part(in.reader, *proof, "identity.dpop");
      out.identity.dpop.window_ms = part.duration_ms("window", out.identity.dpop.window_ms, 1'000, kHourMs);
      out.identity.dpop.nonces = part.choice<bool>("nonces", false, {{"off", false}, {"required", true}});
      part.close();
    }
    if (const auto* exchange = map.find("token_exchange")) {
      yaml::Map part(in.reader, *exchange, "identity.token_exchange");
      out.identity.token_exchange.enabled = part.flag("enabled", false);
      out.identity.token_exchange.lifetime_ms = part.duration_ms("lifetime", out.identity.token_exchange.lifetime_ms, kMinuteMs, kDayMs);
      part.close();
    }
    map.close();
  }
  if (const auto* node = root.find("resource")) {
    yaml::Map map(in.reader, *node, "resource");
    if (const auto* servers = map.find("authorization_servers")) {
      out.resource.authorization_servers = in.reader.texts(*servers, map.what_of("authorization_servers"), kAuthorizationServers);
      for (std::size_t i = 0; i < servers->items.size() && !in.reader.failed(); ++i)
        in.check_endpoint(servers->items[i], map.what_of("authorization_servers"), out.resource.authorization_servers[i], false);
    }
    out.resource.scopes = map.texts("scopes", kScopes);
    map.close();
  }
}

void check_identity(ConfigReader& in, const yaml::Node& root, Config& out) {
  const auto& spiffe = out.identity.spiffe;
  const bool has_svid = spiffe && (!spiffe->workload_api.empty() || spiffe->authority);
  constexpr const char* kWhence = "write identity: { spiffe: { trust_domain: ..., workload_api: ... or authority: ... } }";
  if (out.tls.spiffe && !has_svid)
    return in.reader.complain(*root.find("tls"), "`tls.spiffe` needs the gate's own SVID, and nobody gives it one", kWhence);
  for (const auto& server : out.servers) {
    if (server.oauth && server.oauth->uses_spiffe() && !has_svid)
      return in.reader.complain(
          *root.find("servers")->find(server.name),
          "`servers." + server.name + ".oauth` shows a JWT-SVID: it needs the gate's own SVID, and nobody gives it one", kWhence);
  }
  if (!out.listens_on_loopback() && !out.tls.is_on()) {
    const auto* listen = root.find("listen");
    out.warnings.push_back(
        in.reader.place(listen != nullptr ? *listen : root) +
        ": `listen` is not loopback and there is no `tls`: tokens cross the network in clear text, unless a proxy before "
        "it ends TLS");
  }
  if (!out.listens_on_loopback() && out.public_url.empty() && (!out.identity.issuers.empty() || out.identity.token_exchange.enabled)) {
    out.warnings.push_back(in.reader.place(root) + ": no `public_url`, and `listen` is not loopback: tokens must name this gate as " +
                           (out.tls.is_on() ? "https://" : "http://") + out.listen_text());
  }
}

}  // namespace interlock::cli
