// Interlock's side of the differential test: reads cases as JSON lines from the standard input and answers each with one line.
//
//   in   {"policies": [texts], "templates": {id: text}, "links": [{"templateId", "newId", "values": {slot: uid}}],
//         "entities": [...], "requests": [{"principal", "action", "resource", "context"}]}; with "document", the policies as
//         JSON, that instead of the first three
//   out  {"answers": [{"decision": "allow", "reasons": [ids], "errors": [ids]} or {"refused": why}]}, or {"refused": why}
#include <cstdio>
#include <iostream>
#include <string>

#include "cedar/cedar.hpp"
#include "cedar/policy_json.hpp"

using namespace interlock;

namespace {

constexpr json::Limits kLimits{.size_bytes = std::size_t{64} << 20, .depth = 256};

json::value refused(std::string_view what, const Error& error) {
  return json::object{{"refused", std::string(what) + ": " + error.text()}};
}

Result<cedar::EntityUid> uid_at(const json::object& request, std::string_view name) {
  const json::object* uid = json::object_at(request, name);
  auto type = uid == nullptr ? std::nullopt : json::string_at(*uid, "type");
  auto id = uid == nullptr ? std::nullopt : json::string_at(*uid, "id");
  if (!type || !id || !cedar::is_type_name(*type)) return fail(ErrorCode::kInvalid, std::string(name) + " is no entity");
  return cedar::EntityUid(std::string(*type), std::string(*id));
}

json::value answer_request(const cedar::PolicySet& policies, const cedar::Entities& entities, const json::value& v) {
  const json::object& request = v.as_object();
  auto principal = uid_at(request, "principal");
  if (!principal) return refused("request", principal.error());
  auto action = uid_at(request, "action");
  if (!action) return refused("request", action.error());
  auto resource = uid_at(request, "resource");
  if (!resource) return refused("request", resource.error());
  cedar::ValueArena arena;
  auto context = arena.cedar_json(request.at("context"));
  if (!context) return refused("context", context.error());
  const cedar::Request asked{*principal, *action, *resource, *context};
  cedar::Response response = authorize(policies, asked, entities);
  // The shorter ways to a decision must arrive at the same.
  const cedar::Target target{*action, *resource};
  if (decide(policies, asked, entities) != response.decision) return json::object{{"refused", "decide() differs from authorize()"}};
  if (decide_each(policies, *principal, *context, std::span(&target, 1), entities).front() != response.decision) {
    return json::object{{"refused", "decide_each() differs from authorize()"}};
  }
  json::array reasons;
  for (const cedar::Policy* policy : response.determining) reasons.emplace_back(policy->id());
  json::array errors;
  for (const cedar::PolicyError& error : response.errors) errors.emplace_back(error.policy->id());
  return json::object{{"decision", response.decision == cedar::Decision::kAllow ? "allow" : "deny"},
                      {"reasons", std::move(reasons)},
                      {"errors", std::move(errors)}};
}

Result<cedar::PolicySet> policies_of(const json::object& one) {
  if (const json::value* document = json::find(one, "document"); document != nullptr) {
    return cedar::policies_from_json({"case.json", json::write(*document)});
  }
  std::string text;
  for (const json::value& policy : one.at("policies").as_array()) text.append(json::view(policy.as_string())).append("\n");
  for (const auto& each : one.at("templates").as_object()) text.append(json::view(each.value().as_string())).append("\n");
  auto policies = cedar::PolicySet::parse({{"case.cedar", std::move(text)}});
  if (!policies) return policies;
  std::vector<cedar::TemplateLink> links;
  for (const json::value& v : one.at("links").as_array()) {
    const json::object& link = v.as_object();
    cedar::TemplateLink& made = links.emplace_back();
    made.template_id = *json::string_at(link, "templateId");
    made.id = *json::string_at(link, "newId");
    const json::object& values = link.at("values").as_object();
    if (values.contains("?principal")) made.principal = *uid_at(values, "?principal");
    if (values.contains("?resource")) made.resource = *uid_at(values, "?resource");
  }
  return policies->link(links);
}

json::value answer_case(const json::value& v) {
  const json::object& one = v.as_object();
  auto policies = policies_of(one);
  if (!policies) return refused("policies", policies.error());
  auto entities = cedar::Entities::from_json(one.at("entities"));
  if (!entities) return refused("entities", entities.error());
  json::array answers;
  for (const json::value& request : one.at("requests").as_array()) answers.push_back(answer_request(*policies, *entities, request));
  return json::object{{"answers", std::move(answers)}};
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    Result<json::value> one = json::parse(line, kLimits);
    std::cout << json::write(one ? answer_case(*one) : refused("line", one.error())) << std::endl;
  }
  return 0;
}
