#include "surface/api/admin_agents.hpp"

#include "surface/api/form.hpp"

namespace interlock::api {

std::optional<AdminAnswer> answer_agent_request(const net::HttpRequest& request, std::string_view path, const AgentOperations& operations) {
  if (path != "agents" && path != "findings") return std::nullopt;
  if (request.method != "GET") return wrong_method("GET");
  if (path == "findings") return operations.findings ? list_answer("findings", operations.findings()) : missing("the list of findings");
  const auto query = Form::parse(request.query);
  if (!query) return error_answer(query.error());
  if (const auto id = query->get("id")) return operations.find ? result_answer(operations.find(*id)) : missing("showing agents");
  return operations.list ? list_answer("agents", operations.list()) : missing("the list of agents");
}

}  // namespace interlock::api
