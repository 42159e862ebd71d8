// The client's pool: which connection carries which call, which calls wait, and what is closed when. It knows no protocol: a connection
// says how many calls it takes.
#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "net/http_flow.hpp"
#include "net/stream_connect.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

Status check_request(const Destination& to, const ClientHead& head) {
  const auto bad = [](const char* what) { return fail(ErrorCode::kInvalid, std::string("the request cannot be sent: ") + what); };
  if (!is_token(head.method)) return bad("its method is no token");
  if (head.method == "CONNECT") return fail(ErrorCode::kUnsupported, "CONNECT is not sent to a server", "use StreamClient::connect");
  const bool is_target = head.target.starts_with('/') || (head.target == "*" && head.method == "OPTIONS");
  if (!is_target || !is_target_text(head.target)) return bad("its target is not valid");
  if (!is_authority(head.authority)) return bad("its authority is not host[:port]");
  if (!is_writable(head.headers)) return bad("one of its headers holds CR, LF, NUL or another control byte, or its name is none");
  if (!head.upgrade.empty() && (!is_token(head.upgrade) || head.length != 0)) return bad("an upgrade that is none, or that has a body");
  if (to.scheme != "http" && to.scheme != "https") return bad("its scheme is neither http nor https");
  if (to.scheme == "https" && !to.tls) return bad("there is no TLS for it");
  if (to.addresses.empty()) return bad("its server has no address");
  return {};
}

bool may_be_http2(const Destination& to, const ClientHead& head) { return to.http2 && to.scheme == "https" && head.upgrade.empty(); }

void write_key(std::string& out, const Destination& to, bool http2) {
  out.assign(to.scheme).append(http2 ? " 2 " : " 1 ").append(to.host).append(" ").append(std::to_string(to.port)).append(" ");
  out.append(std::to_string(reinterpret_cast<std::uintptr_t>(to.tls.get()))).append(" ").append(to.realm);
}

}  // namespace

struct StreamClient::State : std::enable_shared_from_this<StreamClient::State> {
  struct Origin {
    std::string key;
    std::size_t open = 0;
    std::vector<std::shared_ptr<Connecting>> connecting;
    std::vector<StreamClientConnection*> roomy;  // the last used at the end
    std::deque<std::shared_ptr<StreamCall>> waiting;
    bool speaks_http2 = false;  // as far as is known: one connection will do
  };
  struct Kept {
    std::shared_ptr<StreamClientConnection> connection;
    Origin* origin = nullptr;
    bool is_roomy = false;  // it is in the origin's list
  };

  State(Loop& l, StreamClientLimits limits)
      : loop(l),
        context(std::make_shared<StreamClientContext>(
            StreamClientContext{.loop = l, .limits = limits, .include_deadline = {}, .on_room = {}, .on_closed = {}, .on_repeat = {}})),
        deadlines(l, [this](std::int64_t now_ms) { return check_deadlines(now_ms); }) {
    context->include_deadline = [this](std::int64_t deadline_ms) { deadlines.include(deadline_ms); };
    context->on_room = [this](StreamClientConnection* connection) { serve(connection); };
    context->on_closed = [this](StreamClientConnection* connection) { forget(connection); };
    context->on_repeat = [this](std::shared_ptr<StreamCall> call) {
      auto& origin = origin_of(*call);
      wait(origin, std::move(call));
    };
  }

  Loop& loop;
  std::shared_ptr<StreamClientContext> context;
  Deadlines deadlines;
  std::unordered_map<std::string, Origin> origins;
  std::unordered_map<StreamClientConnection*, Kept> connections;
  std::vector<std::shared_ptr<Connecting>> tunnels;  // of connect()
  std::size_t waiting_calls = 0;
  std::string key;  // written anew for each call
  bool shut = false;

