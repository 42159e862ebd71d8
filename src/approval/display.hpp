// Untrusted text on a human's terminal: nothing an agent or a server writes may move the cursor, colour, hide or reorder what
// the human reads before a yes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "approval/record.hpp"

namespace interlock::approval {

inline constexpr std::size_t kShownBytes = 4096;  // of one value, unless all of it is asked for

// One line of visible text: C0 and C1 controls (so every ANSI escape), newlines, bidirectional overrides and isolates, zero-width
// and other invisible characters, blanks other than U+0020, tags, variation selectors, private use, piles of combining marks and
// bytes that are not UTF-8 become \u{..} or \x{..}; a long run of blanks, which would push the rest out of sight, becomes
// \u{20}*N; what is longer than `limit_bytes` is cut with "… (N bytes more)". A backslash is doubled, so that no escape can be
// forged. Letters of right-to-left scripts are kept: a terminal that reorders them does so within their line.
std::string printable(std::string_view text, std::size_t limit_bytes = kShownBytes);

// What will be done, over several lines, every value through printable(): the act, its arguments one a line, who asks, why a
// human is asked, how long the offer stands. Ends with a newline. `full` shows values of any length.
std::string describe(const Approval& approval, UnixMs now_ms, bool full = false);

// JSON in ASCII: whatever is not, and DEL, is escaped, so that also `--json` on a terminal moves no cursor.
std::string terminal_json(const json::value& value);

// "4 min 32 s", "expired".
std::string time_left(UnixMs expires_ms, UnixMs now_ms);

// One line for a list: id, action, resource, subject, time left.
std::string summary(const Approval& approval, UnixMs now_ms);

}  // namespace interlock::approval
