// Schemas as JSON.
#include "cedar/schema_syntax.hpp"

namespace interlock::cedar {
namespace {

class Writer {
 public:
  explicit Writer(const SchemaSyntax& schema) : schema_(schema) {}

  json::value write() {
    json::object whole;
    for (const NamespaceSyntax& space : schema_.namespaces) {
      bool empty = space.entities.empty() && space.actions.empty() && space.common_types.empty();
      if (space.name.empty() && empty) continue;
      whole[space.name] = write_namespace(space);
    }
    return whole;
  }

 private:
  static void add_annotations(json::object& o, const std::vector<Annotation>& annotations) {
    if (annotations.empty()) return;
    json::object written;
    for (const Annotation& annotation : annotations) written[annotation.name] = annotation.value;
    o["annotations"] = std::move(written);
  }

  json::value write_namespace(const NamespaceSyntax& space) {
    json::object commons;
    for (const CommonTypeSyntax& common : space.common_types) {
      json::object type = write_type(common.type);
      add_annotations(type, common.annotations);
      commons[common.name.text] = std::move(type);
    }
    json::object entities;
    for (const EntitySyntax& entity : space.entities) {
      for (const NameSyntax& name : entity.names) entities[name.text] = write_entity(entity);
    }
    json::object actions;
    for (const ActionSyntax& action : space.actions) {
      for (const NameSyntax& name : action.names) actions[name.text] = write_action(action);
    }
    json::object out;
    if (!commons.empty()) out["commonTypes"] = std::move(commons);
    out["entityTypes"] = std::move(entities);
    out["actions"] = std::move(actions);
    add_annotations(out, space.annotations);
    return out;
  }

  static json::array write_names(const std::vector<NameSyntax>& names) {
    json::array out;
    for (const NameSyntax& name : names) out.emplace_back(name.text);
    return out;
  }

  bool is_empty_record(TypeNode type) const {
    return type == kNoType || (schema_.types[type].kind == TypeSyntax::Kind::kRecord && schema_.types[type].attributes.empty());
  }

  json::object write_entity(const EntitySyntax& entity) {
    json::object out;
    if (!entity.choices.empty()) {
      json::array choices;
      for (const std::string& choice : entity.choices) choices.emplace_back(choice);
      out["enum"] = std::move(choices);
    }
    if (!entity.parents.empty()) out["memberOfTypes"] = write_names(entity.parents);
    if (!is_empty_record(entity.shape)) out["shape"] = write_type(entity.shape);
    if (entity.tags != kNoType) out["tags"] = write_type(entity.tags);
    add_annotations(out, entity.annotations);
    return out;
  }

  json::object write_action(const ActionSyntax& action) {
    json::object applies;
    applies["principalTypes"] = write_names(action.principals);
    applies["resourceTypes"] = write_names(action.resources);
    if (!is_empty_record(action.context)) applies["context"] = write_type(action.context);
    json::object out;
    out["appliesTo"] = std::move(applies);
    if (!action.parents.empty()) {
      json::array parents;
      for (const ActionNameSyntax& parent : action.parents) {
        json::object written;
        written["id"] = parent.id;
        if (!parent.type.empty()) written["type"] = parent.type;
        parents.push_back(std::move(written));
      }
      out["memberOf"] = std::move(parents);
    }
    add_annotations(out, action.annotations);
    return out;
  }

  json::object write_type(TypeNode node) {
    const TypeSyntax& type = schema_.types[node];
    json::object out;
    switch (type.kind) {
      case TypeSyntax::Kind::kName: write_name(type, out); break;
      case TypeSyntax::Kind::kSet:
        out["type"] = "Set";
        out["element"] = write_type(type.element);
        break;
      case TypeSyntax::Kind::kRecord: {
        json::object attributes;
        for (const AttributeSyntax& attribute : type.attributes) {
          json::object written = write_type(attribute.type);
          if (!attribute.required) written["required"] = false;
          add_annotations(written, attribute.annotations);
          attributes[attribute.name] = std::move(written);
        }
        out["type"] = "Record";
        out["attributes"] = std::move(attributes);
      }
    }
    return out;
  }

  static void write_name(const TypeSyntax& type, json::object& out) {
    const std::string& name = type.name.text;
    switch (type.means) {
      case TypeSyntax::Means::kAny:
        out["type"] = "EntityOrCommon";
        out["name"] = name;
        return;
      case TypeSyntax::Means::kEntity:
        out["type"] = "Entity";
        out["name"] = name;
        return;
      case TypeSyntax::Means::kCommon: out["type"] = name; return;
      case TypeSyntax::Means::kBuiltin:
        if (name == "Bool" || name == "Long" || name == "String") {
          out["type"] = name == "Bool" ? "Boolean" : name;
        } else {
          out["type"] = "Extension";
          out["name"] = name;
        }
    }
  }

  const SchemaSyntax& schema_;
};

}  // namespace

json::value write_schema_json(const SchemaSyntax& schema) { return Writer(schema).write(); }

}  // namespace interlock::cedar
