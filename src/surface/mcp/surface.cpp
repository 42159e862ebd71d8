#include "surface/mcp/surface.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "surface/mcp/bridge.hpp"
#include "surface/mcp/operation.hpp"

namespace interlock::mcp {
namespace {

// To one server at once, beside a standing stream for each session: what sessions hold open must leave room for calls.
constexpr std::size_t kConnectionsForCalls = 256;
constexpr std::int64_t kSweepMs = 10'000;
constexpr std::int64_t kDiscoverTtlMs = 60'000;

bool is_list(std::string_view method) {
  return method == "tools/list" || method == "prompts/list" || method == "resources/list" || method == "resources/templates/list";
}

bool is_mediated(std::string_view method, bool modern) {
  if (method == "tools/call" || method == "prompts/get" || method == "resources/read" || method == "completion/complete") return true;
  if (method.starts_with("tasks/")) return true;
  return !modern && (method == "resources/subscribe" || method == "resources/unsubscribe");
}

// What two requests must have in common to share a session: who acts, for whom, and how that was proven. Ids hold no line ends.
std::string identity_of(const model::Subject& subject) {
  std::string out = subject.id;
  out += '\n' + subject.credential + '\n';
  out += model::assurance_name(subject.assurance);
  out += subject.inherited ? "\ninherited" : "";
  for (const auto& one : subject.chain) out += '\n' + one.id + '\n' + one.issuer + (one.human ? "\nhuman" : "");
  return out;
}

}  // namespace

Surface::Surface(net::Loop& loop, gate::Gate& gate, SurfaceOptions options, std::vector<ServerConfig> servers)
    : loop_(loop),
      gate_(gate),
      options_(options),
      servers_(std::move(servers)),
      client_(loop, {.connections_per_origin = options.sessions + kConnectionsForCalls}),
      state_prefix_("interlock." + base64url_encode(random_bytes(6)) + ".") {
  Endpoint all;
  all.prefixed = true;
  for (const auto& server : servers_) {
    Endpoint one;
    one.name = server.name;
    one.servers = {&server};
    endpoints_.emplace(server.name, std::move(one));
    all.servers.push_back(&server);
  }
  endpoints_.emplace("", std::move(all));
  sweep_timer_ = loop_.after_ms(kSweepMs, [this] { sweep(); });
}

Surface::~Surface() { loop_.cancel(sweep_timer_); }

void Surface::sweep() {
  const auto now_ns = steady_ns();
  std::vector<std::shared_ptr<Session>> idle;
  for (auto& [id, session] : sessions_) {
    session->keep_alive();
    if (session->operations() == 0 && !session->is_connected() && now_ns - session->last_used_ns > options_.session_idle_ms * 1'000'000)
      idle.push_back(session);
  }
  for (auto& session : idle) end_session(session, "it was idle too long");
  std::erase_if(shared_connections_, [](const auto& entry) { return entry.second.expired(); });
  sweep_timer_ = loop_.after_ms(kSweepMs, [this] { sweep(); });
}

const Endpoint* Surface::endpoint(std::string_view name) const {
  const auto it = endpoints_.find(name);
  return it == endpoints_.end() ? nullptr : &it->second;
}

Status Surface::room_for(const gate::Caller& caller) const {
  if (sessions_.size() >= options_.sessions) {
    return fail(ErrorCode::kTooLarge, "the gate holds " + std::to_string(sessions_.size()) + " sessions, which is the bound",
                "end some (HTTP DELETE), or raise limits.sessions");
  }
  const auto it = sessions_of_.find(caller.subject.id);
  if (it != sessions_of_.end() && it->second >= options_.sessions_per_subject) {
    return fail(ErrorCode::kTooLarge, "this subject has " + std::to_string(it->second) + " sessions, which is the bound",
                "end some (HTTP DELETE)");
  }
  return {};
}

Result<std::shared_ptr<Session>> Surface::new_session(const Endpoint& endpoint, gate::Caller caller, ClientProfile profile) {
  if (auto room = room_for(caller); !room) return fail(std::move(room.error()));
  auto id = new_token();
  caller.session = id;
  auto session = std::make_shared<Session>(*this, endpoint, std::move(caller), std::move(profile), id);
  sessions_[id] = session;
  ++sessions_of_[session->caller().subject.id];
  return session;
}

std::shared_ptr<Session> Surface::find_session(const std::string& id) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || it->second->modern()) return nullptr;
  it->second->last_used_ns = steady_ns();
  return it->second;
}

