// The parts of a Url resource's name, which the catalogue has brought into its normal form. Private to the room.
#pragma once

#include <string_view>

namespace interlock::policy {

struct UrlParts {
  std::string_view scheme;
  std::string_view host;  // without port; empty where the scheme has none
  std::string_view path;
};
UrlParts url_parts(std::string_view url);

// Whether it is this machine or a private network that is asked: localhost, names without a dot or below .local, .internal,
// .localhost and .home.arpa, addresses that are not public (RFC 6890), and schemes by which a browser looks into itself. By
// its text alone: a public name may still lead to a private address.
bool is_local(const UrlParts& parts);

}  // namespace interlock::policy
