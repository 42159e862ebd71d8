#include "policy/request_view.hpp"

#include <algorithm>

#include "policy/url_parts.hpp"
#include "policy/vocabulary.hpp"

namespace interlock::policy {
namespace {

using cedar::Field;
using cedar::NameView;
using cedar::Value;

// As many as identities have (identity/issuers.hpp): a longer chain, or a scope beyond these, is of nobody who gets this far.
constexpr std::size_t kChainValues = 16;
constexpr std::size_t kScopeValues = 100;

Value text(std::string_view of) { return Value::borrowed(of); }

Value arguments_of(const model::ActionRequest& request) {
  static const json::object kNone;
  return request.args.is_null() ? Value::json(kNone) : Value::json(request.args);
}

NameView name_of(const model::EntityName& name) { return {name.type, name.id}; }

}  // namespace

RequestView::RequestView(const Input& input, std::span<const std::string> workspace, Value workspace_value, Scratch& scratch,
                         Knowledge knowledge)
    : input_(input), workspace_(workspace), scratch_(scratch), is_tool_call_(input.request.operation == "tools/call") {
  scratch_.arena.clear();
  scratch_.tool.assign(input.request.server).append("/").append(input.request.target);
  describe_principal();
  describe_action();
  describe_context(workspace_value, knowledge);
}

void RequestView::describe_principal() {
  const model::Subject& subject = input_.subject;
  auto& arena = scratch_.arena;
  std::array<Value, kChainValues> chain;
  const auto depth = std::min(subject.chain.size(), chain.size());
  for (std::size_t i = 0; i < depth; ++i) chain[i] = text(subject.chain[i].id);
  std::array<Value, kScopeValues> scopes;
  const auto scope_count = std::min(subject.scopes.size(), scopes.size());
  for (std::size_t i = 0; i < scope_count; ++i) scopes[i] = text(subject.scopes[i]);
  std::array<Field, 11> fields{{{"id", text(subject.id)},
                                {"assurance", text(model::assurance_name(subject.assurance))},
                                {"client", text(subject.client)},
                                {"attributes", Value::json(subject.attributes)},
                                {"chain", arena.set(std::span(chain).first(depth))},
                                {"credential", text(subject.credential)},
                                {"depth", Value::integer(static_cast<std::int64_t>(subject.chain.size()))},
                                {"inherited", Value::boolean(subject.inherited)},
                                {"scopes", arena.set(std::span(scopes).first(scope_count))}}};
  std::size_t count = 9;
  // On whose behalf is an attribute and no ancestor: whoever acts for somebody must not be permitted what that one is.
  if (!subject.chain.empty() && subject.chain.front().human) {
    fields[count++] = {"on_behalf_of", arena.entity(kHumanType, subject.chain.front().id)};
  }
  owner_ = {kHumanType, subject.owner};
  if (!subject.owner.empty()) fields[count++] = {"owner", arena.entity(kHumanType, subject.owner)};
  slice_.principal.name = {kAgentType, subject.id};
  slice_.principal.attributes = arena.record(std::span(fields).first(count));
  slice_.principal.ancestors = std::span(&owner_, subject.owner.empty() ? 0 : 1);
}

void RequestView::describe_action() {
  auto& groups = scratch_.action_ancestors;
  groups.clear();
  for (const model::Effect effect : input_.classification.effects) groups.push_back({kActionType, model::effect_name(effect)});
  if (!input_.request.surface.empty()) groups.push_back({kActionType, input_.request.surface});
  slice_.action.name = {kActionType, input_.classification.action};
  slice_.action.ancestors = groups;
}

void RequestView::describe_context(Value workspace, Knowledge knowledge) {
  const auto& request = input_.request;
  const auto& classification = input_.classification;
  const Value unknown = cedar::unknown_value();
  auto& arena = scratch_.arena;
  auto add = [&](std::string_view name, Value value) { context_[context_size_++] = {name, value}; };

  add("approved", unknown);  // the first, for set_approved
  add("args", knowledge == Knowledge::kExceptArguments ? unknown : arguments_of(request));
  add("band", Value::integer(static_cast<std::int64_t>(classification.band)));
  std::array<Value, 16> effects;
  std::size_t count = 0;
  for (const model::Effect effect : classification.effects) {
    if (count < effects.size()) effects[count++] = text(model::effect_name(effect));
  }
  add("effects", arena.set(std::span(effects).first(count)));
  add("known", Value::boolean(classification.known));
  add("sandboxed", Value::boolean(request.sandboxed));
  add("operation", text(request.operation));
  add("server", text(request.server));
  add("surface", text(request.surface));
  add("tool", is_tool_call_ || request.operation == "prompts/get" ? text(request.target) : text({}));
  add("workspace", workspace);
  if (knowledge != Knowledge::kFull) {
    add("now", unknown);
    add("rate", unknown);
    add("task", unknown);
  } else {
    add("now", Value::datetime_ms(input_.now_ms));
    if (input_.task != nullptr) {
      add("rate", arena.record({{"last_minute", Value::integer(input_.task->calls_last_minute)}}));
      add("task", task_record(*input_.task));
    }
  }
}

Value RequestView::task_record(const model::Task& task) {
  return scratch_.arena.record({{"band_ceiling", Value::integer(static_cast<std::int64_t>(task.band_ceiling))},
                                {"calls", Value::integer(task.calls)},
                                {"expires", Value::datetime_ms(task.expires_ms)},
                                {"id", text(task.id)},
                                {"purpose", text(task.purpose)},
                                {"started", Value::datetime_ms(task.started_ms)}});
}

void RequestView::set_approved(std::optional<bool> approved) {
  context_[0].value = approved ? Value::boolean(*approved) : cedar::unknown_value();
  slice_.context = scratch_.arena.record(std::span(context_).first(context_size_));
}

std::span<const NameView> RequestView::certain_ancestors() {
  auto& ancestors = scratch_.resource_ancestors;
  ancestors.clear();
  if (is_tool_call_) ancestors.push_back({kToolType, scratch_.tool});
  ancestors.push_back({kServerType, input_.request.server});
  return ancestors;
}

void RequestView::set_resource(const model::EntityName& resource, std::span<const model::EntityName> containers) {
  auto& ancestors = scratch_.resource_ancestors;
  certain_ancestors();
  for (const auto& container : containers) ancestors.push_back(name_of(container));
  if (in_workspace(resource, containers)) ancestors.push_back({kWorkspaceType, kWorkspaceId});
  slice_.resource.name = name_of(resource);
  slice_.resource.attributes = attributes_of(resource);
  slice_.resource.ancestors = ancestors;
}

// The folders that a file lies in come from the catalogue, which collapsed `..`; a workspace folder itself counts as inside.
bool RequestView::in_workspace(const model::EntityName& resource, std::span<const model::EntityName> containers) const {
  if (resource.type != kFileType && resource.type != kFolderType) return false;
  return std::any_of(workspace_.begin(), workspace_.end(), [&](const std::string& folder) {
    return resource.id == folder || std::any_of(containers.begin(), containers.end(), [&](const model::EntityName& container) {
             return container.type == kFolderType && container.id == folder;
           });
  });
}

Value RequestView::attributes_of(const model::EntityName& resource) {
  auto& arena = scratch_.arena;
  const std::string_view id = resource.id;
  if (resource.type == kFileType || resource.type == kFolderType) {
    const std::string_view name = id.substr(id.rfind('/') + 1);  // of "/": empty
    return arena.record({{"id", text(id)}, {"name", text(name)}, {"path", text(id)}});
  }
  if (resource.type == kUrlType) {
    const UrlParts parts = url_parts(id);
    return arena.record({{"host", text(parts.host)},
                         {"id", text(id)},
                         {"local", Value::boolean(is_local(parts))},
                         {"path", text(parts.path)},
                         {"scheme", text(parts.scheme)},
                         {"url", text(id)}});
  }
  return arena.record({{"id", text(id)}});
}

const model::EntityName* RequestView::forged_name(const model::EntityName& resource, std::span<const model::EntityName> containers) const {
  auto forged = [&](const model::EntityName& name) {
    if (std::find(kReservedTypes.begin(), kReservedTypes.end(), name.type) == kReservedTypes.end()) return false;
    const bool own_tool = is_tool_call_ && name.type == kToolType && name.id == scratch_.tool;
    const bool own_server = name.type == kServerType && name.id == input_.request.server;
    return !own_tool && !own_server;
  };
  if (forged(resource)) return &resource;
  const auto found = std::find_if(containers.begin(), containers.end(), forged);
  return found == containers.end() ? nullptr : &*found;
}

}  // namespace interlock::policy
