// Policies in the JSON form ("EST"): one object an operator.
#include "cedar/policy_writer.hpp"

namespace interlock::cedar {
namespace {

// Longer paths of `has a.b.c` are written as a list: as a chain of tests they would grow with the square of their length.
constexpr std::uint32_t kMaxHasChain = 16;
constexpr std::size_t kLevelsPerOperator = 3;

class JsonWriter {
 public:
  explicit JsonWriter(const PolicySyntax& policy) : policy_(policy), tree_(policy.tree) {}

  Result<json::object> write() {
    json::object out;
    out["effect"] = policy_.effect == Effect::kPermit ? "permit" : "forbid";
    out["principal"] = write_scope(Variable::kPrincipal, policy_.principal);
    out["action"] = write_scope(Variable::kAction, policy_.action);
    out["resource"] = write_scope(Variable::kResource, policy_.resource);
    json::array conditions;
    for (const ConditionSyntax& condition : policy_.conditions) {
      json::object written;
      written["kind"] = condition.unless ? "unless" : "when";
      if (!fits(condition.body)) return fail(ErrorCode::kTooLarge, "the condition nests deeper than JSON can carry it", "split the policy");
      written["body"] = write_node(condition.body);
      conditions.push_back(std::move(written));
    }
    out["conditions"] = std::move(conditions);
    if (!policy_.annotations.empty()) {
      json::object annotations;
      for (const Annotation& annotation : policy_.annotations)
        annotations[annotation.name] = annotation.has_value ? json::value(annotation.value) : json::value("");
      out["annotations"] = std::move(annotations);
    }
    return out;
  }

 private:
  static json::object write_uid(const EntityUid& uid) {
    json::object out;
    out["type"] = uid.type();
    out["id"] = uid.id();
    return out;
  }

  static json::object write_scope(Variable variable, const ScopeConstraint& scope) {
    using Kind = ScopeConstraint::Kind;
    json::object out;
    if (scope.kind == Kind::kAny) {
      out["op"] = "All";
      return out;
    }
    json::object entity;
    if (scope.is_slot) {
      entity["slot"] = "?" + std::string(variable_name(variable));
    } else if (scope.kind != Kind::kIs && scope.entities.size() == 1) {
      entity["entity"] = write_uid(scope.entities[0]);
    } else if (scope.kind != Kind::kIs) {
      json::array entities;
      for (const EntityUid& uid : scope.entities) entities.push_back(write_uid(uid));
      entity["entities"] = std::move(entities);
    }
    if (scope.kind == Kind::kIs || scope.kind == Kind::kIsIn) {
      out["op"] = "is";
      out["entity_type"] = scope.type;
      if (scope.kind == Kind::kIsIn) out["in"] = std::move(entity);
      return out;
    }
    out = std::move(entity);
    out["op"] = scope.kind == Kind::kEqual ? "==" : "in";
    return out;
  }

  std::uint32_t child(const Node& node, std::uint32_t i) const { return tree_.children[node.first_child + i]; }

  // Whether the JSON of the node stays within kMaxPolicyJsonDepth. Children stand before their parents.
  bool fits(NodeId root) {
    if (depths_.empty()) {
      for (const Node& node : tree_.nodes) depths_.push_back(depth_of(node));
    }
    return depths_[root] * kLevelsPerOperator + kLevelsPerOperator < kMaxPolicyJsonDepth;
  }

  std::size_t depth_of(const Node& node) const {
    std::size_t deepest = 0;
    auto below = [&](NodeId id) { deepest = std::max(deepest, depths_[id]); };
    switch (node.kind) {
      case NodeKind::kAnd:
      case NodeKind::kOr:
        for (std::uint32_t i = 0; i < node.child_count; ++i) {
          below(child(node, i));
          if (i > 0) ++deepest;
        }
        return deepest + 1;
      case NodeKind::kIf:
      case NodeKind::kSet:
      case NodeKind::kCall:
        for (std::uint32_t i = 0; i < node.child_count; ++i) below(child(node, i));
        return deepest + 1;
      case NodeKind::kRecord:
        for (std::uint32_t i = 1; i < node.child_count; i += 2) below(child(node, i));
        return deepest + 1;
      case NodeKind::kBinary: below(node.b); [[fallthrough]];
      case NodeKind::kNot:
      case NodeKind::kNegate:
      case NodeKind::kIsEmpty:
      case NodeKind::kGetAttr:
      case NodeKind::kLike: below(node.a); return deepest + 1;
      case NodeKind::kHasAttr: below(node.a); return deepest + 2 * kMaxHasChain;
      case NodeKind::kIs:
        below(node.a);
        if (node.c != kNoNode) below(node.c);
        return deepest + 1;
      default: return 1;
    }
  }

  static json::value wrap(std::string_view operation, json::value body) {
    json::object out;
    out[operation] = std::move(body);
    return out;
  }

