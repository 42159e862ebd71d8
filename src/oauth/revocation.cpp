#include "oauth/revocation.hpp"

#include <utility>

#include "base/json.hpp"

namespace interlock::oauth {
namespace {

constexpr std::size_t kErrorBytes = 16 * 1024;
constexpr std::size_t kErrorDepth = 8;

Result<net::HttpClientRequest> make_request(const RevocationRequest& request, UnixMs now_ms) {
  auto url = net::parse_url(request.endpoint);
  if (!url) return fail(std::move(url.error()));
  Form form{{"token", request.token}, {"token_type_hint", request.token_type_hint}};
  net::Headers headers{{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
  if (auto shown_who = authenticate(request.client, request.audience, form, headers, now_ms); !shown_who)
    return fail(std::move(shown_who.error()));
  // A second revocation of the same token does no harm, so it may be sent again.
  return net::HttpClientRequest{.method = "POST", .url = std::move(*url), .headers = std::move(headers), .body = write_form(form)};
}

// What could not be sent: told on the loop, as an answer would be.
class Unsent final : public Fetch {
 public:
  Unsent(net::Loop& loop, Error error, std::function<void(Status)> done) {
    loop.post([alive = std::weak_ptr(alive_), error = std::move(error), done = std::move(done)] {
      if (alive.lock()) done(fail(error));
    });
  }

 private:
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace

Status read_revocation_response(int status, std::string_view body) {
  if (status == 200) return {};
  const auto answers = "the authorization server answers HTTP " + std::to_string(status) + " to a revocation";
  if (status == 429 || status >= 500) return fail(ErrorCode::kUnavailable, answers, "it is tried again");
  const auto parsed = json::parse(body.substr(0, kErrorBytes), {.size_bytes = kErrorBytes, .depth = kErrorDepth});
  const auto* document = parsed ? parsed->if_object() : nullptr;
  const auto name = document == nullptr ? std::nullopt : json::string_at(*document, "error");
  if (!name) return fail(ErrorCode::kUnavailable, answers, "see whether its revocation endpoint is the right one");
  return fail(ErrorCode::kDenied, answers + ": " + shown(*name), "see what the authorization server knows of this client");
}

std::unique_ptr<Fetch> revoke_token(net::Loop& loop, net::HttpClient& client, const Clock& clock, const RevocationRequest& request,
                                    std::function<void(Status)> done) {
  auto made = make_request(request, clock.now_ms());
  if (!made) return std::make_unique<Unsent>(loop, std::move(made.error()), std::move(done));
  return fetch(loop, client, std::move(*made), [done = std::move(done)](Result<Fetched> fetched) {
    if (!fetched) return done(fail(std::move(fetched.error())));
    done(read_revocation_response(fetched->status, fetched->body));
  });
}

}  // namespace interlock::oauth
