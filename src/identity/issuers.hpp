// OIDC and OAuth issuers whose tokens are believed: their keys, and how their claims name an agent.
//
// Keys are found by discovery or by a fixed jwks_uri, cached, fetched anew before they are old and when a token names an unknown kid (at
// most once in `kUnknownKidPauseMs`, so that made-up kids cannot hammer an issuer). During an outage known keys stay good for
// stale_for_ms; after that the issuer's tokens are refused, and the refusal says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "jose/key.hpp"
#include "model/action.hpp"

namespace interlock::identity {

inline constexpr std::int64_t kUnknownKidPauseMs = 10'000;

enum class StandsFor : std::uint8_t { kWorkload, kHuman };          // whom this issuer's tokens name
enum class Inherited : std::uint8_t { kRefuse, kStrip, kAllow };    // a human's token without `act`, shown by an agent

// One issuer. Templates hold "{claim}" and "{claim.member}"; a claim that is absent, or no text, number or boolean, is a refusal.
struct IssuerConfig {
  std::string issuer;
  std::string jwks_uri;                      // empty: by discovery
  std::string ca_file;                       // PEM authorities for this issuer's endpoints alone, beside the system's; empty: none
  std::vector<std::string> audiences;        // beside the resource asked for; a token must name one
  std::vector<jose::Algorithm> algorithms;   // empty: all of them
  std::string subject;                       // template of the subject's id, "oidc/<issuer host>/{sub}" where empty
  std::string owner;                         // template; empty: the registry's, else nobody
  std::map<std::string, std::string> attributes;          // attribute -> claim path
  std::map<std::string, std::vector<std::string>> claims; // claim path -> allowed values ('*' at the end: a prefix); all must hold
  bool accepts_bearer = false;               // without a proof of possession
  StandsFor stands_for = StandsFor::kWorkload;
  Inherited inherited = Inherited::kRefuse;
  std::int64_t longest_life_ms = 86'400'000;
  std::int64_t stale_for_ms = 86'400'000;
  std::int64_t leeway_ms = 30'000;
};

// Shipped mappings: "github" (Actions), "gitlab" (CI), "kubernetes", "entra", "okta". Fills what `config` leaves empty. kNotFound.
Status apply_issuer_preset(std::string_view preset, IssuerConfig& config);

// What verified claims say: id, owner, attributes, scopes, chain (`act`, RFC 8693 §4.1), inherited, expires_ms. Pure.
Result<model::Subject> map_claims(const IssuerConfig& config, const json::object& claims);

}  // namespace interlock::identity
