// Names to declarations: from what a schema's text says to what it means.
#include <algorithm>

#include "cedar/escape.hpp"
#include "cedar/schema_data.hpp"
#include "cedar/schema_syntax.hpp"

namespace interlock::cedar {
namespace {

constexpr int kMaxCommonTypeDepth = 200;  // of common types that name common types

struct Builtin {
  std::string_view name;
  SchemaType::Kind kind;
};
constexpr Builtin kBuiltins[] = {
    {"Bool", SchemaType::Kind::kBool},         {"Long", SchemaType::Kind::kLong},       {"String", SchemaType::Kind::kString},
    {"ipaddr", SchemaType::Kind::kIp},         {"decimal", SchemaType::Kind::kDecimal}, {"datetime", SchemaType::Kind::kDatetime},
    {"duration", SchemaType::Kind::kDuration},
};

constexpr std::string_view kNotForCommonTypes[] = {"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"};

std::string qualified(std::string_view space, std::string_view name) {
  return space.empty() ? std::string(name) : std::string(space) + "::" + std::string(name);
}

std::string basename(std::string_view name) {
  std::size_t last = name.rfind("::");
  return std::string(last == std::string_view::npos ? name : name.substr(last + 2));
}

bool is_unqualified(std::string_view name) { return name.find("::") == std::string_view::npos; }

class Resolver {
 public:
  Resolver(const SchemaSyntax& syntax, const SchemaPlaces& places, Diagnostics& diagnostics)
      : syntax_(syntax), places_(places), diagnostics_(diagnostics) {}

  std::shared_ptr<SchemaData> run() {
    data_ = std::make_shared<SchemaData>();
    for (const Builtin& builtin : kBuiltins) {
      builtin_types_[std::string(builtin.name)] = add({.kind = builtin.kind, .entity_type = {}, .element = 0, .attributes = {}});
    }
    empty_record_ = add({.kind = SchemaType::Kind::kRecord, .entity_type = {}, .element = 0, .attributes = {}});
    if (!declare() || !check_shadowing()) return nullptr;
    for (const NamespaceSyntax& space : syntax_.namespaces) {
      for (const CommonTypeSyntax& common : space.common_types) {
        TypeId ignored;
        if (!resolve_common(qualified(space.name, common.name.text), common.name.offset, ignored)) return nullptr;
      }
      for (const EntitySyntax& entity : space.entities) {
        if (!resolve_entity(space, entity)) return nullptr;
      }
      for (const ActionSyntax& action : space.actions) {
        if (!resolve_action(space, action)) return nullptr;
      }
    }
    close_entity_types();
    return build_actions() ? data_ : nullptr;
  }

 private:
  struct Common {
    const NamespaceSyntax* space = nullptr;
    TypeNode type = kNoType;
    enum class State : std::uint8_t { kNew, kOpen, kDone } state = State::kNew;
    TypeId resolved = 0;
  };

  bool report(std::uint32_t offset, std::string message, std::string hint = {}) {
    diagnostics_.add(places_(offset, std::move(message), std::move(hint)));
    return false;
  }

  TypeId add(SchemaType type) {
    data_->types.push_back(std::move(type));
    return static_cast<TypeId>(data_->types.size() - 1);
  }

  bool check_reserved(const NameSyntax& name) {
    for (std::size_t at = 0; at <= name.text.size();) {
      std::size_t end = std::min(name.text.find("::", at), name.text.size());
      if (is_reserved_name(name.text.substr(at, end - at))) return report(name.offset, "`__cedar` is reserved");
      at = end + 2;
    }
    return true;
  }

