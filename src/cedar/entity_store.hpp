// How a store of entities stands in memory. Private to the library.
#pragma once

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
  std::span<const UidData> ancestors;  // parents and theirs, sorted by hash

  bool has_ancestor(const UidData& other) const;
};

struct EntityStore {
  Arena arena;
  std::shared_ptr<const EntityStore> base;
  std::vector<EntityData> entities;
  std::vector<std::uint32_t> table;  // open addressing by hash; index + 1, 0 is free; a power of two, or empty when few
  std::string fault;  // what add() was given that can't be stored
  std::vector<UidData> missing_parents;  // named as parents, stored neither here nor below; sorted by hash

  const EntityData* find(const UidData& uid) const;       // here or below
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
