// Syntax trees back to what can be read: Cedar's text, and its JSON form. Private to the library.
#pragma once

#include <string>

#include "cedar/syntax.hpp"

namespace interlock::cedar {

// The policy as text that reads back as the same tree. `id` is written as @id when it is given and the policy has none.
std::string write_policy_text(const PolicySyntax& policy, std::string_view id = {});

// Fails when the JSON would nest deeper than kMaxPolicyJsonDepth.
Result<json::object> write_policy_json(const PolicySyntax& policy);

// Each operator is two or three levels of JSON, and a chain nests once an operator.
constexpr std::size_t kMaxPolicyJsonDepth = 4096;

struct OperationName {
  BinaryOperation operation;
  std::string_view text;  // in JSON; in text too, except for methods
  bool is_method;
};
std::span<const OperationName> operation_names();
const OperationName& operation_name(BinaryOperation operation);
std::string_view variable_name(Variable variable);

}  // namespace interlock::cedar
