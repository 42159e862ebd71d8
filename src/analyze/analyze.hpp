// Questions about policies that are answered for every request and every data, by an SMT solver.
//
//   auto schema = cedar::Schema::parse({"shop.cedarschema", text});
//   auto analysis = analyze(Question::kNeverErrors, policies, nullptr, *schema, options);
//   if (analysis && analysis->answer == Answer::kProved) ...
//
// "Every" means: every request and every entity that conforms to the schema. A refutation comes with a counterexample that was
// run through the evaluator; one that does not reproduce is kUnconfirmed and proves nothing. What cannot be encoded, or takes
// too long, is kUnknown with the reason: never a guess. docs/analyze.md says what is encoded and what is not.
//
// The solver is a child process (cvc5) that gets text and has bounds on time and memory. Any thread; blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "cedar/cedar.hpp"
#include "cedar/schema.hpp"

namespace interlock::analyze {

enum class Question : std::uint8_t {
  kNeverErrors,  // no policy's evaluation fails
  kAlwaysDenies,
  kAlwaysAllows,
  kImplies,     // what the first set allows, the second allows
  kEquivalent,  // both allow the same
  kDisjoint,    // no request is allowed by both
};
bool needs_two_sets(Question question);
std::string_view question_name(Question question);  // "never-errors", "denies", "allows", "implies", "equivalent", "disjoint"
std::optional<Question> question_from_name(std::string_view name);

enum class Answer : std::uint8_t { kProved, kRefuted, kUnconfirmed, kUnknown };
std::string_view answer_name(Answer answer);  // "proved", ...

// Which entities exist beside the request's own.
enum class EntityScope : std::uint8_t {
  kAll,      // every entity that an expression can reach has its data
  kRequest,  // principal and resource alone, as in a gate: looking anything up in another entity fails
};

struct Options {
  // The rule of the gate: a forbid that fails to evaluate denies. Plain Cedar skips it.
  bool failed_forbid_denies = false;
  EntityScope entities = EntityScope::kAll;
  // Only requests for which this set allows (and none of its policies fails) are looked at. May be null.
  const cedar::PolicySet* given = nullptr;
  std::string solver = "cvc5";
  std::int64_t time_limit_ms = 10'000;  // each kind of request
};

struct Counterexample {
  cedar::EntityUid principal;
  cedar::EntityUid action;
  cedar::EntityUid resource;
  json::value context;            // as the schema reads it
  json::value entities;           // Cedar's entities JSON
  std::vector<std::string> what;  // what the evaluator says of it: "the policies allow: policy0", "policy1 fails: ..."
};

// The answer for one action with one pair of types.
struct KindAnswer {
  std::string principal_type;
  std::string action;
  std::string resource_type;
  Answer answer = Answer::kUnknown;
  std::string why;  // kUnknown, kUnconfirmed
  std::optional<Counterexample> counterexample;
};

struct Analysis {
  Answer answer = Answer::kUnknown;  // refuted, where one kind is; proved only where all are; else unknown or unconfirmed
  std::vector<KindAnswer> kinds;     // those that are not proved
  bool given_never_holds = false;    // proved, but no request satisfies Options::given: the claim says nothing
  std::size_t kinds_checked = 0;
  std::size_t kinds_solved = 0;  // those for which the solver was asked; the schema alone decided the others
};

// `second` where the question needs it. Fails where there is no solver, or the schema declares no request.
Result<Analysis> analyze(Question question, const cedar::PolicySet& first, const cedar::PolicySet* second, const cedar::Schema& schema,
                         const Options& options = {});

// Whether the program can be started, and what it calls itself.
Result<std::string> solver_version(const std::string& solver);

}  // namespace interlock::analyze
