// Operators, methods and extension functions.
#include <algorithm>

#include "cedar/typechecker.hpp"

namespace interlock::cedar {
namespace {

using Kind = TypeEntry::Kind;

bool is_ordered(Kind kind) { return kind == Kind::kLong || kind == Kind::kDatetime || kind == Kind::kDuration; }

std::string_view operation_text(BinaryOperation operation) {
  switch (operation) {
    case BinaryOperation::kEqual: return "==";
    case BinaryOperation::kNotEqual: return "!=";
    case BinaryOperation::kContains: return "contains";
    case BinaryOperation::kContainsAll: return "containsAll";
    case BinaryOperation::kContainsAny: return "containsAny";
    default: return "operator";
  }
}

std::string_view set_method_help(Kind kind) {
  switch (kind) {
    case Kind::kEntity:
    case Kind::kAnyEntity: return "to test for groups, write `in`";
    case Kind::kRecord: return "to look into a record, write `has`";
    case Kind::kString: return "to look into a string, write `like`";
    default: return "";
  }
}

struct Signature {
  std::vector<Kind> arguments;
  Kind result;
  bool is_constructor = false;
};

Signature signature_of(ExtensionFunction function) {
  using F = ExtensionFunction;
  switch (function) {
    case F::kIp: return {{Kind::kString}, Kind::kIp, true};
    case F::kDecimal: return {{Kind::kString}, Kind::kDecimal, true};
    case F::kDatetime: return {{Kind::kString}, Kind::kDatetime, true};
    case F::kDuration: return {{Kind::kString}, Kind::kDuration, true};
    case F::kLessThan:
    case F::kLessThanOrEqual:
    case F::kGreaterThan:
    case F::kGreaterThanOrEqual: return {{Kind::kDecimal, Kind::kDecimal}, Kind::kBool};
    case F::kIsIpv4:
    case F::kIsIpv6:
    case F::kIsLoopback:
    case F::kIsMulticast: return {{Kind::kIp}, Kind::kBool};
    case F::kIsInRange: return {{Kind::kIp, Kind::kIp}, Kind::kBool};
    case F::kOffset: return {{Kind::kDatetime, Kind::kDuration}, Kind::kDatetime};
    case F::kDurationSince: return {{Kind::kDatetime, Kind::kDatetime}, Kind::kDuration};
    case F::kToDate: return {{Kind::kDatetime}, Kind::kDatetime};
    case F::kToTime: return {{Kind::kDatetime}, Kind::kDuration};
    default: return {{Kind::kDuration}, Kind::kLong};
  }
}

}  // namespace

Typechecker::Answer Typechecker::check_not(const Node& node) {
  Answer inner = expect_bool(node.a);
  if (!inner.has_type()) return failure(bool_type());
  CheckedType type = bool_type();
  if (inner.type == TypeTable::boolean(true)) type = TypeTable::boolean(false);
  if (inner.type == TypeTable::boolean(false)) type = TypeTable::boolean(true);
  return {type, inner.good, {}};
}

Typechecker::Answer Typechecker::check_binary(const Node& node) {
  switch (node.operation) {
    case BinaryOperation::kEqual: return check_equality(node);
    case BinaryOperation::kNotEqual: {
      Answer equal = check_equality(node);
      if (equal.type == TypeTable::boolean(true) || equal.type == TypeTable::boolean(false))
        equal.type = TypeTable::boolean(equal.type == TypeTable::boolean(false));
      return equal;
    }
    case BinaryOperation::kLess:
    case BinaryOperation::kLessEqual:
    case BinaryOperation::kGreater:
    case BinaryOperation::kGreaterEqual: return check_order(node);
    case BinaryOperation::kAdd:
    case BinaryOperation::kSubtract:
    case BinaryOperation::kMultiply: return check_arithmetic(node);
    case BinaryOperation::kIn: return check_in(node);
    case BinaryOperation::kContains:
    case BinaryOperation::kContainsAll:
    case BinaryOperation::kContainsAny: return check_contains(node);
    case BinaryOperation::kGetTag:
    case BinaryOperation::kHasTag: return check_tag(node);
  }
  return failure();
}

// ------------------------------------------------------------------------------------------------------------ equality

std::optional<Typechecker::Literal> Typechecker::literal(NodeId id) const {
  const Node& node = tree_.node(id);
  Literal made;
  made.kind = node.kind;
  switch (node.kind) {
    case NodeKind::kBool:
    case NodeKind::kLong: made.number = node.number; return made;
    case NodeKind::kString: made.text = string(node.a); return made;
    case NodeKind::kEntity:
      made.type = string(node.a);
      made.text = string(node.b);
      return made;
    case NodeKind::kVariable:
      if (node.variable != Variable::kAction) return std::nullopt;
      made.kind = NodeKind::kEntity;
      made.type = environment_->action->uid.type();
      made.text = environment_->action->uid.id();
      return made;
    default: return std::nullopt;
  }
}

CheckedType Typechecker::type_of_equality(NodeId a, NodeId b, CheckedType type_a, CheckedType type_b) {
  if (type_a != kNoCheckedType && type_b != kNoCheckedType && types_.are_disjoint(type_a, type_b)) return TypeTable::boolean(false);
  std::optional<Literal> left = literal(a);
  std::optional<Literal> right = literal(b);
  return left && right ? TypeTable::boolean(*left == *right) : bool_type();
}

// Strict: values of different types are never compared, unless the answer is known anyway.
bool Typechecker::enforce_same_type(const Node& node, CheckedType a, CheckedType b, std::string_view what) {
  if (!strict_ || a == kNoCheckedType || b == kNoCheckedType || types_.least_upper_bound(a, b)) return true;
  fault(FindingKind::kIncompatibleTypes, node,
        "`" + std::string(what) + "` has operands of different types: " + types_.text(a) + " and " + types_.text(b),
        "they are never equal");
  return false;
}

Typechecker::Answer Typechecker::check_equality(const Node& node) {
  Answer left = check_node(node.a);
  Answer right = check_node(node.b);
  CheckedType type = type_of_equality(node.a, node.b, left.type, right.type);
  bool same = type != bool_type() || enforce_same_type(node, left.type, right.type, operation_text(node.operation));
  return {type, left.good && right.good && same, {}};
}

// ------------------------------------------------------------------------------------------------- order and arithmetic

Typechecker::Answer Typechecker::check_order(const Node& node) {
  Answer left = check_node(node.a);
  Answer right = check_node(node.b);
  if (!left.has_type() || !right.has_type()) return failure(bool_type());
  Kind a = types_.kind(left.type);
  Kind b = types_.kind(right.type);
  bool good = left.good && right.good;
  auto ordered = {TypeTable::simple(Kind::kLong), TypeTable::simple(Kind::kDatetime), TypeTable::simple(Kind::kDuration)};
  if (a == Kind::kNever && b == Kind::kNever) return failure(bool_type());
  if (a == Kind::kNever || b == Kind::kNever) {
    bool first = b == Kind::kNever;
    if (!is_ordered(first ? a : b)) {
      unexpected(first ? node.a : node.b, ordered, first ? left.type : right.type);
      good = false;
    }
  } else if (!(a == b && is_ordered(a))) {
    good = false;
    if (a == Kind::kLong || (b != Kind::kLong && is_ordered(a))) {
      unexpected(node.b, {left.type}, right.type);
    } else if (is_ordered(b)) {
      unexpected(node.a, {right.type}, left.type);
    } else {
      unexpected(node.a, ordered, left.type);
      unexpected(node.b, ordered, right.type);
    }
  }
  return {bool_type(), good, {}};
}

Typechecker::Answer Typechecker::check_arithmetic(const Node& node) {
  auto help = node.operation == BinaryOperation::kAdd ? [](Kind kind) -> std::string_view {
    if (kind == Kind::kString) return "Cedar does not join strings";
    return kind == Kind::kSet ? "Cedar does not join sets" : "";
  }
  : [](Kind kind) -> std::string_view { return kind == Kind::kSet ? "Cedar has no arithmetic on sets" : ""; };
  Answer left = expect(node.a, {TypeTable::simple(Kind::kLong)}, help);
  Answer right = expect(node.b, {TypeTable::simple(Kind::kLong)}, help);
  return {TypeTable::simple(Kind::kLong), left.good && right.good, {}};
}

// ------------------------------------------------------------------------------------------------------------------ in

std::optional<EntityUid> Typechecker::entity_literal(NodeId id) const {
  std::optional<Literal> found = literal(id);
  if (!found || found->kind != NodeKind::kEntity) return std::nullopt;
  return EntityUid(std::string(found->type), std::string(found->text));
}

bool Typechecker::may_be_in(CheckedType a, CheckedType b) const {
  const TypeEntry& low = types_[a];
  const TypeEntry& high = types_[b];
  if (low.kind != Kind::kEntity || high.kind != Kind::kEntity) return true;
  for (const std::string& one : low.entity_types) {
    auto declared = schema_.entity_types.find(one);
    for (const std::string& other : high.entity_types) {
      if (actions_.may_be_in(one, other)) return true;
      if (declared != schema_.entity_types.end() && declared->second.ancestors.contains(other)) return true;
    }
  }
  return false;
}

Typechecker::Answer Typechecker::check_in(const Node& node) {
  Answer left = expect(node.a, {TypeTable::simple(Kind::kAnyEntity)},
                       [](Kind) -> std::string_view { return "to look into a set, write `.contains(...)`"; });
  Answer right = expect(node.b, {types_.set_of_entities(), TypeTable::simple(Kind::kAnyEntity)}, [](Kind kind) -> std::string_view {
    if (kind == Kind::kSet) return "to look into a set, write `.contains(...)`";
    return kind == Kind::kString ? "to look into a string, write `like`" : "";
  });
  if (!left.good || !right.good) return failure(bool_type());
  std::optional<EntityUid> action = entity_literal(node.a);
  if (action && is_action_type_name(action->type())) {
    std::vector<EntityUid> groups;
    const Node& other = tree_.node(node.b);
    bool all_known = true;
    if (other.kind == NodeKind::kSet) {
      for (std::uint32_t i = 0; i < other.child_count; ++i) {
        std::optional<EntityUid> group = entity_literal(tree_.child(other, i));
        all_known = all_known && group.has_value();
        if (group) groups.push_back(*group);
      }
    } else if (std::optional<EntityUid> group = entity_literal(node.b)) {
      groups.push_back(*group);
    } else {
      all_known = false;
    }
    if (all_known) {
      std::erase_if(groups, [](const EntityUid& uid) { return !is_action_type_name(uid.type()); });
      if (!std::all_of(groups.begin(), groups.end(), [&](const EntityUid& uid) { return actions_.is_declared(uid); }))
        return failure(bool_type());
      return success(TypeTable::boolean(
          std::any_of(groups.begin(), groups.end(), [&](const EntityUid& uid) { return actions_.is_in(*action, uid); })));
    }
  }
  CheckedType high = types_.kind(right.type) == Kind::kSet ? types_[right.type].element : right.type;
  return success(may_be_in(left.type, high) ? bool_type() : TypeTable::boolean(false));
}

// ---------------------------------------------------------------------------------------------------- sets and tags

Typechecker::Answer Typechecker::check_contains(const Node& node) {
  bool single = node.operation == BinaryOperation::kContains;
  Answer left = expect(node.a, {TypeTable::simple(Kind::kAnySet)}, set_method_help);
  Answer right = single ? check_node(node.b) : expect(node.b, {TypeTable::simple(Kind::kAnySet)}, [](Kind) -> std::string_view {
    return "to look for one element, write `.contains(...)`";
  });
  CheckedType compared = left.type;
  if (single) compared = left.has_type() && types_.kind(left.type) == Kind::kSet ? types_[left.type].element : kNoCheckedType;
  bool same = enforce_same_type(node, compared, right.type, operation_text(node.operation));
  return {bool_type(), left.good && right.good && same, {}};
}

// The types that tags may have on what `entity` stands for; empty when none of it has tags.
std::vector<CheckedType> Typechecker::tag_types(CheckedType entity) const {
  std::vector<CheckedType> found;
  auto add = [&](const SchemaEntityType& type) {
    if (type.tags) found.push_back(types_.from_schema(*type.tags));
  };
  std::vector<std::string> names = types_[entity].entity_types;
  if (types_.kind(entity) == Kind::kAnyEntity) {
    for (const auto& [name, type] : schema_.entity_types) add(type);
  }
  for (const std::string& name : names) {
    if (auto declared = schema_.entity_types.find(name); declared != schema_.entity_types.end()) add(declared->second);
  }
  return found;
}

Typechecker::Answer Typechecker::check_tag(const Node& node) {
  bool asks = node.operation == BinaryOperation::kHasTag;
  Answer target = expect(node.a, {TypeTable::simple(Kind::kAnyEntity)});
  Answer name = expect(node.b, {TypeTable::simple(Kind::kString)});
  if (!target.has_type()) return failure(asks ? bool_type() : kNoCheckedType);
  Capability capability{tree_.shapes[node.a], tree_.shapes[node.b], true};
  std::vector<CheckedType> types = tag_types(target.type);
  bool good = target.good && name.good;
  if (asks) {
    Answer answer{types.empty() ? TypeTable::boolean(false) : holds(capability) ? TypeTable::boolean(true) : bool_type(), good, {}};
    if (good) answer.capabilities.push_back(capability);
    return answer;
  }
  std::string of = types_.text(target.type);
  if (!holds(capability)) {
    fault(FindingKind::kUnsafeTag, node, "the tag may be missing from " + of, "test before it: ... .hasTag(...) && ...");
    return failure();
  }
  if (types.empty()) {
    fault(FindingKind::kNoTags, node, of + " is declared without tags");
    return failure();
  }
  CheckedType both = TypeTable::simple(Kind::kNever);
  for (CheckedType type : types) {
    std::optional<CheckedType> next = types_.least_upper_bound(both, type);
    if (!next) {
      fault(FindingKind::kIncompatibleTypes, node,
            "the tags of these entities have different types: " + types_.text(both) + " and " + types_.text(type));
      return failure();
    }
    both = *next;
  }
  return {both, good, {}};
}

// ------------------------------------------------------------------------------------------------- extension functions

// What can be told of a constructor's argument before it is evaluated.
bool Typechecker::check_constructor(const Node& node) {
  std::string_view name = extension_signature(node.function).name;
  bool good = true;
  std::optional<Literal> only = node.child_count == 1 ? literal(tree_.child(node, 0)) : std::nullopt;
  if (only && only->kind == NodeKind::kString) {
    Arena arena;
    Value argument = Value::borrowed(only->text);
    if (auto made = call_extension(node.function, {&argument, 1}, arena); !made) {
      fault(FindingKind::kInvalidExtensionArgument, node, "`" + std::string(name) + "` always fails here: " + made.error());
      good = false;
    }
  }
  for (std::uint32_t i = 0; strict_ && i < node.child_count; ++i) {
    NodeKind kind = tree_.node(tree_.child(node, i)).kind;
    if (kind == NodeKind::kBool || kind == NodeKind::kLong || kind == NodeKind::kString || kind == NodeKind::kEntity) continue;
    fault(FindingKind::kNonLiteralExtension, node, "`" + std::string(name) + "` must be given a literal, so that it can't fail at run time",
          "let the attribute have the type, or write the text here");
    return false;
  }
  return good;
}

Typechecker::Answer Typechecker::check_call(const Node& node) {
  Signature signature = signature_of(node.function);
  bool good = true;
  if (node.child_count != signature.arguments.size()) {
    const ExtensionSignature& known = extension_signature(node.function);
    std::size_t receiver = known.is_method ? 1 : 0;
    fault(FindingKind::kWrongArgumentCount, node,
          "`" + std::string(known.name) + "` takes " + std::to_string(signature.arguments.size() - receiver) + " argument(s), got " +
              std::to_string(node.child_count - receiver));
    good = false;
  }
  if (signature.is_constructor) good = check_constructor(node) && good;
  CheckedType result = TypeTable::simple(signature.result);
  bool arguments_fit = true;
  for (std::uint32_t i = 0; i < node.child_count; ++i) {
    NodeId argument = tree_.child(node, i);
    Answer answer = good ? expect(argument, {TypeTable::simple(signature.arguments[i])}) : check_node(argument);
    arguments_fit = arguments_fit && answer.good;
  }
  return {result, good && arguments_fit, {}};
}

}  // namespace interlock::cedar
