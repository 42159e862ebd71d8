#include "surface/api/admin.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace interlock::api {
namespace {

constexpr std::size_t kConnections = 64;
constexpr std::size_t kNameBytes = 512;
constexpr std::size_t kStaleSockets = 10'000;
constexpr std::string_view kPrefix = "/v1/";

Result<DecisionOrder> decision_order(const net::HttpRequest& request, std::string_view id) {
  const auto members = Members::read(request, {"decision", "digest", "reason", "passphrase"});
  if (!members) return fail(members.error());
  DecisionOrder order;
  order.id = id;
  auto decision = members->text("decision", kNameBytes);
  auto digest = members->text("digest", kNameBytes);
  auto reason = members->text("reason", kAdminReasonBytes);
  auto passphrase = members->text("passphrase", kAdminReasonBytes);
  for (const auto* part : {&decision, &digest, &reason, &passphrase}) {
    if (!*part) return fail(part->error());
  }
  if (*decision != "approve" && *decision != "deny") return fail(ErrorCode::kInvalid, "\"decision\" is neither \"approve\" nor \"deny\"");
  order.yes = *decision == "approve";
  if (order.yes && digest->empty()) {
    return fail(ErrorCode::kInvalid, "an approval names no digest",
                "send \"digest\" of the approval as it was shown, so that the yes is to that act");
  }
  order.digest = std::move(*digest);
  order.reason = std::move(*reason);
  order.passphrase = std::move(*passphrase);
  return order;
}

Result<PinOrder> pin_order(const net::HttpRequest& request) {
  const auto members = Members::read(request, {"operation", "server", "tool", "hash"});
  if (!members) return fail(members.error());
  PinOrder order;
  auto operation = members->text("operation", kNameBytes);
  auto server = members->text("server", kNameBytes);
  auto tool = members->text("tool", kNameBytes);
  auto hash = members->text("hash", kNameBytes);
  for (const auto* part : {&operation, &server, &tool, &hash}) {
    if (!*part) return fail(part->error());
  }
  if (*operation != "trust" && *operation != "reset") return fail(ErrorCode::kInvalid, "\"operation\" is neither \"trust\" nor \"reset\"");
  order.operation = *operation == "trust" ? PinOrder::Operation::kTrust : PinOrder::Operation::kReset;
  order.server = std::move(*server);
  order.tool = std::move(*tool);
  order.hash = std::move(*hash);
  if (order.server.empty() && (order.operation == PinOrder::Operation::kTrust || !order.tool.empty())) {
    return fail(ErrorCode::kInvalid, "no server is named", "send \"server\"");
  }
  return order;
}

// Somebody listens there: connect(2) is not refused.
bool is_live_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return true;  // cannot be asked: leave it
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::close(fd);
  return result == 0 || error != ECONNREFUSED;
}

void remove_dead_sockets(const std::string& folder) {
  DIR* list = ::opendir(folder.c_str());
  if (list == nullptr) return;
  std::size_t seen = 0;
  while (const dirent* entry = ::readdir(list)) {
    if (++seen > kStaleSockets) break;
    const std::string name = entry->d_name;
    if (!name.ends_with(".sock")) continue;
    // Between bind and listen a socket of a live gate looks dead.
    const int pid = std::atoi(name.c_str());
    if (pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM)) continue;
    const std::string path = folder + "/" + name;
    struct stat facts;
    if (::lstat(path.c_str(), &facts) == 0 && S_ISSOCK(facts.st_mode) && !is_live_socket(path)) ::unlink(path.c_str());
  }
  ::closedir(list);
}

Status make_private_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(system_error("the folder " + folder + " cannot be made", errno));
  struct stat facts;
  if (::lstat(folder.c_str(), &facts) != 0) return fail(system_error("the folder " + folder + " cannot be read", errno));
  if (!S_ISDIR(facts.st_mode)) return fail(ErrorCode::kDenied, folder + " is not a folder", "move it away");
  if (facts.st_uid != ::geteuid())
    return fail(ErrorCode::kDenied, "the folder " + folder + " belongs to another user", "give it to the user that runs the gate");
  // What others could write, others may have filled: their sockets would be taken for gates.
  if ((facts.st_mode & 022) != 0)
    return fail(ErrorCode::kDenied, "the folder " + folder + " can be written by other users",
                "remove it, or look what is in it and chmod it to 700");
  if ((facts.st_mode & 077) != 0 && ::chmod(folder.c_str(), 0700) != 0)
    return fail(system_error("the folder " + folder + " cannot be made private", errno));
  return {};
}

std::optional<AdminAnswer> refuse_caller(const net::HttpRequest& request, int service_uid) {
  // No credentials means that this is no Unix socket: then nobody is let in.
  if (request.peer_pid <= 0 || request.peer_uid < 0 || (request.peer_uid != service_uid && request.peer_uid != 0)) {
    return error_answer(403, "denied", "the admin socket is for the gate's own user and root",
                        "use sudo -u, or the user that runs the gate");
  }
  // A browser or a proxy that was talked into calling would say so; the CLI never does.
  if (request.headers.get("origin") || request.headers.get("x-forwarded-for")) {
    return error_answer(403, "denied", "the admin socket takes no forwarded requests", "");
  }
  return std::nullopt;
}

}  // namespace

