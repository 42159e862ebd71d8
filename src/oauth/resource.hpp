// What a protected MCP server says of itself: RFC 9728 metadata, found from its challenge or at its well-known places, and checked.
//
// Untrusted (oauth/fetch.hpp bounds it). The `resource` it names must be the server that was called, else a token for somebody else would
// be asked for. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "oauth/fetch.hpp"

namespace interlock::oauth {

struct ResourceMetadata {
  std::string resource;  // to the letter as published: it is what `resource` of requests must be (RFC 8707)
  std::string url;       // where the document was
  std::vector<std::string> authorization_servers;
  std::vector<std::string> scopes;
  bool wants_dpop = false;  // dpop_bound_access_tokens_required
};

// scheme://host[:port] as the URL writes it.
std::string origin_of_url(std::string_view url);
// The challenge's place first (empty: none), then with the server's path inserted, then without (2025-11-25 authorization#discovery).
std::vector<std::string> resource_metadata_urls(std::string_view server_url, std::string_view challenged_url);
// A server elsewhere may not send the gate to this machine or its link (server-side request forgery). kDenied.
Status check_reach(std::string_view server_url, std::string_view url);
// kDenied where `resource` is another server: another origin, or a path that the server's is not under.
Result<ResourceMetadata> read_resource_metadata(std::string_view server_url, std::string_view text);
// nullopt: the server publishes none (2025-03-26 had none).
std::unique_ptr<Fetch> discover_resource(net::Loop& loop, net::HttpClient& client, std::string server_url, std::string challenged_url,
                                         std::function<void(Result<std::optional<ResourceMetadata>>)> done);

}  // namespace interlock::oauth
