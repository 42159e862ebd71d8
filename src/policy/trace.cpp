#include "policy/trace.hpp"

#include "policy/compiled.hpp"
#include "policy/request_view.hpp"

namespace interlock::policy {
namespace {

std::vector<cedar::EntityUid> uids_of(std::span<const cedar::NameView> names) {
  std::vector<cedar::EntityUid> out;
  for (const cedar::NameView& name : names) out.emplace_back(std::string(name.type), std::string(name.id));
  return out;
}

cedar::EntityUid uid_of(const cedar::NameView& name) { return {std::string(name.type), std::string(name.id)}; }

}  // namespace

Result<ActTrace> trace(std::span<const PolicySource> sources, EngineOptions options, const Input& input) {
  const auto engine = compile(sources, std::move(options));
  if (!engine) return fail(engine.error());
  std::vector<cedar::PolicySource> texts;
  for (const PolicySource& source : sources) texts.push_back({source.name, source.text});
  auto set = cedar::PolicySet::parse(texts);
  if (!set) return fail(std::move(set.error()));
  ActTrace out{.set = std::move(*set), .resources = {}};

  Scratch scratch;
  RequestView view(input, (*engine)->workspace, (*engine)->workspace_value, scratch);
  std::vector<model::NamedResource> resources{{input.classification.resource, input.classification.containers}};
  resources.insert(resources.end(), input.classification.further_resources.begin(), input.classification.further_resources.end());
  for (const model::NamedResource& resource : resources) {
    for (const bool approved : {false, true}) {
      if (input.approved && !approved) continue;
      view.set_resource(resource.resource, resource.containers);
      view.set_approved(approved);
      const cedar::RequestSlice& slice = view.slice();
      cedar::EntitiesBuilder builder;
      ResourceTrace traced{.resource = resource.resource, .ancestors = {}, .approved = approved, .policies = {}};
      for (const cedar::SliceEntity* entity : {&slice.principal, &slice.action, &slice.resource})
        builder.add(uid_of(entity->name), entity->attributes, uids_of(entity->ancestors));
      for (const cedar::NameView& name : slice.resource.ancestors)
        traced.ancestors.push_back({std::string(name.type), std::string(name.id)});
      const auto entities = builder.build();
      if (!entities) return fail(entities.error());
      traced.policies = cedar::trace(out.set,
                                     {.principal = uid_of(slice.principal.name),
                                      .action = uid_of(slice.action.name),
                                      .resource = uid_of(slice.resource.name),
                                      .context = slice.context},
                                     *entities);
      out.resources.push_back(std::move(traced));
    }
  }
  return out;
}

}  // namespace interlock::policy
