// Lines for a shell and words of a start: whatever stands in them, the parts are within their bound, each says what it does, and what is
// unknown is never said to be known.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "catalogue/catalogue.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock;
  static const auto loaded = catalogue::Catalogue::load({}, {});
  if (!loaded || size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  model::ActionRequest request;
  request.surface = "exec";
  json::object args{{"cwd", "/work"}, {"environment", json::object{{"HOME", "/home/me"}}}};
  if ((data[0] & 1) != 0) {
    request.operation = "shell";
    args["command"] = std::string(text);
  } else {
    json::array argv;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      argv.emplace_back(std::string(text.substr(at, end - at)));
      at = end + 1;
    }
    request.operation = "execve";
    request.target = "/usr/bin/" + std::string(text.substr(0, text.find('\n')));
    args["argv"] = std::move(argv);
  }
  request.args = std::move(args);
  const auto act = (*loaded)->classify(request);
  if (act.parts.size() > 2'049 || act.effects.empty()) std::abort();
  for (const auto& part : act.parts) {
    if (part.what.effects.empty() || part.what.action.empty() || part.what.resource.type.empty()) std::abort();
    if (part.what.known && (part.what.action == "exec/unknown" || part.what.resource.id == "?")) std::abort();
    if (act.band < part.what.band || (act.known && !part.what.known)) std::abort();
  }
  return 0;
}
