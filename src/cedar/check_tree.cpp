// From a policy's syntax to the expression that is checked.
#include "cedar/check_tree.hpp"

#include <algorithm>
#include <unordered_map>

namespace interlock::cedar {
namespace {

class Builder {
 public:
  explicit Builder(const PolicySyntax& policy) : policy_(policy) {
    made_.tree.strings = policy.tree.strings;
    made_.tree.patterns = policy.tree.patterns;
  }

  CheckTree build() {
    for (const Node& node : policy_.tree.nodes) made_of_.push_back(copy(node));
    std::vector<NodeId> terms;
    add_scope(Variable::kPrincipal, policy_.principal, terms);
    add_scope(Variable::kAction, policy_.action, terms);
    add_scope(Variable::kResource, policy_.resource, terms);
    for (const ConditionSyntax& condition : policy_.conditions) {
      NodeId body = made_of_[condition.body];
      terms.push_back(condition.unless ? add_unary(NodeKind::kNot, body, condition.offset) : body);
    }
    made_.root = add_and(terms, policy_.offset);
    for (const std::string& text : made_.tree.strings) made_.string_shapes.push_back(string_shape(text));
    for (NodeId id = 0; id < made_.tree.nodes.size(); ++id) made_.shapes.push_back(shape_of(id));
    made_.depth = deepest();
    return std::move(made_);
  }

 private:
  NodeId add(Node node) {
    made_.tree.nodes.push_back(node);
    return static_cast<NodeId>(made_.tree.nodes.size() - 1);
  }

  NodeId add_kind(NodeKind kind, std::uint32_t offset) {
    Node node;
    node.kind = kind;
    node.offset = offset;
    return add(node);
  }

  NodeId add_unary(NodeKind kind, NodeId a, std::uint32_t offset) {
    NodeId id = add_kind(kind, offset);
    made_.tree.nodes[id].a = a;
    return id;
  }

  NodeId add_named(NodeKind kind, NodeId a, std::uint32_t name, std::uint32_t offset) {
    NodeId id = add_unary(kind, a, offset);
    made_.tree.nodes[id].b = name;
    return id;
  }

  NodeId add_binary(BinaryOperation operation, NodeId a, NodeId b, std::uint32_t offset) {
    NodeId id = add_unary(NodeKind::kBinary, a, offset);
    made_.tree.nodes[id].operation = operation;
    made_.tree.nodes[id].b = b;
    return id;
  }

  NodeId add_children(NodeKind kind, const std::vector<NodeId>& children, std::uint32_t offset) {
    NodeId id = add_kind(kind, offset);
    made_.tree.nodes[id].first_child = static_cast<std::uint32_t>(made_.tree.children.size());
    made_.tree.nodes[id].child_count = static_cast<std::uint32_t>(children.size());
    made_.tree.children.insert(made_.tree.children.end(), children.begin(), children.end());
    return id;
  }

  NodeId add_and(const std::vector<NodeId>& terms, std::uint32_t offset) {
    if (terms.size() == 1) return terms[0];
    if (!terms.empty()) return add_children(NodeKind::kAnd, terms, offset);
    NodeId id = add_kind(NodeKind::kBool, offset);
    made_.tree.nodes[id].number = 1;
    return id;
  }

  std::uint32_t add_string(std::string text) {
    made_.tree.strings.push_back(std::move(text));
    return static_cast<std::uint32_t>(made_.tree.strings.size() - 1);
  }

  NodeId add_entity(const EntityUid& uid, std::uint32_t offset) {
    NodeId id = add_kind(NodeKind::kEntity, offset);
    made_.tree.nodes[id].a = add_string(uid.type());
    made_.tree.nodes[id].b = add_string(uid.id());
    return id;
  }

