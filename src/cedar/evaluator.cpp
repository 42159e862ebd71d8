// The stack machine: scopes, control flow and the run itself. The operators are in operators.cpp.
#include "cedar/evaluator.hpp"

#include <algorithm>
#include <iterator>

namespace interlock::cedar {
namespace {

using Kind = Value::Kind;

}  // namespace

Evaluator::Evaluator(const CompiledPolicies& policies, const Request& request, const EntityStore* entities, Arena& arena, Value* stack)
    : policies_(policies), entities_(entities), arena_(arena), stack_(stack) {
  const EntityUid* uids[] = {&request.principal, &request.action, &request.resource};
  for (int i = 0; i < 3; ++i) {
    subjects_[i].uid = uid_view(*uids[i]);
    subjects_[i].data = entities == nullptr ? nullptr : entities->find(subjects_[i].uid);
  }
  set_variables(request.context);
}

Evaluator::Evaluator(const CompiledPolicies& policies, const Subject (&subjects)[3], const Value& context, const EntityStore* entities,
                     Arena& arena, Value* stack)
    : policies_(policies), entities_(entities), arena_(arena), stack_(stack) {
  std::copy(std::begin(subjects), std::end(subjects), std::begin(subjects_));
  set_variables(context);
}

void Evaluator::set_variables(const Value& context) {
  for (int i = 0; i < 3; ++i) variables_[i] = ValueAccess::uid(&subjects_[i].uid);
  variables_[3] = context.kind() == Kind::kRecord ? context : empty_record();
}

bool Evaluator::matches(const CompiledScope& scope, const Subject& subject) const {
  using Scope = ScopeConstraint::Kind;
  if (scope.kind == Scope::kAny) return true;
  if (scope.kind == Scope::kIs || scope.kind == Scope::kIsIn) {
    const NameData& type = policies_.types[scope.type];
    if (type.hash != subject.uid.type_hash || type.text != subject.uid.type) return false;
    if (scope.kind == Scope::kIs) return true;
  }
  for (std::uint32_t i = 0; i < scope.uid_count; ++i) {
    const UidData& uid = policies_.uids[scope.first_uid + i];
    if (uid == subject.uid) return true;
    if (scope.kind != Scope::kEqual && subject.data != nullptr && subject.data->has_ancestor(uid)) return true;
  }
  return false;
}

bool Evaluator::scope_matches(const CompiledPolicy& policy) const {
  auto holds = [&](Variable variable, const CompiledScope& scope) {
    const unsigned bit = 1U << static_cast<unsigned>(variable);
    return (policy.left_to_test & bit) == 0 || matches(scope, subject(variable));
  };
  return holds(Variable::kAction, policy.action) && holds(Variable::kResource, policy.resource) &&
         holds(Variable::kPrincipal, policy.principal);
}

const EntityData* Evaluator::entity(const Value& v) const {
  const UidData* uid = &ValueAccess::uid(v);
  for (const Subject& subject : subjects_) {
    if (uid == &subject.uid) return subject.data;
  }
  if (entities_ != nullptr) return entities_->find(*uid);
  // Without a store a request may have brought the entity along, and a policy may name it.
  for (const Subject& subject : subjects_) {
    if (*uid == subject.uid) return subject.data;
  }
  met_forgotten_ = met_forgotten_ || could_be_forgotten(*uid);
  return nullptr;
}

inline const Value* Evaluator::ready_attribute(const Value& holder, const NameData& name) const {
  const Value* record = &holder;
  if (holder.kind() == Kind::kEntity) {
    const EntityData* data = entity(holder);
    if (data == nullptr) return nullptr;
    record = &data->attributes;
  } else if (holder.kind() != Kind::kRecord) {
    return nullptr;
  }
  if (ValueAccess::is_json_object(*record)) return nullptr;
  const Value* found = find_field(ValueAccess::record(*record), name.text, name.hash);
  return found == nullptr || found->kind() == Kind::kUnrepresentable ? nullptr : found;
}

inline bool Evaluator::ready_binary(BinaryOperation operation, Value& a, const Value& b) const {
  if (a.kind() != b.kind()) return false;
  switch (operation) {
    case BinaryOperation::kIn: {
      if (a.kind() != Kind::kEntity) return false;
      const UidData& above = ValueAccess::uid(b);
      bool below = ValueAccess::uid(a) == above;
      if (!below) {
        const EntityData* data = entity(a);
        below = data != nullptr && data->has_ancestor(above);
      }
      a = Value::boolean(below);
      return true;
    }
    case BinaryOperation::kEqual:
    case BinaryOperation::kNotEqual: {
      bool same = false;
      if (a.kind() == Kind::kString) {
        same = same_text(a.as_string(), b.as_string());
      } else if (a.kind() == Kind::kEntity) {
        same = ValueAccess::uid(a) == ValueAccess::uid(b);
      } else if (a.kind() == Kind::kBool) {
        same = a.as_bool() == b.as_bool();
      } else if (a.kind() == Kind::kLong) {
        same = a.as_integer() == b.as_integer();
      } else {
        return false;
      }
      a = Value::boolean(same == (operation == BinaryOperation::kEqual));
      return true;
    }
    default: return false;
  }
}

bool Evaluator::could_be_forgotten(const UidData& uid) const {
  if (unnamed_ == nullptr) return false;
  const auto& closed = unnamed_->closed_types;
  const auto& named = unnamed_->ancestors;
  return std::find(closed.begin(), closed.end(), uid.type) == closed.end() ||
         std::any_of(named.begin(), named.end(), [&](const NameView& each) { return each.type == uid.type && each.id == uid.id; });
}

Outcome Evaluator::run(const CompiledPolicy& policy) {
  const Instruction* code = policies_.code.data();
  std::uint32_t at = policy.code;
  met_forgotten_ = false;
  Value* top = stack_ - 1;  // the value on top
  auto failed = [&] {
    failed_at_ = at;
    return Outcome::kFailed;
  };
  for (;; ++at) {
    const Instruction& i = code[at];
    switch (i.op) {
      case Op::kConstant: *++top = policies_.constants[i.z]; break;
      case Op::kVariable: *++top = variables_[i.x]; break;
      case Op::kVariableAttr: *++top = variables_[i.x]; [[fallthrough]];
      case Op::kGetAttr: {
        const NameData& name = policies_.names[i.z];
        if (const Value* found = ready_attribute(*top, name); found != nullptr) {
          *top = *found;
        } else if (!get_attribute(*top, name)) {
          return failed();
        }
        break;
      }
      case Op::kHasAttr:
        if (!has_attribute(*top, i.z, i.y)) return failed();
        break;
      case Op::kJump: at = i.z - 1; break;
      case Op::kJumpIfFalse:
        if (top->kind() != Kind::kBool) return wrong_type("bool", *top), failed();
        if (!(top--)->as_bool()) at = i.z - 1;
        break;
      case Op::kAndJump:
      case Op::kOrJump:
        if (top->kind() != Kind::kBool) return wrong_type("bool", *top), failed();
        if (top->as_bool() == (i.op == Op::kOrJump)) {
          at = i.z - 1;
        } else {
          --top;
        }
        break;
      case Op::kCheckBool:
        if (top->kind() != Kind::kBool) return wrong_type("bool", *top), failed();
        break;
      case Op::kRequire:
      case Op::kRequireNot:
        if (top->kind() != Kind::kBool) return wrong_type("bool", *top), failed();
        if ((top--)->as_bool() != (i.op == Op::kRequire)) return Outcome::kUnsatisfied;
        break;
      case Op::kAccept: return Outcome::kSatisfied;
      case Op::kNot:
        if (top->kind() != Kind::kBool) return wrong_type("bool", *top), failed();
        *top = Value::boolean(!top->as_bool());
        break;
      case Op::kNegate:
        if (!negate(*top)) return failed();
        break;
      case Op::kIsEmpty:
        if (!is_empty(*top)) return failed();
        break;
      case Op::kBinary: {
        --top;
        const auto operation = static_cast<BinaryOperation>(i.x);
        if (!ready_binary(operation, *top, top[1]) && !binary(operation, *top, top[1])) return failed();
        break;
      }
      case Op::kLike:
        if (top->kind() != Kind::kString) return wrong_type("string", *top), failed();
        *top = Value::boolean(cedar::matches(policies_.patterns[i.z], top->as_string()));
        break;
      case Op::kIs:
      case Op::kIsOrJump: {
        if (top->kind() != Kind::kEntity) return wrong_type("entity", *top), failed();
        const NameData& type = policies_.types[i.op == Op::kIs ? i.z : i.y];
        const UidData& uid = ValueAccess::uid(*top);
        bool same = uid.type_hash == type.hash && uid.type == type.text;
        if (i.op == Op::kIs) {
          *top = Value::boolean(same);
        } else if (!same) {
          *top = Value::boolean(false);
          at = i.z - 1;
        }
        break;
      }
      case Op::kSet:
        top -= static_cast<int>(i.z) - 1;
        if (!make_set_of(top, i.z)) return failed();
        break;
      case Op::kRecord:
        top -= static_cast<int>(i.z) - 1;
        if (!make_record_of(top, i.z, i.y)) return failed();
        break;
      case Op::kCall:
        top -= static_cast<int>(i.z) - 1;
        if (!call(static_cast<ExtensionFunction>(i.x), top, i.z)) return failed();
        break;
    }
  }
}

std::string Evaluator::failure(const CompiledPolicy& policy) const {
  const SourceText& source = *policies_.sources[policy.source];
  Place place = source.place(policies_.offsets[failed_at_]);
  return source.name() + ":" + std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + error_;
}

}  // namespace interlock::cedar
