// What was seen of one agent: when, how proven, by which workloads. The registry's record in the store. Plain data. Private to the room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::identity {

struct SeenWorkload {
  std::string fingerprint;
  UnixMs first_ms = 0;
  UnixMs last_ms = 0;
};

struct Sighting {
  std::string id;
  std::string owner;
  std::string assurance;
  bool inherited = false;  // at any time
  UnixMs first_ms = 0;
  UnixMs last_ms = 0;
  std::vector<SeenWorkload> workloads;  // the latest first, at most kRememberedWorkloads

  // Notes a use. True where that is news which should not wait: a new agent, a new workload, a first inherited use.
  bool note(const model::Subject& subject, UnixMs now_ms);
  // What another gate of the same store saw.
  void merge(const Sighting& other);
  // Two workloads whose uses interleave: a key or an executable that was replaced ends before the next begins.
  bool is_shared() const;
};

std::string to_text(const Sighting& sighting);
Result<Sighting> read_sighting(std::string_view text);

}  // namespace interlock::identity
