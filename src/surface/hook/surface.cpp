#include "surface/hook/hook.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/hash.hpp"
#include "hosts/hosts.hpp"
#include "surface/hook/contract.hpp"
#include "surface/hook/tools.hpp"
#include "task/order.hpp"
#include "task/task_book.hpp"

namespace interlock::hook {
namespace {

constexpr std::size_t kEventBytes = std::size_t{16} << 20;
constexpr std::size_t kSessions = 2'000;
constexpr std::size_t kRemembered = 256;  // calls of one session whose end was not told yet; the oldest are given up
constexpr std::size_t kKeyBytes = 512;
constexpr std::string_view kRedacted = "[redacted by interlock: a credential in use]";

using Act = std::shared_ptr<gate::Act>;

// Every secret in `value`'s texts is blanked; whether there was one.
bool redact(json::value& value, const std::vector<std::string>& secrets) {
  bool any = false;
  if (value.is_string()) {
    auto text = std::string(json::view(value.get_string()));
    for (const auto& secret : secrets) {
      for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kRedacted.size())) {
        text.replace(at, secret.size(), kRedacted);
        any = true;
      }
    }
    if (any) value = text;
  } else if (value.is_array()) {
    for (auto& one : value.get_array()) any = redact(one, secrets) || any;
  } else if (value.is_object()) {
    for (auto& [_, one] : value.get_object()) any = redact(one, secrets) || any;
  }
  return any;
}

}  // namespace

struct HookSurface::State : std::enable_shared_from_this<HookSurface::State> {
  // A tool call that was let through, until its end is told.
  struct Remembered {
    std::string key;
    std::vector<Act> acts;
    std::vector<Act> asked;  // by the host: its human has the word
  };
  struct Session {
    std::string task;
    std::string owner;
    std::string key;
    gate::Caller caller;
    bool own_task = false;  // ended with it
    int pid = -1;
    std::deque<Remembered> calls;
  };
  // One event that is being answered.
  struct Call {
    std::shared_ptr<net::AgentConnection> connection;
    std::int64_t id = 0;
    const Contract* contract = nullptr;
    Event event;
    std::string session;
    bool sandboxed = false;
    std::vector<ToolAct> wanted;
    std::vector<Act> acts;  // by `wanted`; null while a verdict is on its way
    std::vector<bool> decided;
    std::vector<bool> asks;
    std::size_t open = 0;
    bool answered = false;
    net::TimerId timer = 0;
  };

  explicit State(HookParts given) : parts(std::move(given)) {}

  void handle(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message, std::int64_t id);
  Session* session_of(const std::string& key, const HookParts::Sender& sender, const std::string& host, std::int64_t now_ms, Error& why);
  void end_session(const std::string& key, std::string_view why);
  void ask(const std::shared_ptr<Call>& call, const Session& session, const json::object& environment);
  void admit(const std::shared_ptr<Call>& call, const Session& session, std::size_t at, model::ActionRequest request);
  void verdict(const std::shared_ptr<Call>& call, std::size_t at, const Act& act);
  void held(const std::shared_ptr<Call>& call, std::size_t at);
  void finish(const std::shared_ptr<Call>& call);
  void deny(const std::shared_ptr<Call>& call, std::string reason, std::string next);
  void after(const std::shared_ptr<Call>& call, Session& session);
  void print(const std::shared_ptr<Call>& call, const Answer& answer);
  static void say(net::AgentConnection& connection, std::int64_t id, const Printed& printed) {
    connection.answer({{"id", id}, {"out", printed.out}, {"err", printed.err}, {"exit", printed.exit}});
  }
  static std::string key_of(const Event& event) {
    if (event.call.empty()) return event.tool + '\n' + to_hex(sha256(json::write(event.input)));
    return event.call.size() <= kKeyBytes ? event.call : to_hex(sha256(event.call));
  }

  HookParts parts;
  std::map<std::string, Session> sessions;
  std::map<const Call*, std::weak_ptr<Call>> under_way;
  std::set<const net::AgentConnection*> seen;
};

