// Configurations of agent hosts, which anybody writes: JSON with comments and TOML. Whatever the bytes, a refusal or an edit that loses
// nothing: what install puts in, remove takes out, and a second install changes nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hosts/edit.hpp"
#include "hosts/hook_points.hpp"
#include "hosts/json_text.hpp"
#include "hosts/toml_text.hpp"

namespace {

using namespace interlock;
using namespace interlock::hosts;

[[noreturn]] void broken() { std::abort(); }

std::string without_space(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (!std::string_view(" \t\r\n").contains(c)) out += c;
  return out;
}

bool in_order(std::string_view inner, std::string_view outer) {
  std::size_t at = 0;
  for (const char c : outer)
    if (at < inner.size() && inner[at] == c) ++at;
  return at == inner.size();
}

void edit(const Host& host, const std::string& text) {
  const Place place{.home = "/h", .project = "/p", .program = "/opt/interlock", .environment = {}};
  const auto with = [](const std::string& bytes) {
    return [bytes](const std::string&) -> Result<std::optional<std::string>> { return bytes; };
  };
  const auto changes = install(host, place, with(text));
  if (!changes) return;
  const bool had_ours = text.contains("interlock");
  const std::string after = changes->empty() ? text : *(*changes)[0].after;
  if (!had_ours && !in_order(without_space(text), without_space(after))) broken();
  const auto again = install(host, place, with(after));
  if (!again || !again->empty()) broken();
  const auto out = remove(host, place, with(after));
  if (!out) broken();
  const auto left = out->empty() ? std::optional(after) : (*out)[0].after;
  if (!had_ours && left && left->contains("/opt/interlock hook")) broken();
  (void)diff({.path = "/f", .before = text, .after = after});
}

void rewrite(const Host& host, const std::string& text) {
  const Place place{.home = "/h", .project = "/p", .program = "/opt/interlock", .environment = {}};
  const ReadFile read = [&](const std::string&) -> Result<std::optional<std::string>> { return text; };
  const auto changes = through_gate(host, place, read, [](std::string_view name) -> std::optional<std::string> {
    if (name.size() % 3 == 2) return std::nullopt;
    return "http://127.0.0.1:7410/mcp/x";
  });
  if (!changes) return;
  for (const auto& change : *changes) {
    const auto servers = servers_of(host, place, [&](const std::string&) -> Result<std::optional<std::string>> { return change.after; });
    if (!servers) broken();
    for (const auto& server : *servers)
      if (!server.command.empty() || !server.environment.empty()) broken();
  }
}

}  // namespace

// The first byte chooses the host, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& host = all_hosts()[data[0] % all_hosts().size()];
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (hook_shape_of(host).form == HookForm::kGroups || hook_shape_of(host).form == HookForm::kEntries) edit(host, text);
  rewrite(host, text);
  (void)notes(host, {.home = "/h", .project = "/p", .program = {}, .environment = {}},
              [&](const std::string&) -> Result<std::optional<std::string>> { return text; });
  return 0;
}
