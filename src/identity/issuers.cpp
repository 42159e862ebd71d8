#include "identity/issuers.hpp"

#include <algorithm>
#include <array>

#include "base/time.hpp"
#include "identity/claim_text.hpp"
#include "jose/token.hpp"
#include "net/http_client.hpp"

namespace interlock::identity {
namespace {

constexpr std::size_t kAttributeItems = 50;  // of a list that becomes an attribute
// Ids that other kinds of identity have: no issuer can name one of those.
constexpr std::array<std::string_view, 3> kOtherKinds{"spiffe://", "local/", "gate/"};

bool fits(std::string_view value, std::string_view allowed) {
  if (!allowed.ends_with('*')) return value == allowed;
  allowed.remove_suffix(1);
  return value.starts_with(allowed);
}

Status check_required(const IssuerConfig& config, const json::object& claims) {
  for (const auto& [path, allowed] : config.claims) {
    const auto* value = claim_at(claims, path);
    if (value == nullptr) return fail(ErrorCode::kDenied, "the token has no claim \"" + path + "\", which `claims` of its issuer asks for");
    // Of a list one item that is allowed is enough, as it is for a group that somebody is in.
    std::vector<const json::value*> items;
    if (const auto* list = value->if_array()) {
      for (const auto& item : *list) items.push_back(&item);
    } else {
      items.push_back(value);
    }
    const bool holds = std::any_of(items.begin(), items.end(), [&](const json::value* item) {
      const auto text = claim_text(path, *item);
      return text && std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) { return fits(*text, one); });
    });
    if (!holds) {
      return fail(ErrorCode::kDenied, "claim \"" + path + "\" of the token has a value that `claims` of its issuer does not allow",
                  "use a token of an allowed workload, or add the value in interlock.yaml");
    }
  }
  return {};
}

Result<std::string> id_from(const std::string& given, const IssuerConfig& config, const json::object& claims) {
  auto form = ClaimTemplate::read(given.empty() ? default_subject_prefix(config.issuer) + "{sub}" : given);
  if (!form) return fail(std::move(form.error()));
  auto id = form->fill(claims);
  if (!id) return id;
  if (id->size() > kSubjectBytes) {
    return fail(ErrorCode::kDenied, "the subject that the token's claims make is longer than " + std::to_string(kSubjectBytes) + " bytes");
  }
  // "oidc/..." is how issuers without a template name theirs; a claim must not write it.
  const bool other = *id == "anonymous" || (id->starts_with("oidc/") && !given.empty() && !given.starts_with("oidc/")) ||
                     std::any_of(kOtherKinds.begin(), kOtherKinds.end(), [&](std::string_view kind) { return id->starts_with(kind); });
  if (other) {
    return fail(ErrorCode::kDenied,
                "the token's claims make a subject of another kind of identity (spiffe://, local/, gate/, oidc/, anonymous)",
                "let `subject:` of the issuer begin with a text of its own, as in \"ci/{sub}\"");
  }
  return id;
}

// An `act` or `may_act` may name who vouches for its `sub`; that must be the issuer of the token itself.
Result<std::string> actor_from(const IssuerConfig& config, const json::object& act) {
  if (const auto* issuer = json::find(act, "iss")) {
    if (!issuer->is_string() || json::view(issuer->get_string()) != config.issuer) {
      return fail(ErrorCode::kDenied, "an actor of the token belongs to another issuer than the token",
                  "exchange the token at this gate, where both are verified");
    }
  }
  return id_from(config.actor, config, act);
}

// From the outermost `act` inwards: who acts now first, the first delegate last.
Result<std::vector<std::string>> actors_of(const IssuerConfig& config, const json::object& claims) {
  std::vector<std::string> out;
  const json::object* at = &claims;
  for (const json::value* act = json::find(*at, "act"); act != nullptr; act = json::find(*at, "act")) {
    if (out.size() >= kActDepth) {
      return fail(ErrorCode::kDenied, "the token's `act` chain is longer than " + std::to_string(kActDepth));
    }
    at = act->if_object();
    if (at == nullptr) return fail(ErrorCode::kDenied, "the token's `act` is no object (RFC 8693 §4.1)");
    auto actor = actor_from(config, *at);
    if (!actor) return fail(std::move(actor.error()));
    out.push_back(std::move(*actor));
  }
  return out;
}

void add_words(std::string_view text, std::vector<std::string>& out) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    if (end > at) out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
}

