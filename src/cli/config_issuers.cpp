// Reads `identity.issuers`, and the registry: `agents`, `owners`, `only_registered_agents`.
#include <algorithm>
#include <array>
#include <set>

#include "cli/config_identity.hpp"
#include "cli/config_reading.hpp"

namespace interlock::cli {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::size_t kIssuers = 100;
constexpr std::size_t kAudiences = 100;
constexpr std::size_t kClaims = 100;  // of one issuer: attributes, and claims that must hold
constexpr std::size_t kClaimValues = 1'000;
constexpr std::size_t kAgents = 100'000;
constexpr std::size_t kOwners = 100'000;

struct PresetIssuer {
  std::string_view name;
  std::string_view issuer;  // the one that all its users share; empty: each has another
};
constexpr std::array<PresetIssuer, 5> kPresets{{{"github", "https://token.actions.githubusercontent.com"},
                                                {"gitlab", "https://gitlab.com"},
                                                {"kubernetes", ""},
                                                {"entra", ""},
                                                {"okta", ""}}};

const yaml::Node* map_of(ConfigReader& in, yaml::Map& map, std::string_view key, const char* example) {
  const auto* node = map.find(key);
  if (node == nullptr) return nullptr;
  if (node->kind != yaml::Node::Kind::kMap) {
    in.reader.complain(*node, "`" + map.what_of(key) + "` must be a map", std::string("write ") + example);
    return nullptr;
  }
  if (node->keys.size() > kClaims) {
    in.reader.complain(*node, "`" + map.what_of(key) + "` has more than " + std::to_string(kClaims) + " entries", {}, ErrorCode::kTooLarge);
    return nullptr;
  }
  return node;
}

void read_claims(ConfigReader& in, yaml::Map& map, identity::IssuerConfig& out) {
  if (const auto* node = map_of(in, map, "attributes", "attributes: { repository: repository }")) {
    for (std::size_t i = 0; i < node->keys.size(); ++i)
      out.attributes[node->keys[i].text] = in.reader.text(node->items[i], map.what_of("attributes") + "." + node->keys[i].text);
  }
  if (const auto* node = map_of(in, map, "claims", "claims: { repository: [ octo/app ] }")) {
    for (std::size_t i = 0; i < node->keys.size() && !in.reader.failed(); ++i) {
      auto& values = out.claims[node->keys[i].text];
      const std::string what = map.what_of("claims") + "." + node->keys[i].text;
      if (node->items[i].kind == yaml::Node::Kind::kScalar) values.push_back(in.reader.text(node->items[i], what));
      else values = in.reader.texts(node->items[i], what, kClaimValues);
      if (!in.reader.failed() && values.empty())
        in.reader.complain(node->items[i], "`" + what + "` allows no value, so no token would pass", "name values, or leave the claim out");
    }
  }
}

identity::IssuerConfig read_issuer(ConfigReader& in, const yaml::Node& node) {
  using identity::Inherited;
  using identity::StandsFor;
  identity::IssuerConfig out;
  yaml::Map map(in.reader, node, "identity.issuers");
  const PresetIssuer* preset = nullptr;
  if (const auto* name = map.find("preset")) {
    const auto at = in.reader.choice(*name, map.what_of("preset"), issuer_presets());
    if (!in.reader.failed()) preset = &kPresets[at];
  }
  const bool shared = preset != nullptr && !preset->issuer.empty();
  out.issuer = in.endpoint(map, "issuer", false);
  if (!in.reader.failed() && out.issuer.empty() && !shared)
    in.reader.complain(node, "`identity.issuers.issuer` is missing", "write the issuer as its tokens name it in `iss`");
  if (out.issuer.empty() && shared) out.issuer = preset->issuer;
  out.jwks_uri = in.endpoint(map, "jwks_uri");
  out.ca_file = in.file(map, "ca_file").string();
  out.audiences = map.texts("audiences", kAudiences);
  if (const auto* algorithms = map.find("algorithms")) {
    if (algorithms->kind != yaml::Node::Kind::kSequence)
      in.reader.complain(*algorithms, "`identity.issuers.algorithms` must be a list", "write [ ES256 ]");
    for (const auto& item : algorithms->items) out.algorithms.push_back(in.algorithm(item, map.what_of("algorithms")));
  }
  out.subject = map.text("subject");
  out.actor = map.text("actor");
  out.owner = map.text("owner");
  out.human_claims = map.texts("human_claims", kClaims);
  read_claims(in, map, out);
  out.accepts_bearer = map.flag("accept_bearer", out.accepts_bearer);
  out.stands_for = map.choice<StandsFor>("stands_for", out.stands_for, {{"workload", StandsFor::kWorkload}, {"human", StandsFor::kHuman}});
  out.inherited = map.choice<Inherited>("inherited", out.inherited,
                                        {{"refuse", Inherited::kRefuse}, {"strip", Inherited::kStrip}, {"allow", Inherited::kAllow}});
  out.longest_life_ms = map.duration_ms("max_lifetime", out.longest_life_ms, kMinuteMs, 365 * kDayMs);
  out.stale_for_ms = map.duration_ms("stale_for", out.stale_for_ms, 0, 30 * kDayMs);
  map.close();
  if (in.reader.failed()) return out;
  auto fits = preset != nullptr ? identity::apply_issuer_preset(preset->name, out) : Status();
  if (fits) fits = identity::check_issuer(out);
  if (!fits) in.reader.complain(node, fits.error().message, fits.error().hint);
  return out;
}

// "2027-01-31", or a whole RFC 3339 time.
std::optional<UnixMs> parse_day(const std::string& text) {
  constexpr std::size_t kDayBytes = 10;
  return parse_rfc3339(text.size() == kDayBytes ? text + "T00:00:00Z" : text);
}

identity::AgentRule read_agent(ConfigReader& in, const yaml::Node& node, std::set<std::string>& seen) {
  identity::AgentRule out;
  yaml::Map map(in.reader, node, "agents");
  const auto& id = map.require("id");
  if (!in.reader.failed()) out.id = in.reader.text(id, map.what_of("id"));
  if (!in.reader.failed() && out.id.empty()) in.reader.complain(id, "`agents.id` is empty", "write the subject's id, or a prefix and *");
  if (!in.reader.failed() && !seen.insert(out.id).second) in.reader.complain(id, "this agent is written twice", "keep one of them");
  const auto& owner = map.require("owner");
  if (!in.reader.failed()) out.owner = in.reader.text(owner, map.what_of("owner"));
  if (!in.reader.failed() && out.owner.empty())
    in.reader.complain(owner, "`agents.owner` is empty", "name who answers for this agent: a person, a team, a system");
  out.purpose = map.text("purpose");
  out.highest_band = static_cast<model::Band>(map.integer("bands", static_cast<std::int64_t>(out.highest_band), 0, 3));
  out.shared = map.flag("shared", false);
  map.close();
  return out;
}

identity::OwnerRule read_owner(ConfigReader& in, const yaml::Node& node, std::set<std::string>& seen) {
  identity::OwnerRule out;
  yaml::Map map(in.reader, node, "owners");
  const auto& name = map.require("name");
  if (!in.reader.failed()) out.name = in.reader.text(name, map.what_of("name"));
  if (!in.reader.failed() && !seen.insert(out.name).second) in.reader.complain(name, "this owner is written twice", "keep one of them");
  if (const auto* left = map.find("left")) {
    out.left_ms = parse_day(in.reader.text(*left, map.what_of("left")));
    if (!out.left_ms) in.reader.complain(*left, "`owners.left` must be a day", "write 2027-01-31");
  }
  map.close();
  return out;
}

}  // namespace

