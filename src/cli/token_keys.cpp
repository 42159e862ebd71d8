#include "cli/token_keys.hpp"

namespace interlock::cli {
namespace {

// An authority of its own has the rotation that is wanted here. No SVID is ever asked of it, and no bundle set holds its domain.
constexpr const char* kDomain = "gate-tokens.interlock.internal";
constexpr std::string_view kType = "at+jwt";  // RFC 9068 §2.1

}  // namespace

Result<std::unique_ptr<TokenKeys>> TokenKeys::open(store::SealedStore& vault, const Clock& clock) {
  spiffe::AuthorityOptions options;
  options.trust_domain = kDomain;
  auto authority = spiffe::Authority::open(std::move(options), vault, clock);
  if (!authority) return fail(std::move(authority.error()));
  std::unique_ptr<TokenKeys> out(new TokenKeys());
  out->authority_ = std::move(*authority);
  out->publish();
  return out;
}

Result<std::string> TokenKeys::sign(json::object claims, std::int64_t life_ms) {
  return authority_->sign_claims(std::move(claims), kType, life_ms);
}

Status TokenKeys::tick() {
  const auto rotated = authority_->tick();
  if (!rotated) return fail(rotated.error());
  if (*rotated) publish();
  return {};
}

void TokenKeys::publish() {
  auto keys = authority_->bundle().jwt_authorities.keys();
  for (auto& key : keys) key.use = "sig";
  keys_ = std::make_shared<const jose::KeySet>(std::move(keys));
}

}  // namespace interlock::cli
