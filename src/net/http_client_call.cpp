// One call: its request on the wire, and its handlers, which are called in order and never after the end.
#include "net/http_client_connection.hpp"
#include "net/http_writer.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kJoinedBodyBytes = 16 * 1024;  // shorter bodies leave with the head, in one packet

std::string bracketed(const Url& url) { return url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]"; }

}  // namespace

std::string origin_of(const Url& url) { return url.scheme + "://" + bracketed(url) + ":" + std::to_string(url.port); }

std::string host_header_of(const Url& url) {
  const bool implied = url.port == (url.scheme == "https" ? 443 : 80);
  return implied ? bracketed(url) : bracketed(url) + ":" + std::to_string(url.port);
}

ClientCall::ClientCall(HttpClientRequest request, HttpCallHandlers handlers)
    : url_(std::move(request.url)), handlers_(std::move(handlers)), body_(std::move(request.body)), is_head_(request.method == "HEAD") {
  retried = !request.may_repeat;
  if (request.head_timeout_ms > 0) deadline_ms_ = steady_ms() + request.head_timeout_ms;
  const bool says_length = !body_.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  wire_.reserve(512 + (body_.size() <= kJoinedBodyBytes ? body_.size() : 0));
  write_request_head(wire_, request.method, url_.target, host_header_of(url_), request.headers,
                     says_length ? std::optional(body_.size()) : std::nullopt);
  if (body_.size() <= kJoinedBodyBytes) {
    wire_.append(body_);
    body_.clear();
  }
}

void ClientCall::cancel() {
  const auto self = shared_from_this();
  drop();
  if (leave_queue) std::exchange(leave_queue, nullptr)(this);
  if (connection != nullptr) connection->close();
}

void ClientCall::drop() {
  finished_ = true;
  // A handler that cancels its own call is not destroyed under its feet.
  if (!calling_) handlers_ = {};
}

bool ClientCall::on_response_head(int status, Headers headers) {
  deadline_ms_ = kNever;
  if (finished_) return false;
  calling_ = true;
  if (handlers_.on_head) handlers_.on_head(status, std::move(headers));
  calling_ = false;
  if (finished_) handlers_ = {};
  return !finished_;
}

bool ClientCall::on_response_data(std::string_view chunk) {
  if (finished_) return false;
  calling_ = true;
  if (handlers_.on_data) handlers_.on_data(chunk);
  calling_ = false;
  if (finished_) handlers_ = {};
  return !finished_;
}

void ClientCall::finish(Status status) {
  if (finished_) return;
  finished_ = true;
  const auto on_end = std::move(handlers_.on_end);
  handlers_ = {};
  if (on_end) on_end(std::move(status));
}

}  // namespace interlock::net
