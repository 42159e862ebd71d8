#include "identity/issuer_keys.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>

#include "identity/issuers.hpp"

namespace interlock::identity {
namespace {

std::optional<std::int64_t> seconds(std::string_view text) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range) return kFreshMostMs / 1000;
  if (error != std::errc() || end != text.data() + text.size() || out < 0) return std::nullopt;
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// IMF-fixdate (RFC 9110 §5.6.7), the one form that a server may send today.
std::optional<UnixMs> http_time(std::string_view text) {
  const std::string copy(text);
  std::tm parts{};
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<UnixMs>(::timegm(&parts)) * 1000;
}

// What a waiter is told where no key is in force.
Error unavailable(std::string_view issuer, std::string_view trouble) {
  return {ErrorCode::kUnavailable, "the keys of issuer " + std::string(issuer) + " cannot be had: " + std::string(trouble),
          "see whether the issuer can be reached from the gate; tokens of others are not touched"};
}

}  // namespace

std::int64_t fresh_for_ms(const net::Headers& headers, UnixMs now_ms) {
  std::optional<std::int64_t> fresh_ms;
  bool never = false;
  for (const auto& [name, value] : headers.all()) {
    if (!net::equal_ignoring_case(name, "cache-control")) continue;
    for (std::size_t at = 0; at <= value.size();) {
      const auto end = std::min(value.find(',', at), value.size());
      const auto directive = trimmed(std::string_view(value).substr(at, end - at));
      const auto equals = directive.find('=');
      const auto word = directive.substr(0, equals);
      if (net::equal_ignoring_case(word, "no-store") || net::equal_ignoring_case(word, "no-cache")) never = true;
      if (net::equal_ignoring_case(word, "max-age") && equals != std::string_view::npos) {
        if (const auto s = seconds(directive.substr(equals + 1))) fresh_ms = std::min(*s, kFreshMostMs / 1000) * 1000;
      }
      at = end + 1;
    }
  }
  if (never) return kFreshLeastMs;
  if (fresh_ms) {
    if (const auto age = headers.get("age")) *fresh_ms -= seconds(*age).value_or(0) * 1000;
  } else if (const auto expires = headers.get("expires")) {
    // An Expires that cannot be read is one in the past (RFC 9111 §5.3).
    fresh_ms = http_time(*expires).value_or(now_ms) - now_ms;
  }
  return std::clamp(fresh_ms.value_or(kFreshUnsaidMs), kFreshLeastMs, kFreshMostMs);
}

IssuerKeys::IssuerKeys(net::Loop& loop, net::HttpClient& client, const Clock& clock, Place place)
    : loop_(loop), client_(client), clock_(clock), place_(std::move(place)) {}

IssuerKeys::~IssuerKeys() {
  fetch_.reset();
  for (auto& waiter : std::exchange(waiters_, {})) waiter(fail(unavailable(place_.issuer, "the issuer is no longer configured")));
}

IssuerKeys::Keys IssuerKeys::current() {
  if (!keys_) return nullptr;
  const auto now_ms = clock_.now_ms();
  if (now_ms < fresh_until_ms_) {
    const auto ahead_ms = (fresh_until_ms_ - fetched_ms_) / 4;
    if (now_ms >= fresh_until_ms_ - ahead_ms && now_ms >= not_before_ms_) start_fetch();
    return keys_;
  }
  // In an outage old keys count, and nobody waits for the issuer to be asked again.
  if (trouble_.empty() || now_ms >= fresh_until_ms_ + place_.stale_for_ms) return nullptr;
  if (now_ms >= not_before_ms_) start_fetch();
  return keys_;
}

void IssuerKeys::get(std::string_view kid, std::function<void(Result<Keys>)> done) {
  const auto now_ms = clock_.now_ms();
  if (const auto keys = current()) {
    if (kid.empty() || keys->has_kid(kid)) return done(keys);
    const bool may_ask = now_ms - unknown_kid_ms_ >= kUnknownKidPauseMs && now_ms >= not_before_ms_;
    if (!may_ask && !fetching_) return done(keys);
    if (may_ask && !fetching_) unknown_kid_ms_ = now_ms;
  } else if (!fetching_ && now_ms < not_before_ms_) {
    return done(in_force());
  }
  if (waiters_.size() >= kWaiters) {
    return done(fail(ErrorCode::kUnavailable, "too many tokens wait for the keys of issuer " + place_.issuer, "try again in a moment"));
  }
  waiters_.push_back(std::move(done));
  start_fetch();
}

