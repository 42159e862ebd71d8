// What follows for an expression from operands that are known, that fail, and that are not known yet.
#include "cedar/partial_reducer.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

// Operators whose result, if there is one, is a bool.
bool gives_bool(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNot:
    case NodeKind::kIsEmpty:
    case NodeKind::kHasAttr:
    case NodeKind::kLike:
    case NodeKind::kIs: return true;
    case NodeKind::kBinary: break;
    default: return false;
  }
  switch (node.operation) {
    case BinaryOperation::kAdd:
    case BinaryOperation::kSubtract:
    case BinaryOperation::kMultiply:
    case BinaryOperation::kGetTag: return false;
    default: return true;
  }
}

// Deepest stack that one operator needs.
std::size_t widest(const SyntaxTree& tree) {
  std::uint32_t most = 2;
  for (const Node& node : tree.nodes) most = std::max(most, node.child_count);
  return most + 1;
}

}  // namespace

Reducer::Reducer(SyntaxTree& tree, const PartialVariables& variables, const Request& known, const EntityStore* entities, Arena& arena)
    : tree_(tree),
      variables_(variables),
      arena_(arena),
      stack_(widest(tree)),
      evaluator_(program_, known, entities, arena, stack_.data()),
      terms_(tree.nodes.size()),
      constant_(tree.nodes.size()) {
  for (NodeId i = 0; i < terms_.size(); ++i) {
    const Node node = tree_.nodes[i];
    const bool is_literal =
        node.kind == NodeKind::kBool || node.kind == NodeKind::kLong || node.kind == NodeKind::kString || node.kind == NodeKind::kEntity;
    if (is_literal) {
      constant_[i] = true;
    } else if (node.kind == NodeKind::kSet || node.kind == NodeKind::kRecord || node.kind == NodeKind::kCall) {
      const std::vector<NodeId> parts = operands(node);
      constant_[i] = std::all_of(parts.begin(), parts.end(), [&](NodeId each) { return constant_[each]; });
    }
    terms_[i] = reduce(i);
  }
}

NodeId Reducer::expression(NodeId id) {
  Term& term = terms_[id];
  if (term.kind != Term::Kind::kKnown || constant_[id]) return term.node;
  // The same literal serves wherever the node is asked for.
  if (term.node == id) term.node = literal(term.value, tree_.nodes[id].offset).value_or(id);
  return term.node;
}

bool Reducer::is_never_true(const Term& term) {
  switch (term.kind) {
    case Term::Kind::kKnown: return term.value.kind() != Value::Kind::kBool || !term.value.as_bool();
    case Term::Kind::kFails: return true;
    case Term::Kind::kResidual: return term.never_true;
  }
  return false;
}

bool Reducer::is_entity_variable(const Term& term) const {
  if (term.kind != Term::Kind::kResidual) return false;
  const Node& node = tree_.nodes[term.node];
  return node.kind == NodeKind::kVariable && node.variable != Variable::kContext;
}

bool Reducer::is_some_entity(const Term& term) const {
  return is_entity_variable(term) || (term.kind == Term::Kind::kKnown && term.value.kind() == Value::Kind::kEntity);
}

bool Reducer::is_entity_or_entities(const Term& term) const {
  if (is_some_entity(term)) return true;
  if (term.kind != Term::Kind::kKnown || term.value.kind() != Value::Kind::kSet || !ValueAccess::is_solid(term.value)) return false;
  std::span<const Value> items = ValueAccess::set(term.value).items;
  return std::all_of(items.begin(), items.end(), [](const Value& each) { return each.kind() == Value::Kind::kEntity; });
}

