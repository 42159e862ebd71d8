// What the operators mean, and how each of them fails.
#include <algorithm>

#include "cedar/evaluator.hpp"
#include "cedar/extension.hpp"

namespace interlock::cedar {
namespace {

using Kind = Value::Kind;

enum class Lookup : std::uint8_t { kAbsent, kPresent };

// A field of a record, whichever way the record stands in memory.
Lookup find_in(const Value& record, const NameData& name, Value& out) {
  if (ValueAccess::is_json_object(record)) {
    const json::object& object = ValueAccess::json_object(record);
    auto at = object.find(name.text);
    if (at == object.end()) return Lookup::kAbsent;
    out = Value::json(at->value());
    return Lookup::kPresent;
  }
  const Value* found = find_field(ValueAccess::record(record), name.text, name.hash);
  if (found == nullptr) return Lookup::kAbsent;
  out = *found;
  return Lookup::kPresent;
}

std::string shown(const Value& v) { return kind_text(v); }

std::string in_ticks(std::string_view text) { return "`" + std::string(text.substr(0, 200)) + "`"; }

}  // namespace

bool Evaluator::wrong(std::string message) {
  error_ = std::move(message);
  return false;
}

bool Evaluator::wrong_type(std::string_view wanted, const Value& got) {
  return wrong("expected " + std::string(wanted) + ", got " + shown(got));
}

bool Evaluator::solid(const Value& v, Value& out) {
  if (ValueAccess::is_solid(v)) {
    out = v;
    return true;
  }
  return solidify(arena_, v, out) ||
         wrong("the value holds JSON that has no Cedar form (null, or a number that is neither a Long nor a decimal)");
}

bool Evaluator::get_attribute(Value& a, const NameData& name) {
  Value found;
  if (a.kind() == Kind::kRecord) {
    if (find_in(a, name, found) == Lookup::kAbsent) return wrong("the record has no attribute " + in_ticks(name.text));
  } else if (a.kind() == Kind::kEntity) {
    const EntityData* data = entity(a);
    if (data == nullptr) return wrong("the entity " + to_text(a) + " does not exist");
    if (find_in(data->attributes, name, found) == Lookup::kAbsent) {
      return wrong(to_text(a) + " has no attribute " + in_ticks(name.text));
    }
  } else {
    return wrong_type("record or entity", a);
  }
  if (found.kind() == Kind::kUnrepresentable) {
    return wrong("the attribute " + in_ticks(name.text) +
                 " holds JSON that has no Cedar form (null, or a number that is neither a Long nor a decimal)");
  }
  a = found;
  return true;
}

bool Evaluator::has_attribute(Value& a, std::uint32_t first_name, std::uint32_t count) {
  Value at = a;
  for (std::uint32_t i = 0; i < count; ++i) {
    const NameData& name = policies_.names[first_name + i];
    const Value* record = &at;
    const EntityData* data = nullptr;
    if (at.kind() == Kind::kEntity) {
      data = entity(at);
      if (data == nullptr) return a = Value::boolean(false), true;
      record = &data->attributes;
    } else if (at.kind() != Kind::kRecord) {
      return at.kind() == Kind::kUnrepresentable
                 ? wrong("the attribute before " + in_ticks(name.text) + " holds JSON that has no Cedar form")
                 : wrong_type("record or entity", at);
    }
    Value found;
    if (find_in(*record, name, found) == Lookup::kAbsent) return a = Value::boolean(false), true;
    at = found;
  }
  a = Value::boolean(true);
  return true;
}

bool Evaluator::binary(BinaryOperation operation, Value& a, const Value& b) {
  using Operation = BinaryOperation;
  switch (operation) {
    case Operation::kEqual:
    case Operation::kNotEqual: {
      Value left;
      Value right;
      if (!solid(a, left) || !solid(b, right)) return false;
      a = Value::boolean(equal(left, right) == (operation == Operation::kEqual));
      return true;
    }
    case Operation::kLess:
    case Operation::kLessEqual:
    case Operation::kGreater:
    case Operation::kGreaterEqual: return compare_order(operation, a, b);
    case Operation::kIn: return is_in(a, b);
    case Operation::kAdd:
    case Operation::kSubtract:
    case Operation::kMultiply: return arithmetic(operation, a, b);
    case Operation::kContains:
    case Operation::kContainsAll:
    case Operation::kContainsAny: return set_operation(operation, a, b);
    default: return tag_operation(operation, a, b);
  }
}

bool Evaluator::compare_order(BinaryOperation operation, Value& a, const Value& b) {
  auto ordered = [](Kind kind) { return kind == Kind::kLong || kind == Kind::kDatetime || kind == Kind::kDuration; };
  if (!ordered(a.kind())) {
    std::string wanted = ordered(b.kind()) ? shown(b) : "long, datetime or duration";
    if (a.kind() == Kind::kDecimal) return wrong("decimals are compared by lessThan, lessThanOrEqual, greaterThan and greaterThanOrEqual");
    return wrong_type(wanted, a);
  }
  if (a.kind() != b.kind()) return wrong_type(shown(a), b);
  std::int64_t x = a.as_integer();
  std::int64_t y = b.as_integer();
  switch (operation) {
    case BinaryOperation::kLess: a = Value::boolean(x < y); break;
    case BinaryOperation::kLessEqual: a = Value::boolean(x <= y); break;
    case BinaryOperation::kGreater: a = Value::boolean(x > y); break;
    default: a = Value::boolean(x >= y); break;
  }
  return true;
}

bool Evaluator::arithmetic(BinaryOperation operation, Value& a, const Value& b) {
  if (a.kind() != Kind::kLong) return wrong_type("long", a);
  if (b.kind() != Kind::kLong) return wrong_type("long", b);
  std::int64_t x = a.as_integer();
  std::int64_t y = b.as_integer();
  std::int64_t result = 0;
  bool overflow = false;
  std::string_view sign;
  if (operation == BinaryOperation::kAdd) {
    overflow = __builtin_add_overflow(x, y, &result);
    sign = " + ";
  } else if (operation == BinaryOperation::kSubtract) {
    overflow = __builtin_sub_overflow(x, y, &result);
    sign = " - ";
  } else {
    overflow = __builtin_mul_overflow(x, y, &result);
    sign = " * ";
  }
  if (overflow) return wrong(std::to_string(x) + std::string(sign) + std::to_string(y) + " does not fit 64 bits");
  a = Value::integer(result);
  return true;
}

bool Evaluator::negate(Value& a) {
  if (a.kind() != Kind::kLong) return wrong_type("long", a);
  if (a.as_integer() == INT64_MIN) return wrong("the negation of " + std::to_string(INT64_MIN) + " does not fit 64 bits");
  a = Value::integer(-a.as_integer());
  return true;
}

bool Evaluator::is_in(Value& a, const Value& b) {
  if (a.kind() != Kind::kEntity) {
    if (b.kind() == Kind::kSet)
      return wrong("expected entity, got " + shown(a) + " (`in` is about ancestors; membership of a set is set.contains(value))");
    return wrong_type("entity", a);
  }
  const EntityData* data = nullptr;
  bool looked_up = false;
  auto below = [&](const UidData& uid) {
    if (ValueAccess::uid(a) == uid) return true;
    if (!looked_up) data = entity(a);
    looked_up = true;
    return data != nullptr && data->has_ancestor(uid);
  };
  if (b.kind() == Kind::kEntity) {
    a = Value::boolean(below(ValueAccess::uid(b)));
    return true;
  }
  if (b.kind() != Kind::kSet) return wrong_type("entity or set of entities", b);
  Value set;
  if (!solid(b, set)) return false;
  std::span<const Value> items = ValueAccess::set(set).items;
  for (const Value& item : items) {
    if (item.kind() != Kind::kEntity) return wrong("expected a set of entities, got one that holds " + shown(item));
  }
  bool found = std::any_of(items.begin(), items.end(), [&](const Value& item) { return below(ValueAccess::uid(item)); });
  a = Value::boolean(found);
  return true;
}

bool Evaluator::is_empty(Value& a) {
  if (a.kind() != Kind::kSet) return wrong_type("set", a);
  a = Value::boolean(ValueAccess::is_json_array(a) ? ValueAccess::json_array(a).empty() : ValueAccess::set(a).items.empty());
  return true;
}

bool Evaluator::set_operation(BinaryOperation operation, Value& a, const Value& b) {
  if (a.kind() != Kind::kSet) return wrong_type("set", a);
  if (operation != BinaryOperation::kContains && b.kind() != Kind::kSet) return wrong_type("set", b);
  Value left;
  Value right;
  if (!solid(a, left) || !solid(b, right)) return false;
  const SetData& set = ValueAccess::set(left);
  if (operation == BinaryOperation::kContains) {
    a = Value::boolean(set_contains(set, right));
    return true;
  }
  std::span<const Value> items = ValueAccess::set(right).items;
  auto held = [&](const Value& item) { return set_contains(set, item); };
  a = Value::boolean(operation == BinaryOperation::kContainsAll ? std::all_of(items.begin(), items.end(), held)
                                                                : std::any_of(items.begin(), items.end(), held));
  return true;
}

bool Evaluator::tag_operation(BinaryOperation operation, Value& a, const Value& b) {
  if (a.kind() != Kind::kEntity) return wrong_type("entity", a);
  if (b.kind() != Kind::kString) return wrong_type("string", b);
  const EntityData* data = entity(a);
  NameData name{b.as_string(), hash_name(b.as_string())};
  Value found;
  bool has = data != nullptr && find_in(data->tags, name, found) == Lookup::kPresent;
  if (operation == BinaryOperation::kHasTag) {
    a = Value::boolean(has);
    return true;
  }
  if (data == nullptr) return wrong("the entity " + to_text(a) + " does not exist");
  if (!has) return wrong(to_text(a) + " has no tag " + in_ticks(name.text));
  if (found.kind() == Kind::kUnrepresentable) return wrong("the tag " + in_ticks(name.text) + " holds JSON that has no Cedar form");
  a = found;
  return true;
}

bool Evaluator::make_set_of(Value* items, std::uint32_t count) {
  std::span<Value> solid_items = arena_.array<Value>(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!solid(items[i], solid_items[i])) return false;
  }
  items[0] = make_set(arena_, solid_items);
  return true;
}

bool Evaluator::make_record_of(Value* items, std::uint32_t count, std::uint32_t first_name) {
  std::span<RecordField> fields = arena_.array<RecordField>(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const NameData& name = policies_.names[first_name + i];
    fields[i] = {name.text, name.hash, items[i]};
  }
  items[0] = make_record(arena_, fields);
  return true;
}

bool Evaluator::call(ExtensionFunction function, Value* arguments, std::uint32_t count) {
  std::expected<Value, std::string> result = call_extension(function, {arguments, count}, arena_);
  if (!result) return wrong(std::move(result.error()));
  arguments[0] = *result;
  return true;
}

}  // namespace interlock::cedar
