// One conversation with an MCP server, whatever its era: handshake, calls with ids and progress tokens of our own, the server's
// questions, its unsolicited notices.
//
// The link hides the era of the *server*: a legacy server's requests and a modern server's input_required rounds both arrive
// as on_ask(); resource subscriptions are watch(). It does not decide, filter or translate for a client: operation.cpp does.
// Loop thread only; owned by shared_ptr, callbacks hold weak references; close() ends it, and every call ends exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"
#include "surface/mcp/server_wire.hpp"

namespace interlock::mcp {

// What the link says of the client it works for.
struct ClientProfile {
  json::object capabilities;
  json::object info;  // {"name","version"}
  Revision revision = kNewestLegacy;
};

// What the server said of itself.
struct ServerFacts {
  Revision revision = kNewestLegacy;
  json::object capabilities;
  json::object info;
  std::string instructions;
};

struct LinkLimits {
  WireLimits wire;
  std::int64_t open_timeout_ms = 60'000;      // npx may have to download the server first
  std::int64_t probe_timeout_ms = 10'000;     // for a stdio server that stays silent on server/discover
  std::int64_t call_timeout_ms = 300'000;     // without answer or progress
  std::int64_t call_lifetime_ms = 3'600'000;  // in all
  std::size_t calls_in_flight = 256;
  std::size_t open_asks = 64;
  int input_rounds = 16;
  bool shared_channel = false;  // several clients use the link: a question on a shared channel is taken only when one call runs
};

// How a call ended.
struct Outcome {
  enum class Kind : std::uint8_t { kResult, kError, kFailed };
  Kind kind = Kind::kFailed;
  json::value result;  // kResult
  json::object error;  // kError: the server's JSON-RPC error
  Error failure;       // kFailed: no answer was had
};

using CallId = std::uint64_t;
using AskId = std::uint64_t;

struct CallHandlers {
  // A notification that belongs to this call (progress with the token taken off, log messages).
  std::function<void(std::string_view method, json::object params)> on_notice;
  // The server wants something from the client: answer with answer_ask / refuse_ask.
  std::function<void(AskId ask, std::string_view method, json::object params)> on_ask;
  std::function<void(Outcome outcome)> on_done;
  // The client can take a modern server's input_required result itself.
  bool takes_input_required = false;
};

struct CallOptions {
  bool wants_progress = false;
  std::string log_level;  // modern: sent with the request; empty: none
  net::Headers headers;
  Lend lend = {};  // over HTTP: the credentials of the act; empty: the connection's own
};

// Which unsolicited notices the users of a link want (2026-07-28 patterns/subscriptions#notification-filter).
struct Watch {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::set<std::string> uris;
  friend bool operator==(const Watch&, const Watch&) = default;
};

class ServerLink : public std::enable_shared_from_this<ServerLink> {
 public:
  struct Events {
    // list_changed, resources/updated and log messages that belong to no call.
    std::function<void(std::string_view method, const json::object& params)> on_notice;
    // A legacy server's request that belongs to no call. Answer with answer_ask / refuse_ask.
    std::function<void(AskId ask, std::string_view method, json::object params)> on_ask;
    std::function<void(Error error)> on_closed;
  };

  ServerLink(net::Loop& loop, net::HttpClient& client, std::string name, ServerAddress address, std::optional<Revision> protocol,
             ClientProfile profile, LinkLimits limits);
  ~ServerLink();

  void set_events(Events events) { events_ = std::move(events); }
  // Handshakes (once; later calls join the first) and reports. The era that suits the client is tried first.
  void open(std::function<void(Status)> done);
  bool is_open() const { return state_ == State::kOpen; }
  bool is_closed() const { return state_ == State::kClosed; }
  void close(Error reason);

  const std::string& name() const { return name_; }
  const ServerFacts& facts() const { return facts_; }  // once open
  bool has_capability(std::string_view name) const { return facts_.capabilities.contains({name.data(), name.size()}); }
  std::size_t calls_in_flight() const { return calls_.size(); }

