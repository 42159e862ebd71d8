// A client's side of the conversation: who it is, what it can do, its running operations, the questions put to it, its streams.
//
// A legacy session begins with initialize and has an id; a modern client has no session on the wire, and all its requests with
// the same subject and capabilities share one of these. Loop thread only; owned by the surface.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.hpp"
#include "gate/gate.hpp"
#include "net/jsonrpc.hpp"
#include "surface/mcp/connection.hpp"

namespace interlock::mcp {

class Operation;
class Surface;

// A set of servers under one name: /mcp/NAME has one, /mcp has all, with their names before the tools'.
struct Endpoint {
  std::string name;
  std::vector<const ServerConfig*> servers;
  bool prefixed = false;
};

// Where the answer to one client request goes, and what comes before it. Implemented by the fronts.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual bool takes_messages() const = 0;                             // false: only the answer can be sent
  virtual void send(std::string_view message) = 0;                     // a notification, or a request to the client
  virtual void answer(std::string_view message, int http_status) = 0;  // once, last
  virtual void abandon() = 0;                                          // the request was taken back: no answer is owed
  virtual void keep_alive() = 0;
  virtual void on_gone(std::function<void()> work) = 0;
  // The Mcp-Param-* headers that came with a 2026-07-28 request over HTTP; null where there are none to compare.
  virtual const net::Headers* parameter_headers() const { return nullptr; }
};

// Messages that belong to no request: the GET stream, or stdout.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual bool send(std::string_view message) = 0;  // false: gone
  virtual void keep_alive() = 0;
  virtual void close() = 0;
};

using Answer = std::function<void(Result<json::value>)>;  // of a question to the client

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Surface& surface, const Endpoint& endpoint, gate::Caller caller, ClientProfile profile, std::string id);
  ~Session();

  Surface& surface() { return surface_; }
  const Endpoint& endpoint() const { return endpoint_; }
  const gate::Caller& caller() const { return caller_; }
  // The same identity, as its newest credential has it: scopes, expiry, claims. What runs keeps the one that it began with.
  void renew(model::Subject subject);
  const ClientProfile& profile() const { return profile_; }
  const std::string& id() const { return id_; }
  bool modern() const { return is_modern(profile_.revision); }
  void set_revision(Revision revision) { profile_.revision = revision; }
  // Several clients may send the same ids into this session: then ids name nothing beyond their own request.
  void set_many_clients() { many_clients_ = true; }
  bool closed() const { return closed_; }
  bool is_connected() const { return events_ != nullptr || !listens_.empty(); }
  std::int64_t last_used_ns = 0;

  // The connection to the endpoint's server `index`, made when first needed. Not for a closed session.
  std::shared_ptr<Connection> connection(std::size_t index);
  // To a server with credentials whose process was started for another task: one of this task's own.
  std::shared_ptr<Connection> connection_of_task(std::size_t index, const std::string& task, gate::Caller caller);

  // Running operations by the client's request id, which is its own as long as one client uses the session.
  bool add_operation(const json::value& id, std::shared_ptr<Operation> operation);  // false: the id is in use
  void remove_operation(const json::value& id, const Operation* operation);
  void cancel(const json::value& id, std::string_view reason);
  std::size_t operations() const { return operations_.size(); }
  void keep_alive();
  void close(std::string_view why);

  // Legacy: sends a request to the client, on `sink` or, if null, on the event stream.
  std::int64_t ask_client(ReplySink* sink, std::string_view method, const json::object& params, Answer answer);
  void drop_ask(std::int64_t ask, ReplySink* sink);  // tells the client not to bother
  void take_answer(net::RpcMessage message);

  // Modern: operations that wait for the client's next try (input_required), by the token it will bring. False: too many.
  bool park(const std::string& token, std::shared_ptr<Operation> operation);
  std::shared_ptr<Operation> unpark(const std::string& token);

  // Events.
  void set_event_sink(std::shared_ptr<EventSink> sink);
  void clear_event_sink(const EventSink* sink);
  void send_event(std::string_view method, const json::object& params);
  void on_server_notice(Connection& from, std::string_view method, const json::object& params);
  void lists_changed();  // policy or pins changed what this client may see
  Watch watch_of(const Connection& connection) const;

  std::string log_level;  // legacy logging/setLevel; empty: the server's default
  static constexpr std::size_t kSubscriptions = 1'000;
  std::set<std::string> subscriptions;  // legacy resources/subscribe

  struct Listen {
    json::value id;
    Watch filter;
    std::shared_ptr<ReplySink> sink;
  };
  void add_listen(Listen listen);

  // Which server a resource of a merged list came from. Where several claim it, by URI or by template, the first in configured
  // order has it, so that a server cannot take over what another one serves.
  void remember_resource(const std::string& uri, std::size_t server);
  std::optional<std::size_t> owner_of_resource(std::string_view uri) const;
  void remember_template(std::string_view uri_template, std::size_t server);

 private:
  void remove_listen(const ReplySink* sink);

  static constexpr std::size_t kQueuedEvents = 256;
  static constexpr std::size_t kQueuedEventBytes = std::size_t{1} << 20;
  static constexpr std::size_t kOpenAsks = 256;
  static constexpr std::size_t kParked = 256;
  static constexpr std::size_t kRememberedResources = 20'000;
  static constexpr std::size_t kRememberedTemplates = 1'000;  // looked through one by one

  Surface& surface_;
  const Endpoint& endpoint_;
  gate::Caller caller_;
  ClientProfile profile_;
  std::string id_;
  bool closed_ = false;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::map<std::pair<std::string, std::size_t>, std::shared_ptr<Connection>> connections_of_tasks_;
  bool many_clients_ = false;
  std::unordered_multimap<std::string, std::shared_ptr<Operation>> operations_;
  std::unordered_map<std::int64_t, Answer> asks_;
  std::int64_t next_ask_ = 1;
  struct Parked {
    std::shared_ptr<Operation> operation;
    net::TimerId timer = 0;
  };
  std::map<std::string, Parked> parked_;
  std::shared_ptr<EventSink> events_;
  std::deque<std::string> queued_events_;
  std::size_t queued_event_bytes_ = 0;
  std::vector<Listen> listens_;
  std::unordered_map<std::string, std::size_t> resource_owner_;
  std::vector<std::pair<std::string, std::size_t>> template_prefixes_;
};

}  // namespace interlock::mcp
