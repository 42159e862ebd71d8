// Entities JSON and plain JSON as context: reading never crashes, and what is read can be asked about.
#include <cstdlib>

#include "cedar/cedar.hpp"

using namespace interlock;
using namespace interlock::cedar;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PolicySet policies = *PolicySet::parse({{"p", R"(
    permit(principal, action, resource) when { principal has x && principal.x == principal.x };
    permit(principal, action, resource) when { context.v == context.v };
    permit(principal, action, resource) when { context.v.contains(1) || context.v.containsAny([context.v]) };
    forbid(principal, action, resource) when { context has v.a.b && context.v.a.b like "*a*" };
    forbid(principal in Team::"red", action, resource) when { [principal, {k: context.v}].isEmpty() || principal.getTag("t") == 1 };
  )"}});
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto parsed = json::parse(text);
  if (!parsed) return 0;
  Result<Entities> entities = Entities::from_json(*parsed);
  ValueArena arena;
  Request request{{"User", "alice"}, {"Action", "view"}, {"File", "readme"}, arena.record({{"v", Value::json(*parsed)}})};
  authorize(policies, request, entities ? *entities : Entities());
  if (auto value = arena.cedar_json(*parsed)) {
    request.context = arena.record({{"v", *value}});
    Response response = authorize(policies, request, Entities());
    // A solid value equals itself.
    if (response.determining.empty() || response.determining[0]->id() != "policy1") {
      if (response.errors.empty()) std::abort();
    }
    (void)to_text(*value);
  }
  return 0;
}
