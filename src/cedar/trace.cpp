// Each expression is compiled and run as a policy of its own, so what is told is what the evaluator computes.
#include "cedar/trace.hpp"

#include "cedar/compiler.hpp"
#include "cedar/evaluator.hpp"
#include "cedar/policy_writer.hpp"

namespace interlock::cedar {
namespace {

class Tracer {
 public:
  Tracer(const CompiledPolicies& set, const Request& request, const EntityStore* entities)
      : set_(set), request_(request), entities_(entities) {}

  PolicyTrace trace(std::size_t index) {
    PolicyTrace out;
    out.policy = &set_.policies[index];
    syntax_ = *set_.syntax[index];
    source_ = set_.compiled[index].source;
    terms_ = 0;
    {
      EvaluationStack stack(set_, arena_);
      Evaluator evaluator(set_, request_, entities_, arena_, stack.values());
      const CompiledPolicy& compiled = set_.compiled[index];
      out.principal_matches = evaluator.matches(compiled.principal, Variable::kPrincipal);
      out.action_matches = evaluator.matches(compiled.action, Variable::kAction);
      out.resource_matches = evaluator.matches(compiled.resource, Variable::kResource);
    }
    const bool in_scope = out.principal_matches && out.action_matches && out.resource_matches;
    bool goes_on = in_scope;
    out.outcome = in_scope ? PolicyTrace::Outcome::kSatisfied : PolicyTrace::Outcome::kOutOfScope;
    const std::vector<ConditionSyntax> conditions = std::move(syntax_.conditions);
    for (const ConditionSyntax& condition : conditions) {
      ConditionTrace traced{.unless = condition.unless, .reached = goes_on, .terms = {}};
      if (goes_on) {
        const Known known = visit(condition.body, 0, traced.terms);
        goes_on = known == (condition.unless ? Known::kFalse : Known::kTrue);
        if (!goes_on) out.outcome = known == Known::kError ? PolicyTrace::Outcome::kFailed : PolicyTrace::Outcome::kUnsatisfied;
        if (known == Known::kError) out.error = error_;
      }
      out.conditions.push_back(std::move(traced));
    }
    return out;
  }

 private:
  enum class Known : std::uint8_t { kFalse, kTrue, kOther, kError };

  // Tells a term, and then what is inside it, as far as it was evaluated.
  Known visit(NodeId id, std::uint32_t depth, std::vector<TermTrace>& out) {
    const Node node = syntax_.tree.nodes[id];
    Known known = Known::kOther;
    TermTrace term = evaluate(id, known);
    if (known == Known::kError && depth == 0) error_ = term.value;
    if (depth == 0 && known == Known::kOther) {
      // A condition has to be a Bool.
      known = Known::kError;
      error_ = place_text(node) + ": the condition is no Bool but " + term.value;
    }
    if (is_literal(node) || terms_ >= kMaxTracedTerms) return known;
    ++terms_;
    term.depth = depth;
    out.push_back(std::move(term));
    if (!is_path(id)) visit_inside(node, depth + 1, out);
    return known;
  }

  void visit_inside(const Node& node, std::uint32_t depth, std::vector<TermTrace>& out) {
    switch (node.kind) {
      case NodeKind::kAnd:
      case NodeKind::kOr:
        for (std::uint32_t i = 0; i < node.child_count; ++i) {
          const Known known = visit(child(node, i), depth, out);
          if (known != (node.kind == NodeKind::kAnd ? Known::kTrue : Known::kFalse)) return;
        }
        return;
      case NodeKind::kIf: {
        const Known known = visit(child(node, 0), depth, out);
        if (known == Known::kTrue || known == Known::kFalse) visit(child(node, known == Known::kTrue ? 1 : 2), depth, out);
        return;
      }
      case NodeKind::kSet:
      case NodeKind::kCall:
        for (std::uint32_t i = 0; i < node.child_count; ++i) visit(child(node, i), depth, out);
        return;
      case NodeKind::kRecord:
        for (std::uint32_t i = 1; i < node.child_count; i += 2) visit(child(node, i), depth, out);
        return;
      case NodeKind::kBinary:
        if (visit(node.a, depth, out) != Known::kError) visit(node.b, depth, out);
        return;
      case NodeKind::kIs:
        if (visit(node.a, depth, out) != Known::kError && node.c != kNoNode) visit(node.c, depth, out);
        return;
      case NodeKind::kNot:
      case NodeKind::kNegate:
      case NodeKind::kIsEmpty:
      case NodeKind::kGetAttr:
      case NodeKind::kHasAttr:
      case NodeKind::kLike: visit(node.a, depth, out); return;
      default: return;
    }
  }

  static bool is_literal(const Node& node) {
    return node.kind == NodeKind::kBool || node.kind == NodeKind::kLong || node.kind == NodeKind::kString || node.kind == NodeKind::kEntity;
  }

