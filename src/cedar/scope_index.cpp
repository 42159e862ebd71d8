#include "cedar/scope_index.hpp"

#include <algorithm>
#include <unordered_map>

#include "cedar/program.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kVariables = 3;  // principal, action, resource

}  // namespace

class ScopeIndexBuilder {
 public:
  explicit ScopeIndexBuilder(CompiledPolicies& set) : set_(set) {}

  ScopeIndex build() {
    for (std::uint32_t i = 0; i < set_.policies.size(); ++i) gather(i);
    for (const Filing& filing : filings_) file(filing);
    fill();
    return std::move(index_);
  }

 private:
  using Use = ScopeIndex::Use;
  using Kind = ScopeConstraint::Kind;

  // The keys that one constraint could be filed under; none where it holds for anything.
  struct Constraint {
    Use use = Use::kEqual;
    std::vector<std::uint64_t> keys;
  };
  struct Filing {
    std::uint32_t policy;
    Constraint constraints[kVariables];
  };
  struct Known {
    UidData name;
    std::size_t place;
    std::uint64_t policies = 0;  // that could be filed under the key
    bool ambiguous = false;      // another name has the same key: nothing is filed under it
    std::vector<std::uint32_t> filed;
  };

  void gather(std::uint32_t policy) {
    const CompiledPolicy& compiled = set_.compiled[policy];
    const bool never = compiled.action.kind == Kind::kIn && compiled.action.uid_count == 0;  // `action in []`
    if (set_.policies[policy].is_template() || never) return;
    filings_.push_back({policy,
                        {constraint_of(compiled.principal, Variable::kPrincipal), constraint_of(compiled.action, Variable::kAction),
                         constraint_of(compiled.resource, Variable::kResource)}});
  }

  Constraint constraint_of(const CompiledScope& scope, Variable variable) {
    if (scope.kind == Kind::kAny) return {};
    Constraint constraint{scope.kind == Kind::kEqual ? Use::kEqual : (scope.kind == Kind::kIs ? Use::kIs : Use::kIn), {}};
    auto add = [&](const UidData& name) {
      const std::uint64_t key = ScopeIndex::key(variable, constraint.use, name);
      const std::size_t place = ScopeIndex::place(variable, constraint.use);
      Known& known = known_.try_emplace(key, Known{name, place, 0, false, {}}).first->second;
      known.ambiguous = known.ambiguous || known.place != place || !ScopeIndex::same_name(constraint.use, known.name, name);
      if (std::find(constraint.keys.begin(), constraint.keys.end(), key) != constraint.keys.end()) return;
      ++known.policies;
      constraint.keys.push_back(key);
    };
    if (scope.kind == Kind::kIs) {
      const NameData& type = set_.types[scope.type];
      add({type.text, {}, type.hash, 0});
    } else {
      for (std::uint32_t i = 0; i < scope.uid_count; ++i) add(set_.uids[scope.first_uid + i]);
    }
    return constraint;
  }

  void file(const Filing& filing) {
    CompiledPolicy& policy = set_.compiled[filing.policy];
    const CompiledScope* scopes[kVariables] = {&policy.principal, &policy.action, &policy.resource};
    std::size_t best = kVariables;
    std::uint64_t best_crowd = UINT64_MAX;
    for (std::size_t v = 0; v < kVariables; ++v) {
      const Constraint& constraint = filing.constraints[v];
      if (constraint.keys.empty()) continue;
      policy.left_to_test |= static_cast<std::uint8_t>(1U << v);
      std::uint64_t crowd = 0;
      bool usable = true;
      for (std::uint64_t key : constraint.keys) {
        const Known& known = known_.at(key);
        crowd += known.policies;
        usable = usable && !known.ambiguous;
      }
      if (usable && crowd < best_crowd) {
        best = v;
        best_crowd = crowd;
      }
    }
    if (best == kVariables) {
      index_.unfiled_.push_back(filing.policy);
      return;
    }
    const Constraint& chosen = filing.constraints[best];
    index_.has_[ScopeIndex::place(static_cast<Variable>(best), chosen.use)] = true;
    // `is T in e` is filed under e alone.
    if (scopes[best]->kind != Kind::kIsIn) policy.left_to_test &= static_cast<std::uint8_t>(~(1U << best));
    for (std::uint64_t key : chosen.keys) known_.at(key).filed.push_back(filing.policy);
  }

  void fill() {
    std::size_t used = 0;
    for (const auto& [key, known] : known_) used += known.filed.empty() ? 0 : 1;
    std::size_t size = 16;
    while (size < used * 2) size *= 2;
    index_.slots_.assign(size, {});
    index_.names_.assign(size, {});
    for (const auto& [key, known] : known_) {
      if (known.filed.empty()) continue;
      std::size_t at = key & (size - 1);
      while (index_.slots_[at].key != 0) at = (at + 1) & (size - 1);
      index_.slots_[at] = {key, static_cast<std::uint32_t>(index_.listed_.size()), static_cast<std::uint32_t>(known.filed.size())};
      index_.names_[at] = known.name;
      index_.listed_.insert(index_.listed_.end(), known.filed.begin(), known.filed.end());
    }
  }

  CompiledPolicies& set_;
  std::vector<Filing> filings_;
  std::unordered_map<std::uint64_t, Known> known_;
  ScopeIndex index_;
};

ScopeIndex ScopeIndex::build(CompiledPolicies& set) { return ScopeIndexBuilder(set).build(); }

std::uint64_t ScopeIndex::key(Variable variable, Use use, const UidData& uid) {
  static constexpr std::uint64_t kSalts[kPlaces] = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
                                                    0x27d4eb2f165667c5, 0x85ebca77c2b2ae63, 0xd6e8feb86659fd93,
                                                    0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3};
  std::uint64_t key = ((use == Use::kIs ? uid.type_hash : uid.hash) ^ kSalts[place(variable, use)]) * 0xff51afd7ed558ccd;
  key ^= key >> 32;
  return key == 0 ? 1 : key;
}

std::span<const std::uint32_t> ScopeIndex::find(Variable variable, Use use, const UidData& uid) const {
  const std::uint64_t wanted = key(variable, use, uid);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = wanted & mask; slots_[at].key != 0; at = (at + 1) & mask) {
    if (slots_[at].key != wanted) continue;
    if (!same_name(use, names_[at], uid)) return {};
    return {listed_.data() + slots_[at].first, slots_[at].count};
  }
  return {};
}

}  // namespace interlock::cedar
