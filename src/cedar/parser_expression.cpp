// Expressions: precedence by one function a level, chains by loops, nesting by recursion with a bound.
#include <charconv>
#include <unordered_set>

#include "cedar/parser.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kMaxUnaryRun = 4;  // !!!!x is the language's own limit
constexpr std::uint64_t kMinimumMagnitude = std::uint64_t{1} << 63;

struct SetMethod {
  std::string_view name;
  BinaryOperation operation;
};
constexpr SetMethod kMethods[] = {
    {"contains", BinaryOperation::kContains},       {"containsAll", BinaryOperation::kContainsAll},
    {"containsAny", BinaryOperation::kContainsAny}, {"getTag", BinaryOperation::kGetTag},
    {"hasTag", BinaryOperation::kHasTag},
};

bool is_method(std::string_view name) {
  if (name == "isEmpty") return true;
  for (const SetMethod& method : kMethods) {
    if (method.name == name) return true;
  }
  const ExtensionSignature* signature = find_extension(name);
  return signature != nullptr && signature->is_method;
}

// What lookup failed for, with the nearest thing that exists.
std::string method_hint(std::string_view name) {
  const ExtensionSignature* signature = find_extension(name);
  if (signature != nullptr && !signature->is_method) {
    return "`" + std::string(name) + "` is a function: write " + std::string(name) + "(...)";
  }
  return "the methods are contains, containsAll, containsAny, isEmpty, getTag, hasTag and those of the extension types";
}

}  // namespace

std::string Parser::Name::text() const {
  std::string out;
  for (std::string_view part : parts) {
    if (!out.empty()) out += "::";
    out += part;
  }
  return is_entity ? out + "::" + quoted(id) : out;
}

NodeId Parser::add(Node node) {
  tree_->nodes.push_back(node);
  return static_cast<NodeId>(tree_->nodes.size() - 1);
}

std::uint32_t Parser::add_string(std::string text) {
  tree_->strings.push_back(std::move(text));
  return static_cast<std::uint32_t>(tree_->strings.size() - 1);
}

NodeId Parser::add_children(NodeKind kind, std::uint32_t offset, const std::vector<std::uint32_t>& children) {
  Node node;
  node.kind = kind;
  node.offset = offset;
  node.first_child = static_cast<std::uint32_t>(tree_->children.size());
  node.child_count = static_cast<std::uint32_t>(children.size());
  tree_->children.insert(tree_->children.end(), children.begin(), children.end());
  return add(node);
}

NodeId Parser::add_binary(BinaryOperation operation, std::uint32_t offset, NodeId a, NodeId b) {
  Node node;
  node.kind = NodeKind::kBinary;
  node.operation = operation;
  node.offset = offset;
  node.a = a;
  node.b = b;
  return add(node);
}

bool Parser::enter() {
  if (++depth_ <= kMaxNestingDepth) return true;
  --depth_;
  return report(current_.offset, "the expression is nested deeper than " + std::to_string(kMaxNestingDepth) + " levels",
                "split the policy");
}

NodeId Parser::parse_expression() {
  if (!enter()) return kNoNode;
  NodeId node = at_word("if") ? parse_if() : parse_or();
  leave();
  return node;
}

NodeId Parser::parse_if() {
  std::uint32_t offset = current_.offset;
  advance();
  NodeId condition = parse_expression();
  if (condition == kNoNode) return kNoNode;
  if (!at_word("then")) return report_expected("an operator or `then`"), kNoNode;
  advance();
  NodeId then = parse_expression();
  if (then == kNoNode) return kNoNode;
  if (!at_word("else")) return report_expected("an operator or `else`", "an `if` always has an `else`"), kNoNode;
  advance();
  NodeId otherwise = parse_expression();
  if (otherwise == kNoNode) return kNoNode;
  return add_children(NodeKind::kIf, offset, {condition, then, otherwise});
}

