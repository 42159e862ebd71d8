// Policies as terms: when each is satisfied, and when its evaluation fails, for one kind of request. Private to the room.
//
// Follows the evaluator operator by operator: the same order, the same short circuits, the same errors. Where a type decides the
// outcome (an attribute that is not there, `1 < "a"`), the term is a constant and what stands behind it is never encoded.
#pragma once

#include "analyze/world.hpp"
#include "cedar/syntax.hpp"

namespace interlock::analyze {

struct EncodedPolicy {
  Term satisfied;
  Term fails;
};

class Encoder {
 public:
  Encoder(World& world, const cedar::PolicySyntax& policy) : world_(world), policy_(policy), tree_(policy.tree) {}
  EncodedPolicy encode();

 private:
  using Kind = Symbolic::Kind;

  Term scope(const Symbolic& subject, const cedar::ScopeConstraint& constraint);
  Evaluated evaluate(cedar::NodeId id);
  Evaluated evaluate_kind(const cedar::Node& node);
  Evaluated condition_of(cedar::NodeId id);  // a Bool, else it fails
  Evaluated chain(const cedar::Node& node, bool is_and);
  Evaluated conditional(const cedar::Node& node);
  Evaluated attribute(const cedar::Node& node);
  Evaluated has(const cedar::Node& node);
  Evaluated is(const cedar::Node& node);
  Evaluated like(const cedar::Node& node);
  Evaluated literal_set(const cedar::Node& node);
  Evaluated literal_record(const cedar::Node& node);
  Symbolic variable(cedar::Variable variable) const;

  // encoder_operators.cpp
  Evaluated binary(const cedar::Node& node);
  Evaluated order(cedar::BinaryOperation operation, const Symbolic& a, const Symbolic& b);
  Evaluated arithmetic(cedar::BinaryOperation operation, const Symbolic& a, const Symbolic& b);
  Evaluated in(const Symbolic& a, const Symbolic& b);
  Evaluated set_operation(cedar::BinaryOperation operation, const Symbolic& a, const Symbolic& b);
  Evaluated tag(cedar::BinaryOperation operation, const Symbolic& a, const Symbolic& b);
  Evaluated call(const cedar::Node& node);
  Evaluated constructor(const cedar::Node& node);
  Evaluated ask_ip(cedar::ExtensionFunction function, const Symbolic& a, const Symbolic* b);
  Evaluated ask_time(cedar::ExtensionFunction function, const Symbolic& a, const Symbolic* b);
  Term same(const Symbolic& a, const Symbolic& b);
  Term same_records(const Symbolic& a, const Symbolic& b);
  Term holds(const Symbolic& set, const Symbolic& item);
  Term subset(const Symbolic& inner, const Symbolic& outer);
  Term overlap(const Symbolic& a, const Symbolic& b);
  Term is_empty(const Symbolic& set);
  // The items of a literal set that a symbolic one like `like` could hold, as such a set.
  Term items_as_set(const Symbolic& literal, const Symbolic& like);
  Symbolic merge(const Term& condition, const Symbolic& a, const Symbolic& b);

  Symbolic named(Symbolic value);
  Evaluated truth(Term term) { return {kTrue, simple(Kind::kBool, std::move(term))}; }
  Evaluated error() { return {kFalse, simple(Kind::kBool, kFalse)}; }
  // True where the value is one that nothing can be said of: then there is no answer at all.
  bool gives_up(const Symbolic& value);
  const std::string& string(std::uint32_t index) const { return tree_.strings[index]; }
  cedar::NodeId child(const cedar::Node& node, std::uint32_t i) const { return tree_.children[node.first_child + i]; }

  World& world_;
  const cedar::PolicySyntax& policy_;
  const cedar::SyntaxTree& tree_;
  int depth_ = 0;
};

}  // namespace interlock::analyze
