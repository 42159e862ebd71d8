// The client's pool: which connection carries which call, which calls wait, and what is closed when.
#include "net/http_client.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <vector>

#include "net/http_client_connection.hpp"
#include "net/http_head_scanner.hpp"

namespace interlock::net {
namespace {

Status check_request(const HttpClientRequest& request) {
  const auto bad = [](const char* what) { return fail(ErrorCode::kInvalid, std::string("the request cannot be sent: ") + what); };
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (!is_token(request.method)) return bad("its method is no token");
  const auto& target = request.url.target;
  if (request.url.host.empty() || !target.starts_with('/') || !std::all_of(target.begin(), target.end(), is_visible))
    return bad("its URL is not valid");
  for (const auto& [name, value] : request.headers.all()) {
    if (!is_token(name) || !is_field_value(value)) return bad("one of its headers holds a character that none may hold");
  }
  return {};
}

}  // namespace

struct HttpClient::State : std::enable_shared_from_this<HttpClient::State> {
  struct Origin {
    std::size_t open = 0;
    std::vector<ClientConnection*> idle;  // the last used at the end
    std::deque<std::shared_ptr<ClientCall>> waiting;
  };

  State(Loop& l, HttpClientOptions options)
      : loop(l),
        context(std::make_shared<ClientContext>(ClientContext{
            .loop = l, .options = std::move(options), .tls = {}, .include_deadline = {}, .on_free = {}, .on_closed = {}, .on_retry = {}})),
        deadlines(l, [this](std::int64_t now_ms) { return check_deadlines(now_ms); }) {
    context->tls = [this] { return tls_client(); };
    context->include_deadline = [this](std::int64_t deadline_ms) { deadlines.include(deadline_ms); };
    context->on_free = [this](ClientConnection* connection) { serve_next(connection); };
    context->on_closed = [this](ClientConnection* connection) { forget(connection); };
    context->on_retry = [this](std::shared_ptr<ClientCall> call) { open_connection(std::move(call)); };
  }

  Loop& loop;
  std::shared_ptr<ClientContext> context;
  Deadlines deadlines;
  std::unordered_map<std::string, Origin> origins;
  std::unordered_map<ClientConnection*, std::shared_ptr<ClientConnection>> connections;
  std::size_t waiting_calls = 0;
  bool shut = false;

  // Made at the first https call: plain HTTP does not pay for it.
  Result<std::shared_ptr<TlsClient>> tls_client() {
    auto& tls = context->options.tls;
    if (!tls) {
      auto made = TlsClient::create({.ca_file = context->options.ca_file, .judge = {}});
      if (!made) return made;
      tls = std::move(*made);
    }
    return tls;
  }

  void route(std::shared_ptr<ClientCall> call) {
    const auto key = origin_of(call->url());
    while (!origins[key].idle.empty()) {
      auto* connection = origins[key].idle.back();
      if (connection->looks_usable()) {
        origins[key].idle.pop_back();
        return connection->carry(std::move(call));
      }
      connection->close();  // which takes it out, and an origin without connections with it
    }
    auto& origin = origins[key];
    if (origin.open < context->options.connections_per_origin) return open_connection(std::move(call));
    if (waiting_calls >= context->options.waiting_calls) {
      return finish_later(std::move(call), {ErrorCode::kUnavailable, std::to_string(waiting_calls) + " calls wait for a connection already",
                                            "try again later"});
    }
    if (call->deadline_ms() != kNever) deadlines.include(call->deadline_ms());
    call->leave_queue = [this](ClientCall* leaving) { leave_queue(leaving); };
    origin.waiting.push_back(std::move(call));
    ++waiting_calls;
  }

  void open_connection(std::shared_ptr<ClientCall> call) {
    auto connection = make_client_connection(context, call->url());
    ++origins[connection->origin()].open;
    connections.emplace(connection.get(), connection);
    connection->carry(std::move(call));
  }

  std::shared_ptr<ClientCall> next_waiting(Origin& origin) {
    if (origin.waiting.empty()) return nullptr;
    auto call = std::move(origin.waiting.front());
    origin.waiting.pop_front();
    --waiting_calls;
    call->leave_queue = nullptr;
    return call;
  }

  void leave_queue(ClientCall* leaving) {
    auto& waiting = origins[origin_of(leaving->url())].waiting;
    waiting_calls -= std::erase_if(waiting, [leaving](const auto& call) { return call.get() == leaving; });
  }

  void serve_next(ClientConnection* connection) {
    auto& origin = origins[connection->origin()];
    if (auto call = next_waiting(origin)) return connection->carry(std::move(call));
    origin.idle.push_back(connection);
  }

  void forget(ClientConnection* connection) {
    const auto found = origins.find(connection->origin());
    if (found != origins.end()) {
      auto& origin = found->second;
      std::erase(origin.idle, connection);
      --origin.open;
      auto call = shut ? nullptr : next_waiting(origin);
      if (!call && origin.open == 0) origins.erase(found);
      connections.erase(connection);
      if (call) open_connection(std::move(call));
      return;
    }
    connections.erase(connection);
  }

  // Handlers are called from the loop alone, never inside start().
  void finish_later(std::shared_ptr<ClientCall> call, Error error) {
    loop.post([weak = weak_from_this(), call = std::move(call), error = std::move(error)] {
      if (const auto self = weak.lock(); self && !self->shut) call->finish(std::unexpected(error));
    });
  }

  std::int64_t check_deadlines(std::int64_t now_ms) {
    std::int64_t next_ms = kNever;
    for (const auto& [key, connection] : connections) next_ms = std::min(next_ms, connection->check_deadline(now_ms));
    std::vector<std::shared_ptr<ClientCall>> late;
    for (const auto& [key, origin] : origins) {
      for (const auto& call : origin.waiting) {
        if (call->deadline_ms() <= now_ms) late.push_back(call);
        else next_ms = std::min(next_ms, call->deadline_ms());
      }
    }
    for (auto& call : late) {
      call->leave_queue = nullptr;
      leave_queue(call.get());
      finish_later(call, {ErrorCode::kTimeout, "no connection to " + origin_of(call->url()) + " became free in time",
                          "the server has too many slow calls open"});
    }
    return next_ms;
  }

  void shut_down() {
    shut = true;
    for (auto& [key, origin] : origins) {
      for (auto& call : origin.waiting) {
        call->leave_queue = nullptr;
        call->drop();
      }
      origin.waiting.clear();
    }
    while (!connections.empty()) {
      const auto connection = connections.begin()->second;
      connection->close();
    }
  }
};

bool was_never_sent(const Error& error) { return error.message.find(kUnreachable) != std::string::npos; }

HttpClient::HttpClient(Loop& loop, HttpClientOptions options) : state_(std::make_shared<State>(loop, std::move(options))) {}
HttpClient::~HttpClient() { state_->shut_down(); }

std::shared_ptr<HttpCall> HttpClient::start(HttpClientRequest request, HttpCallHandlers handlers) {
  auto valid = check_request(request);
  auto call = std::make_shared<ClientCall>(std::move(request), std::move(handlers));
  if (valid) state_->route(call);
  else state_->finish_later(call, std::move(valid.error()));
  return call;
}

}  // namespace interlock::net
