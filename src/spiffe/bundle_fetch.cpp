#include "spiffe/bundle_fetch.hpp"

#include <utility>

#include "spiffe/bundle.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::int64_t kFetchMs = 20'000;  // in all
constexpr int kRedirects = 3;

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

std::string origin_of(const net::Url& url) { return url.host + ":" + std::to_string(url.port); }

}  // namespace

struct BundleFetch::State : std::enable_shared_from_this<BundleFetch::State> {
  State(net::Loop& l, net::HttpClientOptions options, std::function<void(Result<std::string>)> d)
      : loop(l), client(l, std::move(options)), done(std::move(d)) {}

  net::Loop& loop;
  net::HttpClient client;
  std::function<void(Result<std::string>)> done;
  net::TimerId timer = 0;
  std::shared_ptr<net::HttpCall> call;
  net::Url url;
  int redirects = 0;
  int status = 0;
  std::string location;
  std::string body;

  void start() {
    status = 0;
    location.clear();
    body.clear();
    const std::weak_ptr<State> weak = weak_from_this();
    call = client.start({.method = "GET", .url = url, .headers = {{"Accept", "application/json"}}, .body = {}},
                        {.on_head =
                             [weak](int code, const net::Headers& headers) {
                               const auto self = weak.lock();
                               if (!self) return;
                               self->status = code;
                               self->location = headers.get("Location").value_or("");
                             },
                         .on_data =
                             [weak](std::string_view chunk) {
                               if (const auto self = weak.lock()) self->take(chunk);
                             },
                         .on_end =
                             [weak](Status ended) {
                               if (const auto self = weak.lock()) self->ended(std::move(ended));
                             }});
  }

  void take(std::string_view chunk) {
    if (body.size() + chunk.size() > kBundleBytes) {
      return finish(fail(ErrorCode::kTooLarge, "the bundle endpoint " + origin_of(url) + " sends more than 4 MiB"));
    }
    body.append(chunk);
  }

  void ended(Status ended) {
    if (!ended) return finish(fail(std::move(ended.error())));
    if (is_redirect(status)) return follow();
    if (status != 200) {
      return finish(
          fail(ErrorCode::kUnavailable, "the bundle endpoint " + origin_of(url) + " answers with status " + std::to_string(status)));
    }
    finish(std::move(body));
  }

  // The target is another bundle endpoint under the same rules, for this once (§5.2.1.4, §7.5.1).
  void follow() {
    if (++redirects > kRedirects) return finish(fail(ErrorCode::kDenied, "the bundle endpoint redirects too often"));
    auto target = location.starts_with("/") && !location.starts_with("//") ? parse_endpoint_url("https://" + authority() + location)
                                                                           : parse_endpoint_url(location);
    if (!target)
      return finish(fail(ErrorCode::kDenied, "the bundle endpoint redirects to what is no bundle endpoint: " + target.error().message));
    url = std::move(*target);
    start();
  }

  std::string authority() const {
    const bool is_v6 = url.host.find(':') != std::string::npos;
    return (is_v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
  }

  void finish(Result<std::string> result) {
    loop.cancel(timer);
    const auto self = shared_from_this();  // `done` may drop the handle
    if (!result && call) call->cancel();
    if (const auto report = std::exchange(done, nullptr)) report(std::move(result));
  }
};

Result<net::Url> parse_endpoint_url(std::string_view text) {
  auto url = net::parse_url(text);
  if (!url) return url;
  if (url->scheme != "https") {
    return fail(ErrorCode::kInvalid, "a bundle endpoint's address must begin with https://", "a bundle decides whom the gate believes");
  }
  return url;
}

BundleFetch::BundleFetch(net::Loop& loop, net::HttpClientOptions options, net::Url url, std::function<void(Result<std::string>)> done)
    : state_(std::make_shared<State>(loop, std::move(options), std::move(done))) {
  state_->url = std::move(url);
  state_->timer = loop.after_ms(kFetchMs, [weak = std::weak_ptr(state_)] {
    const auto self = weak.lock();
    if (self) self->finish(fail(ErrorCode::kTimeout, "the bundle endpoint " + origin_of(self->url) + " did not answer within 20 s"));
  });
  state_->start();
}

BundleFetch::~BundleFetch() {
  state_->loop.cancel(state_->timer);
  state_->done = nullptr;
  if (state_->call) state_->call->cancel();
}

}  // namespace interlock::spiffe
