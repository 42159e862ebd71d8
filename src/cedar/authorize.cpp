// The decision: which policies can concern the request, which of them are satisfied, and what follows.
#include <algorithm>
#include <array>

#include "cedar/evaluator.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kScratchBytes = 2048;      // on the stack, before the heap is asked
constexpr std::size_t kInlineCandidates = 128;
constexpr std::size_t kInsertionSort = 24;

// Lists here are short, and mostly sorted already.
void sort_short(std::span<std::uint32_t> list) {
  if (list.size() > kInsertionSort) return std::sort(list.begin(), list.end());
  for (std::size_t i = 1; i < list.size(); ++i) {
    for (std::size_t j = i; j > 0 && list[j] < list[j - 1]; --j) std::swap(list[j], list[j - 1]);
  }
}

// A list of policy indices that stays off the heap while it is short.
class Candidates {
 public:
  void add(std::span<const std::uint32_t> policies) {
    if (size_ + policies.size() <= inline_.size() && overflow_.empty()) {
      std::copy(policies.begin(), policies.end(), inline_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += policies.size();
      return;
    }
    if (overflow_.empty()) overflow_.assign(inline_.begin(), inline_.begin() + static_cast<std::ptrdiff_t>(size_));
    overflow_.insert(overflow_.end(), policies.begin(), policies.end());
  }

  // In the order of the set, each once.
  std::span<const std::uint32_t> sorted() {
    std::span<std::uint32_t> all = overflow_.empty() ? std::span(inline_.data(), size_) : std::span(overflow_);
    sort_short(all);
    return all.first(static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin()));
  }

 private:
  std::array<std::uint32_t, kInlineCandidates> inline_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> overflow_;
};

void look_up(const ScopeIndex& index, Variable variable, const Subject& subject, Candidates& out) {
  using Use = ScopeIndex::Use;
  if (index.has(variable, Use::kEqual)) out.add(index.find(variable, Use::kEqual, subject.uid));
  if (index.has(variable, Use::kIs)) out.add(index.find(variable, Use::kIs, subject.uid));
  if (!index.has(variable, Use::kIn)) return;
  out.add(index.find(variable, Use::kIn, subject.uid));
  if (subject.data == nullptr) return;
  for (const UidData& ancestor : subject.data->ancestors) out.add(index.find(variable, Use::kIn, ancestor));
}

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
    look_up(set.index, variable, evaluator.subject(variable), filed);
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
