#include "oauth/fetch.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace interlock::oauth {
namespace {

std::string origin_text(const net::Url& url) { return url.scheme + "://" + url.host + ":" + std::to_string(url.port); }

class RunningFetch final : public Fetch {
 public:
  struct State : std::enable_shared_from_this<State> {
    explicit State(net::Loop& l) : loop(l) {}
    net::Loop& loop;
    net::TimerId timer = 0;
    std::shared_ptr<net::HttpCall> call;
    std::string origin;
    Fetched fetched;
    std::function<void(Result<Fetched>)> done;

    void finish(Result<Fetched> result) {
      loop.cancel(timer);
      const auto self = shared_from_this();  // `done` may drop the handle
      const auto finished_call = std::move(call);
      if (finished_call && !result) finished_call->cancel();
      if (const auto report = std::exchange(done, nullptr)) report(std::move(result));
    }
  };

  RunningFetch(net::Loop& loop, net::HttpClient& client, net::HttpClientRequest request, std::function<void(Result<Fetched>)> done)
      : state_(std::make_shared<State>(loop)) {
    state_->done = std::move(done);
    state_->origin = origin_text(request.url);
    const std::weak_ptr<State> weak = state_;
    if (auto allowed = check_endpoint(request.url); !allowed) {
      loop.post([weak, error = std::move(allowed.error())] {
        if (const auto state = weak.lock()) state->finish(fail(error));
      });
      return;
    }
    state_->timer = loop.after_ms(kFetchTimeoutMs, [weak] {
      if (const auto state = weak.lock())
        state->finish(fail(ErrorCode::kTimeout, state->origin + " did not answer within " + std::to_string(kFetchTimeoutMs / 1000) + " s",
                           "see whether it runs and can be reached from here"));
    });
    state_->call =
        client.start(std::move(request),
                     {.on_head =
                          [weak](int status, net::Headers headers) {
                            if (const auto state = weak.lock()) {
                              state->fetched.status = status;
                              state->fetched.headers = std::move(headers);
                            }
                          },
                      .on_data =
                          [weak](std::string_view chunk) {
                            const auto state = weak.lock();
                            if (!state) return;
                            if (state->fetched.body.size() + chunk.size() > kDocumentBytes) {
                              return state->finish(fail(ErrorCode::kTooLarge, "the answer of " + state->origin + " is over the bound of " +
                                                                                  std::to_string(kDocumentBytes) + " bytes"));
                            }
                            state->fetched.body.append(chunk);
                          },
                      .on_end =
                          [weak](Status status) {
                            const auto state = weak.lock();
                            if (!state) return;
                            if (!status) return state->finish(fail(std::move(status.error())));
                            state->finish(std::move(state->fetched));
                          }});
  }
  ~RunningFetch() override {
    state_->loop.cancel(state_->timer);
    state_->done = nullptr;
    if (state_->call) state_->call->cancel();
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, text.c_str(), &v6) == 1 && std::memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
}

bool is_local_host(std::string_view host) {
  if (is_loopback_host(host)) return true;
  const std::string text(host);
  in6_addr v6{};
  in_addr v4{};
  bool is_v4 = ::inet_pton(AF_INET, text.c_str(), &v4) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    if (IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6)) return true;
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) return false;
    std::memcpy(&v4, v6.s6_addr + 12, sizeof v4);
    is_v4 = true;
  }
  if (!is_v4) return false;
  const auto address = ntohl(v4.s_addr);
  return (address >> 24) == 127 || (address >> 24) == 0 || (address >> 16) == 0xA9FE;
}

Status check_endpoint(const net::Url& url) {
  if (url.scheme == "https" || is_loopback_host(url.host)) return {};
  return fail(ErrorCode::kDenied, origin_text(url) + " would carry credentials in the clear", "OAuth endpoints are https (RFC 9700 §2.6)");
}

Status check_endpoint(std::string_view url) {
  const auto parsed = net::parse_url(url);
  if (!parsed) return fail(ErrorCode::kDenied, parsed.error().message, parsed.error().hint);
  return check_endpoint(*parsed);
}

std::unique_ptr<Fetch> fetch(net::Loop& loop, net::HttpClient& client, net::HttpClientRequest request,
                             std::function<void(Result<Fetched>)> done) {
  return std::make_unique<RunningFetch>(loop, client, std::move(request), std::move(done));
}

}  // namespace interlock::oauth
