#include "analyze/term.hpp"

#include <cstdio>

namespace interlock::analyze {
namespace {

constexpr std::size_t kLongTerm = 120;  // bytes; a longer one is worth a name

// The code points of valid UTF-8.
template <typename Each>
void each_code_point(std::string_view utf8, Each each) {
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    std::uint32_t point = length == 1 ? first : first & (0x7fu >> length);
    for (std::size_t j = 1; j < length && i + j < utf8.size(); ++j)
      point = (point << 6) | (static_cast<unsigned char>(utf8[i + j]) & 0x3fu);
    each(point);
    i += length;
  }
}

}  // namespace

Term boolean(bool value) { return value ? kTrue : kFalse; }

Term integer(std::int64_t value) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "#x%016llx", static_cast<unsigned long long>(value));
  return digits;
}

Term text(std::string_view value) {
  Term out = "\"";
  each_code_point(value, [&](std::uint32_t point) {
    if (point == '"') {
      out += "\"\"";
    } else if (point >= 0x20 && point < 0x7f && point != '\\') {
      out += static_cast<char>(point);
    } else {
      char escaped[16];
      std::snprintf(escaped, sizeof escaped, "\\u{%x}", point);
      out += escaped;
    }
  });
  return out + '"';
}

bool fits_characters(std::string_view utf8) {
  bool fits = true;
  each_code_point(utf8, [&](std::uint32_t point) { fits = fits && point <= kLastCharacter; });
  return fits;
}

Term negation(const Term& a) {
  if (a == kTrue) return kFalse;
  if (a == kFalse) return kTrue;
  if (a.starts_with("(not ")) return a.substr(5, a.size() - 6);
  return apply("not", {a});
}

Term conjunction(const Term& a, const Term& b) {
  if (a == kFalse || b == kFalse) return kFalse;
  if (a == kTrue || a == b) return b;
  return b == kTrue ? a : apply("and", {a, b});
}

Term disjunction(const Term& a, const Term& b) {
  if (a == kTrue || b == kTrue) return kTrue;
  if (a == kFalse || a == b) return b;
  return b == kFalse ? a : apply("or", {a, b});
}

Term implication(const Term& a, const Term& b) { return disjunction(negation(a), b); }

Term equality(const Term& a, const Term& b) {
  if (a == b) return kTrue;
  if (a == kTrue) return b;
  if (b == kTrue) return a;
  if (a == kFalse) return negation(b);
  if (b == kFalse) return negation(a);
  // Two literals that are written differently are different: each value has one form here.
  const bool literals = (a[0] == '"' && b[0] == '"') || (a[0] == '#' && b[0] == '#');
  return literals ? kFalse : apply("=", {a, b});
}

Term choice(const Term& condition, const Term& then, const Term& otherwise) {
  if (condition == kTrue || then == otherwise) return then;
  if (condition == kFalse) return otherwise;
  if (then == kTrue) return disjunction(condition, otherwise);
  if (then == kFalse) return conjunction(negation(condition), otherwise);
  if (otherwise == kTrue) return disjunction(negation(condition), then);
  if (otherwise == kFalse) return conjunction(condition, then);
  return apply("ite", {condition, then, otherwise});
}

Term apply(std::string_view function, std::initializer_list<Term> arguments) {
  Term out = "(";
  out += function;
  for (const Term& argument : arguments) out.append(" ").append(argument);
  return out += ')';
}

std::string Script::next_name() { return "t" + std::to_string(++names_); }

Term Script::declare(std::string_view sort, std::initializer_list<std::string_view> arguments) {
  const std::string name = next_name();
  text_.append("(declare-fun ").append(name).append(" (");
  for (const std::string_view argument : arguments) text_.append(argument).append(" ");
  text_.append(") ").append(sort).append(")\n");
  return name;
}

Term Script::named(const Term& term, std::string_view sort) {
  if (term.size() < kLongTerm) return term;
  const std::string name = next_name();
  text_.append("(define-fun ").append(name).append(" () ").append(sort).append(" ").append(term).append(")\n");
  return name;
}

void Script::require(const Term& term) {
  if (term != kTrue) text_.append("(assert ").append(term).append(")\n");
}

}  // namespace interlock::analyze
