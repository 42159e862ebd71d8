// The syntax tree of a policy: what the text says, before it is compiled. Private to the library.
//
// Nodes stand in one array and name each other by index, children before parents, so a tree of any shape is built, walked and
// dropped without deep recursion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"
#include "cedar/escape.hpp"
#include "cedar/extension.hpp"

namespace interlock::cedar {

using NodeId = std::uint32_t;
constexpr NodeId kNoNode = UINT32_MAX;

enum class Variable : std::uint8_t { kPrincipal, kAction, kResource, kContext };

enum class NodeKind : std::uint8_t {
  kBool,      // number: 0 or 1
  kLong,      // number
  kString,    // a: string
  kEntity,    // a: type string, b: id string
  kVariable,  // variable
  kIf,        // children: condition, then, else
  kAnd,       // children, two or more
  kOr,        // children, two or more
  kNot,       // a
  kNegate,    // a
  kIsEmpty,   // a
  kBinary,    // operation, a, b
  kGetAttr,   // a, b: name string
  kHasAttr,   // a, names as strings in children
  kLike,      // a, b: pattern
  kIs,        // a, b: type string, c: node of `in`, or kNoNode
  kSet,       // children
  kRecord,    // children: name string, node, name string, node ...
  kCall,      // function, children
  kSlot,      // variable; only where a policy's scope is made an expression (check_tree.hpp)
};

enum class BinaryOperation : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kAdd,
  kSubtract,
  kMultiply,
  kContains,
  kContainsAll,
  kContainsAny,
  kGetTag,
  kHasTag,
};

struct Node {
  NodeKind kind = NodeKind::kBool;
  union {
    Variable variable;
    BinaryOperation operation;
    ExtensionFunction function;
    std::uint8_t none = 0;
  };
  std::uint32_t offset = 0;  // in the source
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint32_t c = kNoNode;
  std::uint32_t first_child = 0;  // in SyntaxTree::children
  std::uint32_t child_count = 0;
  std::int64_t number = 0;
};

struct SyntaxTree {
  std::vector<Node> nodes;
  std::vector<std::uint32_t> children;
  std::vector<std::string> strings;
  std::vector<Pattern> patterns;
};

struct ScopeConstraint {
  enum class Kind : std::uint8_t { kAny, kEqual, kIn, kIs, kIsIn };
  Kind kind = Kind::kAny;
  bool is_slot = false;             // the entity is ?principal or ?resource
  std::vector<EntityUid> entities;  // one, or for an action any number
  std::string type;                 // of `is`
  std::uint32_t offset = 0;         // of the variable
};

struct ConditionSyntax {
  bool unless = false;
  NodeId body = kNoNode;
  std::uint32_t offset = 0;
};

struct PolicySyntax {
  Effect effect = Effect::kForbid;
  std::uint32_t offset = 0;  // of the first annotation, or of the effect
  std::uint32_t end = 0;     // behind the semicolon
  std::vector<Annotation> annotations;
  ScopeConstraint principal;
  ScopeConstraint action;
  ScopeConstraint resource;
  std::vector<ConditionSyntax> conditions;
  SyntaxTree tree;

  bool is_template() const { return principal.is_slot || resource.is_slot; }
};

}  // namespace interlock::cedar
