// Which policies a request can concern, found by the names in it rather than by trying all of them. Private to the library.
//
// Each policy that decides at all is filed once: under the names in one of its scope's constraints, the one whose names fewest
// policies share (a list of actions files it several times). A request looks up its principal, action and resource, their
// types and their ancestors. Finding a policy there says that this constraint is satisfied; what is left to test stands in
// CompiledPolicy::left_to_test.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cedar/storage.hpp"
#include "cedar/syntax.hpp"

namespace interlock::cedar {

struct CompiledPolicies;

class ScopeIndex {
 public:
  // How a constraint uses a name: a request finds kEqual by the entity itself, kIn by it and its ancestors, kIs by its type.
  enum class Use : std::uint8_t { kEqual, kIn, kIs };

  // Files every policy of the set.
  static ScopeIndex build(CompiledPolicies& set);

  // Policies by their position in the set, rising.
  std::span<const std::uint32_t> unfiled() const { return unfiled_; }  // they concern every request
  bool has(Variable variable, Use use) const { return has_[place(variable, use)]; }
  std::span<const std::uint32_t> find(Variable variable, Use use, const UidData& uid) const;

 private:
  friend class ScopeIndexBuilder;
  static constexpr std::size_t kPlaces = 9;
  static constexpr std::size_t place(Variable variable, Use use) {
    return static_cast<std::size_t>(variable) * 3 + static_cast<std::size_t>(use);
  }
  static std::uint64_t key(Variable variable, Use use, const UidData& uid);
  static bool same_name(Use use, const UidData& a, const UidData& b) { return use == Use::kIs ? same_text(a.type, b.type) : a == b; }

  // A key is a hash of place and name; what it hits is then compared with the name itself.
  struct Slot {
    std::uint64_t key = 0;  // 0 is free
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  std::vector<Slot> slots_;     // open addressing; a power of two
  std::vector<UidData> names_;  // beside slots_
  std::vector<std::uint32_t> listed_;
  std::vector<std::uint32_t> unfiled_;
  std::array<bool, kPlaces> has_{};
};

}  // namespace interlock::cedar
