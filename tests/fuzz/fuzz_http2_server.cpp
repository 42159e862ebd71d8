// A server's connection of HTTP/2 that is fed any frames behind a good preface, over a socket pair: nothing crashes, no request is told
// with a head that HTTP/1.1 could read otherwise, every body that was asked for has one end, and no handler is called after it.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "net/http_head_scanner.hpp"
#include "net/stream_connection.hpp"

namespace {

using namespace interlock::net;

constexpr std::string_view kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

void check_head(const RequestHead& head) {
  const auto has_no_line_break = [](std::string_view text) { return text.find_first_of(std::string_view("\r\n\0 ", 4)) == text.npos; };
  if (!is_token(head.method) || !has_no_line_break(head.target) || !has_no_line_break(head.authority)) std::abort();
  if (head.authority.empty() || (!head.target.starts_with('/') && head.target != "*")) std::abort();
  for (const auto& [name, value] : head.headers.all()) {
    if (!is_token(name) || !is_field_value(value) || is_hop_by_hop(name)) std::abort();
  }
}

struct Body {
  int ends = 0;
  bool closed = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  Loop loop;
  std::vector<std::shared_ptr<Body>> bodies;
  std::vector<std::shared_ptr<ServerStream>> kept;
  int closed = 0;
  const auto on_request = [&](const std::shared_ptr<ServerStream>& stream) {
    check_head(stream->head());
    const auto body = bodies.emplace_back(std::make_shared<Body>());
    const auto end = [body] {
      if (++body->ends > 1) std::abort();
    };
    if (bodies.size() % 4 == 0) kept.push_back(stream);  // never answered, its body never read
    if (bodies.size() % 4 == 0) return;
    stream->receive({.on_data =
                         [body, held = std::weak_ptr(stream)](std::string_view chunk) {
                           if (body->ends > 0) std::abort();
                           if (const auto to = held.lock(); to && chunk.size() % 3 == 0) to->hold(true);
                         },
                     .on_end =
                         [end, stream](const Headers&) {
                           end();
                           stream->answer(200, {{"x-name", "value"}}, std::nullopt);
                           stream->write(std::string(100'000, 'x'));
                           stream->end({{"x-sum", "1"}});
                         },
                     .on_lost = [end](const interlock::Error&) { end(); }});
  };
  const auto context =
      std::make_shared<StreamServerContext>(StreamServerContext{.loop = loop,
                                                                .limits = {.header_bytes = 2048, .streams = 8, .queued_bytes = 4096},
                                                                .handlers = {on_request, [](const StreamPeer&, std::string_view) {}},
                                                                .include_deadline = [](std::int64_t) {},
                                                                .on_closed = [&](StreamServerConnection*) { ++closed; }});
  auto connection = open_h2_server(context, Wire::make(loop, pair[0], std::move(*plain_transport(pair[0]))), {}, kHello);
  (void)!::send(pair[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  for (int turn = 0; turn < 50 && loop.poll() > 0; ++turn) {
  }
  for (const auto& stream : kept) stream->hold(false);
  connection->close();
  kept.clear();
  loop.poll();
  ::close(pair[1]);
  if (closed != 1) std::abort();
  return 0;
}