  // A written node as one or several simple ones; its children were copied before it.
  NodeId copy(const Node& written) {
    Node node = written;
    auto child = [&](std::uint32_t i) { return policy_.tree.children[written.first_child + i]; };
    switch (node.kind) {
      case NodeKind::kBool:
      case NodeKind::kLong:
      case NodeKind::kString:
      case NodeKind::kEntity:
      case NodeKind::kVariable:
      case NodeKind::kSlot: return add(node);
      case NodeKind::kBinary: node.b = made_of_[node.b]; [[fallthrough]];
      case NodeKind::kNot:
      case NodeKind::kNegate:
      case NodeKind::kIsEmpty:
      case NodeKind::kGetAttr:
      case NodeKind::kLike: node.a = made_of_[node.a]; return add(node);
      case NodeKind::kHasAttr: {
        NodeId target = made_of_[node.a];
        std::vector<NodeId> terms;
        for (std::uint32_t i = 0; i < node.child_count; ++i) {
          terms.push_back(add_named(NodeKind::kHasAttr, target, child(i), node.offset));
          if (i + 1 < node.child_count) target = add_named(NodeKind::kGetAttr, target, child(i), node.offset);
        }
        return add_and(terms, node.offset);
      }
      case NodeKind::kIs: {
        NodeId is = add_named(NodeKind::kIs, made_of_[node.a], node.b, node.offset);
        if (node.c == kNoNode) return is;
        return add_and({is, add_binary(BinaryOperation::kIn, made_of_[node.a], made_of_[node.c], node.offset)}, node.offset);
      }
      default: break;
    }
    std::vector<std::uint32_t> children;
    bool is_record = node.kind == NodeKind::kRecord;
    for (std::uint32_t i = 0; i < node.child_count; ++i) children.push_back(is_record && i % 2 == 0 ? child(i) : made_of_[child(i)]);
    node.first_child = static_cast<std::uint32_t>(made_.tree.children.size());
    made_.tree.children.insert(made_.tree.children.end(), children.begin(), children.end());
    return add(node);
  }

  void add_scope(Variable variable, const ScopeConstraint& constraint, std::vector<NodeId>& terms) {
    using Kind = ScopeConstraint::Kind;
    std::uint32_t offset = constraint.offset;
    if (constraint.kind == Kind::kAny) return;
    auto self = [&] {
      NodeId id = add_kind(NodeKind::kVariable, offset);
      made_.tree.nodes[id].variable = variable;
      return id;
    };
    auto other = [&] {
      if (!constraint.is_slot) return add_entity(constraint.entities[0], offset);
      NodeId id = add_kind(NodeKind::kSlot, offset);
      made_.tree.nodes[id].variable = variable;
      return id;
    };
    if (constraint.kind == Kind::kIs || constraint.kind == Kind::kIsIn) {
      terms.push_back(add_named(NodeKind::kIs, self(), add_string(constraint.type), offset));
    }
    if (constraint.kind == Kind::kEqual) {
      NodeId a = self();
      terms.push_back(add_binary(BinaryOperation::kEqual, a, other(), offset));
    } else if (constraint.kind == Kind::kIn && variable == Variable::kAction) {
      std::vector<NodeId> items;
      for (const EntityUid& uid : constraint.entities) items.push_back(add_entity(uid, offset));
      NodeId a = self();
      terms.push_back(add_binary(BinaryOperation::kIn, a, add_children(NodeKind::kSet, items, offset), offset));
    } else if (constraint.kind != Kind::kIs) {
      NodeId a = self();
      terms.push_back(add_binary(BinaryOperation::kIn, a, other(), offset));
    }
  }

  Shape intern(std::string key) { return shape_index_.try_emplace(std::move(key), static_cast<Shape>(shape_index_.size())).first->second; }

  Shape string_shape(std::string_view text) {
    std::string key(1, static_cast<char>(NodeKind::kString));
    key += text;
    return intern(std::move(key));
  }

  static void append(std::string& key, std::uint64_t number) { key.append(reinterpret_cast<const char*>(&number), sizeof number); }

  std::string key(NodeKind kind, std::uint64_t detail, std::initializer_list<Shape> parts) {
    std::string out(1, static_cast<char>(kind));
    append(out, detail);
    for (Shape part : parts) append(out, part);
    return out;
  }

