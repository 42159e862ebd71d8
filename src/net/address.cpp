// Addresses as text, and what kind of place each is, by the IANA special-purpose address registries (RFC 6890, RFC 8190).
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "net/resolver.hpp"

namespace interlock::net {
namespace {

constexpr int kV4Bits = 32;
constexpr int kV6Bits = 128;

constexpr Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  Address out;
  out.bytes = {a, b, c, d};
  return out;
}
// The first words of an IPv6 address, the rest zero.
constexpr Address v6(std::initializer_list<std::uint16_t> words) {
  Address out;
  out.v6 = true;
  std::size_t at = 0;
  for (const auto word : words) {
    out.bytes[at++] = static_cast<std::uint8_t>(word >> 8);
    out.bytes[at++] = static_cast<std::uint8_t>(word & 0xff);
  }
  return out;
}

struct Place {
  AddressRange range;
  AddressKind kind;
};

// The first that holds an address counts: what is narrower stands before what is wider.
constexpr Place kV4Places[] = {
    {{v4(169, 254, 169, 254), 32}, AddressKind::kMetadata},  // AWS, Azure, Google, OpenStack, Oracle, ...
    {{v4(169, 254, 170, 2), 32}, AddressKind::kMetadata},    // AWS ECS tasks
    {{v4(169, 254, 170, 23), 32}, AddressKind::kMetadata},   // AWS EKS pod identity
    {{v4(100, 100, 100, 200), 32}, AddressKind::kMetadata},  // Alibaba
    {{v4(168, 63, 129, 16), 32}, AddressKind::kMetadata},    // Azure's wire server
    {{v4(192, 0, 0, 192), 32}, AddressKind::kMetadata},      // Oracle classic
    {{v4(127, 0, 0, 0), 8}, AddressKind::kLoopback},
    {{v4(169, 254, 0, 0), 16}, AddressKind::kLinkLocal},
    {{v4(10, 0, 0, 0), 8}, AddressKind::kPrivate},
    {{v4(172, 16, 0, 0), 12}, AddressKind::kPrivate},
    {{v4(192, 168, 0, 0), 16}, AddressKind::kPrivate},
    {{v4(100, 64, 0, 0), 10}, AddressKind::kPrivate},  // shared by carriers (RFC 6598)
    {{v4(224, 0, 0, 0), 4}, AddressKind::kMulticast},
    {{v4(0, 0, 0, 0), 8}, AddressKind::kReserved},        // this network: on Linux, this machine
    {{v4(192, 0, 0, 0), 24}, AddressKind::kReserved},     // IETF protocol assignments
    {{v4(192, 0, 2, 0), 24}, AddressKind::kReserved},     // documentation
    {{v4(192, 31, 196, 0), 24}, AddressKind::kReserved},  // AS112
    {{v4(192, 52, 193, 0), 24}, AddressKind::kReserved},  // AMT
    {{v4(192, 88, 99, 0), 24}, AddressKind::kReserved},   // 6to4 relays, deprecated
    {{v4(192, 175, 48, 0), 24}, AddressKind::kReserved},  // AS112
    {{v4(198, 18, 0, 0), 15}, AddressKind::kReserved},    // benchmarking
    {{v4(198, 51, 100, 0), 24}, AddressKind::kReserved},  // documentation
    {{v4(203, 0, 113, 0), 24}, AddressKind::kReserved},   // documentation
    {{v4(240, 0, 0, 0), 4}, AddressKind::kReserved},      // and the broadcast address
};

constexpr Place kV6Places[] = {
    {{v6({0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254}), 128}, AddressKind::kMetadata},  // AWS
    {{v6({0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023}), 128}, AddressKind::kMetadata},  // AWS EKS pod identity
    {{v6({0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254}), 128}, AddressKind::kMetadata},  // Google
    {{v6({0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe}), 128}, AddressKind::kMetadata},  // OpenStack
    {{v6({0, 0, 0, 0, 0, 0, 0, 1}), 128}, AddressKind::kLoopback},
    {{v6({0xfe80}), 10}, AddressKind::kLinkLocal},
    {{v6({0xfec0}), 10}, AddressKind::kPrivate},  // site-local, deprecated (RFC 3879)
    {{v6({0xfc00}), 7}, AddressKind::kPrivate},
    {{v6({0xff00}), 8}, AddressKind::kMulticast},
    {{v6({0x0064, 0xff9b, 0x0001}), 48}, AddressKind::kReserved},  // local-use translation (RFC 8215)
    {{v6({0x2001, 0x0000}), 23}, AddressKind::kReserved},          // IETF protocol assignments
    {{v6({0x2001, 0x0db8}), 32}, AddressKind::kReserved},          // documentation
    {{v6({0x2620, 0x004f, 0x8000}), 48}, AddressKind::kReserved},  // AS112
    {{v6({0x3fff}), 20}, AddressKind::kReserved},                  // documentation (RFC 9637)
    {{v6({0x2000}), 3}, AddressKind::kPublic},                     // global unicast; all else is not assigned (RFC 4291 §2.4)
};

AddressKind kind_in(std::span<const Place> places, const Address& address, AddressKind otherwise) {
  const auto found = std::ranges::find_if(places, [&](const Place& place) { return place.range.contains(address); });
  return found == places.end() ? otherwise : found->kind;
}

Address v4_at(const Address& address, std::size_t at, bool inverted = false) {
  Address out;
  for (std::size_t i = 0; i < 4; ++i) out.bytes[i] = static_cast<std::uint8_t>(inverted ? ~address.bytes[at + i] : address.bytes[at + i]);
  return out;
}

constexpr AddressRange kMapped{v6({0, 0, 0, 0, 0, 0xffff}), 96};
constexpr AddressRange kCompatible{v6({}), 96};                    // deprecated, and still understood by some stacks
constexpr AddressRange kTranslated{v6({0, 0, 0, 0, 0xffff}), 96};  // RFC 2765
constexpr AddressRange kNat64{v6({0x0064, 0xff9b}), 96};
constexpr AddressRange kSixToFour{v6({0x2002}), 16};
constexpr AddressRange kTeredo{v6({0x2001, 0x0000}), 32};
constexpr std::size_t kTail = 12;  // where the last four bytes begin

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN + 1> copy{};
  if (text.empty() || text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::ranges::copy(text, copy.begin());
  Address out;
  out.v6 = text.find(':') != std::string_view::npos;
  // inet_pton takes no octal, hexadecimal or short forms; leading zeros of IPv4 are refused by glibc's, too, and held here.
  if (::inet_pton(out.v6 ? AF_INET6 : AF_INET, copy.data(), out.bytes.data()) != 1) return std::nullopt;
  if (!out.v6 && address_text(out) != text) return std::nullopt;
  return out;
}

std::string address_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size()) == nullptr) return {};
  return text.data();
}