std::vector<NodeId> Reducer::operands(const Node& node) const {
  std::vector<NodeId> found;
  switch (node.kind) {
    case NodeKind::kNot:
    case NodeKind::kNegate:
    case NodeKind::kIsEmpty:
    case NodeKind::kGetAttr:
    case NodeKind::kHasAttr:
    case NodeKind::kLike: return {node.a};
    case NodeKind::kBinary: return {node.a, node.b};
    case NodeKind::kRecord:
      for (std::uint32_t i = 1; i < node.child_count; i += 2) found.push_back(child(node, i));
      return found;
    case NodeKind::kSet:
    case NodeKind::kCall:
      for (std::uint32_t i = 0; i < node.child_count; ++i) found.push_back(child(node, i));
      return found;
    default: return found;
  }
}

Term Reducer::reduce(NodeId id) {
  const Node node = tree_.nodes[id];
  switch (node.kind) {
    case NodeKind::kBool: return known(id, Value::boolean(node.number != 0));
    case NodeKind::kLong: return known(id, Value::integer(node.number));
    case NodeKind::kString: return known(id, ValueAccess::string(arena_.copy(tree_.strings[node.a])));
    case NodeKind::kEntity: {
      std::string_view type = arena_.copy(tree_.strings[node.a]);
      std::string_view name = arena_.copy(tree_.strings[node.b]);
      const std::uint64_t type_hash = hash_type(type);
      return known(id, ValueAccess::uid(arena_.make(UidData{type, name, type_hash, hash_uid(type_hash, name)})));
    }
    case NodeKind::kVariable: return reduce_variable(id);
    case NodeKind::kAnd:
    case NodeKind::kOr: return reduce_chain(id);
    case NodeKind::kIf: return reduce_if(id);
    case NodeKind::kIs: return reduce_is(id);
    case NodeKind::kGetAttr: return reduce_attribute(id);
    case NodeKind::kHasAttr: return reduce_has(id);
    default: return reduce_operator(id);
  }
}

Term Reducer::reduce_variable(NodeId id) const {
  const Variable variable = tree_.nodes[id].variable;
  const auto place = static_cast<std::size_t>(variable);
  if (variables_.known[place]) return known(id, variables_.values[place]);
  // An unknown context may hold what cannot be looked at.
  return {.kind = Term::Kind::kResidual, .node = id, .cannot_fail = variable != Variable::kContext};
}

// `a && b && ...`, and `||` with true and false exchanged. What an operand is given up for must be certain: whatever stands
// before it is evaluated first, and may fail.
Term Reducer::reduce_chain(NodeId id) {
  const Node node = tree_.nodes[id];
  const bool is_and = node.kind == NodeKind::kAnd;
  std::vector<NodeId> kept;
  bool total = true;        // what is kept gives a bool and cannot fail
  bool some_never = false;  // something kept is never true
  bool all_never = true;
  const Term* only = nullptr;
  bool ended = false;
  for (std::uint32_t i = 0; i < node.child_count && !ended; ++i) {
    const NodeId operand = child(node, i);
    const Term& term = terms_[operand];
    if (is_known_bool(term) && term.value.as_bool() == is_and) continue;
    if (is_known_bool(term) && total) return known(id, Value::boolean(!is_and));
    if (term.kind != Term::Kind::kResidual && !is_known_bool(term) && kept.empty()) return fails(id);
    ended = term.kind != Term::Kind::kResidual || (is_and && term.never_true);
    total = total && is_total(term);
    some_never = some_never || is_never_true(term);
    all_never = all_never && is_never_true(term);
    only = kept.empty() ? &term : nullptr;
    kept.push_back(expression(operand));
  }
  if (kept.empty()) return known(id, Value::boolean(is_and));
  if (only != nullptr && only->is_bool) return *only;
  Term made{.kind = Term::Kind::kResidual, .is_bool = true, .cannot_fail = total, .never_true = is_and ? some_never : all_never};
  if (kept.size() == 1) {
    // Alone it need not be a bool; the chain asks for one.
    Node neutral;
    neutral.kind = NodeKind::kBool;
    neutral.offset = node.offset;
    neutral.number = is_and ? 1 : 0;
    kept.insert(kept.begin(), add(neutral));
  }
  const auto children = std::span(tree_.children).subspan(node.first_child, node.child_count);
  made.node = std::equal(kept.begin(), kept.end(), children.begin(), children.end()) ? id : add_with_children(node, kept);
  return made;
}