  bool declare() {
    for (const NamespaceSyntax& space : syntax_.namespaces) {
      if (!check_reserved({space.name, space.offset})) return false;
      for (const EntitySyntax& entity : space.entities) {
        for (const NameSyntax& name : entity.names) {
          if (!check_reserved(name)) return false;
          if (name.text == "Action") return report(name.offset, "an entity type can't be called `Action`");
          std::string full = qualified(space.name, name.text);
          if (!data_->entity_types.try_emplace(full).second) return report(name.offset, "the entity type `" + full + "` is declared twice");
          offsets_[full] = name.offset;
        }
      }
      for (const CommonTypeSyntax& common : space.common_types) {
        if (!check_reserved(common.name)) return false;
        if (std::find(std::begin(kNotForCommonTypes), std::end(kNotForCommonTypes), common.name.text) != std::end(kNotForCommonTypes)) {
          return report(common.name.offset, "a common type can't be called `" + common.name.text + "`");
        }
        std::string full = qualified(space.name, common.name.text);
        if (!commons_.try_emplace(full, Common{&space, common.type}).second)
          return report(common.name.offset, "the type `" + full + "` is declared twice");
        offsets_.try_emplace(full, common.name.offset);
      }
      for (const ActionSyntax& action : space.actions) {
        for (const NameSyntax& name : action.names) {
          EntityUid uid(qualified(space.name, "Action"), name.text);
          if (!data_->actions.try_emplace(uid.text(), SchemaAction{uid, {}, {}, {}, empty_record_}).second) {
            return report(name.offset, "the action " + uid.text() + " is declared twice");
          }
          action_offsets_[uid.text()] = name.offset;
        }
      }
    }
    return true;
  }

  // What stands outside namespaces may not be hidden by something of the same name inside one.
  bool check_shadowing() {
    std::map<std::string, std::string> hiding;
    auto each_name = [&](auto use) {
      for (const auto& [name, type] : data_->entity_types) use(name);
      for (const auto& [name, type] : commons_) use(name);
    };
    each_name([&](const std::string& name) {
      if (!is_unqualified(name)) hiding.emplace(basename(name), name);
    });
    bool good = true;
    each_name([&](const std::string& name) {
      auto hides = is_unqualified(name) ? hiding.find(name) : hiding.end();
      if (good && hides != hiding.end())
        good = report(offsets_[hides->second], "`" + hides->second + "` hides `" + name + "`, which is declared outside namespaces",
                      "rename one of them");
    });
    std::map<std::string, std::string> hiding_actions;
    for (const auto& [text, action] : data_->actions) {
      if (action.uid.type() != "Action") hiding_actions.emplace(action.uid.id(), text);
    }
    for (const auto& [text, action] : data_->actions) {
      auto hides = action.uid.type() == "Action" ? hiding_actions.find(action.uid.id()) : hiding_actions.end();
      if (good && hides != hiding_actions.end())
        good = report(action_offsets_[hides->second], hides->second + " hides " + text + ", which is declared outside namespaces",
                      "rename one of them");
    }
    return good;
  }

  // The names that `written` can stand for inside `space`, the first that exists wins.
  static std::vector<std::string> candidates(std::string_view space, std::string_view written) {
    if (space.empty() || !is_unqualified(written)) return {std::string(written)};
    return {qualified(space, written), std::string(written)};
  }

  bool resolve_entity_name(const NamespaceSyntax& space, const NameSyntax& name, std::string& full) {
    for (const std::string& candidate : candidates(space.name, name.text)) {
      if (is_declared_entity_type(candidate)) {
        full = candidate;
        return true;
      }
    }
    return report(name.offset, "the entity type `" + name.text + "` is not declared");
  }

  bool is_declared_entity_type(std::string_view type) const {
    if (data_->entity_types.contains(type)) return true;
    return is_action_type_name(type) &&
           std::any_of(data_->actions.begin(), data_->actions.end(), [&](const auto& entry) { return entry.second.uid.type() == type; });
  }

