#include "cli/state_client.hpp"

#include <unistd.h>

#include "cli/logging.hpp"
#include "cli/rules.hpp"
#include "cli/secret_operations.hpp"
#include "cli/state_operations.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kRole = "cli";

Result<json::object> object_of(const Result<AdminReply>& reply) {
  if (!reply) return fail(reply.error());
  if (!reply->ok()) return fail(reply->error());
  const auto* object = reply->body.if_object();
  if (object == nullptr) return fail(ErrorCode::kInvalid, "the gate gave no object");
  return *object;
}

Result<Config> config_for(const Places& places, Needs needs) {
  auto config = load_places(places);
  if (config || needs != Needs::kStateAlone) return config;
  const auto folder = state_folder_of(places);
  if (!folder) return fail(folder.error());
  Config bare;
  bare.state_dir = *folder;
  return bare;
}

void tell_others(const std::vector<GateAddress>& gates, int but) {
  std::vector<GateAddress> others;
  for (const auto& gate : gates) {
    if (gate.pid != but) others.push_back(gate);
  }
  // One that does not answer looks by itself, twice a second.
  if (!others.empty()) (void)ask_gates(others, "POST", "/v1/refresh", nullptr, 2'000);
}

}  // namespace

Result<json::object> act_alone(const Places& places, std::string_view method, std::string_view target, const json::value* body,
                               Needs needs) {
  const auto config = config_for(places, needs);
  if (!config) return fail(config.error());
  LogConfig quiet;
  quiet.level = LogLevel::kWarn;
  Log log(quiet);
  gate::Rules rules;
  if (needs == Needs::kRules) {
    auto loaded = load_rules(*config);
    if (!loaded) return fail(std::move(loaded.error()));
    rules = std::move(loaded->rules);
  }
  // Nothing here waits for what the ledger posts: it makes all durable when it closes.
  // Nor for what the book of leases would do later: this process only looks into it.
  std::function<void(std::int64_t, std::function<void()>)> after;
  if (needs == Needs::kVault) after = [](std::int64_t, const std::function<void()>&) {};
  auto organs = open_organs(*config, kRole, std::move(rules), log, [](const std::function<void()>&) {}, std::move(after));
  if (!organs) return fail(std::move(organs.error()));

  api::AdminOperations operations;
  if ((*organs)->vault) {
    (*organs)->vault->set_rules(secret_rules(*config));
    operations.secrets = secret_operations(**organs, *config);
  }
  if ((*organs)->leases) operations.leases.list = lease_operations(**organs).list;
  operations.tasks = task_operations(**organs);
  operations.agents = agent_operations(**organs);
  net::HttpRequest request;
  request.method = method;
  request.path = target.substr(0, target.find('?'));
  if (const auto query = target.find('?'); query != std::string_view::npos) request.query = target.substr(query + 1);
  if (body != nullptr) {
    request.headers.add("Content-Type", "application/json");
    request.body = json::write(*body);
  }
  request.peer_pid = static_cast<int>(::getppid());  // who wants it: this process is the gate for once
  request.peer_uid = static_cast<int>(::geteuid());
  api::AdminAnswer answer;  // of what is answered at once, as all of these are
  api::handle_admin_request(request, operations, request.peer_uid, [&](api::AdminAnswer given) { answer = std::move(given); });
  AdminReply reply;
  reply.status = answer.status;
  auto parsed = json::parse(answer.body);
  if (!parsed) return fail(std::move(parsed.error()));
  reply.body = std::move(*parsed);
  return object_of(reply);
}

Result<json::object> ask_keeper(const Places& places, std::string_view method, std::string_view target, const json::value* body,
                                Needs needs) {
  const auto folder = state_folder_of(places);
  if (!folder) return fail(folder.error());
  const auto gates = list_gates(folder->string());
  for (const auto& gate : gates) {
    auto reply = ask_gate(gate, method, target, body);
    if (!reply && reply.error().code == ErrorCode::kUnavailable) continue;
    auto answer = object_of(reply);
    if (answer && method == "POST") tell_others(gates, gate.pid);
    return answer;
  }
  return act_alone(places, method, target, body, needs);
}

}  // namespace interlock::cli
