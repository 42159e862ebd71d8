#include "credential/broker_calls.hpp"

#include <utility>

#include "oauth/token_request.hpp"

namespace interlock::credential {
namespace {

constexpr std::size_t kAnswerDepth = 32;

}  // namespace

void BrokerCalls::send(std::string_view url, net::HttpClientRequest request, std::function<void(Result<oauth::Fetched>)> done) {
  auto parsed = net::parse_url(url);
  if (!parsed) return later([done = std::move(done), error = std::move(parsed.error())] { done(fail(error)); });
  request.url = std::move(*parsed);
  run([&](std::function<void()> over) {
    return oauth::fetch(loop_, http_, std::move(request), [over = std::move(over), done = std::move(done)](Result<oauth::Fetched> fetched) {
      over();
      done(std::move(fetched));
    });
  });
}

void BrokerCalls::run(const Start& start) {
  const auto id = ++last_;
  running_[id] = start([this, id] { running_.erase(id); });
}

void BrokerCalls::later(std::function<void()> work) {
  loop_.post([alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (alive.lock()) work();
  });
}

void BrokerCalls::after_ms(std::int64_t delay_ms, std::function<void()> work) {
  loop_.after_ms(delay_ms, [alive = std::weak_ptr(alive_), work = std::move(work)] {
    if (alive.lock()) work();
  });
}

Error answer_error(std::string_view who, std::string_view what, int status, std::string_view said) {
  std::string message(who);
  message.append(" answers HTTP ").append(std::to_string(status)).append(" to ").append(what);
  if (!said.empty()) message += ": " + oauth::shown(said);
  if (status >= 300 && status < 400)
    return {ErrorCode::kUnsupported, std::move(message), "redirects are not followed: name the right address"};
  if (status == 401 || status == 403) return {ErrorCode::kDenied, std::move(message), "see what the gate's own key may do there"};
  if (status == 404) return {ErrorCode::kNotFound, std::move(message), {}};
  if (status == 408 || status == 429 || status >= 500) return {ErrorCode::kUnavailable, std::move(message), "try again later"};
  return {ErrorCode::kInvalid, std::move(message), {}};
}

Result<json::object> read_object(std::string_view who, std::string_view body) {
  auto parsed = json::parse(body, {.size_bytes = oauth::kDocumentBytes, .depth = kAnswerDepth});
  if (!parsed) return fail(ErrorCode::kUnavailable, "the answer of " + std::string(who) + " is no JSON: " + parsed.error().message);
  if (!parsed->is_object()) return fail(ErrorCode::kUnavailable, "the answer of " + std::string(who) + " is no JSON object");
  return std::move(parsed->get_object());
}

Error unminted(Error error) {
  const bool is_open = error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout || error.code == ErrorCode::kTooLarge;
  return is_open && !net::was_never_sent(error) ? error : nothing_made(std::move(error));
}

Error nothing_made(Error error) {
  error.code = ErrorCode::kDenied;
  return error;
}

}  // namespace interlock::credential
