// Equality, canonical order, and the step from JSON views to solid values. Private to the library.
#pragma once

#include <span>
#include <vector>

#include "cedar/storage.hpp"

namespace interlock::cedar {

// A total order over solid values: by kind, then by content. Sets are kept in it, so equal sets are equal arrays.
int compare(const Value& a, const Value& b);
bool equal(const Value& a, const Value& b);
bool set_contains(const SetData& set, const Value& element);

// `v` with every JSON view inside converted into `arena`. False when something in it has no Cedar form.
bool solidify(Arena& arena, const Value& v, Value& out);

// `items` must be solid; they are sorted and deduplicated in place.
Value make_set(Arena& arena, std::span<Value> items);
// Sorts by name; of a name given twice the last value stays. Names are taken as they are, not copied.
Value make_record(Arena& arena, std::span<RecordField> fields);

// A JSON scalar as plain data (see Value::json); containers become views.
Value view_json(const json::value& v);

// A deep copy into `arena`, strings and names included. JSON views stay views.
Value copy_value(Arena& arena, const Value& v);

}  // namespace interlock::cedar
