// From the syntax tree to the flat program. Chains are walked by loops; only nesting recurses, and the parser bounds it.
#include "cedar/compiler.hpp"

#include <algorithm>

#include "cedar/compare.hpp"

namespace interlock::cedar {

CompiledPolicy Compiler::compile() {
  CompiledPolicy compiled;
  compiled.effect = policy_.effect;
  compiled.principal = compile_scope(policy_.principal);
  compiled.action = compile_scope(policy_.action);
  compiled.resource = compile_scope(policy_.resource);
  compiled.code = static_cast<std::uint32_t>(target_.code.size());
  fold_constants();
  for (const ConditionSyntax& condition : policy_.conditions) compile_condition(condition.body, condition.unless);
  Node end;
  end.offset = policy_.offset;
  emit(Op::kAccept, end, 0);
  return compiled;
}

CompiledScope Compiler::compile_scope(const ScopeConstraint& constraint) {
  CompiledScope scope;
  scope.kind = constraint.kind;
  scope.first_uid = static_cast<std::uint32_t>(target_.uids.size());
  scope.uid_count = static_cast<std::uint32_t>(constraint.entities.size());
  for (const EntityUid& uid : constraint.entities) {
    target_.uids.push_back({target_.arena.copy(uid.type()), target_.arena.copy(uid.id()), uid.type_hash(), uid.hash()});
  }
  if (!constraint.type.empty()) scope.type = add_type(constraint.type);
  return scope;
}

void Compiler::fold_constants() {
  folded_.resize(tree_.nodes.size());
  for (std::size_t i = 0; i < tree_.nodes.size(); ++i) folded_[i] = fold(tree_.nodes[i]);
}

// Only what can't fail, or did not: a call that fails stays a call and fails when it is reached.
std::optional<Value> Compiler::fold(const Node& node) {
  Arena& arena = target_.arena;
  std::vector<Value> values;
  auto gather = [&](std::uint32_t first, std::uint32_t step) {
    for (std::uint32_t i = first; i < node.child_count; i += step) {
      const std::optional<Value>& value = folded_[child(node, i)];
      if (!value) return false;
      values.push_back(*value);
    }
    return true;
  };
  switch (node.kind) {
    case NodeKind::kBool: return Value::boolean(node.number != 0);
    case NodeKind::kLong: return Value::integer(node.number);
    case NodeKind::kString: return Value::borrowed(arena.copy(tree_.strings[node.a]));
    case NodeKind::kEntity: {
      std::string_view type = arena.copy(tree_.strings[node.a]);
      std::string_view id = arena.copy(tree_.strings[node.b]);
      std::uint64_t type_hash = hash_type(type);
      return ValueAccess::uid(arena.make(UidData{type, id, type_hash, hash_uid(type_hash, id)}));
    }
    case NodeKind::kSet: {
      if (!gather(0, 1)) return std::nullopt;
      std::span<Value> items = arena.array<Value>(values.size());
      std::copy(values.begin(), values.end(), items.begin());
      return make_set(arena, items);
    }
    case NodeKind::kRecord: {
      if (!gather(1, 2)) return std::nullopt;
      std::span<RecordField> fields = arena.array<RecordField>(values.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        std::string_view name = arena.copy(tree_.strings[child(node, static_cast<std::uint32_t>(2 * i))]);
        fields[i] = {name, hash_name(name), values[i]};
      }
      return make_record(arena, fields);
    }
    case NodeKind::kCall: {
      if (!gather(0, 1)) return std::nullopt;
      auto value = call_extension(node.function, values, arena);
      return value ? std::optional<Value>(*value) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

void Compiler::compile_condition(NodeId id, bool unless) {
  const Node& node = tree_.nodes[id];
  // `when {a && b}` is `when {a} when {b}`: the same order, the same errors, no jumps.
  if (!unless && node.kind == NodeKind::kAnd) {
    for (std::uint32_t i = 0; i < node.child_count; ++i) {
      compile_node(child(node, i));
      emit(Op::kRequire, tree_.nodes[child(node, i)], -1);
    }
    return;
  }
  compile_node(id);
  emit(unless ? Op::kRequireNot : Op::kRequire, node, -1);
}

NodeId Compiler::first_operand(const Node& node) const {
  switch (node.kind) {
    case NodeKind::kNot:
    case NodeKind::kNegate:
    case NodeKind::kIsEmpty:
    case NodeKind::kBinary:
    case NodeKind::kGetAttr:
    case NodeKind::kHasAttr:
    case NodeKind::kLike:
    case NodeKind::kIs: return node.a;
    case NodeKind::kIf:
    case NodeKind::kAnd:
    case NodeKind::kOr: return child(node, 0);
    case NodeKind::kCall: return node.child_count > 0 ? child(node, 0) : kNoNode;
    default: return kNoNode;
  }
}

void Compiler::compile_node(NodeId id) {
  std::vector<NodeId> spine;
  for (;;) {
    NodeId first = folded_[id] ? kNoNode : first_operand(tree_.nodes[id]);
    if (first == kNoNode) break;
    spine.push_back(id);
    id = first;
  }
  if (folded_[id]) {
    emit(Op::kConstant, tree_.nodes[id], 1, add_constant(*folded_[id]));
  } else {
    compile_leaf(tree_.nodes[id]);
  }
  for (auto at = spine.rbegin(); at != spine.rend(); ++at) compile_after_first(tree_.nodes[*at]);
}

void Compiler::compile_leaf(const Node& node) {
  switch (node.kind) {
    case NodeKind::kVariable: emit(Op::kVariable, node, 1, 0, 0, static_cast<std::uint8_t>(node.variable)); return;
    case NodeKind::kSet:
      for (std::uint32_t i = 0; i < node.child_count; ++i) compile_node(child(node, i));
      emit(Op::kSet, node, 1 - static_cast<int>(node.child_count), node.child_count);
      return;
    case NodeKind::kRecord: {
      std::uint32_t count = node.child_count / 2;
      for (std::uint32_t i = 0; i < count; ++i) compile_node(child(node, 2 * i + 1));
      std::uint32_t first_name = static_cast<std::uint32_t>(target_.names.size());
      for (std::uint32_t i = 0; i < count; ++i) add_name(tree_.strings[child(node, 2 * i)]);
      emit(Op::kRecord, node, 1 - static_cast<int>(count), count, first_name);
      return;
    }
    default: emit(Op::kCall, node, 1, 0, 0, static_cast<std::uint8_t>(node.function)); return;  // a call without arguments
  }
}

void Compiler::compile_after_first(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNot: emit(Op::kNot, node, 0); return;
    case NodeKind::kNegate: emit(Op::kNegate, node, 0); return;
    case NodeKind::kIsEmpty: emit(Op::kIsEmpty, node, 0); return;
    case NodeKind::kBinary:
      compile_node(node.b);
      emit(Op::kBinary, node, -1, 0, 0, static_cast<std::uint8_t>(node.operation));
      return;
    case NodeKind::kGetAttr: compile_attribute(node); return;
    case NodeKind::kHasAttr: {
      std::uint32_t first_name = static_cast<std::uint32_t>(target_.names.size());
      for (std::uint32_t i = 0; i < node.child_count; ++i) add_name(tree_.strings[child(node, i)]);
      emit(Op::kHasAttr, node, 0, first_name, node.child_count);
      return;
    }
    case NodeKind::kLike:
      target_.patterns.push_back(tree_.patterns[node.b]);
      emit(Op::kLike, node, 0, static_cast<std::uint32_t>(target_.patterns.size() - 1));
      return;
    case NodeKind::kIs: compile_is(node); return;
    case NodeKind::kIf: compile_if(node); return;
    case NodeKind::kAnd: compile_chain(node, Op::kAndJump); return;
    case NodeKind::kOr: compile_chain(node, Op::kOrJump); return;
    default:
      for (std::uint32_t i = 1; i < node.child_count; ++i) compile_node(child(node, i));
      emit(Op::kCall, node, 1 - static_cast<int>(node.child_count), node.child_count, 0, static_cast<std::uint8_t>(node.function));
      return;
  }
}

// An attribute of a variable is one instruction.
void Compiler::compile_attribute(const Node& node) {
  const std::uint32_t name = add_name(tree_.strings[node.b]);
  if (tree_.nodes[node.a].kind != NodeKind::kVariable) {
    emit(Op::kGetAttr, node, 0, name);
    return;
  }
  Instruction& variable = target_.code.back();
  variable.op = Op::kVariableAttr;
  variable.z = name;
  target_.offsets.back() = node.offset;
}

void Compiler::compile_chain(const Node& node, Op jump) {
  std::vector<std::uint32_t> jumps;
  for (std::uint32_t i = 1; i < node.child_count; ++i) {
    jumps.push_back(emit(jump, tree_.nodes[child(node, i - 1)], -1));
    compile_node(child(node, i));
  }
  emit(Op::kCheckBool, tree_.nodes[child(node, node.child_count - 1)], 0);
  for (std::uint32_t each : jumps) land(each);
}

void Compiler::compile_if(const Node& node) {
  std::uint32_t to_else = emit(Op::kJumpIfFalse, tree_.nodes[child(node, 0)], -1);
  compile_node(child(node, 1));
  std::uint32_t to_end = emit(Op::kJump, node, -1);  // the other branch starts where this one did
  land(to_else);
  compile_node(child(node, 2));
  land(to_end);
}

void Compiler::compile_is(const Node& node) {
  std::uint32_t type = add_type(tree_.strings[node.b]);
  if (node.c == kNoNode) {
    emit(Op::kIs, node, 0, type);
    return;
  }
  std::uint32_t to_end = emit(Op::kIsOrJump, node, 0, 0, type);
  compile_node(node.c);
  emit(Op::kBinary, node, -1, 0, 0, static_cast<std::uint8_t>(BinaryOperation::kIn));
  land(to_end);
}

std::uint32_t Compiler::emit(Op op, const Node& node, int stack_effect, std::uint32_t z, std::uint32_t y, std::uint8_t x) {
  target_.code.push_back({.op = op, .x = x, .y = y, .z = z});
  target_.offsets.push_back(node.offset);
  depth_ = static_cast<std::uint32_t>(static_cast<int>(depth_) + stack_effect);
  target_.max_stack = std::max(target_.max_stack, depth_);
  return static_cast<std::uint32_t>(target_.code.size() - 1);
}

std::uint32_t Compiler::add_constant(const Value& value) {
  target_.constants.push_back(value);
  return static_cast<std::uint32_t>(target_.constants.size() - 1);
}

std::uint32_t Compiler::add_name(std::string_view text) {
  target_.names.push_back({target_.arena.copy(text), hash_name(text)});
  return static_cast<std::uint32_t>(target_.names.size() - 1);
}

std::uint32_t Compiler::add_type(std::string_view text) {
  target_.types.push_back({target_.arena.copy(text), hash_type(text)});
  return static_cast<std::uint32_t>(target_.types.size() - 1);
}

}  // namespace interlock::cedar
