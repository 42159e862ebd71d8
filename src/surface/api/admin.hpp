// The admin surface: a Unix socket of each gate process, for the CLI and later the console. HTTP/1.1 with JSON.
//
// Never on a listener that an agent's traffic uses. The socket has mode 0600 in a folder of mode 0700, and each connection's
// peer must be, by the kernel's word, the gate's own user or root. The operations are filled in by whoever composes the gate; this
// file knows routes, bounds and who is calling. One mechanism for `serve` and `mcp`: each gate process listens at
// <state>/run/<pid>.sock, and a command asks each of them.
//
//   GET  /v1/status            what runs
//   GET  /v1/caller            may this caller decide at all? 200, or 403 with why
//   GET  /v1/approvals         {"approvals":[...]} what this gate holds
//   GET  /v1/approvals/ID      one
//   POST /v1/approvals/ID      {"decision":"approve"|"deny","digest","reason"?,"passphrase"?}; digest: of what the human was shown
//   GET  /v1/pins              {"pins":[...]}
//   POST /v1/pins              {"operation":"trust"|"reset","server"?,"tool"?,"hash"?}
//   POST /v1/reload            read configuration and policies again
//   GET  /v1/sessions          {"sessions":[...]}
// Tasks and kills: admin_tasks.hpp. Agents: admin_agents.hpp. OAuth towards servers: admin_servers.hpp. The vault: admin_secrets.hpp.
// Leases: admin_leases.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/http.hpp"
#include "net/http_server.hpp"
#include "net/loop.hpp"
#include "surface/api/admin_agents.hpp"
#include "surface/api/admin_answer.hpp"
#include "surface/api/admin_leases.hpp"
#include "surface/api/admin_secrets.hpp"
#include "surface/api/admin_servers.hpp"
#include "surface/api/admin_tasks.hpp"

namespace interlock::api {

struct DecisionOrder {
  std::string id;
  bool yes = false;
  std::string digest;
  std::string reason;
  std::string passphrase;
};

struct PinOrder {
  enum class Operation { kTrust, kReset };
  Operation operation = Operation::kTrust;
  std::string server;  // empty: all (reset only)
  std::string tool;    // empty: all of the server
  std::string hash;    // trust: the definition the human looked at; empty: the last
};

// What the gate can be asked. An operation left empty answers 501. Errors become HTTP statuses with {"error":{code,message,hint}}.
struct AdminOperations {
  std::function<Result<json::object>()> status;
  std::function<Status(const AdminCaller& caller)> may_administer;
  std::function<Result<json::array>()> approvals;
  std::function<Result<json::object>(std::string_view id)> approval;
  std::function<Result<json::object>(const AdminCaller& caller, const DecisionOrder& order)> decide;
  std::function<Result<json::array>()> pins;
  std::function<Result<json::object>(const AdminCaller& caller, const PinOrder& order)> change_pins;  // {"changed":N}
  std::function<Result<json::object>(const AdminCaller& caller)> reload;
  std::function<Result<json::array>()> sessions;
  TaskOperations tasks;
  AgentOperations agents;
  ServerOperations servers;
  SecretOperations secrets;
  LeaseOperations leases;
};

// One request, without the wire. `service_uid` is the gate's user.
AdminAnswer answer_admin_request(const net::HttpRequest& request, const AdminOperations& operations, int service_uid);
// The same, and the routes whose answers may come later: `done` comes once.
void handle_admin_request(const net::HttpRequest& request, const AdminOperations& operations, int service_uid,
                          const std::function<void(AdminAnswer)>& done);

// <state>/run/<pid>.sock
std::string admin_socket_path(std::string_view state_folder, int pid);

// Loop thread only.
class AdminListener {
 public:
  AdminListener(net::Loop& loop, AdminOperations operations);
  ~AdminListener();  // closes and removes the socket
  // Makes <state>/run with mode 0700 (refuses a folder that others can write or that another user owns), removes sockets of dead
  // gates in it, and listens at admin_socket_path(state_folder, getpid()).
  Status listen(const std::string& state_folder);
  const std::string& path() const { return path_; }

 private:
  std::unique_ptr<net::HttpServer> server_;
  std::string path_;
};

}  // namespace interlock::api
