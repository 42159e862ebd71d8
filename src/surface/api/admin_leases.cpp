#include "surface/api/admin_leases.hpp"

#include "surface/api/form.hpp"

namespace interlock::api {
namespace {

constexpr std::string_view kLeases = "leases/";
constexpr std::string_view kRevoke = "/revoke";

AdminAnswer answer_list(const net::HttpRequest& request, const LeaseOperations& operations) {
  if (request.method != "GET") return wrong_method("GET");
  if (!operations.list) return missing("the list of leases");
  const auto query = Form::parse(request.query);
  if (!query) return error_answer(query.error());
  return list_answer("leases", operations.list(query->get("ended") == "true"));
}

}  // namespace

bool answer_lease_request(const net::HttpRequest& request, std::string_view path, const AdminCaller& caller,
                          const LeaseOperations& operations, const std::function<void(AdminAnswer)>& done) {
  if (path == "leases") {
    done(answer_list(request, operations));
    return true;
  }
  if (!path.starts_with(kLeases)) return false;
  auto id = path.substr(kLeases.size());
  if (!id.ends_with(kRevoke) || id.size() > kAdminNameBytes) {
    done(nothing_here());
    return true;
  }
  id.remove_suffix(kRevoke.size());
  if (request.method != "POST") {
    done(wrong_method("POST"));
    return true;
  }
  if (id.empty() || id.find('/') != std::string_view::npos || !operations.revoke) {
    done(operations.revoke ? nothing_here() : missing("revoking leases"));
    return true;
  }
  const auto members = Members::read(request, {"reason"});
  const auto reason = members ? members->text("reason", kAdminReasonBytes) : Result<std::string>(fail(members.error()));
  if (!reason) done(error_answer(reason.error()));
  else operations.revoke(caller, id, *reason, [done](const Result<json::object>& answer) { done(result_answer(answer)); });
  return true;
}

}  // namespace interlock::api
