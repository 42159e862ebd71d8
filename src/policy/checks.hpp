// What a policy set can only mean by mistake: annotations that nobody reads, names that no request has. Private to the room.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"
#include "policy/compiled.hpp"

namespace interlock::policy {

// The faults of a set: the first with its place, the others counted.
class Faults {
 public:
  void add(const std::string& source, std::uint32_t line, std::uint32_t column, std::string message, std::string hint);
  bool empty() const { return count_ == 0; }
  Error error() const;  // as cedar's own: "file:line:column: message"

 private:
  cedar::Diagnostic first_;
  std::size_t count_ = 0;
};

// The last part of a source's name: what ids and places call it.
std::string_view file_name(std::string_view source);

// Reads the annotations of every policy, in the order of the set.
std::vector<PolicyFacts> read_annotations(const cedar::PolicySet& policies, Faults& faults);

// Holds every name against the vocabulary. Only what is certain is a fault: types and actions of a user's own catalogue are
// not known here.
void check_names(const cedar::PolicySet& policies, Faults& faults);

}  // namespace interlock::policy
