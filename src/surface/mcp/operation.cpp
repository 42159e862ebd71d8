#include "surface/mcp/operation.hpp"

#include <utility>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "surface/mcp/bridge.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::mcp {
namespace {

constexpr std::string_view kSeparator = "__";
constexpr std::int64_t kGatherMs = 10;

std::string error_text(int code, std::string_view message, const json::value* data) {
  json::object error;
  error["code"] = code;
  error["message"] = message;
  if (data != nullptr) error["data"] = *data;
  return json::write(error);
}

// Does a client's answer have the shape of a result of `method`? (2026-07-28 schema: ElicitResult, CreateMessageResult, ListRootsResult)
bool fits_question(std::string_view method, const json::value& answer) {
  const auto* o = answer.if_object();
  if (o == nullptr) return false;
  if (method == "elicitation/create") {
    const auto action = json::string_at(*o, "action");
    if (action != "accept" && action != "decline" && action != "cancel") return false;
    const auto* content = json::find(*o, "content");
    return content == nullptr || content->is_object();
  }
  if (method == "sampling/createMessage")
    return json::string_at(*o, "role") && json::find(*o, "content") != nullptr && json::string_at(*o, "model");
  if (method == "roots/list") return json::array_at(*o, "roots") != nullptr;
  return true;
}

const json::value kEmptyObject = json::object();

}  // namespace

Operation::Operation(std::shared_ptr<Session> session, json::value id, std::string method, json::object params,
                     std::shared_ptr<ReplySink> reply)
    : session_(std::move(session)),
      caller_(session_->caller()),
      id_(std::move(id)),
      method_(std::move(method)),
      params_(std::move(params)),
      reply_(std::move(reply)) {
  if (const auto* token = meta_of(params_, kMetaProgressToken); token != nullptr && (token->is_string() || token->is_int64()))
    progress_token_ = *token;
  // For the gate alone: no server is told.
  if (const auto* task = meta_of(params_, kMetaTask); task != nullptr && task->is_string())
    task_ = std::string(json::view(task->get_string()));
  if (auto* meta = params_.if_contains("_meta"); meta != nullptr && meta->is_object()) meta->get_object().erase(kMetaTask);
}

// ---- where to ---------------------------------------------------------------------------------------------------------------

void Operation::start() {
  watch_client();
  const auto& endpoint = session_->endpoint();
  if (method_ == "tools/call" || method_ == "prompts/get") {
    const auto name = json::string_at(params_, "name");
    if (!name) return answer_error(net::kInvalidParams, "params.name is missing or no string");
    target_ = std::string(*name);
    if (const auto* arguments = json::find(params_, "arguments"); arguments != nullptr && !arguments->is_object()) {
      return answer_error(net::kInvalidParams, "params.arguments is no object");
    }
    if (endpoint.prefixed) {
      const auto cut = target_.find(kSeparator);
      const auto server = cut == std::string::npos ? std::string_view() : std::string_view(target_).substr(0, cut);
      for (std::size_t i = 0; i < endpoint.servers.size(); ++i) {
        if (endpoint.servers[i]->name != server) continue;
        target_ = target_.substr(cut + kSeparator.size());
        params_["name"] = target_;
        return open_server(i);
      }
      return answer_error(net::kInvalidParams, "Unknown " + std::string(method_ == "tools/call" ? "tool" : "prompt") + ": " + target_ +
                                                   " (names here are SERVER__NAME)");
    }
    return open_server(0);
  }
  if (method_ == "resources/read" || method_ == "resources/subscribe" || method_ == "resources/unsubscribe") {
    const auto uri = json::string_at(params_, "uri");
    if (!uri) return answer_error(net::kInvalidParams, "params.uri is missing or no string");
    target_ = std::string(*uri);
    if (const auto owner = session_->owner_of_resource(target_)) return open_server(*owner);
    return learn_resource(0);
  }
  if (method_ == "completion/complete") {
    const auto* ref = json::object_at(params_, "ref");
    if (ref == nullptr) return answer_error(net::kInvalidParams, "params.ref is missing or no object");
    if (const auto uri = json::string_at(*ref, "uri")) {
      target_ = std::string(*uri);
      if (const auto owner = session_->owner_of_resource(target_)) return open_server(*owner);
      return learn_resource(0);
    }
    target_ = std::string(json::string_at(*ref, "name").value_or(""));
    if (!endpoint.prefixed) return open_server(0);
    const auto cut = target_.find(kSeparator);
    for (std::size_t i = 0; cut != std::string::npos && i < endpoint.servers.size(); ++i) {
      if (endpoint.servers[i]->name != std::string_view(target_).substr(0, cut)) continue;
      target_ = target_.substr(cut + kSeparator.size());
      params_["ref"].get_object()["name"] = target_;
      return open_server(i);
    }
    return answer_error(net::kInvalidParams, "Unknown prompt: " + target_ + " (names here are SERVER__NAME)");
  }
  // tasks/* and extensions: they name things only their own server knows.
  if (endpoint.servers.size() != 1) {
    return answer_error(net::kMethodNotFound, method_ + " is not served for several servers at once: use /mcp/NAME", nullptr, 404);
  }
  target_ = std::string(json::string_at(params_, "taskId").value_or(""));
  open_server(0);
}