NodeId Parser::parse_or() {
  std::uint32_t offset = current_.offset;
  NodeId first = parse_and();
  if (first == kNoNode || !at(TokenKind::kOr)) return first;
  std::vector<std::uint32_t> terms{first};
  while (take(TokenKind::kOr)) {
    NodeId term = parse_and();
    if (term == kNoNode) return kNoNode;
    terms.push_back(term);
  }
  return add_children(NodeKind::kOr, offset, terms);
}

NodeId Parser::parse_and() {
  std::uint32_t offset = current_.offset;
  NodeId first = parse_relation();
  if (first == kNoNode || !at(TokenKind::kAnd)) return first;
  std::vector<std::uint32_t> terms{first};
  while (take(TokenKind::kAnd)) {
    NodeId term = parse_relation();
    if (term == kNoNode) return kNoNode;
    terms.push_back(term);
  }
  return add_children(NodeKind::kAnd, offset, terms);
}

NodeId Parser::parse_relation() {
  NodeId left = parse_sum();
  if (left == kNoNode) return kNoNode;
  bool is_relation = false;
  NodeId whole = parse_relation_tail(left, is_relation);
  if (whole == kNoNode || !is_relation) return whole;
  static constexpr TokenKind kRelations[] = {TokenKind::kEqual,   TokenKind::kNotEqual,     TokenKind::kLess,  TokenKind::kLessEqual,
                                             TokenKind::kGreater, TokenKind::kGreaterEqual, TokenKind::kAssign};
  bool another = at_word("in") || at_word("has") || at_word("like") || at_word("is");
  for (TokenKind relation : kRelations) another = another || at(relation);
  if (another) {
    return report(current_.offset, "comparisons can't be chained: " + found() + " follows another one",
                  "use parentheses, or `&&` between two comparisons"),
           kNoNode;
  }
  return whole;
}

NodeId Parser::parse_relation_tail(NodeId left, bool& is_relation) {
  struct Relation {
    TokenKind token;
    BinaryOperation operation;
  };
  static constexpr Relation kRelations[] = {
      {TokenKind::kEqual, BinaryOperation::kEqual},     {TokenKind::kNotEqual, BinaryOperation::kNotEqual},
      {TokenKind::kLess, BinaryOperation::kLess},       {TokenKind::kLessEqual, BinaryOperation::kLessEqual},
      {TokenKind::kGreater, BinaryOperation::kGreater}, {TokenKind::kGreaterEqual, BinaryOperation::kGreaterEqual},
  };
  std::uint32_t offset = current_.offset;
  if (at(TokenKind::kAssign)) return report(offset, "`=` is no operator", "write `==`"), kNoNode;
  is_relation = true;
  for (const Relation& relation : kRelations) {
    if (!take(relation.token)) continue;
    NodeId right = parse_sum();
    return right == kNoNode ? kNoNode : add_binary(relation.operation, offset, left, right);
  }
  if (at_word("in")) {
    advance();
    NodeId right = parse_sum();
    return right == kNoNode ? kNoNode : add_binary(BinaryOperation::kIn, offset, left, right);
  }
  if (at_word("has")) return advance(), parse_has(left, offset);
  if (at_word("like")) return advance(), parse_like(left, offset);
  if (at_word("is")) return advance(), parse_is(left, offset);
  is_relation = false;
  return left;
}

NodeId Parser::parse_has(NodeId target, std::uint32_t offset) {
  constexpr std::string_view kHint = "`has` takes a name, a path of names (has a.b.c) or a string";
  std::vector<std::uint32_t> names;
  if (at(TokenKind::kString)) {
    std::string name;
    if (!read_string(name)) return kNoNode;
    names.push_back(add_string(std::move(name)));
  } else {
    do {
      std::string_view name;
      if (!parse_attribute_name(name, names.empty() ? "`has`" : "`.`")) return kNoNode;
      names.push_back(add_string(std::string(name)));
    } while (take(TokenKind::kDot));
  }
  static constexpr TokenKind kNotBehind[] = {TokenKind::kPlus,      TokenKind::kMinus,       TokenKind::kStar,
                                             TokenKind::kSlash,     TokenKind::kPercent,     TokenKind::kDot,
                                             TokenKind::kOpenParen, TokenKind::kOpenBracket, TokenKind::kPath};
  for (TokenKind kind : kNotBehind) {
    if (at(kind)) return report(current_.offset, found() + " can't follow what `has` names", std::string(kHint)), kNoNode;
  }
  NodeId node = add_children(NodeKind::kHasAttr, offset, names);
  tree_->nodes[node].a = target;
  return node;
}

