// Untrusted text on a human's terminal: nothing an agent or a server writes may move the cursor, colour, hide or reorder what
// the human reads before a yes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "approval/record.hpp"

namespace interlock::approval {

// One line of visible text: C0 and C1 controls (so every ANSI escape), newlines, bidirectional overrides and isolates, zero-width
// and other invisible characters, tags, variation selectors, private use and bytes that are not UTF-8 become \u{..} or \x..;
// longer than `limit_bytes` is cut with "… (N bytes more)". A backslash is doubled, so that an escape cannot be forged.
std::string printable(std::string_view text, std::size_t limit_bytes = 4096);

// What will be done, over several lines, every value through printable(): the act, its arguments one a line, who asks, why a
// human is asked, how long the offer stands. Ends with a newline.
std::string describe(const Approval& approval, UnixMs now_ms);

// One line for a list: id, action, resource, subject, time left.
std::string summary(const Approval& approval, UnixMs now_ms);

}  // namespace interlock::approval
