// Variables, branches, attributes, sets and records.
#include "cedar/typechecker.hpp"

#include <algorithm>

#include "cedar/entity_store.hpp"
#include "cedar/suggest.hpp"

namespace interlock::cedar {
namespace {

constexpr std::uint32_t kMaxDepth = 1000;       // of the expression: checking recurses over it
constexpr std::uint64_t kMaxSteps = 2'000'000;  // in one environment: expressions that stand for several are checked for each

std::string short_text(std::string_view text) { return std::string(text.substr(0, 80)); }

}  // namespace

// ------------------------------------------------------------------------------------------------------------- actions

ActionRelations::ActionRelations(const SchemaData& schema) : schema_(schema) {
  const EntityStore* store = EntitiesAccess::store(schema.action_entities);
  if (store == nullptr) return;
  for (const EntityData& action : store->entities) {
    for (const UidData& above : action.ancestors) types_above_[std::string(action.uid.type)].emplace(above.type);
  }
}

bool ActionRelations::may_be_in(std::string_view low, std::string_view high) const {
  auto above = types_above_.find(low);
  return low == high || (above != types_above_.end() && above->second.contains(high));
}

bool ActionRelations::is_in(const EntityUid& action, const EntityUid& group) const {
  return action == group || schema_.action_entities.is_descendant(action, group);
}

// -------------------------------------------------------------------------------------------------------- capabilities

class Typechecker::Assumed {
 public:
  explicit Assumed(Typechecker& checker) : checker_(checker) {}
  Assumed(const Assumed&) = delete;
  Assumed& operator=(const Assumed&) = delete;
  ~Assumed() { clear(); }

  void add(const Capabilities& capabilities) {
    for (const Capability& each : capabilities) ++checker_.assumed_[each];
    held_.insert(held_.end(), capabilities.begin(), capabilities.end());
  }

  void clear() {
    for (const Capability& each : held_) {
      auto at = checker_.assumed_.find(each);
      if (--at->second == 0) checker_.assumed_.erase(at);
    }
    held_.clear();
  }