Term Reducer::reduce_if(NodeId id) {
  const Node node = tree_.nodes[id];
  const NodeId condition = child(node, 0);
  const NodeId yes = child(node, 1);
  const NodeId no = child(node, 2);
  const Term& test = terms_[condition];
  if (is_known_bool(test)) {
    Term chosen = terms_[test.value.as_bool() ? yes : no];
    // This node has the outcome of the branch, and is not yet anybody's literal.
    if (chosen.kind != Term::Kind::kResidual) chosen.node = id;
    return chosen;
  }
  if (test.kind != Term::Kind::kResidual) return fails(id);
  const Term& then = terms_[yes];
  const Term& otherwise = terms_[no];
  if (then.kind == Term::Kind::kFails && otherwise.kind == Term::Kind::kFails) return fails(id);
  auto sound = [](const Term& each) { return each.kind == Term::Kind::kKnown || each.cannot_fail; };
  auto is_bool = [](const Term& each) { return is_known_bool(each) || each.kind == Term::Kind::kFails || each.is_bool; };
  Term made{.kind = Term::Kind::kResidual,
            .is_bool = is_bool(then) && is_bool(otherwise),
            .cannot_fail = is_total(test) && sound(then) && sound(otherwise),
            .never_true = is_never_true(then) && is_never_true(otherwise)};
  const NodeId parts[] = {expression(condition), expression(yes), expression(no)};
  made.node = add_with_children(node, parts);
  return made;
}

Term Reducer::reduce_is(NodeId id) {
  const Node node = tree_.nodes[id];
  const Term& entity = terms_[node.a];
  if (entity.kind == Term::Kind::kFails) return fails(id);
  std::string_view type;
  if (entity.kind == Term::Kind::kKnown) {
    if (entity.value.kind() != Value::Kind::kEntity) return fails(id);
    type = ValueAccess::uid(entity.value).type;
  } else if (is_entity_variable(entity)) {
    type = variables_.types[static_cast<std::size_t>(tree_.nodes[entity.node].variable)];
  }
  const bool has_group = node.c != kNoNode;
  if (!type.empty()) {
    if (type != tree_.strings[node.b]) return known(id, Value::boolean(false));
    if (!has_group) return known(id, Value::boolean(true));
    // `x is T in y` with the type settled is `x in y`.
    if (terms_[node.c].kind == Term::Kind::kFails) return fails(id);
    Node in;
    in.kind = NodeKind::kBinary;
    in.operation = BinaryOperation::kIn;
    in.offset = node.offset;
    in.a = node.a;
    in.b = node.c;
    if (entity.kind == Term::Kind::kKnown && terms_[node.c].kind == Term::Kind::kKnown) {
      const Value values[] = {entity.value, terms_[node.c].value};
      return apply(id, in, values);
    }
    Term made{.kind = Term::Kind::kResidual, .is_bool = true, .cannot_fail = operator_cannot_fail(in)};
    in.a = expression(node.a);
    in.b = expression(node.c);
    made.node = add(in);
    return made;
  }
  Term made{.kind = Term::Kind::kResidual, .is_bool = true};
  made.cannot_fail = is_entity_variable(entity) && (!has_group || is_entity_or_entities(terms_[node.c]));
  Node is = node;
  is.a = expression(node.a);
  if (has_group) is.c = expression(node.c);
  made.node = add(is);
  return made;
}

