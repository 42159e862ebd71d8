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
inline constexpr std::size_t kSubjectBytes = 1000;  // of an id made from claims
inline constexpr std::size_t kClaimBytes = 512;     // of one value that enters an id or an attribute
inline constexpr std::size_t kScopes = 100;
inline constexpr std::size_t kActDepth = 8;  // actors in one token

enum class StandsFor : std::uint8_t { kWorkload, kHuman };        // whom this issuer's tokens name
enum class Inherited : std::uint8_t { kRefuse, kStrip, kAllow };  // a human's token without `act`, shown by an agent

// One issuer. Templates hold "{claim}" and "{claim.member}" ("{kubernetes.io.namespace}" finds the member "kubernetes.io" first); a claim
// that is absent, or no text, number or boolean, is a refusal, and so is a value that holds the character which ends it in the
// template, or a control character: two different tokens never become one id.
struct IssuerConfig {
  std::string issuer;
  std::string jwks_uri;                           // empty: by discovery
  std::string ca_file;                            // PEM authorities for this issuer's endpoints alone, beside the system's; empty: none
  std::vector<std::string> audiences;             // beside the resource asked for; a token must name one
  std::vector<jose::Algorithm> algorithms;        // empty: all of them
  std::string subject;                            // template of the subject's id, "oidc/<issuer without its scheme>/{sub}" where empty
  std::string actor;                              // the same for each `act`, whose claims it reads (RFC 8693 §4.1); the same default
  std::string owner;                              // template; empty: the registry's, else nobody
  std::map<std::string, std::string> attributes;  // attribute -> claim path
  std::map<std::string, std::vector<std::string>> claims;  // claim path -> allowed values ('*' at the end: a prefix); all must hold
  std::vector<std::string> human_claims;                   // a token with one of these claims stands for a human, whatever stands_for says
  bool accepts_bearer = false;                             // without a proof of possession
  StandsFor stands_for = StandsFor::kWorkload;
  Inherited inherited = Inherited::kRefuse;
  std::int64_t longest_life_ms = 86'400'000;
  std::int64_t stale_for_ms = 86'400'000;
  std::int64_t leeway_ms = 30'000;
};

// Shipped mappings: "github" (Actions), "gitlab" (CI), "kubernetes", "entra", "okta". Fills what `config` leaves empty. kNotFound for
// another name, kInvalid where the configuration would let in strangers: an issuer that signs for everybody and no claim that says
// whose tokens are meant, no audience where the issuer's tokens name no resource, no issuer where each customer has one.
Status apply_issuer_preset(std::string_view preset, IssuerConfig& config);

// kInvalid where a template cannot be read, an issuer is no URL, or a bound is no positive time.
Status check_issuer(const IssuerConfig& config);
// What ids of this issuer begin with, where they are made by the default template: "oidc/<issuer without its scheme>/".
std::string default_subject_prefix(std::string_view issuer);

// What verified claims say: id, owner, attributes, scopes, chain, inherited, expires_ms; credential "oidc". The outermost `act` is who acts
// now and becomes the subject; `sub`, then the inner `act`s from the innermost out, are the chain. An `act` that names another issuer
// is refused: nobody vouches for identities of others. Attributes hold "issuer" always, and "may_act" where the token says who may
// exchange it (RFC 8693 §4.4). kDenied. Pure.
Result<model::Subject> map_claims(const IssuerConfig& config, const json::object& claims);

}  // namespace interlock::identity
