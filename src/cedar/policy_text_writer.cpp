// Policies as text, with no more parentheses than the grammar asks for.
#include <algorithm>

#include "cedar/lexer.hpp"
#include "cedar/policy_writer.hpp"

namespace interlock::cedar {
namespace {

// How tightly an expression holds together, from `if` to a name.
enum Level : int { kIfLevel, kOrLevel, kAndLevel, kRelationLevel, kSumLevel, kProductLevel, kUnaryLevel, kMemberLevel };

bool is_plain_name(std::string_view name) { return is_identifier(name) && !is_reserved_word(name) && !is_reserved_name(name); }

std::string pattern_text(const Pattern& pattern) {
  std::string out = "\"";
  for (std::size_t i = 0; i < pattern.runs.size(); ++i) {
    if (i > 0) out += '*';
    std::string run = quoted(pattern.runs[i]);
    for (char c : std::string_view(run).substr(1, run.size() - 2)) out += c == '*' ? std::string("\\*") : std::string(1, c);
  }
  return out + '"';
}

class TextWriter {
 public:
  explicit TextWriter(const PolicySyntax& policy) : policy_(policy), tree_(policy.tree) {}

  std::string write(std::string_view id) {
    bool has_id = std::any_of(policy_.annotations.begin(), policy_.annotations.end(), [](const Annotation& a) { return a.name == "id"; });
    if (!id.empty() && !has_id) out_ += "@id(" + quoted(id) + ")\n";
    for (const Annotation& annotation : policy_.annotations) {
      out_ += '@' + annotation.name + (annotation.has_value ? "(" + quoted(annotation.value) + ")" : std::string()) + '\n';
    }
    out_ += policy_.effect == Effect::kPermit ? "permit (" : "forbid (";
    write_scope(Variable::kPrincipal, policy_.principal);
    out_ += ", ";
    write_scope(Variable::kAction, policy_.action);
    out_ += ", ";
    write_scope(Variable::kResource, policy_.resource);
    out_ += ')';
    for (const ConditionSyntax& condition : policy_.conditions) {
      out_ += condition.unless ? "\nunless { " : "\nwhen { ";
      write_node(condition.body, kIfLevel);
      out_ += " }";
    }
    return out_ + ";\n";
  }

 private:
  void write_scope(Variable variable, const ScopeConstraint& scope) {
    using Kind = ScopeConstraint::Kind;
    out_ += variable_name(variable);
    if (scope.kind == Kind::kAny) return;
    if (scope.kind == Kind::kIs || scope.kind == Kind::kIsIn) out_ += " is " + scope.type;
    if (scope.kind == Kind::kIs) return;
    out_ += scope.kind == Kind::kEqual ? " == " : " in ";
    if (scope.is_slot) {
      out_ += '?';
      out_ += variable_name(variable);
    } else if (scope.entities.size() == 1) {
      out_ += scope.entities[0].text();
    } else {
      out_ += '[';
      for (std::size_t i = 0; i < scope.entities.size(); ++i) out_ += (i == 0 ? "" : ", ") + scope.entities[i].text();
      out_ += ']';
    }
  }

  std::uint32_t child(const Node& node, std::uint32_t i) const { return tree_.children[node.first_child + i]; }

  static bool is_negative(const Node& node) { return node.kind == NodeKind::kLong && node.number < 0; }

  int level_of(const Node& node) const {
    switch (node.kind) {
      case NodeKind::kIf: return kIfLevel;
      case NodeKind::kOr: return kOrLevel;
      case NodeKind::kAnd: return kAndLevel;
      case NodeKind::kHasAttr:
      case NodeKind::kLike:
      case NodeKind::kIs: return kRelationLevel;
      case NodeKind::kNot:
      case NodeKind::kNegate: return kUnaryLevel;
      case NodeKind::kLong: return is_negative(node) ? kUnaryLevel : kMemberLevel;
      case NodeKind::kBinary: break;
      default: return kMemberLevel;
    }
    switch (node.operation) {
      case BinaryOperation::kAdd:
      case BinaryOperation::kSubtract: return kSumLevel;
      case BinaryOperation::kMultiply: return kProductLevel;
      default: return operation_name(node.operation).is_method ? kMemberLevel : kRelationLevel;
    }
  }

