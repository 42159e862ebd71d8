#include "oauth/resource.hpp"

#include <algorithm>

#include "oauth/metadata.hpp"

namespace interlock::oauth {
namespace {

constexpr std::size_t kDocumentDepth = 32;

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 200)) + "\""; }

std::string_view path_of(std::string_view url) {
  const auto authority = url.find("://");
  if (authority == std::string_view::npos) return {};
  const auto slash = url.find('/', authority + 3);
  const auto path = slash == std::string_view::npos ? std::string_view() : url.substr(slash);
  return path.substr(0, path.find('?'));
}

std::string_view without_slash(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// The same server, and a path that is the called one or above it by whole segments.
bool covers(std::string_view resource, std::string_view server_url) {
  const auto named = net::parse_url(resource);
  const auto called = net::parse_url(server_url);
  if (!named || !called || named->scheme != called->scheme || named->host != called->host || named->port != called->port) return false;
  const auto above = without_slash(path_of(resource));
  const auto path = without_slash(path_of(server_url));
  if (resource.find('?') != std::string_view::npos && named->target != called->target) return false;
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

class ResourceDiscovery final : public Fetch {
 public:
  using Done = std::function<void(Result<std::optional<ResourceMetadata>>)>;
  ResourceDiscovery(net::Loop& loop, net::HttpClient& client, std::string server_url, const std::string& challenged_url, Done done)
      : loop_(loop), client_(client), server_url_(std::move(server_url)), done_(std::move(done)) {
    urls_ = resource_metadata_urls(server_url_, challenged_url);
    look();
  }

 private:
  void look() {
    const auto& url = urls_[next_++];
    auto allowed = check_reach(server_url_, url);
    auto parsed = net::parse_url(url);
    if (!allowed || !parsed) {
      loop_.post([this, alive = std::weak_ptr(alive_), error = allowed ? parsed.error() : allowed.error()] {
        if (alive.lock()) finish(fail(error));
      });
      return;
    }
    net::HttpClientRequest request{.method = "GET", .url = std::move(*parsed), .headers = {{"Accept", "application/json"}}, .body = {}};
    running_ = fetch(loop_, client_, std::move(request), [this](Result<Fetched> fetched) { take(std::move(fetched)); });
  }

  void take(Result<Fetched> fetched) {
    if (!fetched) return finish(fail(std::move(fetched.error())));
    if (fetched->status >= 500) {
      return finish(fail(ErrorCode::kUnavailable, urls_[next_ - 1] + " answered HTTP " + std::to_string(fetched->status),
                         "the server cannot say who authorizes for it; try again later"));
    }
    if (fetched->status == 200) {
      auto read = read_resource_metadata(server_url_, fetched->body);
      if (read) {
        read->url = urls_[next_ - 1];
        return finish(std::move(*read));
      }
      // A server that answers every path with a page has no document there; a document that is wrong ends the search.
      if (read.error().code != ErrorCode::kInvalid || next_ == urls_.size()) return finish(fail(std::move(read.error())));
    }
    if (next_ == urls_.size()) return finish(std::optional<ResourceMetadata>());
    look();
  }

  void finish(Result<std::optional<ResourceMetadata>> result) {
    const auto done = std::move(done_);  // may drop us
    done(std::move(result));
  }

  net::Loop& loop_;
  net::HttpClient& client_;
  std::string server_url_;
  Done done_;
  std::vector<std::string> urls_;
  std::size_t next_ = 0;
  std::unique_ptr<Fetch> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace

std::string origin_of_url(std::string_view url) {
  const auto authority = url.find("://");
  if (authority == std::string_view::npos) return {};
  return std::string(url.substr(0, url.find_first_of("/?#", authority + 3)));
}

std::vector<std::string> resource_metadata_urls(std::string_view server_url, std::string_view challenged_url) {
  static constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";
  std::vector<std::string> out;
  if (!challenged_url.empty()) out.emplace_back(challenged_url);
  const auto origin = origin_of_url(server_url);
  const auto path = without_slash(path_of(server_url));
  for (auto url : {origin + std::string(kWellKnown) + std::string(path), origin + std::string(kWellKnown)})
    if (std::find(out.begin(), out.end(), url) == out.end()) out.push_back(std::move(url));
  return out;
}

Status check_reach(std::string_view server_url, std::string_view url) {
  if (auto allowed = check_endpoint(url); !allowed) return allowed;
  const auto server = net::parse_url(server_url);
  const auto target = net::parse_url(url);
  if (!server) return fail(server.error());
  if (!is_local_host(server->host) && is_local_host(target->host)) {
    return fail(ErrorCode::kDenied, "a server elsewhere names " + quoted(url) + ", which is an address of this machine or its link",
                "name the issuer in servers.NAME.oauth.issuer if that is meant");
  }
  return {};
}

Result<ResourceMetadata> read_resource_metadata(std::string_view server_url, std::string_view text) {
  const auto refuse = [&](Error error) {
    error.message = "the resource metadata of " + quoted(server_url) + " is refused: " + error.message;
    return fail(std::move(error));
  };
  auto parsed = json::parse(text, {.size_bytes = kDocumentBytes, .depth = kDocumentDepth});
  if (!parsed) return refuse(std::move(parsed.error()));
  const auto* document = parsed->if_object();
  if (document == nullptr) return refuse({ErrorCode::kInvalid, "it is no JSON object", {}});
  ResourceMetadata out;
  const auto resource = json::string_at(*document, "resource");
  if (!resource) return refuse({ErrorCode::kInvalid, "it names no resource", {}});
  if (resource->size() > kIssuerBytes || !covers(*resource, server_url)) {
    return refuse({ErrorCode::kDenied, "it is that of another resource, " + quoted(*resource),
                   "the server must publish the URL that it is called at (RFC 9728 §3.3)"});
  }
  out.resource = std::string(*resource);
  for (const auto& [name, member] : {std::pair{"authorization_servers", &out.authorization_servers}, {"scopes_supported", &out.scopes}}) {
    auto list = text_list(*document, name);
    if (!list) return refuse(std::move(list.error()));
    *member = std::move(*list);
  }
  out.wants_dpop = json::bool_at(*document, "dpop_bound_access_tokens_required");
  return out;
}

std::unique_ptr<Fetch> discover_resource(net::Loop& loop, net::HttpClient& client, std::string server_url, std::string challenged_url,
                                         std::function<void(Result<std::optional<ResourceMetadata>>)> done) {
  return std::make_unique<ResourceDiscovery>(loop, client, std::move(server_url), challenged_url, std::move(done));
}

}  // namespace interlock::oauth
