// The vault: secrets by name, each with versions, ages and a rule; sealed at rest, in locked memory while used, wiped after.
//
// A value leaves it only as a Secret, into the hands of a broker or a placement; no verb, log, error or receipt ever holds one. Rotation
// overlaps: the version before stays valid for the rule's `overlap`, so that what was handed out a moment ago still works. All gates of a
// state folder share it, by compare-and-set. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "credential/secret.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {

inline constexpr std::size_t kSecretBytes = 256 * 1024;
inline constexpr std::size_t kSecretNameBytes = 200;  // letters, digits and "._/-", not beginning with "." or "/"
inline constexpr std::size_t kSecretVersions = 16;    // kept of one secret

struct SecretRule {
  std::int64_t max_age_ms = 0;  // the newest version must not be older; 0: it may
  std::int64_t overlap_ms = 0;  // how long the version before it stays valid after a rotation
  friend bool operator==(const SecretRule&, const SecretRule&) = default;
};
// For the secrets that have no rule of their own.
struct SecretRuleByName {
  std::string match;  // '*' at the end: a prefix
  SecretRule rule;
};

// What is known of a secret without the secret.
struct SecretMeta {
  std::string name;
  std::string note;  // for people
  SecretRule rule;   // its own, or the first that fits its name
  struct Version {
    std::uint64_t number = 0;
    UnixMs made_ms = 0;
    std::string made_by;
    UnixMs ends_ms = 0;  // of its overlap, after which its value is gone; 0: it is the newest
    std::size_t bytes = 0;
  };
  std::vector<Version> versions;  // newest first
  UnixMs used_ms = 0;             // some minutes late; 0: never
  UnixMs overdue_since_ms = 0;    // its rule asks for a rotation; 0: it does not
};
json::object to_json(const SecretMeta& meta);

class Vault {
 public:
  Vault(store::SealedStore& sealed, const Clock& clock);
  ~Vault();
  // The first that fits counts.
  void set_rules(std::vector<SecretRuleByName> rules);

  // The newest version. kConflict: there is one of that name (use rotate()).
  Status set(std::string_view name, Secret value, std::string_view note, SecretRule rule, std::string_view by);
  // A further version; the one before stays for the overlap. kNotFound.
  Result<SecretMeta> rotate(std::string_view name, Secret value, std::string_view by);
  // One of nothing but zeros: as its name has it (set_rules()).
  Status set_rule(std::string_view name, SecretRule rule);
  Status remove(std::string_view name);
  // kNotFound, kDenied (the seal does not open).
  Result<Secret> get(std::string_view name);
  // The newest, and those in their overlap: what a response must not echo, what a checker may accept.
  Result<std::vector<Secret>> valid(std::string_view name);
  Result<SecretMeta> meta(std::string_view name);
  Result<std::vector<SecretMeta>> list();
  // Ends overlaps that are over; those whose rule has become overdue, for an alarm: once each, by whichever gate sees it first.
  Result<std::vector<SecretMeta>> tick();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::credential