// A merged endpoint learns whose a resource is by listing; asked for one that no list named, it lists.
void Operation::learn_resource(std::size_t server) {
  auto self = shared_from_this();
  const auto& endpoint = session_->endpoint();
  if (server >= endpoint.servers.size()) {
    if (const auto owner = session_->owner_of_resource(target_)) return open_server(*owner);
    return answer_error(session_->modern() ? net::kInvalidParams : kResourceNotFoundLegacy,
                        "Resource not found: no server here lists " + target_);
  }
  session_->connection(server)->ready([self, server](Result<std::shared_ptr<ServerLink>> link) {
    if (self->finished_) return;
    if (!link || !(*link)->has_capability("resources")) return self->learn_resource(server + 1);
    auto open = *link;
    open->call("resources/list", {}, {},
               {.on_notice = {}, .on_ask = {}, .on_done = [self, server, open](Outcome listed) {
                  if (const auto* list = listed.result.is_object() ? json::array_at(listed.result.get_object(), "resources") : nullptr) {
                    for (const auto& item : *list) {
                      if (const auto* o = item.if_object())
                        self->session_->remember_resource(std::string(json::string_at(*o, "uri").value_or("")), server);
                    }
                  }
                  open->call("resources/templates/list", {}, {},
                             {.on_notice = {}, .on_ask = {}, .on_done = [self, server](Outcome templates) {
                                if (const auto* list = templates.result.is_object()
                                                           ? json::array_at(templates.result.get_object(), "resourceTemplates")
                                                           : nullptr) {
                                  for (const auto& item : *list) {
                                    if (const auto* o = item.if_object())
                                      self->session_->remember_template(json::string_at(*o, "uriTemplate").value_or(""), server);
                                  }
                                }
                                if (!self->finished_) self->learn_resource(server + 1);
                              }});
                }});
  });
}

void Operation::open_server(std::size_t server) {
  server_ = server;
  connection_ = session_->connection(server);
  auto caller = caller_;
  caller.task = task_;
  connection_->act_as(std::move(caller));
  auto self = shared_from_this();
  const auto next = [self](Result<std::shared_ptr<ServerLink>> link) {
    if (self->finished_) return;
    if (!link) {
      json::value data = json::object{
          {"interlock", json::object{{"layer", "server"}, {"server", self->connection_->config().name}, {"next", link.error().hint}}}};
      return self->answer_error(kServerFailed, link.error().message, &data);
    }
    self->connected(*link);
  };
  if (method_ == "tools/call") connection_->tools_ready(next);
  else connection_->ready(next);
}

void Operation::connected(std::shared_ptr<ServerLink> link) {
  link_ = std::move(link);
  if (method_ == "tools/call") return find_tool(false);
  admit(std::nullopt);
}

