// Events of agent hosts: whatever is in them, they are refused with a reason or read, and what is printed is what the host has.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.hpp"
#include "hosts/hosts.hpp"
#include "surface/hook/contract.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock;
  if (size == 0) return 0;
  const auto hosts = hosts::all_hosts();
  const auto payload = json::parse({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!payload || !payload->is_object()) return 0;
  const auto& contract = hook::contract_of(hosts[data[0] % hosts.size()].id, payload->get_object());
  const auto event = contract.read(payload->get_object());
  if (!event) {
    if (event.error().message.empty()) std::abort();
    return 0;
  }
  const auto acts = contract.acts(*event);
  if (acts && acts->size() > 1'000) std::abort();
  for (const auto kind : {hook::Answer::Kind::kNothing, hook::Answer::Kind::kAllow, hook::Answer::Kind::kDeny, hook::Answer::Kind::kAsk,
                          hook::Answer::Kind::kReplaceOutput, hook::Answer::Kind::kBlockOutput}) {
    const auto printed = contract.print(*event, {.kind = kind, .reason = "r", .next = "n", .input = event->input, .output = event->output});
    if (printed.exit != 0 && printed.exit != 2) std::abort();
    if (printed.exit == 2 && printed.err.empty()) std::abort();
    // Before something is done a no is exit code 2, or the host's own word for it.
    const bool before = event->kind == hook::Event::Kind::kBeforeTool || event->kind == hook::Event::Kind::kPrompt;
    if (before && kind == hook::Answer::Kind::kDeny && printed.exit != 2 && !printed.out.contains("\"cancel\":true")) std::abort();
    if (!printed.out.empty() && !json::parse(printed.out)) std::abort();
  }
  return 0;
}
