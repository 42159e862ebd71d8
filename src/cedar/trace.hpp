// Why a policy says what it says of one request: which parts of its scope match, what each condition comes to, and the values of
// the expressions inside. For people; a decision does not come here, and what is told here is computed by the same evaluator.
//
//   for (const PolicyTrace& policy : trace(policies, request, entities)) ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

struct TermTrace {
  std::string text;   // the expression, as Cedar writes it
  std::string value;  // in Cedar's syntax; of a term that fails: why
  bool failed = false;
  std::uint32_t depth = 0;  // inside which of the terms before it; 0: a condition itself
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct ConditionTrace {
  bool unless = false;
  bool reached = true;           // false: an earlier condition, or the scope, had settled it
  std::vector<TermTrace> terms;  // what was evaluated, outside in; literals and what a short circuit left out are not told
};

struct PolicyTrace {
  enum class Outcome : std::uint8_t { kOutOfScope, kUnsatisfied, kSatisfied, kFailed };
  const Policy* policy = nullptr;
  Outcome outcome = Outcome::kOutOfScope;
  bool principal_matches = false;
  bool action_matches = false;
  bool resource_matches = false;
  std::string error;  // kFailed: with its place
  std::vector<ConditionTrace> conditions;
};

// In the order of the set, templates left out. Bounded: a policy tells at most kMaxTracedTerms terms.
inline constexpr std::size_t kMaxTracedTerms = 500;
std::vector<PolicyTrace> trace(const PolicySet& policies, const Request& request, const Entities& entities);

}  // namespace interlock::cedar