// ---- may it -----------------------------------------------------------------------------------------------------------------

void Operation::find_tool(bool refreshed) {
  tool_ = connection_->find_tool(target_);
  if (!tool_ && !refreshed) {
    auto self = shared_from_this();
    return connection_->refresh_tools([self](Status) {
      if (!self->finished_) self->find_tool(true);
    });
  }
  if (!tool_) return admit(gate::Refusal{model::Layer::kServer, "Unknown tool: " + target_, "call tools/list to see what there is"});
  if (const auto* sent = session_->modern() && reply_ ? reply_->parameter_headers() : nullptr) {
    const auto* given = json::find(params_, "arguments");
    const auto problem = parameter_header_mismatch(*tool_, given == nullptr ? kEmptyObject : *given, *sent);
    if (!problem.empty()) return answer_error(kHeaderMismatch, "Header mismatch: " + problem, nullptr, 400);
  }
  if (auto quarantined = session_->surface().gate().check_definition(connection_->config().name, target_, tool_->text, tool_->text_digest))
    return admit(std::move(quarantined));
  if (!tool_->schema) {
    return admit(gate::Refusal{model::Layer::kSchema, "the arguments of " + target_ + " cannot be checked: " + tool_->schema_problem,
                               "tell the owner of server \"" + connection_->config().name + "\""});
  }
  const auto* arguments = json::find(params_, "arguments");
  if (auto checked = tool_->schema->check(arguments == nullptr ? kEmptyObject : *arguments); !checked) {
    return admit(gate::Refusal{model::Layer::kSchema, "Invalid arguments for tool " + target_ + ": " + checked.error().message,
                               "send arguments that match the tool's inputSchema"});
  }
  admit(std::nullopt);
}

model::ActionRequest Operation::action_request() const {
  model::ActionRequest request;
  request.surface = "mcp";
  request.server = connection_->config().name;
  request.operation = method_;
  request.target = target_;
  if (method_ == "tools/call" || method_ == "prompts/get") {
    const auto* arguments = json::find(params_, "arguments");
    request.args = arguments == nullptr ? kEmptyObject : *arguments;
  } else {
    json::object args = params_;
    args.erase("_meta");
    request.args = std::move(args);
  }
  if (const auto* trace = meta_of(params_, "traceparent"); trace != nullptr && trace->is_string())
    request.trace_parent = std::string(json::view(trace->get_string()));
  // A process has been given its credentials; requests get them one by one.
  if (!connection_->config().address.url.empty()) request.credentials = ServerCredentials::uses(connection_->config().credentials);
  return request;
}

void Operation::admit(std::optional<gate::Refusal> refusal) {
  auto self = shared_from_this();
  gate::AdmitHandlers handlers;
  handlers.on_held = [self](const gate::Held& what) {
    if (!self->finished_) self->held(what);
  };
  handlers.on_verdict = [self](std::shared_ptr<gate::Act> act) {
    self->act_ = std::move(act);
    if (!self->finished_) return self->decided();
    // Taken back between the verdict and its receipt's way to the disk: the record says that nothing was done.
    if (self->act_->verdict.allows()) {
      self->session_->surface().gate().observe(
          self->act_, {.kind = "cancelled", .result_text = {}, .note = "taken back before it was performed"}, [](Status) {});
    }
  };
  handlers.on_cut = [weak = weak_from_this()] {
    if (auto cut = weak.lock()) cut->cut();
  };
  auto caller = caller_;
  if (!task_.empty()) caller.task = task_;
  auto act = session_->surface().gate().admit(std::move(caller), action_request(), tool_ ? &tool_->text : nullptr, std::move(refusal),
                                              std::move(handlers));
  if (!act_) act_ = std::move(act);
}

