// `secrets`, `credentials`, and the list `credentials` of a server or host. What a broker takes is checked by its own reader.
#include "cli/config_credentials.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <span>

#include "cli/config.hpp"
#include "cli/config_reading.hpp"
#include "cli/yaml_json.hpp"
#include "credential/vault.hpp"
#include "net/http.hpp"

namespace interlock::cli {
namespace {

using Where = credential::Placement::Where;
using yaml::Node;

constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::size_t kCredentials = 1'000;
constexpr std::size_t kRules = 1'000;
constexpr std::size_t kPlacements = 64;
constexpr std::size_t kNameBytes = 64;
constexpr const char* kMasterKeyName = "interlock-master-key";
constexpr std::string_view kBrokers[] = {"postgres", "ssh", "oauth", "github_app", "aws", "vault", "static", "svid"};
// They frame a message or say where it goes: no credential stands there.
constexpr std::string_view kFraming[] = {"host",    "content-length", "transfer-encoding", "connection", "upgrade", "keep-alive", "te",
                                         "trailer", "expect"};

bool is_word(std::string_view text, std::string_view further) {
  return !text.empty() &&
         std::ranges::all_of(text, [&](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || further.contains(c); });
}

bool is_variable(std::string_view text) { return is_word(text, "_") && std::isdigit(static_cast<unsigned char>(text.front())) == 0; }

void read_secrets(ConfigReader& in, yaml::Map& root, SecretsConfig& out) {
  out.master_key_name = kMasterKeyName;
  const auto* node = root.find("secrets");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, "secrets");
  out.master_key = map.choice<MasterKeySource>("master_key", out.master_key,
                                               {{"file", MasterKeySource::kFile},
                                                {"keyring", MasterKeySource::kKeyring},
                                                {"systemd", MasterKeySource::kSystemd},
                                                {"passphrase", MasterKeySource::kPassphrase}});
  const auto* file = map.find("master_key_file");
  const auto* name = map.find("master_key_name");
  if (file != nullptr) out.master_key_file = in.path(*file, map.what_of("master_key_file"));
  if (name != nullptr) {
    out.master_key_name = in.reader.text(*name, map.what_of("master_key_name"));
    if (!in.reader.failed() && (!is_word(out.master_key_name, "_-.:") || out.master_key_name.front() == '.'))
      in.reader.complain(*name, "`secrets.master_key_name` cannot be the name of a key", "use letters, digits, - _ . and :");
  }
  const bool in_file = out.master_key == MasterKeySource::kFile || out.master_key == MasterKeySource::kPassphrase;
  if (file != nullptr && !in_file)
    in.reader.complain(*file, "`secrets.master_key_file` means nothing where the key comes from elsewhere",
                       "leave it out, or write master_key: file");
  if (name != nullptr && out.master_key == MasterKeySource::kFile)
    in.reader.complain(*name, "`secrets.master_key_name` means nothing where the key is in a file",
                       "leave it out, or write master_key: keyring");
  if (file != nullptr && name != nullptr)
    in.reader.complain(*name, "`secrets` takes the passphrase from a file or from a systemd credential", "keep one of the two");
  in.each_map(map, "rules", kRules, "{ match: \"github/*\", max_age: 90d }", [&](const Node& item) {
    yaml::Map rule(in.reader, item, "secrets.rules");
    SecretRuleConfig one;
    const auto& match = rule.require("match");
    if (!in.reader.failed()) one.match = in.reader.text(match, rule.what_of("match"));
    one.max_age_ms = rule.duration_ms("max_age", 0, kSecondMs, 3'650 * kDayMs);
    one.overlap_ms = rule.duration_ms("overlap", 0, 0, 365 * kDayMs);
    rule.close();
    out.rules.push_back(std::move(one));
  });
  map.close();
}

// As written, with ${ENV} expanded in its texts.
Node expanded(ConfigReader& in, const Node& node, const std::string& what) {
  Node out = node;
  if (node.kind == Node::Kind::kScalar) out.text = in.reader.text(node, what);
  for (auto& item : out.items) item = expanded(in, item, what);
  return out;
}

CredentialEntry read_credential(ConfigReader& in, const Node& key, const Node& node) {
  CredentialEntry out;
  out.name = key.text;
  out.where = in.reader.place(key);
  if (!is_word(out.name, "_-.") || out.name.size() > kNameBytes || std::isalnum(static_cast<unsigned char>(out.name.front())) == 0) {
    in.reader.complain(key, "`" + out.name + "` cannot be the name of a credential",
                       "use at most 64 letters, digits, - _ and ., and begin with a letter or digit");
  }
  yaml::Map map(in.reader, node, "credentials." + out.name);
  const auto& broker = map.require("broker");
  if (!in.reader.failed()) out.broker = kBrokers[in.reader.choice(broker, map.what_of("broker"), kBrokers)];
  out.lifetime_ms = map.duration_ms("lifetime", out.lifetime_ms, kSecondMs, 30 * kDayMs);
  out.per_call = map.flag("per_call", out.per_call);
  for (std::size_t i = 0; i < node.keys.size() && !in.reader.failed(); ++i) {
    const auto& name = node.keys[i].text;
    if (name == "broker" || name == "lifetime" || name == "per_call" || node.items[i].kind == Node::Kind::kNull) continue;
    out.settings[name] = json_of(expanded(in, node.items[i], map.what_of(name)));
  }
  return out;
}

// One of the keys that say where a credential goes, and how.
struct Target {
  std::string_view key;
  Where where;
  Carrier carrier;
};
constexpr Target kTargets[] = {
    {"header", Where::kHeader, Carrier::kHttp},    {"query", Where::kQuery, Carrier::kHttp},
    {"sigv4", Where::kSigV4, Carrier::kHttp},      {"env", Where::kEnvironment, Carrier::kProgram},
    {"fd", Where::kDescriptor, Carrier::kProgram}, {"file", Where::kFile, Carrier::kProgram},
};
std::string_view hint_for(Carrier carrier) {
  return carrier == Carrier::kHttp ? "write header: NAME, query: NAME, or sigv4: { service: ..., region: ... }"
                                   : "write env: NAME, fd: VARIABLE, or file: NAME";
}

// Why `name` cannot be where it goes; empty where it can.
std::string_view problem_with_name(Where where, std::string_view name) {
  switch (where) {
    case Where::kHeader:
      if (!is_word(name, "!#$%&'*+-.^_`|~")) return "is no name of a header";
      return std::ranges::any_of(kFraming, [&](auto word) { return net::equal_ignoring_case(word, name); })
                 ? "is a header that frames a message"
                 : "";
    case Where::kQuery: return is_word(name, "_-.~") ? "" : "is no name of a parameter";
    case Where::kEnvironment:
    case Where::kDescriptor: return is_variable(name) ? "" : "is no name of a variable";
    case Where::kFile: return is_word(name, "_-.") && name.front() != '.' ? "" : "is no plain name of a file";
    case Where::kSigV4: return "";
  }
  return "";
}

void read_target(ConfigReader& in, yaml::Map& map, const Target& target, PlacementConfig& out) {
  const Node& node = *map.find(target.key);
  out.where = target.where;
  if (target.where == Where::kSigV4) {
    yaml::Map part(in.reader, node, map.what_of("sigv4"));
    out.service = part.text("service");
    out.region = part.text("region");
    part.close();
    return;
  }
  out.name = in.reader.text(node, map.what_of(target.key));
  if (in.reader.failed()) return;
  if (const auto problem = problem_with_name(target.where, out.name); !problem.empty())
    in.reader.complain(node, "`" + out.name + "` " + std::string(problem), std::string(hint_for(target.carrier)));
}

void read_value(ConfigReader& in, yaml::Map& map, PlacementConfig& out) {
  const auto* value = map.find("value");
  if (out.where == Where::kSigV4) {
    if (value != nullptr) in.reader.complain(*value, "`" + map.what_of("value") + "` means nothing beside sigv4", "leave it out");
    return;
  }
  const auto& text = map.require("value");
  if (in.reader.failed()) return;
  out.text = in.reader.text(text, map.what_of("value"));
  if (auto checked = credential::check_template(out.text); !checked)
    return in.reader.complain(text, "`" + map.what_of("value") + "`: " + checked.error().message, checked.error().hint);
  const bool in_line = out.where == Where::kHeader || out.where == Where::kQuery || out.where == Where::kEnvironment;
  if (out.text.contains('\0') || (in_line && out.text.find_first_of("\r\n") != std::string::npos))
    in.reader.complain(text, "`" + map.what_of("value") + "` holds a character that cannot be sent", "leave line breaks and NUL out");
}

PlacementConfig read_placement(ConfigReader& in, const Node& node, const std::string& what, Carrier carrier, const Config& config) {
  PlacementConfig out;
  yaml::Map map(in.reader, node, what);
  const auto& credential = map.require("credential");
  if (!in.reader.failed()) out.credential = in.reader.text(credential, map.what_of("credential"));
  if (!in.reader.failed() && config.credential(out.credential) == nullptr)
    in.reader.complain(credential, "there is no credential `" + out.credential + "`", "name it under `credentials`", ErrorCode::kNotFound);
  const Target* found = nullptr;
  for (const auto& target : kTargets) {
    const auto* key = target.carrier == carrier ? map.find(target.key) : node.find(target.key);
    if (key == nullptr || in.reader.failed()) continue;
    if (target.carrier != carrier)
      in.reader.complain(*key, "`" + map.what_of(target.key) + "` is not where a credential can go here", std::string(hint_for(carrier)));
    else if (found != nullptr) in.reader.complain(*key, "`" + what + "` says twice where the credential goes", "write an entry for each");
    found = &target;
  }
  if (found == nullptr) in.reader.complain(node, "`" + what + "` does not say where the credential goes", std::string(hint_for(carrier)));
  if (!in.reader.failed()) read_target(in, map, *found, out);
  if (!in.reader.failed()) read_value(in, map, out);
  out.only_by_policy = map.flag("only_by_policy", false);
  map.close();
  return out;
}

}  // namespace

void read_credentials(ConfigReader& in, yaml::Map& root, Config& out) {
  read_secrets(in, root, out.secrets);
  const auto* node = root.find("credentials");
  if (node == nullptr) return;
  if (node->kind != Node::Kind::kMap)
    return in.reader.complain(*node, "`credentials` must be a map of names and credentials",
                              "write credentials: { NAME: { broker: static, secret: NAME_IN_THE_VAULT } }");
  if (node->keys.size() > kCredentials)
    return in.reader.complain(*node, "`credentials` has more than " + std::to_string(kCredentials) + " entries", {}, ErrorCode::kTooLarge);
  for (std::size_t i = 0; i < node->keys.size() && !in.reader.failed(); ++i)
    out.credentials.push_back(read_credential(in, node->keys[i], node->items[i]));
}

std::vector<PlacementConfig> read_placements(ConfigReader& in, yaml::Map& map, Carrier carrier, const Config& config) {
  std::vector<PlacementConfig> out;
  const auto what = map.what_of("credentials");
  in.each_map(map, "credentials", kPlacements, "{ credential: NAME, header: Authorization, value: \"Bearer {token}\" }",
              [&](const Node& item) { out.push_back(read_placement(in, item, what, carrier, config)); });
  // Two that go to one place: the second would undo the first.
  std::set<std::pair<Where, std::string>> places;
  for (std::size_t i = 0; i < out.size() && !in.reader.failed(); ++i) {
    std::string name = out[i].name;
    if (out[i].where == Where::kHeader) std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!out[i].only_by_policy && !places.emplace(out[i].where, std::move(name)).second)
      in.reader.complain(map.find("credentials")->items[i], "`" + what + "`: two credentials go to the same place",
                         "keep one, or let policy choose with only_by_policy: true");
  }
  return out;
}

}  // namespace interlock::cli