void IssuerKeys::start_fetch() {
  if (fetching_) return;
  fetching_ = true;
  const bool discovered = !discovered_uri_.empty() && clock_.now_ms() - discovered_ms_ < kDiscoveryMs;
  if (!place_.jwks_uri.empty()) fetch_keys(place_.jwks_uri);
  else if (discovered) fetch_keys(discovered_uri_);
  else discover();
}

void IssuerKeys::discover() {
  fetch_ = oauth::discover(loop_, client_, place_.issuer, [this](Result<oauth::ServerMetadata> metadata) {
    if (!metadata) return fail_fetch(metadata.error());
    if (metadata->jwks_uri.empty()) {
      return fail_fetch({ErrorCode::kInvalid, "its metadata names no jwks_uri", "set jwks_uri for the issuer in interlock.yaml"});
    }
    discovered_uri_ = metadata->jwks_uri;
    discovered_ms_ = clock_.now_ms();
    fetch_keys(discovered_uri_);
  });
}

void IssuerKeys::fetch_keys(const std::string& uri) {
  auto url = net::parse_url(uri);
  if (!url) {
    // On the loop, as an answer comes.
    loop_.post([alive = std::weak_ptr<const int>(alive_), this, error = std::move(url.error())] {
      if (!alive.expired()) fail_fetch(error);
    });
    return;
  }
  net::HttpClientRequest request;
  request.method = "GET";
  request.url = std::move(*url);
  request.headers = {{"Accept", "application/jwk-set+json, application/json"}};
  fetch_ = oauth::fetch(loop_, client_, std::move(request), [this](Result<oauth::Fetched> answer) {
    if (!answer) return fail_fetch(answer.error());
    take(*answer);
  });
}

void IssuerKeys::take(const oauth::Fetched& answer) {
  if (answer.status != 200) {
    return fail_fetch({ErrorCode::kUnavailable, "its jwks_uri answered with status " + std::to_string(answer.status), ""});
  }
  const auto now_ms = clock_.now_ms();
  if (!keys_ || answer.body != keys_text_) {
    auto set = jose::KeySet::parse(answer.body);
    if (!set) return fail_fetch(set.error());
    // A set without a key that can be used is a mistake of the issuer rather than the end of all its keys.
    if (set->keys().empty()) return fail_fetch({ErrorCode::kInvalid, "its key set has no key for signatures", ""});
    keys_ = std::make_shared<const jose::KeySet>(std::move(*set));
    keys_text_ = answer.body;
    ++version_;
  }
  fetched_ms_ = now_ms;
  fresh_until_ms_ = now_ms + fresh_for_ms(answer.headers, now_ms);
  not_before_ms_ = 0;
  pause_ms_ = kFirstPauseMs;
  trouble_.clear();
  finish();
}

void IssuerKeys::fail_fetch(const Error& error) {
  trouble_ = error.text();
  not_before_ms_ = clock_.now_ms() + pause_ms_;
  pause_ms_ = std::min(pause_ms_ * 2, kLongestPauseMs);
  discovered_uri_.clear();  // the issuer may have moved its keys
  finish();
}

Result<IssuerKeys::Keys> IssuerKeys::in_force() const {
  if (!keys_) return fail(unavailable(place_.issuer, trouble_));
  if (clock_.now_ms() >= fresh_until_ms_ + place_.stale_for_ms) {
    return fail(unavailable(place_.issuer, trouble_ + "; those of " + rfc3339(fetched_ms_) + " are too old to count (stale_for)"));
  }
  return keys_;
}

void IssuerKeys::finish() {
  fetching_ = false;
  const auto result = in_force();
  // A waiter may ask again, or let go of this.
  const auto fetch = std::move(fetch_);
  for (auto& waiter : std::exchange(waiters_, {})) waiter(result);
}

}  // namespace interlock::identity
