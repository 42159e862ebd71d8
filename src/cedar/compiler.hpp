// Syntax trees to programs. Private to the library.
#pragma once

#include <optional>
#include <vector>

#include "cedar/program.hpp"

namespace interlock::cedar {

// Compiles one policy into the shared pools.
class Compiler {
 public:
  Compiler(CompiledPolicies& target, const PolicySyntax& policy) : target_(target), policy_(policy), tree_(policy.tree) {}

  CompiledPolicy compile();

 private:
  CompiledScope compile_scope(const ScopeConstraint& constraint);
  void fold_constants();
  std::optional<Value> fold(const Node& node);
  void compile_condition(NodeId node, bool unless);

  void compile_node(NodeId node);
  void compile_leaf(const Node& node);
  void compile_after_first(const Node& node);
  void compile_attribute(const Node& node);
  void compile_chain(const Node& node, Op jump);
  void compile_if(const Node& node);
  void compile_is(const Node& node);

  // The child whose value is computed first and alone on the stack; kNoNode for nodes that begin otherwise.
  NodeId first_operand(const Node& node) const;
  std::uint32_t child(const Node& node, std::uint32_t i) const { return tree_.children[node.first_child + i]; }

  std::uint32_t emit(Op op, const Node& node, int stack_effect, std::uint32_t z = 0, std::uint32_t y = 0, std::uint8_t x = 0);
  void land(std::uint32_t jump) { target_.code[jump].z = static_cast<std::uint32_t>(target_.code.size()); }
  std::uint32_t add_constant(const Value& value);
  std::uint32_t add_name(std::string_view text);
  std::uint32_t add_type(std::string_view text);

  CompiledPolicies& target_;
  const PolicySyntax& policy_;
  const SyntaxTree& tree_;
  std::vector<std::optional<Value>> folded_;  // beside the tree's nodes
  std::uint32_t depth_ = 0;
};

}  // namespace interlock::cedar
