// Schemas in both syntaxes: reading never crashes or hangs, and what is a schema stays one when it is written in the other
// syntax, with the same declarations.
#include <cstdlib>

#include "cedar/schema.hpp"
#include "cedar/validate.hpp"

using namespace interlock;
using namespace interlock::cedar;

namespace {

void check_text(const std::string& text) {
  auto schema = Schema::parse({"fuzz", text});
  if (!schema) return;
  auto written = schema_text_to_json({"fuzz", text});
  if (!written || !Schema::parse_json({"written", *written})) std::abort();
  auto back = schema_json_to_text({"written", *written});
  if (!back) std::abort();
  auto again = schema_text_to_json({"back", *back});
  if (!again || *again != *written) std::abort();
  static const PolicySet policies = *PolicySet::parse({{"p", R"(
    permit(principal, action, resource) when { principal has a && principal.a == resource && [principal.a].contains(resource) };
    forbid(principal, action, resource) unless { principal.hasTag("t") && principal.getTag("t") == context.c };
  )"}});
  validate(policies, *schema);
  validate(policies, *schema, {.mode = ValidationOptions::Mode::kPermissive, .level = 1});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  check_text(text);
  auto schema = Schema::parse_json({"fuzz", text});
  if (!schema) return 0;
  // Not every JSON schema can be said in text; what comes out must be one.
  if (auto written = schema_json_to_text({"fuzz", text})) check_text(*written);
  return 0;
}
