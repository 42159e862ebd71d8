// A policy as one expression of simple nodes, made for checking. Private to the library.
//
// The scope becomes conditions (`principal == User::"a" && ...`), `has a.b` becomes `has a && .a has b`, `is T in E` becomes
// `is T && in E`. A `has` keeps its one name in b, as an access does.
// Nodes may be shared; children stand before their parents.
#pragma once

#include "cedar/syntax.hpp"

namespace interlock::cedar {

using Shape = std::uint32_t;

struct CheckTree {
  SyntaxTree tree;
  NodeId root = kNoNode;
  std::vector<Shape> shapes;         // beside the nodes: equal for expressions that are written alike
  std::vector<Shape> string_shapes;  // beside the tree's strings
  std::uint32_t depth = 0;           // of the deepest node

  const Node& node(NodeId id) const { return tree.nodes[id]; }
  NodeId child(const Node& node, std::uint32_t i) const { return tree.children[node.first_child + i]; }
};

CheckTree make_check_tree(const PolicySyntax& policy);

}  // namespace interlock::cedar