NodeId Parser::parse_like(NodeId target, std::uint32_t offset) {
  if (!at(TokenKind::kString))
    return report_expected("a pattern after `like`", "a pattern is a string literal in which * stands for any text"), kNoNode;
  std::string_view raw = current_.text.substr(1, current_.text.size() - 2);
  auto pattern = unescape_pattern(raw);
  if (!pattern) return report(current_.offset + 1 + static_cast<std::uint32_t>(pattern.error().offset), pattern.error().message), kNoNode;
  advance();
  static constexpr TokenKind kNotBehind[] = {TokenKind::kPlus,    TokenKind::kMinus, TokenKind::kStar,      TokenKind::kSlash,
                                             TokenKind::kPercent, TokenKind::kDot,   TokenKind::kOpenParen, TokenKind::kOpenBracket};
  for (TokenKind kind : kNotBehind) {
    if (at(kind)) return report(current_.offset, found() + " can't follow a pattern", "a pattern is one string literal"), kNoNode;
  }
  tree_->patterns.push_back(std::move(*pattern));
  Node node;
  node.kind = NodeKind::kLike;
  node.offset = offset;
  node.a = target;
  node.b = static_cast<std::uint32_t>(tree_->patterns.size() - 1);
  return add(node);
}

NodeId Parser::parse_is(NodeId target, std::uint32_t offset) {
  if (!at(TokenKind::kIdentifier)) return report_expected("an entity type after `is`"), kNoNode;
  Name type;
  if (!parse_name(type)) return kNoNode;
  if (type.is_entity)
    return report(type.offset, "expected an entity type after `is`, found the entity " + type.text(), "compare with an entity by `==`"),
           kNoNode;
  Node node;
  node.kind = NodeKind::kIs;
  node.offset = offset;
  node.a = target;
  node.b = add_string(type.text());
  if (at_word("in")) {
    advance();
    node.c = parse_sum();
    if (node.c == kNoNode) return kNoNode;
  } else {
    static constexpr TokenKind kNotBehind[] = {TokenKind::kPlus,    TokenKind::kMinus, TokenKind::kStar,      TokenKind::kSlash,
                                               TokenKind::kPercent, TokenKind::kDot,   TokenKind::kOpenParen, TokenKind::kOpenBracket};
    for (TokenKind kind : kNotBehind) {
      if (at(kind)) return report(current_.offset, found() + " can't follow an entity type"), kNoNode;
    }
  }
  return add(node);
}

NodeId Parser::parse_sum() {
  NodeId left = parse_product();
  while (left != kNoNode && (at(TokenKind::kPlus) || at(TokenKind::kMinus))) {
    BinaryOperation operation = at(TokenKind::kPlus) ? BinaryOperation::kAdd : BinaryOperation::kSubtract;
    std::uint32_t offset = current_.offset;
    advance();
    NodeId right = parse_product();
    if (right == kNoNode) return kNoNode;
    left = add_binary(operation, offset, left, right);
  }
  return left;
}

