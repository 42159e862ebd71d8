#include "surface/mcp/session.hpp"

#include <algorithm>

#include "base/time.hpp"
#include "surface/mcp/operation.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::mcp {
namespace {

constexpr std::int64_t kParkedLifetimeMs = 600'000;  // a human may be filling in a form
constexpr std::size_t kListens = 2'000;              // one token may stand for a fleet of agents, each with a stream of its own

bool wants(const Watch& filter, std::string_view method, const json::object& params) {
  if (method == "notifications/tools/list_changed") return filter.tools;
  if (method == "notifications/prompts/list_changed") return filter.prompts;
  if (method == "notifications/resources/list_changed") return filter.resources;
  if (method == "notifications/resources/updated") return filter.uris.contains(std::string(json::string_at(params, "uri").value_or("")));
  return false;
}

}  // namespace

Session::Session(Surface& surface, const Endpoint& endpoint, gate::Caller caller, ClientProfile profile, std::string id)
    : last_used_ns(steady_ns()),
      surface_(surface),
      endpoint_(endpoint),
      caller_(std::move(caller)),
      profile_(std::move(profile)),
      id_(std::move(id)),
      connections_(endpoint.servers.size()) {}

void Session::renew(model::Subject subject) {
  subject.client = std::move(caller_.subject.client);
  caller_.subject = std::move(subject);
}

Session::~Session() = default;

std::shared_ptr<Connection> Session::connection(std::size_t index) {
  auto& connection = connections_[index];
  if (!connection) {
    connection = surface_.connection_for(*this, *endpoint_.servers[index]);
    connection->attach(shared_from_this());
  }
  return connection;
}

std::shared_ptr<Connection> Session::connection_of_task(std::size_t index, const std::string& task, gate::Caller caller) {
  std::erase_if(connections_of_tasks_, [&](const auto& entry) { return entry.first.first != task && entry.second->has_ended(); });
  auto& connection = connections_of_tasks_[{task, index}];
  if (!connection) {
    connection = surface_.connection_for(*this, *endpoint_.servers[index]);
    connection->act_as(std::move(caller));
    connection->attach(shared_from_this());
  }
  return connection;
}

void Session::close(std::string_view why) {
  if (closed_) return;
  closed_ = true;
  auto self = shared_from_this();
  auto operations = std::move(operations_);
  operations_.clear();
  for (auto& [id, operation] : operations) operation->cancel(why);
  auto parked = std::move(parked_);
  parked_.clear();
  for (auto& [token, entry] : parked) {
    surface_.loop().cancel(entry.timer);
    entry.operation->cancel(why);
  }
  auto asks = std::move(asks_);
  asks_.clear();
  for (auto& [id, answer] : asks) answer(fail(ErrorCode::kUnavailable, "the client's session has ended"));
  auto listens = std::move(listens_);
  listens_.clear();
  for (auto& listen : listens) {
    json::object result{{"resultType", "complete"}};
    meta_object(result)[{kMetaSubscription.data(), kMetaSubscription.size()}] = listen.id;
    listen.sink->answer(net::write_result(listen.id, result), 200);
  }
  if (events_) {
    auto events = std::move(events_);
    events->close();
  }
  for (auto& connection : connections_) {
    if (!connection) continue;
    connection->detach(this);
    if (connection->config().sharing == Sharing::kSession) connection->close();
    else connection->update_watch();
  }
  connections_.clear();
  for (auto& [key, connection] : std::exchange(connections_of_tasks_, {})) connection->close();
  surface_.gate().end_session(caller_, why);
}

// ---- operations -------------------------------------------------------------------------------------------------------------

bool Session::add_operation(const json::value& id, std::shared_ptr<Operation> operation) {
  auto key = json::write(id);
  if (!many_clients_ && operations_.contains(key)) return false;
  operations_.emplace(std::move(key), std::move(operation));
  return true;
}

void Session::remove_operation(const json::value& id, const Operation* operation) {
  const auto [begin, end] = operations_.equal_range(json::write(id));
  for (auto it = begin; it != end; ++it) {
    if (it->second.get() != operation) continue;
    operations_.erase(it);
    return;
  }
}

void Session::cancel(const json::value& id, std::string_view reason) {
  // An id says nothing here of whose request it is; over HTTP a closed stream cancels (2026-07-28 transports/streamable-http).
  if (many_clients_) return;
  for (const auto& listen : listens_) {
    if (listen.id == id) return remove_listen(listen.sink.get());
  }
  const auto it = operations_.find(json::write(id));
  if (it == operations_.end()) return;  // too late, or never there: both are fine
  auto operation = it->second;
  operation->cancel(reason);
}

