// Text that an agent or a server wrote, on its way to a terminal: nothing is left that moves a cursor, and texts of pins, of which
// the input is two, differ exactly where they do.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "approval/display.hpp"
#include "approval/pins.hpp"
#include "base/json.hpp"

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

void demand_visible(std::string_view shown) {
  for (const unsigned char c : shown) demand(c >= 0x20 && c != 0x7F);
  demand(interlock::json::parse(interlock::json::write(interlock::json::value(shown))).has_value());  // and UTF-8
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  demand_visible(approval::printable(text));
  demand_visible(approval::printable(text, 7));

  const auto half = text.find('\n');
  const auto before = text.substr(0, half);
  const auto after = half == std::string_view::npos ? std::string_view() : text.substr(half + 1);
  const auto summary = approval::change_summary(before, after);
  demand_visible(summary);
  demand(summary.size() < 8192);
  const auto old_value = json::parse(before);
  const auto new_value = json::parse(after);
  if (old_value && new_value) demand(approval::differences(before, after).empty() == (*old_value == *new_value));
  if (old_value) {
    const auto shown = approval::terminal_json(*old_value);
    for (const unsigned char c : shown) demand(c >= 0x20 && c < 0x7F);
    const auto again = json::parse(shown);
    demand(again && json::write(*again) == json::write(*old_value));  // 1e1 is written as 10, so the texts are held together
    demand(approval::differences(approval::pinned_form(*old_value), approval::pinned_form(*old_value)).empty());

    approval::Approval act;
    act.id = "k7m3xp";
    act.request.subject = before;
    act.request.resource = before;
    act.request.reason = before;
    act.request.arguments = *old_value;
    std::string described = approval::describe(act, 0);
    std::erase(described, '\n');
    demand_visible(described);
    demand_visible(approval::summary(act, 0));
    (void)approval::approval_from_json(*old_value);
  }
  return 0;
}
