// What is known of one task, and how it stands in the store. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::task {

// kSession: implicit, opened by the first act of a session. The others are explicit, and outlive a gate.
enum class StartedBy : std::uint8_t { kSession, kAgent, kOwner };
std::string_view started_by_name(StartedBy by);  // "session", "agent", "owner"

// kEnding: its end is decided and stands in the store, its receipt is on the way. Nothing is admitted any more.
enum class TaskState : std::uint8_t { kOpen, kEnding, kEnded };
std::string_view task_state_name(TaskState state);  // "open", "ending", "ended"

// Absent: not limited. Spend is money in micro-units (1'000'000 is one unit).
struct Budget {
  std::optional<std::int64_t> calls = {};
  std::optional<std::int64_t> spend_micros = {};
  friend bool operator==(const Budget&, const Budget&) = default;
};

struct TaskRecord {
  std::string id;
  StartedBy started_by = StartedBy::kSession;
  std::string by;       // who started it, for people: the owner's name, the agent's id
  std::string subject;  // the agent that may act under it
  std::string owner;
  std::string purpose;
  std::string parent;              // id; empty: a root
  std::string session;             // implicit: the session it hangs from. A credential: never shown
  std::string gate;                // implicit: the gate that runs it
  std::vector<std::string> scope;  // Cedar texts; an act passes where together they allow it. None: not restricted
  model::Band band_ceiling = model::Band::kCritical;
  UnixMs started_ms = 0;
  UnixMs expires_ms = 0;
  std::int64_t heartbeat_ms = 0;  // it ends when this long nothing came; 0: none is needed
  bool acts_are_heartbeats = true;
  Budget budget;
  TaskState state = TaskState::kOpen;
  std::string end_reason;
  std::string ended_by;
  bool killed = false;  // by the kill switch: acts under way are cut, too
  UnixMs ended_ms = 0;
  std::string ending_gate;  // kEnding: the gate that writes the receipt
};

// The form of the store: everything. Strict; kInvalid for what this gate cannot read, so that nothing is half understood.
std::string record_text(const TaskRecord& record);
Result<TaskRecord> record_from(std::string_view text);

}  // namespace interlock::task
