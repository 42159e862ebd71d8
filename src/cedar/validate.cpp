// Validation of a policy set: names, scopes, then types in every environment that the schema allows.
#include "cedar/validate.hpp"

#include <algorithm>
#include <functional>
#include <tuple>

#include "cedar/program.hpp"
#include "cedar/suggest.hpp"
#include "cedar/text_checks.hpp"
#include "cedar/typechecker.hpp"
#include "cedar/validate_level.hpp"

namespace interlock::cedar {
namespace {

using ScopeKind = ScopeConstraint::Kind;

constexpr std::size_t kGatheredFaults = 1000;  // before those found again are dropped

// One policy. Its faults are gathered, each once, and given their places at the end.
class PolicyValidator {
 public:
  PolicyValidator(const SchemaData& schema, const ActionRelations& actions, TypeTable& types, const ValidationOptions& options,
                  const PolicySyntax& policy)
      : schema_(schema), actions_(actions), types_(types), options_(options), policy_(policy) {}

  void run() {
    check_names();
    check_application();
    check_types();
    check_texts(policy_, warnings_);
  }

  // A link fills its template's slots; the template itself is checked on its own.
  void run_link() {
    check_scope_types(policy_.principal);
    check_scope_types(policy_.resource);
    check_application();
  }

  void report(std::string_view id, const SourceText& source, ValidationReport& into) {
    place(errors_, id, source, into.errors);
    place(warnings_, id, source, into.warnings);
  }

 private:
  void error(FindingKind kind, std::uint32_t offset, std::string message, std::string hint = {}) {
    errors_.push_back({kind, offset, std::move(message), std::move(hint)});
  }

  // By place, each once: environments find the same faults.
  static void deduplicate(std::vector<TypeFault>& faults) {
    auto key = [](const TypeFault& fault) { return std::tie(fault.offset, fault.kind, fault.message); };
    std::stable_sort(faults.begin(), faults.end(), [&](const TypeFault& a, const TypeFault& b) { return key(a) < key(b); });
    faults.erase(std::unique(faults.begin(), faults.end(), [&](const TypeFault& a, const TypeFault& b) { return key(a) == key(b); }),
                 faults.end());
  }

  static void place(std::vector<TypeFault>& faults, std::string_view id, const SourceText& source, std::vector<Finding>& into) {
    deduplicate(faults);
    for (const TypeFault& fault : faults)
      into.push_back({fault.kind, std::string(id), source.diagnose(fault.offset, fault.message, fault.hint)});
  }

  // ------------------------------------------------------------------------------------------------------------- names

  void check_names() {
    check_scope_types(policy_.principal);
    check_scope_types(policy_.resource);
    for (const ScopeConstraint* scope : {&policy_.principal, &policy_.action, &policy_.resource}) {
      for (const EntityUid& uid : scope->entities) {
        if (scope == &policy_.action) check_type_name(uid.type(), scope->offset);
        check_uid(uid.type(), uid.id(), scope->offset);
      }
    }
    const SyntaxTree& tree = policy_.tree;
    for (const Node& node : tree.nodes) {
      if (node.kind == NodeKind::kIs) check_type_name(tree.strings[node.b], node.offset);
      if (node.kind != NodeKind::kEntity) continue;
      check_type_name(tree.strings[node.a], node.offset);
      check_uid(tree.strings[node.a], tree.strings[node.b], node.offset);
    }
  }

  void check_scope_types(const ScopeConstraint& scope) {
    if (!scope.type.empty()) check_type_name(scope.type, scope.offset);
    for (const EntityUid& uid : scope.entities) check_type_name(uid.type(), scope.offset);
  }

  void check_type_name(const std::string& type, std::uint32_t offset) {
    if (is_action_type_name(type) || schema_.entity_types.contains(type)) return;
    std::vector<std::string> known;
    for (const auto& [name, declared] : schema_.entity_types) known.push_back(name);
    error(FindingKind::kUnknownEntityType, offset, "the entity type `" + type + "` is not declared", did_you_mean(type, known));
  }

  void check_uid(const std::string& type, const std::string& id, std::uint32_t offset) {
    if (is_action_type_name(type)) {
      if (schema_.find_action(type, id) != nullptr) return;
      std::vector<std::string> known;
      for (const auto& [text, action] : schema_.actions) known.push_back(text);
      std::string text = EntityUid(type, id).text();
      error(FindingKind::kUnknownAction, offset, "the action " + text + " is not declared", did_you_mean(text, known));
      return;
    }
    auto declared = schema_.entity_types.find(type);
    if (declared == schema_.entity_types.end() || declared->second.has_choice(id)) return;
    error(FindingKind::kInvalidEnumEntity, offset, EntityUid(type, id).text() + " is not one of the ids that its enum type declares",
          did_you_mean(id, declared->second.choices));
  }

  // ------------------------------------------------------------------------------------------------------- application

  bool is_below(const std::string& type, const std::string& above) const {
    auto declared = schema_.entity_types.find(type);
    return type == above || (declared != schema_.entity_types.end() && declared->second.ancestors.contains(above));
  }

  // Whether an entity of the type can satisfy the constraint.
  bool may_satisfy(const ScopeConstraint& scope, const std::string& type) const {
    bool known = is_action_type_name(type) || schema_.entity_types.contains(type);
    bool is_fits = (scope.kind != ScopeKind::kIs && scope.kind != ScopeKind::kIsIn) || (scope.type == type && known);
    if (scope.kind == ScopeKind::kIs || (scope.kind == ScopeKind::kIsIn && scope.is_slot)) return is_fits;
    if (scope.kind == ScopeKind::kAny || scope.is_slot) return schema_.entity_types.contains(type);
    const std::string& wanted = scope.entities[0].type();
    if (scope.kind == ScopeKind::kEqual) return wanted == type;
    return is_fits && is_below(type, wanted);
  }

