#include "surface/mcp/protected_resource.hpp"

#include <algorithm>

#include "jose/key.hpp"
#include "net/http_client.hpp"

namespace interlock::mcp {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";
constexpr std::string_view kMcp = "/mcp";
constexpr const char* kRetryAfterSeconds = "5";

// Path of the public URL: "" or "/gate".
std::string_view public_path(const ProtectedResource& resource) {
  const std::string_view url = resource.public_url;
  const auto host = url.find("://");
  const auto slash = host == std::string_view::npos ? host : url.find('/', host + 3);
  return slash == std::string_view::npos ? std::string_view() : url.substr(slash);
}

std::string path_of(std::string_view endpoint) { return std::string(kMcp) + (endpoint.empty() ? "" : "/" + std::string(endpoint)); }

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& one : list) out.emplace_back(one);
  return out;
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& one : list) out += (out.empty() ? "" : " ") + one;
  return out;
}

std::string algorithm_names() {
  std::string out;
  for (const auto algorithm : jose::all_algorithms()) {
    if (!out.empty()) out += ' ';
    out += jose::algorithm_name(algorithm);
  }
  return out;
}

// RFC 6750 §3: error_description has no quotes, backslashes or bytes beyond ASCII.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\'';
    else if (c >= 0x20 && c < 0x7f) out += c;
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) out += '?';
  }
  return out;
}

void add(std::string& challenge, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  challenge += challenge.ends_with(' ') ? "" : ", ";
  ((challenge += name) += "=\"") += plain(value);
  challenge += '"';
}

}  // namespace

std::string resource_of(const ProtectedResource& resource, std::string_view endpoint) {
  return resource.public_url.empty() ? std::string() : resource.public_url + path_of(endpoint);
}

std::vector<std::string> audiences_of(const ProtectedResource& resource, std::string_view endpoint) {
  if (resource.public_url.empty()) return {};
  return {resource_of(resource, endpoint), resource.public_url};
}

std::vector<std::string> scopes_of(const ProtectedResource& resource, std::string_view endpoint) {
  if (!endpoint.empty()) {
    const auto it = resource.endpoint_scopes.find(endpoint);
    return it == resource.endpoint_scopes.end() ? std::vector<std::string>() : it->second;
  }
  std::vector<std::string> out;
  for (const auto& [name, scopes] : resource.endpoint_scopes) out.insert(out.end(), scopes.begin(), scopes.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string metadata_url(const ProtectedResource& resource, std::string_view endpoint) {
  if (resource.public_url.empty() || resource.authorization_servers.empty()) return {};
  const auto path = public_path(resource);
  const auto origin = std::string_view(resource.public_url).substr(0, resource.public_url.size() - path.size());
  return std::string(origin) + std::string(kWellKnown) + std::string(path) + path_of(endpoint);
}

std::optional<MetadataOf> metadata_asked(const ProtectedResource& resource, std::string_view path) {
  if (!path.starts_with(kWellKnown)) return std::nullopt;
  path.remove_prefix(kWellKnown.size());
  const auto prefix = public_path(resource);  // which a proxy before the gate may have taken off
  if (!prefix.empty() && (path == prefix || path.starts_with(std::string(prefix) + "/"))) path.remove_prefix(prefix.size());
  if (path.empty() || path == "/") return MetadataOf{.gate = true, .endpoint = {}};
  if (!path.starts_with(kMcp)) return std::nullopt;
  path.remove_prefix(kMcp.size());
  if (path.empty()) return MetadataOf{};
  if (!path.starts_with('/')) return std::nullopt;
  return MetadataOf{.gate = false, .endpoint = std::string(path.substr(1))};
}

json::object metadata(const ProtectedResource& resource, const MetadataOf& of) {
  auto scopes = scopes_of(resource, of.endpoint);
  for (const auto& scope : resource.scopes) {
    if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) scopes.push_back(scope);
  }
  json::object out{{"resource", of.gate ? resource.public_url : resource_of(resource, of.endpoint)},
                   {"authorization_servers", texts(resource.authorization_servers)},
                   {"bearer_methods_supported", json::array{"header"}},
                   {"resource_name", of.endpoint.empty() ? std::string("Interlock") : "Interlock: " + of.endpoint}};
  if (!scopes.empty()) out["scopes_supported"] = texts(scopes);
  if (resource.takes_dpop) {
    json::array algorithms;
    for (const auto algorithm : jose::all_algorithms()) algorithms.emplace_back(jose::algorithm_name(algorithm));
    out["dpop_signing_alg_values_supported"] = std::move(algorithms);
    out["dpop_bound_access_tokens_required"] = false;  // an issuer may be trusted with bearer tokens, or bind them to certificates
  }
  if (resource.takes_certificates) out["tls_client_certificate_bound_access_tokens"] = true;
  return out;
}

void add_challenges(const ProtectedResource& resource, std::string_view endpoint, const identity::Refusal& refusal, net::Headers& headers) {
  if (refusal.status == 503) {
    headers.add("Retry-After", kRetryAfterSeconds);
    return;
  }
  if (!refusal.dpop_nonce.empty()) headers.add("DPoP-Nonce", refusal.dpop_nonce);
  // What is forbidden whatever the client proves needs no challenge.
  if (refusal.status != 401 && refusal.oauth_error.empty()) return;
  const bool of_proof = refusal.oauth_error == "invalid_dpop_proof" || refusal.oauth_error == "use_dpop_nonce";
  const auto scopes = joined(refusal.scopes.empty() ? scopes_of(resource, endpoint) : refusal.scopes);
  const auto finish = [&](std::string challenge, bool tells_error) {
    add(challenge, "resource_metadata", metadata_url(resource, endpoint));
    add(challenge, "scope", scopes);
    if (tells_error && !refusal.oauth_error.empty()) {
      add(challenge, "error", refusal.oauth_error);
      add(challenge, "error_description", refusal.error.message);
    }
    headers.add("WWW-Authenticate", std::move(challenge));
  };
  finish("Bearer realm=\"interlock\"", !of_proof);
  if (resource.takes_dpop) finish("DPoP algs=\"" + algorithm_names() + "\"", of_proof || refusal.oauth_error == "invalid_token");
}

}  // namespace interlock::mcp