void HookSurface::State::handle(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message, std::int64_t id) {
  const auto refused = [&](std::string_view reason) { say(*connection, id, refuse(reason)); };
  const auto* host = hosts::host_named(json::string_at(message, "host").value_or(""));
  if (host == nullptr) return refused("there is no such host");
  const auto text = json::string_at(message, "event");
  if (!text || text->size() > kEventBytes) return refused("there is no event, or it is too long");
  auto payload = json::parse(*text, {.size_bytes = kEventBytes});
  if (!payload) return refused("the host's event cannot be read: " + payload.error().message);
  if (!payload->is_object()) return refused("the host's event is no JSON object");
  const auto& contract = contract_of(host->id, payload->get_object());
  auto event = contract.read(payload->get_object());
  if (!event) return refused("the host's event is not as it documents it: " + event.error().text());
  split_mcp_name(*event, contract.mcp_names(), parts.servers);
  if (event->cwd.empty()) event->cwd = json::string_at(message, "cwd").value_or("");
  auto sender = parts.identify(connection->peer(), host->name);
  if (!sender) return refused("identity: " + sender.error().text());

  const auto key = std::string(host->name) + '\n' + sender->subject.id + '\n' + sender->task + '\n' + event->session;
  if (event->kind == Event::Kind::kSessionEnd) {
    end_session(key, "the host ended its session");
    return say(*connection, id, {});
  }
  Error why;
  auto* session = session_of(key, *sender, std::string(host->title), parts.clock->now_ms(), why);
  if (session == nullptr) return refused("task: " + why.text());

  const auto call = std::make_shared<Call>();
  call->connection = connection;
  call->id = id;
  call->contract = &contract;
  call->event = std::move(*event);
  call->session = key;
  call->sandboxed = sender->sandboxed;
  under_way.emplace(call.get(), call);
  static const json::object kNone;
  const auto* environment = json::object_at(message, "environment");
  switch (call->event.kind) {
    case Event::Kind::kAfterTool: return after(call, *session);
    case Event::Kind::kPrompt: {
      ToolAct prompt{.operation = "prompt"};
      prompt.args["prompt"] = call->event.prompt;
      call->wanted.push_back(std::move(prompt));
      return ask(call, *session, kNone);
    }
    case Event::Kind::kBeforeTool: {
      auto acts = contract.acts(call->event);
      if (!acts) return deny(call, acts.error().message, acts.error().hint);
      call->wanted = std::move(*acts);
      if (call->wanted.size() > kActsOfCall) return deny(call, "one call does more than is looked at", "do it in several");
      return ask(call, *session, environment == nullptr ? kNone : *environment);
    }
    default: return print(call, {});
  }
}

// The session's task: that of the run that it is in, else one of its own, which ends with it.
HookSurface::State::Session* HookSurface::State::session_of(const std::string& key, const HookParts::Sender& sender,
                                                            const std::string& host, std::int64_t, Error& why) {
  if (const auto known = sessions.find(key); known != sessions.end()) {
    if (parts.gate->is_open(known->second.task)) return &known->second;
    why = {ErrorCode::kExpired, "the task of this session has ended", "begin a new session"};
    return nullptr;
  }
  if (sessions.size() >= kSessions) {
    why = {ErrorCode::kTooLarge, "there are as many sessions as the gate takes", "end some"};
    return nullptr;
  }
  Session session;
  session.key = key;
  session.pid = sender.pid;
  session.owner = sender.subject.owner;
  session.task = sender.task;
  if (session.task.empty()) {
    task::TaskOrder order;
    order.started_by = task::StartedBy::kOwner;
    order.by = sender.subject.owner;
    order.subject = sender.subject.id;
    order.owner = sender.subject.owner;
    order.purpose = "a session of " + host;
    auto task = parts.gate->start_task(std::move(order));
    if (!task) {
      why = std::move(task.error());
      return nullptr;
    }
    session.task = task->record.id;
    session.own_task = true;
  }
  session.caller = {
      .subject = sender.subject, .session = "hook:" + to_hex(sha256(key)).substr(0, 32), .client_pid = sender.pid, .task = session.task};
  return &sessions.emplace(key, std::move(session)).first->second;
}

void HookSurface::State::end_session(const std::string& key, std::string_view why) {
  const auto found = sessions.find(key);
  if (found == sessions.end()) return;
  auto session = std::move(found->second);
  sessions.erase(found);
  for (auto& one : session.calls) {
    for (const auto& act : one.acts)
      parts.gate->observe(act, {.kind = "lost", .result_text = {}, .note = "the session ended"}, [](const Status&) {});
    for (const auto& act : one.asked) parts.gate->withdraw(act, "the session ended");
  }
  if (session.own_task) (void)parts.gate->end_task(session.task, session.owner, why);
}

// ---- before a tool --------------------------------------------------------------------------------------------------------------------