  bool resolve_name(const NamespaceSyntax& space, const NameSyntax& name, TypeSyntax::Means means, TypeId& type) {
    using Means = TypeSyntax::Means;
    bool common = means == Means::kAny || means == Means::kCommon;
    bool entity = means == Means::kAny || means == Means::kEntity;
    for (const std::string& candidate : candidates(space.name, name.text)) {
      if (common && commons_.contains(candidate)) return resolve_common(candidate, name.offset, type);
      if (entity && is_declared_entity_type(candidate)) {
        type = add({.kind = SchemaType::Kind::kEntity, .entity_type = candidate, .element = 0, .attributes = {}});
        return true;
      }
      std::string_view builtin = candidate;
      if (means == Means::kEntity) continue;
      if (builtin.starts_with("__cedar::")) builtin.remove_prefix(9);
      auto found = builtin_types_.find(builtin);
      if (found != builtin_types_.end()) {
        type = found->second;
        return true;
      }
    }
    return report(name.offset, "the type `" + name.text + "` is not declared",
                  "types are Bool, Long, String, Set<...>, records, ipaddr, decimal, datetime, duration, entity types and common types");
  }

  bool resolve_common(const std::string& full, std::uint32_t offset, TypeId& type) {
    Common& common = commons_[full];
    if (common.state == Common::State::kOpen) return report(offset, "the type `" + full + "` is defined by itself");
    if (common.state == Common::State::kNew) {
      if (++depth_ > kMaxCommonTypeDepth) return report(offset, "common types are nested too deeply");
      common.state = Common::State::kOpen;
      if (!resolve_type(*common.space, common.type, common.resolved)) return false;
      common.state = Common::State::kDone;
      --depth_;
    }
    type = common.resolved;
    return true;
  }

  bool resolve_type(const NamespaceSyntax& space, TypeNode node, TypeId& type) {
    const TypeSyntax& syntax = syntax_.types[node];
    if (syntax.kind == TypeSyntax::Kind::kName) return resolve_name(space, syntax.name, syntax.means, type);
    SchemaType made;
    if (syntax.kind == TypeSyntax::Kind::kSet) {
      made.kind = SchemaType::Kind::kSet;
      if (!resolve_type(space, syntax.element, made.element)) return false;
    } else {
      made.kind = SchemaType::Kind::kRecord;
      for (const AttributeSyntax& attribute : syntax.attributes) {
        SchemaAttribute resolved{attribute.name, 0, attribute.required};
        if (!resolve_type(space, attribute.type, resolved.type)) return false;
        made.attributes.push_back(std::move(resolved));
      }
      auto by_name = [](const SchemaAttribute& a, const SchemaAttribute& b) { return a.name < b.name; };
      std::sort(made.attributes.begin(), made.attributes.end(), by_name);
      for (std::size_t i = 1; i < made.attributes.size(); ++i) {
        if (made.attributes[i].name == made.attributes[i - 1].name) {
          return report(syntax.offset, "the attribute `" + made.attributes[i].name + "` is declared twice");
        }
      }
    }
    type = add(std::move(made));
    return true;
  }

  bool resolve_entity(const NamespaceSyntax& space, const EntitySyntax& entity) {
    SchemaEntityType resolved;
    resolved.shape = empty_record_;
    resolved.choices = entity.choices;
    if (entity.shape != kNoType) {
      if (!resolve_type(space, entity.shape, resolved.shape)) return false;
      if (data_->types[resolved.shape].kind != SchemaType::Kind::kRecord)
        return report(syntax_.types[entity.shape].offset, "an entity's shape is a record");
    }
    if (entity.tags != kNoType) {
      TypeId tags;
      if (!resolve_type(space, entity.tags, tags)) return false;
      resolved.tags = tags;
    }
    for (const NameSyntax& parent : entity.parents) {
      std::string full;
      if (!resolve_entity_name(space, parent, full)) return false;
      resolved.ancestors.insert(full);
    }
    for (const NameSyntax& name : entity.names) data_->entity_types[qualified(space.name, name.text)] = resolved;
    return true;
  }

