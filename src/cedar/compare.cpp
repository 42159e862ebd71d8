// Canonical order over values; sets and records are built in it.
#include "cedar/compare.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cedar/extension.hpp"

namespace interlock::cedar {
namespace {

// Deeper data than this has no Cedar form: the functions here recurse over it.
constexpr int kMaxValueDepth = 512;
constexpr std::size_t kInsertionSortFields = 16;

template <typename T>
int order(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int order_text(std::string_view a, std::string_view b) { return a.compare(b); }

int compare_uids(const UidData& a, const UidData& b) {
  int by_type = order_text(a.type, b.type);
  return by_type != 0 ? by_type : order_text(a.id, b.id);
}

int compare_sets(const SetData& a, const SetData& b) {
  if (int by_size = order(a.items.size(), b.items.size()); by_size != 0) return by_size;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (int c = compare(a.items[i], b.items[i]); c != 0) return c;
  }
  return 0;
}

int compare_records(const RecordData& a, const RecordData& b) {
  if (int by_size = order(a.fields.size(), b.fields.size()); by_size != 0) return by_size;
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    if (int c = order_text(a.fields[i].name, b.fields[i].name); c != 0) return c;
    if (int c = compare(a.fields[i].value, b.fields[i].value); c != 0) return c;
  }
  return 0;
}

int compare_ips(const IpData& a, const IpData& b) {
  if (a.v6 != b.v6) return a.v6 ? 1 : -1;
  if (int c = std::memcmp(a.bytes, b.bytes, sizeof a.bytes); c != 0) return c;
  return order(a.prefix, b.prefix);
}

Value number_from_double(double d) {
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: above, a double stands for several integers
  if (!std::isfinite(d)) return ValueAccess::unrepresentable();
  if (d == std::trunc(d)) {
    if (std::fabs(d) > kExactIntegers) return ValueAccess::unrepresentable();
    return Value::integer(static_cast<std::int64_t>(d));
  }
  if (std::fabs(d) > kExactIntegers) return ValueAccess::unrepresentable();
  char digits[64];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, d, std::chars_format::fixed);
  if (error != std::errc{}) return ValueAccess::unrepresentable();
  std::expected<std::int64_t, std::string> units = parse_decimal(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  return units ? Value::decimal_from_units(*units) : ValueAccess::unrepresentable();
}

// Stable, and without asking the heap.
void sort_by_name(Arena& arena, std::span<RecordField> fields) {
  if (fields.size() <= kInsertionSortFields) {
    for (std::size_t i = 1; i < fields.size(); ++i) {
      for (std::size_t j = i; j > 0 && fields[j].name < fields[j - 1].name; --j) std::swap(fields[j], fields[j - 1]);
    }
    return;
  }
  std::span<const RecordField*> order = arena.array<const RecordField*>(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) order[i] = &fields[i];
  std::sort(order.begin(), order.end(), [](const RecordField* a, const RecordField* b) {
    int by_name = a->name.compare(b->name);
    return by_name != 0 ? by_name < 0 : a < b;
  });
  std::span<RecordField> sorted = arena.array<RecordField>(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) sorted[i] = *order[i];
  std::copy(sorted.begin(), sorted.end(), fields.begin());
}

bool solidify_at(Arena& arena, const Value& v, Value& out, int depth);

bool solidify_json(Arena& arena, const json::value& v, Value& out, int depth) { return solidify_at(arena, view_json(v), out, depth); }

bool solidify_at(Arena& arena, const Value& v, Value& out, int depth) {
  if (ValueAccess::is_solid(v)) {
    out = v;
    return true;
  }
  if (v.kind() == Value::Kind::kUnrepresentable || depth > kMaxValueDepth) return false;
  if (ValueAccess::is_json_array(v)) {
    const json::array& source = ValueAccess::json_array(v);
    std::span<Value> items = arena.array<Value>(source.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!solidify_json(arena, source[i], items[i], depth + 1)) return false;
    }
    out = make_set(arena, items);
    return true;
  }
  if (ValueAccess::is_json_object(v)) {
    const json::object& source = ValueAccess::json_object(v);
    std::span<RecordField> fields = arena.array<RecordField>(source.size());
    std::size_t i = 0;
    for (const auto& member : source) {
      std::string_view name(member.key().data(), member.key().size());
      fields[i].name = name;
      fields[i].name_hash = hash_name(name);
      if (!solidify_json(arena, member.value(), fields[i].value, depth + 1)) return false;
      ++i;
    }
    out = make_record(arena, fields);
    return true;
  }
  const RecordData& source = ValueAccess::record(v);
  std::span<RecordField> fields = arena.array<RecordField>(source.fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    fields[i].name = source.fields[i].name;
    fields[i].name_hash = source.fields[i].name_hash;
    if (!solidify_at(arena, source.fields[i].value, fields[i].value, depth + 1)) return false;
  }
  out = make_record(arena, fields);
  return true;
}

}  // namespace

