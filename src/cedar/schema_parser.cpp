// The grammar of schema text.
#include "cedar/schema_syntax.hpp"

namespace interlock::cedar {
bool SchemaParser::parse(SchemaSyntax& schema) {
  schema_ = &schema;
  schema.namespaces.emplace_back();
  if (!start()) return false;
  while (!at(TokenKind::kEnd)) {
    if (!parse_declarations(schema.namespaces.front(), false)) return false;
  }
  return true;
}

// Up to the closing brace when `braced`; else one declaration, or one namespace.
bool SchemaParser::parse_declarations(NamespaceSyntax& into, bool braced) {
  do {
    if (braced && take(TokenKind::kCloseBrace)) return true;
    std::vector<Annotation> annotations;
    if (!read_annotations(annotations)) return false;
    if (at_word("entity")) {
      if (!parse_entity(into, std::move(annotations))) return false;
    } else if (at_word("action")) {
      if (!parse_action(into, std::move(annotations))) return false;
    } else if (at_word("type")) {
      if (!parse_common_type(into, std::move(annotations))) return false;
    } else if (!braced && at_word("namespace")) {
      advance();
      NameSyntax name;
      if (!parse_path(name) || !expect(TokenKind::kOpenBrace, "`{`")) return false;
      for (const NamespaceSyntax& other : schema_->namespaces) {
        if (other.name == name.text) return report(name.offset, "the namespace `" + name.text + "` is declared twice");
      }
      NamespaceSyntax opened;
      opened.annotations = std::move(annotations);
      opened.name = name.text;
      opened.offset = name.offset;
      if (!parse_declarations(opened, true)) return false;
      schema_->namespaces.push_back(std::move(opened));
    } else {
      return report_expected(braced ? "`entity`, `action`, `type` or `}`" : "`entity`, `action`, `type` or `namespace`");
    }
  } while (braced);
  return true;
}

bool SchemaParser::parse_entity(NamespaceSyntax& into, std::vector<Annotation> annotations) {
  advance();
  EntitySyntax entity;
  entity.annotations = std::move(annotations);
  do {
    NameSyntax name;
    if (!parse_identifier(name)) return false;
    entity.names.push_back(std::move(name));
  } while (take(TokenKind::kComma));
  if (take_word("enum")) {
    if (!parse_choices(entity)) return false;
  } else {
    if (take_word("in") && !parse_paths(entity.parents)) return false;
    bool assigned = take(TokenKind::kAssign);
    if (assigned && !at(TokenKind::kOpenBrace)) return report_expected("`{` and the attributes");
    if (at(TokenKind::kOpenBrace) && !parse_record(entity.shape)) return false;
    if (take_word("tags") && !parse_type(entity.tags)) return false;
  }
  if (!expect(TokenKind::kSemicolon, "`;`", "an entity is declared as: entity Name in [Parent] { attribute: Type } tags Type;"))
    return false;
  into.entities.push_back(std::move(entity));
  return true;
}

bool SchemaParser::parse_choices(EntitySyntax& entity) {
  if (!expect(TokenKind::kOpenBracket, "`[` and the ids of the enum")) return false;
  do {
    if (!at(TokenKind::kString)) return report_expected("an id, as a string");
    std::string id;
    if (!read_string(id)) return false;
    entity.choices.push_back(std::move(id));
  } while (take(TokenKind::kComma));
  return expect(TokenKind::kCloseBracket, "`,` or `]`");
}

bool SchemaParser::parse_action(NamespaceSyntax& into, std::vector<Annotation> annotations) {
  advance();
  ActionSyntax action;
  action.annotations = std::move(annotations);
  do {
    NameSyntax name;
    if (!parse_identifier_or_string(name)) return false;
    action.names.push_back(std::move(name));
  } while (take(TokenKind::kComma));
  if (take_word("in") && !parse_action_parents(action)) return false;
  if (take_word("appliesTo") && !parse_applies_to(action)) return false;
  if (take_word("attributes") &&
      !(expect(TokenKind::kOpenBrace, "`{`") && expect(TokenKind::kCloseBrace, "`}`", "actions have no attributes")))
    return false;
  if (!expect(TokenKind::kSemicolon, "`;`",
              "an action is declared as: action \"name\" in [group] appliesTo { principal: [...], resource: [...] };"))
    return false;
  into.actions.push_back(std::move(action));
  return true;
}

bool SchemaParser::parse_action_parents(ActionSyntax& action) {
  bool listed = take(TokenKind::kOpenBracket);
  do {
    ActionNameSyntax parent;
    parent.offset = current_.offset;
    if (at(TokenKind::kString)) {
      if (!read_string(parent.id)) return false;
    } else {
      // Type::"id", or an id that is an identifier.
      NameSyntax part;
      if (!parse_identifier(part)) return false;
      parent.id = part.text;
      while (take(TokenKind::kPath)) {
        parent.type += (parent.type.empty() ? "" : "::") + parent.id;
        if (at(TokenKind::kString)) {
          if (!read_string(parent.id)) return false;
          break;
        }
        if (!parse_identifier(part)) return false;
        parent.id = part.text;
        if (!at(TokenKind::kPath)) return report_expected("`::` and the action's id as a string");
      }
    }
    action.parents.push_back(std::move(parent));
  } while (listed && take(TokenKind::kComma));
  return !listed || expect(TokenKind::kCloseBracket, "`,` or `]`");
}

bool SchemaParser::parse_applies_to(ActionSyntax& action) {
  if (!expect(TokenKind::kOpenBrace, "`{` after `appliesTo`")) return false;
  std::uint32_t offset = current_.offset;
  action.applies = true;
  bool has_principal = false;
  bool has_resource = false;
  bool has_context = false;
  do {
    if (at(TokenKind::kCloseBrace) && (has_principal || has_resource || has_context)) break;
    std::string word(current_.text);
    std::uint32_t at_offset = current_.offset;
    bool* seen = word == "principal" ? &has_principal : word == "resource" ? &has_resource : word == "context" ? &has_context : nullptr;
    if (!at(TokenKind::kIdentifier) || seen == nullptr) return report_expected("`principal`, `resource` or `context`");
    if (*seen) return report(at_offset, "`" + word + "` is given twice");
    *seen = true;
    advance();
    if (!expect(TokenKind::kColon, "`:` after `" + word + "`")) return false;
    if (word == "context") {
      if (!(at(TokenKind::kOpenBrace) ? parse_record(action.context) : parse_type(action.context))) return false;
      TypeSyntax& context = schema_->types[action.context];
      if (context.kind == TypeSyntax::Kind::kSet) return report(at_offset, "a context is a record");
      if (context.kind == TypeSyntax::Kind::kName) context.means = TypeSyntax::Means::kCommon;
    } else {
      std::vector<NameSyntax>& types = word == "principal" ? action.principals : action.resources;
      if (!parse_paths(types)) return false;
      if (types.empty())
        return report(at_offset, "the list of `" + word + "` types is empty", "an action that applies to nothing has no `appliesTo`");
    }
  } while (take(TokenKind::kComma));
  if (!has_principal || !has_resource) return report(offset, "`appliesTo` needs both `principal` and `resource`");
  return expect(TokenKind::kCloseBrace, "`,` or `}`");
}

bool SchemaParser::parse_common_type(NamespaceSyntax& into, std::vector<Annotation> annotations) {
  advance();
  CommonTypeSyntax common;
  common.annotations = std::move(annotations);
  if (!parse_identifier(common.name) || !expect(TokenKind::kAssign, "`=`") || !parse_type(common.type)) return false;
  if (!expect(TokenKind::kSemicolon, "`;`")) return false;
  into.common_types.push_back(std::move(common));
  return true;
}

bool SchemaParser::parse_type(TypeNode& type) {
  if (at(TokenKind::kOpenBrace)) return parse_record(type);
  TypeSyntax made;
  made.offset = current_.offset;
  Lexer ahead = lexer_;
  if (at_word("Set") && ahead.next().kind == TokenKind::kLess) {
    if (++depth_ > kMaxTypeDepth) return report(made.offset, "the type is nested too deeply");
    advance();
    advance();
    made.kind = TypeSyntax::Kind::kSet;
    if (!parse_type(made.element) || !expect(TokenKind::kGreater, "`>`")) return false;
    --depth_;
  } else {
    if (!at(TokenKind::kIdentifier)) return report_expected("a type");
    if (!parse_path(made.name)) return false;
  }
  schema_->types.push_back(std::move(made));
  type = static_cast<TypeNode>(schema_->types.size() - 1);
  return true;
}

bool SchemaParser::parse_record(TypeNode& type) {
  TypeSyntax made;
  made.kind = TypeSyntax::Kind::kRecord;
  made.offset = current_.offset;
  if (!expect(TokenKind::kOpenBrace, "`{`")) return false;
  if (++depth_ > kMaxTypeDepth) return report(made.offset, "the type is nested too deeply");
  while (!at(TokenKind::kCloseBrace)) {
    AttributeSyntax attribute;
    if (!read_annotations(attribute.annotations) || !parse_attribute(attribute)) return false;
    made.attributes.push_back(std::move(attribute));
    if (!take(TokenKind::kComma)) break;
  }
  if (!expect(TokenKind::kCloseBrace, "`,` or `}`")) return false;
  --depth_;
  schema_->types.push_back(std::move(made));
  type = static_cast<TypeNode>(schema_->types.size() - 1);
  return true;
}

bool SchemaParser::parse_attribute(AttributeSyntax& attribute) {
  NameSyntax name;
  if (!parse_identifier_or_string(name)) return false;
  attribute.name = std::move(name.text);
  attribute.offset = name.offset;
  attribute.required = !take(TokenKind::kQuestion);
  return expect(TokenKind::kColon, "`:` and the attribute's type") && parse_type(attribute.type);
}

bool SchemaParser::parse_identifier(NameSyntax& name) {
  if (!at(TokenKind::kIdentifier)) return report_expected("a name");
  if (is_reserved_word(current_.text)) return report(current_.offset, "`" + std::string(current_.text) + "` is a reserved word");
  name.text = current_.text;
  name.offset = current_.offset;
  advance();
  return true;
}

bool SchemaParser::parse_identifier_or_string(NameSyntax& name) {
  if (!at(TokenKind::kString)) return parse_identifier(name);
  name.offset = current_.offset;
  return read_string(name.text);
}

bool SchemaParser::parse_path(NameSyntax& name) {
  if (!parse_identifier(name)) return false;
  while (take(TokenKind::kPath)) {
    NameSyntax part;
    if (!parse_identifier(part)) return false;
    name.text += "::" + part.text;
  }
  return true;
}

bool SchemaParser::parse_paths(std::vector<NameSyntax>& names) {
  bool listed = take(TokenKind::kOpenBracket);
  if (listed && take(TokenKind::kCloseBracket)) return true;
  do {
    NameSyntax name;
    if (!parse_path(name)) return false;
    names.push_back(std::move(name));
  } while (listed && take(TokenKind::kComma));
  return !listed || expect(TokenKind::kCloseBracket, "`,` or `]`");
}

}  // namespace interlock::cedar
