// What an authority keeps: generations of keys, each with its times, and the plan by which one follows another.
//
// Plain data and pure functions; the record's text is a secret, and whoever holds it wipes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"
#include "spiffe/certificate.hpp"

namespace interlock::spiffe {

// One X.509 authority and one JWT authority, made together: keys of their own, since one key for two protocols invites attacks
// (SPIFFE Trust Domain and Bundle §2).
struct Generation {
  jose::PrivateKey x509_key;
  std::shared_ptr<X509> certificate;
  jose::PrivateKey jwt_key;
  std::string kid;
  UnixMs signs_from_ms = 0;
  UnixMs not_after_ms = 0;  // of all that it signs, too
};

struct AuthorityRecord {
  std::uint64_t sequence = 0;
  std::vector<Generation> generations;  // oldest first
};

// When the bundle is looked at again by those who follow it: a generation is published for at least this long before it signs.
inline constexpr std::int64_t kPublishedMs = 300'000;

Result<std::string> record_text(const AuthorityRecord& record);
Result<AuthorityRecord> read_record(std::string_view text);

// Takes off what has ended, and adds what is due: at half of a key's life its successor, which signs in the last quarter. True: the
// record has changed.
Result<bool> rotate(AuthorityRecord& record, std::string_view trust_domain, std::int64_t life_ms, UnixMs now_ms);

// Which signs now; nullptr: none is in force.
const Generation* signing(const AuthorityRecord& record, UnixMs now_ms);

}  // namespace interlock::spiffe