Result<std::shared_ptr<Session>> Surface::modern_session(const Endpoint& endpoint, gate::Caller caller, ClientProfile profile,
                                                         bool many_clients) {
  // Whoever asks with the same capabilities may share what a legacy server behind us was told of its client.
  const auto digest =
      sha256({identity_of(caller.subject), "\n", endpoint.name, "\n", json::write(profile.capabilities), "\n", json::write(profile.info)});
  const auto key = "modern:" + to_hex(digest);
  if (const auto it = sessions_.find(key); it != sessions_.end()) {
    it->second->last_used_ns = steady_ns();
    it->second->renew(std::move(caller.subject));
    return it->second;
  }
  if (auto room = room_for(caller); !room) return fail(std::move(room.error()));
  caller.session = key;
  auto session = std::make_shared<Session>(*this, endpoint, std::move(caller), std::move(profile), key);
  if (many_clients) session->set_many_clients();
  sessions_[key] = session;
  ++sessions_of_[session->caller().subject.id];
  return session;
}

void Surface::end_session(const std::shared_ptr<Session>& session, std::string_view why) {
  if (sessions_.erase(session->id()) != 0) {
    const auto it = sessions_of_.find(session->caller().subject.id);
    if (it != sessions_of_.end() && --it->second == 0) sessions_of_.erase(it);
  }
  session->close(why);
}

void Surface::close(std::string_view why) {
  auto sessions = std::move(sessions_);
  sessions_.clear();
  sessions_of_.clear();
  for (auto& [id, session] : sessions) session->close(why);
}

std::shared_ptr<Connection> Surface::connection_for(Session& session, const ServerConfig& server) {
  if (server.sharing == Sharing::kSession) {
    return std::make_shared<Connection>(loop_, client_, pool_, server, session.profile(), false, gate_, session.caller());
  }
  // Clients of different eras or capabilities cannot share what the server is told of its client.
  std::string key =
      server.name + "\n" + std::string(revision_name(session.profile().revision)) + "\n" + json::write(session.profile().capabilities);
  if (server.sharing == Sharing::kSubject) key += "\n" + identity_of(session.caller().subject);
  auto& slot = shared_connections_[key];
  auto connection = slot.lock();
  if (!connection) {
    connection = std::make_shared<Connection>(loop_, client_, pool_, server, session.profile(), true, gate_, session.caller());
    slot = connection;
  }
  return connection;
}

void Surface::lists_changed() {
  auto sessions = sessions_;
  for (auto& [id, session] : sessions) session->lists_changed();
}

json::array Surface::describe_sessions() const {
  json::array out;
  for (const auto& [id, session] : sessions_) {
    json::object o;
    o["id"] = to_hex(sha256(id)).substr(0, 12);  // the id itself is a credential
    o["subject"] = session->caller().subject.id;
    o["endpoint"] = "/mcp" + (session->endpoint().name.empty() ? std::string() : "/" + session->endpoint().name);
    o["revision"] = revision_name(session->profile().revision);
    o["operations"] = session->operations();
    out.emplace_back(std::move(o));
  }
  return out;
}

// ---- messages ---------------------------------------------------------------------------------------------------------------

