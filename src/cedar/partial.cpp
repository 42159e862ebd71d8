// Whole policies of which something is unknown: scopes, conditions in their order, and what follows for the decision.
#include "cedar/partial.hpp"

#include <array>

#include "cedar/parser.hpp"
#include "cedar/partial_reducer.hpp"
#include "cedar/policy_set_builder.hpp"
#include "cedar/policy_writer.hpp"

namespace interlock::cedar {
namespace {

struct Residual {
  std::size_t policy = 0;  // its place in the set
  PolicySyntax syntax = {};
  bool is_certain = false;  // satisfied by every completion
  bool can_hold = true;     // satisfied by some completion, as far as can be told
};

class PartialEvaluation {
 public:
  PartialEvaluation(const CompiledPolicies& set, const PartialRequest& request, const Entities& entities)
      : set_(set), store_(EntitiesAccess::store(entities)) {
    know(Variable::kPrincipal, request.principal, known_.principal);
    know(Variable::kAction, request.action, known_.action);
    know(Variable::kResource, request.resource, known_.resource);
    Value context = request.context;
    if (context.kind() != Value::Kind::kRecord && context.kind() != Value::Kind::kUnrepresentable) context = empty_record();
    variables_.known[3] = context.kind() == Value::Kind::kRecord;
    variables_.values[3] = context;
  }

  // Nothing: no completion satisfies the policy or makes it fail.
  std::optional<Residual> reduce(std::size_t policy);

 private:
  void know(Variable variable, const PartialEntity& entity, EntityUid& known);
  bool reduce_scope(const Evaluator& evaluator, Variable variable, const CompiledScope& compiled, ScopeConstraint& scope) const;
  bool reduce_conditions(Residual& residual);

