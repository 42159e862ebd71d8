// One retrieval of a bundle from its endpoint (SPIFFE Federation §5.2): https alone, redirects followed to https alone, bounds on size and
// time.
//
// Each one has connections of its own, so that the server proves itself against the bundle in force each time. Loop thread only; `done`
// comes at most once, never inside the constructor, and not after the destructor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"

namespace interlock::spiffe {

class BundleFetch {
 public:
  BundleFetch(net::Loop& loop, net::HttpClientOptions options, net::Url url, std::function<void(Result<std::string>)> done);
  ~BundleFetch();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// kInvalid for what is no bundle endpoint's address (§5.2.1.1).
Result<net::Url> parse_endpoint_url(std::string_view text);

}  // namespace interlock::spiffe
