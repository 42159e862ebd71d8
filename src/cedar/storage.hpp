// How values stand in memory: the records behind Value's pointers, and the bump arena that holds them.
//
// Everything here is trivially destructible and lives as long as its Arena. Private to the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

// A 64-bit hash of bytes. It places things in tables and tells most unequal things apart; equality always compares the bytes.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0);
std::uint64_t hash_uid(std::uint64_t type_hash, std::string_view id);
inline std::uint64_t hash_type(std::string_view type) { return hash_bytes(type, 0x7479706500000000); }

inline std::uint64_t load64(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}

inline std::uint32_t load32(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

// Equality of texts that are equal more often than not, and short: names and ids whose hashes agree. No call, few branches.
inline bool same_text(std::string_view a, std::string_view b) {
  std::size_t size = a.size();
  if (size != b.size()) return false;
  const char* p = a.data();
  const char* q = b.data();
  if (p == q) return true;
  if (size < 4) return size == 0 || (p[0] == q[0] && p[size / 2] == q[size / 2] && p[size - 1] == q[size - 1]);
  if (size < 8) return load32(p) == load32(q) && load32(p + size - 4) == load32(q + size - 4);
  for (std::size_t i = 0; i + 8 < size; i += 8) {
    if (load64(p + i) != load64(q + i)) return false;
  }
  return load64(p + size - 8) == load64(q + size - 8);
}

struct UidData {
  std::string_view type;
  std::string_view id;
  std::uint64_t type_hash;
  std::uint64_t hash;

  friend bool operator==(const UidData& a, const UidData& b) {
    return a.hash == b.hash && same_text(a.id, b.id) && same_text(a.type, b.type);
  }
};

inline UidData uid_view(const EntityUid& uid) { return {uid.type(), uid.id(), uid.type_hash(), uid.hash()}; }

// Elements in canonical order (compare.hpp), each once.
struct SetData {
  std::span<const Value> items;
};

struct RecordField {
  std::string_view name;
  std::uint64_t name_hash;
  Value value;
};

// Fields in the byte order of their names, each once.
struct RecordData {
  std::span<const RecordField> fields;
};

struct IpData {
  std::uint8_t bytes[16];  // network order; an IPv4 address in the first four
  std::uint8_t prefix;
  bool v6;
};

inline std::uint64_t hash_name(std::string_view name) { return hash_bytes(name, 0x6e616d6500000000); }

// Below this many fields a scan over hashes beats a binary search over names.
constexpr std::size_t kScanFields = 16;
const Value* find_field_sorted(const RecordData& record, std::string_view name);

// nullptr when there is no such field.
inline const Value* find_field(const RecordData& record, std::string_view name, std::uint64_t name_hash) {
  if (record.fields.size() > kScanFields) return find_field_sorted(record, name);
  for (const RecordField& field : record.fields) {
    if (field.name_hash == name_hash && same_text(field.name, name)) return &field.value;
  }
  return nullptr;
}

// A bump allocator. Memory comes back only as a whole.
class Arena {
 public:
  Arena() = default;
  // Serves from `first` (which must outlive the arena) before it asks the heap.
  explicit Arena(std::span<std::byte> first) : cursor_(first.data()), end_(first.data() + first.size()), first_(first) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(std::size_t size, std::size_t align) {
    auto at = (reinterpret_cast<std::uintptr_t>(cursor_) + (align - 1)) & ~(align - 1);
    if (cursor_ == nullptr || at + size > reinterpret_cast<std::uintptr_t>(end_)) return allocate_slow(size, align);
    cursor_ = reinterpret_cast<std::byte*>(at + size);
    return reinterpret_cast<void*>(at);
  }

  template <typename T>
  std::span<T> array(std::size_t count) {
    if (count == 0) return {};
    T* memory = static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
    for (std::size_t i = 0; i < count; ++i) new (memory + i) T();
    return {memory, count};
  }

  template <typename T>
  T* make(const T& from) {
    return new (allocate(sizeof(T), alignof(T))) T(from);
  }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* memory = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(memory, text.data(), text.size());
    return {memory, text.size()};
  }

  void clear();

 private:
  void* allocate_slow(std::size_t size, std::size_t align);

  std::byte* cursor_ = nullptr;
  std::byte* end_ = nullptr;
  std::span<std::byte> first_;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t largest_block_ = 0;
};

// The library's own door into Value.
struct ValueAccess {
  using Shape = Value::Shape;
  static constexpr Shape kPlain = Value::Shape::kPlain;

  static Value string(std::string_view text) { return Value::borrowed(text); }
  static Value uid(const UidData* data) {
    Value v(Value::Kind::kEntity);
    v.bits_.uid = data;
    return v;
  }
  static Value set(const SetData* data) {
    Value v(Value::Kind::kSet);
    v.bits_.set = data;
    return v;
  }
  static Value record(const RecordData* data, bool holds_json) {
    Value v(Value::Kind::kRecord);
    v.bits_.record = data;
    if (holds_json) v.shape_ = Value::Shape::kHoldsJson;
    return v;
  }
  static Value ip(const IpData* data) {
    Value v(Value::Kind::kIp);
    v.bits_.ip = data;
    return v;
  }
  static Value unrepresentable() { return Value(Value::Kind::kUnrepresentable); }
  static Value json_array(const json::array* a) {
    Value v(Value::Kind::kSet);
    v.shape_ = Value::Shape::kJsonArray;
    v.bits_.json_array = a;
    return v;
  }
  static Value json_object(const json::object* o) {
    Value v(Value::Kind::kRecord);
    v.shape_ = Value::Shape::kJsonObject;
    v.bits_.json_object = o;
    return v;
  }

  static Value::Kind kind(const Value& v) { return v.kind_; }
  // Converted, and free of JSON inside: may be compared and put in a set.
  static bool is_solid(const Value& v) { return v.shape_ == Value::Shape::kPlain && v.kind_ != Value::Kind::kUnrepresentable; }
  static bool is_json_array(const Value& v) { return v.shape_ == Value::Shape::kJsonArray; }
  static bool is_json_object(const Value& v) { return v.shape_ == Value::Shape::kJsonObject; }
  static const UidData& uid(const Value& v) { return *v.bits_.uid; }
  static const SetData& set(const Value& v) { return *v.bits_.set; }
  static const RecordData& record(const Value& v) { return *v.bits_.record; }
  static const IpData& ip(const Value& v) { return *v.bits_.ip; }
  static const json::array& json_array(const Value& v) { return *v.bits_.json_array; }
  static const json::object& json_object(const Value& v) { return *v.bits_.json_object; }
  static std::int64_t number(const Value& v) { return v.bits_.number; }

  static Arena& arena(ValueArena& a) { return *a.arena_; }
};

}  // namespace interlock::cedar
