// A gRPC server's connection that is fed any bytes behind a good preface, and a client's that is answered any bytes, over a socket
// pair: nothing crashes, each call ends at most once, and gRPC's own framing is the same however it is split.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "net/grpc_client_connection.hpp"
#include "net/grpc_server_connection.hpp"
#include "net/grpc_wire.hpp"

namespace {

using namespace interlock::net;

constexpr std::string_view kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
constexpr GrpcOptions kSmall{.message_bytes = 512, .metadata_bytes = 1024, .streams_per_connection = 4, .queued_bytes = 4096};

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void run(Loop& loop) {
  for (int turn = 0; turn < 100 && loop.poll() > 0; ++turn) {
  }
}

void serve(std::string_view bytes) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  Loop loop;
  const auto context = std::make_shared<GrpcServerContext>(GrpcServerContext{loop, kSmall,
                                                                             [](GrpcCall call, std::shared_ptr<GrpcReply> reply) {
                                                                               if (call.message.size() > kSmall.message_bytes) std::abort();
                                                                               reply->send(call.message);
                                                                               reply->finish({});
                                                                             },
                                                                             [](GrpcConnection*) {}});
  const auto connection = open_grpc_server_connection(context, pair[0]);
  connection->begin();
  send_all(pair[1], kHello);
  send_all(pair[1], bytes);
  run(loop);
  if (!connection->closed()) connection->close("over");
  run(loop);
  ::close(pair[1]);
}

void answer(std::string_view bytes) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  Loop loop;
  int ends = 0;
  const auto connection = std::make_shared<GrpcClientConnection>(loop, kSmall, pair[0]);
  const auto call = std::make_shared<GrpcRunningCall>(loop, GrpcCallHandlers{[](std::string_view message) {
                                                                               if (message.size() > kSmall.message_bytes) std::abort();
                                                                             },
                                                                             [&ends](const GrpcStatus&) { ++ends; }});
  connection->start(call, {{":method", "POST"}, {":scheme", "http"}, {":path", "/a/b"}, {":authority", "a"}, {"te", "trailers"}}, "x");
  connection->begin();
  run(loop);
  send_all(pair[1], kHello.substr(24));
  send_all(pair[1], bytes);
  run(loop);
  if (!connection->closed()) connection->close("over");
  run(loop);
  if (ends != 1) std::abort();
  ::close(pair[1]);
}

std::string read_messages(std::string_view bytes, std::size_t piece) {
  GrpcMessageReader reader(kSmall.message_bytes);
  std::string seen;
  while (!bytes.empty()) {
    const auto take = std::min(piece, bytes.size());
    const auto status = reader.feed(bytes.substr(0, take), [&](std::string_view message) {
      seen.append(message).push_back('|');
      return true;
    });
    if (!status.ok()) return seen + std::to_string(static_cast<int>(status.code));
    bytes.remove_prefix(take);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: serve(bytes); break;
    case 1: answer(bytes); break;
    default:
      if (read_messages(bytes, bytes.size()) != read_messages(bytes, 1)) std::abort();
      if (decode_grpc_text(encode_grpc_text(bytes.substr(0, kGrpcStatusTextBytes))) != bytes.substr(0, kGrpcStatusTextBytes)) std::abort();
      (void)parse_grpc_timeout(bytes);
      (void)parse_grpc_code(bytes);
  }
  return 0;
}