// `scope` (RFC 9068 §2.2.3) and `scp`, which Entra writes as a text and Okta as a list.
Result<std::vector<std::string>> scopes_of(const json::object& claims) {
  std::vector<std::string> out;
  for (const std::string_view name : {"scope", "scp"}) {
    const auto* value = json::find(claims, name);
    if (value == nullptr) continue;
    if (const auto* text = value->if_string()) {
      add_words(json::view(*text), out);
    } else if (const auto* list = value->if_array()) {
      for (const auto& item : *list) {
        if (!item.is_string()) return fail(ErrorCode::kDenied, "claim \"" + std::string(name) + "\" of the token holds no texts");
        add_words(json::view(item.get_string()), out);
      }
    } else {
      return fail(ErrorCode::kDenied, "claim \"" + std::string(name) + "\" of the token is neither text nor list");
    }
    const bool fit = out.size() <= kScopes && std::all_of(out.begin(), out.end(), [](const std::string& scope) {
                       return scope.size() <= kClaimBytes &&
                              std::all_of(scope.begin(), scope.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
                     });
    if (!fit) return fail(ErrorCode::kDenied, "the token's scopes are too many, too long or malformed (RFC 6749 §3.3)");
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Texts, numbers, booleans and lists of them; what is absent or of another kind is not there for policy either.
json::object attributes_of(const IssuerConfig& config, const json::object& claims) {
  json::object out;
  for (const auto& [name, path] : config.attributes) {
    const auto* value = claim_at(claims, path);
    if (value == nullptr) continue;
    if (const auto* list = value->if_array()) {
      json::array items;
      for (const auto& item : *list) {
        if (items.size() < kAttributeItems && claim_text(path, item)) items.push_back(item);
      }
      out[name] = std::move(items);
    } else if (claim_text(path, *value)) {
      out[name] = *value;
    }
  }
  out["issuer"] = config.issuer;
  return out;
}

}  // namespace

std::string default_subject_prefix(std::string_view issuer) {
  const auto scheme = issuer.find("://");
  if (scheme != std::string_view::npos) issuer.remove_prefix(scheme + 3);
  while (issuer.ends_with('/')) issuer.remove_suffix(1);
  return "oidc/" + std::string(issuer) + "/";
}

Status check_issuer(const IssuerConfig& config) {
  if (config.issuer.empty())
    return fail(ErrorCode::kInvalid, "an issuer has no name", "write `issuer: https://...`, exactly as its tokens say");
  if (auto url = net::parse_url(config.issuer); !url) {
    return fail(ErrorCode::kInvalid, "the issuer \"" + config.issuer + "\" is no URL: " + url.error().message,
                "write `issuer: https://...`, exactly as its tokens say");
  }
  for (const auto* form : {&config.subject, &config.actor, &config.owner}) {
    if (form->empty()) continue;
    if (auto read = ClaimTemplate::read(*form); !read) return fail(std::move(read.error()));
  }
  if (config.longest_life_ms <= 0 || config.stale_for_ms < 0 || config.leeway_ms < 0) {
    return fail(ErrorCode::kInvalid, "the issuer \"" + config.issuer + "\" has a time that is not positive");
  }
  return {};
}

Result<model::Subject> map_claims(const IssuerConfig& config, const json::object& claims) {
  if (auto status = check_required(config, claims); !status) return fail(std::move(status.error()));
  auto origin = id_from(config.subject, config, claims);
  if (!origin) return fail(std::move(origin.error()));
  auto actors = actors_of(config, claims);
  if (!actors) return fail(std::move(actors.error()));
  auto scopes = scopes_of(claims);
  if (!scopes) return fail(std::move(scopes.error()));

  const bool human =
      config.stands_for == StandsFor::kHuman || std::any_of(config.human_claims.begin(), config.human_claims.end(),
                                                            [&](const std::string& path) { return claim_at(claims, path) != nullptr; });
  model::Subject subject;
  subject.credential = "oidc";
  subject.scopes = std::move(*scopes);
  subject.attributes = attributes_of(config, claims);
  if (actors->empty()) {
    subject.id = std::move(*origin);
    subject.inherited = human;
  } else {
    subject.id = std::move(actors->front());
    subject.chain.push_back({.id = std::move(*origin), .issuer = config.issuer, .human = human});
    for (auto i = actors->size(); i-- > 1;) {
      subject.chain.push_back({.id = std::move((*actors)[i]), .issuer = config.issuer, .human = false});
    }
  }
  if (!config.owner.empty()) {
    auto form = ClaimTemplate::read(config.owner);
    if (!form) return fail(std::move(form.error()));
    auto owner = form->fill(claims);
    if (!owner) return fail(std::move(owner.error()));
    subject.owner = std::move(*owner);
  }
  if (const auto* may = json::find(claims, "may_act")) {
    if (!may->is_object()) return fail(ErrorCode::kDenied, "the token's `may_act` is no object (RFC 8693 §4.4)");
    auto actor = actor_from(config, may->get_object());
    if (!actor) return fail(std::move(actor.error()));
    subject.attributes["may_act"] = std::move(*actor);
  }
  auto expires = jose::time_claim(claims, "exp");
  if (!expires) return fail(std::move(expires.error()));
  subject.expires_ms = expires->value_or(0);
  return subject;
}

}  // namespace interlock::identity
