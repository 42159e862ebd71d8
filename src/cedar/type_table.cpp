// Subtypes, least upper bounds and attributes.
#include "cedar/type_table.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

constexpr std::size_t kMaxTypeText = 240;

constexpr std::string_view kNames[] = {"Never",   "True",     "False",    "Bool",   "Long",       "String",
                                       "decimal", "datetime", "duration", "ipaddr", "any entity", "Set"};

std::uint64_t pair_key(CheckedType a, CheckedType b) { return std::uint64_t{a} << 32 | b; }
std::size_t mode_index(ValidationOptions::Mode mode) { return static_cast<std::size_t>(mode); }

bool same_names(const TypeEntry& a, const TypeEntry& b) {
  return std::equal(a.attributes.begin(), a.attributes.end(), b.attributes.begin(), b.attributes.end(),
                    [](const CheckedAttribute& x, const CheckedAttribute& y) { return x.name == y.name; });
}

}  // namespace

const CheckedAttribute* TypeEntry::find(std::string_view name) const {
  auto at = std::lower_bound(attributes.begin(), attributes.end(), name,
                             [](const CheckedAttribute& a, std::string_view n) { return a.name < n; });
  return at != attributes.end() && at->name == name ? &*at : nullptr;
}

TypeTable::TypeTable(const SchemaData& schema, Mode mode) : schema_(schema), mode_(mode) {
  for (auto kind = static_cast<int>(Kind::kNever); kind <= static_cast<int>(Kind::kAnySet); ++kind) {
    TypeEntry entry;
    entry.kind = static_cast<Kind>(kind);
    intern(std::move(entry));
  }
  TypeEntry record;
  record.kind = Kind::kRecord;
  record.open = true;
  open_record_ = intern(std::move(record));
  set_of_entities_ = set_of(simple(Kind::kAnyEntity));
}

CheckedType TypeTable::intern(TypeEntry entry) {
  auto [at, is_new] = index_.try_emplace(std::move(entry), static_cast<CheckedType>(entries_.size()));
  if (is_new) entries_.push_back(at->first);
  return at->second;
}

CheckedType TypeTable::entity(std::string_view type) {
  TypeEntry entry;
  entry.kind = Kind::kEntity;
  entry.entity_types.emplace_back(type);
  return intern(std::move(entry));
}

CheckedType TypeTable::set_of(CheckedType element) {
  TypeEntry entry;
  entry.kind = Kind::kSet;
  entry.element = element;
  return intern(std::move(entry));
}

CheckedType TypeTable::from_schema(TypeId type) {
  auto [at, is_new] = converted_.try_emplace(type, kNoCheckedType);
  if (!is_new) return at->second;
  CheckedType made = convert(type);
  converted_[type] = made;
  return made;
}

CheckedType TypeTable::convert(TypeId id) {
  const SchemaType& type = schema_.types[id];
  switch (type.kind) {
    case SchemaType::Kind::kBool: return simple(Kind::kBool);
    case SchemaType::Kind::kLong: return simple(Kind::kLong);
    case SchemaType::Kind::kString: return simple(Kind::kString);
    case SchemaType::Kind::kDecimal: return simple(Kind::kDecimal);
    case SchemaType::Kind::kDatetime: return simple(Kind::kDatetime);
    case SchemaType::Kind::kDuration: return simple(Kind::kDuration);
    case SchemaType::Kind::kIp: return simple(Kind::kIp);
    case SchemaType::Kind::kEntity: return entity(type.entity_type);
    case SchemaType::Kind::kSet: return set_of(from_schema(type.element));
    case SchemaType::Kind::kRecord: break;
  }
  TypeEntry entry;
  entry.kind = Kind::kRecord;
  for (const SchemaAttribute& attribute : type.attributes)
    entry.attributes.push_back({attribute.name, from_schema(attribute.type), attribute.required});
  return intern(std::move(entry));
}

bool TypeTable::is_subtype(CheckedType a, CheckedType b, Mode mode) {
  if (a == b || kind(a) == Kind::kNever) return true;
  auto& known = subtypes_[mode_index(mode)];
  if (auto found = known.find(pair_key(a, b)); found != known.end()) return found->second;
  // Copies: the table may grow below.
  TypeEntry first = entries_[a];
  TypeEntry second = entries_[b];
  bool answer = compute_subtype(first, second, mode);
  known[pair_key(a, b)] = answer;
  return answer;
}

