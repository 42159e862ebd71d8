// A configuration as JSON without its secrets, and the difference between two of them.
#include <algorithm>

#include "cli/config.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHidden = "<hidden>";

json::array texts(const auto& list) {
  json::array out;
  for (const auto& item : list) out.emplace_back(std::string(item));
  return out;
}

json::object hidden(const NameValues& list) {
  json::object out;
  for (const auto& [name, value] : list) out[name] = kHidden;
  return out;
}

// Arguments may hold keys: the program and their number are enough to know a command by.
json::object describe(const ServerConfig& server) {
  json::object out;
  if (server.is_stdio()) {
    out["program"] = server.command.front();
    out["arguments"] = server.command.size() - 1;
    out["cwd"] = server.cwd.string();
    if (!server.env.empty()) out["env"] = hidden(server.env);
  } else {
    out["url"] = server.url.substr(0, server.url.find('?'));  // a query may hold a key
    if (!server.headers.empty()) out["headers"] = hidden(server.headers);
  }
  if (!server.catalogue.empty()) out["catalogue"] = server.catalogue;
  if (server.oauth) {
    json::object oauth;
    if (!server.oauth->client_id.empty()) oauth["client_id"] = server.oauth->client_id;
    if (!server.oauth->client_secret.empty()) oauth["client_secret"] = kHidden;
    if (!server.oauth->private_key.empty()) oauth["private_key"] = server.oauth->private_key.string();
    if (!server.oauth->issuer.empty()) oauth["issuer"] = server.oauth->issuer;
    if (!server.oauth->scopes.empty()) oauth["scopes"] = texts(server.oauth->scopes);
    out["oauth"] = std::move(oauth);
  }
  if (!server.credentials.empty()) {
    json::array names;
    for (const auto& placed : server.credentials) names.emplace_back(placed.credential);
    out["credentials"] = std::move(names);
  }
  return out;
}

json::object describe(const IdentityConfig& identity) {
  json::object out;
  if (const auto& spiffe = identity.spiffe) {
    json::array domains;
    for (const auto& bundle : spiffe->bundles) domains.emplace_back(bundle.trust_domain);
    json::object one{{"trust_domain", spiffe->trust_domain}, {"bundles", std::move(domains)}};
    if (!spiffe->workload_api.empty()) one["workload_api"] = spiffe->workload_api;
    if (spiffe->authority) one["authority"] = spiffe->authority->socket.string();
    out["spiffe"] = std::move(one);
  }
  json::array issuers;
  for (const auto& issuer : identity.issuers) issuers.emplace_back(issuer.issuer);
  out["issuers"] = std::move(issuers);
  out["token_exchange"] = identity.token_exchange.enabled;
  return out;
}

json::object describe(const EgressConfig& egress) {
  json::array hosts;
  for (const auto& host : egress.proxy.hosts) hosts.emplace_back(host.pattern);
  json::array routes;
  for (const auto& route : egress.proxy.routes) routes.emplace_back(route.listen_path);
  return {{"host", egress.listen_host},
          {"port", egress.listen_port},
          {"socket", egress.socket.string()},
          {"hosts", std::move(hosts)},
          {"routes", std::move(routes)}};
}

// What of `egress` a running gate cannot take over: all but its hosts and routes.
bool needs_restart(const EgressConfig& before, const EgressConfig& after) {
  const auto& old = before.proxy;
  const auto& now = after.proxy;
  const auto ranges_differ = !std::ranges::equal(old.private_ranges, now.private_ranges,
                                                 [](const auto& a, const auto& b) { return a.base == b.base && a.bits == b.bits; });
  return before.listen_host != after.listen_host || before.listen_port != after.listen_port || before.socket != after.socket ||
         before.only_hosts != after.only_hosts || ranges_differ || old.upstream_ca_file != now.upstream_ca_file ||
         old.models != now.models || old.read_body_bytes != now.read_body_bytes || old.model_body_bytes != now.model_body_bytes ||
         old.head_timeout_ms != now.head_timeout_ms || old.task_idle_ms != now.task_idle_ms;
}

}  // namespace

json::object describe(const Config& config) {
  json::object out;
  out["source"] = config.source.string();
  out["listen"] = config.listen_text();
  out["state_dir"] = config.state_dir.string();
  out["preset"] = preset_name(config.preset);
  out["policies"] = texts(config.policies);
  out["catalogue"] = texts(config.catalogue);
  out["workspace"] = texts(config.workspace);
  json::object servers;
  for (const auto& server : config.servers) servers[server.name] = describe(server);
  out["servers"] = std::move(servers);
  // Settings may hold what the environment kept secret: the broker's kind is enough to know a credential by.
  json::object credentials;
  for (const auto& entry : config.credentials) credentials[entry.name] = entry.broker;
  out["credentials"] = std::move(credentials);
  json::array subjects;
  for (const auto& token : config.auth.tokens) subjects.emplace_back(token.subject);
  out["auth"] = json::object{{"anonymous", config.auth.anonymous}, {"subjects", std::move(subjects)}};
  if (!config.public_url.empty()) out["public_url"] = config.public_url;
  out["tls"] = config.tls.spiffe ? "spiffe" : config.tls.certificate.string();
  out["identity"] = describe(config.identity);
  json::array agents;
  for (const auto& agent : config.registry.agents) agents.emplace_back(agent.id);
  out["agents"] = std::move(agents);
  if (config.egress.is_on()) out["egress"] = describe(config.egress);
  return out;
}

std::vector<std::string> keys_that_need_a_restart(const Config& before, const Config& after) {
  std::vector<std::string> out;
  const auto compare = [&](const char* key, bool same) {
    if (!same) out.emplace_back(key);
  };
  compare("listen", before.listen_host == after.listen_host && before.listen_port == after.listen_port);
  compare("state_dir", before.state_dir == after.state_dir);
  compare("public_url", before.public_url == after.public_url);
  compare("tls", before.tls == after.tls);
  compare("identity.spiffe", before.identity.spiffe == after.identity.spiffe);
  compare("identity.dpop", before.identity.dpop == after.identity.dpop);
  compare("identity.token_exchange", before.identity.token_exchange == after.identity.token_exchange);
  compare("resource", before.resource == after.resource);
  compare("secrets", before.secrets.same_key_as(after.secrets));
  compare("servers", before.servers == after.servers);
  compare("egress", !needs_restart(before.egress, after.egress));
  compare("denial", before.denial == after.denial);
  compare("allowed_origins", before.allowed_origins == after.allowed_origins);
  compare("allowed_hosts", before.allowed_hosts == after.allowed_hosts);
  compare("approvals", before.approvals == after.approvals);
  compare("pins", before.first_use == after.first_use);
  compare("limits", before.limits == after.limits);
  compare("task", before.task == after.task);
  compare("ledger", before.ledger == after.ledger);
  compare("log", before.log == after.log);
  return out;
}

}  // namespace interlock::cli
