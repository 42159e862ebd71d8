// Policy text: parsing never crashes or hangs, what parses evaluates without harm, a policy's text parses to itself, and what
// is written of a set, as text and as JSON, gives the same answers. The same bytes are read as policies in JSON as well.
#include <cstdlib>

#include "cedar/cedar.hpp"
#include "cedar/policy_json.hpp"

using namespace interlock;
using namespace interlock::cedar;

namespace {

struct World {
  json::value arguments =
      *json::parse(R"({"path": "/work/a", "n": 1.5, "none": null, "list": [1, "a", {"b": []}], "deep": {"er": {"est": true}}})");
  ValueArena arena;
  Entities entities;
  Request request{{"User", "alice"}, {"Action", "view"}, {"File", "readme"}, {}};

  World() {
    EntitiesBuilder builder;
    builder.add({"User", "alice"}, arena.record({{"age", Value::integer(30)}, {"boss", arena.entity("User", "alice")}}), {{"Team", "red"}},
                arena.record({{"role", arena.string("admin")}}));
    builder.add({"Action", "view"}, {}, {{"Action", "read"}});
    entities = *builder.build();
    request.context = arena.record({{"args", Value::json(arguments)}, {"approved", Value::boolean(false)}});
  }
};

// What a response says, by position in the set.
std::string told(const PolicySet& set, const World& world) {
  Response response = authorize(set, world.request, world.entities);
  std::string out = response.decision == Decision::kAllow ? "allow" : "deny";
  for (const Policy* policy : response.determining) out += " " + std::to_string(policy - set.policies().data());
  for (const PolicyError& error : response.errors) out += " !" + std::to_string(error.policy - set.policies().data());
  return out;
}

void check_writing(const PolicySet& set, const World& world) {
  auto from_text = PolicySet::parse({{"text", policies_to_text(set)}});
  if (!from_text || told(*from_text, world) != told(set, world)) std::abort();
  auto json = policies_to_json(set);
  if (!json) {
    if (json.error().code != ErrorCode::kTooLarge) std::abort();
    return;
  }
  auto from_json = policies_from_json({"json", *json});
  if (!from_json || *policies_to_json(*from_json) != *json) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<Diagnostic> diagnostics;
  if (auto json = policies_from_json({"fuzz", text})) check_writing(*json, world);
  auto set = PolicySet::parse({{"fuzz", text}}, {}, &diagnostics);
  if (!set) {
    if (diagnostics.empty() && set.error().code != ErrorCode::kTooLarge) std::abort();
    for (const Diagnostic& diagnostic : diagnostics) {
      if (diagnostic.line == 0 || diagnostic.column == 0 || diagnostic.text().empty()) std::abort();
    }
    return 0;
  }
  Response response = authorize(*set, world.request, world.entities);
  for (const PolicyError& error : response.errors) {
    if (error.message.empty()) std::abort();
  }
  check_writing(*set, world);
  for (const Policy& policy : set->policies()) {
    auto again = PolicySet::parse({{"again", std::string(policy.text())}});
    if (!again || again->policies().size() != 1 || again->policies()[0].text() != policy.text()) std::abort();
  }
  return 0;
}
