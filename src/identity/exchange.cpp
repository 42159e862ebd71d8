#include "identity/exchange.hpp"

#include <algorithm>

#include "identity/issuers.hpp"
#include "jose/token.hpp"

namespace interlock::identity {
namespace {

constexpr std::size_t kAttributeBytes = 4096;  // of the actor, in the token
constexpr const char* kMember = "interlock";   // what RFC 8693 has no name for

std::string issuer_of(const model::Subject& subject) {
  if (const auto issuer = json::string_at(subject.attributes, "issuer")) return std::string(*issuer);
  return subject.credential;
}

// A claim set's `act` for this chain (RFC 8693 §4.1): the actor outermost, earlier ones within.
json::object act_of(const model::Subject& actor, const std::vector<model::Delegator>& chain) {
  json::object inner;
  for (std::size_t i = 1; i < chain.size(); ++i) {
    json::object act{{"sub", chain[i].id}};
    if (!inner.empty()) act["act"] = std::move(inner);
    inner = std::move(act);
  }
  json::object out{{"sub", actor.id}};
  if (!inner.empty()) out["act"] = std::move(inner);
  return out;
}

Result<std::vector<std::string>> narrowed(const std::vector<std::string>& asked, const std::vector<std::string>& held) {
  if (asked.empty()) return held;
  for (const auto& scope : asked) {
    if (std::find(held.begin(), held.end(), scope) == held.end()) {
      return fail(ErrorCode::kDenied, "the subject's token does not have the scope \"" + scope + "\"",
                  "ask for scopes that it has, or for none");
    }
  }
  auto out = asked;
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kDenied, "the gate's own token is malformed: " + std::string(what));
}

}  // namespace

Result<Exchanged> exchange(const ExchangeOrder& order, std::int64_t longest_life_ms, UnixMs now_ms) {
  const auto& [subject, actor, asked, audience, confirmation] = order;
  if (subject.id.empty() || actor.id.empty())
    return fail(ErrorCode::kDenied, "a token is exchanged for a subject and an actor, and one is missing");
  if (audience.empty())
    return fail(ErrorCode::kInvalid, "the exchange names no resource", "send `resource` or `audience`: an MCP endpoint of this gate");
  if (actor.inherited) {
    return fail(ErrorCode::kDenied, "the actor shows a token that stands for a human alone, so it is not known who acts",
                "authenticate the agent itself: a client certificate, a workload's token, a DPoP key");
  }
  if (!actor.chain.empty()) {
    return fail(ErrorCode::kDenied, "the actor's own token says that it acts for others already",
                "present the token to be passed on as subject_token, and the agent's own identity as the actor");
  }
  if (const auto may = json::find(subject.attributes, "may_act");
      may != nullptr && (!may->is_string() || json::view(may->get_string()) != actor.id)) {
    return fail(ErrorCode::kDenied, "the subject's token may be exchanged by another actor alone (may_act)");
  }
  const auto is_actor = [&](const model::Delegator& one) { return one.id == actor.id; };
  if (subject.id == actor.id || std::any_of(subject.chain.begin(), subject.chain.end(), is_actor)) {
    return fail(ErrorCode::kDenied, "the actor \"" + actor.id + "\" is in the chain already: it cannot act for itself");
  }
  auto chain = subject.chain;
  chain.push_back({.id = subject.id, .issuer = issuer_of(subject), .human = subject.inherited});
  if (chain.size() > kChainLength) {
    return fail(ErrorCode::kDenied, "the chain of delegation would be longer than " + std::to_string(kChainLength));
  }
  auto scopes = narrowed(asked, subject.scopes);
  if (!scopes) return fail(std::move(scopes.error()));

  Exchanged out;
  out.life_ms = longest_life_ms;
  for (const auto expires_ms : {subject.expires_ms, actor.expires_ms}) {
    if (expires_ms != 0) out.life_ms = std::min(out.life_ms, expires_ms - now_ms);
  }
  if (out.life_ms <= 0) return fail(ErrorCode::kExpired, "a token of the exchange has expired", "get a new one");

  json::array hops;
  for (const auto& one : chain) hops.push_back(json::object{{"issuer", one.issuer}, {"human", one.human}});
  json::object attributes = actor.attributes;
  attributes.erase("may_act");  // who may exchange the actor's token, not this one
  json::object own{{"chain", std::move(hops)}, {"attributes", std::move(attributes)}};
  if (!actor.owner.empty()) own["owner"] = actor.owner;
  if (!actor.workload.empty()) own["workload"] = actor.workload;
  if (json::write(own).size() > kAttributeBytes) {
    return fail(ErrorCode::kTooLarge, "the actor's attributes are longer than " + std::to_string(kAttributeBytes) + " bytes",
                "map fewer claims to attributes in interlock.yaml");
  }
  out.claims["sub"] = chain.front().id;
  out.claims["aud"] = audience;
  out.claims["act"] = act_of(actor, chain);
  out.claims["client_id"] = actor.id;
  if (!scopes->empty()) out.claims["scope"] = joined(*scopes);
  if (!confirmation.empty()) out.claims["cnf"] = confirmation;
  out.claims[kMember] = std::move(own);
  return out;
}

Result<model::Subject> subject_of_exchanged(const json::object& claims) {
  const auto origin = json::string_at(claims, "sub");
  if (!origin || origin->empty()) return malformed("it has no sub");
  const auto* own = json::object_at(claims, kMember);
  const auto* hops = own == nullptr ? nullptr : json::array_at(*own, "chain");
  if (hops == nullptr) return malformed("it does not say what its chain is");

  std::vector<std::string> actors;  // outermost first
  const json::object* at = &claims;
  for (const auto* act = json::find(*at, "act"); act != nullptr; act = json::find(*at, "act")) {
    at = act->if_object();
    const auto id = at == nullptr ? std::nullopt : json::string_at(*at, "sub");
    if (!id || id->empty() || actors.size() >= kChainLength) return malformed("its act");
    actors.emplace_back(*id);
  }
  if (actors.empty() || hops->size() != actors.size()) return malformed("its chain is not as long as its act");

  model::Subject subject;
  subject.id = actors.front();
  subject.credential = "exchange";
  subject.chain.push_back({.id = std::string(*origin), .issuer = {}, .human = false});
  for (auto i = actors.size(); i-- > 1;) subject.chain.push_back({.id = actors[i], .issuer = {}, .human = false});
  for (std::size_t i = 0; i < hops->size(); ++i) {
    const auto* hop = (*hops)[i].if_object();
    if (hop == nullptr) return malformed("a hop of its chain");
    subject.chain[i].issuer = json::string_at(*hop, "issuer").value_or("");
    subject.chain[i].human = json::bool_at(*hop, "human");
  }
  subject.owner = json::string_at(*own, "owner").value_or("");
  subject.workload = json::string_at(*own, "workload").value_or("");
  if (const auto* attributes = json::object_at(*own, "attributes")) subject.attributes = *attributes;
  if (const auto scope = json::string_at(claims, "scope")) {
    for (std::size_t begin = 0; begin < scope->size();) {
      const auto end = std::min(scope->find(' ', begin), scope->size());
      if (end > begin) subject.scopes.emplace_back(scope->substr(begin, end - begin));
      begin = end + 1;
    }
  }
  auto expires = jose::time_claim(claims, "exp");
  if (!expires) return fail(std::move(expires.error()));
  subject.expires_ms = expires->value_or(0);
  return subject;
}

}  // namespace interlock::identity
