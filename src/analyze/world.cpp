#include "analyze/world.hpp"

#include <algorithm>

namespace interlock::analyze {
namespace {

using Kind = Symbolic::Kind;
using SchemaKind = cedar::SchemaType::Kind;

// More make the requirements on their ancestors (a square of them) too many.
constexpr std::size_t kMaxGroundEntities = 64;

Kind kind_of(SchemaKind kind) {
  switch (kind) {
    case SchemaKind::kBool: return Kind::kBool;
    case SchemaKind::kLong: return Kind::kLong;
    case SchemaKind::kString: return Kind::kString;
    case SchemaKind::kEntity: return Kind::kEntity;
    case SchemaKind::kSet: return Kind::kSet;
    case SchemaKind::kRecord: return Kind::kRecord;
    case SchemaKind::kDecimal: return Kind::kDecimal;
    case SchemaKind::kDatetime: return Kind::kDatetime;
    case SchemaKind::kDuration: return Kind::kDuration;
    case SchemaKind::kIp: return Kind::kIp;
  }
  return Kind::kOpaque;
}

bool has_one_term(Kind kind) { return !sort_of(kind).empty(); }

}  // namespace

std::string_view sort_of(Kind kind) {
  switch (kind) {
    case Kind::kBool: return "Bool";
    case Kind::kLong:
    case Kind::kDecimal:
    case Kind::kDatetime:
    case Kind::kDuration: return "(_ BitVec 64)";
    case Kind::kString:
    case Kind::kEntity: return "String";
    default: return {};
  }
}

std::string set_sort(Kind element) { return "(Set " + std::string(sort_of(element)) + ")"; }

World::World(const cedar::SchemaData& schema, const RequestKind& kind, EntityScope scope) : schema_(schema), kind_(kind), scope_(scope) {
  principal_ = entity(kind.principal_type, script_.declare("String"));
  resource_ = entity(kind.resource_type, script_.declare("String"));
  action_ = entity(kind.action->uid.type(), analyze::text(kind.action->uid.id()));
  note(principal_);
  note(resource_);
  context_ = unknown(schema_.types[kind.action->context], "context", {}, kTrue);
}

void World::give_up(std::string why) {
  if (why_not_.empty()) why_not_ = std::move(why);
}

const cedar::SchemaEntityType* World::type(std::string_view name) const {
  const auto at = schema_.entity_types.find(name);
  return at == schema_.entity_types.end() ? nullptr : &at->second;
}

void World::note(const Symbolic& entity) {
  if (cedar::is_action_type_name(entity.entity_type)) return;
  if (!ground_names_.emplace(entity.entity_type, entity.term).second) return;
  ground_.push_back(entity);
  if (ground_.size() > kMaxGroundEntities) give_up("the policies name more than " + std::to_string(kMaxGroundEntities) + " entities");
}

Term World::unknown_term(const std::string& path, std::string_view sort, const std::vector<Term>& arguments) {
  auto [at, is_new] = functions_.try_emplace(path);
  if (is_new) {
    at->second = arguments.empty()       ? script_.declare(sort)
                 : arguments.size() == 1 ? script_.declare(sort, {"String"})
                                         : script_.declare(sort, {"String", "String"});
  }
  if (arguments.empty()) return at->second;
  return arguments.size() == 1 ? apply(at->second, {arguments[0]}) : apply(at->second, {arguments[0], arguments[1]});
}

Symbolic World::unknown(const cedar::SchemaType& type, const std::string& path, const std::vector<Term>& arguments, const Term& present) {
  const Kind kind = kind_of(type.kind);
  if (kind == Kind::kRecord) {
    Symbolic record;
    record.kind = kind;
    for (const cedar::SchemaAttribute& attribute : type.attributes) {
      // A name may hold any character, so its length stands before it: no two paths read alike.
      const std::string inner = path + '.' + std::to_string(attribute.name.size()) + ':' + attribute.name;
      const Term there = attribute.required ? kTrue : unknown_term(inner + '?', "Bool", arguments);
      record.fields.push_back(
          {attribute.name, there, unknown(schema_.types[attribute.type], inner, arguments, conjunction(present, there))});
    }
    return record;
  }
  if (kind == Kind::kSet) {
    const cedar::SchemaType& element = schema_.types[type.element];
    const Kind inner = kind_of(element.kind);
    if (!has_one_term(inner)) return opaque("a set of sets, records or ip addresses is not encoded");
    Symbolic set = simple(kind, unknown_term(path, set_sort(inner), arguments));
    set.element = inner;
    set.entity_type = element.entity_type;
    return set;
  }
  if (kind == Kind::kIp) {
    Symbolic ip = simple(kind, unknown_term(path, "(_ BitVec 128)", arguments));
    ip.is_v6 = unknown_term(path + "/6", "Bool", arguments);
    ip.prefix = unknown_term(path + "/p", "(_ BitVec 8)", arguments);
    const Term v4 = conjunction(apply("bvule", {ip.prefix, "#x20"}), apply("bvult", {ip.term, "#x00000000000000000000000100000000"}));
    const Term shape = choice(ip.is_v6, apply("bvule", {ip.prefix, "#x80"}), v4);
    if (required_.insert(shape).second) script_.require(implication(present, shape));
    return ip;
  }
  Symbolic value = simple(kind, unknown_term(path, sort_of(kind), arguments));
  if (kind == Kind::kDatetime) moments_.push_back(value.term);
  if (kind == Kind::kEntity) {
    value.entity_type = type.entity_type;
    const cedar::SchemaEntityType* declared = this->type(type.entity_type);
    if (declared != nullptr && !declared->choices.empty()) {
      Term one_of = kFalse;
      for (const std::string& id : declared->choices) one_of = disjunction(one_of, equality(value.term, analyze::text(id)));
      if (required_.insert(one_of).second) script_.require(implication(present, one_of));
    }
  }
  return value;
}

Symbolic World::attributes(const Symbolic& of) {
  note(of);
  const cedar::SchemaEntityType* declared = type(of.entity_type);
  if (declared == nullptr) {
    Symbolic none;
    none.kind = Kind::kRecord;
    return none;
  }
  return unknown(schema_.types[declared->shape], "attributes " + of.entity_type, {of.term}, kTrue);
}

Term World::exists(const Symbolic& of) {
  if (scope_ == EntityScope::kAll || cedar::is_action_type_name(of.entity_type)) return kTrue;
  Term out = kFalse;
  for (const Symbolic* known : {&principal_, &resource_}) {
    if (known->entity_type == of.entity_type) out = disjunction(out, equality(of.term, known->term));
  }
  return out;
}

bool World::has_tags(std::string_view name) const {
  const cedar::SchemaEntityType* declared = type(name);
  return declared != nullptr && declared->tags.has_value();
}

Term World::has_tag(const Symbolic& of, const Term& key) {
  note(of);
  if (!has_tags(of.entity_type)) return kFalse;
  tags_.push_back({of, key});
  return conjunction(exists(of), unknown_term("tag? " + of.entity_type, "Bool", {of.term, key}));
}

Symbolic World::tag(const Symbolic& of, const Term& key) {
  const cedar::SchemaEntityType* declared = type(of.entity_type);
  if (declared == nullptr || !declared->tags) return opaque("a tag of a type without tags");
  return unknown(schema_.types[*declared->tags], "tag " + of.entity_type, {of.term, key}, kTrue);
}

bool World::may_be_in(std::string_view low, std::string_view high) const {
  const cedar::SchemaEntityType* declared = type(low);
  return declared != nullptr && declared->ancestors.contains(high);
}

Term World::ancestors_of_type(const Symbolic& low, std::string_view high) {
  return unknown_term("ancestors " + low.entity_type + ' ' + std::string(high), "(Set String)", {low.term});
}

Term World::is_in(const Symbolic& low, const Symbolic& high) {
  const Term same = low.entity_type == high.entity_type ? equality(low.term, high.term) : kFalse;
  if (same == kTrue) return same;
  if (cedar::is_action_type_name(low.entity_type)) {
    if (low.term != action_.term || low.entity_type != action_.entity_type) {
      give_up("`in` for an action other than the request's is not encoded");
      return kFalse;
    }
    if (!cedar::is_action_type_name(high.entity_type)) return kFalse;
    // The action is known, so each action above it is.
    Term out = same;
    for (const auto& [name, declared] : schema_.actions) {
      if (declared.uid.type() != high.entity_type) continue;
      if (!schema_.action_entities.is_descendant(kind_.action->uid, declared.uid)) continue;
      out = disjunction(out, equality(high.term, analyze::text(declared.uid.id())));
    }
    return out;
  }
  note(low);
  note(high);
  if (!may_be_in(low.entity_type, high.entity_type)) return same;
  return disjunction(same, conjunction(exists(low), apply("set.member", {high.term, ancestors_of_type(low, high.entity_type)})));
}

Term World::is_in_set(const Symbolic& low, const Symbolic& set) {
  if (cedar::is_action_type_name(set.entity_type) || cedar::is_action_type_name(low.entity_type)) {
    if (low.entity_type != set.entity_type) return kFalse;
    give_up("a set of actions in data is not encoded");
    return kFalse;
  }
  note(low);
  const Term same = low.entity_type == set.entity_type ? apply("set.member", {low.term, set.term}) : kFalse;
  if (!may_be_in(low.entity_type, set.entity_type)) return same;
  const Term shared = apply("set.inter", {ancestors_of_type(low, set.entity_type), set.term});
  return disjunction(same, conjunction(exists(low), negation(equality(shared, "(as set.empty (Set String))"))));
}

Term World::readable() const {
  // The years 0000 to 9999, which is what datetime("...") can say.
  constexpr std::int64_t kFirstMs = -62'167'219'200'000;
  constexpr std::int64_t kLastMs = 253'402'300'799'999;
  Term out = kTrue;
  for (const Term& moment : moments_)
    out = conjunction(out, conjunction(apply("bvsle", {integer(kFirstMs), moment}), apply("bvsle", {moment, integer(kLastMs)})));
  for (const Symbolic& entity : ground_) {
    if (entity.term[0] != '"') out = conjunction(out, apply("str.in_re", {entity.term, "(re.+ (re.range \"a\" \"z\"))"}));
  }
  return out;
}

std::vector<Symbolic> World::ancestors(const Symbolic& of) {
  std::vector<Symbolic> out;
  const cedar::SchemaEntityType* declared = type(of.entity_type);
  if (declared == nullptr) return out;
  for (const std::string& high : declared->ancestors) {
    if (!functions_.contains("ancestors " + of.entity_type + ' ' + high)) continue;  // nobody asked
    Symbolic set = simple(Kind::kSet, ancestors_of_type(of, high));
    set.element = Kind::kEntity;
    set.entity_type = high;
    out.push_back(std::move(set));
  }
  return out;
}

void World::require_conformance() {
  for (const Symbolic& low : ground_) {
    const cedar::SchemaEntityType* declared = type(low.entity_type);
    if (declared == nullptr) continue;
    // Only what a request or data names has to be one of an enum's. A policy may name another, which then is nothing.
    const bool of_request = low.term == principal_.term || low.term == resource_.term;
    if (of_request && !declared->choices.empty()) {
      Term one_of = kFalse;
      for (const std::string& id : declared->choices) one_of = disjunction(one_of, equality(low.term, analyze::text(id)));
      script_.require(one_of);
    }
    if (declared->ancestors.contains(low.entity_type))
      script_.require(negation(apply("set.member", {low.term, ancestors_of_type(low, low.entity_type)})));
    // What stands above an ancestor stands above.
    for (const Symbolic& middle : ground_) {
      if (!may_be_in(low.entity_type, middle.entity_type) || (&low == &middle)) continue;
      const Term is_below = apply("set.member", {middle.term, ancestors_of_type(low, middle.entity_type)});
      for (const Symbolic& above : ancestors(middle)) {
        script_.require(implication(conjunction(is_below, exists(middle)),
                                    apply("set.subset", {above.term, ancestors_of_type(low, above.entity_type)})));
      }
    }
  }
}

}  // namespace interlock::analyze
