// Policies to JSON and back, and to text and back: the same answers.
#include "cedar/policy_json.hpp"
#include "cedar/validate.hpp"

#include "judge.hpp"

namespace check_cedar {

using namespace interlock;
using namespace interlock::cedar;

namespace {

// What a response says, as text.
std::string told(const Response& response) {
  std::string out = response.decision == Decision::kAllow ? "allow" : "deny";
  for (const Policy* policy : response.determining) out += " " + policy->id();
  out += ";";
  for (const PolicyError& error : response.errors) out += " " + error.policy->id();
  return out;
}

bool check_answers(const Case& test, const PolicySet& policies, const PolicySet& other, const std::string& what, Suite& suite) {
  auto schema = read_schema(test);
  if (!schema) return suite.differs("schema parsing", test.file, schema.error().text());
  auto entities = schema->read_entities(read_text(test.path("entities")));
  const json::array* requests = json::array_at(test.json.as_object(), "requests");
  if (!entities || requests == nullptr) return suite.differs("case file", test.file, "entities or requests can't be read");
  bool good = true;
  for (const json::value& each : *requests) {
    ValueArena arena;
    auto request = read_request(arena, *schema, each.as_object());
    if (!request) return suite.differs("request", test.file, request.error().text());
    std::string wanted = told(authorize(policies, *request, *entities));
    std::string got = told(authorize(other, *request, *entities));
    if (got != wanted) good = suite.differs(what + " answers", test.file, got + ", expected " + wanted);
  }
  if (validate(policies, *schema).errors.size() != validate(other, *schema).errors.size())
    good = suite.differs(what + " validation", test.file, "it differs");
  return good;
}

}  // namespace

bool check_policy_json(const Case& test, Suite& suite) {
  auto policies = read_policies(test);
  if (!policies) return suite.differs("policy parsing", test.file, policies.error().text());
  auto written = policies_to_json(*policies);
  if (!written) return suite.differs("to JSON", test.file, written.error().text());
  auto from_json = policies_from_json({"written.json", *written});
  if (!from_json) return suite.differs("from JSON", test.file, from_json.error().text() + "\n" + *written);
  auto again = policies_to_json(*from_json);
  if (!again || *again != *written)
    return suite.differs("JSON again", test.file, *written + "\n  " + (again ? *again : again.error().text()));
  auto from_text = PolicySet::parse({{"written.cedar", policies_to_text(*policies)}});
  if (!from_text) return suite.differs("from text", test.file, from_text.error().text());
  bool same = check_answers(test, *policies, *from_json, "JSON", suite);
  return check_answers(test, *policies, *from_text, "text", suite) && same;
}

}  // namespace check_cedar