NodeId Parser::parse_product() {
  NodeId left = parse_unary();
  while (left != kNoNode && (at(TokenKind::kStar) || at(TokenKind::kSlash) || at(TokenKind::kPercent))) {
    std::uint32_t offset = current_.offset;
    if (!at(TokenKind::kStar))
      return report(offset, "Cedar has no " + std::string(at(TokenKind::kSlash) ? "division" : "remainder"),
                    "the arithmetic operators are + - *"),
             kNoNode;
    advance();
    NodeId right = parse_unary();
    if (right == kNoNode) return kNoNode;
    left = add_binary(BinaryOperation::kMultiply, offset, left, right);
  }
  return left;
}

NodeId Parser::parse_unary() {
  if (!at(TokenKind::kBang) && !at(TokenKind::kMinus)) return parse_member();
  TokenKind kind = current_.kind;
  std::uint32_t offsets[kMaxUnaryRun];
  std::size_t count = 0;
  while (at(kind)) {
    if (count == kMaxUnaryRun)
      return report(current_.offset, "more than four " + found() + " in a row", "the language allows four"), kNoNode;
    offsets[count++] = current_.offset;
    advance();
  }
  NodeId inner = kNoNode;
  if (kind == TokenKind::kMinus && at(TokenKind::kNumber) && !number_is_accessed()) {
    // The last minus belongs to the number, so that the smallest Long can be written.
    inner = parse_integer(true, offsets[count - 1]);
    --count;
  } else {
    inner = parse_member();
  }
  for (std::size_t i = count; inner != kNoNode && i > 0; --i) {
    Node node;
    node.kind = kind == TokenKind::kBang ? NodeKind::kNot : NodeKind::kNegate;
    node.offset = offsets[i - 1];
    node.a = inner;
    inner = add(node);
  }
  return inner;
}

bool Parser::number_is_accessed() const {
  Lexer ahead = lexer_;
  TokenKind next = ahead.next().kind;
  return next == TokenKind::kDot || next == TokenKind::kOpenBracket || next == TokenKind::kOpenParen;
}

NodeId Parser::parse_integer(bool negative, std::uint32_t offset) {
  std::uint64_t magnitude = 0;
  auto [end, error] = std::from_chars(current_.text.data(), current_.text.data() + current_.text.size(), magnitude);
  if (error != std::errc{} || magnitude > kMinimumMagnitude - (negative ? 0 : 1)) {
    return report(offset, "the number does not fit 64 bits", "a Long goes from -9223372036854775808 to 9223372036854775807"), kNoNode;
  }
  Node node;
  node.kind = NodeKind::kLong;
  node.offset = offset;
  node.number = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  advance();
  return add(node);
}

NodeId Parser::parse_member() {
  NodeId head = parse_primary();
  return head == kNoNode ? kNoNode : parse_accesses(head);
}

NodeId Parser::parse_accesses(NodeId head) {
  for (;;) {
    std::uint32_t offset = current_.offset;
    if (take(TokenKind::kDot)) {
      std::string_view name;
      offset = current_.offset;
      if (!parse_attribute_name(name, "`.`")) return kNoNode;
      if (at(TokenKind::kOpenParen)) {
        head = parse_method(head, name, offset);
        if (head == kNoNode) return kNoNode;
        continue;
      }
      Node node;
      node.kind = NodeKind::kGetAttr;
      node.offset = offset;
      node.a = head;
      node.b = add_string(std::string(name));
      head = add(node);
    } else if (take(TokenKind::kOpenBracket)) {
      if (!at(TokenKind::kString))
        return report_expected("an attribute's name as a string", "`[...]` takes a string literal, as in context[\"name\"]"), kNoNode;
      Node node;
      node.kind = NodeKind::kGetAttr;
      node.offset = offset;
      node.a = head;
      std::string name;
      if (!read_string(name)) return kNoNode;
      node.b = add_string(std::move(name));
      if (!expect(TokenKind::kCloseBracket, "`]`", "`[...]` takes one string literal")) return kNoNode;
      head = add(node);
    } else if (at(TokenKind::kOpenParen)) {
      return report(offset, "this is no function and can't be called"), kNoNode;
    } else {
      return head;
    }
  }
}

