// Schemas as JSON, read strictly: a member that is not known is refused, so that a misspelt one is not passed over.
#include <algorithm>
#include <initializer_list>

#include "cedar/schema_syntax.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kShownPath = 200;

// A::B, in its normal form; parts may be `__cedar`, which the resolver refuses where it must not stand.
bool is_path(std::string_view text) {
  for (std::size_t at = 0; at <= text.size();) {
    std::size_t end = std::min(text.find("::", at), text.size());
    std::string_view part = text.substr(at, end - at);
    if (!is_identifier(part) || is_reserved_word(part)) return false;
    if (end == text.size()) return true;
    at = end + 2;
  }
  return false;
}

class Reader {
 public:
  Reader(SchemaSyntax& schema, std::vector<std::string>& places, std::string& fault) : schema_(schema), places_(places), fault_(fault) {}

  bool read(const json::value& document) {
    schema_.namespaces.emplace_back();
    const json::object* whole = object(document, "the schema");
    if (whole == nullptr) return false;
    for (const auto& member : *whole) {
      std::string name(member.key().data(), member.key().size());
      if (!name.empty() && !is_path(name)) return bad("`" + name + "` is no namespace");
      NamespaceSyntax space;
      space.name = name;
      Inside inside(*this, name.empty() ? "the empty namespace" : name);
      space.offset = place();
      if (!read_namespace(member.value(), space)) return false;
      if (name.empty()) {
        if (!space.annotations.empty()) return bad("the empty namespace has no annotations");
        schema_.namespaces.front() = std::move(space);
      } else {
        schema_.namespaces.push_back(std::move(space));
      }
    }
    return true;
  }

 private:
  // One step into the document, for messages.
  class Inside {
   public:
    Inside(Reader& reader, std::string_view step) : reader_(reader), length_(reader.path_.size()) {
      if (!reader_.path_.empty()) reader_.path_ += '.';
      reader_.path_ += step.substr(0, 80);
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { reader_.path_.resize(length_); }

   private:
    Reader& reader_;
    std::size_t length_;
  };

  std::uint32_t place() {
    if (places_.empty() || places_.back() != path_.substr(0, kShownPath)) places_.push_back(path_.substr(0, kShownPath));
    return static_cast<std::uint32_t>(places_.size() - 1);
  }

  bool bad(std::string message) {
    fault_ = (path_.empty() ? std::string() : path_.substr(0, kShownPath) + ": ") + std::move(message);
    return false;
  }

  const json::object* object(const json::value& v, std::string_view what) {
    const json::object* found = v.if_object();
    if (found == nullptr) bad(std::string(what) + " must be an object");
    return found;
  }

  // Objects of this schema have the members named, and no other.
  bool check_members(const json::object& o, std::initializer_list<std::string_view> known) {
    for (const auto& member : o) {
      std::string_view name(member.key().data(), member.key().size());
      if (std::find(known.begin(), known.end(), name) == known.end())
        return bad("the member `" + std::string(name.substr(0, 80)) + "` is not known here");
    }
    return true;
  }

  template <typename Use>
  bool each_member(const json::object& o, std::string_view member, bool required, Use use) {
    const json::value* v = json::find(o, member);
    if (v == nullptr) return !required || bad("`" + std::string(member) + "` is missing");
    Inside inside(*this, member);
    const json::object* members = object(*v, "this");
    if (members == nullptr) return false;
    for (const auto& each : *members) {
      std::string name(each.key().data(), each.key().size());
      Inside deeper(*this, name);
      if (!use(std::move(name), each.value())) return false;
    }
    return true;
  }

  bool read_annotations(const json::object& o, std::vector<Annotation>& annotations) {
    return each_member(o, "annotations", false, [&](std::string name, const json::value& v) {
      if (!is_identifier(name)) return bad("this is no name for an annotation");
      Annotation annotation;
      annotation.name = std::move(name);
      annotation.has_value = !v.is_null();
      if (!v.is_null() && !v.is_string()) return bad("an annotation's value is a string");
      if (v.is_string()) annotation.value = json::view(v.get_string());
      annotations.push_back(std::move(annotation));
      return true;
    });
  }

