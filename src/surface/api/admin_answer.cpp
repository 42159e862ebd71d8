#include "surface/api/admin_answer.hpp"

#include <algorithm>

namespace interlock::api {
namespace {

constexpr std::size_t kDepth = 16;

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

AdminAnswer wrong_method(std::string_view allowed) {
  auto answer = error_answer(405, "unsupported", "this method is not known here", "use " + std::string(allowed));
  answer.headers.add("Allow", std::string(allowed));
  return answer;
}

AdminAnswer nothing_here() { return error_answer(404, "not_found", "there is nothing at this path", ""); }

Result<json::object> read_body(const net::HttpRequest& request, std::size_t limit) {
  const auto type = request.headers.get("content-type");
  if (!type || !net::equal_ignoring_case(type->substr(0, type->find(';')), "application/json")) {
    return fail(ErrorCode::kInvalid, "the body is not said to be JSON", "send Content-Type: application/json");
  }
  auto body = json::parse(request.body, {limit, kDepth});
  if (!body) return fail(std::move(body.error()));
  auto* object = body->if_object();
  if (object == nullptr) return fail(ErrorCode::kInvalid, "the body is not a JSON object");
  return std::move(*object);
}

Result<Members> Members::read(const net::HttpRequest& request, std::initializer_list<std::string_view> known) {
  auto body = read_body(request);
  if (!body) return fail(std::move(body.error()));
  for (const auto& pair : *body) {
    const std::string_view key(pair.key().data(), pair.key().size());
    if (std::ranges::find(known, key) == known.end()) return fail(ErrorCode::kInvalid, "the body has a member that is not known here");
    if (!pair.value().is_string()) return fail(ErrorCode::kInvalid, "member \"" + std::string(key) + "\" is not a string");
  }
  Members members;
  members.object_ = std::move(*body);
  return members;
}

Result<std::string> Members::text(std::string_view name, std::size_t limit) const {
  const auto value = json::string_at(object_, name).value_or("");
  if (value.size() > limit) return fail(ErrorCode::kTooLarge, "member \"" + std::string(name) + "\" is too long");
  return std::string(value);
}

}  // namespace interlock::api
