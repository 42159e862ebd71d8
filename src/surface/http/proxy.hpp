// The HTTP road out: a forward proxy (CONNECT and absolute form) and reverse routes, for agents that speak HTTP to the world.
//
// A thin adapter (DESIGN §1): a request becomes an ActionRequest by the connector of its host, the gate decides, what the agent brought is
// taken off, what was leased is put in, bodies stream, and what comes back is held against what was leased for it. TLS is opened with leaf
// certificates of our own authority, unless a host is opaque, which is an act of its own ("http/tunnel" on Host::"name") that policy must
// permit by name. Addresses are judged after resolution and pinned to the connection. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/placement.hpp"
#include "gate/gate.hpp"
#include "identity/authenticator.hpp"
#include "net/http_stream.hpp"
#include "net/resolver.hpp"
#include "surface/http/leaf_authority.hpp"
#include "surface/http/target.hpp"

namespace interlock::http {

// A host as configured. `pattern`: "api.github.com", "*.example.com", with ":port" where it is for one port alone.
struct HostConfig {
  std::string pattern;
  std::string connector;                           // explicit entry; empty: by the catalogue
  std::vector<credential::Placement> credentials;  // kHeader, kQuery, kSigV4
  std::vector<std::string> keep;                   // headers that the agent brings and that pass: "authorization", "cookie"
  bool opaque = false;                             // not opened: certificate pins, opt-out
  bool private_address = false;                    // may be at a private or loopback address; link-local and metadata never
  bool http2 = true;
};

// A reverse route: requests to `listen_path` of the egress listener (origin form) go to `upstream`.
struct RouteConfig {
  std::string listen_path;  // "/openai"
  std::string upstream;     // "https://api.openai.com/v1"
};

enum class ModelRecord : std::uint8_t { kOff, kHash, kRedact, kFull };  // prompts and tool definitions of calls to model APIs

struct ProxyOptions {
  std::vector<HostConfig> hosts;  // the first that matches
  std::vector<RouteConfig> routes;
  std::vector<net::AddressRange> private_ranges;  // reachable, beside those of hosts
  std::vector<std::string> own_authorities;       // "127.0.0.1:7410": asking for them is a loop
  std::string via;                                // pseudonym in Via, by which loops are known: new with each start
  std::string upstream_ca_file;                   // PEM authorities beside the system's
  net::StreamLimits limits;
  net::StreamClientLimits client_limits;
  std::size_t read_body_bytes = std::size_t{1} << 20;  // of a body that policy reads
  std::size_t model_body_bytes = std::size_t{32} << 20;
  std::size_t decoded_ratio = 100;         // a response that is decoded to be searched and grows more is cut
  std::int64_t head_timeout_ms = 600'000;  // of an answer: models think long
  std::int64_t task_idle_ms = 600'000;     // an implicit task whose client sent nothing for this long ends
  ModelRecord models = ModelRecord::kHash;
};

struct ProxyParts {
  net::Loop* loop = nullptr;
  gate::Gate* gate = nullptr;
  net::Resolver* resolver = nullptr;
  LeafAuthority* authority = nullptr;
  const Clock* clock = nullptr;
  // As mcp::HttpFront: credentials come in Proxy-Authorization (Bearer TOKEN, or Basic TASK:TOKEN as clients make it of
  // http://TASK:TOKEN@host:port; TASK may be empty or "-"), from the peer of a Unix socket, or are none (anonymous).
  std::function<void(identity::Presentation shown, std::function<void(identity::Answer)> done)> authenticate;
};

// Whom everybody who comes by a listener is.
struct Door {
  gate::Caller caller;
  // Hosts to which the clients' own keys go along, where no HostConfig speaks for them: an agent's model, say.
  std::vector<std::string> own_key_hosts = {};
};
// To these hosts by name, by https and on port 443 alone.
bool passes_own_keys(const Door& door, const Target& target);

class Proxy {
 public:
  static Result<std::unique_ptr<Proxy>> create(ProxyParts parts, ProxyOptions options);
  ~Proxy();
  Result<std::uint16_t> listen_tcp(const std::string& host, std::uint16_t port);
  Status listen_unix(const std::string& path);
  // A listener whose clients are all `door.caller`, in the task that it names: of a run, whose network has no other way out. Credentials
  // that they show are not looked at. It closes with the handle.
  std::shared_ptr<void> adopt_listener(net::OwnedFd listening, Door door);
  Status set_hosts(std::vector<HostConfig> hosts, std::vector<RouteConfig> routes);  // on reload
  void close(std::string_view why);
  std::size_t under_way() const;  // exchanges
  json::object describe() const;  // for `interlock status`

  struct State;  // the room's own

 private:
  Proxy() = default;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::http