  bool resolve_action(const NamespaceSyntax& space, const ActionSyntax& action) {
    SchemaAction resolved;
    resolved.context = empty_record_;
    auto resolve_all = [&](const std::vector<NameSyntax>& names, std::vector<std::string>& out) {
      for (const NameSyntax& name : names) {
        std::string full;
        if (!resolve_entity_name(space, name, full)) return false;
        out.push_back(std::move(full));
      }
      return true;
    };
    if (!resolve_all(action.principals, resolved.principals) || !resolve_all(action.resources, resolved.resources)) return false;
    if (action.context != kNoType) {
      if (!resolve_type(space, action.context, resolved.context)) return false;
      if (data_->types[resolved.context].kind != SchemaType::Kind::kRecord)
        return report(syntax_.types[action.context].offset, "a context is a record");
    }
    for (const ActionNameSyntax& parent : action.parents) {
      const SchemaAction* found = nullptr;
      std::string_view type = parent.type.empty() ? std::string_view("Action") : std::string_view(parent.type);
      // An id alone is an action of this very namespace.
      std::vector<std::string> types = parent.type.empty() ? std::vector{qualified(space.name, type)} : candidates(space.name, type);
      for (const std::string& candidate : types) {
        if (found == nullptr) found = data_->find_action(candidate, parent.id);
      }
      if (found == nullptr) return report(parent.offset, "the action " + quoted(parent.id) + " is not declared");
      resolved.parents.push_back(found->uid);
    }
    for (const NameSyntax& name : action.names) {
      SchemaAction& target = data_->actions[EntityUid(qualified(space.name, "Action"), name.text).text()];
      resolved.uid = target.uid;
      target = resolved;
    }
    return true;
  }

  void close_entity_types() {
    for (auto& [name, type] : data_->entity_types) {
      std::vector<std::string> open(type.ancestors.begin(), type.ancestors.end());
      while (!open.empty()) {
        auto parent = data_->entity_types.find(open.back());
        open.pop_back();
        if (parent == data_->entity_types.end()) continue;
        for (const std::string& above : parent->second.ancestors) {
          if (type.ancestors.insert(above).second) open.push_back(above);
        }
      }
    }
  }

  bool build_actions() {
    EntitiesBuilder builder;
    for (const auto& [text, action] : data_->actions) builder.add(action.uid, {}, action.parents);
    Result<Entities> built = builder.build();
    if (!built) return report(0, "the actions' groups: " + built.error().message);
    data_->action_entities = *built;
    return true;
  }

  const SchemaSyntax& syntax_;
  const SchemaPlaces& places_;
  Diagnostics& diagnostics_;
  std::shared_ptr<SchemaData> data_;
  std::map<std::string, Common> commons_;
  std::map<std::string, TypeId, std::less<>> builtin_types_;
  std::map<std::string, std::uint32_t> offsets_;
  std::map<std::string, std::uint32_t> action_offsets_;
  TypeId empty_record_ = 0;
  int depth_ = 0;
};

}  // namespace

const SchemaAttribute* SchemaType::find(std::string_view name) const {
  auto at =
      std::lower_bound(attributes.begin(), attributes.end(), name, [](const SchemaAttribute& a, std::string_view n) { return a.name < n; });
  return at != attributes.end() && at->name == name ? &*at : nullptr;
}

bool SchemaEntityType::has_choice(std::string_view id) const {
  return choices.empty() || std::find(choices.begin(), choices.end(), id) != choices.end();
}

const SchemaAction* SchemaData::find_action(std::string_view type, std::string_view id) const {
  auto found = actions.find(std::string(type) + "::" + quoted(id));
  return found == actions.end() ? nullptr : &found->second;
}

bool is_action_type_name(std::string_view type) { return type == "Action" || type.ends_with("::Action"); }

Schema::Schema() : data_(std::make_shared<SchemaData>()) {}

std::shared_ptr<SchemaData> resolve_schema(const SchemaSyntax& syntax, const SchemaPlaces& places, Diagnostics& diagnostics) {
  return Resolver(syntax, places, diagnostics).run();
}

bool Schema::declares_entity_type(std::string_view type) const { return data_->entity_types.contains(type); }
bool Schema::declares_action(const EntityUid& action) const { return data_->find_action(action.type(), action.id()) != nullptr; }
Entities Schema::actions() const { return data_->action_entities; }

}  // namespace interlock::cedar
