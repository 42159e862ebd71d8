// OpenAPI descriptions: whatever is imported loads, and its writes are no reads.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "catalogue/catalogue.hpp"
#include "catalogue/openapi.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock::catalogue;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto imported = import_openapi(text, "fuzzed");
  if (!imported) {
    if (imported.error().message.empty()) std::abort();
    return 0;
  }
  if (imported->operations == 0) std::abort();
  // Hosts may be those of a shipped entry: then it says so, and nothing else goes wrong.
  const std::vector<CatalogueSource> sources = {{"imported", imported->entry}};
  const auto loaded = Catalogue::load(sources, {});
  if (!loaded && loaded.error().code != interlock::ErrorCode::kConflict) std::abort();
  return 0;
}