  // context.a.b: the whole tells all.
  bool is_path(NodeId id) const {
    while (syntax_.tree.nodes[id].kind == NodeKind::kGetAttr) id = syntax_.tree.nodes[id].a;
    return syntax_.tree.nodes[id].kind == NodeKind::kVariable;
  }

  std::uint32_t child(const Node& node, std::uint32_t i) const { return syntax_.tree.children[node.first_child + i]; }

  TermTrace evaluate(NodeId id, Known& known) {
    const Node node = syntax_.tree.nodes[id];  // a copy: run() adds nodes
    const Place place = set_.sources[source_]->place(node.offset);
    TermTrace term{.text = text_of(id), .value = {}, .line = place.line, .column = place.column};
    // Equal to itself, unless it fails.
    Node same;
    same.kind = NodeKind::kBinary;
    same.operation = BinaryOperation::kEqual;
    same.offset = node.offset;
    same.a = id;
    same.b = id;
    if (std::string failure; !run(same, nullptr, failure)) {
      term.value = failure;
      term.failed = true;
      known = Known::kError;
      return term;
    }
    // A record is no Bool, so the run ends with it on the stack.
    Node record;
    record.kind = NodeKind::kRecord;
    record.offset = node.offset;
    record.first_child = static_cast<std::uint32_t>(syntax_.tree.children.size());
    record.child_count = 2;
    syntax_.tree.strings.emplace_back("v");
    syntax_.tree.children.push_back(static_cast<std::uint32_t>(syntax_.tree.strings.size() - 1));
    syntax_.tree.children.push_back(id);
    std::string ignored;
    run(record, &term.value, ignored, &known);
    syntax_.tree.children.resize(syntax_.tree.children.size() - 2);
    syntax_.tree.strings.pop_back();
    return term;
  }

  // Runs one more node as the only condition of a policy. False: it failed. `told` gets the field v of the record that lay on the
  // stack at the end.
  bool run(const Node& extra, std::string* told, std::string& failure, Known* known = nullptr) {
    syntax_.tree.nodes.push_back(extra);
    syntax_.conditions = {{.unless = true, .body = static_cast<NodeId>(syntax_.tree.nodes.size() - 1), .offset = extra.offset}};
    CompiledPolicies program;
    program.sources = {set_.sources[source_]};
    CompiledPolicy compiled = Compiler(program, syntax_).compile();
    compiled.source = 0;
    EvaluationStack stack(program, arena_);
    Evaluator evaluator(program, request_, entities_, arena_, stack.values());
    const Outcome outcome = evaluator.run(compiled);
    if (outcome == Outcome::kFailed) failure = evaluator.failure(compiled);
    // Told at once: the value may be a view of what the evaluator and the program hold.
    const Value& left = stack.values()[0];
    if (told != nullptr && left.kind() == Value::Kind::kRecord) {
      if (const Value* found = find_field(ValueAccess::record(left), "v", hash_name("v"))) {
        *told = to_text(*found);
        if (found->kind() == Value::Kind::kBool) *known = found->as_bool() ? Known::kTrue : Known::kFalse;
      }
    }
    syntax_.tree.nodes.pop_back();
    return outcome != Outcome::kFailed;
  }

  std::string text_of(NodeId id) const {
    PolicySyntax one;
    one.tree = syntax_.tree;
    one.conditions.push_back({.unless = false, .body = id, .offset = 0});
    const std::string whole = write_policy_text(one);
    const std::size_t open = whole.find('{');
    const std::size_t close = whole.rfind('}');
    if (open == std::string::npos || close == std::string::npos || close <= open) return whole;
    std::string_view inner = std::string_view(whole).substr(open + 1, close - open - 1);
    while (!inner.empty() && (inner.front() == ' ' || inner.front() == '\n')) inner.remove_prefix(1);
    while (!inner.empty() && (inner.back() == ' ' || inner.back() == '\n')) inner.remove_suffix(1);
    return std::string(inner);
  }

  std::string place_text(const Node& node) const {
    const SourceText& source = *set_.sources[source_];
    const Place place = source.place(node.offset);
    return source.name() + ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
  }

  const CompiledPolicies& set_;
  const Request& request_;
  const EntityStore* entities_;
  Arena arena_;
  PolicySyntax syntax_;  // of the policy at hand; its conditions give way to what is run
  std::uint32_t source_ = 0;
  std::size_t terms_ = 0;
  std::string error_;
};

}  // namespace

std::vector<PolicyTrace> trace(const PolicySet& policies, const Request& request, const Entities& entities) {
  std::vector<PolicyTrace> out;
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  if (set == nullptr) return out;
  for (std::size_t i = 0; i < set->policies.size(); ++i) {
    if (set->policies[i].is_template()) continue;
    out.push_back(Tracer(*set, request, EntitiesAccess::store(entities)).trace(i));
  }
  return out;
}

}  // namespace interlock::cedar