 private:
  Typechecker& checker_;
  Capabilities held_;
};

bool Typechecker::holds(const Capability& capability) const { return assumed_.contains(capability); }

// -------------------------------------------------------------------------------------------------------------- faults

void Typechecker::fault(FindingKind kind, const Node& node, std::string message, std::string hint) {
  faults_->push_back({kind, node.offset, std::move(message), std::move(hint)});
}

void Typechecker::unexpected(NodeId id, std::initializer_list<CheckedType> wanted, CheckedType got, std::string_view help) {
  std::string names;
  for (CheckedType type : wanted) names += (names.empty() ? "" : " or ") + types_.text(type);
  fault(FindingKind::kUnexpectedType, tree_.node(id), "expected " + names + ", got " + types_.text(got), std::string(help));
}

Typechecker::Answer Typechecker::expect(NodeId id, std::initializer_list<CheckedType> wanted, std::string_view (*help)(Kind)) {
  Answer answer = check_node(id);
  if (!answer.has_type()) return failure();
  bool fits = std::any_of(wanted.begin(), wanted.end(),
                          [&](CheckedType type) { return types_.is_subtype(answer.type, type, ValidationOptions::Mode::kPermissive); });
  if (fits) return answer;
  unexpected(id, wanted, answer.type, help == nullptr ? std::string_view() : help(types_.kind(answer.type)));
  return failure();
}

// ------------------------------------------------------------------------------------------------------------- walking

CheckedType Typechecker::check(const Environment& environment, std::vector<TypeFault>& faults) {
  environment_ = &environment;
  faults_ = &faults;
  steps_ = 0;
  node_types_.assign(tree_.tree.nodes.size(), std::nullopt);
  if (tree_.depth > kMaxDepth) {
    fault(FindingKind::kTooComplex, tree_.node(tree_.root),
          "the policy is nested deeper than " + std::to_string(kMaxDepth) + " levels and can't be checked", "split it");
    return kNoCheckedType;
  }
  Answer answer = expect_bool(tree_.root);
  return answer.type;
}

Typechecker::Answer Typechecker::check_node(NodeId id) {
  const Node& node = tree_.node(id);
  if (++steps_ > kMaxSteps) {
    if (steps_ == kMaxSteps + 1) fault(FindingKind::kTooComplex, node, "the policy is too large to be checked", "split it");
    return failure();
  }
  Answer answer = check_kind(node);
  node_types_[id] = answer.type;
  return answer;
}

Typechecker::Answer Typechecker::check_kind(const Node& node) {
  switch (node.kind) {
    case NodeKind::kBool: return success(TypeTable::boolean(node.number != 0));
    case NodeKind::kLong: return success(TypeTable::simple(Kind::kLong));
    case NodeKind::kString: return success(TypeTable::simple(Kind::kString));
    case NodeKind::kEntity: return check_entity(node);
    case NodeKind::kVariable: return check_variable(node.variable);
    case NodeKind::kSlot: return check_slot(node.variable);
    case NodeKind::kIf: return check_if(node);
    case NodeKind::kAnd: return check_and(node);
    case NodeKind::kOr: return check_or(node);
    case NodeKind::kNot: return check_not(node);
    case NodeKind::kNegate: {
      Answer inner = expect(node.a, {TypeTable::simple(Kind::kLong)});
      return {TypeTable::simple(Kind::kLong), inner.good, {}};
    }
    case NodeKind::kIsEmpty: {
      Answer inner = expect(node.a, {TypeTable::simple(Kind::kAnySet)}, [](Kind kind) -> std::string_view {
        return kind == Kind::kString ? "compare with \"\" to see whether a string is empty" : "";
      });
      return {bool_type(), inner.good, {}};
    }
    case NodeKind::kBinary: return check_binary(node);
    case NodeKind::kGetAttr: return check_get_attribute(node);
    case NodeKind::kHasAttr: return check_has_attribute(node);
    case NodeKind::kLike: {
      Answer inner = expect(node.a, {TypeTable::simple(Kind::kString)}, [](Kind kind) -> std::string_view {
        return kind == Kind::kEntity || kind == Kind::kAnyEntity ? "to test an entity's type, write `is`" : "";
      });
      return {bool_type(), inner.good, {}};
    }
    case NodeKind::kIs: return check_is(node);
    case NodeKind::kSet: return check_set(node);
    case NodeKind::kRecord: return check_record(node);
    case NodeKind::kCall: return check_call(node);
  }
  return failure();
}

Typechecker::Answer Typechecker::check_variable(Variable variable) {
  switch (variable) {
    case Variable::kPrincipal: return success(types_.entity(environment_->principal));
    case Variable::kAction: return success(types_.entity(environment_->action->uid.type()));
    case Variable::kResource: return success(types_.entity(environment_->resource));
    case Variable::kContext: return success(types_.from_schema(environment_->action->context));
  }
  return failure();
}

Typechecker::Answer Typechecker::check_slot(Variable variable) {
  std::string_view type = variable == Variable::kPrincipal ? environment_->principal_slot : environment_->resource_slot;
  return success(type.empty() ? TypeTable::simple(Kind::kAnyEntity) : types_.entity(type));
}

// Unknown types and actions are reported once for the policy, not here.
Typechecker::Answer Typechecker::check_entity(const Node& node) {
  std::string_view type = string(node.a);
  bool known = is_action_type_name(type) ? schema_.find_action(type, string(node.b)) != nullptr : schema_.entity_types.contains(type);
  return known ? success(types_.entity(type)) : failure();
}

// ------------------------------------------------------------------------------------------------------------ branches

Typechecker::Answer Typechecker::check_if(const Node& node) {
  NodeId then_id = tree_.child(node, 1);
  NodeId else_id = tree_.child(node, 2);
  Answer test = expect_bool(tree_.child(node, 0));
  if (test.type == TypeTable::boolean(false)) {
    Answer otherwise = check_node(else_id);
    otherwise.good = otherwise.good && test.good;
    if (!otherwise.good) otherwise.capabilities.clear();
    return otherwise;
  }
  Assumed assumed(*this);
  assumed.add(test.capabilities);
  Answer then = check_node(then_id);
  assumed.clear();
  if (then.good) then.capabilities.insert(then.capabilities.end(), test.capabilities.begin(), test.capabilities.end());
  if (test.type == TypeTable::boolean(true)) {
    then.good = then.good && test.good;
    if (!then.good) then.capabilities.clear();
    return then;
  }
  Answer otherwise = check_node(else_id);
  if (!then.has_type() || !otherwise.has_type()) return failure();
  std::optional<CheckedType> both = types_.least_upper_bound(then.type, otherwise.type);
  if (!both) {
    fault(FindingKind::kIncompatibleTypes, node,
          "the branches of `if` have different types: " + types_.text(then.type) + " and " + types_.text(otherwise.type),
          "both branches must give the same type");
    return failure();
  }
  if (!test.good || !then.good || !otherwise.good) return failure(*both);
  Answer answer = success(*both);
  std::sort(then.capabilities.begin(), then.capabilities.end());
  for (const Capability& each : otherwise.capabilities) {
    if (std::binary_search(then.capabilities.begin(), then.capabilities.end(), each)) answer.capabilities.push_back(each);
  }
  return answer;
}

// a && b && c is (a && b) && c; what stands behind something that is surely false is not looked at.
Typechecker::Answer Typechecker::check_and(const Node& node) {
  Answer left = expect_bool(tree_.child(node, 0));
  Assumed assumed(*this);
  assumed.add(left.capabilities);
  for (std::uint32_t i = 1; i < node.child_count; ++i) {
    if (left.type == TypeTable::boolean(false)) return {left.type, left.good, {}};
    Answer right = expect_bool(tree_.child(node, i));
    bool good = left.good && right.good;
    if (!left.has_type() || !right.has_type()) {
      left = failure(bool_type());
      assumed.clear();
      continue;
    }
    if (right.type == TypeTable::boolean(false)) return {right.type, good, {}};
    bool left_is_true = left.type == TypeTable::boolean(true);
    if (right.type != TypeTable::boolean(true)) left.type = left_is_true ? right.type : bool_type();
    left.good = good;
    if (!good) {
      left.capabilities.clear();
      assumed.clear();
    } else if (left_is_true && right.type != TypeTable::boolean(true)) {
      // The reference keeps the right side's alone here; those of a sure left side hold already.
      left.capabilities = std::move(right.capabilities);
      assumed.clear();
      assumed.add(left.capabilities);
    } else {
      left.capabilities.insert(left.capabilities.end(), right.capabilities.begin(), right.capabilities.end());
      assumed.add(right.capabilities);
    }
  }
  return left;
}

Typechecker::Answer Typechecker::check_or(const Node& node) {
  Answer left = expect_bool(tree_.child(node, 0));
  for (std::uint32_t i = 1; i < node.child_count; ++i) {
    if (left.type == TypeTable::boolean(true)) return left;
    Answer right = expect_bool(tree_.child(node, i));
    bool good = left.good && right.good;
    if (!left.has_type() || !right.has_type()) {
      left = failure(bool_type());
      continue;
    }
    if (right.type == TypeTable::boolean(true) || left.type == TypeTable::boolean(false)) {
      // Only the right side can have made it true; with a right side that is surely false as well, the left stands.
      if (right.type != TypeTable::boolean(false)) left = std::move(right);
    } else if (right.type != TypeTable::boolean(false)) {
      Capabilities common;
      std::sort(left.capabilities.begin(), left.capabilities.end());
      for (const Capability& each : right.capabilities) {
        if (std::binary_search(left.capabilities.begin(), left.capabilities.end(), each)) common.push_back(each);
      }
      left.type = bool_type();
      left.capabilities = std::move(common);
    }
    left.good = good;
    if (!good) left.capabilities.clear();
  }
  return left;
}

// ---------------------------------------------------------------------------------------------------------- attributes

Typechecker::Answer Typechecker::check_get_attribute(const Node& node) {
  Answer target = expect(node.a, {TypeTable::simple(Kind::kAnyEntity), types_.open_record()});
  if (!target.has_type()) return failure();
  std::string_view name = string(node.b);
  std::optional<CheckedAttribute> attribute = types_.attribute(target.type, name);
  std::string of = " of " + types_.text(target.type);
  if (!attribute) {
    bool may = types_.may_have_attribute(target.type, name);
    std::string hint =
        may ? "not all of these types have it: test with `has` or `is` first" : did_you_mean(name, types_.attribute_names(target.type));
    fault(FindingKind::kUnknownAttribute, node, "the attribute `" + short_text(name) + "`" + of + " is not declared", std::move(hint));
    return failure();
  }
  if (!attribute->required && !holds({tree_.shapes[node.a], tree_.string_shapes[node.b], false})) {
    fault(FindingKind::kUnsafeOptionalAttribute, node, "the attribute `" + short_text(name) + "`" + of + " is optional and may be missing",
          "test before it: ... has " + short_text(name) + " && ...");
    return failure(attribute->type);
  }
  return {attribute->type, target.good, {}};
}

Typechecker::Answer Typechecker::check_has_attribute(const Node& node) {
  Answer target = expect(node.a, {TypeTable::simple(Kind::kAnyEntity), types_.open_record()}, [](Kind kind) -> std::string_view {
    if (kind == Kind::kSet || kind == Kind::kAnySet) return "to look into a set, write `.contains(...)`";
    return kind == Kind::kString ? "to look into a string, write `like`" : "";
  });
  if (!target.has_type()) return failure(bool_type());
  std::string_view name = string(node.b);
  std::optional<CheckedAttribute> attribute = types_.attribute(target.type, name);
  if (!attribute) {
    CheckedType type = types_.may_have_attribute(target.type, name) ? bool_type() : TypeTable::boolean(false);
    return {type, target.good, {}};
  }
  Capability capability{tree_.shapes[node.a], tree_.string_shapes[node.b], false};
  // An entity may be missing from the store, and then it has nothing.
  bool sure = holds(capability) || (attribute->required && types_.kind(target.type) == Kind::kRecord);
  Answer answer = success(sure ? TypeTable::boolean(true) : bool_type());
  answer.good = target.good;
  if (answer.good) answer.capabilities.push_back(capability);
  return answer;
}

Typechecker::Answer Typechecker::check_is(const Node& node) {
  Answer target = expect(node.a, {TypeTable::simple(Kind::kAnyEntity)},
                         [](Kind) -> std::string_view { return "`is` tests the type of entities only"; });
  if (!target.has_type()) return failure(bool_type());
  const TypeEntry& type = types_[target.type];
  if (type.kind != Kind::kEntity) return {bool_type(), target.good, {}};
  bool may = std::find(type.entity_types.begin(), type.entity_types.end(), string(node.b)) != type.entity_types.end();
  CheckedType answer = !may ? TypeTable::boolean(false) : type.entity_types.size() == 1 ? TypeTable::boolean(true) : bool_type();
  return {answer, target.good, {}};
}

// ---------------------------------------------------------------------------------------------------- sets and records

Typechecker::Answer Typechecker::check_set(const Node& node) {
  bool good = true;
  bool typed = true;
  std::vector<CheckedType> items;
  for (std::uint32_t i = 0; i < node.child_count; ++i) {
    Answer item = check_node(tree_.child(node, i));
    good = good && item.good;
    typed = typed && item.has_type();
    items.push_back(item.type);
  }
  if (strict_ && items.empty()) {
    fault(FindingKind::kEmptySet, node, "the type of an empty set can't be told", "compare with .isEmpty(), or leave the set out");
    return failure();
  }
  if (!typed) return failure();
  CheckedType element = TypeTable::simple(Kind::kNever);
  for (CheckedType item : items) {
    std::optional<CheckedType> both = types_.least_upper_bound(element, item);
    if (!both) {
      fault(FindingKind::kIncompatibleTypes, node,
            "the elements of the set have different types: " + types_.text(element) + " and " + types_.text(item),
            "all elements must have the same type");
      return failure();
    }
    element = *both;
  }
  return {types_.set_of(element), good, {}};
}

Typechecker::Answer Typechecker::check_record(const Node& node) {
  bool good = true;
  bool typed = true;
  TypeEntry entry;
  entry.kind = Kind::kRecord;
  for (std::uint32_t i = 0; i < node.child_count; i += 2) {
    Answer field = check_node(tree_.child(node, i + 1));
    good = good && field.good;
    typed = typed && field.has_type();
    entry.attributes.push_back({std::string(string(tree_.child(node, i))), field.type, true});
  }
  if (!typed) return failure();
  std::sort(entry.attributes.begin(), entry.attributes.end());
  return {types_.intern(std::move(entry)), good, {}};
}

}  // namespace interlock::cedar
