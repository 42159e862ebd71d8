// What the exchanges of one proxy share. Private to the room.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "surface/http/proxy.hpp"
#include "surface/http/target.hpp"

namespace interlock::http {

class Exchange;
class Tunnel;

// Why a request goes no further, before or instead of a verdict: how the client and the record are told.
struct Stop {
  int status = 400;
  model::Layer layer = model::Layer::kServer;
  std::string reason;
  std::string next;
};

// Who asks. `by_authorization`: it was the Authorization of a reverse route's client that said so: it is the gate's, and goes no further.
struct Recognized {
  gate::Caller caller;
  bool by_authorization = false;
};

// What an opened tunnel stands for: the tag of the connections inside it.
struct OpenedTunnel {
  gate::Caller caller;
  Target target;  // scheme, host and port
  std::shared_ptr<const HostConfig> host;
  std::vector<net::Address> addresses;  // judged when it was opened, and all that it connects to
};

using HostList = std::shared_ptr<const std::vector<HostConfig>>;

struct Proxy::State : std::enable_shared_from_this<Proxy::State> {
  ProxyParts parts;
  ProxyOptions options;
  HostList hosts;
  std::vector<RouteConfig> routes;
  std::shared_ptr<net::TlsClient> tls_client;
  std::unique_ptr<net::StreamServer> server;
  std::unique_ptr<net::StreamClient> client;
  std::vector<std::uint16_t> own_ports;
  std::unordered_set<std::shared_ptr<Exchange>> exchanges;
  std::unordered_set<std::shared_ptr<Tunnel>> tunnels;
  std::size_t collected_bytes = 0;  // of bodies that are held to be read, of all exchanges
  struct Session {
    gate::Caller caller;
    UnixMs used_ms = 0;
    std::size_t under_way = 0;
  };
  std::unordered_map<std::string, Session> sessions;  // by subject NUL session: those with an implicit task
  net::TimerId sweep_timer = 0;
  std::uint64_t served = 0;
  std::uint64_t refused = 0;

  std::shared_ptr<const HostConfig> host_of(const Target& target, const net::StreamPeer& peer) const;
  // The addresses of the target that an agent may reach. kDenied: none; kNotFound, kUnavailable, ...: it has none.
  void reach(const Target& target, const std::shared_ptr<const HostConfig>& host,
             std::function<void(Result<std::vector<net::Address>>)> done);
  Result<std::vector<net::Address>> judged(const Target& target, const HostConfig& host, const std::vector<net::Address>& found) const;
  // Who asks; `own_authorization`: of a reverse route, whose client has no other place for its token.
  void recognize(const net::ServerStream& stream, bool own_authorization, std::function<void(std::expected<Recognized, Stop>)> done);
  Session& session_of(const gate::Caller& caller);
  void left_session(const gate::Caller& caller);  // one of its exchanges or tunnels is over
  // The record of what never became an act.
  void record_refusal(const gate::Caller* caller, std::string_view target, const Stop& stop);
  void sweep();
};

// {"error":{"layer","reason","next"}} with the status.
void answer_stop(net::ServerStream& stream, const Stop& stop, net::Headers headers = {});

// CONNECT: an opaque tunnel, or TLS that is opened.
void begin_connect(const std::shared_ptr<Proxy::State>& proxy, std::shared_ptr<net::ServerStream> stream);
// Any other request.
void begin_exchange(const std::shared_ptr<Proxy::State>& proxy, std::shared_ptr<net::ServerStream> stream);

}  // namespace interlock::http
