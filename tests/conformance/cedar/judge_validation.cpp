// Validation of policies, entities and requests against what the reference answered.
#include "cedar/validate.hpp"

#include "judge.hpp"

namespace check_cedar {

using namespace interlock;
using namespace interlock::cedar;

namespace {

std::string texts(const json::object& object, std::string_view member) {
  std::string out;
  if (const json::array* list = json::array_at(object, member)) {
    for (const json::value& each : *list) out += std::string(" | ") + std::string(json::view(each.as_string()).substr(0, 200));
  }
  return out;
}

bool check_policies(const Case& test, const json::object& expected, const PolicySet& policies, const Schema& schema, Suite& suite) {
  bool good = true;
  struct Row {
    const char* mode;
    const char* errors;
    ValidationOptions::Mode value;
  };
  constexpr Row kRows[] = {{"strict", "strictErrors", ValidationOptions::Mode::kStrict},
                           {"permissive", "permissiveErrors", ValidationOptions::Mode::kPermissive}};
  for (const Row& row : kRows) {
    ValidationReport report = validate(policies, schema, {.mode = row.value});
    std::string messages;
    std::set<std::string> failed;
    for (const Finding& finding : report.errors) {
      failed.insert(finding.policy_id);
      messages += " | " + finding.place.message;
    }
    std::string detail = messages + "\n  expected" + texts(expected, row.errors);
    if (report.passed() != json::bool_at(expected, row.mode)) {
      good = suite.differs(std::string(row.mode) + (report.passed() ? " passes" : " fails"), test.file, detail);
      continue;
    }
    const json::object* each = json::object_at(expected, "perPolicy");
    for (const Policy& policy : policies.policies()) {
      const json::object* wanted = each == nullptr ? nullptr : json::object_at(*each, policy.id());
      if (wanted == nullptr || json::bool_at(*wanted, row.mode) == !failed.contains(policy.id())) continue;
      good = suite.differs(std::string(row.mode) + " of one policy", test.file, policy.id() + ": " + detail);
    }
  }
  return good;
}

bool check_entities(const Case& test, const json::object& expected, const Schema& schema, Suite& suite) {
  const json::object* each = json::object_at(expected, "perEntity");
  auto entities = read_json(test.path("entities"));
  if (each == nullptr || !entities || !entities->is_array()) return true;
  bool good = true;
  for (const json::value& entity : entities->as_array()) {
    const json::object* uid = entity.is_object() ? json::object_at(entity.as_object(), "uid") : nullptr;
    if (uid == nullptr) continue;
    std::string key =
        std::string(json::string_at(*uid, "type").value_or("")) + "::" + std::string(json::string_at(*uid, "id").value_or(""));
    const json::object* wanted = json::object_at(*each, key);
    if (wanted == nullptr) continue;
    auto read = schema.read_entities(json::value(json::array{entity}));
    bool wanted_good = json::array_at(*wanted, "errors") == nullptr;
    if (wanted_good == read.has_value()) continue;
    good = suite.differs(read ? "entity passes" : "entity fails", test.file,
                         key + ": " + (read ? texts(*wanted, "errors") : read.error().text()));
  }
  return good;
}

bool check_requests(const Case& test, const json::array& expected, const Schema& schema, Suite& suite) {
  const json::array* requests = json::array_at(test.json.as_object(), "requests");
  bool good = true;
  for (std::size_t i = 0; requests != nullptr && i < std::min(expected.size(), requests->size()); ++i) {
    const json::object& wanted = expected[i].as_object();
    ValueArena arena;
    auto request = read_request(arena, schema, (*requests)[i].as_object());
    Status valid = request ? schema.check_request(*request) : Status(std::unexpected(request.error()));
    for (const char* mode : {"strict", "permissive"}) {
      if (json::bool_at(wanted, mode) == valid.has_value()) continue;
      good = suite.differs(valid ? "request passes" : "request fails", test.file,
                           std::to_string(i) + ": " + (valid ? texts(wanted, "errors") : valid.error().text()));
    }
  }
  return good;
}

}  // namespace

bool check_should_validate(const Case& test, const PolicySet& policies, const Schema& schema, Suite& suite) {
  const json::value* wanted = json::find(test.json, "shouldValidate");
  if (wanted == nullptr || !wanted->is_bool()) return true;
  ValidationReport report = validate(policies, schema);
  if (report.passed() == wanted->get_bool()) return true;
  return suite.differs("shouldValidate", test.file, report.passed() ? "it passes" : report.errors[0].place.text());
}

bool check_validation(const Case& test, const fs::path& expected_path, Suite& suite) {
  auto expected = read_json(expected_path);
  if (!expected) return suite.differs("case file", expected_path, "this is no JSON");
  auto schema = read_schema(test);
  if (!schema) return suite.differs("schema parsing", test.file, schema.error().text());
  auto policies = read_policies(test);
  if (!policies) return suite.differs("policy parsing", test.file, policies.error().text());
  const json::object& whole = expected->as_object();
  bool good = true;
  if (const json::object* part = json::object_at(whole, "policyValidation")) good = check_policies(test, *part, *policies, *schema, suite);
  if (const json::object* part = json::object_at(whole, "entityValidation")) good = check_entities(test, *part, *schema, suite) && good;
  if (const json::array* part = json::array_at(whole, "requestValidation")) good = check_requests(test, *part, *schema, suite) && good;
  return good;
}

}  // namespace check_cedar
