#include "surface/mcp/connection.hpp"

#include "base/time.hpp"
#include "surface/mcp/bridge.hpp"
#include "surface/mcp/session.hpp"

namespace interlock::mcp {
namespace {

constexpr std::int64_t kReopenPauseNs = 1'000'000'000;  // a server that dies at once is not started in a tight loop
constexpr std::int64_t kRelistPauseNs = 2'000'000'000;
constexpr int kListPages = 200;
constexpr std::size_t kToolsKept = 10'000;

}  // namespace

Connection::Connection(net::Loop& loop, net::HttpClient& client, DefinitionPool& pool, const ServerConfig& config, ClientProfile profile,
                       bool shared, gate::Gate& gate, gate::Caller caller)
    : loop_(loop),
      client_(client),
      pool_(pool),
      config_(config),
      profile_(std::move(profile)),
      shared_(shared),
      gate_(gate),
      caller_(std::move(caller)) {
  if (!config_.credentials.empty()) credentials_ = std::make_shared<ServerCredentials>(config_.credentials);
}

Connection::~Connection() { close(); }

void Connection::close() {
  if (start_) {
    if (!start_->decided) gate_.withdraw(start_, "the session has ended");
    else start_->withdrawn = true;
  }
  settle(fail(ErrorCode::kUnavailable, "the session has ended"));
  if (credentials_) credentials_->keep({});
  if (!link_) return;
  auto link = std::move(link_);
  link->set_events({});
  link->close({ErrorCode::kUnavailable, "the session has ended", {}});
}

void Connection::ready(Opened done) {
  if (!credentials_) return open_link(std::move(done));
  const bool is_open = link_ && link_->is_open();
  if (is_open && credentials_->is_alive()) return done(link_);
  // A process keeps what it was started with: one whose lease has ended is of no use, but for what it is in the middle of.
  if (is_open && is_process()) {
    if (link_->calls_in_flight() > 0) return done(link_);
    link_->close({ErrorCode::kUnavailable, "its credentials have ended", "the gate starts it again with others at the next call"});
  }
  lease(std::move(done));
}

void Connection::open_link(Opened done) {
  if (link_ && link_->is_open()) return done(link_);
  if (!link_ || link_->is_closed()) {
    if (last_open_ns_ != 0 && steady_ns() - last_open_ns_ < kReopenPauseNs && !last_failure_.message.empty())
      return done(fail(last_failure_));
    last_open_ns_ = steady_ns();
    tools_loaded_ = false;
    auto limits = config_.limits;
    limits.shared_channel = shared_;
    link_ = std::make_shared<ServerLink>(loop_, client_, config_.name, address(), config_.protocol, profile_, limits);
    std::weak_ptr<Connection> weak = weak_from_this();
    link_->set_events({.on_notice =
                           [weak](std::string_view method, const json::object& params) {
                             if (auto self = weak.lock()) self->on_notice(method, params);
                           },
                       .on_ask =
                           [weak](AskId ask, std::string_view method, json::object params) {
                             if (auto self = weak.lock()) self->on_loose_ask(ask, method, std::move(params));
                           },
                       .on_closed =
                           [weak](Error error) {
                             if (auto self = weak.lock()) self->last_failure_ = std::move(error);
                           }});
  }
  auto link = link_;
  std::weak_ptr<Connection> weak = weak_from_this();
  link->open([weak, link, done = std::move(done)](Status status) {
    if (!status) return done(fail(std::move(status.error())));
    if (auto self = weak.lock()) {
      self->last_failure_ = {};
      self->update_watch();
    }
    done(link);
  });
}

void Connection::tools_ready(std::function<void(Result<std::shared_ptr<ServerLink>>)> done) {
  std::weak_ptr<Connection> weak = weak_from_this();
  ready([weak, done = std::move(done)](Result<std::shared_ptr<ServerLink>> link) {
    auto self = weak.lock();
    if (!self || !link || self->tools_loaded_) return done(std::move(link));
    self->last_list_ns_ = 0;
    self->refresh_tools([link = *link, done](Status status) {
      if (!status) return done(fail(std::move(status.error())));
      done(link);
    });
  });
}

void Connection::refresh_tools(std::function<void(Status)> done) {
  if (!link_ || !link_->is_open())
    return done(fail(ErrorCode::kUnavailable, "the connection to server \"" + config_.name + "\" is not open"));
  if (!link_->has_capability("tools")) {
    tools_loaded_ = true;
    return done({});
  }
  if (!tools_loading_ && last_list_ns_ != 0 && steady_ns() - last_list_ns_ < kRelistPauseNs) return done({});
  waiting_tools_.push_back(std::move(done));
  if (tools_loading_) return;
  tools_loading_ = true;
  last_list_ns_ = steady_ns();
  std::weak_ptr<Connection> weak = weak_from_this();
  auto found = std::make_shared<ToolTable>();
  list_page(link_, {}, 0, found, [weak, found](Status status) {
    auto self = weak.lock();
    if (!self) return;
    self->tools_loading_ = false;
    if (status) {
      self->tools_ = std::move(*found);
      self->tools_loaded_ = true;
    }
    auto waiting = std::move(self->waiting_tools_);
    self->waiting_tools_.clear();
    for (auto& next : waiting) next(status);
  });
}

void Connection::list_page(std::shared_ptr<ServerLink> link, std::string cursor, int page, std::shared_ptr<ToolTable> found,
                           std::function<void(Status)> done) {
  json::object params;
  if (!cursor.empty()) params["cursor"] = cursor;
  std::weak_ptr<Connection> weak = weak_from_this();
  link->call("tools/list", std::move(params), {},
             {.on_notice = {}, .on_ask = {}, .on_done = [weak, link, page, found, done](Outcome outcome) {
                auto self = weak.lock();
                if (!self) return;
                if (outcome.kind == Outcome::Kind::kFailed) return done(fail(std::move(outcome.failure)));
                if (outcome.kind == Outcome::Kind::kError) {
                  return done(fail(ErrorCode::kUnavailable, "server \"" + self->config_.name + "\" refused tools/list: " +
                                                                std::string(json::string_at(outcome.error, "message").value_or(""))));
                }
                const auto* result = outcome.result.if_object();
                const auto* tools = result == nullptr ? nullptr : json::array_at(*result, "tools");
                if (tools == nullptr)
                  return done(fail(ErrorCode::kInvalid, "server \"" + self->config_.name + "\" answered tools/list without tools"));
                for (const auto& tool : *tools) {
                  if (const auto* text = tool.if_object(); text != nullptr && found->size() < kToolsKept) {
                    auto definition = self->pool_.intern(*text);
                    (*found)[definition->name] = std::move(definition);
                  }
                }
                const auto next = json::string_at(*result, "nextCursor");
                if (!next || next->empty() || page + 1 >= kListPages) return done({});
                self->list_page(link, std::string(*next), page + 1, found, done);
              }});
}

std::shared_ptr<const ToolDefinition> Connection::find_tool(const std::string& name) const {
  const auto it = tools_.find(name);
  return it == tools_.end() ? nullptr : it->second;
}

std::shared_ptr<const ToolDefinition> Connection::remember_tool(const json::object& text) {
  auto definition = pool_.intern(text);
  if (tools_.size() < kToolsKept || tools_.contains(definition->name)) tools_[definition->name] = definition;
  return definition;
}

void Connection::attach(const std::shared_ptr<Session>& session) {
  detach(session.get());
  users_.push_back(session);
}

void Connection::detach(const Session* session) {
  std::erase_if(users_, [&](const std::weak_ptr<Session>& user) {
    auto held = user.lock();
    return !held || held.get() == session;
  });
}

void Connection::each_user(const std::function<void(Session&)>& visit) {
  auto users = users_;
  for (auto& user : users) {
    if (auto session = user.lock()) visit(*session);
  }
}

void Connection::update_watch(std::function<void(Status)> done) {
  if (!link_ || !link_->is_open()) {
    if (done) done({});
    return;
  }
  Watch watch;
  // The gate itself wants to hear of changed tools: its table and the pins depend on it.
  watch.tools = is_modern(link_->facts().revision) && link_->has_capability("tools");
  each_user([&](Session& session) {
    auto wanted = session.watch_of(*this);
    watch.tools = watch.tools || wanted.tools;
    watch.prompts = watch.prompts || wanted.prompts;
    watch.resources = watch.resources || wanted.resources;
    watch.uris.merge(wanted.uris);
  });
  link_->set_watch(std::move(watch), std::move(done));
}

void Connection::on_notice(std::string_view method, const json::object& params) {
  if (method == "notifications/tools/list_changed") {
    tools_loaded_ = false;
    last_list_ns_ = 0;
  }
  // What names no call goes to all users; of a server that several subjects share only what every one of them may know.
  const bool for_all = method.ends_with("/list_changed") || method == "notifications/resources/updated";
  if (config_.sharing == Sharing::kAll && users_.size() > 1 && !for_all) return;
  each_user([&](Session& session) { session.on_server_notice(*this, method, params); });
}

void Connection::on_loose_ask(AskId ask, std::string_view method, json::object params) {
  if (shared_ || users_.size() != 1) {
    link_->refuse_ask(ask, net::kInvalidRequest, "several clients share this server, and the request does not say whom it is for");
    return;
  }
  auto session = users_.front().lock();
  if (!session || session->modern() || !can_ask(method, params, session->profile().capabilities)) {
    link_->refuse_ask(ask, net::kMethodNotFound, "the client cannot be asked this outside a request");
    return;
  }
  auto link = link_;
  const auto asked = session->ask_client(nullptr, method, params, [link, ask](Result<json::value> answer) {
    if (answer) link->answer_ask(ask, std::move(*answer));
    else link->refuse_ask(ask, net::kInternalError, answer.error().message);
  });
  std::weak_ptr<Session> weak = session;
  if (asked != 0)
    link->on_ask_withdrawn(ask, [weak, asked] {
      if (auto held = weak.lock()) held->drop_ask(asked, nullptr);
    });
}

}  // namespace interlock::mcp
