// A connection to a server with credentials: opened by an act of its own, under a task, and ended with it.
#include "base/time.hpp"
#include "surface/mcp/connection.hpp"

namespace interlock::mcp {

// All who wait while it is leased and opened are told together.
void Connection::settle(Result<std::shared_ptr<ServerLink>> link) {
  start_ = nullptr;
  for (auto& done : std::exchange(waiting_for_lease_, {})) done(link);
}

void Connection::lease(Opened done) {
  waiting_for_lease_.push_back(std::move(done));
  if (waiting_for_lease_.size() > 1) return;
  std::weak_ptr<Connection> weak = weak_from_this();
  gate::AdmitHandlers handlers;
  handlers.on_verdict = [weak](std::shared_ptr<gate::Act> act) {
    if (auto self = weak.lock()) self->leased(act);
  };
  auto act = gate_.start_server(caller_, config_.name, ServerCredentials::uses(config_.credentials), std::move(handlers));
  if (!waiting_for_lease_.empty() && !start_) start_ = std::move(act);  // else its verdict has come
}

void Connection::leased(const std::shared_ptr<gate::Act>& act) {
  start_ = act;
  const auto& verdict = act->verdict;
  if (!verdict.allows()) {
    std::string by(model::layer_name(verdict.layer));
    for (const auto& policy : verdict.policies) by += (&policy == &verdict.policies.front() ? " " : ", ") + policy;
    return settle(
        fail(ErrorCode::kDenied,
             "server \"" + config_.name + "\" was not started with its credentials: Denied by Interlock (" + by + "): " + verdict.reason,
             verdict.next));
  }
  task_ = act->task;
  credentials_->keep(act->leases);
  // Later: what ends a task is in the middle of its book.
  gate_.when_task_ends(task_, weak_from_this(), [weak = weak_from_this(), &loop = loop_, task = task_] {
    loop.post([weak, task] {
      if (auto self = weak.lock()) self->task_ended(task);
    });
  });
  open_link([weak = weak_from_this(), act](Result<std::shared_ptr<ServerLink>> link) {
    auto self = weak.lock();
    if (!self) return;
    gate::ActOutcome outcome{.kind = link ? "ok" : "failed", .result_text = {}, .note = link ? std::string() : link.error().message};
    self->credentials_->hide(outcome.note);
    self->gate_.observe(act, outcome, [](const Status&) {});
    if (link && !act->cut && !self->gate_.is_open(act->task)) {
      self->task_ended(act->task);
      return self->settle(
          fail(ErrorCode::kExpired, "the task ended while server \"" + self->config_.name + "\" was started", "call again"));
    }
    self->settle(std::move(link));
  });
}

ServerAddress Connection::address() const {
  auto out = config_.address;
  if (!credentials_) return out;
  const auto credentials = credentials_;
  if (is_process()) out.lent_texts = [credentials] { return credentials->for_process(); };
  else out.lend = [credentials](net::HttpClientRequest& request) { return credentials->lend(request, {}, SystemClock().now_ms()); };
  out.hide = [credentials](json::value& document) { credentials->hide(document); };
  out.hide_text = [credentials](std::string& text) { credentials->hide(text); };
  return out;
}

bool Connection::serves(const std::string& task) const { return !credentials_ || !is_process() || task_ == task; }

void Connection::task_ended(const std::string& task) {
  if (!credentials_ || task_ != task) return;
  credentials_->keep({});
  task_.clear();
  if (!link_) return;
  auto link = std::move(link_);
  link_ = nullptr;
  last_open_ns_ = 0;
  link->close(
      {ErrorCode::kUnavailable, "the task has ended, and its credentials with it", "call again: another is opened for the next task"});
}

}  // namespace interlock::mcp
