// Loading policy sets: parse all sources, name the policies, compile, index.
#include <algorithm>

#include "cedar/policy_set_builder.hpp"

namespace interlock::cedar {
std::optional<std::string_view> Policy::annotation(std::string_view name) const {
  for (const Annotation& annotation : annotations_) {
    if (annotation.name == name) return annotation.value;
  }
  return std::nullopt;
}

PolicySet PolicySetBuilder::finish() {
  set_->index = ScopeIndex::build(*set_);
  for (std::uint32_t i = 0; i < set_->policies.size(); ++i) set_->by_id.push_back(i);
  std::sort(set_->by_id.begin(), set_->by_id.end(),
            [&](std::uint32_t a, std::uint32_t b) { return set_->policies[a].id() < set_->policies[b].id(); });
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
    return fail(ErrorCode::kTooLarge,
                "the policies have " + std::to_string(size) + " bytes, more than " + std::to_string(options.max_source_bytes));
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
  auto at = std::lower_bound(by_id.begin(), by_id.end(), id,
                             [&](std::uint32_t i, std::string_view wanted) { return compiled_->policies[i].id() < wanted; });
  if (at == by_id.end() || compiled_->policies[*at].id() != id) return nullptr;
  return &compiled_->policies[*at];
}

}  // namespace interlock::cedar
