// Values as expressions, so that what is known stands in a residual policy.
#include "cedar/partial_reducer.hpp"

namespace interlock::cedar {
namespace {

// A larger value is left as the expression that gives it: residuals stay readable, and about as long as their policies.
constexpr std::size_t kMaxLiteralParts = 64;
constexpr std::size_t kMaxLiteralTextBytes = 256;
constexpr int kMaxLiteralDepth = 8;

bool is_short_text(std::string_view text) { return text.size() <= kMaxLiteralTextBytes && is_valid_utf8(text); }

}  // namespace

NodeId Reducer::add(const Node& node) {
  tree_.nodes.push_back(node);
  return static_cast<NodeId>(tree_.nodes.size() - 1);
}

NodeId Reducer::add_with_children(Node node, std::span<const std::uint32_t> children) {
  node.first_child = static_cast<std::uint32_t>(tree_.children.size());
  node.child_count = static_cast<std::uint32_t>(children.size());
  tree_.children.insert(tree_.children.end(), children.begin(), children.end());
  return add(node);
}

std::uint32_t Reducer::add_string(std::string_view text) {
  tree_.strings.emplace_back(text);
  return static_cast<std::uint32_t>(tree_.strings.size() - 1);
}

NodeId Reducer::add_string_node(std::string_view text, std::uint32_t offset) {
  Node node;
  node.kind = NodeKind::kString;
  node.offset = offset;
  node.a = add_string(text);
  return add(node);
}

NodeId Reducer::literal_call(ExtensionFunction function, std::vector<NodeId> arguments, std::uint32_t offset) {
  Node node;
  node.kind = NodeKind::kCall;
  node.function = function;
  node.offset = offset;
  return add_with_children(node, arguments);
}

std::optional<NodeId> Reducer::literal(const Value& value, std::uint32_t offset) {
  Value solid;
  if (!solidify(arena_, value, solid)) return std::nullopt;
  std::size_t parts = 0;
  return literal_of(solid, offset, 0, parts);
}

std::optional<NodeId> Reducer::literal_of(const Value& value, std::uint32_t offset, int depth, std::size_t& parts) {
  using Kind = Value::Kind;
  if (++parts > kMaxLiteralParts || depth > kMaxLiteralDepth) return std::nullopt;
  Node node;
  node.offset = offset;
  auto duration = [&](std::int64_t ms) {
    return literal_call(ExtensionFunction::kDuration, {add_string_node(std::to_string(ms) + "ms", offset)}, offset);
  };
  switch (value.kind()) {
    case Kind::kBool:
      node.kind = NodeKind::kBool;
      node.number = value.as_bool() ? 1 : 0;
      return add(node);
    case Kind::kLong:
      node.kind = NodeKind::kLong;
      node.number = value.as_integer();
      return add(node);
    case Kind::kString:
      if (!is_short_text(value.as_string())) return std::nullopt;
      return add_string_node(value.as_string(), offset);
    case Kind::kEntity: {
      const UidData& uid = ValueAccess::uid(value);
      if (!is_short_text(uid.type) || !is_short_text(uid.id) || !is_type_name(uid.type)) return std::nullopt;
      node.kind = NodeKind::kEntity;
      node.a = add_string(uid.type);
      node.b = add_string(uid.id);
      return add(node);
    }
    case Kind::kSet: {
      std::vector<NodeId> items;
      for (const Value& each : ValueAccess::set(value).items) {
        std::optional<NodeId> item = literal_of(each, offset, depth + 1, parts);
        if (!item) return std::nullopt;
        items.push_back(*item);
      }
      node.kind = NodeKind::kSet;
      return add_with_children(node, items);
    }
    case Kind::kRecord: {
      std::vector<std::uint32_t> fields;
      for (const RecordField& each : ValueAccess::record(value).fields) {
        if (!is_short_text(each.name)) return std::nullopt;
        std::optional<NodeId> field = literal_of(each.value, offset, depth + 1, parts);
        if (!field) return std::nullopt;
        fields.push_back(add_string(each.name));
        fields.push_back(*field);
      }
      node.kind = NodeKind::kRecord;
      return add_with_children(node, fields);
    }
    case Kind::kDecimal:
      return literal_call(ExtensionFunction::kDecimal, {add_string_node(decimal_text(value.as_integer()), offset)}, offset);
    case Kind::kDatetime: {
      // Not every moment has a literal of its own.
      NodeId epoch = literal_call(ExtensionFunction::kDatetime, {add_string_node("1970-01-01", offset)}, offset);
      return literal_call(ExtensionFunction::kOffset, {epoch, duration(value.as_integer())}, offset);
    }
    case Kind::kDuration: return duration(value.as_integer());
    case Kind::kIp: return literal_call(ExtensionFunction::kIp, {add_string_node(ip_text(ValueAccess::ip(value)), offset)}, offset);
    case Kind::kUnrepresentable: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace interlock::cedar
