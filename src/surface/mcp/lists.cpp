// tools/list, prompts/list, resources/list and resources/templates/list over an endpoint's servers: merged in the configured
// order, filtered by policy and pins, paged by cursors that carry their own state.
//
// A page is gathered server by server until it is full; what a client may not use is left out of it. The cursor is
// base64url of {"s":server,"c":cursor of that server}: no state is kept between pages.
#include <array>
#include <set>

#include "base/hash.hpp"
#include "surface/mcp/bridge.hpp"
#include "surface/mcp/operation.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::mcp {
namespace {

constexpr std::size_t kPageItems = 500;  // a page ends once it holds this many, at the server's own page break
constexpr int kPagesAtOnce = 100;        // server pages gathered for one client page

struct ListKind {
  std::string_view method;
  std::string_view member;  // of the result
  std::string_view capability;
  std::string_view identifier;  // of an item
  std::string_view operation;   // what using an item is
};

constexpr std::array<ListKind, 4> kKinds = {{
    {"tools/list", "tools", "tools", "name", "tools/call"},
    {"prompts/list", "prompts", "prompts", "name", "prompts/get"},
    {"resources/list", "resources", "resources", "uri", "resources/read"},
    {"resources/templates/list", "resourceTemplates", "resources", "uriTemplate", "resources/read"},
}};

class ListRun : public std::enable_shared_from_this<ListRun> {
 public:
  ListRun(std::shared_ptr<Session> session, json::value id, const ListKind& kind, std::shared_ptr<ReplySink> reply)
      : session_(std::move(session)), id_(std::move(id)), kind_(kind), reply_(std::move(reply)) {}

  void start(const json::object& params) {
    const auto* cursor = json::find(params, "cursor");
    if (cursor == nullptr) return next_server();
    const auto decoded = cursor->is_string() ? base64url_decode(json::view(cursor->get_string())) : std::nullopt;
    const auto state = decoded ? json::parse(*decoded) : Result<json::value>(json::value());
    const auto* o = state && state->is_object() ? &state->get_object() : nullptr;
    const auto server = o == nullptr ? std::nullopt : json::int_at(*o, "s");
    if (!server || *server < 0 || static_cast<std::size_t>(*server) >= session_->endpoint().servers.size()) {
      return answer(net::write_error(id_, net::kInvalidParams, "the cursor is none of this list's: begin again without one"));
    }
    server_ = static_cast<std::size_t>(*server);
    cursor_ = std::string(json::string_at(*o, "c").value_or(""));
    next_server();
  }

 private:
  void next_server() {
    if (session_->closed()) return answer(net::write_error(id_, net::kInvalidRequest, "the session has ended"));
    if (server_ >= session_->endpoint().servers.size()) return finish(false);
    auto self = shared_from_this();
    session_->connection(server_)->ready([self](Result<std::shared_ptr<ServerLink>> link) {
      if (!link) {
        // One dead server must not hide the others; alone, its failure is the answer.
        if (self->session_->endpoint().servers.size() == 1) {
          return self->answer(net::write_error(self->id_, kServerFailed, link.error().text()));
        }
        return self->leave_server();
      }
      if (!(*link)->has_capability(self->kind_.capability)) return self->leave_server();
      self->fetch(*link);
    });
  }

  void leave_server() {
    ++server_;
    cursor_.clear();
    next_server();
  }

  void fetch(std::shared_ptr<ServerLink> link) {
    json::object params;
    if (!cursor_.empty()) params["cursor"] = cursor_;
    auto self = shared_from_this();
    link->call(kind_.method, std::move(params), {},
               {.on_notice = {}, .on_ask = {}, .on_done = [self, link](Outcome outcome) { self->take(*link, std::move(outcome)); }});
  }

