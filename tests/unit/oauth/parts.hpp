// A scripted server and an HTTP client on one loop: what the tests of oauth/ talk to.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/loop.hpp"

namespace interlock::oauth::testing {

inline constexpr std::int64_t kPatience_s = 30;

struct Reply {
  int status = 200;
  std::string body;
  net::Headers headers = {{"Content-Type", "application/json"}};
};

// Answers by path with what the test wrote down (404 elsewhere), and remembers what was asked.
class Site {
 public:
  explicit Site(net::Loop& loop)
      : server_(loop, {}, [this](net::HttpRequest request, std::shared_ptr<net::HttpExchange> exchange) {
          requests.push_back(request);
          const auto found = routes_.find(request.path);
          const auto reply = found == routes_.end() ? Reply{404, "", {}} : found->second(request);
          exchange->respond(reply.status, reply.headers, reply.body);
        }) {
    port = server_.listen_tcp("127.0.0.1", 0).value();
  }

  std::string url(std::string_view path = {}) const { return "http://127.0.0.1:" + std::to_string(port) + std::string(path); }
  void on(std::string path, std::function<Reply(const net::HttpRequest&)> answer) { routes_[std::move(path)] = std::move(answer); }
  void on(std::string path, Reply reply) {
    on(std::move(path), [reply = std::move(reply)](const net::HttpRequest&) { return reply; });
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> out;
    for (const auto& request : requests) out.push_back(request.path);
    return out;
  }

  std::vector<net::HttpRequest> requests;
  std::uint16_t port = 0;

 private:
  std::map<std::string, std::function<Reply(const net::HttpRequest&)>> routes_;
  net::HttpServer server_;
};

// Runs the loop until `work` calls the function it is given.
inline void run_until_done(net::Loop& loop, const std::function<void(std::function<void()>)>& work) {
  bool done = false;
  const auto patience = loop.after_ms(kPatience_s * 1000, [&] {
    ADD_FAILURE() << "the loop waited too long";
    loop.stop();
  });
  work([&] {
    done = true;
    loop.stop();
  });
  if (!done) loop.run();
  loop.cancel(patience);
}

}  // namespace interlock::oauth::testing
