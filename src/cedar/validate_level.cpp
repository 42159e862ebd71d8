// Level validation (RFC 76 of Cedar): with level n, the data of n lookups from the request is enough to evaluate a policy.
#include "cedar/validate_level.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

class LevelChecker {
 public:
  LevelChecker(const CheckTree& tree, const std::vector<std::optional<CheckedType>>& types, const TypeTable& table,
               const Environment& environment, std::uint32_t level, std::vector<TypeFault>& faults)
      : tree_(tree), types_(types), table_(table), environment_(environment), level_(level), faults_(faults) {}

  void check(NodeId id) {
    // What no evaluation reaches has no type.
    if (!types_[id]) return;
    const Node& node = tree_.node(id);
    switch (node.kind) {
      case NodeKind::kBool:
      case NodeKind::kLong:
      case NodeKind::kString:
      case NodeKind::kEntity:
      case NodeKind::kVariable:
      case NodeKind::kSlot: return;
      case NodeKind::kBinary:
        if (node.operation == BinaryOperation::kIn || node.operation == BinaryOperation::kHasTag ||
            node.operation == BinaryOperation::kGetTag) {
          look_up(node, node.a);
        } else {
          check(node.a);
        }
        check(node.b);
        return;
      case NodeKind::kGetAttr:
      case NodeKind::kHasAttr: is_entity(node.a) ? look_up(node, node.a) : check(node.a); return;
      case NodeKind::kNot:
      case NodeKind::kNegate:
      case NodeKind::kIsEmpty:
      case NodeKind::kLike:
      case NodeKind::kIs: check(node.a); return;
      case NodeKind::kRecord:
        for (std::uint32_t i = 1; i < node.child_count; i += 2) check(tree_.child(node, i));
        return;
      default:
        for (std::uint32_t i = 0; i < node.child_count; ++i) check(tree_.child(node, i));
    }
  }

 private:
  bool is_entity(NodeId id) const {
    if (!types_[id] || *types_[id] == kNoCheckedType) return false;
    TypeEntry::Kind kind = table_.kind(*types_[id]);
    return kind == TypeEntry::Kind::kEntity || kind == TypeEntry::Kind::kAnyEntity;
  }

  void look_up(const Node& node, NodeId target) {
    std::uint32_t far = distance(target, {});
    if (far < level_) return;
    faults_.push_back({FindingKind::kLevelExceeded,
                       node.offset,
                       "this looks up an entity at level " + std::to_string(far + 1) + ", more than " + std::to_string(level_),
                       {}});
  }

  // How many lookups the entity that `id` gives is away from the request. `path`: attributes of records still to be taken, the
  // next one last.
  std::uint32_t distance(NodeId id, std::vector<std::string_view> path) {
    if (!types_[id]) return 0;
    const Node& node = tree_.node(id);
    switch (node.kind) {
      case NodeKind::kVariable: return 0;
      case NodeKind::kSlot: return not_from_request(node);
      case NodeKind::kEntity: {
        const EntityUid& action = environment_.action->uid;
        bool is_action = tree_.tree.strings[node.a] == action.type() && tree_.tree.strings[node.b] == action.id();
        return is_action ? 0 : not_from_request(node);
      }
      case NodeKind::kIf:
        check(tree_.child(node, 0));
        return std::max(distance(tree_.child(node, 1), path), distance(tree_.child(node, 2), path));
      case NodeKind::kGetAttr:
        if (is_entity(node.a)) return distance(node.a, std::move(path)) + 1;
        path.push_back(tree_.tree.strings[node.b]);
        return distance(node.a, std::move(path));
      case NodeKind::kBinary: {
        std::uint32_t far = distance(node.a, std::move(path)) + 1;  // a tag
        check(node.b);
        return far;
      }
      case NodeKind::kRecord: {
        std::string_view wanted = path.empty() ? std::string_view() : path.back();
        if (!path.empty()) path.pop_back();
        std::uint32_t far = 0;
        for (std::uint32_t i = 0; i < node.child_count; i += 2) {
          bool taken = tree_.tree.strings[tree_.child(node, i)] == wanted;
          taken ? static_cast<void>(far = distance(tree_.child(node, i + 1), path)) : check(tree_.child(node, i + 1));
        }
        return far;
      }
      default: return 0;
    }
  }

  std::uint32_t not_from_request(const Node& node) {
    faults_.push_back({FindingKind::kLevelExceeded, node.offset, "an entity that is written in the policy is looked up",
                       "with a level, only what the request names may be looked up"});
    return 0;
  }

  const CheckTree& tree_;
  const std::vector<std::optional<CheckedType>>& types_;
  const TypeTable& table_;
  const Environment& environment_;
  std::uint32_t level_;
  std::vector<TypeFault>& faults_;
};

}  // namespace

void check_level(const CheckTree& tree, const std::vector<std::optional<CheckedType>>& types, const TypeTable& table,
                 const Environment& environment, std::uint32_t level, std::vector<TypeFault>& faults) {
  LevelChecker(tree, types, table, environment, level, faults).check(tree.root);
}

}  // namespace interlock::cedar
