// The JSON form of policies, read strictly: an expression has one operator, and no member that is not known.
#include "cedar/policy_json_reader.hpp"

#include <algorithm>
#include <initializer_list>

#include "cedar/lexer.hpp"
#include "cedar/policy_writer.hpp"
#include "cedar/value_json.hpp"

namespace interlock::cedar {
namespace {

class Reader {
 public:
  Result<PolicySyntax> read(const json::value& document) {
    if (read_policy(document)) return std::move(policy_);
    return fail(ErrorCode::kInvalid, fault_);
  }

 private:
  // The first fault is told; it is the innermost.
  bool bad(std::string message) {
    if (fault_.empty()) fault_ = std::move(message);
    return false;
  }
  NodeId bad_node(std::string message) {
    bad(std::move(message));
    return kNoNode;
  }

  static std::string shown(std::string_view text) { return "`" + std::string(text.substr(0, 80)) + "`"; }

  bool check_members(const json::object& o, std::initializer_list<std::string_view> known, std::string_view where) {
    for (const auto& member : o) {
      std::string_view name(member.key().data(), member.key().size());
      if (std::find(known.begin(), known.end(), name) == known.end())
        return bad(std::string(where) + ": the member " + shown(name) + " is not known here");
    }
    return true;
  }

  bool read_policy(const json::value& document) {
    const json::object* o = document.if_object();
    if (o == nullptr) return bad("a policy must be an object");
    if (!check_members(*o, {"effect", "principal", "action", "resource", "conditions", "annotations"}, "the policy")) return false;
    auto effect = json::string_at(*o, "effect");
    if (effect != "permit" && effect != "forbid") return bad("`effect` must be permit or forbid");
    policy_.effect = effect == "permit" ? Effect::kPermit : Effect::kForbid;
    if (!read_scope(*o, Variable::kPrincipal, policy_.principal) || !read_scope(*o, Variable::kAction, policy_.action) ||
        !read_scope(*o, Variable::kResource, policy_.resource)) {
      return false;
    }
    return read_conditions(*o) && read_annotations(*o);
  }

  bool read_annotations(const json::object& o) {
    const json::value* v = json::find(o, "annotations");
    if (v == nullptr) return true;
    if (!v->is_object()) return bad("`annotations` must be an object");
    for (const auto& member : v->get_object()) {
      Annotation annotation;
      annotation.name.assign(member.key().data(), member.key().size());
      if (!is_identifier(annotation.name)) return bad(shown(annotation.name) + " is no name for an annotation");
      if (!member.value().is_string() && !member.value().is_null())
        return bad("the annotation " + shown(annotation.name) + " must be a string");
      annotation.has_value = member.value().is_string();
      if (annotation.has_value) annotation.value = json::view(member.value().get_string());
      policy_.annotations.push_back(std::move(annotation));
    }
    return true;
  }

  bool read_conditions(const json::object& o) {
    const json::array* conditions = json::array_at(o, "conditions");
    if (conditions == nullptr) return bad("`conditions` must be an array");
    for (const json::value& each : *conditions) {
      const json::object* condition = each.if_object();
      if (condition == nullptr || !check_members(*condition, {"kind", "body"}, "a condition"))
        return bad("a condition must be an object with `kind` and `body`");
      auto kind = json::string_at(*condition, "kind");
      const json::value* body = json::find(*condition, "body");
      if ((kind != "when" && kind != "unless") || body == nullptr)
        return bad("a condition must have a `kind` (when or unless) and a `body`");
      ConditionSyntax read;
      read.unless = kind == "unless";
      read.body = read_node(*body);
      if (read.body == kNoNode) return false;
      policy_.conditions.push_back(read);
    }
    return true;
  }

  // ------------------------------------------------------------------------------------------------------------- scope