  std::vector<const SchemaAction*> scope_actions() const {
    std::vector<const SchemaAction*> found;
    const ScopeConstraint& scope = policy_.action;
    bool all_declared =
        std::all_of(scope.entities.begin(), scope.entities.end(), [&](const EntityUid& uid) { return actions_.is_declared(uid); });
    if (!all_declared) return found;
    for (const auto& [text, action] : schema_.actions) {
      bool fits = scope.kind == ScopeKind::kAny || std::any_of(scope.entities.begin(), scope.entities.end(), [&](const EntityUid& uid) {
                    return scope.kind == ScopeKind::kEqual ? action.uid == uid : actions_.is_in(action.uid, uid);
                  });
      if (fits) found.push_back(&action);
    }
    return found;
  }

  void check_application() {
    const ScopeConstraint& principal = policy_.principal;
    const ScopeConstraint& resource = policy_.resource;
    std::vector<const SchemaAction*> actions = scope_actions();
    auto any_fits = [&](const ScopeConstraint& scope, const std::vector<std::string>& types) {
      return std::any_of(types.begin(), types.end(), [&](const std::string& type) { return may_satisfy(scope, type); });
    };
    bool applies = std::any_of(actions.begin(), actions.end(), [&](const SchemaAction* action) {
      return any_fits(principal, action->principals) && any_fits(resource, action->resources);
    });
    if (applies) return;
    std::string hint = "no declared action has such a principal and such a resource together";
    auto in_would_fit = [&](const ScopeConstraint& scope, std::vector<std::string> SchemaAction::* types) {
      if (scope.kind != ScopeKind::kEqual || scope.is_slot) return false;
      return std::any_of(actions.begin(), actions.end(), [&](const SchemaAction* action) {
        return std::any_of((action->*types).begin(), (action->*types).end(),
                           [&](const std::string& type) { return is_below(type, scope.entities[0].type()); });
      });
    };
    if (in_would_fit(principal, &SchemaAction::principals)) hint = "did you mean `principal in` instead of `principal ==`?";
    if (in_would_fit(resource, &SchemaAction::resources)) hint = "did you mean `resource in` instead of `resource ==`?";
    std::vector<TypeFault>& into = options_.inapplicable_is_warning ? warnings_ : errors_;
    into.push_back({FindingKind::kInapplicable, policy_.offset, "no action applies to what the scope asks for", std::move(hint)});
  }

  // ------------------------------------------------------------------------------------------------------------- types

  // The types that can fill the slot when the variable has `type`.
  std::vector<std::string_view> slot_types(const ScopeConstraint& scope, const std::string& type) const {
    if (!scope.is_slot) return {std::string_view()};
    std::vector<std::string_view> types{type};
    auto declared = schema_.entity_types.find(type);
    if (scope.kind == ScopeKind::kEqual || declared == schema_.entity_types.end()) return types;
    for (const std::string& above : declared->second.ancestors) {
      if (above != type) types.push_back(above);
    }
    return types;
  }

  void for_each_environment(const std::function<void(const Environment&)>& use) const {
    for (const auto& [text, action] : schema_.actions) {
      for (const std::string& principal : action.principals) {
        for (const std::string& resource : action.resources) {
          for (std::string_view principal_slot : slot_types(policy_.principal, principal)) {
            for (std::string_view resource_slot : slot_types(policy_.resource, resource))
              use({&action, principal, resource, principal_slot, resource_slot});
          }
        }
      }
    }
  }

  void check_types() {
    CheckTree tree = make_check_tree(policy_);
    Typechecker checker(schema_, actions_, types_, options_.mode, tree);
    bool impossible = true;
    std::size_t gathered = kGatheredFaults;
    for_each_environment([&](const Environment& environment) {
      std::size_t faults_before = errors_.size();
      CheckedType type = checker.check(environment, errors_);
      bool is_false = type == TypeTable::boolean(false);
      impossible = impossible && is_false;
      bool failed = !is_false && (errors_.size() != faults_before || type == kNoCheckedType);
      if (options_.level && !failed) check_level(tree, checker.node_types(), types_, environment, *options_.level, errors_);
      if (errors_.size() > gathered) {
        deduplicate(errors_);
        gathered = 2 * errors_.size() + kGatheredFaults;
      }
    });
    if (impossible) {
      warnings_.push_back({FindingKind::kImpossiblePolicy,
                           policy_.offset,
                           "the policy can never apply: no request that the schema allows satisfies it",
                           {}});
    }
  }

  const SchemaData& schema_;
  const ActionRelations& actions_;
  TypeTable& types_;
  const ValidationOptions& options_;
  const PolicySyntax& policy_;
  std::vector<TypeFault> errors_;
  std::vector<TypeFault> warnings_;
};

}  // namespace

ValidationReport validate(const PolicySet& policies, const Schema& schema, const ValidationOptions& options) {
  ValidationReport report;
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return report;
  const SchemaData& data = *SchemaAccess::data(schema);
  ActionRelations actions(data);
  TypeTable types(data, options.mode);
  for (std::size_t i = 0; i < set->policies.size(); ++i) {
    PolicyValidator validator(data, actions, types, options, *set->syntax[i]);
    if (set->template_of[i] == kNoTemplate) {
      validator.run();
    } else {
      validator.run_link();
    }
    validator.report(set->policies[i].id(), *set->sources[set->compiled[i].source], report);
  }
  return report;
}

}  // namespace interlock::cedar