void Surface::dispatch(const std::shared_ptr<Session>& session, net::RpcMessage message, std::shared_ptr<ReplySink> reply) {
  if (session->closed()) {
    if (message.kind == net::RpcKind::kRequest)
      reply->answer(net::write_error(message.id, net::kInvalidRequest, "the session has ended: begin again with initialize"), 200);
    return;
  }
  session->last_used_ns = steady_ns();
  switch (message.kind) {
    case net::RpcKind::kNotification: return notified(session, message);
    case net::RpcKind::kResult:
    case net::RpcKind::kError: return session->take_answer(std::move(message));
    case net::RpcKind::kRequest: break;
  }
  const bool modern = session->modern();
  const auto& method = message.method;
  if (!modern && method == "initialize") return initialize(session, message.id, message.params, std::move(reply));
  if (!modern && method == "ping") return reply->answer(net::write_result(message.id, json::object()), 200);
  if (!modern && method == "logging/setLevel") return set_level(session, message.id, message.params, std::move(reply));
  if (modern && method == "server/discover") return discover(session, message.id, std::move(reply));
  if (modern && method == "subscriptions/listen") return listen(session, message.id, message.params, std::move(reply));
  if (is_list(method))
    return run_list(session, std::move(message.id), std::move(message.method), std::move(message.params), std::move(reply));
  if (is_mediated(method, modern)) return run(session, std::move(message), std::move(reply));
  reply->answer(net::write_error(message.id, net::kMethodNotFound, "Method not found: " + method), modern ? 404 : 200);
}

void Surface::run(const std::shared_ptr<Session>& session, net::RpcMessage message, std::shared_ptr<ReplySink> reply) {
  if (session->operations() >= options_.operations_per_session) {
    return reply->answer(
        net::write_error(message.id, kOverloaded,
                         "this client has " + std::to_string(session->operations()) + " requests in flight, which is the bound"),
        200);
  }
  const auto state = json::string_at(message.params, "requestState");
  if (session->modern() && state && state->starts_with(state_prefix_)) {
    const std::string token(*state);
    auto operation = session->unpark(token);
    if (!operation) {
      return reply->answer(
          net::write_error(message.id, net::kInvalidParams,
                           "requestState is not one of the gate's, has expired, or was used: send the request anew without it"),
          200);
    }
    if (const auto problem = operation->problem_with_retry(message.method, message.params); !problem.empty()) {
      session->park(token, operation);
      return reply->answer(net::write_error(message.id, net::kInvalidParams, problem), 200);
    }
    if (!session->add_operation(message.id, operation)) {
      session->park(token, operation);
      return reply->answer(net::write_error(message.id, net::kInvalidRequest, "a request with this id is in flight"), 400);
    }
    return operation->resume(std::move(message.id), message.params, std::move(reply));
  }
  auto operation = std::make_shared<Operation>(session, message.id, std::move(message.method), std::move(message.params), reply);
  if (!session->add_operation(message.id, operation)) {
    return reply->answer(net::write_error(message.id, net::kInvalidRequest, "a request with this id is in flight"),
                         session->modern() ? 400 : 200);
  }
  operation->start();
}

void Surface::notified(const std::shared_ptr<Session>& session, const net::RpcMessage& message) {
  if (message.method == "notifications/cancelled") {
    if (const auto* id = json::find(message.params, "requestId")) {
      session->cancel(*id, json::string_at(message.params, "reason").value_or("the client cancelled it"));
    }
    return;
  }
  // Progress on the server's own questions, and changed roots, go to the servers; the rest has no meaning beyond us.
  if (message.method != "notifications/roots/list_changed" && message.method != "notifications/progress") return;
  for (std::size_t i = 0; i < session->endpoint().servers.size(); ++i) {
    auto connection = session->connection(i);
    if (auto link = connection->link(); link && link->is_open()) link->notify(message.method, message.params);
  }
}

// Opens every server of the endpoint; those that fail are null. `error` is the last failure.
void Surface::open_all(const std::shared_ptr<Session>& session, std::function<void(std::vector<std::shared_ptr<ServerLink>>, Error)> done) {
  struct Opening {
    std::vector<std::shared_ptr<ServerLink>> links;
    Error error;
    std::size_t left = 0;
    std::function<void(std::vector<std::shared_ptr<ServerLink>>, Error)> done;
  };
  auto opening = std::make_shared<Opening>();
  const auto count = session->endpoint().servers.size();
  opening->links.resize(count);
  opening->left = count;
  opening->done = std::move(done);
  if (count == 0)
    return opening->done({}, Error{ErrorCode::kNotFound, "no servers are configured", "name one under `servers` in interlock.yaml"});
  for (std::size_t i = 0; i < count; ++i) {
    session->connection(i)->ready([opening, i](Result<std::shared_ptr<ServerLink>> link) {
      if (link) opening->links[i] = *link;
      else opening->error = link.error();
      if (--opening->left == 0) opening->done(std::move(opening->links), std::move(opening->error));
    });
  }
}

