#include "identity/registry.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/hash.hpp"
#include "identity/agent_rules.hpp"
#include "identity/sighting.hpp"

namespace interlock::identity {
namespace {

constexpr std::string_view kBucket = "agents";
constexpr std::int64_t kWriteEveryMs = 60'000;
constexpr std::size_t kPage = 1'000;
constexpr std::size_t kReadableKeyBytes = 512;
constexpr int kAttempts = 4;  // of a write that other gates come before

// Ids may be longer than keys: then the hash tells them apart. A cut key is longer than any that is not cut.
std::string key_of(std::string_view id) {
  if (id.size() <= kReadableKeyBytes) return std::string(id);
  return std::string(id.substr(0, kReadableKeyBytes)) + "#" + to_hex(sha256(id));
}

struct Kept {
  Sighting sighting;
  UnixMs written_ms = 0;
  bool dirty = false;
};

}  // namespace

struct Registry::State {
  explicit State(store::Store& in) : store(in) {}

  store::Store& store;
  AgentRules rules;
  std::unordered_map<std::string, Kept> kept;  // by agent
  std::string trouble;

  Status load();
  void write(Kept& agent, UnixMs now_ms);
  Status write_once(Kept& agent);
  void make_room();
  Result<std::map<std::string, Sighting>> all() const;
  Result<std::optional<Sighting>> stored(std::string_view id) const;
  AgentView view_of(const std::string& id, const Sighting* sighting) const;
};

// Read once: from then on a sighting costs no look into the store.
Status Registry::State::load() {
  auto sightings = all();
  if (!sightings) return fail(std::move(sightings.error()));
  for (auto& [id, sighting] : *sightings) {
    const auto last_ms = sighting.last_ms;
    kept.emplace(id, Kept{.sighting = std::move(sighting), .written_ms = last_ms, .dirty = false});
  }
  make_room();
  return {};
}

// Forgets agents that the rules do not name one by one (a prefix names any number), those unseen for longest first. A tenth at once, so
// that it is rare.
void Registry::State::make_room() {
  if (kept.size() < kRememberedAgents) return;
  std::vector<std::pair<UnixMs, std::string>> candidates;
  for (const auto& [id, agent] : kept) {
    const auto* rule = rules.find(id);
    if (rule == nullptr || rule->id != id) candidates.emplace_back(agent.sighting.last_ms, id);
  }
  const auto count = std::min(candidates.size(), kRememberedAgents / 10 + (kept.size() - kRememberedAgents));
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), candidates.end());
  for (std::size_t i = 0; i < count; ++i) {
    if (auto removed = store.remove(kBucket, key_of(candidates[i].second)); !removed) trouble = removed.error().text();
    kept.erase(candidates[i].second);
  }
}

Status Registry::State::write_once(Kept& agent) {
  const auto key = key_of(agent.sighting.id);
  Error last;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto entry = store.get(kBucket, key);
    if (!entry) return fail(std::move(entry.error()));
    auto merged = agent.sighting;
    if (*entry) {
      auto theirs = read_sighting((*entry)->value);
      if (theirs) merged.merge(*theirs);
    }
    auto written = store.compare_and_set(kBucket, key, to_text(merged), *entry ? (*entry)->revision : store::kAbsent);
    if (written) {
      agent.sighting = std::move(merged);
      return {};
    }
    if (written.error().code != ErrorCode::kConflict) return fail(std::move(written.error()));
    last = std::move(written.error());
  }
  return fail(std::move(last));
}

void Registry::State::write(Kept& agent, UnixMs now_ms) {
  agent.written_ms = now_ms;  // also where it fails: a store in trouble is not asked at each act
  auto status = write_once(agent);
  agent.dirty = !status;
  if (!status) trouble = "sightings of agents cannot be written: " + status.error().text();
  else trouble.clear();
}

Result<std::map<std::string, Sighting>> Registry::State::all() const {
  std::map<std::string, Sighting> out;
  std::string after;
  for (;;) {
    auto page = store.scan(kBucket, "", kPage, after);
    if (!page) return fail(std::move(page.error()));
    for (const auto& entry : *page) {
      auto sighting = read_sighting(entry.value);
      if (!sighting) return fail(std::move(sighting.error()));
      auto id = sighting->id;
      out.insert_or_assign(std::move(id), std::move(*sighting));
    }
    if (page->size() < kPage) break;
    after = page->back().key;
  }
  for (const auto& [id, agent] : kept) {
    if (!agent.dirty) continue;
    const auto [it, added] = out.emplace(id, agent.sighting);
    if (!added) it->second.merge(agent.sighting);
  }
  return out;
}

