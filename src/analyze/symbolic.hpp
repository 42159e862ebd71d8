// Cedar values that are not known, as terms. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "analyze/term.hpp"
#include "cedar/schema_data.hpp"

namespace interlock::analyze {

struct SymbolicField;

// Its type is known, as schemas have it. What cannot be encoded is kOpaque and may stand anywhere where nobody looks at it.
struct Symbolic {
  enum class Kind : std::uint8_t {
    kBool,
    kLong,
    kString,
    kEntity,
    kSet,
    kLiteralSet,
    kRecord,
    kDecimal,
    kDatetime,
    kDuration,
    kIp,
    kOpaque
  };
  Kind kind = Kind::kOpaque;
  Term term;                          // all but records and literal sets; of an entity: its id; of an ip: its address, 128 bits
  std::string entity_type;            // kEntity, kSet of entities
  Kind element = Kind::kOpaque;       // kSet: a kind with one term
  std::vector<Symbolic> items;        // kLiteralSet, of any kinds
  std::vector<SymbolicField> fields;  // kRecord
  Term is_v6;                         // kIp
  Term prefix;                        // kIp: 8 bits
  std::string why;                    // kOpaque

  const SymbolicField* find(std::string_view name) const;
};

struct SymbolicField {
  std::string name;
  Term present;
  Symbolic value;
};

// What evaluating an expression gives: a value where `good` holds, else an error.
struct Evaluated {
  Term good;
  Symbolic value;
};

inline Symbolic simple(Symbolic::Kind kind, Term term) {
  Symbolic out;
  out.kind = kind;
  out.term = std::move(term);
  return out;
}
inline Symbolic entity(std::string type, Term id) {
  Symbolic out = simple(Symbolic::Kind::kEntity, std::move(id));
  out.entity_type = std::move(type);
  return out;
}
inline Symbolic opaque(std::string why) {
  Symbolic out;
  out.why = std::move(why);
  return out;
}
inline const SymbolicField* Symbolic::find(std::string_view name) const {
  for (const SymbolicField& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

// The sort of kinds with one term.
std::string_view sort_of(Symbolic::Kind kind);
std::string set_sort(Symbolic::Kind element);

}  // namespace interlock::analyze
