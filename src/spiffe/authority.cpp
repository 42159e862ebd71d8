#include "spiffe/authority.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "jose/token.hpp"
#include "spiffe/generation.hpp"
#include "spiffe/issue.hpp"
#include "spiffe/revoked.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::string_view kBucket = "authority";
constexpr std::string_view kRevokedBucket = "authority-revoked";
constexpr int kAttempts = 8;                      // several gates may rotate at once: each conflict means that another one did
constexpr std::int64_t kStartsBeforeMs = 60'000;  // clocks of those who verify may be behind
constexpr std::size_t kAudiences = 16;
constexpr std::size_t kAudienceBytes = 2048;
// What a generation signs just before its successor takes over still has the last quarter to live in.
constexpr std::int64_t kLivesInAuthority = 4;

// As a reader compares it: without case, and without "application/" (RFC 7515 §4.1.9).
bool could_be_of_a_svid(std::string_view typ) {
  std::string name(typ);
  std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::string_view kPrefix = "application/";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  return name.empty() || name == "jwt" || name == "jose";
}

}  // namespace

struct Authority::State {
  AuthorityOptions options;
  store::SealedStore& vault;
  const Clock& clock;
  AuthorityRecord record;
  store::Revision revision = store::kAbsent;
  store::Revision revoked_revision = store::kAbsent;

  Status load();
  Result<bool> rotate_stored();
  Result<const Generation*> signer() const;
  Status check_subject(const SpiffeId& id) const;
  Result<X509Svid> issue(const SpiffeId& id, const std::vector<std::string>& names, const IssueOptions& options) const;
  Result<RevokedRecord> revoked();
  Result<std::string> sign(json::object claims, std::string_view typ, std::int64_t life_ms) const;
};

// Takes over what another process wrote.
Status Authority::State::load() {
  auto entry = vault.get(kBucket, options.trust_domain);
  if (!entry) return fail(std::move(entry.error()));
  if (!*entry) {
    if (revision == store::kAbsent) return {};
    return fail(ErrorCode::kConflict, "the authority's keys are gone from the store",
                "restore the store from a copy, or restart for new keys");
  }
  if ((*entry)->revision == revision) return {};
  auto read = read_record((*entry)->value);
  store::wipe((*entry)->value);
  if (!read) return fail(std::move(read.error()));
  record = std::move(*read);
  revision = (*entry)->revision;
  return {};
}

Result<bool> Authority::State::rotate_stored() {
  const auto known = record.sequence;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto status = load(); !status) return fail(std::move(status.error()));
    auto next = record;
    auto due = rotate(next, options.trust_domain, options.authority_life_ms, clock.now_ms());
    if (!due) return fail(std::move(due.error()));
    if (!*due) return record.sequence != known;
    auto text = record_text(next);
    if (!text) return fail(std::move(text.error()));
    auto written = vault.compare_and_set(kBucket, options.trust_domain, *text, revision);
    store::wipe(*text);
    if (written) {
      record = std::move(next);
      revision = *written;
      return true;
    }
    if (written.error().code != ErrorCode::kConflict) return fail(std::move(written.error()));
  }
  return fail(ErrorCode::kConflict, "other gates change the authority's keys without end");
}

Result<const Generation*> Authority::State::signer() const {
  const auto* const generation = signing(record, clock.now_ms());
  if (generation == nullptr) return fail(ErrorCode::kExpired, "the authority's keys have ended and none was made since");
  return generation;
}

Status Authority::State::check_subject(const SpiffeId& id) const {
  if (id.trust_domain() != options.trust_domain) {
    return fail(ErrorCode::kInvalid, "this authority signs for " + options.trust_domain + " only, not for " + id.text());
  }
  if (id.path().empty()) return fail(ErrorCode::kInvalid, "a SPIFFE ID without path names no workload");
  return {};
}