void Session::keep_alive() {
  auto operations = operations_;
  for (auto& [id, operation] : operations) operation->keep_alive();
  if (events_) events_->keep_alive();
  // A sink that finds its client gone takes its entry away.
  for (auto& listen : std::vector<Listen>(listens_)) listen.sink->keep_alive();
}

// ---- questions to the client ------------------------------------------------------------------------------------------------

std::int64_t Session::ask_client(ReplySink* sink, std::string_view method, const json::object& params, Answer answer) {
  if (closed_ || asks_.size() >= kOpenAsks) {
    answer(fail(ErrorCode::kUnavailable, closed_ ? "the client's session has ended" : "too many questions wait for this client's answer"));
    return 0;
  }
  const auto id = next_ask_++;
  asks_[id] = std::move(answer);
  const auto text = net::write_request(json::value(id), method, params);
  const bool sent = sink != nullptr && sink->takes_messages() ? (sink->send(text), true) : events_ && events_->send(text);
  if (!sent) {
    auto unanswered = std::move(asks_[id]);
    asks_.erase(id);
    unanswered(fail(ErrorCode::kUnavailable, "the client has no open stream to be asked on"));
    return 0;
  }
  return id;
}

void Session::drop_ask(std::int64_t ask, ReplySink* sink) {
  if (asks_.erase(ask) == 0) return;
  const auto text =
      net::write_notification("notifications/cancelled", json::object{{"requestId", ask}, {"reason", "it was settled elsewhere"}});
  if (sink != nullptr && sink->takes_messages()) sink->send(text);
  else if (events_) events_->send(text);
}

void Session::take_answer(net::RpcMessage message) {
  if (!message.id.is_int64()) return;
  const auto it = asks_.find(message.id.get_int64());
  if (it == asks_.end()) return;
  auto answer = std::move(it->second);
  asks_.erase(it);
  if (message.kind == net::RpcKind::kResult) return answer(std::move(message.result));
  answer(fail(ErrorCode::kDenied, std::string(json::string_at(message.error, "message").value_or("the client refused"))));
}

bool Session::park(const std::string& token, std::shared_ptr<Operation> operation) {
  if (parked_.size() >= kParked) return false;
  std::weak_ptr<Session> weak = weak_from_this();
  const auto timer = surface_.loop().after_ms(kParkedLifetimeMs, [weak, token] {
    auto self = weak.lock();
    if (!self) return;
    if (auto late = self->unpark(token)) late->cancel("no input came in time");
  });
  parked_[token] = {std::move(operation), timer};
  return true;
}

std::shared_ptr<Operation> Session::unpark(const std::string& token) {
  const auto it = parked_.find(token);
  if (it == parked_.end()) return nullptr;
  surface_.loop().cancel(it->second.timer);
  auto operation = std::move(it->second.operation);
  parked_.erase(it);
  return operation;
}

// ---- events -----------------------------------------------------------------------------------------------------------------

void Session::set_event_sink(std::shared_ptr<EventSink> sink) {
  if (events_) events_->close();
  events_ = std::move(sink);
  auto queued = std::move(queued_events_);
  queued_events_.clear();
  queued_event_bytes_ = 0;
  for (const auto& text : queued) events_->send(text);
}

void Session::clear_event_sink(const EventSink* sink) {
  if (events_.get() == sink) events_.reset();
}

void Session::send_event(std::string_view method, const json::object& params) {
  auto text = net::write_notification(method, params);
  if (events_ && events_->send(text)) return;
  // Kept for a stream that is yet to be opened; a client that never opens one loses the oldest first.
  if (text.size() > kQueuedEventBytes) return;
  queued_event_bytes_ += text.size();
  queued_events_.push_back(std::move(text));
  while (queued_events_.size() > kQueuedEvents || queued_event_bytes_ > kQueuedEventBytes) {
    queued_event_bytes_ -= queued_events_.front().size();
    queued_events_.pop_front();
  }
}

void Session::on_server_notice(Connection& from, std::string_view method, const json::object& params) {
  (void)from;
  if (closed_) return;
  if (modern()) {
    for (auto& listen : std::vector<Listen>(listens_)) {
      if (!wants(listen.filter, method, params)) continue;
      json::object tagged = params;
      meta_object(tagged)[{kMetaSubscription.data(), kMetaSubscription.size()}] = listen.id;
      listen.sink->send(net::write_notification(method, tagged));
    }
    return;
  }
  if (method == "notifications/resources/updated" && !subscriptions.contains(std::string(json::string_at(params, "uri").value_or(""))))
    return;
  if (method == "notifications/message") {
    const auto rank = log_level_rank(json::string_at(params, "level").value_or(""));
    const auto floor = log_level_rank(log_level);
    if (rank && floor && *rank < *floor) return;
  }
  send_event(method, params);
}