  Shape shape_of(NodeId id) {
    const Node& node = made_.tree.nodes[id];
    const auto& strings = made_.tree.strings;
    auto shape = [&](NodeId child) { return made_.shapes[child]; };
    auto text = [&](std::uint32_t index) { return made_.string_shapes[index]; };
    switch (node.kind) {
      case NodeKind::kBool:
      case NodeKind::kLong: return intern(key(node.kind, static_cast<std::uint64_t>(node.number), {}));
      case NodeKind::kString: return text(node.a);
      case NodeKind::kEntity: return intern(key(node.kind, 0, {text(node.a), text(node.b)}));
      case NodeKind::kVariable:
      case NodeKind::kSlot: return intern(key(node.kind, static_cast<std::uint64_t>(node.variable), {}));
      case NodeKind::kNot:
      case NodeKind::kNegate:
      case NodeKind::kIsEmpty: return intern(key(node.kind, 0, {shape(node.a)}));
      case NodeKind::kGetAttr:
      case NodeKind::kHasAttr:
      case NodeKind::kIs: return intern(key(node.kind, 0, {shape(node.a), text(node.b)}));
      case NodeKind::kBinary: return intern(key(node.kind, static_cast<std::uint64_t>(node.operation), {shape(node.a), shape(node.b)}));
      case NodeKind::kAnd:
      case NodeKind::kOr: {
        // a && b && c is (a && b) && c.
        Shape left = shape(made_.child(node, 0));
        for (std::uint32_t i = 1; i < node.child_count; ++i) left = intern(key(node.kind, 0, {left, shape(made_.child(node, i))}));
        return left;
      }
      case NodeKind::kLike: {
        std::string like = key(node.kind, 0, {shape(node.a)});
        for (const std::string& run : made_.tree.patterns[node.b].runs) append(like, string_shape(run));
        return intern(std::move(like));
      }
      case NodeKind::kIf:
      case NodeKind::kSet:
      case NodeKind::kCall: {
        std::string whole = key(node.kind, node.kind == NodeKind::kCall ? static_cast<std::uint64_t>(node.function) : 0, {});
        for (std::uint32_t i = 0; i < node.child_count; ++i) append(whole, shape(made_.child(node, i)));
        return intern(std::move(whole));
      }
      case NodeKind::kRecord: {
        std::vector<std::pair<std::string_view, Shape>> fields;
        for (std::uint32_t i = 0; i < node.child_count; i += 2)
          fields.emplace_back(strings[made_.child(node, i)], shape(made_.child(node, i + 1)));
        std::sort(fields.begin(), fields.end());
        std::string whole = key(node.kind, 0, {});
        for (const auto& [name, value] : fields) {
          append(whole, string_shape(name));
          append(whole, value);
        }
        return intern(std::move(whole));
      }
    }
    return 0;
  }

  std::uint32_t deepest() const {
    std::vector<std::uint32_t> depths(made_.tree.nodes.size(), 0);
    for (NodeId id = 0; id < depths.size(); ++id) {
      const Node& node = made_.tree.nodes[id];
      auto below = [&](NodeId child) { depths[id] = std::max(depths[id], depths[child] + 1); };
      switch (node.kind) {
        case NodeKind::kBool:
        case NodeKind::kLong:
        case NodeKind::kString:
        case NodeKind::kEntity:
        case NodeKind::kVariable:
        case NodeKind::kSlot: break;
        case NodeKind::kBinary: below(node.b); [[fallthrough]];
        case NodeKind::kNot:
        case NodeKind::kNegate:
        case NodeKind::kIsEmpty:
        case NodeKind::kGetAttr:
        case NodeKind::kHasAttr:
        case NodeKind::kLike:
        case NodeKind::kIs: below(node.a); break;
        case NodeKind::kRecord:
          for (std::uint32_t i = 1; i < node.child_count; i += 2) below(made_.child(node, i));
          break;
        default:
          for (std::uint32_t i = 0; i < node.child_count; ++i) below(made_.child(node, i));
      }
    }
    return depths.empty() ? 0 : *std::max_element(depths.begin(), depths.end());
  }

  const PolicySyntax& policy_;
  CheckTree made_;
  std::unordered_map<std::string, Shape> shape_index_;
  std::vector<NodeId> made_of_;  // beside the written nodes
};

}  // namespace

CheckTree make_check_tree(const PolicySyntax& policy) { return Builder(policy).build(); }

}  // namespace interlock::cedar
