// Runs compiled policies for one request. Private to the library.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cedar/entity_store.hpp"
#include "cedar/program.hpp"
#include "cedar/slice.hpp"

namespace interlock::cedar {

// A variable of the request with what the store knows about it.
struct Subject {
  UidData uid;
  const EntityData* data = nullptr;
};

enum class Outcome : std::uint8_t { kUnsatisfied, kSatisfied, kFailed };

class Evaluator {
 public:
  // `stack` must hold policies.max_stack values. Everything is borrowed for the evaluator's life.
  Evaluator(const CompiledPolicies& policies, const Request& request, const EntityStore* entities, Arena& arena, Value* stack);
  // `subjects`: principal, action, resource. Without a store no other entity exists.
  Evaluator(const CompiledPolicies& policies, const Subject (&subjects)[3], const Value& context, const EntityStore* entities, Arena& arena,
            Value* stack);

  const Subject& subject(Variable variable) const { return subjects_[static_cast<std::size_t>(variable)]; }
  // The constraints that finding the policy in the index has left to test.
  bool scope_matches(const CompiledPolicy& policy) const;
  bool matches(const CompiledScope& scope, Variable variable) const { return matches(scope, subject(variable)); }
  // The resource is not known: a condition that looks at it fails, and met_forgotten() tells of a look into an entity that it
  // might be.
  void forget_resource(const UnnamedResource& resource) {
    variables_[static_cast<std::size_t>(Variable::kResource)] = ValueAccess::unrepresentable();
    unnamed_ = &resource;
  }
  // Whether the last run depended on an entity which might be the forgotten resource. Whatever came out might not hold.
  bool met_forgotten() const { return met_forgotten_; }
  // The conditions of a policy whose scope matches.
  Outcome run(const CompiledPolicy& policy);
  // After kFailed: what failed, with its place.
  std::string failure(const CompiledPolicy& policy) const;

 private:
  void set_variables(const Value& context);
  bool matches(const CompiledScope& scope, const Subject& subject) const;
  const EntityData* entity(const Value& v) const;
  bool could_be_forgotten(const UidData& uid) const;

  // An attribute that stands ready in memory; nullptr: get_attribute finds it, or says why not.
  const Value* ready_attribute(const Value& holder, const NameData& name) const;
  // What operations mostly meet, without a call; false: binary() does it, or says why not.
  bool ready_binary(BinaryOperation operation, Value& a, const Value& b) const;
  // Each replaces `a` by the result, or says in error_ what is wrong and returns false.
  bool get_attribute(Value& a, const NameData& name);
  bool has_attribute(Value& a, std::uint32_t first_name, std::uint32_t count);
  bool binary(BinaryOperation operation, Value& a, const Value& b);
  bool compare_order(BinaryOperation operation, Value& a, const Value& b);
  bool arithmetic(BinaryOperation operation, Value& a, const Value& b);
  bool is_in(Value& a, const Value& b);
  bool set_operation(BinaryOperation operation, Value& a, const Value& b);
  bool tag_operation(BinaryOperation operation, Value& a, const Value& b);
  bool negate(Value& a);
  bool is_empty(Value& a);
  bool make_set_of(Value* items, std::uint32_t count);
  bool make_record_of(Value* items, std::uint32_t count, std::uint32_t first_name);
  bool call(ExtensionFunction function, Value* arguments, std::uint32_t count);
  bool solid(const Value& v, Value& out);
  bool wrong_type(std::string_view wanted, const Value& got);
  bool wrong(std::string message);

  const CompiledPolicies& policies_;
  const EntityStore* entities_;
  Arena& arena_;
  Value* stack_;
  Subject subjects_[3];
  Value variables_[4];
  const UnnamedResource* unnamed_ = nullptr;
  mutable bool met_forgotten_ = false;
  std::string error_;
  std::uint32_t failed_at_ = 0;
};

// Room for the values of a run: on the caller's stack where the programs are shallow, else in the arena.
class EvaluationStack {
 public:
  EvaluationStack(const CompiledPolicies& policies, Arena& arena)
      : values_(policies.max_stack <= kInlineValues ? reinterpret_cast<Value*>(inline_) : arena.array<Value>(policies.max_stack).data()) {}
  EvaluationStack(const EvaluationStack&) = delete;
  EvaluationStack& operator=(const EvaluationStack&) = delete;
  Value* values() { return values_; }

 private:
  static constexpr std::size_t kInlineValues = 48;
  alignas(Value) std::byte inline_[kInlineValues * sizeof(Value)];  // never read before it is written
  Value* values_;
};

// Decides: which policies can concern the request, which of them are satisfied, and what follows.
void judge_all(const CompiledPolicies& set, Evaluator& evaluator, Response& response);

}  // namespace interlock::cedar