  bool read_namespace(const json::value& v, NamespaceSyntax& space) {
    const json::object* o = object(v, "a namespace");
    if (o == nullptr || !check_members(*o, {"commonTypes", "entityTypes", "actions", "annotations"})) return false;
    if (!read_annotations(*o, space.annotations)) return false;
    bool commons = each_member(*o, "commonTypes", false, [&](std::string name, const json::value& type) {
      CommonTypeSyntax common;
      if (!declared_name(name) || !read_type(type, true, common.type, &common.annotations)) return false;
      common.name = {std::move(name), place()};
      space.common_types.push_back(std::move(common));
      return true;
    });
    bool entities = commons && each_member(*o, "entityTypes", true, [&](std::string name, const json::value& entity) {
                      return declared_name(name) && read_entity(std::move(name), entity, space);
                    });
    return entities && each_member(*o, "actions", true, [&](std::string name, const json::value& action) {
             return read_action(std::move(name), action, space);
           });
  }

  bool declared_name(const std::string& name) {
    return (is_identifier(name) && !is_reserved_word(name)) || bad("this is no name for a type");
  }

  bool read_names(const json::object& o, std::string_view member, bool required, std::vector<NameSyntax>& names) {
    const json::value* v = json::find(o, member);
    if (v == nullptr) return !required || bad("`" + std::string(member) + "` is missing");
    Inside inside(*this, member);
    if (!v->is_array()) return bad("this must be an array of names");
    for (const json::value& each : v->get_array()) {
      if (!each.is_string() || !is_path(json::view(each.get_string()))) return bad("each element must be the name of an entity type");
      names.push_back({std::string(json::view(each.get_string())), place()});
    }
    return true;
  }

  bool read_entity(std::string name, const json::value& v, NamespaceSyntax& space) {
    EntitySyntax entity;
    entity.names.push_back({std::move(name), place()});
    const json::object* o = object(v, "an entity type");
    if (o == nullptr) return false;
    if (json::find(*o, "enum") != nullptr) {
      if (!check_members(*o, {"enum", "annotations"})) return false;
      const json::array* choices = json::array_at(*o, "enum");
      if (choices == nullptr || choices->empty()) return bad("`enum` must be an array of ids, at least one");
      for (const json::value& choice : *choices) {
        if (!choice.is_string()) return bad("an id is a string");
        entity.choices.emplace_back(json::view(choice.get_string()));
      }
    } else {
      if (!check_members(*o, {"memberOfTypes", "shape", "tags", "annotations"}) || !read_names(*o, "memberOfTypes", false, entity.parents))
        return false;
      if (!read_type_member(*o, "shape", entity.shape) || !read_type_member(*o, "tags", entity.tags)) return false;
    }
    if (!read_annotations(*o, entity.annotations)) return false;
    space.entities.push_back(std::move(entity));
    return true;
  }

  bool read_action(std::string name, const json::value& v, NamespaceSyntax& space) {
    ActionSyntax action;
    action.names.push_back({std::move(name), place()});
    const json::object* o = object(v, "an action");
    if (o == nullptr || !check_members(*o, {"appliesTo", "memberOf", "attributes", "annotations"})) return false;
    const json::value* attributes = json::find(*o, "attributes");
    bool has_none = attributes == nullptr || attributes->is_null() || (attributes->is_object() && attributes->get_object().empty());
    if (!has_none) return bad("attributes of actions are not part of Cedar");
    if (!read_annotations(*o, action.annotations) || !read_applies_to(*o, action) || !read_member_of(*o, action)) return false;
    space.actions.push_back(std::move(action));
    return true;
  }

  bool read_applies_to(const json::object& o, ActionSyntax& action) {
    const json::value* v = json::find(o, "appliesTo");
    if (v == nullptr || v->is_null()) return true;
    Inside inside(*this, "appliesTo");
    const json::object* applies = object(*v, "this");
    if (applies == nullptr || !check_members(*applies, {"principalTypes", "resourceTypes", "context"})) return false;
    action.applies = true;
    return read_names(*applies, "principalTypes", true, action.principals) &&
           read_names(*applies, "resourceTypes", true, action.resources) && read_type_member(*applies, "context", action.context);
  }

  bool read_member_of(const json::object& o, ActionSyntax& action) {
    const json::value* v = json::find(o, "memberOf");
    if (v == nullptr || v->is_null()) return true;
    Inside inside(*this, "memberOf");
    if (!v->is_array()) return bad("this must be an array of actions");
    for (const json::value& each : v->get_array()) {
      const json::object* parent = object(each, "each element");
      if (parent == nullptr || !check_members(*parent, {"id", "type"})) return false;
      auto id = json::string_at(*parent, "id");
      const json::value* type = json::find(*parent, "type");
      bool typed = type != nullptr && !type->is_null();
      if (!id) return bad("an action is named by its `id`");
      if (typed && (!type->is_string() || !is_path(json::view(type->get_string()))))
        return bad("`type` must be the name of an action's type");
      action.parents.push_back({typed ? std::string(json::view(type->get_string())) : std::string(), std::string(*id), place()});
    }
    return true;
  }

