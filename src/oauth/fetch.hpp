// One bounded exchange with a server that is not trusted: the way all documents and tokens of OAuth come in.
//
// https only, http for loopback alone; redirects are answers, not orders (RFC 9700 §4.11); size and time are bounded. Loop thread only.
// `done` comes exactly once, on the loop and never inside fetch(), unless the handle is dropped first. No error holds a body or a header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_client.hpp"

namespace interlock::oauth {

inline constexpr std::size_t kDocumentBytes = std::size_t{1} << 20;
inline constexpr std::int64_t kFetchTimeoutMs = 10'000;  // in all

struct Fetched {
  int status = 0;
  net::Headers headers;
  std::string body;
};

class Fetch {
 public:
  virtual ~Fetch() = default;  // cancels
};
std::unique_ptr<Fetch> fetch(net::Loop& loop, net::HttpClient& client, net::HttpClientRequest request,
                             std::function<void(Result<Fetched>)> done);

// https, or http to a loopback name or address. kDenied otherwise.
Status check_endpoint(std::string_view url);
Status check_endpoint(const net::Url& url);
// localhost, *.localhost, 127.0.0.0/8, ::1.
bool is_loopback_host(std::string_view host);
// An address that only means something on this machine or link (loopback, 169.254.0.0/16, fe80::/10, 0.0.0.0): a server elsewhere has
// no business sending the gate there.
bool is_local_host(std::string_view host);

}  // namespace interlock::oauth