  const CompiledPolicies& set_;
  const EntityStore* store_;
  Request known_;  // what is unknown has no name here, which no entity has either
  PartialVariables variables_;
  Arena arena_;
};

void PartialEvaluation::know(Variable variable, const PartialEntity& entity, EntityUid& known) {
  const auto place = static_cast<std::size_t>(variable);
  if (const auto* unknown = std::get_if<UnknownEntity>(&entity)) {
    variables_.types[place] = unknown->type;
    return;
  }
  known = std::get<EntityUid>(entity);
  variables_.known[place] = true;
  variables_.values[place] = ValueAccess::uid(arena_.make(uid_view(known)));
}

// False when no completion is in the scope. What is settled is taken out of it.
bool PartialEvaluation::reduce_scope(const Evaluator& evaluator, Variable variable, const CompiledScope& compiled,
                                     ScopeConstraint& scope) const {
  using Kind = ScopeConstraint::Kind;
  const auto place = static_cast<std::size_t>(variable);
  ScopeConstraint any;
  any.offset = scope.offset;
  if (variables_.known[place]) {
    if (!evaluator.matches(compiled, variable)) return false;
    scope = any;
    return true;
  }
  const std::string_view type = variables_.types[place];
  if (type.empty()) return true;
  switch (scope.kind) {
    case Kind::kAny:
    case Kind::kIn: return true;
    case Kind::kEqual: return scope.entities[0].type() == type;
    case Kind::kIs:
    case Kind::kIsIn: break;
  }
  if (scope.type != type) return false;
  if (scope.kind == Kind::kIs) {
    scope = any;
  } else {
    scope.kind = Kind::kIn;
    scope.type.clear();
  }
  return true;
}

std::optional<Residual> PartialEvaluation::reduce(std::size_t policy) {
  if (set_.policies[policy].is_template()) return std::nullopt;
  const CompiledPolicy& compiled = set_.compiled[policy];
  const Evaluator evaluator(set_, known_, store_, arena_, nullptr);
  Residual residual{.policy = policy};
  PolicySyntax scopes;
  const PolicySyntax& whole = *set_.syntax[policy];
  scopes.principal = whole.principal;
  scopes.action = whole.action;
  scopes.resource = whole.resource;
  if (!reduce_scope(evaluator, Variable::kPrincipal, compiled.principal, scopes.principal) ||
      !reduce_scope(evaluator, Variable::kAction, compiled.action, scopes.action) ||
      !reduce_scope(evaluator, Variable::kResource, compiled.resource, scopes.resource))
    return std::nullopt;
  residual.syntax = whole;
  residual.syntax.principal = std::move(scopes.principal);
  residual.syntax.action = std::move(scopes.action);
  residual.syntax.resource = std::move(scopes.resource);
  if (!reduce_conditions(residual)) return std::nullopt;
  auto is_any = [](const ScopeConstraint& scope) { return scope.kind == ScopeConstraint::Kind::kAny; };
  residual.is_certain = residual.syntax.conditions.empty() && is_any(residual.syntax.principal) && is_any(residual.syntax.action) &&
                        is_any(residual.syntax.resource);
  return residual;
}

// Conditions are evaluated one after the other, up to the first that is not met or fails.
bool PartialEvaluation::reduce_conditions(Residual& residual) {
  const std::vector<ConditionSyntax> conditions = std::move(residual.syntax.conditions);
  residual.syntax.conditions.clear();
  Reducer reducer(residual.syntax.tree, variables_, known_, store_, arena_);
  bool total = true;  // the conditions that are kept cannot fail
  for (const ConditionSyntax& condition : conditions) {
    const Term term = reducer.term(condition.body);
    const bool is_known_bool = term.kind == Term::Kind::kKnown && term.value.kind() == Value::Kind::kBool;
    if (is_known_bool && term.value.as_bool() != condition.unless) continue;
    if (is_known_bool && total) return false;
    const NodeId body = reducer.expression(condition.body);
    residual.syntax.conditions.push_back({condition.unless, body, condition.offset});
    const bool never_met = term.kind != Term::Kind::kResidual || (!condition.unless && term.never_true);
    if (never_met) {
      residual.can_hold = false;
      break;
    }
    total = total && term.is_bool && term.cannot_fail;
  }
  return true;
}

PolicySource source_of(const CompiledPolicies& set, std::size_t policy, const PolicySyntax& syntax) {
  return {"residual of " + set.policies[policy].id(), write_policy_text(syntax)};
}

// Residuals are loaded from their text, like all policies. One that nests too deep for that is left as it was.
Result<PolicySet> load(const CompiledPolicies& set, std::span<const Residual> residuals) {
  LoadOptions options;
  options.max_policies = SIZE_MAX;
  for (bool is_careful : {false, true}) {
    Diagnostics diagnostics(1);
    PolicySetBuilder builder(options, diagnostics);
    for (const Residual& each : residuals) {
      PolicySource source = source_of(set, each.policy, each.syntax);
      if (is_careful) {
        Diagnostics faults(1);
        std::vector<PolicySyntax> read;
        if (!Parser(SourceText(source.name, source.text), faults).parse_policies(read, 1))
          source = source_of(set, each.policy, *set.syntax[each.policy]);
      }
      if (source.text.size() > UINT32_MAX) return fail(ErrorCode::kTooLarge, "a residual policy has more than 4 GiB of text");
      const std::vector<std::string> id = {set.policies[each.policy].id()};
      builder.add_source(source, &id);
    }
    if (diagnostics.empty()) return builder.finish();
    if (is_careful) return std::unexpected(diagnostics.error());
  }
  return PolicySet();
}

}  // namespace

Result<PartialResponse> authorize_partially(const PolicySet& policies, const PartialRequest& request, const Entities& entities) {
  PartialResponse response;
  response.decision = Decision::kDeny;
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return response;
  PartialEvaluation evaluation(*set, request, entities);
  std::vector<Residual> residuals;
  std::array<bool, 2> certain{};   // by Effect: some policy is satisfied by every completion
  std::array<bool, 2> possible{};  // by some
  for (std::size_t i = 0; i < set->policies.size(); ++i) {
    std::optional<Residual> residual = evaluation.reduce(i);
    if (!residual) continue;
    const auto effect = static_cast<std::size_t>(residual->syntax.effect);
    certain[effect] = certain[effect] || residual->is_certain;
    possible[effect] = possible[effect] || residual->can_hold;
    residuals.push_back(std::move(*residual));
  }
  constexpr auto kPermit = static_cast<std::size_t>(Effect::kPermit);
  constexpr auto kForbid = static_cast<std::size_t>(Effect::kForbid);
  if (certain[kPermit] && !possible[kForbid]) {
    response.decision = Decision::kAllow;
  } else if (possible[kPermit] && !certain[kForbid]) {
    response.decision = std::nullopt;
  }
  Result<PolicySet> loaded = load(*set, residuals);
  if (!loaded) return std::unexpected(loaded.error());
  response.residuals = std::move(*loaded);
  return response;
}

}  // namespace interlock::cedar