  bool read_scope(const json::object& o, Variable variable, ScopeConstraint& scope) {
    using Kind = ScopeConstraint::Kind;
    std::string where(variable_name(variable));
    const json::object* written = json::object_at(o, where);
    auto op = written == nullptr ? std::nullopt : json::string_at(*written, "op");
    if (!op) return bad("`" + where + "` must be an object with `op`");
    if (*op == "All" || *op == "all") return check_members(*written, {"op"}, where);
    if (*op == "==" || *op == "in") {
      scope.kind = *op == "==" ? Kind::kEqual : Kind::kIn;
      return check_members(*written, {"op", "entity", "entities", "slot"}, where) && read_scope_entity(*written, variable, scope);
    }
    if (*op != "is" || variable == Variable::kAction) return bad(where + ": the operator " + shown(*op) + " is not known here");
    auto type = json::string_at(*written, "entity_type");
    if (!check_members(*written, {"op", "entity_type", "in"}, where)) return false;
    if (!type || !is_type_name(*type)) return bad(where + ": `entity_type` must be an entity type");
    scope.kind = Kind::kIs;
    scope.type = *type;
    const json::value* in = json::find(*written, "in");
    if (in == nullptr || in->is_null()) return true;
    scope.kind = Kind::kIsIn;
    const json::object* group = in->if_object();
    if (group == nullptr) return bad(where + ": `in` must be an object");
    return check_members(*group, {"entity", "slot"}, where) && read_scope_entity(*group, variable, scope);
  }

  bool read_scope_entity(const json::object& o, Variable variable, ScopeConstraint& scope) {
    std::string where(variable_name(variable));
    if (auto slot = json::string_at(o, "slot")) {
      scope.is_slot = true;
      return slot_variable(*slot) == variable || bad(where + ": the slot " + shown(*slot) + " does not belong here");
    }
    const json::value* entity = json::find(o, "entity");
    const json::array* entities = json::array_at(o, "entities");
    if (entity != nullptr) return read_scope_uid(*entity, variable, scope);
    bool list_allowed = variable == Variable::kAction && scope.kind == ScopeConstraint::Kind::kIn;
    if (entities == nullptr || !list_allowed) return bad(where + ": an `entity` is missing");
    return std::all_of(entities->begin(), entities->end(), [&](const json::value& each) { return read_scope_uid(each, variable, scope); });
  }

  bool read_scope_uid(const json::value& v, Variable variable, ScopeConstraint& scope) {
    Result<JsonUid> uid = read_uid_json(v);
    if (!uid) return bad(std::string(variable_name(variable)) + ": " + uid.error().message);
    scope.entities.emplace_back(std::string(uid->type), std::string(uid->id));
    return true;
  }

  // ----------------------------------------------------------------------------------------------------------- building

  NodeId add(const Node& node) {
    policy_.tree.nodes.push_back(node);
    return static_cast<NodeId>(policy_.tree.nodes.size() - 1);
  }

  NodeId add_kind(NodeKind kind, NodeId a = 0, std::uint32_t b = 0) {
    Node node;
    node.kind = kind;
    node.a = a;
    node.b = b;
    return add(node);
  }

  NodeId add_children(NodeKind kind, const std::vector<std::uint32_t>& children) {
    NodeId id = add_kind(kind);
    SyntaxTree& tree = policy_.tree;
    tree.nodes[id].first_child = static_cast<std::uint32_t>(tree.children.size());
    tree.nodes[id].child_count = static_cast<std::uint32_t>(children.size());
    tree.children.insert(tree.children.end(), children.begin(), children.end());
    return id;
  }

  std::uint32_t add_string(std::string_view text) {
    policy_.tree.strings.emplace_back(text);
    return static_cast<std::uint32_t>(policy_.tree.strings.size() - 1);
  }

  NodeId add_number(NodeKind kind, std::int64_t number) {
    NodeId id = add_kind(kind);
    policy_.tree.nodes[id].number = number;
    return id;
  }

  // --------------------------------------------------------------------------------------------------------- expressions

  struct Operator {
    std::string_view name;
    const json::value* body = nullptr;
  };

  // An expression is an object with one member.
  bool take_operator(const json::value& v, Operator& found) {
    const json::object* o = v.if_object();
    if (o == nullptr || o->size() != 1) return bad("an expression must be an object with one operator");
    found.name = {o->begin()->key().data(), o->begin()->key().size()};
    found.body = &o->begin()->value();
    return true;
  }