void Operation::held(const gate::Held& what) {
  waiting_for_human_ = true;
  held_text_ = "Held for approval " + what.approval_id + ": " + what.summary + ". A human can run: interlock approve " + what.approval_id;
  tell_progress(held_text_);
  const auto& capabilities = session_->profile().capabilities;
  json::object params;
  params["message"] = held_text_ + ". Answering here does not approve it; declining withdraws it.";
  params["requestedSchema"] = json::object{{"type", "object"}, {"properties", json::object()}};
  if (!session_->surface().options().elicit_approvals || !can_ask("elicitation/create", params, capabilities)) return;
  auto self = shared_from_this();
  auto& gate = session_->surface().gate();
  if (gate.elicitation_counts()) params["message"] = held_text_ + ". Accept to approve it, decline to refuse it.";
  hold_ask_ = ask("elicitation/create", std::move(params), [self](Result<json::value> answer) {
    self->hold_ask_ = 0;
    if (self->finished_ || !self->waiting_for_human_ || !answer || !answer->is_object()) return;
    const auto action = json::string_at(answer->get_object(), "action");
    auto& the_gate = self->session_->surface().gate();
    if (action == "accept") (void)the_gate.decide_in_band(self->act_, true);
    else if (action == "decline") (void)the_gate.decide_in_band(self->act_, false);
  });
}

void Operation::decided() {
  waiting_for_human_ = false;
  if (hold_ask_ != 0) {
    session_->drop_ask(hold_ask_, reply_.get());
    hold_ask_ = 0;
  }
  if (!act_->verdict.allows()) return deny();
  if (!connection_->serves(act_->task)) {
    connection_ = session_->connection_of_task(server_, act_->task, act_->caller);
    link_ = nullptr;
  }
  if (!link_ || !link_->is_open()) {
    // It was held so long that the server went away meanwhile.
    auto self = shared_from_this();
    return connection_->ready([self](Result<std::shared_ptr<ServerLink>> link) {
      if (self->finished_) return;
      if (!link) return self->done({.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = link.error()});
      if (!self->connection_->serves(self->act_->task)) {
        return self->done(
            {.kind = Outcome::Kind::kFailed,
             .result = {},
             .error = {},
             .failure = {ErrorCode::kUnavailable, "the task of this call is not the one that its server was started for", "call again"}});
      }
      self->link_ = *link;
      self->perform();
    });
  }
  perform();
}

void Operation::deny() {
  const auto& verdict = act_->verdict;
  json::object why;
  why["layer"] = model::layer_name(verdict.layer);
  json::array policies;
  for (const auto& policy : verdict.policies) policies.emplace_back(policy);
  why["policy"] = std::move(policies);
  why["reason"] = verdict.reason;
  why["next"] = verdict.next;
  why["act"] = act_->id;
  int code = kDenied;
  if (verdict.layer == model::Layer::kApproval) code = kApprovalRefused;
  if (verdict.layer == model::Layer::kPins) code = kQuarantined;
  if (verdict.layer == model::Layer::kSchema || verdict.layer == model::Layer::kServer) code = net::kInvalidParams;
  std::string text = verdict.reason;
  if (code != net::kInvalidParams) {
    std::string by(model::layer_name(verdict.layer));
    for (const auto& policy : verdict.policies) by += (&policy == &verdict.policies.front() ? " " : ", ") + policy;
    text = "Denied by Interlock (" + by + "): " + text;
  }
  if (!verdict.next.empty()) text += " Next: " + verdict.next;
  json::value data = json::object{{"interlock", std::move(why)}};
  if (method_ == "tools/call" && session_->surface().options().denial_as_result) {
    json::object result;
    result["content"] = json::array{json::object{{"type", "text"}, {"text", text}}};
    result["isError"] = true;
    auto& meta = meta_object(result);
    meta["interlock/denial"] = data.get_object()["interlock"];
    meta[kMetaAct] = act_->id;
    json::value value = std::move(result);
    fit_result(method_, value, session_->profile().revision, session_->profile().revision, {});
    return finish({.is_error = false, .body = json::write(value), .http_status = 200});
  }
  finish({.is_error = true, .body = error_text(code, text, &data), .http_status = 200});
}

// ---- do it ------------------------------------------------------------------------------------------------------------------

