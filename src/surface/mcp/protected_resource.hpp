// The gate as an OAuth protected resource: what each endpoint is called, its metadata (RFC 9728), and how a refusal is said (RFC 6750 §3,
// RFC 9728 §5.1, RFC 9449 §7.1).
//
// Names come from the configuration alone, never from a request's Host: whoever chose the name would choose which tokens fit. Plain data
// and pure functions; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "identity/authenticator.hpp"
#include "net/http.hpp"

namespace interlock::mcp {

struct ProtectedResource {
  std::string public_url;                          // "https://gate.example", also with a path; no slash at the end. Empty: not known
  std::vector<std::string> authorization_servers;  // empty: there are no metadata
  std::vector<std::string> scopes;                 // offered beyond what endpoints need
  std::map<std::string, std::vector<std::string>, std::less<>> endpoint_scopes;  // by server: what its clients' tokens must have
  bool takes_dpop = false;
  bool takes_certificates = false;
};

// "https://gate.example/mcp" or ".../mcp/NAME"; `endpoint` is empty for the one of all servers.
std::string resource_of(const ProtectedResource& resource, std::string_view endpoint);
// What a token for this endpoint may name: the endpoint, and the gate as a whole.
std::vector<std::string> audiences_of(const ProtectedResource& resource, std::string_view endpoint);
// Of the endpoint of all servers: what any of them needs, or it would be the way around.
std::vector<std::string> scopes_of(const ProtectedResource& resource, std::string_view endpoint);

// RFC 9728 §3.1: the well-known path goes between host and path of the resource.
std::string metadata_url(const ProtectedResource& resource, std::string_view endpoint);
// What a request path asks the metadata of: an endpoint's name, "" of all, or `gate`; nullopt: it is no such path.
struct MetadataOf {
  bool gate = false;
  std::string endpoint;
};
std::optional<MetadataOf> metadata_asked(const ProtectedResource& resource, std::string_view path);
json::object metadata(const ProtectedResource& resource, const MetadataOf& of);

// WWW-Authenticate, DPoP-Nonce and Retry-After of a refusal.
void add_challenges(const ProtectedResource& resource, std::string_view endpoint, const identity::Refusal& refusal, net::Headers& headers);

}  // namespace interlock::mcp