  NodeId read_node(const json::value& v) {
    Operator op;
    if (!take_operator(v, op)) return kNoNode;
    if (op.name == "Value") return read_value(*op.body);
    if (op.name == "Var") return read_variable(*op.body);
    if (op.name == "Slot") return bad_node("a slot is not allowed in a condition");
    if (op.name == "&&" || op.name == "||" || find_operation(op.name) != nullptr) return read_binary(v);
    if (op.name == "Set") {
      std::vector<std::uint32_t> items;
      return read_list(*op.body, "Set", items) ? add_children(NodeKind::kSet, items) : kNoNode;
    }
    if (op.name == "Record") return read_record(*op.body);
    if (const ExtensionSignature* signature = find_extension(op.name)) {
      std::vector<std::uint32_t> arguments;
      if (!read_list(*op.body, op.name, arguments)) return kNoNode;
      if (signature->is_method && arguments.empty()) return bad_node(shown(op.name) + " is a method and needs a value to be called on");
      NodeId id = add_children(NodeKind::kCall, arguments);
      policy_.tree.nodes[id].function = signature->function;
      return id;
    }
    const json::object* body = op.body->if_object();
    if (body == nullptr) return bad_node("the operator " + shown(op.name) + " is not known, or its operands are no object");
    return read_operator(op.name, *body);
  }

  NodeId read_operator(std::string_view name, const json::object& body) {
    if (name == "!" || name == "neg" || name == "isEmpty") {
      NodeId operand = read_operand(body, "arg", name, {"arg"});
      NodeKind kind = name == "!" ? NodeKind::kNot : name == "neg" ? NodeKind::kNegate : NodeKind::kIsEmpty;
      return operand == kNoNode ? kNoNode : add_kind(kind, operand);
    }
    if (name == ".") {
      NodeId left = read_operand(body, "left", name, {"left", "attr"});
      auto attribute = json::string_at(body, "attr");
      if (left == kNoNode) return kNoNode;
      if (!attribute) return bad_node("`.`: `attr` must be a string");
      return add_kind(NodeKind::kGetAttr, left, add_string(*attribute));
    }
    if (name == "has") return read_has(body);
    if (name == "like") return read_like(body);
    if (name == "is") {
      NodeId left = read_operand(body, "left", name, {"left", "entity_type", "in"});
      auto type = json::string_at(body, "entity_type");
      if (left == kNoNode) return kNoNode;
      if (!type || !is_type_name(*type)) return bad_node("`is`: `entity_type` must be an entity type");
      NodeId id = kNoNode;
      const json::value* in = json::find(body, "in");
      if (in != nullptr && !in->is_null()) {
        id = read_node(*in);
        if (id == kNoNode) return kNoNode;
      }
      NodeId is = add_kind(NodeKind::kIs, left, add_string(*type));
      policy_.tree.nodes[is].c = id;
      return is;
    }
    if (name != "if-then-else") return bad_node("the operator " + shown(name) + " is not known");
    std::vector<std::uint32_t> parts;
    for (std::string_view part : {"if", "then", "else"}) {
      parts.push_back(read_operand(body, part, name, {"if", "then", "else"}));
      if (parts.back() == kNoNode) return kNoNode;
    }
    return add_children(NodeKind::kIf, parts);
  }

  NodeId read_operand(const json::object& body, std::string_view member, std::string_view name,
                      std::initializer_list<std::string_view> known) {
    const json::value* operand = json::find(body, member);
    if (!check_members(body, known, name)) return kNoNode;
    return operand == nullptr ? bad_node(shown(name) + ": `" + std::string(member) + "` is missing") : read_node(*operand);
  }

  static const OperationName* find_operation(std::string_view name) {
    for (const OperationName& each : operation_names()) {
      if (each.text == name) return &each;
    }
    return nullptr;
  }

  // Chains nest to the left, ((a && b) && c); they are walked by a loop.
  NodeId read_binary(const json::value& v) {
    std::vector<Operator> spine;
    const json::value* at = &v;
    for (;;) {
      Operator op;
      if (!take_operator(*at, op)) return kNoNode;
      bool chained = op.name == "&&" || op.name == "||" || find_operation(op.name) != nullptr;
      if (!chained) break;
      const json::object* body = op.body->if_object();
      if (body == nullptr || json::find(*body, "left") == nullptr || json::find(*body, "right") == nullptr)
        return bad_node(shown(op.name) + " must have a `left` and a `right`");
      if (!check_members(*body, {"left", "right"}, op.name)) return kNoNode;
      spine.push_back(op);
      at = json::find(*body, "left");
    }
    NodeId left = read_node(*at);
    while (left != kNoNode && !spine.empty())
      left = spine.back().name == "&&" || spine.back().name == "||" ? join_chain(spine, left) : join_operation(spine, left);
    return left;
  }

