// The admin surface's part for leases: what is lent, and taking it back. No answer ever holds a credential.
//
//   GET  /v1/leases[?ended=true]   {"leases":[...]} of all gates of the state folder
//   POST /v1/leases/ID/revoke      {"reason"?}; later, once the real system has answered: the lease as it is then
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/api/admin_answer.hpp"

namespace interlock::api {

struct LeaseOperations {
  std::function<Result<json::array>(bool with_ended)> list;
  std::function<void(const AdminCaller& caller, std::string_view id, const std::string& reason,
                     std::function<void(Result<json::object>)> done)>
      revoke;
};

// `path` without "/v1/". False: not one of these routes, and `done` is not called; else it comes once, now or later.
bool answer_lease_request(const net::HttpRequest& request, std::string_view path, const AdminCaller& caller,
                          const LeaseOperations& operations, const std::function<void(AdminAnswer)>& done);

}  // namespace interlock::api
