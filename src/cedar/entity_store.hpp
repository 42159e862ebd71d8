// How a store of entities stands in memory. Private to the library.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "cedar/compare.hpp"
#include "cedar/storage.hpp"

namespace interlock::cedar {

struct EntityData {
  UidData uid;
  Value attributes;  // a record, solid or a JSON view
  Value tags;        // the same
  std::span<const UidData> parents;
  std::span<const UidData> ancestors;  // parents and theirs; sort_ancestors()
  // One bit of 64 for each ancestor, from its hash: most entities that are no ancestor are told apart by it alone. All bits
  // set is always right.
  std::uint64_t ancestor_bits = ~std::uint64_t{0};

  // A list up to this long is scanned, and need not be sorted.
  static constexpr std::size_t kScanAncestors = 8;
  static void sort_ancestors(std::span<UidData> list) {
    if (list.size() <= kScanAncestors) return;
    std::sort(list.begin(), list.end(), [](const UidData& a, const UidData& b) { return a.hash < b.hash; });
  }

  static std::uint64_t ancestor_bit(const UidData& uid) { return std::uint64_t{1} << (uid.hash >> 58); }
  void set_ancestors(std::span<const UidData> sorted) {
    ancestors = sorted;
    ancestor_bits = 0;
    for (const UidData& each : sorted) ancestor_bits |= ancestor_bit(each);
  }
  bool has_ancestor(const UidData& other) const { return (ancestor_bits & ancestor_bit(other)) != 0 && finds_ancestor(other); }
  bool finds_ancestor(const UidData& other) const;
};

struct EntityStore {
  Arena arena;
  std::shared_ptr<const EntityStore> base;
  std::vector<EntityData> entities;
  std::vector<std::uint32_t> table;      // open addressing by hash; index + 1, 0 is free; a power of two, or empty when few
  std::string fault;                     // what add() was given that can't be stored
  std::vector<UidData> missing_parents;  // named as parents, stored neither here nor below; sorted by hash

  const EntityData* find(const UidData& uid) const;  // here or below
  const EntityData* find_here(const UidData& uid) const;
  void index();
};

struct EntitiesAccess {
  static const EntityStore* store(const Entities& entities) { return entities.store_.get(); }
  static Entities wrap(std::shared_ptr<const EntityStore> store) { return Entities(std::move(store)); }
  static EntityStore& building(EntitiesBuilder& builder) {
    if (builder.store_ == nullptr) builder.store_ = std::make_unique<EntityStore>();
    return *builder.store_;
  }
};

// A record with no fields.
Value empty_record();

}  // namespace interlock::cedar