  static const json::value& right_of(const Operator& op) { return *json::find(op.body->get_object(), "right"); }

  // All that stands on the spine with one and the same `&&` or `||` becomes one node.
  NodeId join_chain(std::vector<Operator>& spine, NodeId left) {
    std::string_view name = spine.back().name;
    std::vector<std::uint32_t> terms{left};
    while (!spine.empty() && spine.back().name == name) {
      terms.push_back(read_node(right_of(spine.back())));
      if (terms.back() == kNoNode) return kNoNode;
      spine.pop_back();
    }
    return add_children(name == "&&" ? NodeKind::kAnd : NodeKind::kOr, terms);
  }

  NodeId join_operation(std::vector<Operator>& spine, NodeId left) {
    NodeId right = read_node(right_of(spine.back()));
    if (right == kNoNode) return kNoNode;
    NodeId id = add_kind(NodeKind::kBinary, left, right);
    policy_.tree.nodes[id].operation = find_operation(spine.back().name)->operation;
    spine.pop_back();
    return id;
  }

  NodeId read_has(const json::object& body) {
    NodeId target = read_operand(body, "left", "has", {"left", "attr"});
    if (target == kNoNode) return kNoNode;
    std::vector<std::string_view> names;
    const json::value* attribute = json::find(body, "attr");
    if (attribute != nullptr && attribute->is_string()) names.push_back(json::view(attribute->get_string()));
    if (const json::array* list = attribute == nullptr ? nullptr : attribute->if_array()) {
      for (const json::value& each : *list) {
        if (!each.is_string()) return bad_node("`has`: `attr` must be a string, or an array of strings");
        names.push_back(json::view(each.get_string()));
      }
    }
    if (names.empty()) return bad_node("`has`: `attr` must be a string, or an array of strings");
    // Only names of the plain kind can be written as a path.
    bool plain = std::all_of(names.begin(), names.end(), [](std::string_view name) {
      return is_identifier(name) && !is_reserved_word(name) && !is_reserved_name(name);
    });
    if (names.size() == 1 || plain) return add_has(target, names);
    std::vector<std::uint32_t> terms;
    for (std::string_view name : names) {
      terms.push_back(add_has(target, {name}));
      target = add_kind(NodeKind::kGetAttr, target, add_string(name));
    }
    return add_children(NodeKind::kAnd, terms);
  }

  NodeId add_has(NodeId target, const std::vector<std::string_view>& names) {
    std::vector<std::uint32_t> strings;
    for (std::string_view name : names) strings.push_back(add_string(name));
    NodeId id = add_children(NodeKind::kHasAttr, strings);
    policy_.tree.nodes[id].a = target;
    return id;
  }

  NodeId read_like(const json::object& body) {
    NodeId left = read_operand(body, "left", "like", {"left", "pattern"});
    const json::array* elements = json::array_at(body, "pattern");
    if (left == kNoNode) return kNoNode;
    if (elements == nullptr) return bad_node("`like`: `pattern` must be an array");
    Pattern pattern;
    pattern.runs.emplace_back();
    for (const json::value& each : *elements) {
      const json::object* literal = each.if_object();
      auto text = literal == nullptr ? std::nullopt : json::string_at(*literal, "Literal");
      if (each.is_string() && json::view(each.get_string()) == "Wildcard") {
        pattern.runs.emplace_back();
      } else if (text && literal->size() == 1) {
        pattern.runs.back() += *text;
      } else {
        return bad_node("`like`: a pattern is made of \"Wildcard\" and {\"Literal\": ...}");
      }
    }
    policy_.tree.patterns.push_back(std::move(pattern));
    return add_kind(NodeKind::kLike, left, static_cast<std::uint32_t>(policy_.tree.patterns.size() - 1));
  }

