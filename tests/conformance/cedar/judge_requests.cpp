// Authorization and entity parsing.
#include "judge.hpp"

namespace check_cedar {

using namespace interlock;
using namespace interlock::cedar;

namespace {

std::set<std::string> strings(const json::array* list) {
  std::set<std::string> out;
  if (list != nullptr) {
    for (const json::value& each : *list) out.emplace(json::view(each.as_string()));
  }
  return out;
}

std::string joined(const std::set<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : " ") + item;
  return "{" + out + "}";
}

bool check_request(const Case& test, const json::object& wanted, const std::string& where, const PolicySet& policies, const Schema& schema,
                   const Entities& entities, Suite& suite) {
  ValueArena arena;
  Result<Request> request = read_request(arena, schema, wanted);
  if (!request) return suite.differs("request", test.file, where + request.error().text());
  if (json::bool_at(wanted, "validateRequest", true)) {
    if (Status valid = schema.check_request(*request); !valid)
      return suite.differs("request validation", test.file, where + valid.error().text());
  }
  Response response = authorize(policies, *request, entities);
  std::set<std::string> reasons;
  std::set<std::string> errors;
  std::string messages;
  for (const Policy* policy : response.determining) reasons.insert(policy->id());
  for (const PolicyError& error : response.errors) {
    errors.insert(error.policy->id());
    messages += " | " + error.message;
  }
  bool allow = response.decision == Decision::kAllow;
  bool good = true;
  if (allow != (json::string_at(wanted, "decision") == "allow"))
    good = suite.differs("decision", test.file, where + (allow ? "allow" : "deny") + messages);
  auto wanted_reasons = strings(json::array_at(wanted, "reason"));
  if (reasons != wanted_reasons)
    good = suite.differs("reason", test.file, where + joined(reasons) + ", expected " + joined(wanted_reasons) + messages);
  auto wanted_errors = strings(json::array_at(wanted, "errors"));
  if (errors != wanted_errors)
    good = suite.differs("errors", test.file, where + joined(errors) + ", expected " + joined(wanted_errors) + messages);
  return good;
}

}  // namespace

Result<Request> read_request(ValueArena& arena, const Schema& schema, const json::object& request) {
  Request made;
  std::pair<const char*, EntityUid*> parts[] = {{"principal", &made.principal}, {"action", &made.action}, {"resource", &made.resource}};
  for (auto [member, uid] : parts) {
    const json::object* object = json::object_at(request, member);
    const json::object* inner = object == nullptr ? nullptr : json::object_at(*object, "__entity");
    if (inner != nullptr) object = inner;
    auto type = object == nullptr ? std::nullopt : json::string_at(*object, "type");
    auto id = object == nullptr ? std::nullopt : json::string_at(*object, "id");
    if (!type || !id) return fail(ErrorCode::kInvalid, std::string(member) + " is no uid");
    *uid = EntityUid(std::string(*type), std::string(*id));
  }
  const json::value* context = json::find(request, "context");
  if (context == nullptr) return made;
  Result<Value> read = schema.read_context(arena, made.action, *context);
  if (!read) return std::unexpected(read.error());
  made.context = *read;
  return made;
}

Result<Schema> read_schema(const Case& test) {
  fs::path path = test.path("schema");
  PolicySource source{path.string(), read_text(path)};
  return Schema::parse(source);
}

Result<PolicySet> read_policies(const Case& test) {
  fs::path path = test.path("policies");
  return PolicySet::parse({{path.string(), read_text(path)}});
}

bool check_authorization(const Case& test, Suite& suite) {
  const json::array* requests = json::array_at(test.json.as_object(), "requests");
  if (requests == nullptr) return suite.differs("case file", test.file, "it has no requests");
  auto schema = read_schema(test);
  if (!schema) return suite.differs("schema parsing", test.file, schema.error().text());
  auto policies = read_policies(test);
  if (!policies) return suite.differs("policy parsing", test.file, policies.error().text());
  auto entities = schema->read_entities(read_text(test.path("entities")));
  if (!entities) return suite.differs("entity parsing", test.file, entities.error().text());
  bool good = check_should_validate(test, *policies, *schema, suite);
  for (std::size_t i = 0; i < requests->size(); ++i) {
    good = check_request(test, (*requests)[i].as_object(), "request " + std::to_string(i) + ": ", *policies, *schema, *entities, suite) &&
           good;
  }
  return good;
}

bool check_entity_parsing(const Case& test, Suite& suite) {
  auto expected = read_json(test.beside(".parsing.json"));
  if (!expected) return suite.differs("case file", test.file, "it has no .parsing.json");
  auto schema = read_schema(test);
  if (!schema) return suite.differs("schema parsing", test.file, schema.error().text());
  std::string text = read_text(test.path("entities"));
  auto all = schema->read_entities(text);
  const json::object* whole = json::object_at(expected->as_object(), "allEntities");
  bool good = true;
  if (whole != nullptr && json::bool_at(*whole, "success") != all.has_value()) {
    good = suite.differs("entities", test.file, all ? "they were read" : all.error().text());
  }
  auto parsed = json::parse(text);
  const json::object* each = json::object_at(expected->as_object(), "perEntity");
  if (!parsed || !parsed->is_array() || each == nullptr) return good;
  for (const json::value& entity : parsed->as_array()) {
    const json::object* uid = entity.is_object() ? json::object_at(entity.as_object(), "uid") : nullptr;
    if (uid == nullptr) continue;
    std::string key =
        std::string(json::string_at(*uid, "type").value_or("")) + "::" + std::string(json::string_at(*uid, "id").value_or(""));
    const json::object* wanted = json::object_at(*each, key);
    if (wanted == nullptr) continue;
    auto read = schema->read_entities(json::value(json::array{entity}));
    if (json::bool_at(*wanted, "success") != read.has_value())
      good = suite.differs("entity", test.file, key + ": " + (read ? "it was read" : read.error().text()));
  }
  return good;
}

}  // namespace check_cedar
