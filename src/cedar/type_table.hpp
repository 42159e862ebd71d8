// The types that expressions have while policies are checked, each kept once, so that equal types are equal numbers.
// Private to the library.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cedar/schema_data.hpp"
#include "cedar/validate.hpp"

namespace interlock::cedar {

using CheckedType = std::uint32_t;
constexpr CheckedType kNoCheckedType = UINT32_MAX;

struct CheckedAttribute {
  std::string name;
  CheckedType type = kNoCheckedType;
  bool required = true;
  auto operator<=>(const CheckedAttribute&) const = default;
};

struct TypeEntry {
  enum class Kind : std::uint8_t {
    kNever,
    kTrue,
    kFalse,
    kBool,
    kLong,
    kString,
    kDecimal,
    kDatetime,
    kDuration,
    kIp,
    kAnyEntity,
    kAnySet,  // up to here a type has no parts
    kEntity,
    kSet,
    kRecord,
  };
  Kind kind = Kind::kNever;
  bool open = false;                         // kRecord: there may be attributes beyond those known
  CheckedType element = kNoCheckedType;      // kSet
  std::vector<std::string> entity_types;     // kEntity: one of these, sorted
  std::vector<CheckedAttribute> attributes;  // kRecord: sorted by name
  auto operator<=>(const TypeEntry&) const = default;

  const CheckedAttribute* find(std::string_view name) const;
};

class TypeTable {
 public:
  using Kind = TypeEntry::Kind;
  using Mode = ValidationOptions::Mode;

  TypeTable(const SchemaData& schema, Mode mode);

  // The types without parts have fixed places.
  static CheckedType simple(Kind kind) { return static_cast<CheckedType>(kind); }
  static CheckedType boolean(bool v) { return simple(v ? Kind::kTrue : Kind::kFalse); }

  const TypeEntry& operator[](CheckedType type) const { return entries_[type]; }
  Kind kind(CheckedType type) const { return entries_[type].kind; }
  CheckedType intern(TypeEntry entry);
  CheckedType entity(std::string_view type);
  CheckedType set_of(CheckedType element);
  CheckedType open_record() const { return open_record_; }
  CheckedType set_of_entities() const { return set_of_entities_; }
  CheckedType from_schema(TypeId type);

  bool is_subtype(CheckedType a, CheckedType b, Mode mode);
  std::optional<CheckedType> least_upper_bound(CheckedType a, CheckedType b) { return least_upper_bound(a, b, mode_); }
  std::optional<CheckedType> least_upper_bound(CheckedType a, CheckedType b, Mode mode);
  bool are_disjoint(CheckedType a, CheckedType b) const;

  // The attribute of a record or entity type, as far as it is known for all that the type stands for.
  std::optional<CheckedAttribute> attribute(CheckedType type, std::string_view name);
  bool may_have_attribute(CheckedType type, std::string_view name) const;
  std::vector<std::string> attribute_names(CheckedType type) const;

  // As people read it; bounded in length.
  std::string text(CheckedType type) const;

 private:
  CheckedType shape_of(const std::vector<std::string>& entity_types);
  CheckedType convert(TypeId type);
  bool compute_subtype(const TypeEntry& a, const TypeEntry& b, Mode mode);
  std::optional<CheckedType> compute_bound(CheckedType a, CheckedType b, Mode mode);
  std::optional<CheckedType> bound_records(const TypeEntry& a, const TypeEntry& b, Mode mode);
  void write(std::string& out, CheckedType type) const;

  const SchemaData& schema_;
  Mode mode_;
  std::vector<TypeEntry> entries_;
  std::map<TypeEntry, CheckedType> index_;
  std::unordered_map<TypeId, CheckedType> converted_;
  std::unordered_map<std::uint64_t, bool> subtypes_[2];  // by mode; both types in one key
  std::unordered_map<std::uint64_t, std::optional<CheckedType>> bounds_[2];
  std::map<std::vector<std::string>, CheckedType> shapes_;
  CheckedType open_record_ = kNoCheckedType;
  CheckedType set_of_entities_ = kNoCheckedType;
};

}  // namespace interlock::cedar