  bool read_list(const json::value& v, std::string_view name, std::vector<std::uint32_t>& items) {
    if (!v.is_array()) return bad(shown(name) + " must have an array");
    for (const json::value& each : v.get_array()) {
      items.push_back(read_node(each));
      if (items.back() == kNoNode) return false;
    }
    return true;
  }

  NodeId read_record(const json::value& v) {
    if (!v.is_object()) return bad_node("`Record` must have an object");
    std::vector<std::uint32_t> members;
    for (const auto& member : v.get_object()) {
      NodeId value = read_node(member.value());
      if (value == kNoNode) return kNoNode;
      members.push_back(add_string({member.key().data(), member.key().size()}));
      members.push_back(value);
    }
    return add_children(NodeKind::kRecord, members);
  }

  NodeId read_variable(const json::value& v) {
    for (Variable variable : {Variable::kPrincipal, Variable::kAction, Variable::kResource, Variable::kContext}) {
      if (!v.is_string() || json::view(v.get_string()) != variable_name(variable)) continue;
      NodeId id = add_kind(NodeKind::kVariable);
      policy_.tree.nodes[id].variable = variable;
      return id;
    }
    return bad_node("`Var` must be principal, action, resource or context");
  }

  // A constant in the form that entities' JSON has.
  NodeId read_value(const json::value& v) {
    switch (v.kind()) {
      case json::kind::bool_: return add_number(NodeKind::kBool, v.get_bool() ? 1 : 0);
      case json::kind::int64: return add_number(NodeKind::kLong, v.get_int64());
      case json::kind::string: return add_kind(NodeKind::kString, add_string(json::view(v.get_string())));
      case json::kind::array: {
        std::vector<std::uint32_t> items;
        for (const json::value& each : v.get_array()) {
          items.push_back(read_value(each));
          if (items.back() == kNoNode) return kNoNode;
        }
        return add_children(NodeKind::kSet, items);
      }
      case json::kind::object: break;
      default: return bad_node("a `Value` that Cedar does not have: null, or a number that is no integer of 64 bits");
    }
    if (entity_escape(v) != nullptr) {
      Result<JsonUid> uid = read_uid_json(v);
      if (!uid) return bad_node(uid.error().message);
      std::uint32_t type = add_string(uid->type);
      return add_kind(NodeKind::kEntity, type, add_string(uid->id));
    }
    if (const json::object* call = extension_escape(v)) return read_constant_call(*call);
    std::vector<std::uint32_t> members;
    for (const auto& member : v.get_object()) {
      NodeId value = read_value(member.value());
      if (value == kNoNode) return kNoNode;
      members.push_back(add_string({member.key().data(), member.key().size()}));
      members.push_back(value);
    }
    return add_children(NodeKind::kRecord, members);
  }

  NodeId read_constant_call(const json::object& call) {
    std::string_view name = *json::string_at(call, "fn");
    const ExtensionSignature* signature = find_extension(name);
    if (signature == nullptr) return bad_node("there is no extension function " + shown(name));
    std::vector<std::uint32_t> arguments;
    auto add_argument = [&](const json::value& v) {
      arguments.push_back(read_value(v));
      return arguments.back() != kNoNode;
    };
    if (const json::value* single = json::find(call, "arg"); single != nullptr) {
      if (!add_argument(*single)) return kNoNode;
    } else {
      for (const json::value& each : *json::array_at(call, "args")) {
        if (!add_argument(each)) return kNoNode;
      }
    }
    if (signature->is_method && arguments.empty()) return bad_node(shown(name) + " is a method and needs a value to be called on");
    NodeId id = add_children(NodeKind::kCall, arguments);
    policy_.tree.nodes[id].function = signature->function;
    return id;
  }

  PolicySyntax policy_;
  std::string fault_;
};

}  // namespace

Result<PolicySyntax> read_policy_json(const json::value& document) { return Reader().read(document); }

std::optional<Variable> slot_variable(std::string_view text) {
  if (text == "?principal") return Variable::kPrincipal;
  if (text == "?resource") return Variable::kResource;
  return std::nullopt;
}

}  // namespace interlock::cedar