Result<X509Svid> Authority::State::issue(const SpiffeId& id, const std::vector<std::string>& names, const IssueOptions& wanted) const {
  if (auto status = check_subject(id); !status) return fail(std::move(status.error()));
  auto generation = signer();
  if (!generation) return fail(std::move(generation.error()));
  auto key = jose::PrivateKey::generate(jose::Algorithm::kEs256);
  if (!key) return fail(std::move(key.error()));
  const auto now_ms = clock.now_ms();
  auto certificate =
      make_certificate({.key = key->handle(),
                        .issuer = (*generation)->certificate.get(),
                        .issuer_key = (*generation)->x509_key.handle(),
                        .uri = id.text(),
                        .names = names,
                        .is_authority = false,
                        .not_before_ms = now_ms - kStartsBeforeMs,
                        .not_after_ms = std::min({now_ms + options.svid_life_ms, (*generation)->not_after_ms,
                                                  wanted.not_after_ms == 0 ? (*generation)->not_after_ms : wanted.not_after_ms}),
                        .serial = wanted.serial});
  if (!certificate) return fail(std::move(certificate.error()));
  return X509Svid{.id = id,
                  .chain_pem = certificate_to_pem(certificate_to_der(certificate->get())),
                  .key_pem = key->to_pem(),
                  .expires_ms = not_after_ms(certificate->get()),
                  .hint = {}};
}

Result<std::string> Authority::State::sign(json::object claims, std::string_view typ, std::int64_t life_ms) const {
  auto generation = signer();
  if (!generation) return fail(std::move(generation.error()));
  const auto now_ms = clock.now_ms();
  const auto expires_ms = std::min(now_ms + life_ms, (*generation)->not_after_ms);
  claims["iat"] = now_ms / 1000;
  claims["exp"] = expires_ms / 1000;
  claims["jti"] = new_token();
  return jose::make_token((*generation)->jwt_key, jose::Algorithm::kEs256, (*generation)->kid, typ, claims);
}

Authority::~Authority() = default;

Result<std::unique_ptr<Authority>> Authority::open(AuthorityOptions options, store::SealedStore& vault, const Clock& clock) {
  if (auto status = check_trust_domain(options.trust_domain); !status) return fail(std::move(status.error()));
  const auto longest_ms = std::max(options.svid_life_ms, options.token_life_ms);
  if (std::min(options.svid_life_ms, options.token_life_ms) <= 0 || longest_ms > options.authority_life_ms / kLivesInAuthority) {
    return fail(ErrorCode::kInvalid, "what an authority issues must live at least a moment and at most a quarter of its own life",
                "shorten the lifetime of SVIDs");
  }
  std::unique_ptr<Authority> authority(new Authority());
  authority->state_ = std::make_unique<State>(State{.options = std::move(options), .vault = vault, .clock = clock, .record = {}});
  if (auto status = authority->state_->rotate_stored(); !status) return fail(std::move(status.error()));
  return authority;
}

const std::string& Authority::trust_domain() const { return state_->options.trust_domain; }

const AuthorityOptions& Authority::options() const { return state_->options; }

const Clock& Authority::clock() const { return state_->clock; }

Result<X509Svid> Authority::issue_x509(const SpiffeId& id, const IssueOptions& options) { return state_->issue(id, {}, options); }

Result<X509Svid> Authority::issue_server(const SpiffeId& id, const std::vector<std::string>& names) { return state_->issue(id, names, {}); }

Result<std::string> Authority::issue_jwt(const SpiffeId& id, const std::vector<std::string>& audiences, const IssueOptions& options) {
  if (auto status = state_->check_subject(id); !status) return fail(std::move(status.error()));
  if (audiences.empty() || audiences.size() > kAudiences)
    return fail(ErrorCode::kInvalid, "a JWT-SVID is for 1 to 16 audiences (JWT-SVID §3.2)");
  json::array list;
  for (const auto& audience : audiences) {
    if (audience.empty() || audience.size() > kAudienceBytes) return fail(ErrorCode::kInvalid, "an audience has 1 to 2048 bytes");
    list.emplace_back(audience);
  }
  auto life_ms = state_->options.token_life_ms;
  if (options.not_after_ms != 0) life_ms = std::min(life_ms, options.not_after_ms - state_->clock.now_ms());
  if (life_ms <= 0) return fail(ErrorCode::kExpired, "a JWT-SVID would have ended before it was signed");
  return state_->sign({{"sub", id.text()}, {"aud", std::move(list)}}, "JWT", life_ms);
}