  Origin& origin_of(const StreamCall& call) {
    write_key(key, call.to, may_be_http2(call.to, call.head));
    const auto found = origins.find(key);
    if (found != origins.end()) return found->second;
    auto& origin = origins[key];
    origin.key = key;
    return origin;
  }

  void drop_if_unused(Origin& origin) {
    if (origin.open == 0 && origin.connecting.empty() && origin.waiting.empty()) origins.erase(std::string(origin.key));
  }

  void route(std::shared_ptr<StreamCall> call) {
    auto& origin = origin_of(*call);
    ++origin.open;  // holds the origin while connections that ended leave it
    while (!origin.roomy.empty()) {
      auto* connection = origin.roomy.back();
      if (connection->room() > 0 && connection->looks_usable()) {
        --origin.open;
        return carry(*connection, std::move(call));
      }
      if (connection->room() > 0) connection->close();
      else unlist(*connection);
    }
    --origin.open;
    wait(origin, std::move(call));
  }

  void unlist(StreamClientConnection& connection) {
    auto& kept = connections.at(&connection);
    if (std::exchange(kept.is_roomy, false)) std::erase(kept.origin->roomy, &connection);
  }

  void carry(StreamClientConnection& connection, std::shared_ptr<StreamCall> call) {
    const auto kept = connections.at(&connection).connection;
    kept->carry(std::move(call));
    if (kept->room() == 0 && connections.contains(&connection)) unlist(connection);
  }

  void wait(Origin& origin, std::shared_ptr<StreamCall> call) {
    if (waiting_calls >= context->limits.waiting) {
      lose_later(std::move(call),
                 {ErrorCode::kUnavailable, std::to_string(waiting_calls) + " requests wait for a connection already", "try again later"});
      return drop_if_unused(origin);
    }
    call->leave_queue = [this](StreamCall* leaving) { leave_queue(leaving); };
    origin.waiting.push_back(std::move(call));
    ++waiting_calls;
    connect_more(origin);
  }

  void connect_more(Origin& origin) {
    const auto wanted = origin.speaks_http2 ? std::min<std::size_t>(1, origin.waiting.size()) : origin.waiting.size();
    while (origin.connecting.size() < wanted && origin.open + origin.connecting.size() < context->limits.connections_per_origin) {
      const auto& call = *origin.waiting.front();
      auto to = call.to;
      to.http2 = may_be_http2(call.to, call.head);
      const bool secure = to.scheme == "https";
      auto slot = std::make_shared<Connecting*>(nullptr);
      auto connecting = start_connecting(loop, std::move(to), secure, context->limits.connect_timeout_ms,
                                         [this, slot, origin = &origin](Result<std::shared_ptr<Wire>> wire) {
                                           std::erase_if(origin->connecting, [&](const auto& it) { return it.get() == *slot; });
                                           if (wire) connected(*origin, std::move(*wire));
                                           else not_connected(*origin, wire.error());
                                         });
      *slot = connecting.get();
      origin.connecting.push_back(std::move(connecting));
    }
  }

  void connected(Origin& origin, std::shared_ptr<Wire> wire) {
    origin.speaks_http2 = wire->transport().protocol() == "h2";
    auto connection = origin.speaks_http2 ? open_h2_client(context, std::move(wire)) : open_h1_client(context, std::move(wire));
    ++origin.open;
    connections.emplace(connection.get(), Kept{connection, &origin, false});
    serve(connection.get());
  }

  void not_connected(Origin& origin, const Error& error) {
    std::vector<std::shared_ptr<StreamCall>> lost;
    const bool is_hopeless = origin.open == 0 && origin.connecting.empty();
    while (auto call = next_waiting(origin)) {
      lost.push_back(std::move(call));
      if (!is_hopeless) break;
    }
    drop_if_unused(origin);
    for (const auto& call : lost) call->lose(error);
  }

  std::shared_ptr<StreamCall> next_waiting(Origin& origin) {
    if (origin.waiting.empty()) return nullptr;
    auto call = std::move(origin.waiting.front());
    origin.waiting.pop_front();
    --waiting_calls;
    call->leave_queue = nullptr;
    return call;
  }

