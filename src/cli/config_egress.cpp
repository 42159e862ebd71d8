// `egress`: the HTTP road out. Addresses, hosts and routes are checked here, so that the proxy is made of what fits together.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "base/text.hpp"
#include "catalogue/http_path.hpp"
#include "cli/config.hpp"
#include "cli/config_reading.hpp"
#include "net/http_client.hpp"

namespace interlock::cli {
namespace {

using yaml::Node;

constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::size_t kHosts = 10'000;
constexpr std::size_t kRoutes = 1'000;
constexpr std::size_t kRanges = 1'000;
constexpr std::size_t kOnlyHosts = 1'000;
constexpr std::size_t kKept = 64;  // headers and parameters of a host that pass
constexpr std::size_t kHostBytes = 253;
constexpr std::size_t kSocketBytes = 107;  // sun_path
constexpr std::int64_t kKibi = 1'024;
constexpr std::int64_t kMebi = 1'024 * kKibi;
constexpr std::int64_t kMostBodyBytes = 256 * kMebi;

bool is_domain(std::string_view text) {
  return !text.empty() && text.size() <= kHostBytes && text.front() != '.' && text.front() != '-' && text.back() != '.' &&
         !text.contains("..") && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
         });
}

bool is_host(std::string_view text) { return net::parse_address(text).has_value() || is_domain(text); }

// "api.example.com", "*.example.com", "*", each with ":port" where it is for one port alone; an IPv6 address in brackets.
bool is_host_pattern(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !net::parse_address(text.substr(1, end - 1))) return false;
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
    if (!text.starts_with(':')) return false;
  } else {
    const auto colon = text.find(':');
    const auto host = text.substr(0, colon);
    if (host != "*" && !is_host(host.starts_with("*.") ? host.substr(2) : host)) return false;
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon);
  }
  std::uint16_t port = 0;
  const auto [end, bad] = std::from_chars(text.data() + 1, text.data() + text.size(), port);
  return bad == std::errc() && end == text.data() + text.size() && port != 0;
}

