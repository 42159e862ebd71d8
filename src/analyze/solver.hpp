// The SMT solver: a child process that gets a script and says sat, unsat or neither. Private to the room.
//
// It has a limit on time (its own, and ours above it), on memory and on what it may write; it dies with us, and inherits no
// descriptor but its three. Only the thread that asks waits for it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::analyze {

struct Reply {
  enum class Kind : std::uint8_t { kSat, kUnsat, kUnknown };
  Kind kind = Kind::kUnknown;
  std::string why;                  // kUnknown
  std::vector<std::string> values;  // kSat: beside the terms that were asked for
};

// `script` declares and asserts; `wanted` are terms whose values a model should tell. Fails where the solver can't be run.
Result<Reply> solve(const std::string& solver, const std::string& script, const std::vector<std::string>& wanted,
                    std::int64_t time_limit_ms);

// What a program writes to its output, with nothing on its input.
Result<std::string> output_of(const std::vector<std::string>& argv, const std::string& input, std::int64_t time_limit_ms);

}  // namespace interlock::analyze
