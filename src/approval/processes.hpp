// What the kernel says of processes, and the one question asked of it: may this process speak for a human about that held act?
//
// What it proves: the approver is not the agent's client, not a gate, not a tool server of the gate, and descends from none of
// them. What it does not prove: that a human sits there. A process may cut its descent (a double fork), and any process of the
// same user may drive another's terminal. docs/threat-notes-approvals.md says where the boundary is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::approval {

// A process and when it started (clock ticks since boot): a pid alone may have been used again.
struct ProcessMark {
  int pid = -1;
  std::uint64_t start_ticks = 0;
  bool known() const { return pid > 0 && start_ticks > 0; }
  friend bool operator==(const ProcessMark&, const ProcessMark&) = default;
};

struct ProcessFacts {
  ProcessMark mark;
  int parent = 0;
  int uid = -1;
  std::string name;    // comm: chosen by the process, used for init's name only
  std::string cgroup;  // of the unified hierarchy; empty where there is none
};

// The table of processes; tests pass their own.
class ProcessTable {
 public:
  virtual ~ProcessTable() = default;
  virtual std::optional<ProcessFacts> find(int pid) const = 0;
  // Names this boot and this namespace of pids: marks of one place mean nothing in another.
  virtual std::string place() const = 0;
};

// Reads /proc. Any thread.
class KernelProcessTable final : public ProcessTable {
 public:
  std::optional<ProcessFacts> find(int pid) const override;
  std::string place() const override;
};

ProcessMark mark_of(const ProcessTable& table, int pid);
bool is_alive(const ProcessTable& table, const ProcessMark& mark);

// `pid` and its ancestors, nearest first. Empty where /proc does not tell, or the chain is longer than a bound.
std::vector<ProcessFacts> ancestry(const ProcessTable& table, int pid);

// Refuses (kDenied) an approver that cannot be traced, that is or descends from one of `barred`, or that looks as if it had been
// cut off from the process tree of `client` (its parent is init, it shares client's control group, and it is younger).
Status may_speak_for_human(const ProcessTable& table, int approver_pid, const ProcessMark& client, const std::vector<ProcessMark>& barred);

}  // namespace interlock::approval
