// Loading policy sets: parse all sources, name the policies, compile, index.
#include <algorithm>
#include <unordered_map>

#include "cedar/policy_set_builder.hpp"

namespace interlock::cedar {
namespace {

// Keys under which one constraint could be looked up; empty when it holds for anything.
std::vector<std::uint64_t> keys_of(const CompiledPolicies& set, const CompiledScope& scope, Variable variable) {
  using Kind = ScopeConstraint::Kind;
  std::vector<std::uint64_t> keys;
  if (scope.kind == Kind::kIs) {
    keys.push_back(scope_key(variable, set.types[scope.type].hash));
  } else if (scope.kind != Kind::kAny) {
    for (std::uint32_t i = 0; i < scope.uid_count; ++i) keys.push_back(scope_key(variable, set.uids[scope.first_uid + i].hash));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  }
  return keys;
}

struct KeyedPolicy {
  std::uint32_t policy;
  std::vector<std::uint64_t> keys[3];  // principal, action, resource
  bool never = false;                  // `action in []`
};

void insert(ScopeIndex& index, std::uint64_t key, std::span<const std::uint32_t> policies) {
  std::size_t mask = index.table.size() - 1;
  std::size_t at = key & mask;
  while (index.table[at].key != 0) at = (at + 1) & mask;
  index.table[at] = {key, static_cast<std::uint32_t>(index.listed.size()), static_cast<std::uint32_t>(policies.size())};
  index.listed.insert(index.listed.end(), policies.begin(), policies.end());
}

void build_index(CompiledPolicies& set) {
  std::vector<KeyedPolicy> keyed;
  std::unordered_map<std::uint64_t, std::uint32_t> shared_by;
  for (std::uint32_t i = 0; i < set.policies.size(); ++i) {
    if (set.policies[i].is_template()) continue;
    const CompiledPolicy& policy = set.compiled[i];
    KeyedPolicy entry{i, {keys_of(set, policy.principal, Variable::kPrincipal), keys_of(set, policy.action, Variable::kAction), keys_of(set, policy.resource, Variable::kResource)}};
    entry.never = policy.action.kind == ScopeConstraint::Kind::kIn && policy.action.uid_count == 0;
    for (const auto& keys : entry.keys) {
      for (std::uint64_t key : keys) ++shared_by[key];
    }
    keyed.push_back(std::move(entry));
  }
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> lists;
  ScopeIndex& index = set.index;
  bool* has_keys[] = {&index.has_principal_keys, &index.has_action_keys, &index.has_resource_keys};
  for (const KeyedPolicy& entry : keyed) {
    if (entry.never) continue;
    std::size_t best = 3;
    std::uint64_t best_crowd = UINT64_MAX;
    for (std::size_t v = 0; v < 3; ++v) {
      std::uint64_t crowd = 0;
      for (std::uint64_t key : entry.keys[v]) crowd += shared_by[key];
      if (!entry.keys[v].empty() && crowd < best_crowd) {
        best = v;
        best_crowd = crowd;
      }
    }
    if (best == 3) {
      index.unkeyed.push_back(entry.policy);
      continue;
    }
    *has_keys[best] = true;
    for (std::uint64_t key : entry.keys[best]) lists[key].push_back(entry.policy);
  }
  if (lists.empty()) return;
  std::size_t size = 16;
  while (size < lists.size() * 2) size *= 2;
  index.table.assign(size, {});
  for (const auto& [key, policies] : lists) insert(index, key, policies);
}

}  // namespace

std::uint64_t scope_key(Variable variable, std::uint64_t hash) {
  static constexpr std::uint64_t kSalts[] = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9};
  std::uint64_t key = (hash ^ kSalts[static_cast<std::size_t>(variable)]) * 0xff51afd7ed558ccd;
  key ^= key >> 32;
  return key == 0 ? 1 : key;
}

std::span<const std::uint32_t> ScopeIndex::find(std::uint64_t key) const {
  std::size_t mask = table.size() - 1;
  for (std::size_t at = key & mask; table[at].key != 0; at = (at + 1) & mask) {
    if (table[at].key == key) return {listed.data() + table[at].first, table[at].count};
  }
  return {};
}

std::optional<std::string_view> Policy::annotation(std::string_view name) const {
  for (const Annotation& annotation : annotations_) {
    if (annotation.name == name) return annotation.value;
  }
  return std::nullopt;
}

PolicySet PolicySetBuilder::finish() {
  build_index(*set_);
  for (std::uint32_t i = 0; i < set_->policies.size(); ++i) set_->by_id.push_back(i);
  std::sort(set_->by_id.begin(), set_->by_id.end(), [&](std::uint32_t a, std::uint32_t b) { return set_->policies[a].id() < set_->policies[b].id(); });
  PolicySet made;
  made.compiled_ = std::move(set_);
  return made;
}

PolicySet::PolicySet() = default;

Result<PolicySet> PolicySet::parse(std::span<const PolicySource> sources, const LoadOptions& options, std::vector<Diagnostic>* all) {
  Diagnostics diagnostics(std::max<std::size_t>(options.max_diagnostics, 1));
  std::size_t size = 0;
  for (const PolicySource& source : sources) size += source.text.size();
  // Offsets are kept in 32 bits.
  if (size > std::min<std::size_t>(options.max_source_bytes, UINT32_MAX)) {
    return fail(ErrorCode::kTooLarge, "the policies have " + std::to_string(size) + " bytes, more than " + std::to_string(options.max_source_bytes));
  }
  PolicySetBuilder builder(options, diagnostics);
  for (const PolicySource& source : sources) {
    if (!diagnostics.full()) builder.add_source(source);
  }
  if (!diagnostics.empty()) {
    if (all != nullptr) *all = diagnostics.kept();
    return std::unexpected(diagnostics.error());
  }
  return builder.finish();
}

Result<PolicySet> PolicySet::link(std::span<const TemplateLink> links) const {
  LoadOptions options;
  Diagnostics diagnostics(1);
  PolicySetBuilder builder(options, diagnostics);
  if (compiled_ != nullptr) builder.add_set(*compiled_);
  for (const TemplateLink& each : links) {
    if (Status good = builder.add_link(each); !good) return std::unexpected(good.error());
  }
  return builder.finish();
}

std::span<const Policy> PolicySet::policies() const {
  if (compiled_ == nullptr) return {};
  return compiled_->policies;
}

const Policy* PolicySet::find(std::string_view id) const {
  if (compiled_ == nullptr) return nullptr;
  const std::vector<std::uint32_t>& by_id = compiled_->by_id;
  auto at = std::lower_bound(by_id.begin(), by_id.end(), id, [&](std::uint32_t i, std::string_view wanted) { return compiled_->policies[i].id() < wanted; });
  if (at == by_id.end() || compiled_->policies[*at].id() != id) return nullptr;
  return &compiled_->policies[*at];
}

}  // namespace interlock::cedar
