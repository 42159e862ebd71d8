#include "spiffe/bundle.hpp"

#include <algorithm>
#include <atomic>

#include "base/hash.hpp"
#include "spiffe/anchors.hpp"
#include "spiffe/certificate.hpp"
#include "spiffe/id.hpp"

namespace interlock::spiffe {
namespace {

constexpr std::string_view kX509Use = "x509-svid";
constexpr std::string_view kJwtUse = "jwt-svid";
constexpr std::int64_t kLongestHintSeconds = 366 * 86'400LL;

std::unexpected<Error> bad_bundle(std::string_view trust_domain, std::string_view what) {
  return fail(ErrorCode::kInvalid, "the bundle of " + std::string(trust_domain) + " " + std::string(what),
              "a bundle is a JWK set whose keys are of use x509-svid or jwt-svid (SPIFFE Trust Domain and Bundle §4)");
}

Status add_authority(Bundle& bundle, std::string der) {
  const ErrorQueueGuard guard;
  auto certificate = parse_certificate(der);
  if (!certificate) return bad_bundle(bundle.trust_domain, "has an authority that is none: " + certificate.error().message);
  if (!is_authority(certificate->get())) return bad_bundle(bundle.trust_domain, "has an authority that is no CA certificate");
  if (std::ranges::find(bundle.x509_authorities, der) != bundle.x509_authorities.end()) return {};
  if (bundle.x509_authorities.size() == kBundleAuthorities) {
    return fail(ErrorCode::kTooLarge, "the bundle of " + bundle.trust_domain + " has more than 100 X.509 authorities");
  }
  bundle.x509_authorities.push_back(std::move(der));
  return {};
}

// X509-SVID §6.2: an entry without x5c is ignored, and all but the first value are.
Status read_x509_entry(Bundle& bundle, const json::object& entry) {
  const auto* const x5c = json::array_at(entry, "x5c");
  if (x5c == nullptr || x5c->empty()) return {};
  const auto* const text = x5c->front().if_string();
  auto der = text == nullptr ? std::nullopt : base64_decode(json::view(*text));
  if (!der) return bad_bundle(bundle.trust_domain, "has an x5c that is not base64");
  return add_authority(bundle, std::move(*der));
}

// A member that must be an unsigned integer where it is there.
Result<std::optional<std::uint64_t>> unsigned_member(std::string_view trust_domain, const json::object& document, std::string_view name) {
  const auto* const value = json::find(document, name);
  if (value == nullptr) return std::optional<std::uint64_t>();
  if (const auto* number = value->if_uint64()) return *number;
  if (const auto* number = value->if_int64(); number != nullptr && *number >= 0) return static_cast<std::uint64_t>(*number);
  return bad_bundle(trust_domain, "has a " + std::string(name) + " that is no unsigned integer");
}

Status read_keys(Bundle& bundle, const json::array& keys) {
  json::array jwt_keys;
  for (const auto& value : keys) {
    const auto* const entry = value.if_object();
    if (entry == nullptr) return bad_bundle(bundle.trust_domain, "has a key that is no object");
    const auto use = json::string_at(*entry, "use");
    if (use == kX509Use) {
      if (auto status = read_x509_entry(bundle, *entry); !status) return status;
    } else if (use == kJwtUse) {
      if (json::string_at(*entry, "kid").value_or("").empty()) return bad_bundle(bundle.trust_domain, "has a jwt-svid key without kid");
      jwt_keys.push_back(value);
    }
  }
  json::object set;
  set["keys"] = std::move(jwt_keys);
  auto jwt_authorities = jose::KeySet::from_json(set);
  if (!jwt_authorities) return bad_bundle(bundle.trust_domain, "has unusable jwt-svid keys: " + jwt_authorities.error().message);
  bundle.jwt_authorities = std::move(*jwt_authorities);
  return {};
}

}  // namespace

Result<Bundle> parse_bundle(std::string_view trust_domain, std::string_view text) {
  if (auto status = check_trust_domain(trust_domain); !status) return fail(std::move(status.error()));
  if (text.size() > kBundleBytes) {
    return fail(ErrorCode::kTooLarge, "the bundle of " + std::string(trust_domain) + " has more than 4 MiB");
  }
  auto document = json::parse(text, {.size_bytes = kBundleBytes, .depth = 8});
  if (!document) return bad_bundle(trust_domain, "is not strict JSON: " + document.error().message);
  const auto* const object = document->if_object();
  const auto* const keys = object == nullptr ? nullptr : json::array_at(*object, "keys");
  if (keys == nullptr) return bad_bundle(trust_domain, "has no list of keys");

  Bundle bundle;
  bundle.trust_domain = trust_domain;
  auto sequence = unsigned_member(trust_domain, *object, "spiffe_sequence");
  if (!sequence) return fail(std::move(sequence.error()));
  bundle.sequence = *sequence;
  auto hint = unsigned_member(trust_domain, *object, "spiffe_refresh_hint");
  if (!hint) return fail(std::move(hint.error()));
  // Nought asks for no pause at all, which no consumer could follow: as if it was not said.
  if (*hint && **hint > 0) {
    bundle.refresh_hint_ms = static_cast<std::int64_t>(std::min<std::uint64_t>(**hint, kLongestHintSeconds)) * 1000;
  }
  if (auto status = read_keys(bundle, *keys); !status) return fail(std::move(status.error()));
  return bundle;
}

std::string bundle_text(const Bundle& bundle) {
  json::array keys;
  for (const auto& der : bundle.x509_authorities) {
    auto key = jose::PublicKey::from_certificate(der);
    // A key of a kind without a JWK form still has its certificate, which is all that consumers read.
    json::object entry = key ? key->to_jwk() : json::object{{"kty", "RSA"}};
    entry["use"] = kX509Use;
    entry["x5c"] = json::array{json::value(base64_encode(der))};
    keys.push_back(std::move(entry));
  }
  for (const auto& authority : bundle.jwt_authorities.keys()) {
    json::object entry = authority.key.to_jwk();
    entry["use"] = kJwtUse;
    entry["kid"] = authority.kid;
    if (authority.algorithm) entry["alg"] = jose::algorithm_name(*authority.algorithm);
    keys.push_back(std::move(entry));
  }
  json::object document;
  document["keys"] = std::move(keys);
  if (bundle.sequence) document["spiffe_sequence"] = *bundle.sequence;
  document["spiffe_refresh_hint"] = bundle.refresh_hint_ms / 1000;
  return json::write(document);
}

Result<Bundle> bundle_from_pem(std::string_view trust_domain, std::string_view pem) {
  if (auto status = check_trust_domain(trust_domain); !status) return fail(std::move(status.error()));
  if (pem.size() > kBundleBytes) {
    return fail(ErrorCode::kTooLarge, "the bundle of " + std::string(trust_domain) + " has more than 4 MiB");
  }
  auto ders = certificates_from_pem(pem, kBundleAuthorities);
  if (!ders) return fail(std::move(ders.error()));
  Bundle bundle;
  bundle.trust_domain = trust_domain;
  for (auto& der : *ders) {
    if (auto status = add_authority(bundle, std::move(der)); !status) return fail(std::move(status.error()));
  }
  return bundle;
}

namespace {

std::uint64_t next_version() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

}  // namespace

BundleSet::BundleSet(std::vector<Bundle> bundles) : version_(next_version()) {
  for (auto& bundle : bundles) put(std::move(bundle));
}

void BundleSet::put(Bundle bundle) {
  auto name = bundle.trust_domain;
  anchors_[name] = std::make_shared<const TrustAnchors>(bundle.x509_authorities);
  bundles_.insert_or_assign(std::move(name), std::move(bundle));
}

const Bundle* BundleSet::find(std::string_view trust_domain) const {
  const auto found = bundles_.find(trust_domain);
  return found == bundles_.end() ? nullptr : &found->second;
}

const TrustAnchors* BundleSet::anchors(std::string_view trust_domain) const {
  const auto found = anchors_.find(trust_domain);
  return found == anchors_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const BundleSet> BundleSet::with(Bundle bundle) const {
  auto set = std::make_shared<BundleSet>(*this);
  set->version_ = next_version();
  set->put(std::move(bundle));
  return set;
}

}  // namespace interlock::spiffe