  void leave_queue(StreamCall* leaving) {
    auto& origin = origin_of(*leaving);
    waiting_calls -= std::erase_if(origin.waiting, [leaving](const auto& call) { return call.get() == leaving; });
    drop_if_unused(origin);
  }

  // It has room: for those who wait, then for those who come.
  void serve(StreamClientConnection* connection) {
    const auto found = connections.find(connection);
    if (found == connections.end()) return;
    auto& origin = *found->second.origin;
    while (connection->room() > 0) {
      auto call = next_waiting(origin);
      if (!call) break;
      connection->carry(std::move(call));
    }
    if (!connections.contains(connection) || connection->room() == 0) return;
    if (!std::exchange(found->second.is_roomy, true)) origin.roomy.push_back(connection);
  }

  void forget(StreamClientConnection* connection) {
    const auto found = connections.find(connection);
    if (found == connections.end()) return;
    const auto kept = found->second;
    connections.erase(found);
    auto& origin = *kept.origin;
    std::erase(origin.roomy, connection);
    --origin.open;
    if (shut) return;
    connect_more(origin);
    drop_if_unused(origin);
  }

  // Handlers are called from the loop alone, never inside start().
  void lose_later(std::shared_ptr<StreamCall> call, Error error) {
    loop.post([weak = weak_from_this(), call = std::move(call), error = std::move(error)] {
      if (const auto self = weak.lock(); self && !self->shut) call->lose(error);
    });
  }

  std::int64_t check_deadlines(std::int64_t now_ms) {
    std::int64_t next_ms = kNever;
    for (auto it = connections.begin(); it != connections.end();) {
      const auto connection = it->second.connection;
      ++it;  // the connection may erase itself
      next_ms = std::min(next_ms, connection->check_deadline(now_ms));
    }
    return next_ms;
  }

  void connect(const Destination& to, std::function<void(Result<std::unique_ptr<ByteStream>>)> done) {
    auto slot = std::make_shared<Connecting*>(nullptr);
    auto connecting = start_connecting(loop, to, false, context->limits.connect_timeout_ms,
                                       [this, slot, done = std::move(done)](Result<std::shared_ptr<Wire>> wire) {
                                         std::erase_if(tunnels, [&](const auto& it) { return it.get() == *slot; });
                                         if (!wire) return done(fail(std::move(wire.error())));
                                         done(byte_stream(loop, std::move(*wire), {}, context->limits.queued_bytes));
                                       });
    *slot = connecting.get();
    tunnels.push_back(std::move(connecting));
  }

  void shut_down() {
    shut = true;
    for (const auto& it : tunnels) it->cancel();
    for (auto& [name, origin] : origins) {
      for (const auto& it : origin.connecting) it->cancel();
      for (const auto& call : origin.waiting) {
        call->leave_queue = nullptr;
        call->drop();
      }
      origin.waiting.clear();
    }
    while (!connections.empty()) {
      const auto connection = connections.begin()->second.connection;
      connection->close();
    }
  }
};

StreamClient::StreamClient(Loop& loop, StreamClientLimits limits) : state_(std::make_shared<State>(loop, limits)) {}
StreamClient::~StreamClient() { state_->shut_down(); }

std::shared_ptr<ClientStream> StreamClient::start(Destination to, ClientHead head, ClientStreamHandlers handlers) {
  auto valid = check_request(to, head);
  auto call = std::make_shared<StreamCall>(std::move(to), std::move(head), std::move(handlers), state_->context->limits.queued_bytes);
  if (valid) state_->route(call);
  else state_->lose_later(call, std::move(valid.error()));
  return call;
}

void StreamClient::connect(const Destination& to, std::function<void(Result<std::unique_ptr<ByteStream>>)> done) {
  state_->connect(to, std::move(done));
}

}  // namespace interlock::net
