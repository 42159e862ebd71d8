// Naming, compiling and linking.
#include "cedar/policy_set_builder.hpp"

#include <algorithm>

#include "cedar/compiler.hpp"
#include "cedar/parser.hpp"

namespace interlock::cedar {

PolicySetBuilder::PolicySetBuilder(const LoadOptions& options, Diagnostics& diagnostics)
    : options_(options), diagnostics_(diagnostics), set_(std::make_shared<CompiledPolicies>()) {}

void PolicySetBuilder::add_source(const PolicySource& source, const std::vector<std::string>* ids) {
  set_->sources.push_back(std::make_shared<const SourceText>(source.name, source.text));
  const SourceText& text = *set_->sources.back();
  std::vector<PolicySyntax> parsed;
  Parser(text, diagnostics_).parse_policies(parsed, options_.max_policies - std::min(options_.max_policies, set_->policies.size()));
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    std::string id = ids != nullptr && i < ids->size() ? (*ids)[i] : default_id(parsed[i]);
    add_policy(std::make_shared<const PolicySyntax>(std::move(parsed[i])), std::move(id));
  }
}

std::string PolicySetBuilder::default_id(const PolicySyntax& syntax) const {
  if (options_.id_from_annotation) {
    for (const Annotation& annotation : syntax.annotations) {
      if (annotation.name == "id" && !annotation.value.empty()) return annotation.value;
    }
  }
  return "policy" + std::to_string(set_->policies.size());
}

// The policy's text is in the newest source.
void PolicySetBuilder::add_policy(std::shared_ptr<const PolicySyntax> kept, std::string id) {
  const PolicySyntax& syntax = *kept;
  const SourceText& text = *set_->sources.back();
  if (!ids_.insert(id).second) {
    diagnostics_.add(text.diagnose(syntax.offset, "another policy has the id `" + id + "`", "give each policy an @id of its own"));
    return;
  }
  Policy policy;
  Place place = text.place(syntax.offset);
  policy.id_ = std::move(id);
  policy.effect_ = syntax.effect;
  policy.is_template_ = syntax.is_template();
  policy.line_ = place.line;
  policy.column_ = place.column;
  policy.annotations_ = syntax.annotations;
  policy.source_name_ = &text.name();
  policy.text_ = text.text().substr(syntax.offset, syntax.end - syntax.offset);
  CompiledPolicy compiled = Compiler(*set_, syntax).compile();
  compiled.source = static_cast<std::uint32_t>(set_->sources.size() - 1);
  set_->policies.push_back(std::move(policy));
  set_->compiled.push_back(compiled);
  set_->syntax.push_back(std::move(kept));
  set_->template_of.push_back(kNoTemplate);
}

void PolicySetBuilder::add_set(const CompiledPolicies& other) {
  auto first_source = static_cast<std::uint32_t>(set_->sources.size());
  auto first_policy = static_cast<std::uint32_t>(set_->policies.size());
  set_->sources.insert(set_->sources.end(), other.sources.begin(), other.sources.end());
  for (std::size_t i = 0; i < other.policies.size(); ++i) {
    CompiledPolicy compiled = Compiler(*set_, *other.syntax[i]).compile();
    compiled.source = first_source + other.compiled[i].source;
    ids_.insert(other.policies[i].id());
    set_->policies.push_back(other.policies[i]);
    set_->compiled.push_back(compiled);
    set_->syntax.push_back(other.syntax[i]);
    set_->template_of.push_back(other.template_of[i] == kNoTemplate ? kNoTemplate : first_policy + other.template_of[i]);
  }
}

Status PolicySetBuilder::add_link(const TemplateLink& link) {
  auto at =
      std::find_if(set_->policies.begin(), set_->policies.end(), [&](const Policy& policy) { return policy.id() == link.template_id; });
  if (at == set_->policies.end() || !at->is_template())
    return fail(ErrorCode::kNotFound, "there is no template `" + link.template_id + "`");
  auto place = static_cast<std::size_t>(at - set_->policies.begin());
  PolicySyntax filled = *set_->syntax[place];
  auto fill = [&](std::string_view slot, ScopeConstraint& scope, const std::optional<EntityUid>& with) -> Status {
    if (scope.is_slot != with.has_value()) {
      return fail(ErrorCode::kInvalid, "the link `" + link.id + "` " + (scope.is_slot ? "leaves the slot " : "fills the slot ") +
                                           std::string(slot) + (scope.is_slot ? " open" : ", which its template does not have"));
    }
    if (with) scope.entities = {*with};
    scope.is_slot = false;
    return {};
  };
  if (Status good = fill("?principal", filled.principal, link.principal); !good) return good;
  if (Status good = fill("?resource", filled.resource, link.resource); !good) return good;
  if (set_->policies.size() >= options_.max_policies)
    return fail(ErrorCode::kTooLarge, "the set has more than " + std::to_string(options_.max_policies) + " policies");
  if (!ids_.insert(link.id).second) return fail(ErrorCode::kConflict, "another policy has the id `" + link.id + "`");
  Policy policy = set_->policies[place];
  policy.id_ = link.id;
  policy.is_template_ = false;
  auto syntax = std::make_shared<const PolicySyntax>(std::move(filled));
  CompiledPolicy compiled = Compiler(*set_, *syntax).compile();
  compiled.source = set_->compiled[place].source;
  set_->policies.push_back(std::move(policy));
  set_->compiled.push_back(compiled);
  set_->syntax.push_back(std::move(syntax));
  set_->template_of.push_back(static_cast<std::uint32_t>(place));
  return {};
}

}  // namespace interlock::cedar
