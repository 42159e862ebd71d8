#include "task/kills.hpp"

#include <algorithm>

#include "task/by_text.hpp"

namespace interlock::task {
namespace {

constexpr std::string_view kBucket = "kills";
constexpr std::size_t kPage = 1'000;

std::string text_of(const Kill& kill) {
  return json::write(json::object{{"agent", kill.agent}, {"by", kill.by}, {"reason", kill.reason}, {"at_ms", kill.at_ms}});
}

// A record that cannot be read still kills.
Kill kill_from(const store::KeyedEntry& entry) {
  Kill kill;
  kill.agent = entry.key;
  const auto document = json::parse(entry.value);
  if (const auto* o = document ? document->if_object() : nullptr) {
    kill.by = std::string(json::string_at(*o, "by").value_or(""));
    kill.reason = std::string(json::string_at(*o, "reason").value_or(""));
    kill.at_ms = json::int_at(*o, "at_ms").value_or(0);
  }
  return kill;
}

using KillMap = ByText<Kill>;

}  // namespace

json::object to_json(const Kill& kill) {
  json::object o{{"agent", kill.agent}, {"all", kill.agent == kEverybody}, {"by", kill.by}, {"at", rfc3339(kill.at_ms)}};
  if (!kill.reason.empty()) o["reason"] = kill.reason;
  return o;
}

struct KillList::State {
  explicit State(store::Store& s) : store(s) {}
  store::Store& store;
  KillMap kills;
  KillMap unsaved;  // in force, and not in the store yet: it failed
  store::Revision seen = 0;
  bool readable = true;
  Kill unreadable{std::string(kEverybody), "the gate", "the store cannot be read, so nobody knows who is killed", 0};

  Result<KillMap> read() {
    KillMap out;
    std::string after;
    for (;;) {
      auto page = store.scan(kBucket, "", kPage, after);
      if (!page) return fail(std::move(page.error()));
      for (const auto& entry : *page) out.emplace(entry.key, kill_from(entry));
      if (page->size() < kPage) return out;
      after = page->back().key;
    }
  }
  const Kill* find(std::string_view agent) const {
    const auto it = kills.find(agent);
    return it == kills.end() ? nullptr : &it->second;
  }
};

Result<std::unique_ptr<KillList>> KillList::open(store::Store& store) {
  std::unique_ptr<KillList> list(new KillList());
  list->state_ = std::make_unique<State>(store);
  auto latest = store.latest(kBucket);
  if (!latest) return fail(std::move(latest.error()));
  auto kills = list->state_->read();
  if (!kills) return fail(std::move(kills.error()));
  list->state_->seen = *latest;
  list->state_->kills = std::move(*kills);
  return list;
}

KillList::~KillList() = default;

Status KillList::add(const Kill& kill) {
  auto& state = *state_;
  if (kill.agent.empty()) return fail(ErrorCode::kInvalid, "no agent is named");
  if (state.kills.size() >= kKills && !state.kills.contains(kill.agent))
    return fail(ErrorCode::kTooLarge, "too many agents are under kill", "lift some with `interlock unkill`, or kill all");
  // In force here before the disk has it: a store that fails must not let anybody through.
  state.kills.emplace(kill.agent, kill);
  auto written = state.store.compare_and_set(kBucket, kill.agent, text_of(kill), store::kAbsent);
  if (written || written.error().code == ErrorCode::kConflict) return {};
  state.unsaved.emplace(kill.agent, kill);
  return fail(std::move(written.error()));
}

Status KillList::lift(std::string_view agent) {
  auto& state = *state_;
  auto entry = state.store.get(kBucket, agent);
  if (!entry) return fail(std::move(entry.error()));
  if (!*entry && state.find(agent) == nullptr) {
    return fail(ErrorCode::kNotFound,
                agent == kEverybody ? "no kill of all agents is in force" : "agent " + std::string(agent) + " is not under kill",
                "`interlock kill --list` shows who is");
  }
  if (auto removed = state.store.remove(kBucket, agent); !removed) return removed;
  state.kills.erase(std::string(agent));
  state.unsaved.erase(std::string(agent));
  return {};
}

const Kill* KillList::holds(const model::Subject& subject) const {
  const auto& state = *state_;
  if (!state.readable) return &state.unreadable;
  if (state.kills.empty()) return nullptr;
  if (const auto* kill = state.find(kEverybody)) return kill;
  if (const auto* kill = state.find(subject.id)) return kill;
  for (const auto& delegator : subject.chain) {
    if (const auto* kill = state.find(delegator.id)) return kill;
  }
  return nullptr;
}

std::vector<Kill> KillList::refresh() {
  auto& state = *state_;
  std::vector<Kill> fresh;
  for (const auto& [agent, kill] : std::exchange(state.unsaved, {})) (void)add(kill);
  const auto latest = state.store.latest(kBucket);
  if (latest && *latest == state.seen && state.readable) return fresh;
  auto kills = latest ? state.read() : Result<KillMap>(fail(latest.error()));
  const bool was_readable = std::exchange(state.readable, kills.has_value());
  if (!kills) {
    if (was_readable) fresh.push_back(state.unreadable);
    return fresh;
  }
  state.seen = *latest;
  for (const auto& [agent, kill] : *kills) {
    if (!state.kills.contains(agent)) fresh.push_back(kill);
  }
  state.kills = std::move(*kills);
  for (const auto& [agent, kill] : state.unsaved) state.kills.emplace(agent, kill);
  return fresh;
}

std::vector<Kill> KillList::list() const {
  std::vector<Kill> out;
  for (const auto& [agent, kill] : state_->kills) out.push_back(kill);
  std::sort(out.begin(), out.end(), [](const Kill& a, const Kill& b) { return std::tie(a.at_ms, a.agent) < std::tie(b.at_ms, b.agent); });
  return out;
}

}  // namespace interlock::task