void read_listen(ConfigReader& in, yaml::Map& map, EgressConfig& out) {
  const auto* node = map.find("listen");
  if (node == nullptr) return;
  const auto text = in.reader.text(*node, map.what_of("listen"));
  if (in.reader.failed()) return;
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  int port = -1;
  if (colon != std::string::npos) {
    const auto [end, bad] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    if (bad != std::errc() || end != text.data() + text.size()) port = -1;
  }
  if (!is_host(ascii_lower(host)) || port < 0 || port > 65'535)
    return in.reader.complain(*node, "`egress.listen` is no address and port",
                              "write ADDRESS:PORT, as in 127.0.0.1:7420; port 0 takes a free one");
  out.listen_host = std::move(host);
  out.listen_port = static_cast<std::uint16_t>(port);
}

void read_socket(ConfigReader& in, yaml::Map& map, EgressConfig& out) {
  const auto* node = map.find("socket");
  if (node == nullptr) return;
  out.socket = in.path(*node, map.what_of("socket"));
  if (!in.reader.failed() && out.socket.string().size() > kSocketBytes)
    in.reader.complain(*node, "`egress.socket` is longer than the path of a socket may be", "choose a shorter one");
}

// "1MiB", "64KiB", or a number of bytes.
std::size_t read_size(ConfigReader& in, yaml::Map& map, std::string_view key, std::size_t fallback) {
  const auto* node = map.find(key);
  if (node == nullptr) return fallback;
  const auto text = in.reader.text(*node, map.what_of(key));
  if (in.reader.failed()) return fallback;
  std::int64_t number = -1;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = std::string_view(text).substr(static_cast<std::size_t>(end - text.data()));
  const std::int64_t scale = unit.empty() ? 1 : unit == "KiB" ? kKibi : unit == "MiB" ? kMebi : 0;
  if (bad != std::errc() || scale == 0 || number < 0 || number > kMostBodyBytes / scale) {
    in.reader.complain(*node, "`" + map.what_of(key) + "` must be a size of at most 256MiB", "write 1MiB, 64KiB or a number of bytes");
    return fallback;
  }
  return static_cast<std::size_t>(number * scale);
}

http::HostConfig read_host(ConfigReader& in, const Node& item, const Config& config) {
  http::HostConfig out;
  yaml::Map map(in.reader, item, "egress.hosts");
  const auto& host = map.require("host");
  if (!in.reader.failed()) out.pattern = ascii_lower(in.reader.text(host, map.what_of("host")));
  if (!in.reader.failed() && !is_host_pattern(out.pattern))
    in.reader.complain(host, "`egress.hosts.host` is no host", "write api.example.com, \"*.example.com\", \"*\", each also with :PORT");
  out.connector = map.text("connector");
  out.credentials = read_placements(in, map, Carrier::kHttp, config);
  out.keep = map.texts("keep", kKept);
  for (auto& name : out.keep) name = ascii_lower(name);
  out.opaque = map.flag("opaque", false);
  out.private_address = map.flag("private_address", false);
  out.http2 = map.flag("http2", true);
  if (!in.reader.failed() && out.opaque) {
    for (const auto* key : {"connector", "credentials", "keep"}) {
      if (const auto* node = map.find(key); node != nullptr && !in.reader.failed())
        in.reader.complain(*node, "`" + map.what_of(key) + "` means nothing for a host whose connections are not opened",
                           "leave it out, or leave out opaque: true");
    }
  }
  for (const auto& placed : out.credentials) {
    if (in.reader.failed() || placed.where != credential::Placement::Where::kHeader) continue;
    if (std::ranges::find(out.keep, ascii_lower(placed.name)) != out.keep.end())
      in.reader.complain(*map.find("keep"),
                         "`egress.hosts.keep` lets the agent's own " + placed.name + " pass, and a credential goes there",
                         "keep one of them");
  }
  map.close();
  return out;
}

void read_hosts(ConfigReader& in, yaml::Map& egress, const Config& config, http::ProxyOptions& out) {
  std::set<std::string> seen;
  in.each_map(egress, "hosts", kHosts, "{ host: api.github.com }", [&](const Node& item) {
    out.hosts.push_back(read_host(in, item, config));
    if (!in.reader.failed() && !seen.insert(out.hosts.back().pattern).second)
      in.reader.complain(item, "`egress.hosts` names " + out.hosts.back().pattern + " twice", "the first that matches counts: keep one");
  });
}

void read_routes(ConfigReader& in, yaml::Map& egress, http::ProxyOptions& out) {
  std::set<std::string> seen;
  in.each_map(egress, "routes", kRoutes, "{ path: /openai, upstream: https://api.openai.com }", [&](const Node& item) {
    yaml::Map map(in.reader, item, "egress.routes");
    http::RouteConfig one;
    const auto& path = map.require("path");
    if (!in.reader.failed()) one.listen_path = in.reader.text(path, map.what_of("path"));
    while (one.listen_path.size() > 1 && one.listen_path.ends_with('/')) one.listen_path.pop_back();
    const auto normal = catalogue::normal_http_path(one.listen_path);
    if (!in.reader.failed() && (!normal || *normal != one.listen_path || one.listen_path == "/" || one.listen_path == "*"))
      in.reader.complain(path, "`egress.routes.path` is no path that requests could begin with", "write /NAME");
    if (!in.reader.failed() && !seen.insert(one.listen_path).second)
      in.reader.complain(path, "`egress.routes` names " + one.listen_path + " twice", "keep one");
    const auto& upstream = map.require("upstream");
    if (!in.reader.failed()) one.upstream = in.reader.text(upstream, map.what_of("upstream"));
    const auto url = net::parse_url(one.upstream);
    if (!in.reader.failed() && (!url || url->target.contains('?')))
      in.reader.complain(upstream, "`egress.routes.upstream` is no address of an API",
                         "write https://HOST or https://HOST/PATH, without a query");
    while (one.upstream.ends_with('/')) one.upstream.pop_back();
    map.close();
    out.routes.push_back(std::move(one));
  });
}

void read_ranges(ConfigReader& in, yaml::Map& map, http::ProxyOptions& out) {
  const auto* node = map.find("private_ranges");
  if (node == nullptr) return;
  const auto texts = map.texts("private_ranges", kRanges);
  for (std::size_t i = 0; i < texts.size() && !in.reader.failed(); ++i) {
    if (const auto range = net::parse_address_range(texts[i])) out.private_ranges.push_back(*range);
    else
      in.reader.complain(node->items[i], "`egress.private_ranges` is no range of addresses", "write 10.1.0.0/16, fd00::/8 or one address");
  }
}

void read_open(ConfigReader& in, yaml::Map& egress, EgressConfig& out) {
  const auto* node = egress.find("open");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, egress.what_of("open"));
  out.only_hosts = map.texts("only_hosts", kOnlyHosts);
  for (auto& host : out.only_hosts) {
    host = ascii_lower(host);
    if (!in.reader.failed() && !is_host(host.starts_with("*.") ? std::string_view(host).substr(2) : std::string_view(host)))
      in.reader.complain(*map.find("only_hosts"), "`egress.open.only_hosts` names what is no host",
                         "write api.example.com or \"*.example.com\"");
  }
  map.close();
}

}  // namespace