AdminAnswer answer_admin_request(const net::HttpRequest& request, const AdminOperations& operations, int service_uid) {
  if (auto refusal = refuse_caller(request, service_uid)) return std::move(*refusal);
  const AdminCaller caller{request.peer_pid, request.peer_uid};
  std::string_view path = request.path;
  if (!path.starts_with(kPrefix)) return nothing_here();
  path.remove_prefix(kPrefix.size());
  const bool get = request.method == "GET";
  const bool post = request.method == "POST";

  if (path == "status") return !get ? wrong_method("GET") : operations.status ? result_answer(operations.status()) : missing("status");
  if (path == "sessions")
    return !get                  ? wrong_method("GET")
           : operations.sessions ? list_answer("sessions", operations.sessions())
                                 : missing("the list of sessions");
  if (path == "reload")
    return !post ? wrong_method("POST") : operations.reload ? result_answer(operations.reload(caller)) : missing("reload");
  if (path == "caller") {
    if (!get) return wrong_method("GET");
    if (!operations.may_administer) return missing("the check of callers");
    const auto status = operations.may_administer(caller);
    return status ? json_answer(200, json::object{{"may_administer", true}}) : error_answer(status.error());
  }
  if (auto answer = answer_task_request(request, path, caller, operations.tasks)) return std::move(*answer);
  if (auto answer = answer_agent_request(request, path, operations.agents)) return std::move(*answer);
  if (auto answer = answer_secret_request(request, path, caller, operations.secrets)) return std::move(*answer);
  if (path == "pins") {
    if (get) return operations.pins ? list_answer("pins", operations.pins()) : missing("the list of pins");
    if (!post) return wrong_method("GET, POST");
    if (!operations.change_pins) return missing("changing pins");
    const auto order = pin_order(request);
    return order ? result_answer(operations.change_pins(caller, *order)) : error_answer(order.error());
  }
  if (path == "approvals")
    return !get                   ? wrong_method("GET")
           : operations.approvals ? list_answer("approvals", operations.approvals())
                                  : missing("the list of approvals");
  static constexpr std::string_view kApprovals = "approvals/";
  if (path.starts_with(kApprovals)) {
    const auto id = path.substr(kApprovals.size());
    if (id.empty() || id.size() > kNameBytes || id.find('/') != std::string_view::npos)
      return error_answer(404, "not_found", "there is no such approval", "");
    if (get) return operations.approval ? result_answer(operations.approval(id)) : missing("showing approvals");
    if (!post) return wrong_method("GET, POST");
    if (!operations.decide) return missing("deciding");
    const auto order = decision_order(request, id);
    return order ? result_answer(operations.decide(caller, *order)) : error_answer(order.error());
  }
  return nothing_here();
}

void handle_admin_request(const net::HttpRequest& request, const AdminOperations& operations, int service_uid,
                          const std::function<void(AdminAnswer)>& done) {
  std::string_view path = request.path;
  if (path.starts_with(kPrefix) && !refuse_caller(request, service_uid)) {
    path.remove_prefix(kPrefix.size());
    // Looked up for the routes that need it alone: it reads the processes above the caller.
    const bool decides = path.starts_with("servers/") && operations.may_administer;
    const auto may = decides ? operations.may_administer({request.peer_pid, request.peer_uid}) : Status();
    if (answer_server_request(request, path, may, operations.servers, done)) return;
    if (answer_lease_request(request, path, {request.peer_pid, request.peer_uid}, operations.leases, done)) return;
  }
  done(answer_admin_request(request, operations, service_uid));
}

std::string admin_socket_path(std::string_view state_folder, int pid) {
  return std::string(state_folder) + "/run/" + std::to_string(pid) + ".sock";
}

AdminListener::AdminListener(net::Loop& loop, AdminOperations operations) {
  net::HttpServerOptions options;
  options.body_bytes = kAdminSecretBytes;
  options.connections = kConnections;
  options.header_timeout_ms = 5'000;
  options.body_timeout_ms = 5'000;
  options.idle_timeout_ms = 10'000;
  server_ = std::make_unique<net::HttpServer>(
      loop, options, [operations = std::move(operations)](net::HttpRequest request, std::shared_ptr<net::HttpExchange> exchange) {
        handle_admin_request(request, operations, static_cast<int>(::geteuid()), [exchange](AdminAnswer answer) {
          exchange->respond(answer.status, std::move(answer.headers), std::move(answer.body));
        });
      });
}

AdminListener::~AdminListener() {
  server_.reset();
  if (!path_.empty()) ::unlink(path_.c_str());
}

Status AdminListener::listen(const std::string& state_folder) {
  const std::string folder = state_folder + "/run";
  if (auto made = make_private_folder(folder); !made) return made;
  remove_dead_sockets(folder);
  const std::string path = admin_socket_path(state_folder, static_cast<int>(::getpid()));
  if (path.size() >= sizeof sockaddr_un::sun_path) {
    return fail(ErrorCode::kTooLarge, "the path of the admin socket is too long for a Unix socket: " + path,
                "choose a shorter state folder");
  }
  if (auto listening = server_->listen_unix(path); !listening) return listening;
  path_ = path;
  return {};
}

}  // namespace interlock::api