  bool read_type_member(const json::object& o, std::string_view member, TypeNode& type) {
    const json::value* v = json::find(o, member);
    if (v == nullptr) return true;
    Inside inside(*this, member);
    return read_type(*v, false, type, nullptr);
  }

  // `annotations`: where the object may carry some beside its type.
  bool read_type(const json::value& v, bool annotated, TypeNode& type, std::vector<Annotation>* annotations, bool* required = nullptr) {
    const json::object* o = object(v, "a type");
    if (o == nullptr) return false;
    auto kind = json::string_at(*o, "type");
    if (!kind) return bad("`type` is missing");
    if (annotated && !read_annotations(*o, *annotations)) return false;
    std::vector<std::string_view> known{"type"};
    if (annotated) known.push_back("annotations");
    if (required != nullptr) {
      known.push_back("required");
      const json::value* flag = json::find(*o, "required");
      if (flag != nullptr && !flag->is_bool()) return bad("`required` is true or false");
      *required = flag == nullptr || flag->get_bool();
    }
    bool nests = *kind == "Set" || *kind == "Record";
    if (nests && ++depth_ > kMaxTypeDepth) return bad("the type is nested too deeply");
    TypeSyntax made;
    made.offset = place();
    bool good = *kind == "Set"      ? read_set(*o, made, known)
                : *kind == "Record" ? read_record(*o, made, known)
                                    : read_name(*o, *kind, made, known);
    if (!good) return false;
    for (const auto& member : *o) {
      std::string_view name(member.key().data(), member.key().size());
      if (std::find(known.begin(), known.end(), name) == known.end())
        return bad("the member `" + std::string(name.substr(0, 80)) + "` does not belong to this type");
    }
    if (nests) --depth_;
    schema_.types.push_back(std::move(made));
    type = static_cast<TypeNode>(schema_.types.size() - 1);
    return true;
  }

  bool read_set(const json::object& o, TypeSyntax& made, std::vector<std::string_view>& known) {
    made.kind = TypeSyntax::Kind::kSet;
    known.push_back("element");
    if (json::find(o, "element") == nullptr) return bad("`element` is missing");
    return read_type_member(o, "element", made.element);
  }

  bool read_record(const json::object& o, TypeSyntax& made, std::vector<std::string_view>& known) {
    made.kind = TypeSyntax::Kind::kRecord;
    known.insert(known.end(), {"attributes", "additionalAttributes"});
    if (const json::value* open = json::find(o, "additionalAttributes"); open != nullptr && (!open->is_bool() || open->get_bool())) {
      return bad("records with additional attributes are not part of Cedar");
    }
    return each_member(o, "attributes", true, [&](std::string name, const json::value& v) {
      AttributeSyntax attribute;
      if (!read_type(v, true, attribute.type, &attribute.annotations, &attribute.required)) return false;
      attribute.offset = place();
      attribute.name = std::move(name);
      made.attributes.push_back(std::move(attribute));
      return true;
    });
  }

  bool read_name(const json::object& o, std::string_view kind, TypeSyntax& made, std::vector<std::string_view>& known) {
    using Means = TypeSyntax::Means;
    made.name.offset = made.offset;
    bool named = kind == "Entity" || kind == "EntityOrCommon" || kind == "Extension";
    std::string_view name = kind;
    if (named) {
      known.push_back("name");
      auto given = json::string_at(o, "name");
      if (!given) return bad("`name` is missing");
      name = *given;
    }
    if (!is_path(name)) return bad("`" + std::string(name.substr(0, 80)) + "` is no name of a type");
    bool builtin = kind == "Extension" || kind == "Long" || kind == "String" || kind == "Boolean";
    made.means = builtin ? Means::kBuiltin : kind == "Entity" ? Means::kEntity : kind == "EntityOrCommon" ? Means::kAny : Means::kCommon;
    made.name.text = kind == "Boolean" ? "Bool" : std::string(name);
    bool extension_named = kind != "Extension" || name == "ipaddr" || name == "decimal" || name == "datetime" || name == "duration";
    return extension_named || bad("there is no extension type `" + std::string(name.substr(0, 80)) + "`");
  }

  SchemaSyntax& schema_;
  std::vector<std::string>& places_;
  std::string& fault_;
  std::string path_;
  int depth_ = 0;
};

}  // namespace

bool read_schema_json(const json::value& document, SchemaSyntax& schema, std::vector<std::string>& places, std::string& fault) {
  return Reader(schema, places, fault).read(document);
}

}  // namespace interlock::cedar
