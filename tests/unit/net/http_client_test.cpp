// The client against our server and against servers that misbehave: streams, kept connections, limits, timeouts, cancelling.
#include "net/http_client.hpp"

#include <atomic>
#include <optional>

#include "parts.hpp"
#include "scripted_server.hpp"

namespace interlock::net::testing {
namespace {

struct Outcome {
  int status = 0;
  Headers headers;
  std::string body;
  int heads = 0;
  int ends = 0;
  std::optional<Status> end;
  bool ok() const { return end && end->has_value(); }
  ErrorCode code() const { return end && !*end ? end->error().code : ErrorCode::kInternal; }
  std::string text() const { return end && !*end ? end->error().text() : std::string(); }
};

// A client on the test's own thread: run() turns the loop until nothing is open.
class Asker {
 public:
  explicit Asker(HttpClientOptions options = {}) : client_(std::make_unique<HttpClient>(loop_, std::move(options))) {}

  std::shared_ptr<HttpCall> start(std::shared_ptr<Outcome> outcome, HttpClientRequest request) {
    ++open_;
    return client_->start(std::move(request), {.on_head =
                                                   [outcome](int status, Headers headers) {
                                                     ++outcome->heads;
                                                     outcome->status = status;
                                                     outcome->headers = std::move(headers);
                                                   },
                                               .on_data = [outcome](std::string_view chunk) { outcome->body += chunk; },
                                               .on_end =
                                                   [this, outcome](Status status) {
                                                     ++outcome->ends;
                                                     outcome->end = std::move(status);
                                                     if (--open_ == 0) loop_.stop();
                                                   }});
  }
  void run() {
    if (open_ == 0) return;
    const auto patience = loop_.after_ms(kPatience_s * 1000, [this] {
      ADD_FAILURE() << "the loop waited too long";
      loop_.stop();
    });
    loop_.run();
    loop_.cancel(patience);
  }
  Outcome ask(HttpClientRequest request) {
    auto outcome = std::make_shared<Outcome>();
    start(outcome, std::move(request));
    run();
    EXPECT_EQ(outcome->ends, 1);
    EXPECT_LE(outcome->heads, 1);
    return *outcome;
  }
  Loop& loop() { return loop_; }
  HttpClient& client() { return *client_; }
  void drop_client() { client_.reset(); }
  void forget_open() { open_ = 0; }

 private:
  Loop loop_;
  std::unique_ptr<HttpClient> client_;
  int open_ = 0;
};

HttpClientRequest to(std::uint16_t port, std::string method = "GET", std::string body = {}, std::string target = "/") {
  return {.method = std::move(method), .url = {.scheme = "http", .host = "127.0.0.1", .port = port, .target = std::move(target)}, .headers = {}, .body = std::move(body), .head_timeout_ms = 0};
}

void echo(HttpRequest request, std::shared_ptr<HttpExchange> exchange) { exchange->respond(200, {{"X-Peer", request.peer}}, request.method + " " + request.path + " " + request.body); }

TEST(HttpClient, GetsAnAnswer) {
  RunningServer running(echo);
  Asker asker;
  const auto outcome = asker.ask(to(running.port(), "POST", "hello", "/x"));
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, "POST /x hello");
}

}  // namespace
}  // namespace interlock::net::testing
