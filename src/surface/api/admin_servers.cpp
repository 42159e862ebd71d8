#include "surface/api/admin_servers.hpp"

namespace interlock::api {
namespace {

constexpr std::string_view kServers = "servers/";
constexpr std::size_t kQueryBytes = 16 * 1024;

void answer_callback(const net::HttpRequest& request, const ServerOperations& operations, const std::function<void(AdminAnswer)>& done) {
  if (!operations.callback) return done(missing("OAuth"));
  const auto members = Members::read(request, {"query"});
  if (!members) return done(error_answer(members.error()));
  const auto query = members->text("query", kQueryBytes);
  if (!query) return done(error_answer(query.error()));
  operations.callback(*query, [done](const Result<json::object>& answer) { done(result_answer(answer)); });
}

}  // namespace

bool answer_server_request(const net::HttpRequest& request, std::string_view path, const Status& may, const ServerOperations& operations,
                           const std::function<void(AdminAnswer)>& done) {
  if (path == "servers") {
    done(request.method != "GET" ? wrong_method("GET") : operations.list ? list_answer("servers", operations.list()) : missing("OAuth"));
    return true;
  }
  if (!path.starts_with(kServers)) return false;
  const auto rest = path.substr(kServers.size());
  const auto slash = rest.find('/');
  const auto server = rest.substr(0, slash);
  const auto verb = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  const bool is_callback = rest == "callback";
  if (!is_callback && (server.empty() || server.size() > kAdminNameBytes || (verb != "login" && verb != "forget"))) {
    done(nothing_here());
    return true;
  }
  if (request.method != "POST") {
    done(wrong_method("POST"));
  } else if (!may) {
    done(error_answer(may.error()));
  } else if (is_callback) {
    answer_callback(request, operations, done);
  } else if (verb == "forget") {
    done(operations.forget ? result_answer(operations.forget(server)) : missing("OAuth"));
  } else if (operations.login) {
    operations.login(server, [done](const Result<json::object>& answer) { done(result_answer(answer)); });
  } else {
    done(missing("OAuth"));
  }
  return true;
}

}  // namespace interlock::api