void HookSurface::State::ask(const std::shared_ptr<Call>& call, const Session& session, const json::object& environment) {
  call->acts.resize(call->wanted.size());
  call->decided.resize(call->wanted.size());
  call->asks.resize(call->wanted.size());
  call->open = call->wanted.size();
  if (call->open == 0) return print(call, {.kind = Answer::Kind::kAllow});
  const auto limit_ms = std::min(parts.hold_ms, call->contract->hold_ms());
  call->timer = parts.loop->after_ms(limit_ms, [weak = weak_from_this(), call] {
    if (const auto self = weak.lock())
      self->deny(call, "approval: no human has answered in time", "ask the human in charge, then try again");
  });
  for (std::size_t i = 0; i < call->wanted.size() && !call->answered; ++i) {
    const auto& wanted = call->wanted[i];
    model::ActionRequest request;
    request.surface = "hook";
    request.server = wanted.server;
    request.operation = wanted.operation;
    request.target = wanted.target;
    auto args = wanted.args;
    if (!environment.empty() && wanted.operation != "tools/call") args["environment"] = environment;
    request.args = std::move(args);
    request.sandboxed = call->sandboxed;
    request.can_modify = call->contract->can_modify(call->event) && call->wanted.size() == 1;
    admit(call, session, i, std::move(request));
  }
}

void HookSurface::State::admit(const std::shared_ptr<Call>& call, const Session& session, std::size_t at, model::ActionRequest request) {
  gate::AdmitHandlers handlers;
  handlers.on_held = [weak = weak_from_this(), call, at](const gate::Held&) {
    // The act is not known here before admit() has returned.
    const auto self = weak.lock();
    if (!self) return;
    self->parts.loop->post([weak, call, at] {
      if (const auto later = weak.lock()) later->held(call, at);
    });
  };
  handlers.on_verdict = [weak = weak_from_this(), call, at](const Act& act) {
    if (const auto self = weak.lock()) self->verdict(call, at, act);
  };
  auto act = parts.gate->admit(session.caller, std::move(request), nullptr, std::nullopt, std::move(handlers));
  call->acts[at] = std::move(act);
}

// Where the host asks its own human, and nobody inside a boundary could answer for him, the host is told to.
void HookSurface::State::held(const std::shared_ptr<Call>& call, std::size_t at) {
  if (call->answered || call->decided[at]) return;
  if (!parts.host_ask || call->sandboxed || call->event.kind != Event::Kind::kBeforeTool || !call->contract->can_ask(call->event)) return;
  call->asks[at] = true;
  call->decided[at] = true;
  // One question, in one place.
  parts.gate->withdraw(call->acts[at], "the host asks its own human");
  if (--call->open == 0) finish(call);
}

void HookSurface::State::verdict(const std::shared_ptr<Call>& call, std::size_t at, const Act& act) {
  call->acts[at] = act;
  if (call->answered) {
    // The call was denied meanwhile, by another of its acts or by time.
    if (act->verdict.allows())
      parts.gate->observe(act, {.kind = "cancelled", .result_text = {}, .note = "the call was denied"}, [](const Status&) {});
    return;
  }
  if (call->decided[at]) return;
  call->decided[at] = true;
  if (!act->verdict.allows()) {
    return deny(call, std::string(model::layer_name(act->verdict.layer)) + ": " + act->verdict.reason, act->verdict.next);
  }
  if (--call->open == 0) finish(call);
}

void HookSurface::State::deny(const std::shared_ptr<Call>& call, std::string reason, std::string next) {
  if (call->answered) return;
  for (std::size_t i = 0; i < call->acts.size(); ++i) {
    const auto& act = call->acts[i];
    if (!act) continue;
    if (call->decided[i] && !call->asks[i] && act->verdict.allows())
      parts.gate->observe(act, {.kind = "cancelled", .result_text = {}, .note = "another act of the call was denied"},
                          [](const Status&) {});
    else if (!call->decided[i] || call->asks[i]) parts.gate->withdraw(act, "the call was denied");
    call->decided[i] = true;
  }
  print(call, {.kind = Answer::Kind::kDeny, .reason = std::move(reason), .next = std::move(next)});
}

void HookSurface::State::finish(const std::shared_ptr<Call>& call) {
  const auto session = sessions.find(call->session);
  if (session == sessions.end()) return deny(call, "task: the session has ended", "begin a new one");
  Remembered remembered;
  remembered.key = key_of(call->event);
  Answer answer{.kind = Answer::Kind::kAllow};
  for (std::size_t i = 0; i < call->acts.size(); ++i) {
    const auto& act = call->acts[i];
    if (call->asks[i]) {
      answer.kind = Answer::Kind::kAsk;
      answer.reason = act->verdict.reason;
      remembered.asked.push_back(act);
      continue;
    }
    if (!parts.gate->may_perform(act))
      return deny(call, std::string(model::layer_name(act->verdict.layer)) + ": " + act->verdict.reason, act->verdict.next);
    if (act->verdict.kind == model::VerdictKind::kModify && act->request.args.is_object()) {
      answer.input = with_args(call->event, call->wanted[i], act->request.args.get_object());
      answer.reason = act->verdict.reason;
    }
    remembered.acts.push_back(act);
  }
  if (call->event.kind == Event::Kind::kPrompt) {
    for (const auto& act : remembered.acts)
      parts.gate->observe(act, {.kind = "ok", .result_text = {}, .note = "said"}, [](const Status&) {});
    return print(call, {});
  }
  auto& calls = session->second.calls;
  calls.push_back(std::move(remembered));
  while (calls.size() > kRemembered) {
    for (const auto& act : calls.front().acts)
      parts.gate->observe(act, {.kind = "lost", .result_text = {}, .note = "the host never told"}, [](const Status&) {});
    for (const auto& act : calls.front().asked) parts.gate->withdraw(act, "the host never told");
    calls.pop_front();
  }
  print(call, answer);
}