Result<std::optional<Sighting>> Registry::State::stored(std::string_view id) const {
  std::optional<Sighting> out;
  auto entry = store.get(kBucket, key_of(id));
  if (!entry) return fail(std::move(entry.error()));
  if (*entry) {
    auto sighting = read_sighting((*entry)->value);
    if (!sighting) return fail(std::move(sighting.error()));
    out = std::move(*sighting);
  }
  if (const auto it = kept.find(std::string(id)); it != kept.end() && it->second.dirty) {
    if (out) out->merge(it->second.sighting);
    else out = it->second.sighting;
  }
  return out;
}

AgentView Registry::State::view_of(const std::string& id, const Sighting* sighting) const {
  AgentView out;
  out.id = id;
  if (sighting != nullptr) {
    out.owner = sighting->owner;
    out.first_seen_ms = sighting->first_ms;
    out.last_seen_ms = sighting->last_ms;
    out.assurance = sighting->assurance;
    for (const auto& workload : sighting->workloads) out.workloads.push_back(workload.fingerprint);
  }
  if (const auto* rule = rules.find(id)) {
    out.owner = rule->owner;
    out.purpose = rule->purpose;
    out.highest_band = rule->highest_band;
    out.registered = true;
  }
  return out;
}

Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}

// What waits for its minute is written now; where that fails nobody is left to be told.
Registry::~Registry() {
  for (auto& [id, agent] : state_->kept) {
    if (agent.dirty) (void)state_->write_once(agent);
  }
}

Result<std::unique_ptr<Registry>> Registry::open(store::Store& store, RegistryOptions options) {
  auto rules = AgentRules::create(std::move(options));
  if (!rules) return fail(std::move(rules.error()));
  auto state = std::make_unique<State>(store);
  state->rules = std::move(*rules);
  if (auto loaded = state->load(); !loaded) return fail(std::move(loaded.error()));
  return std::unique_ptr<Registry>(new Registry(std::move(state)));
}

Status Registry::set_rules(RegistryOptions options) {
  auto rules = AgentRules::create(std::move(options));
  if (!rules) return fail(std::move(rules.error()));
  state_->rules = std::move(*rules);
  return {};
}

Status Registry::admit(model::Subject& subject, UnixMs now_ms) {
  const auto& rules = state_->rules;
  const auto* rule = rules.find(subject.id);
  if (rule == nullptr && rules.options().only_registered) {
    return fail(ErrorCode::kDenied, "agent \"" + subject.id + "\" is not in the registry, and only registered agents may act",
                "add it under `agents:` in interlock.yaml, with its owner");
  }
  if (rule != nullptr) {
    subject.owner = rule->owner;
    if (!rule->purpose.empty()) subject.attributes["purpose"] = rule->purpose;
  }
  subject.attributes["registered"] = rule != nullptr;
  if (rules.options().refuse_left_owners) {
    const auto left = [&](std::string_view name) { return rules.has_left(name, now_ms); };
    if (left(subject.owner)) {
      return fail(ErrorCode::kDenied, "\"" + subject.owner + "\", who owns agent \"" + subject.id + "\", has left",
                  "name another owner for the agent in interlock.yaml, or retire it");
    }
    for (const auto& one : subject.chain) {
      if (left(one.id)) return fail(ErrorCode::kDenied, "\"" + one.id + "\", for whom agent \"" + subject.id + "\" acts, has left");
    }
  }
  auto it = state_->kept.find(subject.id);
  if (it == state_->kept.end()) {
    state_->make_room();
    it = state_->kept.emplace(subject.id, Kept{}).first;
    it->second.sighting.id = subject.id;
  }
  auto& agent = it->second;
  const bool news = agent.sighting.note(subject, now_ms);
  const bool retries_too_soon = agent.dirty && now_ms - agent.written_ms < kWriteEveryMs && !news;
  agent.dirty = true;
  if ((news || now_ms - agent.written_ms >= kWriteEveryMs) && !retries_too_soon) state_->write(agent, now_ms);
  return {};
}

std::string Registry::trouble() const { return state_->trouble; }

model::Band Registry::highest_band(std::string_view agent) const {
  const auto* rule = state_->rules.find(agent);
  return rule == nullptr ? model::Band::kCritical : rule->highest_band;
}