namespace {

// What the endpoint can do: the union over its servers, as the client's era words it.
json::object merged_capabilities(const std::vector<std::shared_ptr<ServerLink>>& links, Revision revision, bool alone) {
  json::object out;
  for (const auto& link : links) {
    if (!link) continue;
    const auto fitted = capabilities_for(link->facts().capabilities, link->facts().revision, revision);
    for (const auto& pair : fitted) {
      const std::string_view name(pair.key().data(), pair.key().size());
      if (!alone && name != "tools" && name != "prompts" && name != "resources" && name != "logging" && name != "completions") continue;
      auto& slot = out[pair.key()];
      if (!slot.is_object()) slot = json::object();
      if (const auto* o = pair.value().if_object()) {
        for (const auto& member : *o) slot.get_object()[member.key()] = member.value();
      }
    }
  }
  // What a client may see can change with policy and pins, whatever its servers do.
  for (auto name : {"tools", "prompts", "resources"}) {
    if (auto* o = out.if_contains(name)) o->get_object()["listChanged"] = true;
  }
  if (!is_modern(revision) && revision < Revision::k2025_03_26) out.erase("completions");
  return out;
}

std::string merged_instructions(const Endpoint& endpoint, const std::vector<std::shared_ptr<ServerLink>>& links) {
  if (endpoint.servers.size() == 1) return links[0] ? links[0]->facts().instructions : std::string();
  std::string out;
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto& name = endpoint.servers[i]->name;
    if (!links[i]) out += "Server " + name + " is not available now.\n";
    else if (!links[i]->facts().instructions.empty()) out += "# " + name + "\n" + links[i]->facts().instructions + "\n";
  }
  return out;
}

json::object server_info(const Endpoint& endpoint, const std::vector<std::shared_ptr<ServerLink>>& links) {
  if (endpoint.servers.size() == 1 && links[0] && !links[0]->facts().info.empty()) return links[0]->facts().info;
  return json::object{{"name", "interlock"}, {"version", "0.1.0"}};
}

bool none_open(const std::vector<std::shared_ptr<ServerLink>>& links) {
  return std::none_of(links.begin(), links.end(), [](const auto& link) { return link != nullptr; });
}

}  // namespace

void Surface::initialize(const std::shared_ptr<Session>& session, const json::value& id, const json::object& params,
                         std::shared_ptr<ReplySink> reply) {
  (void)params;
  open_all(session, [session, id, reply](std::vector<std::shared_ptr<ServerLink>> links, Error error) {
    if (none_open(links)) {
      json::value data = json::object{{"interlock", json::object{{"layer", "server"}, {"next", error.hint}}}};
      reply->answer(net::write_error(id, kServerFailed, error.message, &data), 200);
      return session->surface().end_session(session, "it was never initialized");
    }
    const auto& endpoint = session->endpoint();
    // Alone with a legacy server, its own choice of revision is the truth of the conversation.
    if (endpoint.servers.size() == 1 && !is_modern(links[0]->facts().revision)) session->set_revision(links[0]->facts().revision);
    json::object result;
    result["protocolVersion"] = revision_name(session->profile().revision);
    result["capabilities"] = merged_capabilities(links, session->profile().revision, endpoint.servers.size() == 1);
    result["serverInfo"] = server_info(endpoint, links);
    if (auto text = merged_instructions(endpoint, links); !text.empty()) result["instructions"] = std::move(text);
    reply->answer(net::write_result(id, result), 200);
  });
}

