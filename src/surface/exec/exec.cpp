#include "surface/exec/exec.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/verdict.hpp"
#include "task/order.hpp"
#include "task/task_book.hpp"

namespace interlock::exec {
namespace {

constexpr std::size_t kRuns = 1'000;
constexpr std::size_t kAsksUnderWay = 1'000;  // of one run: more are refused, as by a process table that is full
constexpr std::size_t kDenialsListed = 200;   // of one run, each kind once

json::object error_of(const Error& error) {
  return {{"error", json::object{{"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}}}};
}

void answer(net::AgentConnection& connection, std::int64_t id, json::object message) {
  message["id"] = id;
  connection.answer(message);
}

std::string text_at(const json::object& from, std::string_view name) { return std::string(json::string_at(from, name).value_or("")); }

}  // namespace

struct ExecSurface::State : std::enable_shared_from_this<ExecSurface::State> {
  // One kind of denial, however often it came.
  struct Denial {
    std::string action;
    std::string resource;
    std::string layer;
    std::string reason;
    std::string next;
    std::vector<std::string> policies;
    std::int64_t count = 0;
  };

  struct Run : std::enable_shared_from_this<Run> {
    RunView view;
    gate::Caller caller;
    std::string owner;
    std::string purpose;
    std::weak_ptr<net::AgentConnection> connection;
    bool ended = false;
    bool waits_for_human = true;
    std::int64_t patience_ms = 0;           // for the human; 0: as long as the approval stands
    std::set<std::string> given_variables;  // of the environment, by the gate itself: NAME=VALUE
    std::int64_t allowed = 0;
    std::int64_t denied = 0;
    std::int64_t approved = 0;
    std::map<std::string, Denial> denials;
    std::map<std::int64_t, std::shared_ptr<gate::Act>> under_way;
  };

  explicit State(ExecParts given) : parts(std::move(given)) {}

  bool is_inside(int pid) const { return run_at(pid) != nullptr; }
  std::shared_ptr<Run> run_at(int pid) const {
    if (pid <= 0 || runs.empty()) return nullptr;
    const auto line = parts.ancestry(pid);
    for (const auto& [_, run] : runs) {
      if (run->view.init > 0 && std::ranges::find(line, run->view.init) != line.end()) return run;
    }
    return nullptr;
  }
  static std::shared_ptr<Run> run_of(const net::AgentConnection& connection) { return std::static_pointer_cast<Run>(connection.state); }

  void open_run(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& order);
  void begin_run(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& order,
                 model::Subject subject);
  void listeners(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, std::vector<net::OwnedFd> descriptors);
  void started(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& message);
  void exec(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& message);
  void deny_unanswered(const std::shared_ptr<Run>& run, std::int64_t id, const std::shared_ptr<gate::Act>& act, std::string_view why);
  void tell(const std::shared_ptr<Run>& run, std::int64_t id, const std::shared_ptr<gate::Act>& act);
  void end(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& message);
  void finish(const std::shared_ptr<Run>& run, std::string_view why);
  static json::object summary_of(const Run& run);

  ExecParts parts;
  std::map<std::string, std::shared_ptr<Run>> runs;
};

// ---- the beginning ----------------------------------------------------------------------------------------------------------------

void ExecSurface::State::open_run(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& order) {
  const auto refuse = [&](Error error) { answer(*connection, id, error_of(error)); };
  if (connection->state) return refuse({ErrorCode::kConflict, "this connection has a run already", ""});
  if (is_inside(connection->peer().pid))
    return refuse({ErrorCode::kDenied, "identity: who asks is inside a run, and starts no other",
                   "start the command itself: it is held by the run that it is in"});
  if (runs.size() >= kRuns) return refuse({ErrorCode::kTooLarge, "the gate has as many runs as it takes", "end some"});
  parts.identify(connection->peer(), order, [weak = weak_from_this(), connection, id, order](Result<model::Subject> subject) {
    const auto self = weak.lock();
    if (!self || connection->gone()) return;
    if (!subject) return answer(*connection, id, error_of(subject.error()));
    // It may have asked twice meanwhile.
    if (connection->state) return answer(*connection, id, error_of({ErrorCode::kConflict, "this connection has a run already", ""}));
    self->begin_run(connection, id, order, std::move(*subject));
  });
}

void ExecSurface::State::begin_run(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& order,
                                   model::Subject subject) {
  json::object wanted;
  for (const auto* name : {"purpose", "scope", "cedar", "lifetime"}) {
    if (const auto* value = json::find(order, name)) wanted[name] = *value;
  }
  const auto now_ms = parts.clock->now_ms();
  auto task_order = task::read_task_order(wanted, now_ms);
  if (!task_order) return answer(*connection, id, error_of(task_order.error()));
  task_order->started_by = task::StartedBy::kOwner;
  task_order->by = subject.owner;
  task_order->subject = subject.id;
  task_order->owner = subject.owner;
  if (task_order->purpose.empty()) task_order->purpose = "interlock run";
  auto task = parts.gate->start_task(std::move(*task_order));
  if (!task) return answer(*connection, id, error_of(task.error()));

  const auto run = std::make_shared<Run>();
  run->view = {.id = new_id("run", now_ms),
               .task = task->record.id,
               .subject = std::move(subject),
               .agent = text_at(order, "agent"),
               .cwd = text_at(order, "cwd")};
  run->owner = task->record.owner;
  run->purpose = task->record.purpose;
  run->connection = connection;
  if (json::bool_at(order, "ci")) {
    run->patience_ms = parse_duration_ms(text_at(order, "approval_timeout")).value_or(0);
    run->waits_for_human = run->patience_ms > 0;
  }
  run->caller = {
      .subject = run->view.subject, .session = "exec:" + run->view.id, .client_pid = connection->peer().pid, .task = run->view.task};
  connection->state = run;
  runs.emplace(run->view.id, run);
  auto prepared = parts.prepare(run->view, order);
  if (!prepared) {
    answer(*connection, id, error_of(prepared.error()));
    return finish(run, "the run could not be prepared");
  }
  // Whoever ends the task, by the kill switch, its expiry or its owner, ends what runs under it.
  parts.gate->when_task_ends(run->view.task, run, [weak = weak_from_this(), weak_run = std::weak_ptr(run)] {
    const auto self = weak.lock();
    const auto ended = weak_run.lock();
    if (!self || !ended || ended->ended) return;
    if (const auto to = ended->connection.lock()) to->answer({{"op", "cut"}, {"reason", "its task has ended"}});
  });
  auto& out = *prepared;
  if (const auto* environment = json::object_at(out, "environment")) {
    for (const auto& [name, value] : *environment)
      if (value.is_string()) run->given_variables.insert(std::string(name) + "=" + std::string(json::view(value.get_string())));
  }
  out["run"] = run->view.id;
  out["task"] = run->view.task;
  out["subject"] = run->view.subject.id;
  out["strict"] = parts.strict;
  answer(*connection, id, std::move(out));
}

void ExecSurface::State::listeners(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id,
                                   std::vector<net::OwnedFd> descriptors) {
  const auto run = run_of(*connection);
  if (!run || run->ended || run->view.init <= 0)
    return answer(*connection, id, error_of({ErrorCode::kInvalid, "there is no run here that has started", ""}));
  if (auto adopted = parts.adopt(run->view, std::move(descriptors)); !adopted) return answer(*connection, id, error_of(adopted.error()));
  answer(*connection, id, {});
}

void ExecSurface::State::started(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& message) {
  const auto run = run_of(*connection);
  const auto pid = json::int_at(message, "pid").value_or(-1);
  if (!run || run->ended || run->view.init > 0 || pid <= 1 || pid > INT32_MAX)
    return answer(*connection, id, error_of({ErrorCode::kInvalid, "there is no run to start here", ""}));
  // What is of the run is below the launcher: nobody makes a run of somebody else's processes.
  const auto line = parts.ancestry(static_cast<int>(pid));
  if (std::ranges::find(line, connection->peer().pid) == line.end())
    return answer(*connection, id, error_of({ErrorCode::kDenied, "the process that was named is not the launcher's own", ""}));
  const auto* missing = json::array_at(message, "missing");
  if (parts.strict && (missing == nullptr || !missing->empty()))
    return answer(*connection, id,
                  error_of({ErrorCode::kUnsupported, "the boundary is not whole on this kernel, and `preset: strict` wants it to be", ""}));
  run->view.init = static_cast<int>(pid);
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kStart;
  receipt.act = run->view.id;
  receipt.at_ms = parts.clock->now_ms();
  receipt.subject = run->view.subject.id;
  receipt.task = run->view.task;
  receipt.surface = "exec";
  receipt.verdict = "started";
  receipt.detail = {{"agent", run->view.agent},
                    {"cwd", run->view.cwd},
                    {"landlock", json::int_at(message, "landlock").value_or(0)},
                    {"exec_watch", json::bool_at(message, "exec_watch")},
                    {"missing", missing == nullptr ? json::array() : *missing}};
  if (auto recorded = parts.gate->record(std::move(receipt)); !recorded) return answer(*connection, id, error_of(recorded.error()));
  answer(*connection, id, {});
}

// ---- a program starts -------------------------------------------------------------------------------------------------------------

void ExecSurface::State::exec(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& message) {
  const auto run = run_of(*connection);
  const auto refuse = [&](std::string_view reason) { answer(*connection, id, {{"allow", false}, {"reason", reason}}); };
  if (!run || run->ended || run->view.init <= 0) return refuse("task: there is no run that this belongs to");
  if (run->under_way.size() >= kAsksUnderWay) return refuse("gate: too many programs of this run wait to be started");
  if (run->under_way.contains(id)) return refuse("gate: this question was asked already");
  const auto* argv = json::array_at(message, "argv");
  const auto executable = text_at(message, "executable");
  if (argv == nullptr || executable.empty()) return refuse("gate: the question does not say what is to start");

  model::ActionRequest request;
  request.surface = "exec";
  request.operation = "execve";
  request.target = executable;
  request.sandboxed = true;
  json::object args{{"argv", *argv}, {"cwd", text_at(message, "cwd")}};
  for (const auto* name : {"script", "in_memory", "path"}) {
    if (const auto* value = json::find(message, name)) args[name] = *value;
  }
  // What the gate itself has set changes nothing that anybody has to know of.
  json::array loader;
  if (const auto* all = json::array_at(message, "loader")) {
    for (const auto& one : *all)
      if (!one.is_string() || !run->given_variables.contains(std::string(json::view(one.get_string())))) loader.push_back(one);
  }
  if (!loader.empty()) args["loader"] = std::move(loader);
  request.args = std::move(args);

  const auto held_until = [this](const gate::Held& held) { return std::max<std::int64_t>(0, held.expires_ms - parts.clock->now_ms()); };
  const std::weak_ptr<Run> weak_run = run;
  const std::weak_ptr<State> weak = weak_from_this();
  gate::AdmitHandlers handlers;
  handlers.on_held = [weak, weak_run, id, held_until](const gate::Held& held) {
    const auto asking = weak_run.lock();
    if (!asking || !weak.lock()) return;
    const auto to = asking->connection.lock();
    if (to && asking->waits_for_human) {
      answer(*to, id,
             {{"more", true},
              {"held",
               json::object{
                   {"approval", held.approval_id}, {"summary", held.summary}, {"reason", held.reason}, {"for_ms", held_until(held)}}}});
    }
  };
  handlers.on_verdict = [weak, weak_run, id](const std::shared_ptr<gate::Act>& act) {
    const auto self = weak.lock();
    const auto asking = weak_run.lock();
    if (self && asking) self->tell(asking, id, act);
  };
  // The slot is taken before the gate is asked: its verdict may come within the call.
  run->under_way.emplace(id, nullptr);
  auto act = parts.gate->admit(run->caller, std::move(request), nullptr, std::nullopt, std::move(handlers));
  const auto slot = run->under_way.find(id);
  if (slot == run->under_way.end()) return;
  if (act->verdict.kind == model::VerdictKind::kStepUp && !run->waits_for_human) {
    // Nobody is there to be asked.
    return deny_unanswered(run, id, act, "in this run nobody is asked");
  }
  if (act->verdict.kind == model::VerdictKind::kStepUp && run->patience_ms > 0) {
    parts.loop->after_ms(run->patience_ms, [weak, weak_run, id] {
      const auto self = weak.lock();
      const auto asking = weak_run.lock();
      if (!self || !asking) return;
      const auto waiting = asking->under_way.find(id);
      if (waiting != asking->under_way.end()) self->deny_unanswered(asking, id, std::shared_ptr(waiting->second), "none has in time");
    });
  }
  slot->second = std::move(act);
}

void ExecSurface::State::deny_unanswered(const std::shared_ptr<Run>& run, std::int64_t id, const std::shared_ptr<gate::Act>& act,
                                         std::string_view why) {
  parts.gate->withdraw(act, why);
  act->verdict.layer = model::Layer::kApproval;
  act->verdict.reason = "a human must approve this, and " + std::string(why) + ": " + act->verdict.reason;
  act->verdict.next = "give the pipeline's task a policy that permits it, or a longer --approval-timeout";
  act->verdict.kind = model::VerdictKind::kDeny;
  tell(run, id, act);
}

void ExecSurface::State::tell(const std::shared_ptr<Run>& run, std::int64_t id, const std::shared_ptr<gate::Act>& act) {
  run->under_way.erase(id);
  const auto to = run->connection.lock();
  const auto& verdict = act->verdict;
  bool allowed = verdict.allows() && verdict.kind != model::VerdictKind::kModify;
  if (allowed) allowed = !run->ended && to && !to->gone() && parts.gate->may_perform(act);
  if (allowed) {
    ++run->allowed;
    if (!act->approval.empty()) ++run->approved;
    // Who waits is told first: that it may be done is on record by now. What it then does is asked about by itself, so that its end is no
    // result of this act.
    answer(*to, id, {{"allow", true}});
    parts.gate->observe(act, {.kind = "ok", .result_text = {}, .note = "started"}, [](const Status&) {});
    return;
  }
  if (verdict.allows())
    parts.gate->observe(act, {.kind = "cancelled", .result_text = {}, .note = "the run has ended"}, [](const Status&) {});
  ++run->denied;
  const auto& what = act->classification;
  const auto resource = model::text_of(what.resource);
  const auto key = what.action + '\0' + resource + '\0' + verdict.reason;
  const auto known = run->denials.find(key);
  if (known != run->denials.end()) {
    ++known->second.count;
  } else if (run->denials.size() < kDenialsListed) {
    run->denials.emplace(key, Denial{what.action, resource, std::string(model::layer_name(verdict.layer)), verdict.reason, verdict.next,
                                     verdict.policies, 1});
  }
  if (to)
    answer(*to, id,
           {{"allow", false}, {"reason", std::string(model::layer_name(verdict.layer)) + ": " + verdict.reason}, {"next", verdict.next}});
}

// ---- the end ----------------------------------------------------------------------------------------------------------------------

json::object ExecSurface::State::summary_of(const Run& run) {
  json::array denied;
  std::int64_t listed = 0;
  for (const auto& [_, one] : run.denials) {
    json::array policies;
    for (const auto& policy : one.policies) policies.emplace_back(policy);
    denied.push_back(json::object{{"action", one.action},
                                  {"resource", one.resource},
                                  {"layer", one.layer},
                                  {"reason", one.reason},
                                  {"next", one.next},
                                  {"policies", std::move(policies)},
                                  {"surface", "exec"},
                                  {"count", one.count}});
    listed += one.count;
  }
  return {{"run", run.view.id},
          {"task", run.view.task},
          {"subject", run.view.subject.id},
          {"agent", run.view.agent},
          {"purpose", run.purpose},
          {"acts", json::object{{"allowed", run.allowed}, {"denied", run.denied}, {"approved", run.approved}}},
          {"denied", std::move(denied)},
          {"left_out", run.denied - listed}};
}

void ExecSurface::State::end(const std::shared_ptr<net::AgentConnection>& connection, std::int64_t id, const json::object& message) {
  const auto run = run_of(*connection);
  if (!run || run->ended) return answer(*connection, id, error_of({ErrorCode::kNotFound, "this connection has no run", ""}));
  auto summary = summary_of(*run);
  if (parts.summarize && json::bool_at(message, "all")) parts.summarize(run->view, summary);
  finish(run, "the command ended with " + std::to_string(json::int_at(message, "status").value_or(-1)));
  answer(*connection, id, {{"summary", std::move(summary)}});
}

void ExecSurface::State::finish(const std::shared_ptr<Run>& run, std::string_view why) {
  if (std::exchange(run->ended, true)) return;
  for (const auto& [_, act] : std::exchange(run->under_way, {})) {
    if (act) parts.gate->withdraw(act, why);
  }
  if (parts.release) parts.release(run->view);
  (void)parts.gate->end_task(run->view.task, run->owner, why);
  runs.erase(run->view.id);
}

// ---- the surface --------------------------------------------------------------------------------------------------------------------

ExecSurface::ExecSurface(ExecParts parts) : state_(std::make_shared<State>(std::move(parts))) {}
ExecSurface::~ExecSurface() = default;

bool ExecSurface::handle(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message,
                         std::vector<net::OwnedFd>& descriptors) {
  const auto op = json::string_at(message, "op").value_or("");
  const auto id = json::int_at(message, "id").value_or(0);
  if (op == "run") state_->open_run(connection, id, message);
  else if (op == "listeners") state_->listeners(connection, id, std::exchange(descriptors, {}));
  else if (op == "started") state_->started(connection, id, message);
  else if (op == "exec") state_->exec(connection, id, message);
  else if (op == "end") state_->end(connection, id, message);
  else return false;
  return true;
}

void ExecSurface::gone(const std::shared_ptr<net::AgentConnection>& connection) {
  if (const auto run = State::run_of(*connection)) state_->finish(run, "the launcher of the run is gone");
}

std::optional<RunView> ExecSurface::run_of(int pid) const {
  const auto run = state_->run_at(pid);
  return run ? std::optional(run->view) : std::nullopt;
}

json::array ExecSurface::describe() const {
  json::array out;
  for (const auto& [id, run] : state_->runs) {
    out.push_back(json::object{{"run", id},
                               {"task", run->view.task},
                               {"subject", run->view.subject.id},
                               {"agent", run->view.agent},
                               {"cwd", run->view.cwd},
                               {"pid", run->view.init},
                               {"allowed", run->allowed},
                               {"denied", run->denied},
                               {"waiting", static_cast<std::int64_t>(run->under_way.size())}});
  }
  return out;
}

std::size_t ExecSurface::under_way() const {
  std::size_t count = 0;
  for (const auto& [_, run] : state_->runs) count += run->under_way.size();
  return count;
}

void ExecSurface::close(std::string_view why) {
  for (const auto& [_, run] : std::map(state_->runs)) {
    if (const auto to = run->connection.lock()) to->answer({{"op", "cut"}, {"reason", why}});
    state_->finish(run, why);
  }
}

}  // namespace interlock::exec
