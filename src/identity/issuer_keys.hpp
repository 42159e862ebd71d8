// The keys of one issuer: found, kept, replaced before they are old, bridged over an outage for as long as configured.
//
// Fresh for what Cache-Control or Expires say (within kFreshLeastMs and kFreshMostMs). From three quarters of that on a use starts a fetch
// that nobody waits for; from its end on a use waits for one. Where a fetch fails the old keys count for stale_for_ms more, and the
// issuer is asked again after a pause that doubles. A kid that is not in the set starts at most one fetch in kUnknownKidPauseMs, which
// everybody who waits shares. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key_set.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "oauth/metadata.hpp"

namespace interlock::identity {

inline constexpr std::int64_t kFreshLeastMs = 60'000;
inline constexpr std::int64_t kFreshMostMs = 86'400'000;
inline constexpr std::int64_t kFreshUnsaidMs = 3'600'000;
inline constexpr std::int64_t kFirstPauseMs = 1'000;
inline constexpr std::int64_t kLongestPauseMs = 60'000;
inline constexpr std::int64_t kDiscoveryMs = 86'400'000;  // a jwks_uri that was discovered is looked up again after this
inline constexpr std::size_t kWaiters = 1'000;

class IssuerKeys {
 public:
  struct Place {
    std::string issuer;
    std::string jwks_uri;  // empty: by discovery
    std::int64_t stale_for_ms = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  using Keys = std::shared_ptr<const jose::KeySet>;

  IssuerKeys(net::Loop& loop, net::HttpClient& client, const Clock& clock, Place place);
  ~IssuerKeys();  // those who wait are answered kUnavailable
  IssuerKeys(const IssuerKeys&) = delete;
  IssuerKeys& operator=(const IssuerKeys&) = delete;

  const Place& place() const { return place_; }
  // The keys in force, where nothing has to be waited for; null otherwise. May start a fetch ahead of time.
  Keys current();
  // Grows when the keys change: what was verified by other keys counts no more.
  std::uint64_t version() const { return version_; }
  // The keys to verify a token with, whose header names `kid` (empty: none). `done` comes once, at once where nothing is fetched. That the
  // set has the kid is not promised. kUnavailable.
  void get(std::string_view kid, std::function<void(Result<Keys>)> done);

  std::size_t keys() const { return keys_ ? keys_->keys().size() : 0; }
  UnixMs fetched_ms() const { return fetched_ms_; }        // 0: never
  const std::string& trouble() const { return trouble_; }  // of the last fetch; empty: it was good

 private:
  void start_fetch();
  void discover();
  void fetch_keys(const std::string& uri);
  void take(const oauth::Fetched& answer);
  void fail_fetch(const Error& error);
  void finish();
  Result<Keys> in_force() const;

  net::Loop& loop_;
  net::HttpClient& client_;
  const Clock& clock_;
  Place place_;

  Keys keys_;
  std::string keys_text_;  // as fetched: the same text again is no change
  std::uint64_t version_ = 0;
  UnixMs fetched_ms_ = 0;
  UnixMs fresh_until_ms_ = 0;
  std::string discovered_uri_;
  UnixMs discovered_ms_ = 0;
  UnixMs unknown_kid_ms_ = 0;  // of the last fetch for one
  UnixMs not_before_ms_ = 0;   // of the next try after a failure
  std::int64_t pause_ms_ = kFirstPauseMs;
  std::string trouble_;

  std::unique_ptr<oauth::Fetch> fetch_;
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);  // what is posted looks whether this is still there
  bool fetching_ = false;
  std::vector<std::function<void(Result<Keys>)>> waiters_;
};

// How long an answer stays fresh by its headers (RFC 9111 §4.2.1), within the bounds above.
std::int64_t fresh_for_ms(const net::Headers& headers, UnixMs now_ms);

}  // namespace interlock::identity
