// The server over real sockets: framing, order, streams, clients that go away, limits, draining, Unix sockets.
#include "net/http_server.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>

#include "parts.hpp"

namespace interlock::net::testing {
namespace {

// Says what it was asked.
void echo(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  std::string text = request.method + " " + request.path + "?" + request.query + " " + std::to_string(request.body.size()) + ":" + request.body;
  exchange->respond(200, {{"Content-Type", "text/plain"}}, std::move(text));
}

std::string get(std::string_view path, std::string_view more = "") { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n"; }

TEST(HttpServer, AnswersARequest) {
  RunningServer running(echo);
  RawClient client(running.port());
  const auto response = client.ask(get("/a/b?c=d%20e"));
  EXPECT_EQ(status_of(response), 200);
  EXPECT_EQ(body_of(response), "GET /a/b?c=d%20e 0:");
  EXPECT_NE(response.find("\r\nDate: "), std::string::npos);
}

TEST(HttpServer, KeepsAConnectionForManyRequests) {
  RunningServer running(echo);
  RawClient client(running.port());
  for (int i = 0; i < 100; ++i) {
    const auto body = std::string(static_cast<std::size_t>(i * 997), 'x');
    const auto response = client.ask("POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_EQ(body_of(response), "POST /" + std::to_string(i) + "? " + std::to_string(body.size()) + ":" + body);
  }
  EXPECT_EQ(running.connections(), 1U);
}

}  // namespace
}  // namespace interlock::net::testing