void read_egress(ConfigReader& in, yaml::Map& root, Config& out) {
  const auto* node = root.find("egress");
  if (node == nullptr) return;
  auto& egress = out.egress;
  auto& proxy = egress.proxy;
  yaml::Map map(in.reader, *node, "egress");
  read_listen(in, map, egress);
  read_socket(in, map, egress);
  // Whoever reaches the listener asks as nobody in particular: that is for this machine alone.
  if (!in.reader.failed() && out.auth.anonymous && !egress.listen_host.empty() && !is_loopback(egress.listen_host))
    in.reader.complain(*map.find("listen"), "`auth.anonymous` is for loopback, and `egress.listen` is not one",
                       "give each client a token, or listen on 127.0.0.1");
  read_open(in, map, egress);
  read_hosts(in, map, out, proxy);
  read_routes(in, map, proxy);
  read_ranges(in, map, proxy);
  proxy.upstream_ca_file = in.file(map, "upstream_ca_file").string();
  proxy.models = map.choice<http::ModelRecord>("models", proxy.models,
                                               {{"off", http::ModelRecord::kOff},
                                                {"hash", http::ModelRecord::kHash},
                                                {"redact", http::ModelRecord::kRedact},
                                                {"full", http::ModelRecord::kFull}});
  proxy.read_body_bytes = read_size(in, map, "read_body", proxy.read_body_bytes);
  proxy.model_body_bytes = read_size(in, map, "model_body", proxy.model_body_bytes);
  proxy.head_timeout_ms = map.duration_ms("head_timeout", proxy.head_timeout_ms, kSecondMs, kDayMs);
  proxy.task_idle_ms = map.duration_ms("task_idle", proxy.task_idle_ms, kSecondMs, 30 * kDayMs);
  map.close();
  if (!in.reader.failed() && !egress.is_on())
    in.reader.complain(*node, "`egress` neither listens nor has a socket", "write listen: 127.0.0.1:7420");
  proxy.limits.header_bytes = static_cast<std::size_t>(out.limits.header_bytes);
  proxy.limits.connections = static_cast<std::size_t>(out.limits.connections);
  proxy.limits.header_timeout_ms = out.limits.header_timeout_ms;
  proxy.client_limits.header_bytes = static_cast<std::size_t>(out.limits.header_bytes);
}

}  // namespace interlock::cli
