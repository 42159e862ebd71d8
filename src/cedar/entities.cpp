// Building entity stores: the transitive closure, and layers over a base.
#include <algorithm>

#include "cedar/entity_store.hpp"

namespace interlock::cedar {
namespace {

// Up to this many entities a scan over hashes is faster than a table, and a layer needs none.
constexpr std::size_t kScanEntities = 8;
// All entities' ancestors together: a chain of n entities has n²/2 of them.
constexpr std::size_t kMaxAncestors = 4'000'000;

bool by_hash(const UidData& a, const UidData& b) { return a.hash < b.hash; }

bool holds(std::span<const UidData> sorted, const UidData& uid) {
  if (sorted.size() <= EntityData::kScanAncestors) {
    for (const UidData& each : sorted) {
      if (each == uid) return true;
    }
    return false;
  }
  auto at = std::lower_bound(sorted.begin(), sorted.end(), uid, by_hash);
  for (; at != sorted.end() && at->hash == uid.hash; ++at) {
    if (*at == uid) return true;
  }
  return false;
}

std::string uid_text(const UidData& uid) { return to_text(ValueAccess::uid(&uid)); }

bool same_values(Arena& scratch, const Value& a, const Value& b) {
  Value solid_a;
  Value solid_b;
  return solidify(scratch, a, solid_a) && solidify(scratch, b, solid_b) && equal(solid_a, solid_b);
}

bool same_parents(std::span<const UidData> a, std::span<const UidData> b) {
  auto all_in = [](std::span<const UidData> some, std::span<const UidData> others) {
    return std::all_of(some.begin(), some.end(),
                       [&](const UidData& uid) { return std::find(others.begin(), others.end(), uid) != others.end(); });
  };
  return all_in(a, b) && all_in(b, a);
}

// Computes the ancestors of every entity of `store`, parents before children, without recursion: a chain may be long.
class Closure {
 public:
  explicit Closure(EntityStore& store) : store_(store), states_(store.entities.size(), State::kNew) {}

  Status run() {
    for (std::size_t i = 0; i < store_.entities.size(); ++i) {
      if (Status done = close(i); !done) return done;
    }
    std::sort(store_.missing_parents.begin(), store_.missing_parents.end(), by_hash);
    auto end = std::unique(store_.missing_parents.begin(), store_.missing_parents.end());
    store_.missing_parents.erase(end, store_.missing_parents.end());
    return {};
  }

 private:
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  struct Frame {
    std::size_t entity;
    std::size_t next_parent = 0;
  };

  Status close(std::size_t start) {
    if (states_[start] != State::kNew) return {};
    stack_.push_back({start});
    states_[start] = State::kOpen;
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      EntityData& entity = store_.entities[frame.entity];
      if (frame.next_parent == entity.parents.size()) {
        if (Status done = finish(entity); !done) return done;
        states_[frame.entity] = State::kDone;
        stack_.pop_back();
        continue;
      }
      const EntityData* parent = store_.find_here(entity.parents[frame.next_parent++]);
      if (parent == nullptr) continue;
      auto index = static_cast<std::size_t>(parent - store_.entities.data());
      if (states_[index] == State::kOpen) {
        return fail(ErrorCode::kInvalid, "the entity " + uid_text(parent->uid) + " is its own ancestor", "remove the cycle of parents");
      }
      if (states_[index] == State::kNew) {
        states_[index] = State::kOpen;
        stack_.push_back({index});
      }
    }
    return {};
  }

  Status finish(EntityData& entity) {
    if (entity.parents.empty()) {
      entity.set_ancestors({});
      return {};
    }
    gathered_.assign(entity.parents.begin(), entity.parents.end());
    for (const UidData& parent : entity.parents) {
      const EntityData* data = store_.find(parent);
      if (data == nullptr) {
        store_.missing_parents.push_back(parent);
      } else {
        gathered_.insert(gathered_.end(), data->ancestors.begin(), data->ancestors.end());
      }
    }
    // Equal hashes of unequal uids would hide a duplicate from unique(); a duplicate here does no harm.
    std::sort(gathered_.begin(), gathered_.end(), by_hash);
    auto end = std::unique(gathered_.begin(), gathered_.end());
    total_ += static_cast<std::size_t>(end - gathered_.begin());
    if (total_ > kMaxAncestors) {
      return fail(ErrorCode::kTooLarge, "the entities have more than " + std::to_string(kMaxAncestors) + " ancestors together",
                  "flatten the hierarchy");
    }
    std::span<UidData> kept = store_.arena.array<UidData>(static_cast<std::size_t>(end - gathered_.begin()));
    std::copy(gathered_.begin(), end, kept.begin());
    entity.set_ancestors(kept);
    return {};
  }

  EntityStore& store_;
  std::vector<State> states_;
  std::vector<Frame> stack_;
  std::vector<UidData> gathered_;
  std::size_t total_ = 0;
};

// Removes repetitions that say the same, refuses those that differ.
Status merge_repetitions(EntityStore& store) {
  Arena scratch;
  std::vector<EntityData> kept;
  kept.reserve(store.entities.size());
  std::vector<EntityData*> order;
  for (EntityData& entity : store.entities) order.push_back(&entity);
  std::sort(order.begin(), order.end(),
            [](const EntityData* a, const EntityData* b) { return a->uid.hash != b->uid.hash ? a->uid.hash < b->uid.hash : a < b; });
  std::vector<const EntityData*> dropped;
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size() && order[j]->uid.hash == order[i]->uid.hash; ++j) {
      const EntityData& a = *order[i];
      const EntityData& b = *order[j];
      if (!(a.uid == b.uid)) continue;
      if (!same_values(scratch, a.attributes, b.attributes) || !same_values(scratch, a.tags, b.tags) ||
          !same_parents(a.parents, b.parents)) {
        return fail(ErrorCode::kConflict, "the entity " + uid_text(a.uid) + " is given twice with different data");
      }
      dropped.push_back(&b);
    }
  }
  if (dropped.empty()) return {};
  std::sort(dropped.begin(), dropped.end());
  for (const EntityData& entity : store.entities) {
    if (!std::binary_search(dropped.begin(), dropped.end(), &entity)) kept.push_back(entity);
  }
  store.entities = std::move(kept);
  return {};
}

}  // namespace

