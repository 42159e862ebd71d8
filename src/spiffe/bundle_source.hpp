// Where a trust domain's bundle comes from, and keeping it fresh: a file that is watched, or a bundle endpoint (SPIFFE Federation §5).
//
// Profile https_web trusts the web's authorities, https_spiffe the bundle itself (the server shows the SVID that is configured). A refresh
// that fails leaves the old bundle in force and is tried again with backoff; after a restart the last good one is read from
// `cache`. A bundle with a lower sequence than the one in force is not taken. Loop thread only.
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
  std::string trust_domain;
  std::filesystem::path file;   // JWKS bundle or PEM; either this
  std::string url;              // or this
  std::string endpoint_id;      // the SPIFFE ID of the endpoint: https_spiffe; empty: https_web
  std::filesystem::path first;  // https_spiffe: the bundle to begin with
  std::string ca_file;          // https_web: PEM authorities beside the system's
  std::filesystem::path cache;  // empty: none
};

class BundleSource {
 public:
  static Result<std::unique_ptr<BundleSource>> open(net::Loop& loop, BundlePlace place, std::function<void(Bundle)> on_bundle);
  ~BundleSource();
  std::string trouble() const;  // empty: all is well

 private:
  BundleSource() = default;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::spiffe