int compare(const Value& a, const Value& b) {
  using Kind = Value::Kind;
  if (a.kind() != b.kind()) return order(a.kind(), b.kind());
  switch (a.kind()) {
    case Kind::kBool: return order(a.as_bool(), b.as_bool());
    case Kind::kLong:
    case Kind::kDecimal:
    case Kind::kDatetime:
    case Kind::kDuration: return order(a.as_integer(), b.as_integer());
    case Kind::kString: return order_text(a.as_string(), b.as_string());
    case Kind::kEntity: return compare_uids(ValueAccess::uid(a), ValueAccess::uid(b));
    case Kind::kSet: return compare_sets(ValueAccess::set(a), ValueAccess::set(b));
    case Kind::kRecord: return compare_records(ValueAccess::record(a), ValueAccess::record(b));
    case Kind::kIp: return compare_ips(ValueAccess::ip(a), ValueAccess::ip(b));
    case Kind::kUnrepresentable: return 0;
  }
  return 0;
}

bool equal(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.kind() == Value::Kind::kEntity) return ValueAccess::uid(a) == ValueAccess::uid(b);
  return compare(a, b) == 0;
}

bool set_contains(const SetData& set, const Value& element) {
  auto at = std::lower_bound(set.items.begin(), set.items.end(), element, [](const Value& a, const Value& b) { return compare(a, b) < 0; });
  return at != set.items.end() && compare(*at, element) == 0;
}

bool solidify(Arena& arena, const Value& v, Value& out) { return solidify_at(arena, v, out, 0); }

Value make_set(Arena& arena, std::span<Value> items) {
  std::sort(items.begin(), items.end(), [](const Value& a, const Value& b) { return compare(a, b) < 0; });
  auto end = std::unique(items.begin(), items.end(), [](const Value& a, const Value& b) { return compare(a, b) == 0; });
  auto* data = arena.make(SetData{.items = items.first(static_cast<std::size_t>(end - items.begin()))});
  return ValueAccess::set(data);
}

Value make_record(Arena& arena, std::span<RecordField> fields) {
  sort_by_name(arena, fields);
  std::size_t kept = 0;
  bool holds_json = false;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i + 1 < fields.size() && fields[i + 1].name == fields[i].name) continue;
    fields[kept] = fields[i];
    holds_json = holds_json || !ValueAccess::is_solid(fields[kept].value);
    ++kept;
  }
  return ValueAccess::record(arena.make(RecordData{.fields = fields.first(kept)}), holds_json);
}

Value view_json(const json::value& v) {
  switch (v.kind()) {
    case json::kind::bool_: return Value::boolean(v.get_bool());
    case json::kind::int64: return Value::integer(v.get_int64());
    case json::kind::uint64:
      return v.get_uint64() <= static_cast<std::uint64_t>(INT64_MAX) ? Value::integer(static_cast<std::int64_t>(v.get_uint64()))
                                                                     : ValueAccess::unrepresentable();
    case json::kind::double_: return number_from_double(v.get_double());
    case json::kind::string: return Value::borrowed(json::view(v.get_string()));
    case json::kind::array: return ValueAccess::json_array(&v.get_array());
    case json::kind::object: return ValueAccess::json_object(&v.get_object());
    case json::kind::null: break;
  }
  return ValueAccess::unrepresentable();
}

Value copy_value(Arena& arena, const Value& v) {
  using Kind = Value::Kind;
  if (v.is_json()) return v;
  switch (v.kind()) {
    case Kind::kString: return Value::borrowed(arena.copy(v.as_string()));
    case Kind::kEntity: {
      const UidData& uid = ValueAccess::uid(v);
      return ValueAccess::uid(arena.make(UidData{arena.copy(uid.type), arena.copy(uid.id), uid.type_hash, uid.hash}));
    }
    case Kind::kIp: return ValueAccess::ip(arena.make(ValueAccess::ip(v)));
    case Kind::kSet: {
      std::span<const Value> source = ValueAccess::set(v).items;
      std::span<Value> items = arena.array<Value>(source.size());
      for (std::size_t i = 0; i < items.size(); ++i) items[i] = copy_value(arena, source[i]);
      return ValueAccess::set(arena.make(SetData{.items = items}));
    }
    case Kind::kRecord: {
      std::span<const RecordField> source = ValueAccess::record(v).fields;
      std::span<RecordField> fields = arena.array<RecordField>(source.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        fields[i] = {arena.copy(source[i].name), source[i].name_hash, copy_value(arena, source[i].value)};
      }
      return ValueAccess::record(arena.make(RecordData{.fields = fields}), !ValueAccess::is_solid(v));
    }
    default: return v;
  }
}

}  // namespace interlock::cedar
