// What the operators and the functions of the extension types mean, as terms.
#include <cstdio>

#include "analyze/encoder.hpp"
#include "cedar/extension.hpp"

namespace interlock::analyze {

using cedar::BinaryOperation;
using cedar::ExtensionFunction;
using cedar::Node;

namespace {

using Kind = Symbolic::Kind;

bool is_set(const Symbolic& value) { return value.kind == Kind::kSet || value.kind == Kind::kLiteralSet; }

Term empty_set(Kind element) { return "(as set.empty " + set_sort(element) + ")"; }

// In 64 bits and `wide` more, where nothing overflows; and whether the result fits 64 bits again.
Evaluated wide_arithmetic(std::string_view operation, int wide, const Term& a, const Term& b, Script& script) {
  const std::string extend = "(_ sign_extend " + std::to_string(wide) + ")";
  const std::string sort = "(_ BitVec " + std::to_string(64 + wide) + ")";
  const Term whole = script.named(apply(operation, {apply(extend, {a}), apply(extend, {b})}), sort);
  const Term narrow = script.named(apply("(_ extract 63 0)", {whole}), "(_ BitVec 64)");
  return {equality(apply(extend, {narrow}), whole), simple(Kind::kLong, narrow)};
}

std::string hex(unsigned value, int digits) {
  char out[48];
  std::snprintf(out, sizeof out, "#x%0*x", digits, value);
  return out;
}

}  // namespace

Evaluated Encoder::binary(const Node& node) {
  const Evaluated a = evaluate(node.a);
  if (a.good == kFalse) return error();
  const Evaluated b = evaluate(node.b);
  if (b.good == kFalse) return error();
  const Term good = conjunction(a.good, b.good);
  Evaluated out;
  switch (node.operation) {
    case BinaryOperation::kEqual: out = truth(same(a.value, b.value)); break;
    case BinaryOperation::kNotEqual: out = truth(negation(same(a.value, b.value))); break;
    case BinaryOperation::kLess:
    case BinaryOperation::kLessEqual:
    case BinaryOperation::kGreater:
    case BinaryOperation::kGreaterEqual: out = order(node.operation, a.value, b.value); break;
    case BinaryOperation::kIn: out = in(a.value, b.value); break;
    case BinaryOperation::kAdd:
    case BinaryOperation::kSubtract:
    case BinaryOperation::kMultiply: out = arithmetic(node.operation, a.value, b.value); break;
    case BinaryOperation::kContains:
    case BinaryOperation::kContainsAll:
    case BinaryOperation::kContainsAny: out = set_operation(node.operation, a.value, b.value); break;
    case BinaryOperation::kGetTag:
    case BinaryOperation::kHasTag: out = tag(node.operation, a.value, b.value); break;
  }
  out.good = conjunction(good, out.good);
  return out;
}

Evaluated Encoder::order(BinaryOperation operation, const Symbolic& a, const Symbolic& b) {
  if (gives_up(a) || gives_up(b)) return error();
  const bool ordered = a.kind == Kind::kLong || a.kind == Kind::kDatetime || a.kind == Kind::kDuration;
  if (!ordered || a.kind != b.kind) return error();
  switch (operation) {
    case BinaryOperation::kLess: return truth(apply("bvslt", {a.term, b.term}));
    case BinaryOperation::kLessEqual: return truth(apply("bvsle", {a.term, b.term}));
    case BinaryOperation::kGreater: return truth(apply("bvslt", {b.term, a.term}));
    default: return truth(apply("bvsle", {b.term, a.term}));
  }
}

Evaluated Encoder::arithmetic(BinaryOperation operation, const Symbolic& a, const Symbolic& b) {
  if (gives_up(a) || gives_up(b) || a.kind != Kind::kLong || b.kind != Kind::kLong) return error();
  if (operation == BinaryOperation::kMultiply) return wide_arithmetic("bvmul", 64, a.term, b.term, world_.script());
  return wide_arithmetic(operation == BinaryOperation::kAdd ? "bvadd" : "bvsub", 1, a.term, b.term, world_.script());
}

Evaluated Encoder::in(const Symbolic& a, const Symbolic& b) {
  if (gives_up(a) || gives_up(b) || a.kind != Kind::kEntity) return error();
  if (b.kind == Kind::kEntity) return truth(world_.is_in(a, b));
  if (b.kind == Kind::kLiteralSet) {
    Term any = kFalse;
    for (const Symbolic& item : b.items) {
      if (gives_up(item) || item.kind != Kind::kEntity) return error();
    }
    for (const Symbolic& item : b.items) any = disjunction(any, world_.is_in(a, item));
    return truth(any);
  }
  if (b.kind != Kind::kSet) return error();
  // An empty set of other things is a set of entities, too.
  if (b.element != Kind::kEntity) return {equality(b.term, empty_set(b.element)), simple(Kind::kBool, kFalse)};
  return truth(world_.is_in_set(a, b));
}

Evaluated Encoder::tag(BinaryOperation operation, const Symbolic& a, const Symbolic& b) {
  if (gives_up(a) || gives_up(b) || a.kind != Kind::kEntity || b.kind != Kind::kString) return error();
  const Term has = world_.has_tag(a, b.term);
  if (operation == BinaryOperation::kHasTag) return truth(has);
  if (has == kFalse) return error();
  return {has, world_.tag(a, b.term)};
}

// --- equality and sets ---------------------------------------------------------------------------------------------------

Term Encoder::same(const Symbolic& a, const Symbolic& b) {
  if (gives_up(a) || gives_up(b)) return kFalse;
  if (is_set(a) && is_set(b)) {
    if (a.kind == Kind::kSet && b.kind == Kind::kSet) {
      if (a.element == b.element && a.entity_type == b.entity_type) return equality(a.term, b.term);
      return conjunction(is_empty(a), is_empty(b));
    }
    return conjunction(subset(a, b), subset(b, a));
  }
  if (a.kind != b.kind) return kFalse;
  if (a.kind == Kind::kRecord) return same_records(a, b);
  if (a.kind == Kind::kEntity && a.entity_type != b.entity_type) return kFalse;
  Term out = equality(a.term, b.term);
  if (a.kind == Kind::kIp) out = conjunction(out, conjunction(equality(a.is_v6, b.is_v6), equality(a.prefix, b.prefix)));
  return out;
}

Term Encoder::same_records(const Symbolic& a, const Symbolic& b) {
  Term out = kTrue;
  for (const SymbolicField& field : a.fields) {
    const SymbolicField* other = b.find(field.name);
    if (other == nullptr) {
      out = conjunction(out, negation(field.present));
    } else {
      out = conjunction(out, equality(field.present, other->present));
      out = conjunction(out, implication(field.present, same(field.value, other->value)));
    }
    out = world_.script().named(out, "Bool");
  }
  for (const SymbolicField& field : b.fields) {
    if (a.find(field.name) == nullptr) out = conjunction(out, negation(field.present));
  }
  return out;
}

Term Encoder::holds(const Symbolic& set, const Symbolic& item) {
  if (set.kind == Kind::kLiteralSet) {
    Term any = kFalse;
    for (const Symbolic& each : set.items) any = world_.script().named(disjunction(any, same(each, item)), "Bool");
    return any;
  }
  if (gives_up(item) || item.kind != set.element || item.entity_type != set.entity_type) return kFalse;
  return apply("set.member", {item.term, set.term});
}

Term Encoder::items_as_set(const Symbolic& literal, const Symbolic& like) {
  Term out = empty_set(like.element);
  for (const Symbolic& item : literal.items) {
    if (gives_up(item) || item.kind != like.element || item.entity_type != like.entity_type) continue;
    out = apply("set.union", {apply("set.singleton", {item.term}), out});
  }
  return out;
}

Term Encoder::subset(const Symbolic& inner, const Symbolic& outer) {
  if (inner.kind == Kind::kLiteralSet) {
    Term all = kTrue;
    for (const Symbolic& item : inner.items) all = world_.script().named(conjunction(all, holds(outer, item)), "Bool");
    return all;
  }
  if (outer.kind == Kind::kLiteralSet) return apply("set.subset", {inner.term, items_as_set(outer, inner)});
  if (inner.element != outer.element || inner.entity_type != outer.entity_type) return is_empty(inner);
  return apply("set.subset", {inner.term, outer.term});
}

Term Encoder::overlap(const Symbolic& a, const Symbolic& b) {
  const Symbolic& literal = b.kind == Kind::kLiteralSet ? b : a;
  const Symbolic& other = b.kind == Kind::kLiteralSet ? a : b;
  if (literal.kind == Kind::kLiteralSet) {
    Term any = kFalse;
    for (const Symbolic& item : literal.items) any = world_.script().named(disjunction(any, holds(other, item)), "Bool");
    return any;
  }
  if (a.element != b.element || a.entity_type != b.entity_type) return kFalse;
  return negation(equality(apply("set.inter", {a.term, b.term}), empty_set(a.element)));
}

Term Encoder::is_empty(const Symbolic& set) {
  return set.kind == Kind::kLiteralSet ? boolean(set.items.empty()) : equality(set.term, empty_set(set.element));
}

Evaluated Encoder::set_operation(BinaryOperation operation, const Symbolic& a, const Symbolic& b) {
  if (gives_up(a) || !is_set(a)) return error();
  if (operation == BinaryOperation::kContains) return truth(holds(a, b));
  if (gives_up(b) || !is_set(b)) return error();
  return truth(operation == BinaryOperation::kContainsAll ? subset(b, a) : overlap(a, b));
}

// --- extension types -----------------------------------------------------------------------------------------------------

Evaluated Encoder::call(const Node& node) {
  const cedar::ExtensionSignature& signature = cedar::extension_signature(node.function);
  if (!signature.is_method) return constructor(node);
  std::vector<Evaluated> arguments;
  Term good = kTrue;
  for (std::uint32_t i = 0; i < node.child_count; ++i) {
    arguments.push_back(evaluate(child(node, i)));
    good = conjunction(good, arguments.back().good);
    if (good == kFalse) return error();
  }
  if (arguments.size() != signature.arity) return error();
  const Symbolic& a = arguments[0].value;
  const Symbolic* b = arguments.size() > 1 ? &arguments[1].value : nullptr;
  if (gives_up(a) || (b != nullptr && gives_up(*b))) return error();
  Evaluated out;
  switch (node.function) {
    case ExtensionFunction::kLessThan:
    case ExtensionFunction::kLessThanOrEqual:
    case ExtensionFunction::kGreaterThan:
    case ExtensionFunction::kGreaterThanOrEqual: {
      if (a.kind != Kind::kDecimal || b->kind != Kind::kDecimal) return error();
      const bool less = node.function == ExtensionFunction::kLessThan || node.function == ExtensionFunction::kLessThanOrEqual;
      const bool strict = node.function == ExtensionFunction::kLessThan || node.function == ExtensionFunction::kGreaterThan;
      out = truth(apply(strict ? "bvslt" : "bvsle", {less ? a.term : b->term, less ? b->term : a.term}));
      break;
    }
    case ExtensionFunction::kIsIpv4:
    case ExtensionFunction::kIsIpv6:
    case ExtensionFunction::kIsLoopback:
    case ExtensionFunction::kIsMulticast:
    case ExtensionFunction::kIsInRange: out = ask_ip(node.function, a, b); break;
    default: out = ask_time(node.function, a, b); break;
  }
  out.good = conjunction(good, out.good);
  return out;
}

// Only of a literal: what other texts say is not encoded.
Evaluated Encoder::constructor(const Node& node) {
  if (node.child_count != 1) {
    // The arguments come first, and may fail as well: it fails either way.
    return error();
  }
  const Node& argument = tree_.nodes[child(node, 0)];
  if (argument.kind != cedar::NodeKind::kString) {
    const Evaluated inner = evaluate(child(node, 0));
    if (inner.good == kFalse || gives_up(inner.value) || inner.value.kind != Kind::kString) return error();
    world_.give_up("`" + std::string(cedar::extension_signature(node.function).name) + "` of a text that is no literal is not encoded");
    return error();
  }
  const std::string& text = string(argument.a);
  auto number = [&](const std::expected<std::int64_t, std::string>& parsed, Kind kind) {
    return parsed ? Evaluated{kTrue, simple(kind, integer(*parsed))} : error();
  };
  switch (node.function) {
    case ExtensionFunction::kDecimal: return number(cedar::parse_decimal(text), Kind::kDecimal);
    case ExtensionFunction::kDatetime: return number(cedar::parse_datetime(text), Kind::kDatetime);
    case ExtensionFunction::kDuration: return number(cedar::parse_duration(text), Kind::kDuration);
    default: break;
  }
  const auto ip = cedar::parse_ip(text);
  if (!ip) return error();
  // An IPv4 address stands in the low 32 bits.
  std::string address = "#x";
  for (int i = ip->v6 ? 16 : 12; i < 16; ++i) address += "00";
  if (!ip->v6) address += "000000000000000000000000";
  for (int i = 0; i < (ip->v6 ? 16 : 4); ++i) address += hex(ip->bytes[i], 2).substr(2);
  if (!ip->v6) address = "#x000000000000000000000000" + address.substr(address.size() - 8);
  Symbolic value = simple(Kind::kIp, address);
  value.is_v6 = boolean(ip->v6);
  value.prefix = hex(ip->prefix, 2);
  return {kTrue, value};
}

Evaluated Encoder::ask_ip(ExtensionFunction function, const Symbolic& a, const Symbolic* b) {
  if (a.kind != Kind::kIp || (b != nullptr && b->kind != Kind::kIp)) return error();
  auto at_least = [](const Term& prefix, unsigned bits) { return apply("bvuge", {prefix, hex(bits, 2)}); };
  switch (function) {
    case ExtensionFunction::kIsIpv4: return truth(negation(a.is_v6));
    case ExtensionFunction::kIsIpv6: return truth(a.is_v6);
    case ExtensionFunction::kIsLoopback: {
      const Term v6 = conjunction(equality(a.term, "#x00000000000000000000000000000001"), at_least(a.prefix, 128));
      const Term v4 = conjunction(equality(apply("(_ extract 31 24)", {a.term}), "#x7f"), at_least(a.prefix, 8));
      return truth(choice(a.is_v6, v6, v4));
    }
    case ExtensionFunction::kIsMulticast: {
      const Term v6 = conjunction(equality(apply("(_ extract 127 120)", {a.term}), "#xff"), at_least(a.prefix, 8));
      const Term v4 = conjunction(equality(apply("(_ extract 31 28)", {a.term}), "#xe"), at_least(a.prefix, 4));
      return truth(choice(a.is_v6, v6, v4));
    }
    default: break;
  }
  // Inside a range: the bits before the range's prefix are the same.
  const Term width = choice(a.is_v6, hex(128, 2), hex(32, 2));
  const Term rest = world_.script().named(apply("(_ zero_extend 120)", {apply("bvsub", {width, b->prefix})}), "(_ BitVec 128)");
  const Term same_bits = equality(apply("bvlshr", {a.term, rest}), apply("bvlshr", {b->term, rest}));
  return truth(conjunction(equality(a.is_v6, b->is_v6), conjunction(apply("bvule", {b->prefix, a.prefix}), same_bits)));
}

Evaluated Encoder::ask_time(ExtensionFunction function, const Symbolic& a, const Symbolic* b) {
  constexpr std::int64_t kDayMs = 24 * 60 * 60 * 1000;
  Script& script = world_.script();
  auto with_kind = [](Evaluated out, Kind kind) {
    out.value.kind = kind;
    return out;
  };
  auto whole = [&](std::int64_t unit) -> Evaluated {
    return {kTrue, simple(Kind::kLong, unit == 1 ? a.term : apply("bvsdiv", {a.term, integer(unit)}))};
  };
  const bool of_duration = function == ExtensionFunction::kToMilliseconds || function == ExtensionFunction::kToSeconds ||
                           function == ExtensionFunction::kToMinutes || function == ExtensionFunction::kToHours ||
                           function == ExtensionFunction::kToDays;
  if (a.kind != (of_duration ? Kind::kDuration : Kind::kDatetime)) return error();
  switch (function) {
    case ExtensionFunction::kOffset:
      if (b->kind != Kind::kDuration) return error();
      return with_kind(wide_arithmetic("bvadd", 1, a.term, b->term, script), Kind::kDatetime);
    case ExtensionFunction::kDurationSince:
      if (b->kind != Kind::kDatetime) return error();
      return with_kind(wide_arithmetic("bvsub", 1, a.term, b->term, script), Kind::kDuration);
    case ExtensionFunction::kToMilliseconds: return whole(1);
    case ExtensionFunction::kToSeconds: return whole(1000);
    case ExtensionFunction::kToMinutes: return whole(60'000);
    case ExtensionFunction::kToHours: return whole(3'600'000);
    case ExtensionFunction::kToDays: return whole(kDayMs);
    default: break;
  }
  // The rest of a division by a day that is never negative: bvsmod has the sign of the divisor.
  const Term time = script.named(apply("bvsmod", {a.term, integer(kDayMs)}), "(_ BitVec 64)");
  if (function == ExtensionFunction::kToTime) return {kTrue, simple(Kind::kDuration, time)};
  return with_kind(wide_arithmetic("bvsub", 1, a.term, time, script), Kind::kDatetime);
}

}  // namespace interlock::analyze
