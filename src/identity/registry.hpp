// The registry of agents: who answers for each, what it is for, how far it may go, when it was last seen, and what is odd about it.
//
// Rules come from the configuration, sightings are kept in the store (written at most once a minute an agent, and on every new
// workload). Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"
#include "store/store.hpp"

namespace interlock::identity {

inline constexpr std::size_t kRememberedWorkloads = 16;  // fingerprints an agent
inline constexpr std::size_t kRememberedAgents = 100'000;

struct AgentRule {
  std::string id;     // exact, or a prefix that ends in '*'; the longest match counts
  std::string owner;  // required
  std::string purpose{};
  model::Band highest_band = model::Band::kCritical;
  bool shared = false;  // several workloads may use it: no finding
};

struct OwnerRule {
  std::string name;
  std::optional<UnixMs> left_ms;  // from then on its agents are findings
};

struct RegistryOptions {
  std::vector<AgentRule> agents;
  std::vector<OwnerRule> owners;   // empty: owners are not checked
  bool only_registered = false;    // agents without a rule are refused
  bool refuse_left_owners = true;  // agents of an owner who left are refused
};

struct Finding {
  std::string kind;  // "no-owner", "owner-unknown", "owner-left", "shared-identity", "unregistered", "never-seen", "inherited"
  std::string agent;
  std::string message;
  std::string next;
};

struct AgentView {
  std::string id;
  std::string owner;
  std::string purpose;
  model::Band highest_band = model::Band::kCritical;
  bool registered = false;
  UnixMs first_seen_ms = 0;  // 0: never
  UnixMs last_seen_ms = 0;
  std::string assurance;
  std::vector<std::string> workloads;  // fingerprints, the latest first
};

class Registry {
 public:
  // Fails on bad rules as set_rules does, and where the store cannot be read.
  static Result<std::unique_ptr<Registry>> open(store::Store& store, RegistryOptions options);
  ~Registry();
  // kInvalid, and nothing changes: a rule without id or owner, a '*' that is not the last character, an id or an owner named twice.
  Status set_rules(RegistryOptions options);

  // Completes a subject (owner, "purpose" and "registered" attributes) and notes that it was seen. kDenied where it may not act at all.
  // What cannot be written is kept in memory and tried again; trouble() says so.
  Status admit(model::Subject& subject, UnixMs now_ms);
  std::string trouble() const;  // empty: all is well
  // The highest band of its acts; the gate denies above.
  model::Band highest_band(std::string_view agent) const;

  Result<std::vector<AgentView>> list() const;  // registered or ever seen, by id
  Result<std::optional<AgentView>> find(std::string_view id) const;
  Result<std::vector<Finding>> findings(UnixMs now_ms) const;

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

json::object to_json(const AgentView& agent);
json::object to_json(const Finding& finding);

}  // namespace interlock::identity
