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
#include <utility>

namespace interlock::api {
namespace {

constexpr std::size_t kBodyBytes = 64 * 1024;
constexpr std::size_t kConnections = 64;
constexpr std::size_t kReasonBytes = 2000;
constexpr std::size_t kNameBytes = 512;
constexpr std::size_t kStaleSockets = 10'000;
constexpr std::string_view kPrefix = "/v1/";

AdminAnswer json_answer(int status, const json::value& body) {
  AdminAnswer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  answer.body = json::write(body) + "\n";
  return answer;
}

AdminAnswer error_answer(int status, std::string_view code, std::string_view message, std::string_view hint) {
  json::object error;
  error["code"] = code;
  error["message"] = message;
  error["hint"] = hint;
  return json_answer(status, json::object{{"error", std::move(error)}});
}

AdminAnswer error_answer(const Error& error) {
  return error_answer(http_status_of(error.code), error_code_name(error.code), error.message, error.hint);
}

AdminAnswer result_answer(const Result<json::object>& result) { return result ? json_answer(200, *result) : error_answer(result.error()); }

AdminAnswer list_answer(std::string_view name, const Result<json::array>& result) {
  if (!result) return error_answer(result.error());
  json::object body;
  body[name] = *result;
  return json_answer(200, body);
}

AdminAnswer missing(std::string_view what) {
  return error_answer(501, "unsupported", std::string(what) + " is not served by this gate", "");
}

AdminAnswer wrong_method(const char* allowed) {
  auto answer = error_answer(405, "unsupported", "this method is not known here", std::string("use ") + allowed);
  answer.headers.add("Allow", allowed);
  return answer;
}

// The members of a body, each a string of bounded length; others are refused, so that a misspelt one is never passed over.
class Members {
 public:
  static Result<Members> read(const net::HttpRequest& request, std::initializer_list<std::string_view> known) {
    const auto type = request.headers.get("content-type");
    if (!type || !net::equal_ignoring_case(type->substr(0, type->find(';')), "application/json")) {
      return fail(ErrorCode::kInvalid, "the body is not said to be JSON", "send Content-Type: application/json");
    }
    auto body = json::parse(request.body, {kBodyBytes, 8});
    if (!body) return fail(std::move(body.error()));
    auto* object = body->if_object();
    if (object == nullptr) return fail(ErrorCode::kInvalid, "the body is not a JSON object");
    for (const auto& pair : *object) {
      const std::string_view key(pair.key().data(), pair.key().size());
      bool found = false;
      for (const auto name : known) found = found || name == key;
      if (!found) return fail(ErrorCode::kInvalid, "the body has a member that is not known here");
      if (!pair.value().is_string()) return fail(ErrorCode::kInvalid, "member \"" + std::string(key) + "\" is not a string");
    }
    Members members;
    members.object_ = std::move(*object);
    return members;
  }

  Result<std::string> text(std::string_view name, std::size_t limit) const {
    const auto value = json::string_at(object_, name).value_or("");
    if (value.size() > limit) return fail(ErrorCode::kTooLarge, "member \"" + std::string(name) + "\" is too long");
    return std::string(value);
  }

 private:
  json::object object_;
};

Result<DecisionOrder> decision_order(const net::HttpRequest& request, std::string_view id) {
  const auto members = Members::read(request, {"decision", "digest", "reason", "passphrase"});
  if (!members) return fail(members.error());
  DecisionOrder order;
  order.id = id;
  auto decision = members->text("decision", kNameBytes);
  auto digest = members->text("digest", kNameBytes);
  auto reason = members->text("reason", kReasonBytes);
  auto passphrase = members->text("passphrase", kReasonBytes);
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

}  // namespace

int http_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return 400;
    case ErrorCode::kTooLarge: return 413;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kConflict: return 409;
    case ErrorCode::kDenied: return 403;
    case ErrorCode::kExpired: return 410;
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kTimeout: return 504;
    case ErrorCode::kUnsupported: return 501;
    case ErrorCode::kIo:
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

AdminAnswer answer_admin_request(const net::HttpRequest& request, const AdminOperations& operations, int service_uid) {
  // No credentials means that this is no Unix socket: then nobody is let in.
  if (request.peer_pid <= 0 || request.peer_uid < 0 || (request.peer_uid != service_uid && request.peer_uid != 0)) {
    return error_answer(403, "denied", "the admin socket is for the gate's own user and root",
                        "use sudo -u, or the user that runs the gate");
  }
  // A browser or a proxy that was talked into calling would say so; the CLI never does.
  if (request.headers.get("origin") || request.headers.get("x-forwarded-for")) {
    return error_answer(403, "denied", "the admin socket takes no forwarded requests", "");
  }
  const AdminCaller caller{request.peer_pid, request.peer_uid};
  std::string_view path = request.path;
  if (!path.starts_with(kPrefix)) return error_answer(404, "not_found", "there is nothing at this path", "");
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
  return error_answer(404, "not_found", "there is nothing at this path", "");
}

std::string admin_socket_path(std::string_view state_folder, int pid) {
  return std::string(state_folder) + "/run/" + std::to_string(pid) + ".sock";
}

AdminListener::AdminListener(net::Loop& loop, AdminOperations operations) {
  net::HttpServerOptions options;
  options.body_bytes = kBodyBytes;
  options.connections = kConnections;
  options.header_timeout_ms = 5'000;
  options.body_timeout_ms = 5'000;
  options.idle_timeout_ms = 10'000;
  server_ = std::make_unique<net::HttpServer>(
      loop, options, [operations = std::move(operations)](net::HttpRequest request, std::shared_ptr<net::HttpExchange> exchange) {
        auto answer = answer_admin_request(request, operations, static_cast<int>(::geteuid()));
        exchange->respond(answer.status, std::move(answer.headers), std::move(answer.body));
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
