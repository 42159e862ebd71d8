// Policies: annotations, effect, scope, conditions. Expressions are in parser_expression.cpp.
#include <algorithm>

#include "cedar/parser.hpp"

namespace interlock::cedar {
namespace {

// The type of an action is `Action`, in any namespace.
bool is_action_type(std::string_view type) {
  std::size_t last = type.rfind("::");
  return (last == std::string_view::npos ? type : type.substr(last + 2)) == "Action";
}

}  // namespace

void Parser::skip_policy() {
  while (!at(TokenKind::kSemicolon) && !at(TokenKind::kEnd)) advance();
  take(TokenKind::kSemicolon);
}

bool Parser::parse_policies(std::vector<PolicySyntax>& policies, std::size_t max_policies) {
  if (!start()) return false;
  bool good = true;
  while (!at(TokenKind::kEnd) && !diagnostics_.full()) {
    if (policies.size() >= max_policies) {
      return report(current_.offset, "the set has more than " + std::to_string(max_policies) + " policies");
    }
    PolicySyntax policy;
    depth_ = 0;
    if (parse_policy(policy)) {
      policies.push_back(std::move(policy));
    } else {
      good = false;
      skip_policy();
    }
  }
  return good;
}

bool Parser::parse_policy(PolicySyntax& policy) {
  tree_ = &policy.tree;
  policy.offset = current_.offset;
  if (!read_annotations(policy.annotations)) return false;
  if (at_word("permit")) {
    policy.effect = Effect::kPermit;
  } else if (at_word("forbid")) {
    policy.effect = Effect::kForbid;
  } else {
    return report_expected("`permit` or `forbid`", "a policy begins with its effect: permit (principal, action, resource);");
  }
  advance();
  if (!parse_scope(policy)) return false;
  while (at(TokenKind::kIdentifier)) {
    if (!parse_condition(policy)) return false;
  }
  if (!expect(TokenKind::kSemicolon, "`when`, `unless` or `;`", "each policy ends with a semicolon")) return false;
  policy.end = previous_end_;
  return true;
}

bool Parser::parse_scope(PolicySyntax& policy) {
  if (!expect(TokenKind::kOpenParen, "`(` and the scope", "the scope is (principal, action, resource)")) return false;
  struct Part {
    std::string_view name;
    ScopeConstraint* constraint;
  };
  Part parts[] = {{"principal", &policy.principal}, {"action", &policy.action}, {"resource", &policy.resource}};
  for (const Part& part : parts) {
    if (!parse_scope_variable(part.name, *part.constraint)) return false;
    bool last = part.constraint == &policy.resource;
    if (take(TokenKind::kComma)) continue;
    if (last) break;
    if (at(TokenKind::kCloseParen)) {
      return report(current_.offset,
                    "the scope ends too early: after `" + std::string(part.name) + "` there must be " +
                        (part.name == "principal" ? "`action` and `resource`" : "`resource`"),
                    "the scope is (principal, action, resource)");
    }
    return report_expected("`,`", "the scope holds one constraint for each variable; further ones go into a `when` condition");
  }
  if (at(TokenKind::kIdentifier)) return report_expected("`)`", "the scope has three variables: principal, action, resource");
  return expect(TokenKind::kCloseParen, "`)`", "the scope holds one constraint for each variable; further ones go into a `when` condition");
}

bool Parser::parse_scope_variable(std::string_view variable, ScopeConstraint& constraint) {
  using Kind = ScopeConstraint::Kind;
  if (!at_word(variable))
    return report_expected("`" + std::string(variable) + "`", "the scope is (principal, action, resource), in this order");
  constraint.offset = current_.offset;
  advance();
  bool is_action = variable == "action";
  if (at(TokenKind::kColon))
    return report(current_.offset, "a variable of the scope takes no type after `:`", "write `" + std::string(variable) + " is Type`");
  bool is = false;
  if (at_word("is")) {
    if (is_action)
      return report(current_.offset, "`is` is not allowed for the action in the scope",
                    "write `action == ...` or `action in [...]`, or move it into a `when` condition");
    advance();
    Name type;
    if (!at(TokenKind::kIdentifier)) return report_expected("an entity type after `is`");
    if (!parse_name(type)) return false;
    if (type.is_entity)
      return report(type.offset, "expected an entity type after `is`, found the entity " + type.text(), "compare with an entity by `==`");
    constraint.type = type.text();
    constraint.kind = Kind::kIs;
    is = true;
  }
  if (at(TokenKind::kAssign)) return report(current_.offset, "`=` is no operator", "write `==`");
  if (at(TokenKind::kEqual)) {
    if (is)
      return report(current_.offset, "`is` and `==` can't stand together in the scope",
                    "write `is Type in Entity`, or `==` alone: it settles the type");
    advance();
    constraint.kind = Kind::kEqual;
    return parse_scope_entities(variable, false, constraint);
  }
  if (at_word("in")) {
    advance();
    constraint.kind = is ? Kind::kIsIn : Kind::kIn;
    if (!parse_scope_entities(variable, is_action, constraint)) return false;
    if (at_word("is"))
      return report(
          current_.offset, "`is` stands before `in`",
          is_action ? "for the action, `is` is not allowed in the scope" : "write `" + std::string(variable) + " is Type in Entity`");
    return true;
  }
  static constexpr TokenKind kOthers[] = {TokenKind::kNotEqual, TokenKind::kLess, TokenKind::kLessEqual, TokenKind::kGreater,
                                          TokenKind::kGreaterEqual};
  if (std::find(std::begin(kOthers), std::end(kOthers), current_.kind) != std::end(kOthers) || at_word("has") || at_word("like")) {
    return report(
        current_.offset, found() + " is not allowed in the scope",
        is_action ? "use `==` or `in`, or move it into a `when` condition" : "use `==`, `in` or `is`, or move it into a `when` condition");
  }
  return true;
}

bool Parser::parse_scope_entities(std::string_view variable, bool list_allowed, ScopeConstraint& constraint) {
  int parentheses = 0;
  while (take(TokenKind::kOpenParen)) ++parentheses;
  std::uint32_t offset = current_.offset;
  if (at(TokenKind::kSlot)) {
    if (variable == "action") return report(offset, "a template has no slot for the action", "slots are ?principal and ?resource");
    if (current_.text.substr(1) != variable) {
      return report(offset, "expected ?" + std::string(variable) + " here, found " + found(),
                    "a slot stands in its own variable's constraint");
    }
    constraint.is_slot = true;
    advance();
  } else if (at(TokenKind::kOpenBracket)) {
    if (!list_allowed)
      return report(offset, "a list of entities is not allowed here",
                    "only `action in [...]` takes a list; write `in` a common parent, or several policies");
    advance();
    while (!at(TokenKind::kCloseBracket)) {
      int inner = 0;
      while (take(TokenKind::kOpenParen)) ++inner;
      EntityUid uid;
      if (!parse_scope_entity(uid)) return false;
      constraint.entities.push_back(std::move(uid));
      for (; inner > 0; --inner) {
        if (!expect(TokenKind::kCloseParen, "`)`")) return false;
      }
      if (!take(TokenKind::kComma)) break;
    }
    if (!expect(TokenKind::kCloseBracket, "`,` or `]`")) return false;
  } else {
    EntityUid uid;
    if (!parse_scope_entity(uid)) return false;
    constraint.entities.push_back(std::move(uid));
  }
  for (; parentheses > 0; --parentheses) {
    if (!expect(TokenKind::kCloseParen, "`)`")) return false;
  }
  if (variable != "action") return true;
  for (const EntityUid& uid : constraint.entities) {
    if (!is_action_type(uid.type()))
      return report(offset, uid.text() + " is no action",
                    "the type of an action is `Action`, with or without a namespace: Action::\"read\"");
  }
  return true;
}

bool Parser::parse_scope_entity(EntityUid& uid) {
  constexpr std::string_view kHint = "an entity is written Type::\"id\"";
  if (at(TokenKind::kSlot))
    return report(current_.offset, "a slot is not allowed here", "slots are ?principal and ?resource, each alone behind `==` or `in`");
  if (!at(TokenKind::kIdentifier)) return report_expected("an entity", kHint);
  Name name;
  if (!parse_name(name)) return false;
  if (!name.is_entity)
    return report(name.offset, "expected an entity, found the name `" + name.text() + "`",
                  "an entity is written Type::\"id\"; a type is tested with `is`");
  std::string id = std::move(name.id);
  name.is_entity = false;
  uid = EntityUid(name.text(), std::move(id));
  return true;
}

bool Parser::parse_condition(PolicySyntax& policy) {
  ConditionSyntax condition;
  condition.offset = current_.offset;
  condition.unless = at_word("unless");
  if (!condition.unless && !at_word("when")) return report_expected("`when`, `unless` or `;`");
  std::string word(current_.text);
  advance();
  if (!expect(TokenKind::kOpenBrace, "`{` after `" + word + "`")) return false;
  if (at(TokenKind::kCloseBrace))
    return report(current_.offset, "the `" + word + "` condition is empty", "leave it out, or write { true }");
  condition.body = parse_expression();
  if (condition.body == kNoNode) return false;
  if (!expect(TokenKind::kCloseBrace, "an operator or `}`")) return false;
  policy.conditions.push_back(condition);
  return true;
}

// ------------------------------------------------------------------------------------------- names that stand by themselves

namespace {

// Reads `A::B` (and `A::B::"id"` when `id` is given) to the end of the text.
bool read_whole_name(std::string_view text, std::string& type, std::string* id) {
  if (!is_valid_utf8(text)) return false;
  Lexer lexer(text);
  Token token = lexer.next();
  for (;;) {
    if (token.kind != TokenKind::kIdentifier || is_reserved_word(token.text) || is_reserved_name(token.text)) return false;
    type += token.text;
    token = lexer.next();
    if (token.kind == TokenKind::kEnd) return id == nullptr;
    if (token.kind != TokenKind::kPath) return false;
    token = lexer.next();
    if (token.kind == TokenKind::kString && id != nullptr) {
      auto read = unescape(token.text.substr(1, token.text.size() - 2));
      if (!read) return false;
      *id = std::move(*read);
      return lexer.next().kind == TokenKind::kEnd;
    }
    type += "::";
  }
}

}  // namespace

bool is_type_name(std::string_view text) {
  std::string type;
  // Only the normal form counts: no blanks, no comments.
  return read_whole_name(text, type, nullptr) && type == text;
}

Result<EntityUid> EntityUid::parse(std::string_view text) {
  std::string type;
  std::string id;
  if (!read_whole_name(text, type, &id)) {
    return fail(ErrorCode::kInvalid, "`" + std::string(text.substr(0, 80)) + "` is no entity", "an entity is written Type::\"id\"");
  }
  return EntityUid(std::move(type), std::move(id));
}

}  // namespace interlock::cedar
