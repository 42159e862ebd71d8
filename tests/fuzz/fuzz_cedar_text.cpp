// Policy text: parsing never crashes or hangs, what parses evaluates without harm, and a policy's text parses to itself.
#include <cstdlib>

#include "cedar/cedar.hpp"

using namespace interlock;
using namespace interlock::cedar;

namespace {

struct World {
  json::value arguments = *json::parse(R"({"path": "/work/a", "n": 1.5, "none": null, "list": [1, "a", {"b": []}], "deep": {"er": {"est": true}}})");
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<Diagnostic> diagnostics;
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
  for (const Policy& policy : set->policies()) {
    auto again = PolicySet::parse({{"again", std::string(policy.text())}});
    if (!again || again->policies().size() != 1 || again->policies()[0].text() != policy.text()) std::abort();
  }
  return 0;
}
