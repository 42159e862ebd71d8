// Runs a compiled schema over an instance, within a bound on steps and depth (2020-12 core and validation).
#include <cmath>
#include <set>
#include <unordered_set>

#include "base/text.hpp"
#include "base/time.hpp"
#include "surface/mcp/schema_program.hpp"

namespace interlock::mcp {
namespace {

constexpr std::size_t kSteps = 1'000'000;         // subschemas applied in one check: below 100 ms
constexpr int kDepth = 400;                       // references that lead in a circle end here
constexpr std::int64_t kPatternNs = 100'000'000;  // all matches of one check: each is bounded, their number is the arguments'
constexpr std::size_t kErrorsShown = 3;
constexpr std::size_t kShown = 100;

// Where in the instance, as a chain on the stack; text is made only for errors.
struct Place {
  const Place* above = nullptr;
  std::string_view name;
  std::size_t index = 0;
  bool is_index = false;
};

std::string text_of(const Place* place) {
  if (place->above == nullptr) return {};
  auto text = text_of(place->above) + "/";
  if (place->is_index) return text + std::to_string(place->index);
  return text + std::string(utf8_prefix(place->name, kShown));
}

// What subschemas at one place have looked at, for the unevaluated* keywords.
struct Seen {
  std::set<std::string_view> properties;
  std::set<std::size_t> items;
  void take(const Seen& other) {
    properties.insert(other.properties.begin(), other.properties.end());
    items.insert(other.items.begin(), other.items.end());
  }
};

std::optional<long double> number_of(const json::value& v) {
  if (v.is_int64()) return static_cast<long double>(v.get_int64());
  if (v.is_uint64()) return static_cast<long double>(v.get_uint64());
  if (v.is_double()) return v.get_double();
  return std::nullopt;
}

std::uint8_t type_of(const json::value& v) {
  switch (v.kind()) {
    case json::kind::null: return kTypeNull;
    case json::kind::bool_: return kTypeBoolean;
    case json::kind::int64:
    case json::kind::uint64: return kTypeInteger;
    case json::kind::double_: return std::trunc(v.get_double()) == v.get_double() ? kTypeInteger : kTypeNumber;
    case json::kind::string: return kTypeString;
    case json::kind::array: return kTypeArray;
    case json::kind::object: return kTypeObject;
  }
  return 0;
}

std::string names_of(std::uint8_t types) {
  std::string out;
  const auto add = [&](std::uint8_t bit, std::string_view name) {
    if ((types & bit) == 0) return;
    if (!out.empty()) out += " or ";
    out += name;
  };
  add(kTypeNull, "null");
  add(kTypeBoolean, "boolean");
  add(kTypeObject, "object");
  add(kTypeArray, "array");
  if ((types & kTypeNumber) != 0) add(kTypeNumber, "number");
  else add(kTypeInteger, "integer");
  add(kTypeString, "string");
  return out;
}

// JSON Schema's equality: 1 and 1.0 are the same number (2020-12 core §4.2.2). Canonical text says so too.
bool equal(const json::value& a, const json::value& b) {
  const auto left = number_of(a);
  const auto right = number_of(b);
  if (left || right) return left && right && *left == *right;
  if (a.kind() != b.kind()) return false;
  if (a.is_array() || a.is_object()) return json::write_canonical(a) == json::write_canonical(b);
  return a == b;
}

std::size_t characters_of(std::string_view text) {
  std::size_t count = 0;
  for (unsigned char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

std::string_view key_of(const boost::json::key_value_pair& pair) { return {pair.key().data(), pair.key().size()}; }

class Run {
 public:
  explicit Run(const SchemaProgram& program) : program_(program) {}

  Status check(const json::value& instance) {
    const Place root;
    const bool fits = apply(0, instance, root, true, nullptr);
    if (!too_much_.empty()) return fail(ErrorCode::kTooLarge, "the arguments cannot be checked: " + too_much_);
    if (fits) return {};
    return fail(ErrorCode::kInvalid, errors_.empty() ? "the arguments do not match the schema" : errors_);
  }

 private:
  // Does `v` fit? `report`: say why not. `seen`: where somebody above wants to know what was looked at.
  bool apply(NodeIndex index, const json::value& v, const Place& place, bool report, Seen* seen) {
    if (!too_much_.empty()) return false;
    if (++steps_ > kSteps || depth_ >= kDepth) {
      too_much_ = "the schema takes too much work";
      return false;
    }
    const auto& node = program_.nodes[index];
    if (node.never) return wrong(place, report, "is not allowed");
    ++depth_;
    Seen own;
    const bool watched = seen != nullptr || node.unevaluated_properties || node.unevaluated_items;
    const bool fits = apply_to(node, v, place, report, watched ? &own : nullptr);
    --depth_;
    if (seen != nullptr && fits) seen->take(own);
    return fits;
  }

  bool apply_to(const SchemaNode& node, const json::value& v, const Place& place, bool report, Seen* seen) {
    bool fits = check_value(node, v, place, report);
    if (v.is_string()) fits = check_string(node, json::view(v.get_string()), place, report) && fits;
    else if (const auto number = number_of(v)) fits = check_number(node, *number, place, report) && fits;
    else if (const auto* list = v.if_array()) fits = check_array(node, *list, place, report, seen) && fits;
    else if (const auto* o = v.if_object()) fits = check_object(node, *o, v, place, report, seen) && fits;
    // A value of the wrong kind is told of once, not by each branch.
    if (!fits && report) return false;
    fits = check_branches(node, v, place, report, seen) && fits;
    if (node.unevaluated_properties && v.is_object()) {
      for (const auto& pair : v.get_object()) {
        if (seen->properties.contains(key_of(pair))) continue;
        fits = apply(*node.unevaluated_properties, pair.value(), {&place, key_of(pair)}, report, nullptr) && fits;
        seen->properties.insert(key_of(pair));
      }
    }
    if (node.unevaluated_items && v.is_array()) {
      for (std::size_t i = 0; i < v.get_array().size(); ++i) {
        if (seen->items.contains(i)) continue;
        fits = apply(*node.unevaluated_items, v.get_array()[i], {&place, {}, i, true}, report, nullptr) && fits;
        seen->items.insert(i);
      }
    }
    return fits;
  }

  bool check_value(const SchemaNode& node, const json::value& v, const Place& place, bool report) {
    if (node.types != 0 && (node.types & type_of(v)) == 0) return wrong(place, report, "must be " + names_of(node.types));
    if (node.constant != nullptr && !equal(*node.constant, v)) {
      return wrong(place, report, "must be " + std::string(utf8_prefix(json::write(*node.constant), kShown)));
    }
    if (node.enumeration == nullptr) return true;
    steps_ += node.enumeration->size();
    for (const auto& allowed : *node.enumeration) {
      if (equal(allowed, v)) return true;
    }
    return wrong(place, report, "must be one of " + std::string(utf8_prefix(json::write(*node.enumeration), kShown)));
  }

  bool check_number(const SchemaNode& node, long double n, const Place& place, bool report) {
    if (node.minimum && n < *node.minimum) return wrong(place, report, "must be at least " + text_of_number(*node.minimum));
    if (node.maximum && n > *node.maximum) return wrong(place, report, "must be at most " + text_of_number(*node.maximum));
    if (node.exclusive_minimum && n <= *node.exclusive_minimum)
      return wrong(place, report, "must be above " + text_of_number(*node.exclusive_minimum));
    if (node.exclusive_maximum && n >= *node.exclusive_maximum)
      return wrong(place, report, "must be below " + text_of_number(*node.exclusive_maximum));
    if (node.multiple_of) {
      // The quotient is rounded to a double, so that 1.1 counts as a multiple of 0.1.
      const auto quotient = static_cast<double>(n / *node.multiple_of);
      if (!std::isfinite(quotient) || std::trunc(quotient) != quotient)
        return wrong(place, report, "must be a multiple of " + text_of_number(*node.multiple_of));
    }
    return true;
  }

  bool check_string(const SchemaNode& node, std::string_view text, const Place& place, bool report) {
    if (node.min_length || node.max_length) {
      const auto length = characters_of(text);
      if (node.min_length && length < *node.min_length)
        return wrong(place, report, "must have at least " + std::to_string(*node.min_length) + " characters");
      if (node.max_length && length > *node.max_length)
        return wrong(place, report, "must have at most " + std::to_string(*node.max_length) + " characters");
    }
    if (node.pattern && !matches(*node.pattern, text)) {
      return wrong(place, report, "must match the pattern " + std::string(utf8_prefix(node.pattern_text, kShown)));
    }
    return true;
  }

  bool check_array(const SchemaNode& node, const json::array& list, const Place& place, bool report, Seen* seen) {
    if (node.min_items && list.size() < *node.min_items)
      return wrong(place, report, "must have at least " + std::to_string(*node.min_items) + " items");
    if (node.max_items && list.size() > *node.max_items)
      return wrong(place, report, "must have at most " + std::to_string(*node.max_items) + " items");
    if (node.unique_items) {
      std::unordered_set<std::string> known;
      for (const auto& item : list) {
        if (!known.insert(json::write_canonical(item)).second) return wrong(place, report, "must not have equal items");
      }
    }
    bool fits = true;
    std::size_t contained = 0;
    for (std::size_t i = 0; i < list.size() && too_much_.empty(); ++i) {
      const Place here{&place, {}, i, true};
      const auto item_node = i < node.prefix_items.size() ? std::optional<NodeIndex>(node.prefix_items[i]) : node.items;
      if (item_node) fits = apply(*item_node, list[i], here, report, nullptr) && fits;
      const bool is_contained = node.contains && apply(*node.contains, list[i], here, false, nullptr);
      contained += is_contained;
      if (seen != nullptr && (item_node || is_contained)) seen->items.insert(i);
    }
    if (node.contains) {
      if (contained < node.min_contains.value_or(1)) return wrong(place, report, "has too few items of the kind it must contain");
      if (node.max_contains && contained > *node.max_contains) return wrong(place, report, "has too many items of the kind it may contain");
    }
    return fits;
  }

  bool check_object(const SchemaNode& node, const json::object& o, const json::value& v, const Place& place, bool report, Seen* seen) {
    bool fits = true;
    for (const auto name : node.required) {
      if (json::find(o, name) == nullptr) fits = wrong({&place, name}, report, "is required");
    }
    if (node.min_properties && o.size() < *node.min_properties)
      fits = wrong(place, report, "must have at least " + std::to_string(*node.min_properties) + " members");
    if (node.max_properties && o.size() > *node.max_properties)
      fits = wrong(place, report, "must have at most " + std::to_string(*node.max_properties) + " members");
    for (const auto& [name, others] : node.dependent_required) {
      if (json::find(o, name) == nullptr) continue;
      for (const auto other : others) {
        if (json::find(o, other) == nullptr)
          fits = wrong({&place, other}, report, "is required beside " + std::string(utf8_prefix(name, kShown)));
      }
    }
    for (const auto& [name, dependent] : node.dependent_schemas) {
      if (json::find(o, name) != nullptr) fits = apply(dependent, v, place, report, seen) && fits;
    }
    for (const auto& [name, property] : node.properties) {
      const auto* value = json::find(o, name);
      if (value == nullptr) continue;
      fits = apply(property, *value, {&place, name}, report, nullptr) && fits;
      if (seen != nullptr) seen->properties.insert(name);
    }
    if (node.pattern_properties.empty() && !node.additional_properties && !node.property_names) return fits;
    for (const auto& pair : o) {
      if (!too_much_.empty()) return false;
      const auto name = key_of(pair);
      const Place here{&place, name};
      bool known = node.property_names_known != nullptr && node.property_names_known->contains(pair.key());
      if (node.property_names) fits = apply(*node.property_names, json::value(pair.key()), here, report, nullptr) && fits;
      for (const auto& [like, property] : node.pattern_properties) {
        if (!matches(*like, name)) continue;
        known = true;
        fits = apply(property, pair.value(), here, report, nullptr) && fits;
        if (seen != nullptr) seen->properties.insert(name);
      }
      if (known || !node.additional_properties) continue;
      if (program_.nodes[*node.additional_properties].never) fits = wrong(here, report, "is not known");
      else fits = apply(*node.additional_properties, pair.value(), here, report, nullptr) && fits;
      if (seen != nullptr) seen->properties.insert(name);
    }
    return fits;
  }

  bool check_branches(const SchemaNode& node, const json::value& v, const Place& place, bool report, Seen* seen) {
    bool fits = true;
    if (node.reference) fits = apply(*node.reference, v, place, report, seen) && fits;
    for (const auto branch : node.all_of) fits = apply(branch, v, place, report, seen) && fits;
    if (!node.any_of.empty()) {
      std::size_t fitting = 0;
      for (const auto branch : node.any_of) {
        fitting += apply(branch, v, place, false, seen);
        if (fitting != 0 && seen == nullptr) break;
      }
      if (fitting == 0) fits = none_fits(node.any_of, v, place, report);
    }
    if (!node.one_of.empty()) {
      std::size_t fitting = 0;
      for (const auto branch : node.one_of) fitting += apply(branch, v, place, false, seen);
      if (fitting == 0) fits = none_fits(node.one_of, v, place, report);
      else if (fitting > 1) fits = wrong(place, report, "must match one alternative, and matches " + std::to_string(fitting));
    }
    if (node.not_this && apply(*node.not_this, v, place, false, nullptr)) fits = wrong(place, report, "is of a kind that is ruled out");
    if (node.if_this) {
      const auto& next = apply(*node.if_this, v, place, false, seen) ? node.then_this : node.else_this;
      if (next) fits = apply(*next, v, place, report, seen) && fits;
    }
    return fits;
  }

  // Of one alternative the reason helps; of several it misleads.
  bool none_fits(const std::vector<NodeIndex>& branches, const json::value& v, const Place& place, bool report) {
    if (branches.size() == 1) return apply(branches[0], v, place, report, nullptr);
    return wrong(place, report, "matches none of the " + std::to_string(branches.size()) + " alternatives");
  }

  bool matches(const Pattern& pattern, std::string_view text) {
    if (!too_much_.empty()) return false;
    const auto begun_ns = steady_ns();
    const auto found = pattern.find(text);
    pattern_ns_ += steady_ns() - begun_ns;
    if (found != Pattern::Found::kTooCostly && pattern_ns_ < kPatternNs) return found == Pattern::Found::kYes;
    too_much_ = "a pattern takes too much work on this text";
    return false;
  }

  bool wrong(const Place& place, bool report, std::string_view why) {
    if (!report || told_ >= kErrorsShown) return false;
    if (told_++ != 0) errors_ += "; ";
    const auto where = text_of(&place);
    errors_ += where.empty() ? "arguments" : where;
    errors_ += ": ";
    errors_ += why;
    return false;
  }

  static std::string text_of_number(long double n) { return json::write(json::value(static_cast<double>(n))); }

  const SchemaProgram& program_;
  std::size_t steps_ = 0;
  int depth_ = 0;
  std::int64_t pattern_ns_ = 0;
  std::size_t told_ = 0;
  std::string errors_;
  std::string too_much_;
};

}  // namespace

Status run_schema(const SchemaProgram& program, const json::value& instance) { return Run(program).check(instance); }

}  // namespace interlock::mcp
