// The decision: which policies can concern the request, which of them are satisfied, and what follows.
#include "cedar/candidates.hpp"
#include "cedar/evaluator.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kScratchBytes = 2048;  // on the stack, before the heap is asked
// Runs every candidate, satisfied or not: which policies determine and which fail is part of the answer.
class Verdict {
 public:
  Verdict(const CompiledPolicies& set, Evaluator& evaluator, Response& response) : set_(set), evaluator_(evaluator), response_(response) {}

  void judge(std::uint32_t index) {
    const CompiledPolicy& policy = set_.compiled[index];
    if (policy.left_to_test != 0 && !evaluator_.scope_matches(policy)) return;
    switch (evaluator_.run(policy)) {
      case Outcome::kUnsatisfied: return;
      case Outcome::kFailed: response_.errors.push_back({&set_.policies[index], evaluator_.failure(policy)}); return;
      case Outcome::kSatisfied: break;
    }
    if (policy.effect == Effect::kForbid && !forbidden_) {
      forbidden_ = true;
      response_.determining.clear();  // the permits so far
    }
    if (forbidden_ && policy.effect == Effect::kPermit) return;
    response_.determining.push_back(&set_.policies[index]);
  }

  void finish() { response_.decision = !forbidden_ && !response_.determining.empty() ? Decision::kAllow : Decision::kDeny; }

 private:
  const CompiledPolicies& set_;
  Evaluator& evaluator_;
  Response& response_;
  bool forbidden_ = false;
};

}  // namespace

void judge_all(const CompiledPolicies& set, Evaluator& evaluator, Response& response) {
  Candidates filed;
  for (Variable variable : {Variable::kPrincipal, Variable::kAction, Variable::kResource}) {
    filed.look_up(set.index, variable, evaluator.subject(variable));
  }
  Verdict verdict(set, evaluator, response);
  std::span<const std::uint32_t> found = filed.sorted();
  for (std::uint32_t unfiled : set.index.unfiled()) {
    for (; !found.empty() && found.front() < unfiled; found = found.subspan(1)) verdict.judge(found.front());
    verdict.judge(unfiled);
  }
  for (std::uint32_t each : found) verdict.judge(each);
  verdict.finish();
}

void authorize(const PolicySet& policies, const Request& request, const Entities& entities, Response& response) {
  response.decision = Decision::kDeny;
  response.determining.clear();
  response.errors.clear();
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return;
  alignas(std::max_align_t) std::byte scratch[kScratchBytes];
  Arena arena{std::span(scratch)};
  EvaluationStack stack(*set, arena);
  Evaluator evaluator(*set, request, EntitiesAccess::store(entities), arena, stack.values());
  judge_all(*set, evaluator, response);
}

Response authorize(const PolicySet& policies, const Request& request, const Entities& entities) {
  Response response;
  authorize(policies, request, entities, response);
  return response;
}

}  // namespace interlock::cedar