  // Chains grow to the left; they are followed by a loop, so that only nesting recurses.
  NodeId left_operand(const Node& node) const {
    switch (node.kind) {
      case NodeKind::kGetAttr:
      case NodeKind::kIsEmpty:
      case NodeKind::kBinary: return node.a;
      case NodeKind::kCall: return extension_signature(node.function).is_method && node.child_count > 0 ? child(node, 0) : kNoNode;
      default: return kNoNode;
    }
  }

  void write_node(NodeId id, int least) {
    std::vector<std::pair<NodeId, bool>> spine;  // with whether parentheses are open around it
    for (;;) {
      const Node& node = tree_.nodes[id];
      bool wrapped = level_of(node) < least;
      if (wrapped) out_ += '(';
      NodeId left = left_operand(node);
      if (left == kNoNode) {
        write_head(node);
        if (wrapped) out_ += ')';
        break;
      }
      spine.emplace_back(id, wrapped);
      least = level_of(node);
      // Comparisons are not chained.
      if (least == kRelationLevel) least = kSumLevel;
      id = left;
    }
    for (auto at = spine.rbegin(); at != spine.rend(); ++at) {
      write_tail(tree_.nodes[at->first]);
      if (at->second) out_ += ')';
    }
  }

  void write_list(const Node& node, std::uint32_t first) {
    for (std::uint32_t i = first; i < node.child_count; ++i) {
      if (i > first) out_ += ", ";
      write_node(child(node, i), kIfLevel);
    }
  }

  // What stands behind the left operand.
  void write_tail(const Node& node) {
    switch (node.kind) {
      case NodeKind::kGetAttr: {
        const std::string& name = tree_.strings[node.b];
        out_ += is_plain_name(name) ? "." + name : "[" + quoted(name) + "]";
        return;
      }
      case NodeKind::kIsEmpty: out_ += ".isEmpty()"; return;
      case NodeKind::kCall:
        out_ += '.';
        out_ += extension_signature(node.function).name;
        out_ += '(';
        write_list(node, 1);
        out_ += ')';
        return;
      default: break;
    }
    const OperationName& operation = operation_name(node.operation);
    if (operation.is_method) {
      out_ += '.';
      out_ += operation.text;
      out_ += '(';
      write_node(node.b, kIfLevel);
      out_ += ')';
      return;
    }
    out_ += ' ';
    out_ += operation.text;
    out_ += ' ';
    write_node(node.b, std::max(level_of(node), static_cast<int>(kRelationLevel)) + 1);
  }

  void write_chain(const Node& node, std::string_view operation, int level) {
    for (std::uint32_t i = 0; i < node.child_count; ++i) {
      if (i > 0) out_ += operation;
      write_node(child(node, i), level + 1);
    }
  }

  void write_head(const Node& node) {
    switch (node.kind) {
      case NodeKind::kBool: out_ += node.number != 0 ? "true" : "false"; return;
      case NodeKind::kLong: out_ += std::to_string(node.number); return;
      case NodeKind::kString: out_ += quoted(tree_.strings[node.a]); return;
      case NodeKind::kEntity: out_ += tree_.strings[node.a] + "::" + quoted(tree_.strings[node.b]); return;
      case NodeKind::kVariable: out_ += variable_name(node.variable); return;
      case NodeKind::kIf:
        out_ += "if ";
        write_node(child(node, 0), kIfLevel);
        out_ += " then ";
        write_node(child(node, 1), kIfLevel);
        out_ += " else ";
        write_node(child(node, 2), kIfLevel);
        return;
      case NodeKind::kAnd: write_chain(node, " && ", kAndLevel); return;
      case NodeKind::kOr: write_chain(node, " || ", kOrLevel); return;
      case NodeKind::kNot:
      case NodeKind::kNegate: write_unary(node); return;
      case NodeKind::kHasAttr: write_has(node); return;
      case NodeKind::kLike:
        write_node(node.a, kSumLevel);
        out_ += " like " + pattern_text(tree_.patterns[node.b]);
        return;
      case NodeKind::kIs:
        write_node(node.a, kSumLevel);
        out_ += " is " + tree_.strings[node.b];
        if (node.c == kNoNode) return;
        out_ += " in ";
        write_node(node.c, kSumLevel);
        return;
      case NodeKind::kSet:
        out_ += '[';
        write_list(node, 0);
        out_ += ']';
        return;
      case NodeKind::kRecord: write_record(node); return;
      case NodeKind::kCall:
        out_ += extension_signature(node.function).name;
        out_ += '(';
        write_list(node, 0);
        out_ += ')';
        return;
      default: return;
    }
  }

