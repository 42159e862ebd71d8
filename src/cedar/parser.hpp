// Tokens to syntax trees. Private to the library.
//
// A fault is reported with its place and parsing goes on behind the policy's semicolon, so that one load shows the faults of
// all policies. Nothing is repaired: a source with a diagnostic is not used.
#pragma once

#include <vector>

#include "cedar/syntax.hpp"
#include "cedar/token_cursor.hpp"

namespace interlock::cedar {

// Parentheses, sets, records, calls and `if` inside each other. Chains (a && b && c, a.b.c, 1 + 2 + 3) do not count.
constexpr int kMaxNestingDepth = 400;

class Parser : private TokenCursor {
 public:
  Parser(const SourceText& source, Diagnostics& diagnostics) : TokenCursor(source, diagnostics) {}

  // Appends the policies of the source. False when something was reported.
  bool parse_policies(std::vector<PolicySyntax>& policies, std::size_t max_policies);

 private:
  // What was read of `A::B` or `A::"id"`.
  struct Name {
    std::vector<std::string_view> parts;
    std::uint32_t offset = 0;
    bool is_entity = false;  // an id follows
    std::string id;

    std::string text() const;
  };

  // policy (parser_policy.cpp)
  void skip_policy();
  bool parse_policy(PolicySyntax& policy);
  bool parse_scope(PolicySyntax& policy);
  bool parse_scope_variable(std::string_view variable, ScopeConstraint& constraint);
  bool parse_scope_entities(std::string_view variable, bool list_allowed, ScopeConstraint& constraint);
  bool parse_scope_entity(EntityUid& uid);
  bool parse_condition(PolicySyntax& policy);

  // expressions (parser_expression.cpp)
  NodeId parse_expression();
  NodeId parse_if();
  NodeId parse_or();
  NodeId parse_and();
  NodeId parse_relation();
  NodeId parse_relation_tail(NodeId left, bool& is_relation);
  NodeId parse_has(NodeId target, std::uint32_t offset);
  NodeId parse_like(NodeId target, std::uint32_t offset);
  NodeId parse_is(NodeId target, std::uint32_t offset);
  NodeId parse_sum();
  NodeId parse_product();
  NodeId parse_unary();
  NodeId parse_member();
  NodeId parse_accesses(NodeId head);
  NodeId parse_method(NodeId receiver, std::string_view name, std::uint32_t offset);
  NodeId parse_primary();
  NodeId parse_named();
  NodeId parse_function(const Name& name);
  NodeId parse_record();
  bool parse_list(TokenKind close, std::string_view close_text, std::vector<std::uint32_t>& items);
  bool number_is_accessed() const;
  NodeId parse_integer(bool negative, std::uint32_t offset);

  bool parse_name(Name& name);
  bool parse_attribute_name(std::string_view& name, std::string_view after);
  bool enter();
  void leave() { --depth_; }

  // building
  NodeId add(Node node);
  std::uint32_t add_string(std::string text);
  NodeId add_children(NodeKind kind, std::uint32_t offset, const std::vector<std::uint32_t>& children);
  NodeId add_binary(BinaryOperation operation, std::uint32_t offset, NodeId a, NodeId b);

  SyntaxTree* tree_ = nullptr;
  int depth_ = 0;
};

}  // namespace interlock::cedar