void Operation::perform() {
  // A server may have been long in coming: the task may be over.
  if (!session_->surface().gate().may_perform(act_)) return deny();
  if (method_ == "resources/subscribe" || method_ == "resources/unsubscribe") return subscribe();
  auto self = shared_from_this();
  const auto revision = session_->profile().revision;
  CallOptions options;
  options.wants_progress = progress_token_.has_value();
  if (is_modern(link_->facts().revision)) {
    if (!is_modern(revision)) options.log_level = session_->log_level.empty() ? "info" : session_->log_level;
    if (method_ == "tools/call" || method_ == "prompts/get" || method_ == "resources/read")
      options.headers.set("Mcp-Name", encode_header_value(target_));
    if (tool_) {
      if (const auto* arguments = json::find(params_, "arguments")) {
        const auto mirrored = parameter_headers(*tool_, *arguments);
        for (const auto& [name, value] : mirrored.all()) options.headers.set(name, value);
      }
    }
  }
  if (is_modern(revision)) {
    if (const auto* level = meta_of(params_, kMetaLogLevel); level != nullptr && level->is_string()) {
      options.log_level = std::string(json::view(level->get_string()));
      if (!is_modern(link_->facts().revision)) link_->set_log_level(options.log_level);
    }
  }
  if (!act_->leases.empty()) {
    options.lend = [credentials = connection_->credentials(), leases = act_->leases](net::HttpClientRequest& request) {
      return credentials->lend(request, leases, SystemClock().now_ms());
    };
  }
  CallHandlers handlers;
  handlers.takes_input_required = is_modern(revision);
  handlers.on_notice = [self](std::string_view method, json::object params) { self->relay_notice(method, std::move(params)); };
  handlers.on_ask = [self](AskId question, std::string_view method, json::object params) {
    self->relay_ask(question, method, std::move(params));
  };
  handlers.on_done = [self](Outcome outcome) {
    self->call_ = 0;
    self->done(std::move(outcome));
  };
  json::object params = params_;
  const auto call = link_->call(method_, std::move(params), std::move(options), std::move(handlers));
  if (!finished_) call_ = call;
}

void Operation::subscribe() {
  const auto* resources = json::object_at(link_->facts().capabilities, "resources");
  if (resources == nullptr || !json::bool_at(*resources, "subscribe")) {
    return done({.kind = Outcome::Kind::kError,
                 .result = {},
                 .error = json::object{{"code", net::kMethodNotFound},
                                       {"message", "server \"" + connection_->config().name + "\" offers no resource subscriptions"}},
                 .failure = {}});
  }
  if (method_ == "resources/subscribe" && session_->subscriptions.size() >= Session::kSubscriptions) {
    return done({.kind = Outcome::Kind::kError,
                 .result = {},
                 .error = json::object{{"code", kOverloaded},
                                       {"message", "this session has " + std::to_string(Session::kSubscriptions) +
                                                       " subscriptions, which is the bound"}},
                 .failure = {}});
  }
  if (method_ == "resources/subscribe") session_->subscriptions.insert(target_);
  else session_->subscriptions.erase(target_);
  if (session_->endpoint().servers.size() > 1) session_->remember_resource(target_, server_);
  auto self = shared_from_this();
  connection_->update_watch([self](Status status) {
    if (self->finished_) return;
    if (status) return self->done({.kind = Outcome::Kind::kResult, .result = json::object(), .error = {}, .failure = {}});
    self->session_->subscriptions.erase(self->target_);
    self->done({.kind = Outcome::Kind::kError,
                .result = {},
                .error = json::object{{"code", net::kInvalidParams}, {"message", status.error().message}},
                .failure = {}});
  });
}

