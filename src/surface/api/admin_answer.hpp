// What the parts of the admin surface share: who calls, how an answer looks, and how a JSON body is read. Pure functions.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/http.hpp"

namespace interlock::api {

inline constexpr std::size_t kAdminBodyBytes = 64 * 1024;
inline constexpr std::size_t kAdminOrderBytes = 256 * 1024;  // of a task: its scope may be long
inline constexpr std::size_t kAdminReasonBytes = 2000;
inline constexpr std::size_t kAdminNameBytes = 2048;  // SPIFFE IDs are this long

// Who is on the socket, by SO_PEERCRED.
struct AdminCaller {
  int pid = -1;
  int uid = -1;
};

struct AdminAnswer {
  int status = 200;
  net::Headers headers;
  std::string body;
};

int http_status_of(ErrorCode code);

AdminAnswer json_answer(int status, const json::value& body);
AdminAnswer error_answer(int status, std::string_view code, std::string_view message, std::string_view hint);
AdminAnswer error_answer(const Error& error);
AdminAnswer result_answer(const Result<json::object>& result);
AdminAnswer list_answer(std::string_view name, const Result<json::array>& result);
AdminAnswer missing(std::string_view what);          // 501
AdminAnswer wrong_method(std::string_view allowed);  // 405
AdminAnswer nothing_here();                          // 404

// The body as an object; kInvalid where it is not said to be JSON, or is none.
Result<json::object> read_body(const net::HttpRequest& request, std::size_t limit = kAdminBodyBytes);

// The members of a body, each a string of bounded length; others are refused, so that a misspelt one is never passed over.
class Members {
 public:
  static Result<Members> read(const net::HttpRequest& request, std::initializer_list<std::string_view> known);
  Result<std::string> text(std::string_view name, std::size_t limit) const;

 private:
  json::object object_;
};

}  // namespace interlock::api
