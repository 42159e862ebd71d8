// Schemas as text.
#include <set>

#include "cedar/escape.hpp"
#include "cedar/schema_syntax.hpp"

namespace interlock::cedar {
namespace {

class Writer {
 public:
  explicit Writer(const SchemaSyntax& schema) : schema_(schema) {
    for (const NamespaceSyntax& space : schema.namespaces) {
      for (const EntitySyntax& entity : space.entities) {
        for (const NameSyntax& name : entity.names) entities_.insert(qualified(space, name.text));
      }
      for (const CommonTypeSyntax& common : space.common_types) commons_.insert(qualified(space, common.name.text));
    }
  }

  Result<std::string> write() {
    for (const NamespaceSyntax& space : schema_.namespaces) {
      space_ = &space;
      if (space.name.empty()) {
        write_declarations(space);
        continue;
      }
      if (!out_.empty()) out_ += '\n';
      write_annotations(space.annotations);
      out_ += "namespace " + space.name + " {\n";
      indent_ += kStep;
      write_declarations(space);
      indent_ -= kStep;
      out_ += "}\n";
    }
    if (!fault_.empty()) return fail(ErrorCode::kUnsupported, fault_, "rename one of the two");
    return std::move(out_);
  }

 private:
  static constexpr std::size_t kStep = 2;

  static std::string qualified(const NamespaceSyntax& space, std::string_view name) {
    return space.name.empty() ? std::string(name) : space.name + "::" + std::string(name);
  }

  void start_line() { out_.append(indent_, ' '); }

  static std::string name_or_string(const std::string& name) {
    return is_identifier(name) && !is_reserved_word(name) ? name : quoted(name);
  }

  void write_annotations(const std::vector<Annotation>& annotations) {
    for (const Annotation& annotation : annotations) {
      start_line();
      out_ += '@' + annotation.name + (annotation.has_value ? "(" + quoted(annotation.value) + ")" : std::string()) + '\n';
    }
  }

  void write_declarations(const NamespaceSyntax& space) {
    for (const CommonTypeSyntax& common : space.common_types) {
      write_annotations(common.annotations);
      start_line();
      out_ += "type " + common.name.text + " = ";
      write_type(common.type);
      out_ += ";\n";
    }
    for (const EntitySyntax& entity : space.entities) write_entity(entity);
    for (const ActionSyntax& action : space.actions) write_action(action);
  }

  void write_entity(const EntitySyntax& entity) {
    write_annotations(entity.annotations);
    start_line();
    out_ += "entity ";
    for (std::size_t i = 0; i < entity.names.size(); ++i) out_ += (i == 0 ? "" : ", ") + entity.names[i].text;
    if (!entity.choices.empty()) {
      out_ += " enum [";
      for (std::size_t i = 0; i < entity.choices.size(); ++i) out_ += (i == 0 ? "" : ", ") + quoted(entity.choices[i]);
      out_ += "]";
    }
    if (!entity.parents.empty()) {
      out_ += " in ";
      write_entity_names(entity.parents);
    }
    if (entity.shape != kNoType) {
      out_ += " = ";
      // Behind `=` the text takes a record only.
      if (schema_.types[entity.shape].kind != TypeSyntax::Kind::kRecord)
        fault_ = "the shape of `" + entity.names[0].text + "` is a named type, which the text can't say";
      write_type(entity.shape);
    }
    if (entity.tags != kNoType) {
      out_ += " tags ";
      write_type(entity.tags);
    }
    out_ += ";\n";
  }

  void write_action(const ActionSyntax& action) {
    write_annotations(action.annotations);
    start_line();
    out_ += "action ";
    for (std::size_t i = 0; i < action.names.size(); ++i) out_ += (i == 0 ? "" : ", ") + quoted(action.names[i].text);
    if (!action.parents.empty()) {
      out_ += " in [";
      for (std::size_t i = 0; i < action.parents.size(); ++i) {
        const ActionNameSyntax& parent = action.parents[i];
        out_ += (i == 0 ? "" : ", ") + (parent.type.empty() ? "" : parent.type + "::") + quoted(parent.id);
      }
      out_ += "]";
    }
    // What has no principal or no resource applies to nothing.
    if (!action.principals.empty() && !action.resources.empty()) {
      out_ += " appliesTo {\n";
      indent_ += kStep;
      start_line();
      out_ += "principal: ";
      write_entity_names(action.principals);
      out_ += ",\n";
      start_line();
      out_ += "resource: ";
      write_entity_names(action.resources);
      if (action.context != kNoType) {
        out_ += ",\n";
        start_line();
        out_ += "context: ";
        write_type(action.context);
      }
      out_ += '\n';
      indent_ -= kStep;
      start_line();
      out_ += "}";
    }
    out_ += ";\n";
  }

  void write_entity_names(const std::vector<NameSyntax>& names) {
    out_ += "[";
    for (std::size_t i = 0; i < names.size(); ++i) out_ += (i == 0 ? "" : ", ") + names[i].text;
    out_ += "]";
  }

  void write_type(TypeNode node) {
    const TypeSyntax& type = schema_.types[node];
    switch (type.kind) {
      case TypeSyntax::Kind::kName: write_type_name(type); return;
      case TypeSyntax::Kind::kSet:
        out_ += "Set<";
        write_type(type.element);
        out_ += ">";
        return;
      case TypeSyntax::Kind::kRecord: break;
    }
    if (type.attributes.empty()) {
      out_ += "{}";
      return;
    }
    out_ += "{\n";
    indent_ += kStep;
    for (const AttributeSyntax& attribute : type.attributes) {
      write_annotations(attribute.annotations);
      start_line();
      out_ += name_or_string(attribute.name) + (attribute.required ? ": " : "?: ");
      write_type(attribute.type);
      out_ += ",\n";
    }
    indent_ -= kStep;
    start_line();
    out_ += "}";
  }

  // Whether the text's reader takes the name for a common type, as it looks for these first.
  bool reads_as_common(const std::string& name) const {
    bool plain = name.find("::") == std::string::npos;
    std::string inner = plain ? qualified(*space_, name) : name;
    if (commons_.contains(inner)) return true;
    return !entities_.contains(inner) && commons_.contains(name);
  }

  bool reads_as_entity(const std::string& name) const {
    bool plain = name.find("::") == std::string::npos;
    return !reads_as_common(name) && (entities_.contains(plain ? qualified(*space_, name) : name) || entities_.contains(name));
  }

  void write_type_name(const TypeSyntax& type) {
    using Means = TypeSyntax::Means;
    const std::string& name = type.name.text;
    bool common = reads_as_common(name);
    if (type.means == Means::kEntity && common)
      fault_ = "`" + name + "` is an entity type and a common type, which the text can't tell apart";
    bool builtin = type.means == Means::kBuiltin || (type.means == Means::kCommon && !common && reads_as_entity(name));
    out_ += (builtin ? "__cedar::" : "") + name;
  }

  const SchemaSyntax& schema_;
  const NamespaceSyntax* space_ = nullptr;
  std::set<std::string> entities_;
  std::set<std::string> commons_;
  std::string out_;
  std::string fault_;
  std::size_t indent_ = 0;
};

}  // namespace

Result<std::string> write_schema_text(const SchemaSyntax& schema) { return Writer(schema).write(); }

}  // namespace interlock::cedar