void Operation::relay_notice(std::string_view method, json::object params) {
  if (finished_ || !reply_ || !reply_->takes_messages()) return;
  if (method == "notifications/progress") {
    if (!progress_token_) return;
    params["progressToken"] = *progress_token_;
  }
  if (method == "notifications/message") {
    const auto rank = log_level_rank(json::string_at(params, "level").value_or(""));
    const auto* wanted = session_->modern() ? meta_of(params_, kMetaLogLevel) : nullptr;
    if (session_->modern() && (wanted == nullptr || !wanted->is_string())) return;
    const auto floor = log_level_rank(session_->modern() ? json::view(wanted->get_string()) : std::string_view(session_->log_level));
    if (rank && floor && *rank < *floor) return;
  }
  reply_->send(net::write_notification(method, params));
}

void Operation::relay_ask(AskId question, std::string_view method, json::object params) {
  auto link = link_;
  if (finished_ || !can_ask(method, params, session_->profile().capabilities)) {
    missing_capability_ = capability_for(method, params);
    return link->refuse_ask(question, net::kMethodNotFound, "the client has not declared that it can answer " + std::string(method));
  }
  fit_ask(method, params, link->facts().revision, session_->profile().revision);
  const auto asked = ask(method, std::move(params), [link, question](Result<json::value> answer) {
    if (answer) link->answer_ask(question, std::move(*answer));
    else link->refuse_ask(question, net::kInternalError, answer.error().message);
  });
  if (asked == 0) return;
  std::weak_ptr<Operation> weak = weak_from_this();
  link->on_ask_withdrawn(question, [weak, asked] {
    if (auto self = weak.lock()) self->session_->drop_ask(asked, self->reply_.get());
  });
}

void Operation::done(Outcome outcome) {
  if (finished_) return;
  const auto revision = session_->profile().revision;
  if (outcome.kind == Outcome::Kind::kFailed) {
    json::value data = json::object{
        {"interlock",
         json::object{{"layer", "server"}, {"reason", outcome.failure.message}, {"next", outcome.failure.hint}, {"act", act_->id}}}};
    return release({.is_error = true, .body = error_text(kServerFailed, outcome.failure.message, &data), .http_status = 200}, "failed",
                   outcome.failure.message);
  }
  if (outcome.kind == Outcome::Kind::kError) {
    fit_error(method_, outcome.error, link_->facts().revision, revision);
    int status = 200;
    if (is_modern(revision)) {
      if (!is_modern(link_->facts().revision) && !missing_capability_.empty()) {
        // A legacy server fails for what a modern one says beforehand (2026-07-28 basic/index#error-codes).
        outcome.error = json::object{{"code", kMissingClientCapability},
                                     {"message", "the server asks what the client has not declared that it can answer"},
                                     {"data", json::object{{"requiredCapabilities", missing_capability_}}}};
      }
      const auto code = json::int_at(outcome.error, "code").value_or(0);
      if (is_modern_error(code)) status = 400;
      if (code == net::kMethodNotFound) status = 404;
    }
    auto note = std::string(json::string_at(outcome.error, "message").value_or(""));
    return release({.is_error = true, .body = json::write(outcome.error), .http_status = status}, "error", std::move(note));
  }
  std::string_view kind = "ok";
  fit_result(method_, outcome.result, link_->facts().revision, revision, link_->facts().info);
  if (auto* result = outcome.result.if_object()) {
    if (json::bool_at(*result, "isError")) kind = "error";
    if (json::string_at(*result, "resultType") == "input_required") kind = "input_required";
    meta_object(*result)[kMetaAct] = act_->id;
  }
  release({.is_error = false, .body = json::write(outcome.result), .http_status = 200}, kind, {});
}

void Operation::release(Reply reply, std::string_view kind, std::string note) {
  auto self = shared_from_this();
  auto held_reply = std::make_shared<Reply>(std::move(reply));
  session_->surface().gate().observe(
      act_, {.kind = kind, .result_text = held_reply->body, .note = std::move(note)}, [self, held_reply](Status status) {
        if (self->finished_) return;
        if (!status) {
          json::value data = json::object{
              {"interlock",
               json::object{
                   {"layer", "ledger"}, {"reason", status.error().message}, {"next", status.error().hint}, {"act", self->act_->id}}}};
          return self->finish(
              {.is_error = true,
               .body = error_text(
                   kDenied, "Denied by Interlock (ledger): the result cannot be recorded, so it is not released: " + status.error().message,
                   &data),
               .http_status = 200});
        }
        self->finish(std::move(*held_reply));
      });
}