NodeId Parser::parse_method(NodeId receiver, std::string_view name, std::uint32_t offset) {
  if (!is_method(name)) return report(offset, "there is no method `" + std::string(name) + "`", method_hint(name)), kNoNode;
  advance();
  std::vector<std::uint32_t> arguments;
  if (!parse_list(TokenKind::kCloseParen, "`,` or `)`", arguments)) return kNoNode;
  auto wrong_count = [&](std::size_t wanted) {
    report(offset, "`" + std::string(name) + "` takes " + std::to_string(wanted) + " argument(s), got " + std::to_string(arguments.size()));
    return kNoNode;
  };
  if (name == "isEmpty") {
    if (!arguments.empty()) return wrong_count(0);
    Node node;
    node.kind = NodeKind::kIsEmpty;
    node.offset = offset;
    node.a = receiver;
    return add(node);
  }
  for (const SetMethod& method : kMethods) {
    if (method.name != name) continue;
    if (arguments.size() != 1) return wrong_count(1);
    return add_binary(method.operation, offset, receiver, arguments[0]);
  }
  // A wrong number of arguments for an extension's method is a run-time error, as upstream has it.
  arguments.insert(arguments.begin(), receiver);
  NodeId node = add_children(NodeKind::kCall, offset, arguments);
  tree_->nodes[node].function = find_extension(name)->function;
  return node;
}

bool Parser::parse_list(TokenKind close, std::string_view close_text, std::vector<std::uint32_t>& items) {
  while (!at(close)) {
    NodeId item = parse_expression();
    if (item == kNoNode) return false;
    items.push_back(item);
    if (!take(TokenKind::kComma)) break;
  }
  return expect(close, close_text);
}

NodeId Parser::parse_primary() {
  std::uint32_t offset = current_.offset;
  switch (current_.kind) {
    case TokenKind::kNumber: return parse_integer(false, offset);
    case TokenKind::kString: {
      Node node;
      node.kind = NodeKind::kString;
      node.offset = offset;
      std::string text;
      if (!read_string(text)) return kNoNode;
      node.a = add_string(std::move(text));
      return add(node);
    }
    case TokenKind::kOpenParen: {
      advance();
      NodeId inner = parse_expression();
      if (inner == kNoNode || !expect(TokenKind::kCloseParen, "an operator or `)`")) return kNoNode;
      return inner;
    }
    case TokenKind::kOpenBracket: {
      advance();
      std::vector<std::uint32_t> items;
      if (!parse_list(TokenKind::kCloseBracket, "an operator, `,` or `]`", items)) return kNoNode;
      return add_children(NodeKind::kSet, offset, items);
    }
    case TokenKind::kOpenBrace: return parse_record();
    case TokenKind::kSlot:
      return report(offset, "a slot is not allowed in a condition", "slots stand in the scope: principal == ?principal"), kNoNode;
    case TokenKind::kIdentifier: return parse_named();
    default: return report_expected("an expression"), kNoNode;
  }
}

NodeId Parser::parse_named() {
  std::uint32_t offset = current_.offset;
  Node node;
  node.offset = offset;
  if (at_word("if")) return report(offset, "an `if` inside an expression needs parentheses", "write (if ... then ... else ...)"), kNoNode;
  if (at_word("true") || at_word("false")) {
    node.kind = NodeKind::kBool;
    node.number = at_word("true") ? 1 : 0;
    advance();
    if (at(TokenKind::kPath)) return report(offset, "`true` and `false` are no names"), kNoNode;
    return add(node);
  }
  Name name;
  if (!parse_name(name)) return kNoNode;
  if (name.is_entity) {
    node.kind = NodeKind::kEntity;
    name.is_entity = false;
    node.a = add_string(name.text());
    node.b = add_string(std::move(name.id));
    return add(node);
  }
  if (name.parts.size() == 1) {
    static constexpr std::string_view kVariables[] = {"principal", "action", "resource", "context"};
    for (std::size_t i = 0; i < std::size(kVariables); ++i) {
      if (name.parts[0] != kVariables[i]) continue;
      node.kind = NodeKind::kVariable;
      node.variable = static_cast<Variable>(i);
      return add(node);
    }
  }
  if (at(TokenKind::kOpenParen)) return parse_function(name);
  std::string text = name.text();
  return report(offset, "`" + text + "` is no variable",
                "the variables are principal, action, resource and context; a string is written \"" + text + "\", an entity " + text +
                    "::\"id\""),
         kNoNode;
}