const std::vector<std::string_view>& issuer_presets() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const auto& preset : kPresets) out.push_back(preset.name);
    return out;
  }();
  return names;
}

void read_issuers(ConfigReader& in, yaml::Map& identity, IdentityConfig& out) {
  std::set<std::string> seen;
  in.each_map(identity, "issuers", kIssuers, "{ issuer: https://HOST, audiences: [ ... ] }", [&](const yaml::Node& item) {
    out.issuers.push_back(read_issuer(in, item));
    if (!in.reader.failed() && !seen.insert(out.issuers.back().issuer).second)
      in.reader.complain(item, "this issuer is written twice", "keep one of them");
  });
}

void read_registry(ConfigReader& in, yaml::Map& root, Config& out) {
  std::set<std::string> agents;
  in.each_map(root, "agents", kAgents, "{ id: NAME, owner: NAME }",
              [&](const yaml::Node& item) { out.registry.agents.push_back(read_agent(in, item, agents)); });
  std::set<std::string> owners;
  in.each_map(root, "owners", kOwners, "{ name: NAME }",
              [&](const yaml::Node& item) { out.registry.owners.push_back(read_owner(in, item, owners)); });
  out.registry.only_registered = root.flag("only_registered_agents", false);
}

}  // namespace interlock::cli