  // An operand that begins with a sign of its own, or is a number, stands in parentheses: `-(5)` is a negation, `-5` a number.
  void write_unary(const Node& node) {
    out_ += node.kind == NodeKind::kNot ? '!' : '-';
    const Node& operand = tree_.nodes[node.a];
    bool wrapped = operand.kind == NodeKind::kLong || operand.kind == NodeKind::kNot || operand.kind == NodeKind::kNegate;
    if (wrapped) out_ += '(';
    write_node(node.a, wrapped ? kIfLevel : kMemberLevel);
    if (wrapped) out_ += ')';
  }

  void write_has(const Node& node) {
    write_node(node.a, kSumLevel);
    out_ += " has ";
    bool all_plain = true;
    for (std::uint32_t i = 0; i < node.child_count; ++i) all_plain = all_plain && is_plain_name(tree_.strings[child(node, i)]);
    if (!all_plain) {
      out_ += quoted(tree_.strings[child(node, 0)]);
      return;
    }
    for (std::uint32_t i = 0; i < node.child_count; ++i) out_ += (i == 0 ? "" : ".") + tree_.strings[child(node, i)];
  }

  void write_record(const Node& node) {
    out_ += '{';
    for (std::uint32_t i = 0; i < node.child_count; i += 2) {
      const std::string& name = tree_.strings[child(node, i)];
      if (i > 0) out_ += ", ";
      out_ += (is_plain_name(name) ? name : quoted(name)) + ": ";
      write_node(child(node, i + 1), kIfLevel);
    }
    out_ += '}';
  }

  const PolicySyntax& policy_;
  const SyntaxTree& tree_;
  std::string out_;
};

constexpr OperationName kOperations[] = {
    {BinaryOperation::kEqual, "==", false},
    {BinaryOperation::kNotEqual, "!=", false},
    {BinaryOperation::kLess, "<", false},
    {BinaryOperation::kLessEqual, "<=", false},
    {BinaryOperation::kGreater, ">", false},
    {BinaryOperation::kGreaterEqual, ">=", false},
    {BinaryOperation::kIn, "in", false},
    {BinaryOperation::kAdd, "+", false},
    {BinaryOperation::kSubtract, "-", false},
    {BinaryOperation::kMultiply, "*", false},
    {BinaryOperation::kContains, "contains", true},
    {BinaryOperation::kContainsAll, "containsAll", true},
    {BinaryOperation::kContainsAny, "containsAny", true},
    {BinaryOperation::kGetTag, "getTag", true},
    {BinaryOperation::kHasTag, "hasTag", true},
};

}  // namespace

std::span<const OperationName> operation_names() { return kOperations; }

const OperationName& operation_name(BinaryOperation operation) {
  return *std::find_if(std::begin(kOperations), std::end(kOperations),
                       [&](const OperationName& each) { return each.operation == operation; });
}

std::string_view variable_name(Variable variable) {
  static constexpr std::string_view kNames[] = {"principal", "action", "resource", "context"};
  return kNames[static_cast<std::size_t>(variable)];
}

std::string write_policy_text(const PolicySyntax& policy, std::string_view id) { return TextWriter(policy).write(id); }

}  // namespace interlock::cedar