void Session::lists_changed() {
  for (auto method : {"notifications/tools/list_changed", "notifications/prompts/list_changed", "notifications/resources/list_changed"}) {
    if (!modern()) {
      send_event(method, {});
      continue;
    }
    for (auto& listen : std::vector<Listen>(listens_)) {
      if (!wants(listen.filter, method, {})) continue;
      json::object params;
      meta_object(params)[{kMetaSubscription.data(), kMetaSubscription.size()}] = listen.id;
      listen.sink->send(net::write_notification(method, params));
    }
  }
}

Watch Session::watch_of(const Connection& connection) const {
  Watch watch;
  const auto link = connection.link();
  const auto mine = [&](const std::string& uri) {
    if (endpoint_.servers.size() == 1) return true;
    const auto owner = owner_of_resource(uri);
    return owner && endpoint_.servers[*owner]->name == connection.config().name;
  };
  if (!modern()) {
    watch.tools = watch.prompts = watch.resources = link && link->is_open() && is_modern(link->facts().revision);
    for (const auto& uri : subscriptions) {
      if (mine(uri)) watch.uris.insert(uri);
    }
    return watch;
  }
  for (const auto& listen : listens_) {
    watch.tools = watch.tools || listen.filter.tools;
    watch.prompts = watch.prompts || listen.filter.prompts;
    watch.resources = watch.resources || listen.filter.resources;
    for (const auto& uri : listen.filter.uris) {
      if (mine(uri)) watch.uris.insert(uri);
    }
  }
  return watch;
}

void Session::add_listen(Listen listen) {
  if (closed_) return listen.sink->answer(net::write_error(listen.id, net::kInvalidRequest, "the session has ended"), 200);
  if (listens_.size() >= kListens) {
    listen.sink->answer(
        net::write_error(listen.id, kOverloaded, "this client has " + std::to_string(kListens) + " open subscriptions, which is the bound"),
        200);
    return;
  }
  // 2026-07-28 patterns/subscriptions: the acknowledgement comes first and names what is honoured.
  json::object honoured;
  if (listen.filter.tools) honoured["toolsListChanged"] = true;
  if (listen.filter.prompts) honoured["promptsListChanged"] = true;
  if (listen.filter.resources) honoured["resourcesListChanged"] = true;
  if (!listen.filter.uris.empty()) {
    json::array uris;
    for (const auto& uri : listen.filter.uris) uris.emplace_back(uri);
    honoured["resourceSubscriptions"] = std::move(uris);
  }
  json::object params;
  meta_object(params)[{kMetaSubscription.data(), kMetaSubscription.size()}] = listen.id;
  params["notifications"] = std::move(honoured);
  listen.sink->send(net::write_notification("notifications/subscriptions/acknowledged", params));
  std::weak_ptr<Session> weak = weak_from_this();
  listen.sink->on_gone([weak, sink = listen.sink.get()] {
    if (auto self = weak.lock()) self->remove_listen(sink);
  });
  listens_.push_back(std::move(listen));
  for (auto& connection : connections_) {
    if (connection) connection->update_watch();
  }
}

void Session::remove_listen(const ReplySink* sink) {
  const auto it = std::find_if(listens_.begin(), listens_.end(), [&](const Listen& listen) { return listen.sink.get() == sink; });
  if (it == listens_.end()) return;
  auto listen = std::move(*it);
  listens_.erase(it);
  for (auto& connection : connections_) {
    if (connection) connection->update_watch();
  }
}

// ---- whose resource ---------------------------------------------------------------------------------------------------------

void Session::remember_resource(const std::string& uri, std::size_t server) {
  if (endpoint_.servers.size() == 1) return;
  if (const auto it = resource_owner_.find(uri); it != resource_owner_.end()) it->second = std::min(it->second, server);
  else if (resource_owner_.size() < kRememberedResources) resource_owner_.emplace(uri, server);
}

void Session::remember_template(std::string_view uri_template, std::size_t server) {
  std::string prefix(uri_template.substr(0, uri_template.find('{')));
  if (endpoint_.servers.size() == 1 || prefix.empty() || template_prefixes_.size() >= kRememberedTemplates) return;
  for (auto& [known, owner] : template_prefixes_) {
    if (known != prefix) continue;
    owner = std::min(owner, server);
    return;
  }
  template_prefixes_.emplace_back(std::move(prefix), server);
}

std::optional<std::size_t> Session::owner_of_resource(std::string_view uri) const {
  if (endpoint_.servers.size() == 1) return 0;
  std::optional<std::size_t> first;
  if (const auto it = resource_owner_.find(std::string(uri)); it != resource_owner_.end()) first = it->second;
  for (const auto& [prefix, owner] : template_prefixes_) {
    if (uri.starts_with(prefix) && (!first || owner < *first)) first = owner;
  }
  return first;
}

}  // namespace interlock::mcp
