// Policy sets as JSON: the parts of the document, and what is around a policy's own object.
#include "cedar/policy_json.hpp"

#include <algorithm>

#include "cedar/policy_json_reader.hpp"
#include "cedar/policy_set_builder.hpp"
#include "cedar/policy_writer.hpp"
#include "cedar/value_json.hpp"

namespace interlock::cedar {
namespace {

// What a document says, the policies as text.
struct SetDocument {
  std::string text;
  std::vector<std::string> ids;
  std::vector<TemplateLink> links;
};

Error within(const Error& error, const std::string& where) { return Error{error.code, where + ": " + error.message, error.hint}; }

Status add_policy(SetDocument& into, std::string id, const json::value& v, bool as_template) {
  Result<PolicySyntax> policy = read_policy_json(v);
  if (!policy) return std::unexpected(within(policy.error(), "policy " + quoted(id)));
  if (policy->is_template() != as_template) {
    return fail(ErrorCode::kInvalid,
                "policy " + quoted(id) +
                    (as_template ? ": a template has ?principal or ?resource" : ": a policy has no slots; templates stand in `templates`"));
  }
  into.text += write_policy_text(*policy);
  into.ids.push_back(std::move(id));
  return {};
}

Status add_policies(SetDocument& into, const json::object& document, std::string_view member, bool as_template) {
  const json::object* policies = json::object_at(document, member);
  if (policies == nullptr) return fail(ErrorCode::kInvalid, "`" + std::string(member) + "` must be an object of policies by their id");
  for (const auto& each : *policies) {
    if (Status good = add_policy(into, {each.key().data(), each.key().size()}, each.value(), as_template); !good) return good;
  }
  return {};
}

Result<TemplateLink> read_link(const json::value& v) {
  const json::object* o = v.if_object();
  auto id = o == nullptr ? std::nullopt : json::string_at(*o, "newId");
  auto template_id = o == nullptr ? std::nullopt : json::string_at(*o, "templateId");
  const json::object* values = o == nullptr ? nullptr : json::object_at(*o, "values");
  if (!id || !template_id || values == nullptr || o->size() != 3)
    return fail(ErrorCode::kInvalid, "a link has `templateId`, `newId` and `values`");
  TemplateLink link;
  link.id = *id;
  link.template_id = *template_id;
  for (const auto& each : *values) {
    auto slot = slot_variable({each.key().data(), each.key().size()});
    if (!slot) return fail(ErrorCode::kInvalid, "the link " + quoted(link.id) + ": the slots are ?principal and ?resource");
    Result<JsonUid> uid = read_uid_json(each.value());
    if (!uid) return std::unexpected(within(uid.error(), "the link " + quoted(link.id)));
    (*slot == Variable::kPrincipal ? link.principal : link.resource) = EntityUid(std::string(uid->type), std::string(uid->id));
  }
  return link;
}

Result<SetDocument> read_document(const json::value& v) {
  SetDocument read;
  const json::object* document = v.if_object();
  if (document == nullptr) return fail(ErrorCode::kInvalid, "the document must be an object");
  if (json::find(*document, "effect") != nullptr) {
    bool is_template = false;
    if (Result<PolicySyntax> policy = read_policy_json(v)) is_template = policy->is_template();
    if (Status good = add_policy(read, "policy0", v, is_template); !good) return std::unexpected(good.error());
    return read;
  }
  for (const auto& member : *document) {
    std::string_view name(member.key().data(), member.key().size());
    if (name != "staticPolicies" && name != "templates" && name != "templateLinks") {
      return fail(ErrorCode::kInvalid, "the member `" + std::string(name.substr(0, 80)) + "` is not known in a policy set");
    }
  }
  if (Status good = add_policies(read, *document, "staticPolicies", false); !good) return std::unexpected(good.error());
  if (Status good = add_policies(read, *document, "templates", true); !good) return std::unexpected(good.error());
  const json::array* links = json::array_at(*document, "templateLinks");
  if (links == nullptr) return fail(ErrorCode::kInvalid, "`templateLinks` must be an array");
  for (const json::value& each : *links) {
    Result<TemplateLink> link = read_link(each);
    if (!link) return std::unexpected(link.error());
    read.links.push_back(std::move(*link));
  }
  return read;
}

json::object write_link(const CompiledPolicies& set, std::size_t link) {
  auto write_uid = [](const EntityUid& uid) {
    json::object out;
    out["type"] = uid.type();
    out["id"] = uid.id();
    return out;
  };
  const PolicySyntax& filled = *set.syntax[link];
  const PolicySyntax& from = *set.syntax[set.template_of[link]];
  json::object values;
  if (from.principal.is_slot) values["?principal"] = write_uid(filled.principal.entities[0]);
  if (from.resource.is_slot) values["?resource"] = write_uid(filled.resource.entities[0]);
  json::object out;
  out["templateId"] = set.policies[set.template_of[link]].id();
  out["newId"] = set.policies[link].id();
  out["values"] = std::move(values);
  return out;
}

}  // namespace

Result<PolicySet> policies_from_json(const PolicySource& document, const LoadOptions& options, std::vector<Diagnostic>* all) {
  Diagnostics diagnostics(std::max<std::size_t>(options.max_diagnostics, 1));
  auto refuse = [&](const Error& error) -> std::unexpected<Error> {
    Diagnostic diagnostic;
    diagnostic.source = document.name;
    diagnostic.message = error.message;
    diagnostic.hint = error.hint;
    if (all != nullptr) *all = {diagnostic};
    return std::unexpected(Error{error.code, document.name + ": " + error.message, error.hint});
  };
  Result<json::value> parsed = json::parse(document.text, {.size_bytes = options.max_source_bytes, .depth = kMaxPolicyJsonDepth});
  if (!parsed) return refuse(parsed.error());
  Result<SetDocument> read = read_document(*parsed);
  if (!read) return refuse(read.error());
  if (read->text.size() > std::min<std::size_t>(options.max_source_bytes, UINT32_MAX))
    return refuse({ErrorCode::kTooLarge, "the policies are too large", {}});
  PolicySetBuilder builder(options, diagnostics);
  builder.add_source({document.name, std::move(read->text)}, &read->ids);
  if (!diagnostics.empty()) {
    if (all != nullptr) *all = diagnostics.kept();
    return std::unexpected(diagnostics.error());
  }
  for (const TemplateLink& link : read->links) {
    if (Status good = builder.add_link(link); !good) return refuse(good.error());
  }
  return builder.finish();
}

Result<std::string> policies_to_json(const PolicySet& policies) {
  json::object statics;
  json::object templates;
  json::array links;
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  for (std::size_t i = 0; set != nullptr && i < set->policies.size(); ++i) {
    if (set->template_of[i] != kNoTemplate) {
      links.push_back(write_link(*set, i));
      continue;
    }
    Result<json::object> written = write_policy_json(*set->syntax[i]);
    if (!written) return std::unexpected(within(written.error(), "policy " + quoted(set->policies[i].id())));
    (set->policies[i].is_template() ? templates : statics)[set->policies[i].id()] = std::move(*written);
  }
  json::object out;
  out["staticPolicies"] = std::move(statics);
  out["templates"] = std::move(templates);
  out["templateLinks"] = std::move(links);
  return json::write(out);
}

std::string policies_to_text(const PolicySet& policies) {
  std::string out;
  const CompiledPolicies* set = PolicySetAccess::compiled(policies);
  for (std::size_t i = 0; set != nullptr && i < set->policies.size(); ++i) {
    const std::string& id = set->policies[i].id();
    if (i > 0) out += '\n';
    out += write_policy_text(*set->syntax[i], id == "policy" + std::to_string(i) ? std::string_view() : std::string_view(id));
  }
  return out;
}

}  // namespace interlock::cedar
