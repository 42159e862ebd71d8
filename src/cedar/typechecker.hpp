// What type each expression of a policy has in one request environment, and what of it could fail. Private to the library.
//
// Follows the reference rules exactly, also in how it goes on behind an error: an expression that failed may still have a type
// (`1 < "a"` is a Bool), so that one fault is not reported again by everything around it.
#pragma once

#include <unordered_map>

#include "cedar/check_tree.hpp"
#include "cedar/type_table.hpp"

namespace interlock::cedar {

struct Environment {
  const SchemaAction* action = nullptr;
  std::string_view principal;
  std::string_view resource;
  std::string_view principal_slot;  // the type that fills it; empty when the policy has no such slot
  std::string_view resource_slot;
};

// A finding before it is given a place in the source.
struct TypeFault {
  FindingKind kind;
  std::uint32_t offset;
  std::string message;
  std::string hint;
};

// What the schema says about actions, prepared once for all policies.
class ActionRelations {
 public:
  explicit ActionRelations(const SchemaData& schema);
  // Whether an action of type `low` may be, or stand below, one of type `high`.
  bool may_be_in(std::string_view low, std::string_view high) const;
  bool is_in(const EntityUid& action, const EntityUid& group) const;
  bool is_declared(const EntityUid& action) const { return schema_.find_action(action.type(), action.id()) != nullptr; }

 private:
  const SchemaData& schema_;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> types_above_;
};

class Typechecker {
 public:
  Typechecker(const SchemaData& schema, const ActionRelations& actions, TypeTable& types, ValidationOptions::Mode mode,
              const CheckTree& tree)
      : schema_(schema), actions_(actions), types_(types), strict_(mode == ValidationOptions::Mode::kStrict), tree_(tree) {}

  // The type of the whole policy; kNoCheckedType when it has none. Faults are appended.
  CheckedType check(const Environment& environment, std::vector<TypeFault>& faults);
  // After check(): the type of each node; kNoCheckedType where it failed, nothing where no evaluation can come.
  const std::vector<std::optional<CheckedType>>& node_types() const { return node_types_; }

 private:
  using Kind = TypeEntry::Kind;
  // That an attribute or tag is there: of the expression with one shape, by the name with another.
  struct Capability {
    Shape target;
    Shape name;
    bool is_tag;
    auto operator<=>(const Capability&) const = default;
  };
  using Capabilities = std::vector<Capability>;
  struct CapabilityHash {
    std::size_t operator()(const Capability& c) const {
      return ((std::size_t{c.target} << 32 | c.name) * 2 + c.is_tag) * 0x9e3779b97f4a7c15;
    }
  };
  struct Answer {
    CheckedType type = kNoCheckedType;  // what is known of it; may be there although the check failed
    bool good = true;
    Capabilities capabilities;  // what holds when the expression is true
    bool has_type() const { return type != kNoCheckedType; }
  };
  // Capabilities that hold while some branch is checked.
  class Assumed;

  Answer check_node(NodeId id);
  Answer check_kind(const Node& node);
  Answer check_if(const Node& node);
  Answer check_and(const Node& node);
  Answer check_or(const Node& node);
  Answer check_get_attribute(const Node& node);
  Answer check_has_attribute(const Node& node);
  Answer check_is(const Node& node);
  Answer check_set(const Node& node);
  Answer check_record(const Node& node);
  Answer check_variable(Variable variable);
  Answer check_slot(Variable variable);
  Answer check_entity(const Node& node);

  // typechecker_operators.cpp
  Answer check_not(const Node& node);
  Answer check_binary(const Node& node);
  Answer check_equality(const Node& node);
  Answer check_order(const Node& node);
  Answer check_arithmetic(const Node& node);
  Answer check_in(const Node& node);
  Answer check_contains(const Node& node);
  Answer check_tag(const Node& node);
  Answer check_call(const Node& node);
  bool check_constructor(const Node& node);
  CheckedType type_of_equality(NodeId a, NodeId b, CheckedType type_a, CheckedType type_b);
  bool enforce_same_type(const Node& node, CheckedType a, CheckedType b, std::string_view what);
  std::vector<CheckedType> tag_types(CheckedType entity) const;
  bool may_be_in(CheckedType a, CheckedType b) const;

  // The answer's type must be a subtype of one of `wanted`; if not, that is reported and the type is dropped.
  Answer expect(NodeId id, std::initializer_list<CheckedType> wanted, std::string_view (*help)(Kind) = nullptr);
  Answer expect_bool(NodeId id) { return expect(id, {TypeTable::simple(Kind::kBool)}); }

  // The value of a literal, the request's action included.
  struct Literal {
    NodeKind kind = NodeKind::kBool;
    std::int64_t number = 0;
    std::string_view text;
    std::string_view type;
    bool operator==(const Literal&) const = default;
  };
  std::optional<Literal> literal(NodeId id) const;
  std::optional<EntityUid> entity_literal(NodeId id) const;

  static Answer success(CheckedType type) { return {type, true, {}}; }
  static Answer failure(CheckedType type = kNoCheckedType) { return {type, false, {}}; }
  CheckedType bool_type() const { return TypeTable::simple(Kind::kBool); }
  void fault(FindingKind kind, const Node& node, std::string message, std::string hint = {});
  void unexpected(NodeId id, std::initializer_list<CheckedType> wanted, CheckedType got, std::string_view help = {});
  std::string_view string(std::uint32_t index) const { return tree_.tree.strings[index]; }
  bool holds(const Capability& capability) const;

  const SchemaData& schema_;
  const ActionRelations& actions_;
  TypeTable& types_;
  const bool strict_;
  const CheckTree& tree_;
  const Environment* environment_ = nullptr;
  std::vector<TypeFault>* faults_ = nullptr;
  std::unordered_map<Capability, std::uint32_t, CapabilityHash> assumed_;
  std::vector<std::optional<CheckedType>> node_types_;
  std::uint64_t steps_ = 0;
};

}  // namespace interlock::cedar
