// Where a trust domain's bundle comes from, and keeping it fresh: a file that is watched, or a bundle endpoint (SPIFFE Federation §5).
//
// Profile https_web trusts the web's authorities, https_spiffe the bundle itself (the server shows the SVID that is configured). A refresh
// that fails leaves the old bundle in force and is tried again with backoff; after a restart the last good one is read from
// `cache`. A bundle with a lower sequence than the one in force is not taken. Loop thread only; on_bundle must not destroy the source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/loop.hpp"
#include "spiffe/bundle.hpp"
#include "spiffe/id.hpp"

namespace interlock::spiffe {

struct BundlePlace {
  std::string trust_domain{};
  std::filesystem::path file{};   // JWKS bundle or PEM; either this
  std::string url{};              // or this
  std::string endpoint_id{};      // the SPIFFE ID of the endpoint: https_spiffe; empty: https_web
  std::filesystem::path first{};  // https_spiffe: a bundle of the endpoint's trust domain; where that is `trust_domain`, it begins in force
  std::string ca_file{};          // https_web: PEM authorities beside the system's
  std::filesystem::path cache{};  // empty: none
};

// How often it looks.
struct BundlePace {
  std::int64_t look_ms = 2'000;                // at a file
  std::int64_t soonest_refresh_ms = 1'000;     // of an endpoint, whatever it hints
  std::int64_t latest_refresh_ms = 3'600'000;  // a key that was taken back should not be believed for long
  std::int64_t first_pause_ms = 1'000;         // after a failure; it doubles up to the hint
};

class BundleSource {
 public:
  // on_bundle comes with each change, within open() already where a file, a cache or `first` says something. A file that cannot be read
  // is an error here; later it is trouble().
  static Result<std::unique_ptr<BundleSource>> open(net::Loop& loop, BundlePlace place, std::function<void(Bundle)> on_bundle,
                                                    BundlePace pace = {});
  ~BundleSource();
  std::string trouble() const;  // empty: all is well

 private:
  BundleSource() = default;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::spiffe
