// OpenAPI descriptions: whatever is imported loads, says what it left out, and calls nothing a read that writes by its method.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "catalogue/entry.hpp"
#include "catalogue/openapi.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock::catalogue;
  const auto imported = import_openapi({reinterpret_cast<const char*>(data), size}, "fuzzed");
  if (!imported) {
    if (imported.error().message.empty()) std::abort();
    return 0;
  }
  const auto entry = parse_entry({"imported", imported->entry});
  if (!entry || entry->operations.empty() || entry->operations.size() != imported->operations) std::abort();
  std::string_view rest = imported->entry;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    for (const std::string_view method : {"\"POST /", "\"PUT /", "\"PATCH /", "\"DELETE /"}) {
      if (line.find(method) != std::string_view::npos && line.find("effects: [read]") != std::string_view::npos) std::abort();
    }
  }
  return 0;
}