bool EntityData::finds_ancestor(const UidData& other) const { return holds(ancestors, other); }

const EntityData* EntityStore::find_here(const UidData& uid) const {
  if (table.empty()) {
    for (const EntityData& entity : entities) {
      if (entity.uid == uid) return &entity;
    }
    return nullptr;
  }
  std::size_t mask = table.size() - 1;
  for (std::size_t at = uid.hash & mask; table[at] != 0; at = (at + 1) & mask) {
    const EntityData& entity = entities[table[at] - 1];
    if (entity.uid == uid) return &entity;
  }
  return nullptr;
}

const EntityData* EntityStore::find(const UidData& uid) const {
  for (const EntityStore* store = this; store != nullptr; store = store->base.get()) {
    if (const EntityData* found = store->find_here(uid); found != nullptr) return found;
  }
  return nullptr;
}

void EntityStore::index() {
  table.clear();
  if (entities.size() <= kScanEntities) return;
  std::size_t size = 16;
  while (size < entities.size() * 2) size *= 2;
  table.assign(size, 0);
  for (std::size_t i = 0; i < entities.size(); ++i) {
    std::size_t at = entities[i].uid.hash & (size - 1);
    while (table[at] != 0) at = (at + 1) & (size - 1);
    table[at] = static_cast<std::uint32_t>(i + 1);
  }
}

Value empty_record() {
  static constexpr RecordData kNone{};
  return ValueAccess::record(&kNone, false);
}

Entities::Entities() = default;
Entities::Entities(std::shared_ptr<const EntityStore> store) : store_(std::move(store)) {}

bool Entities::contains(const EntityUid& uid) const { return store_ != nullptr && store_->find(uid_view(uid)) != nullptr; }

bool Entities::is_descendant(const EntityUid& child, const EntityUid& ancestor) const {
  const EntityData* data = store_ == nullptr ? nullptr : store_->find(uid_view(child));
  return data != nullptr && data->has_ancestor(uid_view(ancestor));
}

std::size_t Entities::size() const {
  std::size_t count = 0;
  for (const EntityStore* store = store_.get(); store != nullptr; store = store->base.get()) count += store->entities.size();
  return count;
}

EntitiesBuilder::EntitiesBuilder() = default;
EntitiesBuilder::EntitiesBuilder(const Entities& base) : base_(base.store_) {}
EntitiesBuilder::~EntitiesBuilder() = default;
EntitiesBuilder::EntitiesBuilder(EntitiesBuilder&&) noexcept = default;

void EntitiesBuilder::add(const EntityUid& uid, Value attributes, std::span<const EntityUid> parents, Value tags) {
  if (store_ == nullptr) store_ = std::make_unique<EntityStore>();
  Arena& arena = store_->arena;
  auto copy_uid = [&](const EntityUid& from) {
    return UidData{arena.copy(from.type()), arena.copy(from.id()), from.type_hash(), from.hash()};
  };
  auto record_or_empty = [&](const Value& v) {
    if (v.kind() == Value::Kind::kRecord) return copy_value(arena, v);
    bool is_default = v.kind() == Value::Kind::kBool && !v.as_bool();
    if (!is_default) store_->fault = "the attributes and tags of " + uid.text() + " must be records";
    return empty_record();
  };
  std::span<UidData> copied = arena.array<UidData>(parents.size());
  for (std::size_t i = 0; i < parents.size(); ++i) copied[i] = copy_uid(parents[i]);
  store_->entities.push_back({copy_uid(uid), record_or_empty(attributes), record_or_empty(tags), copied, {}});
}

Result<Entities> EntitiesBuilder::build() {
  if (store_ == nullptr) return Entities(base_);
  std::shared_ptr<EntityStore> store = std::move(store_);
  if (!store->fault.empty()) return fail(ErrorCode::kInvalid, store->fault);
  store->base = base_;
  if (store->entities.size() > 1) {
    if (Status merged = merge_repetitions(*store); !merged) return std::unexpected(merged.error());
  }
  store->index();
  for (const EntityStore* below = base_.get(); below != nullptr; below = below->base.get()) {
    for (const EntityData& entity : store->entities) {
      if (below->find_here(entity.uid) != nullptr) {
        return fail(ErrorCode::kConflict, "the base store has the entity " + uid_text(entity.uid) + " already");
      }
      // The base's ancestors were computed without it, and are fixed.
      if (holds(below->missing_parents, entity.uid)) {
        return fail(ErrorCode::kConflict, "an entity of the base store names " + uid_text(entity.uid) + " as its parent",
                    "put the parent into the base store");
      }
    }
  }
  Closure closure(*store);
  if (Status closed = closure.run(); !closed) return std::unexpected(closed.error());
  return Entities(std::move(store));
}

}  // namespace interlock::cedar