Result<std::string> Authority::sign_claims(json::object claims, std::string_view typ, std::int64_t life_ms) {
  if (could_be_of_a_svid(typ)) return fail(ErrorCode::kInvalid, "such a token would read as a JWT-SVID", "give it a typ of its own");
  if (life_ms <= 0 || life_ms > state_->options.authority_life_ms / kLivesInAuthority)
    return fail(ErrorCode::kInvalid, "a token's life is out of bounds");
  return state_->sign(std::move(claims), typ, life_ms);
}

// What all gates of the state folder have revoked, without what is past its end.
Result<RevokedRecord> Authority::State::revoked() {
  auto entry = vault.get(kRevokedBucket, options.trust_domain);
  if (!entry) return fail(std::move(entry.error()));
  revoked_revision = *entry ? (*entry)->revision : store::kAbsent;
  if (!*entry) return RevokedRecord();
  return read_revoked((*entry)->value, clock.now_ms());
}

Status Authority::revoke(std::string_view serial, UnixMs not_after_ms) {
  auto& state = *state_;
  const auto now_ms = state.clock.now_ms();
  if (serial.size() != kSerialBytes) return fail(ErrorCode::kInvalid, "that is no serial number of this authority");
  if (not_after_ms <= now_ms) return {};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto record = state.revoked();
    if (!record) return fail(std::move(record.error()));
    if (record->serials.contains(std::string(serial))) return {};
    if (record->serials.size() >= kRevokedSerials) {
      return fail(ErrorCode::kTooLarge, "the revocation list is full of certificates that have not ended",
                  "shorten the lifetime of what is issued");
    }
    ++record->number;
    record->serials[std::string(serial)] = {.revoked_ms = now_ms, .not_after_ms = not_after_ms};
    auto written = state.vault.compare_and_set(kRevokedBucket, state.options.trust_domain, revoked_text(*record), state.revoked_revision);
    if (written) return {};
    if (written.error().code != ErrorCode::kConflict) return fail(std::move(written.error()));
  }
  return fail(ErrorCode::kConflict, "other gates change the revocation list without end", "it is tried again");
}

Result<std::string> Authority::revocation_lists() {
  auto& state = *state_;
  auto record = state.revoked();
  if (!record) return fail(std::move(record.error()));
  std::vector<RevokedSerial> revoked;
  for (const auto& [serial, one] : record->serials) revoked.push_back({serial, one.revoked_ms});
  std::string out;
  for (const auto& generation : state.record.generations) {
    auto list = make_revocation_list({.issuer = generation.certificate.get(),
                                      .issuer_key = generation.x509_key.handle(),
                                      .number = record->number,
                                      .now_ms = state.clock.now_ms(),
                                      .next_ms = generation.not_after_ms,
                                      .revoked = revoked});
    if (!list) return list;
    out += *list;
  }
  return out;
}

Bundle Authority::bundle() const {
  Bundle bundle;
  bundle.trust_domain = state_->options.trust_domain;
  bundle.sequence = state_->record.sequence;
  bundle.refresh_hint_ms = kPublishedMs;
  std::vector<jose::SetKey> keys;
  for (const auto& generation : state_->record.generations) {
    bundle.x509_authorities.push_back(certificate_to_der(generation.certificate.get()));
    keys.push_back({generation.jwt_key.public_key(), generation.kid, std::nullopt, "jwt-svid"});
  }
  bundle.jwt_authorities = jose::KeySet(std::move(keys));
  return bundle;
}

Result<bool> Authority::tick() { return state_->rotate_stored(); }

}  // namespace interlock::spiffe
