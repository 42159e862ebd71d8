#include "identity/token_verifier.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "identity/exchange.hpp"
#include "spiffe/svid.hpp"

namespace interlock::identity {
namespace {

constexpr std::int64_t kOwnLeewayMs = 5'000;  // between the clocks of gates that share a key
constexpr std::int64_t kOwnLifeMs = 86'400'000;
constexpr std::size_t kThumbprintBytes = 32;

// What a token is bound to (RFC 7800 §3.1). A binding that is not understood is not ignored: it would make the token a bearer one.
Status read_confirmation(const json::object& claims, Verified& out) {
  const auto* member = json::find(claims, "cnf");
  if (member == nullptr) return {};
  const auto* confirmation = member->if_object();
  if (confirmation == nullptr || confirmation->empty()) return fail(ErrorCode::kDenied, "the token's cnf is malformed (RFC 7800 §3.1)");
  for (const auto& pair : *confirmation) {
    const std::string_view name(pair.key().data(), pair.key().size());
    const auto* text = pair.value().if_string();
    const auto bytes = text == nullptr ? std::nullopt : base64url_decode(json::view(*text));
    const bool is_hash = bytes && bytes->size() == kThumbprintBytes;
    if (name == "jkt" && is_hash) out.key = json::view(*text);
    else if (name == "x5t#S256" && is_hash) out.certificate = *bytes;
    else
      return fail(ErrorCode::kDenied, "the token is bound in a way that is not known here (cnf)",
                  "bind it by DPoP (jkt) or mTLS (x5t#S256)");
  }
  return {};
}

IssuerKeys::Place place_of(const IssuerConfig& config) {
  return {.issuer = config.issuer, .jwks_uri = config.jwks_uri, .stale_for_ms = config.stale_for_ms};
}

// Ids of one issuer must not look like those of another: "https://a" and "https://a/b" would both make "oidc/a/b/c".
Status check_prefixes(const std::vector<IssuerConfig>& issuers) {
  for (const auto& one : issuers) {
    for (const auto& other : issuers) {
      if (&one == &other) continue;
      const bool both = one.subject.empty() && other.subject.empty();
      const auto prefix = default_subject_prefix(one.issuer);
      if (both && default_subject_prefix(other.issuer).starts_with(prefix)) {
        return fail(ErrorCode::kInvalid,
                    "subjects of issuer \"" + one.issuer + "\" could be mistaken for those of \"" + other.issuer + "\"",
                    "give one of them a `subject:` of its own, as in \"staff/{sub}\"");
      }
    }
  }
  return {};
}

}  // namespace

Refusal refusal_of(Error error, std::string_view oauth_error) {
  Refusal out;
  if (error.code == ErrorCode::kUnavailable) out.status = 503;
  else out.oauth_error = oauth_error;
  out.error = std::move(error);
  return out;
}

TokenVerifier::TokenVerifier(net::Loop& loop, net::HttpClient& client, const Clock& clock, SpiffeTrust spiffe, OwnTokens own,
                             std::size_t remembered)
    : loop_(loop),
      client_(client),
      clock_(clock),
      spiffe_(std::move(spiffe)),
      own_(std::move(own)),
      secret_(random_bytes(32)),
      memory_(remembered) {}

Status TokenVerifier::set_issuers(std::vector<IssuerConfig> issuers) {
  for (const auto& config : issuers) {
    if (auto status = check_issuer(config); !status) return status;
    const auto same = [&](const IssuerConfig& other) { return other.issuer == config.issuer; };
    if (std::count_if(issuers.begin(), issuers.end(), same) > 1 || config.issuer == own_.issuer) {
      return fail(ErrorCode::kInvalid, "issuer \"" + config.issuer + "\" is configured twice, or is this gate itself");
    }
  }
  if (auto status = check_prefixes(issuers); !status) return status;
  std::map<std::string, std::shared_ptr<Issuer>, std::less<>> next;
  for (auto& config : issuers) {
    auto issuer = std::make_shared<Issuer>();
    const auto old = issuers_.find(config.issuer);
    const bool stays =
        old != issuers_.end() && old->second->keys->place() == place_of(config) && old->second->config.ca_file == config.ca_file;
    if (stays) {
      issuer->own_client = old->second->own_client;
      issuer->keys = old->second->keys;
    } else {
      if (!config.ca_file.empty()) {
        net::HttpClientOptions options;
        options.ca_file = config.ca_file;
        issuer->own_client = std::make_shared<net::HttpClient>(loop_, std::move(options));
      }
      issuer->keys = std::make_shared<IssuerKeys>(loop_, issuer->own_client ? *issuer->own_client : client_, clock_, place_of(config));
    }
    issuer->config = std::move(config);
    next.emplace(issuer->config.issuer, std::move(issuer));
  }
  memory_.clear();
  std::swap(issuers_, next);  // what goes is let go of when the new ones are in force
  return {};
}

Digest TokenVerifier::key_of(std::string_view token, const std::vector<std::string>& resources) const {
  // Which resources were asked for is part of what was verified.
  std::string asked;
  for (const auto& one : resources) (asked += one) += '\n';
  return sha256({secret_, "token\n", asked, token});
}

bool TokenVerifier::still_counts(const Verified& verified) {
  if (clock_.now_ms() >= verified.good_until_ms) return false;
  if (verified.issuer) return verified.issuer->keys->version() == verified.keys_version && verified.issuer->keys->current() != nullptr;
  if (verified.own_keys) return own_.keys() == verified.own_keys;
  const auto bundles = spiffe_.bundles();
  return bundles != nullptr && bundles->version() == verified.bundles_version;
}

std::shared_ptr<const Verified> TokenVerifier::remembered(const Digest& key) {
  const auto* found = memory_.find(key);
  if (found == nullptr) return nullptr;
  if (still_counts(**found)) return *found;
  memory_.forget(key);
  return nullptr;
}

TokenVerifier::Found TokenVerifier::keep(const Digest& key, Found found) {
  if (found) memory_.put(key, *found);
  return found;
}

void TokenVerifier::verify(const Digest& key, std::string_view text, const std::vector<std::string>& resources,
                           std::function<void(Found)> done) {
  auto token = jose::parse_token(text);
  if (!token) {
    return done(std::unexpected(
        refusal_of({ErrorCode::kDenied, "the token is not known here, and is no JWT that can be read: " + token.error().message,
                    token.error().hint})));
  }
  const std::string name(json::string_at(token->claims, "iss").value_or(""));
  // This gate's own word for whomever it verified, SPIFFE IDs too.
  if (!own_.issuer.empty() && name == own_.issuer) return done(keep(key, by_own_keys(*token, resources)));
  // Of all others, a SPIFFE ID is believed by its trust domain's bundle alone.
  if (json::string_at(token->claims, "sub").value_or("").starts_with("spiffe://")) return done(keep(key, by_bundles(*token, resources)));
  const auto it = issuers_.find(name);
  if (it == issuers_.end()) {
    return done(std::unexpected(refusal_of({ErrorCode::kDenied, "the token's issuer is not trusted here",
                                            "name it under identity.issuers in interlock.yaml, exactly as `iss` in the token has it"})));
  }
  const std::string kid = token->kid;
  const auto ask = it->second->keys;
  // Held weakly: an issuer that is no longer configured must not live on in what waits for it.
  ask->get(kid, [this, weak = std::weak_ptr<Issuer>(it->second), key, token = std::move(*token), resources,
                 done = std::move(done)](Result<IssuerKeys::Keys> keys) {
    const auto issuer = weak.lock();
    if (!keys) return done(std::unexpected(refusal_of(std::move(keys.error()))));
    if (!issuer || issuers_.find(issuer->config.issuer) == issuers_.end() || issuers_.find(issuer->config.issuer)->second != issuer) {
      return done(
          std::unexpected(refusal_of({ErrorCode::kUnavailable, "the configuration of the token's issuer has just changed", "try again"})));
    }
    done(keep(key, by_issuer(issuer, token, resources, *keys)));
  });
}

TokenVerifier::Found TokenVerifier::by_issuer(const std::shared_ptr<Issuer>& issuer, const jose::Token& token,
                                              const std::vector<std::string>& resources, const IssuerKeys::Keys& keys) {
  const auto& config = issuer->config;
  const auto* key = keys->find(token.kid, token.algorithm);
  if (key == nullptr) {
    return std::unexpected(refusal_of(
        {ErrorCode::kDenied, "the issuer has no key by which this token could be signed",
         "get a new token; the issuer's keys are fetched anew at most every " + std::to_string(kUnknownKidPauseMs / 1000) + " s"}));
  }
  jose::Expectations expected;
  expected.issuer = config.issuer;
  expected.audiences = config.audiences;
  expected.audiences.insert(expected.audiences.end(), resources.begin(), resources.end());
  if (expected.audiences.empty()) {
    return std::unexpected(refusal_of({ErrorCode::kDenied, "no audience is known that the token could name",
                                       "set public_url, or audiences of the issuer, in interlock.yaml"}));
  }
  expected.algorithms = config.algorithms;
  expected.types = {"", "jwt", "at+jwt"};  // never a DPoP proof, a logout token, a key of another protocol (RFC 8725 §3.11)
  expected.leeway_ms = config.leeway_ms;
  expected.longest_life_ms = config.longest_life_ms;
  expected.now_ms = clock_.now_ms();
  if (auto status = jose::verify_token(token, key->key, expected); !status) return std::unexpected(refusal_of(std::move(status.error())));
  auto subject = map_claims(config, token.claims);
  if (!subject) return std::unexpected(refusal_of(std::move(subject.error())));
  Verified out;
  if (auto status = read_confirmation(token.claims, out); !status) return std::unexpected(refusal_of(std::move(status.error())));
  out.subject = std::move(*subject);
  out.good_until_ms = out.subject.expires_ms + config.leeway_ms;
  out.accepts_bearer = config.accepts_bearer;
  out.inherited = config.inherited;
  out.issuer = issuer;
  out.keys_version = issuer->keys->version();
  return std::make_shared<const Verified>(std::move(out));
}

TokenVerifier::Found TokenVerifier::by_own_keys(const jose::Token& token, const std::vector<std::string>& resources) {
  const auto keys = own_.keys();
  const auto* key = keys == nullptr ? nullptr : keys->find(token.kid, token.algorithm);
  if (key == nullptr) {
    return std::unexpected(
        refusal_of({ErrorCode::kDenied, "this gate has no key by which the token could be signed", "exchange for a new token"}));
  }
  if (resources.empty())
    return std::unexpected(refusal_of({ErrorCode::kDenied, "no audience is known that the token could name", "set public_url"}));
  jose::Expectations expected;
  expected.issuer = own_.issuer;
  expected.audiences = resources;
  expected.types = {"at+jwt"};
  expected.requires_subject = true;
  expected.leeway_ms = kOwnLeewayMs;
  expected.longest_life_ms = kOwnLifeMs;
  expected.now_ms = clock_.now_ms();
  if (auto status = jose::verify_token(token, key->key, expected); !status) return std::unexpected(refusal_of(std::move(status.error())));
  auto subject = subject_of_exchanged(token.claims);
  if (!subject) return std::unexpected(refusal_of(std::move(subject.error())));
  Verified out;
  if (auto status = read_confirmation(token.claims, out); !status) return std::unexpected(refusal_of(std::move(status.error())));
  out.subject = std::move(*subject);
  out.good_until_ms = out.subject.expires_ms + kOwnLeewayMs;
  out.accepts_bearer = own_.accepts_bearer;
  out.own_keys = keys;
  return std::make_shared<const Verified>(std::move(out));
}

TokenVerifier::Found TokenVerifier::by_bundles(const jose::Token& token, const std::vector<std::string>& resources) {
  const auto bundles = spiffe_.bundles ? spiffe_.bundles() : nullptr;
  if (bundles == nullptr) {
    return std::unexpected(refusal_of(
        {ErrorCode::kDenied, "the token names a SPIFFE ID, and no trust domain is configured", "set identity.spiffe in interlock.yaml"}));
  }
  const auto named = jose::audiences_of(token.claims);
  const auto fits = [&](const std::string& one) { return std::find(named.begin(), named.end(), one) != named.end(); };
  auto audience = std::find_if(resources.begin(), resources.end(), fits);
  const bool by_resource = audience != resources.end();
  if (!by_resource) audience = std::find_if(spiffe_.audiences.begin(), spiffe_.audiences.end(), fits);
  if (!by_resource && audience == spiffe_.audiences.end()) {
    return std::unexpected(refusal_of({ErrorCode::kDenied, "the JWT-SVID is meant for another audience",
                                       "ask for one with this gate's resource, or an audience of identity.spiffe.audiences"}));
  }
  auto svid = spiffe::verify_jwt_svid(token, *audience, *bundles, clock_.now_ms());
  if (!svid) return std::unexpected(refusal_of(std::move(svid.error())));
  Verified out;
  if (auto status = read_confirmation(token.claims, out); !status) return std::unexpected(refusal_of(std::move(status.error())));
  out.subject.id = svid->id.text();
  out.subject.credential = "jwt-svid";
  out.subject.expires_ms = svid->expires_ms;
  out.subject.attributes = {{"trust_domain", svid->id.trust_domain()}};
  out.good_until_ms = svid->expires_ms;
  out.accepts_bearer = spiffe_.accepts_bearer;
  out.bundles_version = bundles->version();
  return std::make_shared<const Verified>(std::move(out));
}

TokenVerifier::Found TokenVerifier::verify_certificates(const net::PeerCertificates& certificates) {
  const auto bundles = spiffe_.bundles ? spiffe_.bundles() : nullptr;
  if (bundles == nullptr) {
    return std::unexpected(
        refusal_of({ErrorCode::kDenied, "a client certificate was shown, and no trust domain is configured that could vouch for it",
                    "set identity.spiffe in interlock.yaml, or connect without a certificate"},
                   ""));
  }
  // Apart from the keys of tokens: 32 bytes that somebody sends as a token must not find what a certificate proved.
  const auto key = sha256({secret_, "certificate\n", certificates.leaf_sha256});
  if (const auto* found = memory_.find(key)) {
    if (still_counts(**found)) return *found;
    memory_.forget(key);
  }
  auto svid = spiffe::verify_x509_svid(certificates.chain, *bundles, clock_.now_ms());
  if (!svid) return std::unexpected(refusal_of(std::move(svid.error()), ""));
  Verified out;
  out.subject.id = svid->id.text();
  out.subject.credential = "x509-svid";
  out.subject.assurance = model::Assurance::kMtls;
  out.subject.expires_ms = svid->expires_ms;
  out.subject.attributes = {{"trust_domain", svid->id.trust_domain()}};
  out.good_until_ms = svid->expires_ms;
  out.bundles_version = bundles->version();
  return keep(key, std::make_shared<const Verified>(std::move(out)));
}

json::array TokenVerifier::describe() const {
  json::array out;
  for (const auto& [name, issuer] : issuers_) {
    json::object one{{"issuer", name}};
    const auto& keys = *issuer->keys;
    one["keys"] = keys.keys();
    if (keys.fetched_ms() != 0) one["fetched"] = rfc3339(keys.fetched_ms());
    if (!keys.trouble().empty()) one["trouble"] = keys.trouble();
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace interlock::identity