void Surface::discover(const std::shared_ptr<Session>& session, const json::value& id, std::shared_ptr<ReplySink> reply) {
  open_all(session, [session, id, reply](std::vector<std::shared_ptr<ServerLink>> links, Error error) {
    if (none_open(links)) {
      json::value data = json::object{{"interlock", json::object{{"layer", "server"}, {"next", error.hint}}}};
      return reply->answer(net::write_error(id, kServerFailed, error.message, &data), 200);
    }
    json::object result;
    result["resultType"] = "complete";
    result["supportedVersions"] = all_revision_names();
    result["capabilities"] = merged_capabilities(links, kModern, session->endpoint().servers.size() == 1);
    if (auto text = merged_instructions(session->endpoint(), links); !text.empty()) result["instructions"] = std::move(text);
    result["ttlMs"] = kDiscoverTtlMs;
    result["cacheScope"] = "private";
    meta_object(result)[{kMetaServerInfo.data(), kMetaServerInfo.size()}] = server_info(session->endpoint(), links);
    reply->answer(net::write_result(id, result), 200);
  });
}

void Surface::listen(const std::shared_ptr<Session>& session, const json::value& id, const json::object& params,
                     std::shared_ptr<ReplySink> reply) {
  const auto* filter = json::object_at(params, "notifications");
  if (filter == nullptr)
    return reply->answer(net::write_error(id, net::kInvalidParams, "params.notifications is missing or no object"), 400);
  if (const auto* uris = json::array_at(*filter, "resourceSubscriptions"); uris != nullptr && uris->size() > Session::kSubscriptions) {
    return reply->answer(
        net::write_error(id, kOverloaded, "a subscription names at most " + std::to_string(Session::kSubscriptions) + " resources"), 400);
  }
  Session::Listen listen{.id = id, .filter = {}, .sink = reply};
  listen.filter.tools = json::bool_at(*filter, "toolsListChanged");
  listen.filter.prompts = json::bool_at(*filter, "promptsListChanged");
  listen.filter.resources = json::bool_at(*filter, "resourcesListChanged");
  std::vector<std::string> wanted;
  if (const auto* uris = json::array_at(*filter, "resourceSubscriptions")) {
    for (const auto& uri : *uris) {
      if (uri.is_string()) wanted.emplace_back(json::view(uri.get_string()));
    }
  }
  open_all(session, [this, session, listen = std::move(listen), wanted = std::move(wanted)](std::vector<std::shared_ptr<ServerLink>> links,
                                                                                            Error error) mutable {
    if (none_open(links)) return listen.sink->answer(net::write_error(listen.id, kServerFailed, error.text()), 200);
    const auto capabilities = merged_capabilities(links, kModern, false);
    listen.filter.tools = listen.filter.tools && capabilities.contains("tools");
    listen.filter.prompts = listen.filter.prompts && capabilities.contains("prompts");
    listen.filter.resources = listen.filter.resources && capabilities.contains("resources");
    // What may not be read may not be watched.
    for (auto& uri : wanted) {
      const auto owner = session->owner_of_resource(uri);
      if (!owner || !links[*owner]) continue;
      const auto* resources = json::object_at(links[*owner]->facts().capabilities, "resources");
      if (resources == nullptr || (!is_modern(links[*owner]->facts().revision) && !json::bool_at(*resources, "subscribe"))) continue;
      model::ActionRequest request;
      request.surface = "mcp";
      request.server = session->endpoint().servers[*owner]->name;
      request.operation = "resources/read";
      request.target = uri;
      request.args = json::object{{"uri", uri}};
      if (gate_.may_ever(session->caller(), request, nullptr)) listen.filter.uris.insert(std::move(uri));
    }
    session->add_listen(std::move(listen));
  });
}

void Surface::set_level(const std::shared_ptr<Session>& session, const json::value& id, const json::object& params,
                        std::shared_ptr<ReplySink> reply) {
  const auto level = json::string_at(params, "level");
  if (!level || !log_level_rank(*level))
    return reply->answer(net::write_error(id, net::kInvalidParams, "params.level is no log level"), 200);
  session->log_level = std::string(*level);
  for (std::size_t i = 0; i < session->endpoint().servers.size(); ++i) {
    auto link = session->connection(i)->link();
    if (!link || !link->is_open() || is_modern(link->facts().revision)) continue;
    // A shared server serves others too: it is asked for everything, and each client hears what it asked for.
    const bool shared = session->endpoint().servers[i]->sharing != Sharing::kSession;
    link->set_log_level(shared ? std::string_view("debug") : *level);
  }
  reply->answer(net::write_result(id, json::object()), 200);
}

}  // namespace interlock::mcp
