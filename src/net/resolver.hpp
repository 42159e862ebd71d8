// Names to addresses without blocking the loop, and what kind of place an address is: the base of every rule against server-side request
// forgery. What is resolved is what is connected to: nobody looks a name up a second time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace interlock::net {

struct Address {
  std::array<std::uint8_t, 16> bytes{};  // IPv4 in the first four
  bool v6 = false;
  friend bool operator==(const Address&, const Address&) = default;
};
// Strict: dotted quad of four decimals without leading zeros (no octal, hex or short forms), RFC 4291 §2.2 for IPv6 without zone.
std::optional<Address> parse_address(std::string_view text);
std::string address_text(const Address& address);

// By the IANA special-purpose registries (RFC 6890 and later). IPv4 inside IPv6 (mapped, 6to4, NAT64, Teredo) counts as what is inside.
enum class AddressKind : std::uint8_t {
  kPublic,
  kLoopback,
  kLinkLocal,  // 169.254/16, fe80::/10: clouds hand out credentials there
  kPrivate,    // RFC 1918, RFC 6598, fc00::/7, site-local
  kMetadata,   // addresses at which clouds hand out credentials, link-local or not (169.254.169.254, fd00:ec2::254, 100.100.100.200,
               // 168.63.129.16)
  kMulticast,
  kReserved,  // this network, broadcast, documentation, benchmarking, discard and what is not assigned for use
};
AddressKind address_kind(const Address& address);
std::string_view address_kind_name(AddressKind kind);  // "public", "loopback", ...

struct AddressRange {
  Address base;
  int bits = 0;
  bool contains(const Address& address) const;
};
std::optional<AddressRange> parse_address_range(std::string_view text);  // "10.0.0.0/8", "fd00::/8", "10.1.2.3"

inline constexpr std::size_t kResolvedAddresses = 16;

class Resolver {
 public:
  // getaddrinfo(3) on threads of its own; a literal address is answered without. Answers are remembered for `remember_ms`, so that many
  // requests cost one look-up; failures for a second.
  explicit Resolver(Loop& loop, std::int64_t remember_ms = 5'000);
  ~Resolver();  // what waits is not called any more
  // `done` comes once, possibly at once. kNotFound, kTimeout, kUnavailable.
  void resolve(const std::string& host, std::function<void(Result<std::vector<Address>>)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