  static json::value binary(std::string_view operation, json::value left, json::value right) {
    json::object body;
    body["left"] = std::move(left);
    body["right"] = std::move(right);
    return wrap(operation, std::move(body));
  }

  static json::value with_attribute(std::string_view operation, json::value left, std::string_view name) {
    json::object body;
    body["left"] = std::move(left);
    body["attr"] = name;
    return wrap(operation, std::move(body));
  }

  json::value unary(std::string_view operation, NodeId operand) {
    json::object body;
    body["arg"] = write_node(operand);
    return wrap(operation, std::move(body));
  }

  json::value chain(std::string_view operation, const Node& node) {
    json::value left = write_node(child(node, 0));
    for (std::uint32_t i = 1; i < node.child_count; ++i) left = binary(operation, std::move(left), write_node(child(node, i)));
    return left;
  }

  json::array write_list(const Node& node) {
    json::array out;
    for (std::uint32_t i = 0; i < node.child_count; ++i) out.push_back(write_node(child(node, i)));
    return out;
  }

  json::value write_node(NodeId id) {
    const Node& node = tree_.nodes[id];
    switch (node.kind) {
      case NodeKind::kBool: return wrap("Value", node.number != 0);
      case NodeKind::kLong: return wrap("Value", node.number);
      case NodeKind::kString: return wrap("Value", json::value(tree_.strings[node.a]));
      case NodeKind::kEntity: return wrap("Value", wrap("__entity", write_uid(EntityUid(tree_.strings[node.a], tree_.strings[node.b]))));
      case NodeKind::kVariable: return wrap("Var", json::value(variable_name(node.variable)));
      case NodeKind::kIf: {
        json::object body;
        body["if"] = write_node(child(node, 0));
        body["then"] = write_node(child(node, 1));
        body["else"] = write_node(child(node, 2));
        return wrap("if-then-else", std::move(body));
      }
      case NodeKind::kAnd: return chain("&&", node);
      case NodeKind::kOr: return chain("||", node);
      case NodeKind::kNot: return unary("!", node.a);
      case NodeKind::kNegate: return unary("neg", node.a);
      case NodeKind::kIsEmpty: return unary("isEmpty", node.a);
      case NodeKind::kBinary: {
        json::value left = write_node(node.a);
        return binary(operation_name(node.operation).text, std::move(left), write_node(node.b));
      }
      case NodeKind::kGetAttr: return with_attribute(".", write_node(node.a), tree_.strings[node.b]);
      case NodeKind::kHasAttr: return write_has(node);
      case NodeKind::kLike: return write_like(node);
      case NodeKind::kIs: {
        json::object body;
        body["left"] = write_node(node.a);
        body["entity_type"] = tree_.strings[node.b];
        if (node.c != kNoNode) body["in"] = write_node(node.c);
        return wrap("is", std::move(body));
      }
      case NodeKind::kSet: return wrap("Set", write_list(node));
      case NodeKind::kRecord: {
        json::object fields;
        for (std::uint32_t i = 0; i < node.child_count; i += 2) fields[tree_.strings[child(node, i)]] = write_node(child(node, i + 1));
        return wrap("Record", std::move(fields));
      }
      case NodeKind::kCall: return wrap(extension_signature(node.function).name, write_list(node));
      case NodeKind::kSlot: break;
    }
    return nullptr;
  }

  // `has a.b` as older readers know it: has a && .a has b.
  json::value write_has(const Node& node) {
    json::value target = write_node(node.a);
    if (node.child_count > kMaxHasChain) {
      json::array names;
      for (std::uint32_t i = 0; i < node.child_count; ++i) names.emplace_back(tree_.strings[child(node, i)]);
      json::object body;
      body["left"] = std::move(target);
      body["attr"] = std::move(names);
      return wrap("has", std::move(body));
    }
    json::value all = with_attribute("has", target, tree_.strings[child(node, 0)]);
    for (std::uint32_t i = 1; i < node.child_count; ++i) {
      target = with_attribute(".", std::move(target), tree_.strings[child(node, i - 1)]);
      all = binary("&&", std::move(all), with_attribute("has", target, tree_.strings[child(node, i)]));
    }
    return all;
  }

  json::value write_like(const Node& node) {
    json::array pattern;
    const Pattern& written = tree_.patterns[node.b];
    for (std::size_t i = 0; i < written.runs.size(); ++i) {
      if (i > 0) pattern.emplace_back("Wildcard");
      if (!written.runs[i].empty()) pattern.push_back(wrap("Literal", json::value(written.runs[i])));
    }
    json::object body;
    body["left"] = write_node(node.a);
    body["pattern"] = std::move(pattern);
    return wrap("like", std::move(body));
  }

  const PolicySyntax& policy_;
  const SyntaxTree& tree_;
  std::vector<std::size_t> depths_;  // beside the nodes
};

}  // namespace

Result<json::object> write_policy_json(const PolicySyntax& policy) { return JsonWriter(policy).write(); }

}  // namespace interlock::cedar
