// What is asked for when a task is started or widened, and how that is read from JSON (the CLI, the admin socket, the agents' API).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "task/record.hpp"

namespace interlock::task {

inline constexpr std::size_t kScopeTexts = 64;  // of one task: as started, and each grant
inline constexpr std::size_t kPurposeBytes = 500;
inline constexpr std::size_t kNameBytes = 512;  // of a subject, an owner, a task's id
inline constexpr std::int64_t kHeartbeatLeastMs = 1'000;

// An absent ceiling, lifetime or budget is the parent's, or else the configuration's.
struct TaskOrder {
  StartedBy started_by = StartedBy::kOwner;
  std::string by = {};
  std::string subject = {};
  std::string owner = {};
  std::string purpose = {};
  std::string parent = {};
  std::vector<std::string> scope = {};  // Cedar texts, compiled from the short form or as given
  std::optional<model::Band> band_ceiling = {};
  std::optional<std::int64_t> lifetime_ms = {};
  std::int64_t heartbeat_ms = 0;
  bool acts_are_heartbeats = true;
  Budget budget = {};
};

// What a task gains. Absent: stays as it is.
struct Grant {
  std::string scope = {};  // one more Cedar text that permits; empty: none
  std::optional<model::Band> band_ceiling = {};
  std::optional<UnixMs> expires_ms = {};
  std::int64_t more_calls = 0;
  std::int64_t more_spend_micros = 0;
  bool empty() const { return scope.empty() && !band_ceiling && !expires_ms && more_calls == 0 && more_spend_micros == 0; }
};

// {"subject"?, "owner"?, "purpose"?, "parent"?, "scope"?: {short form}, "cedar"?: "permit ...", "lifetime"?: "2h",
//  "band_ceiling"?: 0..3, "heartbeat"?: "30s", "heartbeat_by_acts"?: true, "calls"?: 500, "spend"?: "12.50"}
// started_by and by are the caller's to set. What stands in "scope" and beside it must not contradict: the smaller counts.
Result<TaskOrder> read_task_order(const json::object& body, UnixMs now_ms);

// {"scope"?: {short form}, "cedar"?, "band_ceiling"?, "for"?: "2h" (from now on), "until"?: RFC 3339, "calls"?: 100 more,
//  "spend"?: "5" more}. kInvalid where nothing is asked for. In the short form calls, spend and time are refused: they stand beside it.
Result<Grant> read_grant(const json::object& body, UnixMs now_ms);
json::object to_json(const Grant& grant);

}  // namespace interlock::task