AddressKind address_kind(const Address& address) {
  if (!address.v6) return kind_in(kV4Places, address, AddressKind::kPublic);
  const auto own = kind_in(kV6Places, address, AddressKind::kReserved);
  if (own == AddressKind::kLoopback) return own;
  for (const auto& range : {kMapped, kCompatible, kTranslated, kNat64})
    if (range.contains(address)) return address_kind(v4_at(address, kTail));
  if (kSixToFour.contains(address)) return address_kind(v4_at(address, 2));
  if (kTeredo.contains(address)) {
    // Its server and its client (RFC 4380 §4): the worse of both, and never public, for nobody serves there.
    const auto client = address_kind(v4_at(address, kTail, true));
    return client == AddressKind::kPublic ? AddressKind::kReserved : client;
  }
  return own;
}

std::string_view address_kind_name(AddressKind kind) {
  switch (kind) {
    case AddressKind::kPublic: return "public";
    case AddressKind::kLoopback: return "loopback";
    case AddressKind::kLinkLocal: return "link-local";
    case AddressKind::kPrivate: return "private";
    case AddressKind::kMetadata: return "metadata";
    case AddressKind::kMulticast: return "multicast";
    case AddressKind::kReserved: return "reserved";
  }
  return "reserved";
}

bool AddressRange::contains(const Address& address) const {
  if (address.v6 != base.v6) return false;
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(address.bytes.data(), base.bytes.data(), whole) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((address.bytes[whole] ^ base.bytes[whole]) & mask) == 0;
}

std::optional<AddressRange> parse_address_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = parse_address(text.substr(0, slash));
  if (!base) return std::nullopt;
  const int most = base->v6 ? kV6Bits : kV4Bits;
  AddressRange out{*base, most};
  if (slash == std::string_view::npos) return out;
  const auto length = text.substr(slash + 1);
  if (!is_digits(length) || length.size() > 3 || (length.size() > 1 && length.front() == '0')) return std::nullopt;
  out.bits = std::stoi(std::string(length));
  if (out.bits > most) return std::nullopt;
  // What stands behind the prefix says that somebody meant another range.
  Address host = *base;
  for (int bit = out.bits; bit < most; ++bit)
    if ((host.bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  return out;
}

}  // namespace interlock::net
