#include "identity/agent_rules.hpp"

#include <algorithm>

namespace interlock::identity {

Result<AgentRules> AgentRules::create(RegistryOptions options) {
  AgentRules out;
  out.options_ = std::move(options);
  for (std::size_t i = 0; i < out.options_.agents.size(); ++i) {
    const auto& rule = out.options_.agents[i];
    if (rule.id.empty())
      return fail(ErrorCode::kInvalid, "an agent of the registry has no id", "write `id:`, or a beginning that ends in '*'");
    if (rule.owner.empty()) {
      return fail(ErrorCode::kInvalid, "agent \"" + rule.id + "\" of the registry has no owner", "write `owner:`: who answers for it");
    }
    const auto star = rule.id.find('*');
    if (star != std::string::npos && star + 1 != rule.id.size()) {
      return fail(ErrorCode::kInvalid, "agent \"" + rule.id + "\" of the registry has a '*' that is not its last character");
    }
    const bool is_prefix = star != std::string::npos;
    auto key = is_prefix ? rule.id.substr(0, star) : rule.id;
    const bool known = is_prefix
                           ? std::any_of(out.prefixes_.begin(), out.prefixes_.end(), [&](const auto& one) { return one.first == key; })
                           : !out.exact_.emplace(key, i).second;
    if (known) return fail(ErrorCode::kInvalid, "agent \"" + rule.id + "\" is in the registry twice");
    if (is_prefix) out.prefixes_.emplace_back(std::move(key), i);
  }
  std::sort(out.prefixes_.begin(), out.prefixes_.end(), [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  for (std::size_t i = 0; i < out.options_.owners.size(); ++i) {
    const auto& name = out.options_.owners[i].name;
    if (name.empty()) return fail(ErrorCode::kInvalid, "an owner of the registry has no name");
    if (!out.owners_.emplace(name, i).second) return fail(ErrorCode::kInvalid, "owner \"" + name + "\" is in the registry twice");
  }
  return out;
}

const AgentRule* AgentRules::find(std::string_view agent) const {
  if (const auto it = exact_.find(agent); it != exact_.end()) return &options_.agents[it->second];
  for (const auto& [prefix, at] : prefixes_) {
    if (agent.starts_with(prefix)) return &options_.agents[at];
  }
  return nullptr;
}

const OwnerRule* AgentRules::owner(std::string_view name) const {
  const auto it = owners_.find(name);
  return it == owners_.end() ? nullptr : &options_.owners[it->second];
}

bool AgentRules::has_left(std::string_view name, UnixMs now_ms) const {
  const auto* rule = owner(name);
  return rule != nullptr && rule->left_ms && *rule->left_ms <= now_ms;
}

}  // namespace interlock::identity