  // `params` without protocol metadata and progress token: the link adds its own. on_done may come before call() returns.
  CallId call(std::string_view method, json::object params, CallOptions options, CallHandlers handlers);
  void cancel(CallId call, std::string_view reason);  // no handler of it is called any more
  void answer_ask(AskId ask, json::value result);
  void refuse_ask(AskId ask, int code, std::string_view message);
  // `work` runs if the server takes its question back before it is answered.
  void on_ask_withdrawn(AskId ask, std::function<void()> work);
  // Legacy notifications from the client that pass (roots/list_changed). Dropped for modern servers, which have none.
  void notify(std::string_view method, const json::object& params);
  // Asks a legacy server for log messages from `level` on, if it logs and was not asked for just that.
  void set_log_level(std::string_view level);
  // Replaces what is watched: subscribe/unsubscribe towards legacy servers, subscriptions/listen towards modern ones.
  // `done` tells when a legacy server has answered all, with its first refusal.
  void set_watch(Watch watch, std::function<void(Status)> done = {});

 private:
  enum class State : std::uint8_t { kNew, kOpening, kOpen, kClosed };
  struct Call {
    std::string method;
    json::object params;  // kept while the server may ask for input and the request may have to be sent again
    CallOptions options;
    CallHandlers handlers;
    net::TimerId timer = 0;
    std::int64_t deadline_ns = 0;
    int rounds = 0;
    std::map<std::string, json::value> answers;  // modern: inputResponses so far
    std::size_t questions = 0;                   // modern: how many are asked
    std::optional<std::string> request_state;
    std::uint64_t wire_id = 0;
  };
  struct Ask {
    json::value server_id;  // legacy
    CallId call = 0;        // modern: the call whose input this is
    std::string key;        // modern: key in inputRequests
    std::function<void()> on_withdrawn;
  };

  Status open_wire();
  void handshake_legacy(bool fall_back);
  void handshake_modern(bool fall_back);
  void opened(ServerFacts facts);
  void open_failed(Error error);
  void handshake_call(std::string_view method, json::object params, std::int64_t timeout_ms, std::function<void(Outcome)> done);

  std::uint64_t send(Call& call, CallId id);
  void on_message(std::uint64_t stream, net::RpcMessage message);
  void hide_in(net::RpcMessage& message) const;
  void on_response(net::RpcMessage message);
  void on_server_request(std::uint64_t stream, net::RpcMessage message);
  void on_server_notice(std::uint64_t stream, net::RpcMessage message);
  void on_input_required(CallId id, json::object result);
  void on_stream_lost(std::uint64_t wire_id, Error error);
  void on_wire_closed(Error error);
  void finish(CallId id, Outcome outcome);
  void arm_timer(CallId id, Call& call);
  void retry_with_input(CallId id);
  CallId call_of_stream(std::uint64_t stream) const;
  CallId newest_call() const;
  json::object with_meta(json::object params, const CallOptions& options, std::uint64_t progress_token) const;
  void refresh_listen();

  net::Loop& loop_;
  net::HttpClient& client_;
  std::string name_;
  ServerAddress address_;
  std::optional<Revision> protocol_;
  ClientProfile profile_;
  LinkLimits limits_;
  Events events_;
  State state_ = State::kNew;
  ServerFacts facts_;
  std::unique_ptr<ServerWire> wire_;
  std::uint64_t wire_generation_ = 0;
  std::vector<std::function<void(Status)>> waiting_open_;
  net::TimerId open_timer_ = 0;

  std::uint64_t next_id_ = 1;
  std::map<CallId, Call> calls_;
  std::map<std::uint64_t, CallId> by_wire_id_;
  std::map<AskId, Ask> asks_;
  AskId next_ask_ = 1;

  struct Handshake {
    std::uint64_t wire_id = 0;
    net::TimerId timer = 0;
    std::function<void(Outcome)> done;
  };
  std::optional<Handshake> handshake_;
  bool probing_ = false;  // server/discover is out to a server that may not know it

  std::string log_level_;
  Watch watch_;
  std::uint64_t listen_id_ = 0;  // modern: our open subscriptions/listen
};

}  // namespace interlock::mcp