// ---- questions to the client ------------------------------------------------------------------------------------------------

// Returns the id of the question where the client was asked at once, 0 where it will be or cannot be.
std::int64_t Operation::ask(std::string_view method, json::object params, Answer answer) {
  auto self = shared_from_this();
  if (!session_->modern()) return session_->ask_client(reply_.get(), method, params, std::move(answer));
  questions_.push_back({"q" + std::to_string(next_question_++), std::string(method), std::move(params), std::move(answer)});
  if (flush_posted_) return 0;
  flush_posted_ = true;
  // Questions that are asked together go out in one input_required; a legacy server sends each in a message of its own.
  session_->surface().loop().after_ms(kGatherMs, [self] {
    self->flush_posted_ = false;
    self->flush_questions();
  });
  return 0;
}

void Operation::flush_questions() {
  if (finished_ || !reply_ || questions_.empty()) return;
  token_ = session_->surface().state_prefix() + new_token();
  json::object requests;
  for (const auto& question : questions_) {
    json::object entry;
    entry["method"] = question.method;
    entry["params"] = question.params;
    requests[question.key] = std::move(entry);
  }
  json::object result;
  result["resultType"] = "input_required";
  result["inputRequests"] = std::move(requests);
  result["requestState"] = token_;
  auto self = shared_from_this();
  if (!session_->park(token_, self)) {
    auto questions = std::move(questions_);
    questions_.clear();
    for (auto& question : questions) question.answer(fail(ErrorCode::kTooLarge, "too many requests of this client wait for input"));
    return;
  }
  session_->remove_operation(id_, this);
  auto reply = std::move(reply_);
  reply_ = nullptr;
  reply->answer(net::write_result(id_, result), 200);
}

std::string Operation::problem_with_retry(std::string_view method, const json::object& params) const {
  static constexpr std::string_view kOther = "requestState belongs to another request";
  if (method != method_) return std::string(kOther);
  const auto* mine = json::find(params_, "arguments");
  const auto* theirs = json::find(params, "arguments");
  if ((mine == nullptr) != (theirs == nullptr) || (mine != nullptr && *mine != *theirs)) return std::string(kOther);
  if (const auto member = target_member(method)) {
    auto name = std::string(json::string_at(params, *member).value_or(""));
    if (session_->endpoint().prefixed && *member == "name") {
      const auto cut = name.find(kSeparator);
      if (cut == std::string::npos || name.substr(0, cut) != connection_->config().name) return std::string(kOther);
      name = name.substr(cut + kSeparator.size());
    }
    if (name != target_) return std::string(kOther);
  }
  const auto* responses = json::find(params, "inputResponses");
  if (responses == nullptr) return {};
  if (!responses->is_object()) return "inputResponses is no object";
  for (const auto& question : questions_) {
    const auto* response = json::find(responses->get_object(), question.key);
    if (response != nullptr && !fits_question(question.method, *response))
      return "inputResponses." + question.key + " is no result of " + question.method;
  }
  return {};
}

void Operation::resume(json::value id, const json::object& params, std::shared_ptr<ReplySink> reply) {
  auto self = shared_from_this();
  id_ = std::move(id);
  reply_ = std::move(reply);
  token_.clear();
  progress_token_.reset();
  if (const auto* token = meta_of(params, kMetaProgressToken); token != nullptr && (token->is_string() || token->is_int64()))
    progress_token_ = *token;
  watch_client();
  if (const auto stopped = session_->surface().gate().stopped(caller_)) {
    finished_ = false;
    stored_.reset();
    questions_.clear();
    return answer_error(kDenied, "Denied by Interlock (" + std::string(model::layer_name(stopped->layer)) + "): " + stopped->reason);
  }
  if (stored_) {
    auto stored = std::move(*stored_);
    stored_.reset();
    finished_ = false;
    return finish(std::move(stored));
  }
  const auto* responses = json::object_at(params, "inputResponses");
  auto questions = std::move(questions_);
  questions_.clear();
  std::vector<std::pair<Answer, json::value>> answered;
  for (auto& question : questions) {
    const auto* response = responses == nullptr ? nullptr : json::find(*responses, question.key);
    if (response == nullptr) questions_.push_back(std::move(question));
    else answered.emplace_back(std::move(question.answer), *response);
  }
  for (auto& [answer, response] : answered) answer(std::move(response));
  // What is still open is asked again.
  if (!finished_ && !questions_.empty() && !flush_posted_) flush_questions();
}

