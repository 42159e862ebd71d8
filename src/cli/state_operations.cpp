#include "cli/state_operations.hpp"

#include "identity/identity.hpp"
#include "task/order.hpp"
#include "task/task_book.hpp"

namespace interlock::cli {
namespace {

Result<json::object> shown(const Result<task::TaskView>& view) {
  if (!view) return fail(view.error());
  return to_json(*view);
}

// What widens is for people alone: an agent that reaches the socket may still stop, never start.
Status may_widen(const Organs& organs, const api::AdminCaller& caller) { return organs.approvals->may_administer(approver_of(caller)); }

Result<json::object> start(Organs& organs, const api::AdminCaller& caller, const json::object& body) {
  if (auto may = may_widen(organs, caller); !may) return fail(std::move(may.error()));
  auto order = task::read_task_order(body, organs.clock.now_ms());
  if (!order) return fail(std::move(order.error()));
  order->started_by = task::StartedBy::kOwner;
  order->by = identity::user_name(caller.uid);
  if (order->owner.empty() && order->parent.empty()) order->owner = order->by;
  return shown(organs.gate->start_task(std::move(*order)));
}

Result<json::object> extend(Organs& organs, const api::AdminCaller& caller, std::string_view id, const json::object& body) {
  if (auto may = may_widen(organs, caller); !may) return fail(std::move(may.error()));
  const auto grant = task::read_grant(body, organs.clock.now_ms());
  if (!grant) return fail(grant.error());
  return shown(organs.gate->extend_task(id, *grant, identity::user_name(caller.uid)));
}

}  // namespace

approval::Approver approver_of(const api::AdminCaller& caller, std::string passphrase) {
  return {.channel = approval::Channel::kAdminSocket,
          .pid = caller.pid,
          .uid = caller.uid,
          .name = identity::user_name(caller.uid),
          .passphrase = std::move(passphrase)};
}

api::TaskOperations task_operations(Organs& organs) {
  api::TaskOperations out;
  out.list = [&organs](bool with_ended) -> Result<json::array> {
    json::array list;
    for (const auto& view : organs.gate->list_tasks(with_ended)) list.emplace_back(to_json(view));
    return list;
  };
  out.find = [&organs](std::string_view id) { return shown(organs.gate->find_task(id)); };
  out.start = [&organs](const api::AdminCaller& caller, const json::object& body) { return start(organs, caller, body); };
  out.extend = [&organs](const api::AdminCaller& caller, std::string_view id, const json::object& body) {
    return extend(organs, caller, id, body);
  };
  out.end = [&organs](const api::AdminCaller& caller, std::string_view id, const std::string& reason) -> Result<json::object> {
    if (auto ended = organs.gate->end_task(id, identity::user_name(caller.uid), reason); !ended) return fail(std::move(ended.error()));
    return json::object{{"id", id}, {"state", "ended"}};
  };
  out.kills = [&organs]() -> Result<json::array> {
    json::array list;
    for (const auto& kill : organs.gate->kills()) list.emplace_back(to_json(kill));
    return list;
  };
  // Stopping is never too much: whoever may speak to the socket at all may do it.
  out.kill = [&organs](const api::AdminCaller& caller, gate::KillOrder order) -> Result<json::object> {
    order.by = identity::user_name(caller.uid);
    const auto report = organs.gate->kill(order);
    if (!report) return fail(report.error());
    return json::object{{"tasks", report->tasks}, {"held", report->held}, {"cut", report->cut}};
  };
  out.lift = [&organs](const api::AdminCaller& caller, const std::string& agent, const std::string& reason) -> Result<json::object> {
    if (auto may = may_widen(organs, caller); !may) return fail(std::move(may.error()));
    if (auto lifted = organs.gate->unkill(agent, identity::user_name(caller.uid), reason); !lifted) return fail(std::move(lifted.error()));
    return json::object{{"agent", agent}};
  };
  out.refresh = [&organs]() -> Result<json::object> {
    organs.gate->tick();
    return json::object{};
  };
  return out;
}

api::AgentOperations agent_operations(const Organs& organs) {
  const auto listed = [](const auto& items) -> Result<json::array> {
    if (!items) return fail(items.error());
    json::array list;
    for (const auto& item : *items) list.emplace_back(to_json(item));
    return list;
  };
  api::AgentOperations out;
  out.list = [&organs, listed] { return listed(organs.registry->list()); };
  out.find = [&organs](std::string_view id) -> Result<json::object> {
    const auto found = organs.registry->find(id);
    if (!found) return fail(found.error());
    if (!*found) return fail(ErrorCode::kNotFound, "no agent has the id " + std::string(id), "see `interlock agent list`");
    return to_json(**found);
  };
  out.findings = [&organs, listed] { return listed(organs.registry->findings(organs.clock.now_ms())); };
  return out;
}

}  // namespace interlock::cli
