// Expressions of which some variables are unknown, made as small as they go. Private to the library.
//
// Each node of a tree becomes a value, a failure, or a smaller expression. Operators on values are run by the evaluator itself,
// one instruction at a time, so they mean here what they mean in a decision; what this file knows about is what follows when an
// operand is unknown. Nodes are gone through in their order, children first: no recursion.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "cedar/evaluator.hpp"
#include "cedar/program.hpp"

namespace interlock::cedar {

// What is known of the request.
struct PartialVariables {
  bool known[4] = {};         // by Variable; a context that is a record counts as known
  Value values[4];            // of what is known; unknown_value() may stand in the context's records
  std::string_view types[4];  // of an entity that is unknown; may be empty
};

struct Term {
  enum class Kind : std::uint8_t { kKnown, kFails, kResidual };
  Kind kind = Kind::kFails;
  Value value = {};       // kKnown
  NodeId node = kNoNode;  // of the same outcome, for each completion
  // Of a residual:
  bool is_bool = false;  // when it does not fail
  bool cannot_fail = false;
  bool never_true = false;  // it is false, or fails
};

class Reducer {
 public:
  // `tree` grows by what is made new. Everything is borrowed.
  Reducer(SyntaxTree& tree, const PartialVariables& variables, const Request& known, const EntityStore* entities, Arena& arena);

  const Term& term(NodeId node) const { return terms_[node]; }
  // The expression to write for a node of the tree as it was given.
  NodeId expression(NodeId node);

 private:
  Term reduce(NodeId node);
  Term reduce_variable(NodeId node) const;
  Term reduce_chain(NodeId node);
  Term reduce_if(NodeId node);
  Term reduce_is(NodeId node);
  Term reduce_operator(NodeId node);
  Term reduce_attribute(NodeId node);
  Term reduce_has(NodeId node);
  std::optional<bool> decided_equality(const Term& a, const Term& b) const;
  bool operator_cannot_fail(const Node& node) const;

  static Term known(NodeId node, const Value& value) { return {.kind = Term::Kind::kKnown, .value = value, .node = node}; }
  static Term fails(NodeId node) { return {.kind = Term::Kind::kFails, .node = node}; }
  static bool is_known_bool(const Term& term) { return term.kind == Term::Kind::kKnown && term.value.kind() == Value::Kind::kBool; }
  static bool is_total(const Term& term) { return is_known_bool(term) || (term.is_bool && term.cannot_fail); }
  static bool is_never_true(const Term& term);
  bool is_entity_variable(const Term& term) const;
  bool is_some_entity(const Term& term) const;  // surely, and without failing
  bool is_entity_or_entities(const Term& term) const;

  std::vector<NodeId> operands(const Node& node) const;
  Term rebuild(NodeId node);
  Term apply(NodeId node, const Node& operation, std::span<const Value> operands);

  // Literals for values (partial_literal.cpp). Nothing: the value is too large for one, or has none.
  std::optional<NodeId> literal(const Value& value, std::uint32_t offset);
  std::optional<NodeId> literal_of(const Value& value, std::uint32_t offset, int depth, std::size_t& parts);
  NodeId literal_call(ExtensionFunction function, std::vector<NodeId> arguments, std::uint32_t offset);
  NodeId add_string_node(std::string_view text, std::uint32_t offset);
  NodeId add(const Node& node);
  NodeId add_with_children(Node node, std::span<const std::uint32_t> children);
  std::uint32_t add_string(std::string_view text);

  std::uint32_t child(const Node& node, std::uint32_t i) const { return tree_.children[node.first_child + i]; }

  SyntaxTree& tree_;
  const PartialVariables& variables_;
  Arena& arena_;
  CompiledPolicies program_;  // of one operator
  std::vector<Value> stack_;
  Evaluator evaluator_;
  std::vector<Term> terms_;
  std::vector<bool> constant_;  // literals as their author wrote them
};

}  // namespace interlock::cedar
