// A client's connection of HTTP/2 that is answered any frames, over a socket pair: nothing crashes, each call has just one last word (an
// end, a loss, or that it is to be repeated), nothing comes before its head or after its end, and no head holds what HTTP/1.1 would break.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "net/http_head_scanner.hpp"
#include "net/stream_connection.hpp"

namespace {

using namespace interlock::net;

constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr std::array<const char*, 3> kMethods{"GET", "POST", "HEAD"};

struct Heard {
  bool head = false;
  int ends = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
  Loop loop;
  std::array<Heard, kMethods.size()> heard;
  int repeated = 0;
  int closed = 0;
  const auto context = std::make_shared<StreamClientContext>(StreamClientContext{.loop = loop,
                                                                                 .limits = {.header_bytes = 2048, .queued_bytes = 4096},
                                                                                 .include_deadline = [](std::int64_t) {},
                                                                                 .on_room = [](StreamClientConnection*) {},
                                                                                 .on_closed = [&](StreamClientConnection*) { ++closed; },
                                                                                 .on_repeat = [&](const auto&) { ++repeated; }});
  auto connection = open_h2_client(context, Wire::make(loop, pair[0], std::move(*plain_transport(pair[0]))));
  for (std::size_t i = 0; i < kMethods.size(); ++i) {
    auto& one = heard[i];
    Destination to;
    to.scheme = "https";
    auto call = std::make_shared<StreamCall>(
        to, ClientHead{kMethods[i], "host", "/", {}, i == 1 ? std::nullopt : std::optional<std::uint64_t>(0), ""},
        ClientStreamHandlers{.on_inform =
                                 [&one](int status, const Headers&) {
                                   if (one.head || one.ends > 0 || status < 100 || status > 199) std::abort();
                                 },
                             .on_head =
                                 [&one](int status, const Headers& headers, std::optional<std::uint64_t>) {
                                   if (std::exchange(one.head, true) || one.ends > 0 || status < 200) std::abort();
                                   for (const auto& [name, value] : headers.all())
                                     if (!is_token(name) || !is_field_value(value) || is_hop_by_hop(name)) std::abort();
                                 },
                             .body = {.on_data =
                                          [&one](std::string_view) {
                                            if (!one.head || one.ends > 0) std::abort();
                                          },
                                      .on_end =
                                          [&one](const Headers&) {
                                            if (!one.head || ++one.ends > 1) std::abort();
                                          },
                                      .on_lost =
                                          [&one](const interlock::Error&) {
                                            if (++one.ends > 1) std::abort();
                                          }},
                             .on_writable = {},
                             .on_upgrade = {}},
        4096);
    connection->carry(call);
    if (i == 1) call->write("some of a body");
  }
  loop.poll();
  (void)!::send(pair[1], kSettings.data(), kSettings.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)!::send(pair[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  for (int turn = 0; turn < 50 && loop.poll() > 0; ++turn) {
  }
  ::shutdown(pair[1], SHUT_RDWR);
  for (int turn = 0; turn < 50 && loop.poll() > 0; ++turn) {
  }
  connection->close();
  loop.poll();
  ::close(pair[1]);
  int ends = repeated;
  for (const auto& one : heard) ends += one.ends;
  if (closed != 1 || ends != static_cast<int>(kMethods.size())) std::abort();
  return 0;
}
