// libcedar in one page: policies and entities are loaded once, then asked: may she, what may she, and what would it depend on?
// The test in tests/install builds it against the installed library and compares what it prints.
#include <cstdio>

#include "cedar/partial.hpp"
#include "cedar/policy_json.hpp"
#include "cedar/query.hpp"

using namespace interlock::cedar;

namespace {

constexpr const char* kPolicies = R"(
permit (principal in Team::"red", action == Action::"read", resource is File);
permit (principal, action == Action::"write", resource is File) when { resource.owner == principal && context.approved };
)";

constexpr const char* kEntities = R"([
  {"uid": {"type": "User", "id": "ada"}, "attrs": {}, "parents": [{"type": "Team", "id": "red"}]},
  {"uid": {"type": "File", "id": "mine"}, "attrs": {"owner": {"__entity": {"type": "User", "id": "ada"}}}, "parents": []},
  {"uid": {"type": "File", "id": "ours"}, "attrs": {"owner": {"__entity": {"type": "User", "id": "bob"}}}, "parents": []}
])";

const char* shown(Decision decision) { return decision == Decision::kAllow ? "allow" : "deny"; }

}  // namespace

int main() {
  auto policies = PolicySet::parse({{"example.cedar", kPolicies}});
  auto entities = Entities::from_json(kEntities);
  if (!policies || !entities) {
    std::fprintf(stderr, "%s\n", (policies ? entities.error() : policies.error()).text().c_str());
    return 1;
  }

  ValueArena arena;
  Request request{{"User", "ada"}, {"Action", "write"}, {"File", "mine"}, arena.record({{"approved", Value::boolean(true)}})};
  Response response = authorize(*policies, request, *entities);
  std::printf("ada writes mine: %s", shown(response.decision));
  for (const Policy* policy : response.determining) std::printf(" (%s)", policy->id().c_str());
  std::printf("\n");

  std::printf("ada may write:");
  for (const EntityUid& file : query_resources(*policies, request, *entities, "File")) std::printf(" %s", file.text().c_str());
  std::printf("\n");

  auto partial = authorize_partially(*policies, {request.principal, request.action, UnknownEntity{"File"}, request.context}, *entities);
  if (!partial) return 1;
  std::printf("ada writes some file, if:\n%s", policies_to_text(partial->residuals).c_str());
  return 0;
}
