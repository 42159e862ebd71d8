// The registry's rules, indexed: which one holds for an agent, and who has left. Immutable; any thread. Private to the room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/registry.hpp"

namespace interlock::identity {

class AgentRules {
 public:
  static Result<AgentRules> create(RegistryOptions options);
  AgentRules() = default;

  const RegistryOptions& options() const { return options_; }
  const AgentRule* find(std::string_view agent) const;  // the exact one, else the longest prefix; nullptr: none
  const OwnerRule* owner(std::string_view name) const;  // nullptr: not listed
  bool has_left(std::string_view name, UnixMs now_ms) const;

 private:
  RegistryOptions options_;
  std::map<std::string, std::size_t, std::less<>> exact_;      // into options_.agents
  std::vector<std::pair<std::string, std::size_t>> prefixes_;  // the longest first
  std::map<std::string, std::size_t, std::less<>> owners_;
};

}  // namespace interlock::identity
