// Value's public face: uids, views of JSON, the arena that callers build values in, and values as text.
#include <algorithm>

#include "cedar/compare.hpp"
#include "cedar/escape.hpp"
#include "cedar/extension.hpp"
#include "cedar/value_json.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kMaxTextBytes = 2000;  // of to_text, so that a message stays a message

void append_text(std::string& out, const Value& v);

template <typename Range, typename Each>
void append_list(std::string& out, char open, char close, const Range& range, Each each) {
  out += open;
  bool first = true;
  for (const auto& item : range) {
    if (!first) out += ", ";
    first = false;
    if (out.size() > kMaxTextBytes) break;
    each(item);
  }
  out += close;
}

void append_call(std::string& out, std::string_view function, std::string_view argument) {
  out += function;
  out += "(\"";
  out += argument;
  out += "\")";
}

void append_text(std::string& out, const Value& v) {
  using Kind = Value::Kind;
  if (out.size() > kMaxTextBytes) return;
  if (v.is_json()) {
    if (ValueAccess::is_json_array(v)) {
      append_list(out, '[', ']', ValueAccess::json_array(v), [&](const json::value& item) { append_text(out, view_json(item)); });
    } else {
      append_list(out, '{', '}', ValueAccess::json_object(v), [&](const auto& member) {
        out += quoted({member.key().data(), member.key().size()});
        out += ": ";
        append_text(out, view_json(member.value()));
      });
    }
    return;
  }
  switch (v.kind()) {
    case Kind::kBool: out += v.as_bool() ? "true" : "false"; break;
    case Kind::kLong: out += std::to_string(v.as_integer()); break;
    case Kind::kString: out += quoted(v.as_string().substr(0, kMaxTextBytes)); break;
    case Kind::kEntity: {
      const UidData& uid = ValueAccess::uid(v);
      out += uid.type;
      out += "::";
      out += quoted(uid.id);
      break;
    }
    case Kind::kSet: append_list(out, '[', ']', ValueAccess::set(v).items, [&](const Value& item) { append_text(out, item); }); break;
    case Kind::kRecord:
      append_list(out, '{', '}', ValueAccess::record(v).fields, [&](const RecordField& field) {
        out += quoted(field.name);
        out += ": ";
        append_text(out, field.value);
      });
      break;
    case Kind::kDecimal: append_call(out, "decimal", decimal_text(v.as_integer())); break;
    case Kind::kDatetime:
      out += "datetime(\"1970-01-01\").offset(";
      append_call(out, "duration", std::to_string(v.as_integer()) + "ms");
      out += ')';
      break;
    case Kind::kDuration: append_call(out, "duration", std::to_string(v.as_integer()) + "ms"); break;
    case Kind::kIp: append_call(out, "ip", ip_text(ValueAccess::ip(v))); break;
    case Kind::kUnrepresentable: out += "<JSON without a Cedar form>"; break;
  }
}

}  // namespace

EntityUid::EntityUid(std::string type, std::string id)
    : type_(std::move(type)), id_(std::move(id)), type_hash_(hash_type(type_)), hash_(hash_uid(type_hash_, id_)) {}

std::string EntityUid::text() const { return type_ + "::" + quoted(id_); }

Value Value::borrowed(std::string_view text) {
  Value v(Kind::kString);
  // Longer text than 4 GiB does not come through any of this house's parsers; it has no form here.
  if (text.size() > UINT32_MAX) return Value(Kind::kUnrepresentable);
  v.size_ = static_cast<std::uint32_t>(text.size());
  v.bits_.text = text.data();
  return v;
}

Value Value::json(const json::value& v) { return view_json(v); }
Value Value::json(const json::object& v) { return ValueAccess::json_object(&v); }
Value Value::json(const json::array& v) { return ValueAccess::json_array(&v); }

std::string to_text(Value value) {
  std::string out;
  append_text(out, value);
  if (out.size() > kMaxTextBytes) {
    out.resize(kMaxTextBytes);
    out += "...";
  }
  return out;
}

ValueArena::ValueArena() : arena_(std::make_unique<Arena>()) {}
ValueArena::~ValueArena() = default;
ValueArena::ValueArena(ValueArena&&) noexcept = default;
ValueArena& ValueArena::operator=(ValueArena&&) noexcept = default;

Value ValueArena::string(std::string_view text) { return Value::borrowed(arena_->copy(text)); }

Value ValueArena::entity(const EntityUid& uid) {
  return ValueAccess::uid(arena_->make(UidData{arena_->copy(uid.type()), arena_->copy(uid.id()), uid.type_hash(), uid.hash()}));
}

Value ValueArena::entity(std::string_view type, std::string_view id) {
  std::uint64_t type_hash = hash_type(type);
  return ValueAccess::uid(arena_->make(UidData{arena_->copy(type), arena_->copy(id), type_hash, hash_uid(type_hash, id)}));
}

Value ValueArena::set(std::span<const Value> items) {
  std::span<Value> solid = arena_->array<Value>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!solidify(*arena_, items[i], solid[i])) return ValueAccess::unrepresentable();
  }
  return make_set(*arena_, solid);
}

Value ValueArena::strings(std::span<const std::string> items) {
  std::span<Value> values = arena_->array<Value>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) values[i] = string(items[i]);
  return make_set(*arena_, values);
}

Value ValueArena::record(std::span<const Field> fields) {
  std::span<RecordField> copied = arena_->array<RecordField>(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string_view name = arena_->copy(fields[i].name);
    copied[i] = {name, hash_name(name), fields[i].value};
  }
  return make_record(*arena_, copied);
}

Value ValueArena::with(Value base, std::initializer_list<Field> fields) {
  std::vector<Field> all;
  if (ValueAccess::is_json_object(base)) {
    for (const auto& member : ValueAccess::json_object(base)) {
      all.push_back({{member.key().data(), member.key().size()}, view_json(member.value())});
    }
  } else if (base.kind() == Value::Kind::kRecord) {
    for (const RecordField& field : ValueAccess::record(base).fields) all.push_back({field.name, field.value});
  }
  all.insert(all.end(), fields.begin(), fields.end());
  return record(all);
}

Result<Value> ValueArena::extension(std::string_view function, std::string_view argument) {
  const ExtensionSignature* signature = find_extension(function);
  if (signature == nullptr || signature->is_method) {
    return fail(ErrorCode::kInvalid, "there is no extension constructor `" + std::string(function) + "`",
                "the constructors are ip, decimal, datetime and duration");
  }
  Value text = string(argument);
  auto value = call_extension(signature->function, {&text, 1}, *arena_);
  if (!value) return fail(ErrorCode::kInvalid, value.error());
  return *value;
}

Result<Value> ValueArena::cedar_json(const json::value& v) { return read_cedar_json(*arena_, v); }

void ValueArena::clear() { arena_->clear(); }

}  // namespace interlock::cedar
