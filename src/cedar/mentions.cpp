#include "cedar/mentions.hpp"

#include "cedar/program.hpp"

namespace interlock::cedar {
namespace {

class Reader {
 public:
  explicit Reader(const CompiledPolicies& set) : set_(set) {}

  std::vector<Mention> read() {
    for (std::size_t i = 0; i < set_.policies.size(); ++i) {
      const CompiledPolicy& compiled = set_.compiled[i];
      policy_ = &set_.policies[i];
      at_ = {policy_->line(), policy_->column()};
      scope(compiled.principal, MentionPlace::kPrincipal);
      scope(compiled.action, MentionPlace::kAction);
      scope(compiled.resource, MentionPlace::kResource);
      // Policies are compiled one behind the other.
      const std::size_t end = i + 1 < set_.compiled.size() ? set_.compiled[i + 1].code : set_.code.size();
      for (std::size_t at = compiled.code; at < end; ++at) instruction(at, *set_.sources[compiled.source]);
    }
    return std::move(found_);
  }

 private:
  void add(Mention::Kind kind, MentionPlace place, std::string_view type, std::string_view id) {
    found_.push_back({kind, place, type, id, policy_, at_.line, at_.column});
  }

  void scope(const CompiledScope& scope, MentionPlace place) {
    using Kind = ScopeConstraint::Kind;
    for (std::uint32_t i = 0; i < scope.uid_count; ++i) {
      const UidData& uid = set_.uids[scope.first_uid + i];
      add(Mention::Kind::kEntity, place, uid.type, uid.id);
      found_.back().equal = scope.kind == Kind::kEqual;
    }
    if (scope.kind == Kind::kIs || scope.kind == Kind::kIsIn) add(Mention::Kind::kType, place, set_.types[scope.type].text, {});
  }

  void instruction(std::size_t at, const SourceText& source) {
    const Instruction& i = set_.code[at];
    at_ = source.place(set_.offsets[at]);
    switch (i.op) {
      case Op::kConstant: constant(set_.constants[i.z]); return;
      case Op::kIs: return add(Mention::Kind::kType, MentionPlace::kCondition, set_.types[i.z].text, {});
      case Op::kIsOrJump: return add(Mention::Kind::kType, MentionPlace::kCondition, set_.types[i.y].text, {});
      case Op::kVariableAttr:
        if (static_cast<Variable>(i.x) == Variable::kContext) {
          add(Mention::Kind::kContextAttribute, MentionPlace::kCondition, {}, set_.names[i.z].text);
        } else if (static_cast<Variable>(i.x) == Variable::kPrincipal) {
          add(Mention::Kind::kPrincipalAttribute, MentionPlace::kCondition, {}, set_.names[i.z].text);
        }
        return;
      default: return;
    }
  }

  // Constants are as deep as the parser lets expressions nest.
  void constant(const Value& value) {
    switch (value.kind()) {
      case Value::Kind::kEntity:
        return add(Mention::Kind::kEntity, MentionPlace::kCondition, ValueAccess::uid(value).type, ValueAccess::uid(value).id);
      case Value::Kind::kSet:
        for (const Value& item : ValueAccess::set(value).items) constant(item);
        return;
      case Value::Kind::kRecord:
        for (const RecordField& field : ValueAccess::record(value).fields) constant(field.value);
        return;
      default: return;
    }
  }

  const CompiledPolicies& set_;
  const Policy* policy_ = nullptr;
  Place at_;
  std::vector<Mention> found_;
};

}  // namespace

std::vector<Mention> mentions(const PolicySet& policies) {
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  return set == nullptr ? std::vector<Mention>{} : Reader(*set).read();
}

}  // namespace interlock::cedar