Term Reducer::reduce_attribute(NodeId id) {
  const Node node = tree_.nodes[id];
  const Term& holder = terms_[node.a];
  if (holder.kind == Term::Kind::kFails) return fails(id);
  if (holder.kind == Term::Kind::kResidual) return rebuild(id);
  Term found = apply(id, node, {&holder.value, 1});
  if (found.kind == Term::Kind::kKnown) return found;
  // It is absent, or its value is not known.
  Node has = node;
  has.kind = NodeKind::kHasAttr;
  const std::uint32_t names[] = {node.b};
  has.first_child = static_cast<std::uint32_t>(tree_.children.size());
  has.child_count = 1;
  tree_.children.insert(tree_.children.end(), std::begin(names), std::end(names));
  const Term present = apply(id, has, {&holder.value, 1});
  return is_known_bool(present) && present.value.as_bool() ? rebuild(id) : found;
}

Term Reducer::reduce_has(NodeId id) {
  const Node node = tree_.nodes[id];
  const Term& holder = terms_[node.a];
  if (holder.kind == Term::Kind::kFails) return fails(id);
  if (holder.kind == Term::Kind::kResidual) return rebuild(id);
  Term found = apply(id, node, {&holder.value, 1});
  Value solid;
  // What fails on the way may have been an unknown value.
  return found.kind == Term::Kind::kFails && !solidify(arena_, holder.value, solid) ? rebuild(id) : found;
}

// An unknown entity is some entity: it equals nothing else, and none of another type.
std::optional<bool> Reducer::decided_equality(const Term& a, const Term& b) const {
  if (!is_entity_variable(a)) return is_entity_variable(b) ? decided_equality(b, a) : std::nullopt;
  const std::string_view type = variables_.types[static_cast<std::size_t>(tree_.nodes[a.node].variable)];
  std::string_view other;
  if (is_entity_variable(b)) {
    if (tree_.nodes[a.node].variable == tree_.nodes[b.node].variable) return true;
    other = variables_.types[static_cast<std::size_t>(tree_.nodes[b.node].variable)];
  } else if (b.kind == Term::Kind::kKnown && ValueAccess::is_solid(b.value)) {
    if (b.value.kind() != Value::Kind::kEntity) return false;
    other = ValueAccess::uid(b.value).type;
  }
  if (!type.empty() && !other.empty() && type != other) return false;
  return std::nullopt;
}

bool Reducer::operator_cannot_fail(const Node& node) const {
  const Term& a = terms_[node.a];
  switch (node.kind) {
    case NodeKind::kNot: return is_total(a);
    case NodeKind::kHasAttr: return is_entity_variable(a) && node.child_count == 1;
    case NodeKind::kBinary: break;
    default: return false;
  }
  const Term& b = terms_[node.b];
  auto sound = [](const Term& each) {
    return each.kind == Term::Kind::kKnown ? ValueAccess::is_solid(each.value) : each.kind == Term::Kind::kResidual && each.cannot_fail;
  };
  switch (node.operation) {
    case BinaryOperation::kEqual:
    case BinaryOperation::kNotEqual: return sound(a) && sound(b);
    case BinaryOperation::kIn: return is_some_entity(a) && is_entity_or_entities(b);
    case BinaryOperation::kHasTag: return is_entity_variable(a) && b.kind == Term::Kind::kKnown && b.value.kind() == Value::Kind::kString;
    default: return false;
  }
}

Term Reducer::reduce_operator(NodeId id) {
  const Node node = tree_.nodes[id];
  const std::vector<NodeId> parts = operands(node);
  // All operands are evaluated: when one fails, then this or an earlier one.
  if (std::any_of(parts.begin(), parts.end(), [&](NodeId each) { return terms_[each].kind == Term::Kind::kFails; })) return fails(id);
  std::vector<Value> values(parts.size());
  bool all_known = true;
  for (std::size_t i = 0; i < parts.size() && all_known; ++i) {
    // A value that holds something unknown is as unknown as that, for all but its attributes.
    const Term& term = terms_[parts[i]];
    all_known = term.kind == Term::Kind::kKnown && solidify(arena_, term.value, values[i]);
  }
  if (all_known) return apply(id, node, values);
  if (node.kind == NodeKind::kBinary && (node.operation == BinaryOperation::kEqual || node.operation == BinaryOperation::kNotEqual)) {
    if (std::optional<bool> same = decided_equality(terms_[node.a], terms_[node.b]))
      return known(id, Value::boolean(*same == (node.operation == BinaryOperation::kEqual)));
  }
  return rebuild(id);
}

