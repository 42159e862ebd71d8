#include "cedar/slice.hpp"

#include <algorithm>

#include "cedar/evaluator.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kScratchBytes = 4096;  // on the stack, before the heap is asked

// Hashes names. Containers of one kind come one behind the other, with one text as their type.
class Namer {
 public:
  UidData operator()(const NameView& name) {
    if (name.type.data() != type_.data() || name.type.size() != type_.size()) {
      type_ = name.type;
      type_hash_ = hash_type(type_);
    }
    return {name.type, name.id, type_hash_, hash_uid(type_hash_, name.id)};
  }

 private:
  std::string_view type_;
  std::uint64_t type_hash_ = hash_type({});
};

EntityData entity_of(Arena& arena, const SliceEntity& from) {
  Namer namer;
  std::span<UidData> ancestors = arena.array<UidData>(from.ancestors.size());
  for (std::size_t i = 0; i < ancestors.size(); ++i) ancestors[i] = namer(from.ancestors[i]);
  EntityData::sort_ancestors(ancestors);
  const bool is_record = from.attributes.kind() == Value::Kind::kRecord;
  EntityData entity{namer(from.name), is_record ? from.attributes : empty_record(), empty_record(), {}, {}};
  entity.set_ancestors(ancestors);
  return entity;
}

// The entities of a slice in the form that the evaluator reads.
struct SliceData {
  SliceData(Arena& arena, const RequestSlice& request)
      : entities{entity_of(arena, request.principal), entity_of(arena, request.action), entity_of(arena, request.resource)},
        subjects{Subject{entities[0].uid, &entities[0]}, Subject{entities[1].uid, &entities[1]}, Subject{entities[2].uid, &entities[2]}} {}
  EntityData entities[3];
  Subject subjects[3];
};

enum class Truth : std::uint8_t { kFalse, kUnknown, kTrue };

// Whether an unnamed resource satisfies a scope.
Truth matches_unnamed(const CompiledPolicies& set, const CompiledScope& scope, const UnnamedResource& resource) {
  using Scope = ScopeConstraint::Kind;
  if (scope.kind == Scope::kAny) return Truth::kTrue;
  if (scope.kind == Scope::kIs) return Truth::kUnknown;
  Truth best = Truth::kFalse;
  for (std::uint32_t i = 0; i < scope.uid_count; ++i) {
    const UidData& uid = set.uids[scope.first_uid + i];
    const bool is_in = std::any_of(resource.ancestors.begin(), resource.ancestors.end(),
                                   [&](const NameView& each) { return each.type == uid.type && each.id == uid.id; });
    const bool closed = std::find(resource.closed_types.begin(), resource.closed_types.end(), uid.type) != resource.closed_types.end();
    if (is_in) {
      best = std::max(best, scope.kind == Scope::kIn ? Truth::kTrue : Truth::kUnknown);
    } else if (!closed) {
      best = std::max(best, Truth::kUnknown);
    }
  }
  return best;
}

}  // namespace

void authorize(const PolicySet& policies, const RequestSlice& request, Response& response) {
  response.decision = Decision::kDeny;
  response.determining.clear();
  response.errors.clear();
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return;
  alignas(std::max_align_t) std::byte scratch[kScratchBytes];
  Arena arena{std::span(scratch)};
  EvaluationStack stack(*set, arena);
  SliceData data(arena, request);
  Evaluator evaluator(*set, data.subjects, request.context, nullptr, arena, stack.values());
  judge_all(*set, evaluator, response);
}

Value unknown_value() { return ValueAccess::unrepresentable(); }

bool may_allow(const PolicySet& policies, const RequestSlice& request, const UnnamedResource* unnamed) {
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return false;
  alignas(std::max_align_t) std::byte scratch[kScratchBytes];
  Arena arena{std::span(scratch)};
  EvaluationStack stack(*set, arena);
  SliceData data(arena, request);
  Evaluator evaluator(*set, data.subjects, request.context, nullptr, arena, stack.values());
  if (unnamed != nullptr) evaluator.forget_resource(*unnamed);
  bool permitted = false;
  for (std::size_t i = 0; i < set->policies.size(); ++i) {
    const CompiledPolicy& policy = set->compiled[i];
    if (set->policies[i].is_template() || (policy.effect == Effect::kPermit && permitted)) continue;
    if (!evaluator.matches(policy.principal, Variable::kPrincipal) || !evaluator.matches(policy.action, Variable::kAction)) continue;
    Truth scope = Truth::kTrue;
    if (unnamed != nullptr) {
      scope = matches_unnamed(*set, policy.resource, *unnamed);
    } else if (!evaluator.matches(policy.resource, Variable::kResource)) {
      scope = Truth::kFalse;
    }
    if (scope == Truth::kFalse) continue;
    Outcome outcome = evaluator.run(policy);
    if (evaluator.met_forgotten()) outcome = Outcome::kFailed;
    if (policy.effect == Effect::kForbid && outcome == Outcome::kSatisfied && scope == Truth::kTrue) return false;
    if (policy.effect == Effect::kPermit && outcome != Outcome::kUnsatisfied) permitted = true;
  }
  return permitted;
}

}  // namespace interlock::cedar