NodeId Parser::parse_function(const Name& name) {
  std::string text = name.text();
  const ExtensionSignature* signature = find_extension(text);
  if (is_method(text)) return report(name.offset, "`" + text + "` is a method", "write value." + text + "(...)"), kNoNode;
  if (signature == nullptr)
    return report(name.offset, "there is no function `" + text + "`", "the functions are ip, decimal, datetime and duration"), kNoNode;
  advance();
  std::vector<std::uint32_t> arguments;
  if (!parse_list(TokenKind::kCloseParen, "`,` or `)`", arguments)) return kNoNode;
  NodeId node = add_children(NodeKind::kCall, name.offset, arguments);
  tree_->nodes[node].function = signature->function;
  return node;
}

NodeId Parser::parse_record() {
  std::uint32_t offset = current_.offset;
  advance();
  std::vector<std::uint32_t> members;
  std::unordered_set<std::string> names;
  while (!at(TokenKind::kCloseBrace)) {
    std::uint32_t key_offset = current_.offset;
    std::string key;
    if (at(TokenKind::kString)) {
      if (!read_string(key)) return kNoNode;
    } else if (at(TokenKind::kIdentifier)) {
      std::string_view name;
      if (!parse_attribute_name(name, "`{`")) return kNoNode;
      key = name;
    } else {
      return report_expected("a field's name", "a record is written {name: value, \"other name\": value}"), kNoNode;
    }
    if (!expect(TokenKind::kColon, "`:` after the field's name")) return kNoNode;
    if (!names.insert(key).second) return report(key_offset, "the record has the field " + quoted(key) + " twice"), kNoNode;
    NodeId value = parse_expression();
    if (value == kNoNode) return kNoNode;
    members.push_back(add_string(std::move(key)));
    members.push_back(value);
    if (!take(TokenKind::kComma)) break;
  }
  if (!expect(TokenKind::kCloseBrace, "an operator, `,` or `}`")) return kNoNode;
  return add_children(NodeKind::kRecord, offset, members);
}

bool Parser::parse_name(Name& name) {
  name.offset = current_.offset;
  for (;;) {
    if (!at(TokenKind::kIdentifier)) return report_expected("a name");
    if (is_reserved_word(current_.text))
      return report(current_.offset, "`" + std::string(current_.text) + "` is a reserved word and can't be a name");
    if (is_reserved_name(current_.text)) return report(current_.offset, "`" + std::string(current_.text) + "` is reserved");
    name.parts.push_back(current_.text);
    advance();
    if (!take(TokenKind::kPath)) return true;
    if (at(TokenKind::kString)) {
      name.is_entity = true;
      return read_string(name.id);
    }
    if (at(TokenKind::kOpenBrace)) return report(current_.offset, "an entity's id is a string", "write Type::\"id\"");
  }
}

bool Parser::parse_attribute_name(std::string_view& name, std::string_view after) {
  if (!at(TokenKind::kIdentifier)) return report_expected("a name after " + std::string(after));
  std::string word(current_.text);
  if (is_reserved_word(word))
    return report(current_.offset, "`" + word + "` is a reserved word and can't be a name here",
                  "write it as a string: [\"" + word + "\"], has \"" + word + "\", {\"" + word + "\": ...}");
  if (is_reserved_name(word)) return report(current_.offset, "`" + word + "` is reserved");
  name = current_.text;
  advance();
  return true;
}

}  // namespace interlock::cedar