Result<std::vector<AgentView>> Registry::list() const {
  auto sightings = state_->all();
  if (!sightings) return fail(std::move(sightings.error()));
  for (const auto& rule : state_->rules.options().agents) {
    if (!rule.id.ends_with('*')) sightings->try_emplace(rule.id);
  }
  std::vector<AgentView> out;
  for (const auto& [id, sighting] : *sightings) out.push_back(state_->view_of(id, &sighting));
  return out;
}

Result<std::optional<AgentView>> Registry::find(std::string_view id) const {
  auto sighting = state_->stored(id);
  if (!sighting) return fail(std::move(sighting.error()));
  const auto* rule = state_->rules.find(id);
  if (!*sighting && (rule == nullptr || rule->id != id)) return std::optional<AgentView>();
  return std::optional<AgentView>(state_->view_of(std::string(id), *sighting ? &**sighting : nullptr));
}

Result<std::vector<Finding>> Registry::findings(UnixMs now_ms) const {
  auto sightings = state_->all();
  if (!sightings) return fail(std::move(sightings.error()));
  const auto& rules = state_->rules;
  std::vector<Finding> out;
  const auto add = [&](std::string_view kind, const std::string& agent, std::string message, std::string next) {
    out.push_back({.kind = std::string(kind), .agent = agent, .message = std::move(message), .next = std::move(next)});
  };
  const auto check_owner = [&](const std::string& agent, const std::string& owner) {
    if (owner.empty()) {
      add("no-owner", agent, "nobody answers for \"" + agent + "\"", "add it under `agents:` in interlock.yaml, with its owner");
    } else if (rules.has_left(owner, now_ms)) {
      add("owner-left", agent, "\"" + owner + "\", who owns \"" + agent + "\", left at " + rfc3339(*rules.owner(owner)->left_ms),
          "name another owner, or retire the agent");
    } else if (!rules.options().owners.empty() && rules.owner(owner) == nullptr) {
      add("owner-unknown", agent, "\"" + owner + "\", who owns \"" + agent + "\", is not among `owners`",
          "add the owner, or correct the name");
    }
  };
  for (const auto& [id, sighting] : *sightings) {
    const auto* rule = rules.find(id);
    check_owner(id, rule == nullptr ? sighting.owner : rule->owner);
    if (rule == nullptr && !rules.options().agents.empty()) {
      add("unregistered", id, "\"" + id + "\" acts and is not in the registry", "add it under `agents:` in interlock.yaml, or deny it");
    }
    if (sighting.is_shared() && (rule == nullptr || !rule->shared)) {
      add("shared-identity", id,
          "several workloads use the identity \"" + id + "\" at the same time (" + std::to_string(sighting.workloads.size()) + " seen)",
          "give each its own identity, or say `shared: true` in the registry");
    }
    if (sighting.inherited) {
      add("inherited", id, "an agent has acted with the credential of the human \"" + id + "\"",
          "let the agent authenticate as itself, and exchange the human's token for one that says who acts");
    }
  }
  for (const auto& rule : rules.options().agents) {
    const bool is_prefix = rule.id.ends_with('*');
    const auto begin = std::string_view(rule.id).substr(0, rule.id.size() - (is_prefix ? 1 : 0));
    const auto it = is_prefix ? sightings->lower_bound(std::string(begin)) : sightings->find(rule.id);
    const bool seen = it != sightings->end() && (!is_prefix || it->first.starts_with(begin));
    if (seen) continue;
    check_owner(rule.id, rule.owner);
    add("never-seen", rule.id, "\"" + rule.id + "\" is registered and was never seen", "remove it if it is no longer used");
  }
  return out;
}

json::object to_json(const AgentView& agent) {
  json::object out{{"id", agent.id},
                   {"owner", agent.owner},
                   {"purpose", agent.purpose},
                   {"highest_band", static_cast<int>(agent.highest_band)},
                   {"registered", agent.registered}};
  if (agent.first_seen_ms != 0) {
    out["first_seen"] = rfc3339(agent.first_seen_ms);
    out["last_seen"] = rfc3339(agent.last_seen_ms);
  }
  if (!agent.assurance.empty()) out["assurance"] = agent.assurance;
  json::array workloads;
  for (const auto& one : agent.workloads) workloads.emplace_back(one);
  out["workloads"] = std::move(workloads);
  return out;
}

json::object to_json(const Finding& finding) {
  return {{"kind", finding.kind}, {"agent", finding.agent}, {"message", finding.message}, {"next", finding.next}};
}

}  // namespace interlock::identity
