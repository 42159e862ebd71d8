// Scopes, control flow and the shapes of data. The operators are in encoder_operators.cpp.
#include "analyze/encoder.hpp"

namespace interlock::analyze {

using cedar::Node;
using cedar::NodeId;
using cedar::NodeKind;

namespace {

// Chains nest to the left, one level an operator.
constexpr int kMaxDepth = 2000;

}  // namespace

EncodedPolicy Encoder::encode() {
  Script& script = world_.script();
  Term reached = conjunction(scope(world_.action(), policy_.action),
                             conjunction(scope(world_.resource(), policy_.resource), scope(world_.principal(), policy_.principal)));
  Term fails = kFalse;
  for (const cedar::ConditionSyntax& condition : policy_.conditions) {
    if (reached == kFalse) break;
    reached = script.named(reached, "Bool");
    const Evaluated body = condition_of(condition.body);
    fails = script.named(disjunction(fails, conjunction(reached, negation(body.good))), "Bool");
    const Term holds = condition.unless ? negation(body.value.term) : body.value.term;
    reached = conjunction(reached, conjunction(body.good, holds));
  }
  return {script.named(reached, "Bool"), fails};
}

Term Encoder::scope(const Symbolic& subject, const cedar::ScopeConstraint& constraint) {
  using Scope = cedar::ScopeConstraint::Kind;
  if (constraint.is_slot) {
    world_.give_up("a template's slots are not encoded; link it");
    return kFalse;
  }
  if (constraint.kind == Scope::kAny) return kTrue;
  if ((constraint.kind == Scope::kIs || constraint.kind == Scope::kIsIn) && constraint.type != subject.entity_type) return kFalse;
  if (constraint.kind == Scope::kIs) return kTrue;
  Term any = kFalse;
  for (const cedar::EntityUid& uid : constraint.entities) {
    if (!fits_characters(uid.id())) world_.give_up("an id has characters beyond U+2FFFF, which the solver has not");
    const Symbolic named = entity(uid.type(), text(uid.id()));
    if (constraint.kind == Scope::kEqual) any = disjunction(any, same(subject, named));
    else any = disjunction(any, world_.is_in(subject, named));
  }
  return any;
}

bool Encoder::gives_up(const Symbolic& value) {
  if (value.kind != Kind::kOpaque) return false;
  world_.give_up(value.why);
  return true;
}

Symbolic Encoder::named(Symbolic value) {
  Script& script = world_.script();
  if (const auto sort = sort_of(value.kind); !sort.empty()) value.term = script.named(value.term, sort);
  if (value.kind == Kind::kSet) value.term = script.named(value.term, set_sort(value.element));
  return value;
}

Evaluated Encoder::evaluate(NodeId id) {
  if (depth_ >= kMaxDepth) {
    world_.give_up("an expression nests deeper than " + std::to_string(kMaxDepth) + " levels");
    return error();
  }
  ++depth_;
  Evaluated out = evaluate_kind(tree_.nodes[id]);
  --depth_;
  out.good = world_.script().named(out.good, "Bool");
  out.value = named(std::move(out.value));
  return out;
}

Evaluated Encoder::evaluate_kind(const Node& node) {
  switch (node.kind) {
    case NodeKind::kBool: return truth(boolean(node.number != 0));
    case NodeKind::kLong: return {kTrue, simple(Kind::kLong, integer(node.number))};
    case NodeKind::kString:
      if (!fits_characters(string(node.a))) world_.give_up("a text has characters beyond U+2FFFF, which the solver has not");
      return {kTrue, simple(Kind::kString, text(string(node.a)))};
    case NodeKind::kEntity:
      if (!fits_characters(string(node.b))) world_.give_up("an id has characters beyond U+2FFFF, which the solver has not");
      return {kTrue, entity(string(node.a), text(string(node.b)))};
    case NodeKind::kVariable: return {kTrue, variable(node.variable)};
    case NodeKind::kIf: return conditional(node);
    case NodeKind::kAnd: return chain(node, true);
    case NodeKind::kOr: return chain(node, false);
    case NodeKind::kNot: {
      Evaluated inner = condition_of(node.a);
      inner.value.term = negation(inner.value.term);
      return inner;
    }
    case NodeKind::kNegate: {
      Evaluated inner = evaluate(node.a);
      if (inner.good == kFalse || gives_up(inner.value) || inner.value.kind != Kind::kLong) return error();
      const Term smallest = equality(inner.value.term, "#x8000000000000000");
      return {conjunction(inner.good, negation(smallest)), simple(Kind::kLong, apply("bvneg", {inner.value.term}))};
    }
    case NodeKind::kIsEmpty: {
      const Evaluated inner = evaluate(node.a);
      if (inner.good == kFalse || gives_up(inner.value)) return error();
      if (inner.value.kind != Kind::kSet && inner.value.kind != Kind::kLiteralSet) return error();
      return {inner.good, simple(Kind::kBool, is_empty(inner.value))};
    }
    case NodeKind::kBinary: return binary(node);
    case NodeKind::kGetAttr: return attribute(node);
    case NodeKind::kHasAttr: return has(node);
    case NodeKind::kLike: return like(node);
    case NodeKind::kIs: return is(node);
    case NodeKind::kSet: return literal_set(node);
    case NodeKind::kRecord: return literal_record(node);
    case NodeKind::kCall: return call(node);
    case NodeKind::kSlot: break;
  }
  world_.give_up("an expression of a kind that is not encoded");
  return error();
}

Symbolic Encoder::variable(cedar::Variable variable) const {
  switch (variable) {
    case cedar::Variable::kPrincipal: return world_.principal();
    case cedar::Variable::kAction: return world_.action();
    case cedar::Variable::kResource: return world_.resource();
    case cedar::Variable::kContext: break;
  }
  return world_.context();
}

Evaluated Encoder::condition_of(NodeId id) {
  Evaluated out = evaluate(id);
  if (out.good == kFalse || gives_up(out.value) || out.value.kind != Kind::kBool) return error();
  return out;
}

Evaluated Encoder::chain(const Node& node, bool is_and) {
  Evaluated out = condition_of(child(node, 0));
  for (std::uint32_t i = 1; i < node.child_count; ++i) {
    // What the terms so far settle, the next one is not asked for.
    if (out.good == kFalse || out.value.term == boolean(!is_and)) return out;
    const Term goes_on = is_and ? out.value.term : negation(out.value.term);
    const Evaluated next = condition_of(child(node, i));
    out.good = world_.script().named(conjunction(out.good, implication(goes_on, next.good)), "Bool");
    out.value.term =
        world_.script().named(is_and ? conjunction(out.value.term, next.value.term) : disjunction(out.value.term, next.value.term), "Bool");
  }
  return out;
}

Evaluated Encoder::conditional(const Node& node) {
  const Evaluated condition = condition_of(child(node, 0));
  if (condition.good == kFalse) return condition;
  const Term& holds = condition.value.term;
  if (holds == kTrue || holds == kFalse) {
    Evaluated branch = evaluate(child(node, holds == kTrue ? 1 : 2));
    branch.good = conjunction(condition.good, branch.good);
    return branch;
  }
  const Evaluated then = evaluate(child(node, 1));
  const Evaluated otherwise = evaluate(child(node, 2));
  const Term good = conjunction(condition.good, choice(holds, then.good, otherwise.good));
  // A branch that always fails has no value to merge.
  if (then.good == kFalse) return {good, otherwise.value};
  if (otherwise.good == kFalse) return {good, then.value};
  return {good, merge(holds, then.value, otherwise.value)};
}

Symbolic Encoder::merge(const Term& condition, const Symbolic& a, const Symbolic& b) {
  if (a.kind == Kind::kOpaque) return a;
  if (b.kind == Kind::kOpaque) return b;
  const bool alike = a.kind == b.kind && a.entity_type == b.entity_type && a.element == b.element;
  if (!alike || a.kind == Kind::kLiteralSet) return opaque("an `if` whose branches have different types, or are lists, is not encoded");
  Symbolic out = a;
  if (a.kind == Kind::kRecord) {
    out.fields.clear();
    for (const SymbolicField& field : a.fields) {
      const SymbolicField* other = b.find(field.name);
      if (other == nullptr) out.fields.push_back({field.name, conjunction(condition, field.present), field.value});
      else
        out.fields.push_back({field.name, choice(condition, field.present, other->present), merge(condition, field.value, other->value)});
    }
    for (const SymbolicField& field : b.fields) {
      if (a.find(field.name) == nullptr) out.fields.push_back({field.name, conjunction(negation(condition), field.present), field.value});
    }
    return out;
  }
  out.term = choice(condition, a.term, b.term);
  if (a.kind == Kind::kIp) {
    out.is_v6 = choice(condition, a.is_v6, b.is_v6);
    out.prefix = choice(condition, a.prefix, b.prefix);
  }
  return out;
}

Evaluated Encoder::attribute(const Node& node) {
  const Evaluated target = evaluate(node.a);
  if (target.good == kFalse || gives_up(target.value)) return error();
  Term good = target.good;
  Symbolic fields = target.value;
  if (fields.kind == Kind::kEntity) {
    good = conjunction(good, world_.exists(fields));
    fields = world_.attributes(fields);
  }
  if (fields.kind != Kind::kRecord) return error();
  const SymbolicField* field = fields.find(string(node.b));
  if (field == nullptr) return error();
  return {conjunction(good, field->present), field->value};
}

Evaluated Encoder::has(const Node& node) {
  const Evaluated target = evaluate(node.a);
  if (target.good == kFalse) return error();
  Term there = kTrue;
  Term good = target.good;
  Symbolic at = target.value;
  for (std::uint32_t i = 0; i < node.child_count && there != kFalse; ++i) {
    if (gives_up(at)) return error();
    if (at.kind == Kind::kEntity) {
      there = conjunction(there, world_.exists(at));
      at = world_.attributes(at);
    }
    // Reached only where all names before are there.
    if (at.kind != Kind::kRecord) return {conjunction(good, negation(there)), simple(Kind::kBool, kFalse)};
    const SymbolicField* field = at.find(string(child(node, i)));
    if (field == nullptr) return {good, simple(Kind::kBool, kFalse)};
    there = world_.script().named(conjunction(there, field->present), "Bool");
    Symbolic next = field->value;
    at = std::move(next);
  }
  return {good, simple(Kind::kBool, there)};
}

Evaluated Encoder::is(const Node& node) {
  const Evaluated target = evaluate(node.a);
  if (target.good == kFalse || gives_up(target.value) || target.value.kind != Kind::kEntity) return error();
  if (target.value.entity_type != string(node.b)) return {target.good, simple(Kind::kBool, kFalse)};
  if (node.c == cedar::kNoNode) return {target.good, simple(Kind::kBool, kTrue)};
  const Evaluated above = evaluate(node.c);
  if (above.good == kFalse) return error();
  Evaluated out = in(target.value, above.value);
  out.good = conjunction(conjunction(target.good, above.good), out.good);
  return out;
}

Evaluated Encoder::like(const Node& node) {
  const Evaluated target = evaluate(node.a);
  if (target.good == kFalse || gives_up(target.value) || target.value.kind != Kind::kString) return error();
  const std::vector<std::string>& runs = tree_.patterns[node.b].runs;
  for (const std::string& run : runs) {
    if (!fits_characters(run)) world_.give_up("a pattern has characters beyond U+2FFFF, which the solver has not");
  }
  if (runs.size() == 1) return {target.good, simple(Kind::kBool, equality(target.value.term, text(runs[0])))};
  Term pattern = "(re.++";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (i > 0) pattern += " re.all";
    if (!runs[i].empty()) pattern += " (str.to_re " + text(runs[i]) + ")";
  }
  pattern += ')';
  if (pattern == "(re.++ re.all)") return {target.good, simple(Kind::kBool, kTrue)};
  return {target.good, simple(Kind::kBool, apply("str.in_re", {target.value.term, pattern}))};
}

Evaluated Encoder::literal_set(const Node& node) {
  Evaluated out{kTrue, {}};
  out.value.kind = Kind::kLiteralSet;
  for (std::uint32_t i = 0; i < node.child_count; ++i) {
    const Evaluated item = evaluate(child(node, i));
    out.good = conjunction(out.good, item.good);
    if (out.good == kFalse) return error();
    out.value.items.push_back(item.value);
  }
  return out;
}

Evaluated Encoder::literal_record(const Node& node) {
  Evaluated out{kTrue, {}};
  out.value.kind = Kind::kRecord;
  for (std::uint32_t i = 0; i + 1 < node.child_count; i += 2) {
    const Evaluated item = evaluate(child(node, i + 1));
    out.good = conjunction(out.good, item.good);
    if (out.good == kFalse) return error();
    out.value.fields.push_back({string(child(node, i)), kTrue, item.value});
  }
  return out;
}

}  // namespace interlock::analyze
