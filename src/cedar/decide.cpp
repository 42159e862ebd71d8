// The decision alone, for one request and for many that share their principal and context.
//
// Without reasons and errors the order of the set does not matter: permits are tried until one is satisfied, then forbids. What
// fails to evaluate is not satisfied.
#include <algorithm>

#include "cedar/candidates.hpp"
#include "cedar/evaluator.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kScratchBytes = 2048;  // on the stack, before the heap is asked

bool any_satisfied(const CompiledPolicies& set, Evaluator& evaluator, std::span<const std::uint32_t> policies, Effect effect) {
  return std::any_of(policies.begin(), policies.end(), [&](std::uint32_t index) {
    const CompiledPolicy& policy = set.compiled[index];
    if (policy.effect != effect || (policy.left_to_test != 0 && !evaluator.scope_matches(policy))) return false;
    return evaluator.run(policy) == Outcome::kSatisfied;
  });
}

Decision decide_found(const CompiledPolicies& set, Evaluator& evaluator, const Candidates& filed) {
  auto any = [&](Effect effect) {
    return any_satisfied(set, evaluator, filed.found(), effect) || any_satisfied(set, evaluator, set.index.unfiled(), effect);
  };
  return any(Effect::kPermit) && !any(Effect::kForbid) ? Decision::kAllow : Decision::kDeny;
}

Subject subject_of(const EntityUid& uid, const EntityStore* store) {
  const UidData view = uid_view(uid);
  return {view, store == nullptr ? nullptr : store->find(view)};
}

}  // namespace

Decision decide(const PolicySet& policies, const Request& request, const Entities& entities) {
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return Decision::kDeny;
  alignas(std::max_align_t) std::byte scratch[kScratchBytes];
  Arena arena{std::span(scratch)};
  EvaluationStack stack(*set, arena);
  Evaluator evaluator(*set, request, EntitiesAccess::store(entities), arena, stack.values());
  Candidates filed;
  for (Variable variable : {Variable::kPrincipal, Variable::kAction, Variable::kResource}) {
    filed.look_up(set->index, variable, evaluator.subject(variable));
  }
  return decide_found(*set, evaluator, filed);
}

std::vector<Decision> decide_each(const PolicySet& policies, const EntityUid& principal, const Value& context,
                                  std::span<const Target> targets, const Entities& entities) {
  std::vector<Decision> decisions(targets.size(), Decision::kDeny);
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return decisions;
  const EntityStore* store = EntitiesAccess::store(entities);
  const Subject shared = subject_of(principal, store);
  Candidates of_principal;
  of_principal.look_up(set->index, Variable::kPrincipal, shared);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    alignas(std::max_align_t) std::byte scratch[kScratchBytes];
    Arena arena{std::span(scratch)};
    EvaluationStack stack(*set, arena);
    const Subject subjects[3] = {shared, subject_of(targets[i].action, store), subject_of(targets[i].resource, store)};
    Evaluator evaluator(*set, subjects, context, store, arena, stack.values());
    Candidates filed = of_principal;
    filed.look_up(set->index, Variable::kAction, subjects[1]);
    filed.look_up(set->index, Variable::kResource, subjects[2]);
    decisions[i] = decide_found(*set, evaluator, filed);
  }
  return decisions;
}

}  // namespace interlock::cedar