bool TypeTable::compute_subtype(const TypeEntry& a, const TypeEntry& b, Mode mode) {
  bool strict = mode == Mode::kStrict;
  if (b.kind == Kind::kBool) return a.kind == Kind::kTrue || a.kind == Kind::kFalse;
  if (b.kind == Kind::kAnyEntity) return a.kind == Kind::kEntity && !strict;
  if (b.kind == Kind::kAnySet) return a.kind == Kind::kSet;
  if (a.kind != b.kind) return false;
  if (b.kind == Kind::kEntity) {
    // Unequal, or this would not be asked.
    return !strict && std::includes(b.entity_types.begin(), b.entity_types.end(), a.entity_types.begin(), a.entity_types.end());
  }
  if (b.kind == Kind::kSet) return is_subtype(a.element, b.element, mode);
  if (b.kind != Kind::kRecord) return false;
  if (a.open && !b.open) return false;
  if (!(b.open && !strict) && !same_names(a, b)) return false;
  return std::all_of(b.attributes.begin(), b.attributes.end(), [&](const CheckedAttribute& wanted) {
    const CheckedAttribute* given = a.find(wanted.name);
    if (given == nullptr) return false;
    bool presence = strict ? given->required == wanted.required : given->required || !wanted.required;
    return presence && is_subtype(given->type, wanted.type, mode);
  });
}

std::optional<CheckedType> TypeTable::least_upper_bound(CheckedType a, CheckedType b, Mode mode) {
  if (is_subtype(a, b, mode)) return b;
  if (is_subtype(b, a, mode)) return a;
  auto& known = bounds_[mode_index(mode)];
  if (auto found = known.find(pair_key(a, b)); found != known.end()) return found->second;
  std::optional<CheckedType> answer = compute_bound(a, b, mode);
  known[pair_key(a, b)] = answer;
  return answer;
}

std::optional<CheckedType> TypeTable::compute_bound(CheckedType first, CheckedType second, Mode mode) {
  TypeEntry a = entries_[first];
  TypeEntry b = entries_[second];
  auto is_bool = [](Kind k) { return k == Kind::kTrue || k == Kind::kFalse || k == Kind::kBool; };
  if (is_bool(a.kind) && is_bool(b.kind)) return simple(Kind::kBool);
  auto is_set = [](Kind k) { return k == Kind::kSet || k == Kind::kAnySet; };
  if (is_set(a.kind) && is_set(b.kind) && a.kind != b.kind) return simple(Kind::kAnySet);
  auto is_entity = [](Kind k) { return k == Kind::kEntity || k == Kind::kAnyEntity; };
  if (is_entity(a.kind) && is_entity(b.kind)) {
    if (mode == Mode::kStrict) return std::nullopt;
    if (a.kind != b.kind) return simple(Kind::kAnyEntity);
    TypeEntry either;
    either.kind = Kind::kEntity;
    std::set_union(a.entity_types.begin(), a.entity_types.end(), b.entity_types.begin(), b.entity_types.end(),
                   std::back_inserter(either.entity_types));
    return intern(std::move(either));
  }
  if (a.kind != b.kind) return std::nullopt;
  if (a.kind == Kind::kSet) {
    std::optional<CheckedType> element = least_upper_bound(a.element, b.element, mode);
    return element ? std::optional(set_of(*element)) : std::nullopt;
  }
  return a.kind == Kind::kRecord ? bound_records(a, b, mode) : std::nullopt;
}

// Strict: the same attributes. Permissive: those that both have and that fit; the rest is open.
std::optional<CheckedType> TypeTable::bound_records(const TypeEntry& a, const TypeEntry& b, Mode mode) {
  bool strict = mode == Mode::kStrict;
  if (strict && !same_names(a, b)) return std::nullopt;
  TypeEntry made;
  made.kind = Kind::kRecord;
  for (const CheckedAttribute& mine : a.attributes) {
    const CheckedAttribute* other = b.find(mine.name);
    std::optional<CheckedType> type = other == nullptr ? std::nullopt : least_upper_bound(mine.type, other->type, mode);
    bool fits = type && (!strict || mine.required == other->required);
    if (!fits && strict) return std::nullopt;
    if (fits) made.attributes.push_back({mine.name, *type, mine.required && other->required});
  }
  made.open = a.open || b.open || made.attributes.size() != a.attributes.size() || made.attributes.size() != b.attributes.size();
  return intern(std::move(made));
}