  void take(ServerLink& link, Outcome outcome) {
    if (session_->closed()) return answer(net::write_error(id_, net::kInvalidRequest, "the session has ended"));
    const auto* result = outcome.kind == Outcome::Kind::kResult ? outcome.result.if_object() : nullptr;
    auto* list = result == nullptr ? nullptr : outcome.result.get_object().if_contains({kind_.member.data(), kind_.member.size()});
    if (list == nullptr || !list->is_array()) {
      if (session_->endpoint().servers.size() > 1) return leave_server();
      if (outcome.kind == Outcome::Kind::kError) return answer(net::write_error(id_, outcome.error));
      return answer(net::write_error(
          id_, kServerFailed, outcome.kind == Outcome::Kind::kFailed ? outcome.failure.text() : "the server's answer holds no list"));
    }
    if (!is_modern(session_->profile().revision))
      fit_result(kind_.method, outcome.result, link.facts().revision, session_->profile().revision, {});
    const auto ttl = json::int_at(*result, "ttlMs");
    ttl_ms_ = std::min(ttl_ms_, ttl.value_or(0));
    if (info_.empty()) info_ = link.facts().info;
    any_ = true;
    auto connection = session_->connection(server_);
    for (auto& item : list->get_array()) {
      if (auto* o = item.if_object(); o != nullptr && keep(*connection, *o)) items_.emplace_back(std::move(item));
    }
    const auto next = json::string_at(*result, "nextCursor");
    ++pages_;
    if (next && !next->empty() && pages_ < kPagesAtOnce && items_.size() < kPageItems) {
      cursor_ = std::string(*next);
      return next_server();
    }
    if (next && !next->empty()) {
      cursor_ = std::string(*next);
      return finish(true);
    }
    if (items_.size() >= kPageItems && server_ + 1 < session_->endpoint().servers.size()) {
      ++server_;
      cursor_.clear();
      return finish(true);
    }
    leave_server();
  }

  bool keep(Connection& connection, json::object& item) {
    auto& gate = session_->surface().gate();
    const auto name = std::string(json::string_at(item, kind_.identifier).value_or(""));
    const auto& server = connection.config().name;
    if (name.empty()) return false;
    model::ActionRequest request;
    request.surface = "mcp";
    request.server = server;
    request.operation = std::string(kind_.operation);
    request.target = name;
    request.args = json::object();
    const bool is_tool = kind_.capability == "tools";
    if (is_tool) {
      const auto definition = connection.remember_tool(item);
      if (!definition->header_problem.empty() && !connection.config().address.url.empty() && connection.link() &&
          is_modern(connection.link()->facts().revision))
        return false;
      if (gate.check_definition(server, name, item, definition->text_digest) && !gate.observes()) return false;
    }
    if (kind_.method == "resources/list") {
      request.args = json::object{{"uri", name}};
      session_->remember_resource(name, server_);
      if (session_->owner_of_resource(name) != server_) return false;
    }
    if (kind_.method == "resources/templates/list") session_->remember_template(name, server_);
    // A template names no resource yet: whether it may be read is known when its URI is.
    if (kind_.method != "resources/templates/list" && !gate.may_ever(session_->caller(), request, is_tool ? &item : nullptr)) return false;
    if (!seen_.insert(kind_.identifier == "name" ? server + "__" + name : name).second) return false;
    if (session_->endpoint().prefixed && kind_.identifier == "name") item["name"] = server + "__" + name;
    return true;
  }

  void finish(bool more) {
    json::object result;
    result[{kind_.member.data(), kind_.member.size()}] = std::move(items_);
    if (more) result["nextCursor"] = base64url_encode(json::write(json::object{{"s", server_}, {"c", cursor_}}));
    if (session_->modern()) {
      result["resultType"] = "complete";
      result["ttlMs"] = any_ ? ttl_ms_ : 0;
      result["cacheScope"] = "private";  // what is listed depends on who asks
      if (!info_.empty() && session_->endpoint().servers.size() == 1)
        meta_object(result)[{kMetaServerInfo.data(), kMetaServerInfo.size()}] = info_;
    }
    answer(net::write_result(id_, result));
  }

  void answer(std::string_view text) { reply_->answer(text, 200); }

  std::shared_ptr<Session> session_;
  json::value id_;
  const ListKind& kind_;
  std::shared_ptr<ReplySink> reply_;
  json::array items_;
  std::size_t server_ = 0;
  std::string cursor_;
  int pages_ = 0;
  std::int64_t ttl_ms_ = 86'400'000;
  bool any_ = false;
  std::set<std::string> seen_;  // a name that comes twice would leave it to the client which definition counts
  json::object info_;
};

}  // namespace

void run_list(std::shared_ptr<Session> session, json::value id, std::string method, json::object params, std::shared_ptr<ReplySink> reply) {
  for (const auto& kind : kKinds) {
    if (kind.method == method) {
      std::make_shared<ListRun>(std::move(session), std::move(id), kind, std::move(reply))->start(params);
      return;
    }
  }
}

}  // namespace interlock::mcp