// ---- after a tool ---------------------------------------------------------------------------------------------------------------------

void HookSurface::State::after(const std::shared_ptr<Call>& call, Session& session) {
  const auto key = key_of(call->event);
  const auto found = std::ranges::find(session.calls, key, &Remembered::key);
  Remembered done;
  if (found != session.calls.end()) {
    done = std::move(*found);
    session.calls.erase(found);
  }
  // What the human of the host said yes to has been done: the record says so.
  for (const auto& act : done.asked) {
    model::Receipt receipt;
    receipt.kind = model::ReceiptKind::kResult;
    receipt.act = act->id;
    receipt.at_ms = parts.clock->now_ms();
    receipt.subject = act->caller.subject.id;
    receipt.task = act->task;
    receipt.surface = "hook";
    receipt.action = act->classification.action;
    receipt.resource = model::text_of(act->classification.resource);
    receipt.band = act->classification.band;
    receipt.verdict = call->event.failed ? "error" : "ok";
    receipt.detail = {{"note", "the host's own human allowed it"}, {"host_ask", true}};
    (void)parts.gate->record(std::move(receipt));
  }
  Answer answer;
  if (parts.each_secret) {
    std::vector<std::string> secrets;
    parts.each_secret([&](std::string_view secret) {
      if (secret.size() >= 8) secrets.emplace_back(secret);
    });
    auto output = call->event.output;
    if (!secrets.empty() && redact(output, secrets)) {
      answer.kind = call->contract->can_replace_output(call->event) ? Answer::Kind::kReplaceOutput : Answer::Kind::kBlockOutput;
      answer.output = std::move(output);
      answer.reason = "the tool's output holds a credential that is in use";
    }
  }
  const auto text = json::write(call->event.output);
  const gate::ActOutcome outcome{.kind = call->event.failed ? "error" : "ok", .result_text = text, .note = {}};
  // The answer goes out once the result is as durable as it has to be.
  const auto open = std::make_shared<std::size_t>(done.acts.size() + 1);
  const auto one_less = [weak = weak_from_this(), call, answer, open] {
    const auto self = weak.lock();
    if (--*open == 0 && self) self->print(call, answer);
  };
  for (const auto& act : done.acts) parts.gate->observe(act, outcome, [one_less](const Status&) { one_less(); });
  one_less();
}

void HookSurface::State::print(const std::shared_ptr<Call>& call, const Answer& answer) {
  if (std::exchange(call->answered, true)) return;
  parts.loop->cancel(call->timer);
  under_way.erase(call.get());
  say(*call->connection, call->id, call->contract->print(call->event, answer));
}

// ---- the surface --------------------------------------------------------------------------------------------------------------------

HookSurface::HookSurface(HookParts parts) : state_(std::make_shared<State>(std::move(parts))) {}
HookSurface::~HookSurface() = default;

bool HookSurface::handle(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message) {
  if (json::string_at(message, "op") != "hook") return false;
  const auto id = json::int_at(message, "id").value_or(0);
  // One event a connection; one that has a run is another surface's.
  if (connection->state || !state_->seen.insert(connection.get()).second)
    State::say(*connection, id, refuse("this connection has had its event"));
  else state_->handle(connection, message, id);
  return true;
}

// The hook was ended before it was answered: its call does not happen, and what waits for it need not.
void HookSurface::gone(const std::shared_ptr<net::AgentConnection>& connection) {
  state_->seen.erase(connection.get());
  for (const auto& [_, weak] : std::map(state_->under_way)) {
    const auto call = weak.lock();
    if (call && call->connection == connection) state_->deny(call, "the hook is gone", "");
  }
}

void HookSurface::close(std::string_view why) {
  for (const auto& [_, weak] : std::map(state_->under_way)) {
    if (const auto call = weak.lock()) state_->deny(call, std::string(why), "");
  }
  std::vector<std::string> all;
  for (const auto& [key, _] : state_->sessions) all.push_back(key);
  for (const auto& key : all) state_->end_session(key, why);
}

std::size_t HookSurface::under_way() const { return state_->under_way.size(); }

}  // namespace interlock::hook