bool TypeTable::are_disjoint(CheckedType a, CheckedType b) const {
  const TypeEntry& first = entries_[a];
  const TypeEntry& second = entries_[b];
  if (first.kind != Kind::kEntity || second.kind != Kind::kEntity) return false;
  return std::none_of(first.entity_types.begin(), first.entity_types.end(), [&](const std::string& type) {
    return std::binary_search(second.entity_types.begin(), second.entity_types.end(), type);
  });
}

// What all of the entity types have in common, as a record.
CheckedType TypeTable::shape_of(const std::vector<std::string>& entity_types) {
  auto known = shapes_.find(entity_types);
  if (known != shapes_.end()) return known->second;
  CheckedType shape = kNoCheckedType;
  for (const std::string& type : entity_types) {
    auto declared = schema_.entity_types.find(type);
    TypeEntry none;
    none.kind = Kind::kRecord;
    CheckedType one = declared == schema_.entity_types.end() ? intern(std::move(none)) : from_schema(declared->second.shape);
    if (shape == kNoCheckedType) {
      shape = one;
    } else if (auto common = bound_records(TypeEntry(entries_[shape]), TypeEntry(entries_[one]), Mode::kPermissive)) {
      shape = *common;
    }
  }
  shapes_[entity_types] = shape;
  return shape;
}

std::optional<CheckedAttribute> TypeTable::attribute(CheckedType type, std::string_view name) {
  CheckedType record = type;
  if (kind(type) == Kind::kEntity) record = shape_of(std::vector<std::string>(entries_[type].entity_types));
  const CheckedAttribute* found = kind(record) == Kind::kRecord ? entries_[record].find(name) : nullptr;
  return found == nullptr ? std::nullopt : std::optional(*found);
}

bool TypeTable::may_have_attribute(CheckedType type, std::string_view name) const {
  const TypeEntry& entry = entries_[type];
  switch (entry.kind) {
    case Kind::kNever:
    case Kind::kAnyEntity: return true;
    case Kind::kRecord: return entry.open || entry.find(name) != nullptr;
    case Kind::kEntity:
      return std::any_of(entry.entity_types.begin(), entry.entity_types.end(), [&](const std::string& one) {
        auto declared = schema_.entity_types.find(one);
        if (declared == schema_.entity_types.end()) return !is_action_type_name(one);
        return schema_.types[declared->second.shape].find(name) != nullptr;
      });
    default: return false;
  }
}

std::vector<std::string> TypeTable::attribute_names(CheckedType type) const {
  std::vector<std::string> names;
  const TypeEntry& entry = entries_[type];
  for (const CheckedAttribute& attribute : entry.attributes) names.push_back(attribute.name);
  for (const std::string& one : entry.entity_types) {
    auto declared = schema_.entity_types.find(one);
    if (declared == schema_.entity_types.end()) continue;
    for (const SchemaAttribute& attribute : schema_.types[declared->second.shape].attributes) names.push_back(attribute.name);
  }
  return names;
}

std::string TypeTable::text(CheckedType type) const {
  std::string out;
  write(out, type);
  if (out.size() > kMaxTypeText) {
    out.resize(kMaxTypeText);
    out += "...";
  }
  return out;
}

void TypeTable::write(std::string& out, CheckedType type) const {
  if (out.size() > kMaxTypeText) return;
  const TypeEntry& entry = entries_[type];
  switch (entry.kind) {
    case Kind::kSet:
      if (entry.element == simple(Kind::kNever)) {
        out += "an empty Set";
        return;
      }
      out += "Set<";
      write(out, entry.element);
      out += ">";
      return;
    case Kind::kEntity:
      for (std::size_t i = 0; i < entry.entity_types.size(); ++i) out += (i == 0 ? "" : " or ") + entry.entity_types[i];
      return;
    case Kind::kRecord:
      if (entry.open && entry.attributes.empty()) {
        out += "a record";
        return;
      }
      out += "{";
      for (std::size_t i = 0; i < entry.attributes.size() && out.size() <= kMaxTypeText; ++i) {
        const CheckedAttribute& attribute = entry.attributes[i];
        out += (i == 0 ? "" : ", ") + attribute.name + (attribute.required ? ": " : "?: ");
        write(out, attribute.type);
      }
      out += entry.open ? ", ...}" : "}";
      return;
    default: out += kNames[static_cast<std::size_t>(entry.kind)];
  }
}

}  // namespace interlock::cedar