// ---- the end ----------------------------------------------------------------------------------------------------------------

void Operation::watch_client() {
  std::weak_ptr<Operation> weak = weak_from_this();
  const auto* sink = reply_.get();
  reply_->on_gone([weak, sink] {
    auto self = weak.lock();
    if (!self || self->finished_ || self->reply_.get() != sink) return;
    // A closed stream cancels a modern request; a legacy client may come back, but a held act needs someone to come back to.
    if (self->session_->modern() || self->waiting_for_human_) self->cancel("the client closed the stream");
  });
}

void Operation::tell_progress(std::string_view message) {
  if (!reply_ || !reply_->takes_messages()) return;
  if (!progress_token_) return reply_->keep_alive();
  progress_ += 0.001;
  json::object params;
  params["progressToken"] = *progress_token_;
  params["progress"] = progress_;
  if (session_->profile().revision != Revision::k2024_11_05) params["message"] = message;
  reply_->send(net::write_notification("notifications/progress", params));
}

void Operation::keep_alive() {
  if (finished_ || !reply_) return;
  if (waiting_for_human_) tell_progress(held_text_);
  else if (reply_->takes_messages()) reply_->keep_alive();
}

void Operation::answer_error(int code, std::string_view message, const json::value* data, int http_status) {
  if (!session_->modern() && http_status == 404) http_status = 200;
  finish({.is_error = true, .body = error_text(code, message, data), .http_status = http_status});
}

void Operation::finish(Reply reply) {
  if (finished_) return;
  finished_ = true;
  auto self = shared_from_this();
  if (!reply_) {
    stored_ = std::move(reply);
    return;
  }
  session_->remove_operation(id_, this);
  auto sink = std::move(reply_);
  reply_ = nullptr;
  std::string text = R"({"jsonrpc":"2.0","id":)";
  json::write_to(text, id_);
  text += reply.is_error ? R"(,"error":)" : R"(,"result":)";
  text += reply.body;
  text += '}';
  sink->answer(text, reply.http_status);
}

// The kill switch: the gate has recorded the act's end, and nothing of it may come out.
void Operation::cut() {
  if (finished_) return;
  auto self = shared_from_this();
  if (call_ != 0 && link_) link_->cancel(std::exchange(call_, 0), "stopped by the gate");
  questions_.clear();
  deny();
}

void Operation::cancel(std::string_view reason) {
  auto self = shared_from_this();
  const bool was_finished = finished_;
  finished_ = true;
  stored_.reset();
  if (call_ != 0 && link_) {
    const auto call = call_;
    call_ = 0;
    link_->cancel(call, reason);
    session_->surface().gate().observe(act_, {.kind = "cancelled", .result_text = {}, .note = std::string(reason)}, [](Status) {});
  } else if (waiting_for_human_ && act_) {
    waiting_for_human_ = false;
    session_->surface().gate().withdraw(act_, reason);
  }
  if (hold_ask_ != 0) {
    session_->drop_ask(hold_ask_, reply_.get());
    hold_ask_ = 0;
  }
  questions_.clear();
  if (!was_finished) session_->remove_operation(id_, this);
  if (reply_) {
    auto sink = std::move(reply_);
    reply_ = nullptr;
    sink->abandon();
  }
}

}  // namespace interlock::mcp
