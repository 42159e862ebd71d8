// Terms of SMT-LIB 2 as text, simplified while they are built: what the schema decides never reaches the solver.
//
// A long term gets a name of its own (define-fun), so that the script stays as long as the policies are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::analyze {

using Term = std::string;

inline const Term kTrue = "true";
inline const Term kFalse = "false";

Term boolean(bool value);
Term integer(std::int64_t value);   // a bit-vector of 64
Term text(std::string_view value);  // a String; the text must be UTF-8
Term negation(const Term& a);
Term conjunction(const Term& a, const Term& b);
Term disjunction(const Term& a, const Term& b);
Term implication(const Term& a, const Term& b);
Term equality(const Term& a, const Term& b);
Term choice(const Term& condition, const Term& then, const Term& otherwise);
Term apply(std::string_view function, std::initializer_list<Term> arguments);

// Code points beyond this have no character in SMT-LIB.
inline constexpr std::uint32_t kLastCharacter = 0x2ffff;
bool fits_characters(std::string_view utf8);

// Declarations, definitions and assertions, in order.
class Script {
 public:
  // A new constant, or a function of the sorts in `arguments`.
  Term declare(std::string_view sort, std::initializer_list<std::string_view> arguments = {});
  // A short term that means the same.
  Term named(const Term& term, std::string_view sort);
  void require(const Term& term);
  const std::string& text() const { return text_; }

 private:
  std::string next_name();
  std::string text_;
  std::size_t names_ = 0;
};

}  // namespace interlock::analyze
