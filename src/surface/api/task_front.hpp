// Tasks for agents, on the data listener beside /mcp and authenticated like it: an agent sees and ends its own tasks, starts narrower ones
// for itself or for a sub-agent, keeps them alive, and asks for more. It decides nothing: the gate does.
//
//   GET  /v1/tasks                 {"tasks":[...]} those it may act under, or started
//   POST /v1/tasks                 a task order (task/order.hpp): below the task that the header Interlock-Task names, if it does
//   GET  /v1/tasks/ID              one
//   POST /v1/tasks/ID/heartbeat    {}
//   POST /v1/tasks/ID/end          {"reason"?}
//   POST /v1/tasks/ID/requests     a grant (task/order.hpp): 200 and the task where policy says yes, 202 {"state":"held",...} where a
//                                  human is asked (look at the task later), 403 where it says no
//
// Requests of browsers (Origin) and for other hosts (DNS rebinding) are refused. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gate/gate.hpp"
#include "identity/authenticator.hpp"
#include "net/http_server.hpp"

namespace interlock::api {

struct TaskFrontOptions {
  std::string public_url;
  std::vector<std::string> allowed_hosts;  // beyond loopback names, where bound to loopback; empty and not loopback: any
  bool loopback = true;
};

class TaskFront {
 public:
  using Authenticate = std::function<void(identity::Presentation shown, std::function<void(identity::Answer)> done)>;
  // Adds what a refusal says of how to be let in (WWW-Authenticate and its kin).
  using Challenge = std::function<void(const identity::Refusal& refusal, net::Headers& headers)>;

  TaskFront(gate::Gate& gate, const Clock& clock, TaskFrontOptions options, Authenticate authenticate, Challenge challenge);
  // Takes /v1/tasks and what is below it; false leaves others to others.
  bool handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange);

 private:
  void answer(const gate::Caller& caller, const net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange);
  void answer_one(const gate::Caller& caller, std::string_view rest, const net::HttpRequest& request,
                  const std::shared_ptr<net::HttpExchange>& exchange);
  void ask_for_more(const gate::Caller& caller, const std::string& id, const net::HttpRequest& request,
                    const std::shared_ptr<net::HttpExchange>& exchange);

  gate::Gate& gate_;
  const Clock& clock_;
  TaskFrontOptions options_;
  Authenticate authenticate_;
  Challenge challenge_;
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);  // answers that come later look whether this is still there
};

}  // namespace interlock::api