// The same operator on what its operands have become.
Term Reducer::rebuild(NodeId id) {
  Node node = tree_.nodes[id];
  Term made{.kind = Term::Kind::kResidual, .is_bool = gives_bool(node), .cannot_fail = operator_cannot_fail(node)};
  switch (node.kind) {
    case NodeKind::kSet:
    case NodeKind::kRecord:
    case NodeKind::kCall: {
      const auto children = std::span(tree_.children).subspan(node.first_child, node.child_count);
      std::vector<std::uint32_t> parts(children.begin(), children.end());
      const std::size_t step = node.kind == NodeKind::kRecord ? 2 : 1;
      for (std::size_t i = step - 1; i < parts.size(); i += step) parts[i] = expression(parts[i]);
      made.node = add_with_children(node, parts);
      return made;
    }
    case NodeKind::kBinary: node.b = expression(node.b); [[fallthrough]];
    default: node.a = expression(node.a);
  }
  made.node = add(node);
  return made;
}

// Has the evaluator run one operator.
Term Reducer::apply(NodeId id, const Node& node, std::span<const Value> operands) {
  program_.code.clear();
  program_.constants.assign(operands.begin(), operands.end());
  program_.names.clear();
  program_.types.clear();
  program_.patterns.clear();
  auto name = [&](std::uint32_t string) {
    std::string_view text = arena_.copy(tree_.strings[string]);
    program_.names.push_back({text, hash_name(text)});
  };
  const auto count = static_cast<std::uint32_t>(operands.size());
  for (std::uint32_t i = 0; i < count; ++i) program_.code.push_back({.op = Op::kConstant, .z = i});
  switch (node.kind) {
    case NodeKind::kNot: program_.code.push_back({.op = Op::kNot}); break;
    case NodeKind::kNegate: program_.code.push_back({.op = Op::kNegate}); break;
    case NodeKind::kIsEmpty: program_.code.push_back({.op = Op::kIsEmpty}); break;
    case NodeKind::kBinary: program_.code.push_back({.op = Op::kBinary, .x = static_cast<std::uint8_t>(node.operation)}); break;
    case NodeKind::kGetAttr:
      name(node.b);
      program_.code.push_back({.op = Op::kGetAttr, .z = 0});
      break;
    case NodeKind::kHasAttr:
      for (std::uint32_t i = 0; i < node.child_count; ++i) name(child(node, i));
      program_.code.push_back({.op = Op::kHasAttr, .y = node.child_count, .z = 0});
      break;
    case NodeKind::kLike:
      program_.patterns.push_back(tree_.patterns[node.b]);
      program_.code.push_back({.op = Op::kLike, .z = 0});
      break;
    case NodeKind::kSet: program_.code.push_back({.op = Op::kSet, .z = count}); break;
    case NodeKind::kRecord:
      for (std::uint32_t i = 0; i < node.child_count; i += 2) name(child(node, i));
      program_.code.push_back({.op = Op::kRecord, .y = 0, .z = count});
      break;
    case NodeKind::kCall: program_.code.push_back({.op = Op::kCall, .x = static_cast<std::uint8_t>(node.function), .z = count}); break;
    default: return fails(id);  // no other kind is an operator
  }
  program_.code.push_back({.op = Op::kAccept});
  return evaluator_.run(CompiledPolicy{}) == Outcome::kSatisfied ? known(id, stack_.front()) : fails(id);
}

}  // namespace interlock::cedar
