#include "net/grpc_client_connection.hpp"

#include <vector>

namespace interlock::net {
namespace {

constexpr std::uint32_t kCancel = 0x8;  // RFC 9113 §7

struct ClientStream final : GrpcStream {
  ClientStream(std::size_t message_bytes, std::shared_ptr<GrpcRunningCall> c) : GrpcStream(message_bytes), call(std::move(c)) {}
  std::shared_ptr<GrpcRunningCall> call;
};

GrpcRunningCall& call_of(GrpcStream& stream) { return *static_cast<ClientStream&>(stream).call; }

std::string_view last_value(const Headers& headers, std::string_view name) {
  std::string_view found;
  for (const auto& [field, value] : headers.all()) {
    if (field == name) found = value;
  }
  return found;
}

// The status that the header blocks of an answer tell. `missing`: where they do not.
GrpcStatus status_of(const Headers& received, GrpcStatus missing) {
  const auto http = last_value(received, ":status");
  const auto code = parse_grpc_code(last_value(received, "grpc-status"));
  if (code) return {*code, decode_grpc_text(last_value(received, "grpc-message"))};
  if (!http.empty() && http != "200") return {grpc_code_of_http_status(http), "the server answered HTTP status " + std::string(http)};
  return missing;
}

}  // namespace

// --- a call ------------------------------------------------------------------------------------------------------------------

void GrpcRunningCall::cancel() { stop(nullptr); }

void GrpcRunningCall::stop(GrpcStatus* status) {
  if (over_) return;
  over_ = true;
  loop_.cancel(std::exchange(timer_, 0));
  const auto handlers = std::exchange(handlers_, {});
  const auto self = shared_from_this();
  if (const auto where = connection.lock(); where && stream != 0) where->abandon(stream);
  if (status != nullptr && handlers.on_end) handlers.on_end(std::move(*status));
}

void GrpcRunningCall::expire_after(std::int64_t timeout_ms) {
  timer_ = loop_.after_ms(timeout_ms, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->timer_ = 0;
    self->end({GrpcCode::kDeadlineExceeded, "the server did not answer within the call's deadline"});
  });
}

// The handlers outlive the call that one of them ends.
void GrpcRunningCall::take_message(std::string_view message) {
  if (over_ || !handlers_.on_message) return;
  const auto on_message = handlers_.on_message;
  on_message(message);
}

void GrpcRunningCall::end(GrpcStatus status) { stop(&status); }

void GrpcRunningCall::end_soon(GrpcStatus status) {
  loop_.post([self = shared_from_this(), status = std::move(status)]() mutable { self->end(std::move(status)); });
}

// --- its connection ----------------------------------------------------------------------------------------------------------

void GrpcClientConnection::start(const std::shared_ptr<GrpcRunningCall>& call, const GrpcFields& fields, std::string_view message) {
  if (streams() >= options().streams_per_connection) {
    return call->end_soon({GrpcCode::kResourceExhausted, "as many calls run as may on one connection"});
  }
  auto opened = std::make_unique<ClientStream>(options().message_bytes, call);
  auto* stream = opened.get();
  append_grpc_message(stream->out, message);
  stream->out_ends = true;
  if (!submit_request(std::move(opened), fields)) {
    leaving_ = true;
    return call->end_soon({GrpcCode::kUnavailable, "the connection takes no more calls; try again"});
  }
  call->connection = std::static_pointer_cast<GrpcClientConnection>(shared_from_this());
  call->stream = stream->id;
}

void GrpcClientConnection::abandon(std::int32_t id) {
  auto* stream = find(id);
  if (stream == nullptr || stream->deaf) return;
  stream->deaf = true;
  reset(id, kCancel);
}

void GrpcClientConnection::abandon_all() {
  std::vector<std::shared_ptr<GrpcRunningCall>> calls;
  for (const auto& [id, stream] : all_streams()) calls.push_back(static_cast<ClientStream&>(*stream).call);
  for (const auto& call : calls) call->cancel();
}

void GrpcClientConnection::on_headers(GrpcStream& stream, bool ends) {
  if (stream.received_too_much) {
    return call_of(stream).end({GrpcCode::kResourceExhausted, "the server's metadata is larger than is taken"});
  }
  const auto http = last_value(stream.received, ":status");
  if (ends || http != "200") return;  // an error's body is not gRPC; its end tells the status
  if (const auto encoding = last_value(stream.received, "grpc-encoding"); !encoding.empty() && encoding != "identity") {
    return call_of(stream).end({GrpcCode::kInternal, "the server compresses, which was not offered"});
  }
  if (!is_grpc_content_type(last_value(stream.received, "content-type"))) {
    call_of(stream).end({GrpcCode::kUnknown, "the answer is not gRPC: check the address"});
  }
}

bool GrpcClientConnection::on_message(GrpcStream& stream, std::string_view message) {
  call_of(stream).take_message(message);
  return !stream.deaf;
}

void GrpcClientConnection::on_bad_data(GrpcStream& stream, GrpcStatus status) {
  const auto http = last_value(stream.received, ":status");
  if (http != "200") status = status_of(stream.received, std::move(status));
  call_of(stream).end(std::move(status));
}

void GrpcClientConnection::on_end(GrpcStream& stream) {
  auto status = status_of(stream.received, {GrpcCode::kInternal, "the server ended the call without a status"});
  if (status.ok() && !stream.reader.between_messages()) status = {GrpcCode::kInternal, "the answer ended in the middle of a message"};
  stream.deaf = true;  // it has ended on its own: no reset is owed
  call_of(stream).end(std::move(status));
}

void GrpcClientConnection::on_stream_closed(GrpcStream& stream, std::uint32_t http2_error) {
  stream.deaf = true;
  call_of(stream).end(
      {grpc_code_of_http2_error(http2_error), "the server reset the call (HTTP/2 error " + std::to_string(http2_error) + ")"});
}

void GrpcClientConnection::on_close(std::string_view reason) {
  std::vector<std::shared_ptr<GrpcRunningCall>> calls;
  for (const auto& [id, stream] : all_streams()) {
    stream->deaf = true;
    calls.push_back(static_cast<ClientStream&>(*stream).call);
  }
  for (const auto& call : calls) call->end({GrpcCode::kUnavailable, std::string(reason)});
}

}  // namespace interlock::net
