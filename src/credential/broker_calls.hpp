// The HTTP calls that a broker has under way: each bounded in time and size, to https or loopback alone, redirects not followed (a
// credential goes to nobody but whom it was meant for). They end with their answer, or with the broker. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "oauth/fetch.hpp"

namespace interlock::credential {

class BrokerCalls {
 public:
  BrokerCalls(net::Loop& loop, net::HttpClient& http) : loop_(loop), http_(http) {}

  // `done` comes once, on the loop, unless the broker goes first. `request.url` is left out: it is `url`.
  void send(std::string_view url, net::HttpClientRequest request, std::function<void(Result<oauth::Fetched>)> done);
  // Any other call of oauth/: `start` gives it what to call when it is over, before anything else is done with the answer.
  using Start = std::function<std::unique_ptr<oauth::Fetch>(std::function<void()> over)>;
  void run(const Start& start);
  // Later, on the loop: for what is known at once.
  void later(std::function<void()> work);
  void after_ms(std::int64_t delay_ms, std::function<void()> work);
  net::Loop& loop() { return loop_; }
  net::HttpClient& http() { return http_; }

 private:
  net::Loop& loop_;
  net::HttpClient& http_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<oauth::Fetch>> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

// What a status that is no success says: kDenied (401, 403), kNotFound, kUnavailable (408, 429, 5xx), kUnsupported (redirects) or kInvalid.
// `who`: "GitHub".
Error answer_error(std::string_view who, std::string_view what, int status, std::string_view said = {});
// The JSON object that is the body of an answer. kUnavailable where it is none.
Result<json::object> read_object(std::string_view who, std::string_view body);

// A mint that failed, as Broker::mint() tells it: kDenied where nothing was made. It leaves open kUnavailable, kTimeout and kTooLarge of a
// call that was sent.
Error unminted(Error error);
// The same of what failed before anything was asked for.
Error nothing_made(Error error);

}  // namespace interlock::credential
