// The short form of a task's scope, and what it means in Cedar. docs/tasks.md is the same for people.
//
//   { "effects": ["read","write"],                     all effects of the act are among these
//     "resources": ["Repo::\"acme/app\""],             the act's resource is, or is in, one of resources, paths and hosts
//     "paths": ["/work/docs"], "hosts": ["example.com"],
//     "tools": ["github/create_issue", "github/get_*", "files"],  server/tool, with one * at its end; or all of a server
//     "band_ceiling": 1,
//     "time": "2h" | {"from": RFC 3339, "until": RFC 3339},
//     "calls": 500, "spend": "12.50" }
//
// A member that is absent restricts nothing; a list that is empty holds nothing. An unknown member is an error. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/money.hpp"
#include "base/result.hpp"
#include "model/action.hpp"

namespace interlock::task {

inline constexpr std::size_t kScopeEntries = 256;  // of one list
inline constexpr std::size_t kScopeEntryBytes = 2'048;
inline constexpr std::size_t kScopeBytes = 64 * 1024;  // of Cedar text, written or compiled, of one task

struct CompiledScope {
  std::string cedar;  // one permit; empty: the form restricts nothing that Cedar says
  std::optional<model::Band> band_ceiling;
  std::optional<std::int64_t> lifetime_ms;  // from "time": "2h", or the time until its end
  std::optional<std::int64_t> calls;
  std::optional<std::int64_t> spend_micros;
};

// kInvalid with a sentence that names the member, kTooLarge.
Result<CompiledScope> compile_scope(const json::object& form, UnixMs now_ms);

}  // namespace interlock::task
