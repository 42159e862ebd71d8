// The canonical layout of policy texts: the same tokens and the same comments, in the same order, with other blanks between.
//
//   Result<std::string> text = format_policies({"policies/base.cedar", source});
//
// What it must never do: change what a policy says, or lose a comment. It only chooses blanks, and before it answers it reads
// its own output and compares every token and every comment with what came in; a difference is an error, not an output.
// Formatting what was formatted changes nothing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

struct FormatOptions {
  std::size_t width = 120;  // columns; a token or a comment that is longer stays whole
};

// Refuses what does not parse, as PolicySet::parse does.
Result<std::string> format_policies(const PolicySource& source, const FormatOptions& options = {}, std::vector<Diagnostic>* all = nullptr);

}  // namespace interlock::cedar
