#include "approval/display.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace interlock::approval {
namespace {

constexpr std::size_t kBlankRun = 8;
constexpr std::size_t kIndent = 40;
constexpr std::size_t kCombiningRun = 4;
constexpr std::size_t kShownLines = 40;
constexpr std::size_t kAllBytes = std::size_t{1} << 20;

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that show nothing, or change how others show (Unicode 15: Cc, Cf, Zl, Zp, Co, noncharacters, Default_Ignorable, and Zs but
// U+0020).
constexpr std::array kHidden = std::to_array<Range>({
    {0x0000, 0x001F},   {0x007F, 0x00A0},   {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x0600, 0x0605},    {0x061C, 0x061C},
    {0x06DD, 0x06DD},   {0x070F, 0x070F},   {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x115F, 0x1160},    {0x1680, 0x1680},
    {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},    {0x2800, 0x2800},
    {0x3000, 0x3000},   {0x3164, 0x3164},   {0xE000, 0xF8FF},   {0xFDD0, 0xFDEF},   {0xFE00, 0xFE0F},    {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD},  {0x13430, 0x1343F},
    {0x16FE4, 0x16FE4}, {0x1BCA0, 0x1BCA3}, {0x1D159, 0x1D159}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF},
});

constexpr std::array kCombining = std::to_array<Range>({
    {0x0300, 0x036F},
    {0x0483, 0x0489},
    {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF},
    {0x20D0, 0x20FF},
    {0x302A, 0x302F},
    {0x3099, 0x309A},
    {0xFE20, 0xFE2F},
});

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& r) { return c >= r.first && c <= r.last; });
}

// The character at `at` and its length; length 0 where the bytes are not UTF-8 (RFC 3629: shortest form, no surrogates).
std::pair<char32_t, std::size_t> decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
  if (length == 0 || at + length > text.size()) return {0, 0};
  char32_t c = lead & (0xFF >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    c = c << 6 | (byte(i) & 0x3F);
  }
  if ((length == 3 && c < 0x800) || (length == 4 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c <= 0xDFFF)) return {0, 0};
  return {c, length};
}

void append_escape(std::string& out, const char* form, unsigned value) {
  char text[24];
  std::snprintf(text, sizeof text, form, value);
  out += text;
}

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "\"";
  for (char c : printable(text, limit)) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

// A value with its own line breaks kept, each line behind a mark that the value cannot write itself.
void append_block(std::string& out, std::string_view text, bool full) {
  std::size_t lines = 0;
  std::size_t shown = 0;
  for (std::size_t at = 0; at <= text.size();) {
    if (!full && (lines == kShownLines || shown > kShownBytes)) {
      out += "      … (" + std::to_string(text.size() - at) + " bytes more)\n";
      return;
    }
    const auto end = text.find('\n', at);
    const auto line = text.substr(at, end == std::string_view::npos ? std::string_view::npos : end - at);
    if (end == std::string_view::npos && line.empty()) return;
    // Indentation is kept as it is, so that code can be read, unless it could push the text out of sight.
    const auto indent = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t kept = indent <= kIndent ? indent : 0;
    out += "      | " + std::string(kept, ' ') + printable(line.substr(kept), full ? kAllBytes : kShownBytes) + "\n";
    shown += line.size();
    ++lines;
    if (end == std::string_view::npos) return;
    at = end + 1;
  }
}

void append_value(std::string& out, const json::value& value, bool full) {
  const std::size_t limit = full ? kAllBytes : kShownBytes;
  if (const auto* text = value.if_string()) {
    const auto view = json::view(*text);
    if (view.find('\n') == std::string_view::npos) {
      out += quoted(view, limit) + "\n";
    } else {
      out += "(" + std::to_string(view.size()) + " bytes)\n";
      append_block(out, view, full);
    }
    return;
  }
  out += printable(json::write(value), limit) + "\n";
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + item;
  return out;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += "  ";
  out += name;
  out.append(name.size() < 10 ? 10 - name.size() : 1, ' ');
  out += value;
  out += '\n';
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit_bytes) {
  std::string out;
  std::size_t combining = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (at >= limit_bytes) {
      out += "… (" + std::to_string(text.size() - at) + " bytes more)";
      break;
    }
    const auto [c, length] = decode(text, at);
    if (length == 0) {
      append_escape(out, "\\x{%02x}", static_cast<unsigned char>(text[at]));
      ++at;
      combining = 0;
      continue;
    }
    if (c == ' ') {
      auto end = text.find_first_not_of(' ', at);
      if (end == std::string_view::npos) end = text.size();
      const std::size_t run = end - at;
      if (run > kBlankRun) out += "\\u{20}*" + std::to_string(run);
      else out.append(run, ' ');
      at = end;
      combining = 0;
      continue;
    }
    combining = within(kCombining, c) ? combining + 1 : 0;
    // A mark at the start would sit on what precedes the text.
    if (within(kHidden, c) || combining > kCombiningRun || (combining > 0 && at == 0))
      append_escape(out, "\\u{%x}", static_cast<unsigned>(c));
    else if (c == '\\') out += "\\\\";
    else out.append(text.substr(at, length));
    at += length;
  }
  return out;
}

std::string terminal_json(const json::value& value) {
  const std::string text = json::write(value);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [c, length] = decode(text, at);
    if (length == 1 && c != 0x7F) {
      out += text[at];
    } else if (length == 0) {
      out += "\\ufffd";
    } else if (c >= 0x10000) {
      append_escape(out, "\\u%04x", static_cast<unsigned>(0xD800 + ((c - 0x10000) >> 10)));
      append_escape(out, "\\u%04x", static_cast<unsigned>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    } else {
      append_escape(out, "\\u%04x", static_cast<unsigned>(c));
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

std::string time_left(UnixMs expires_ms, UnixMs now_ms) {
  if (expires_ms <= now_ms) return "expired";
  const auto seconds = (expires_ms - now_ms + 999) / 1000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
  return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

std::string describe(const Approval& approval, UnixMs now_ms, bool full) {
  const ApprovalRequest& r = approval.request;
  std::string out = "Approval " + printable(approval.id);
  if (approval.state == ApprovalState::kPending) out += ": waits for a human, expires in " + time_left(r.expires_ms, now_ms);
  else out += ": " + std::string(state_name(approval.state));
  out += "\n";
  append_field(out, "action", printable(r.action) + " (band " + std::to_string(static_cast<int>(r.band)) + ")");
  append_field(out, "resource", printable(r.resource));
  append_field(out, "server", printable(r.server) + (r.target.empty() ? "" : ", " + printable(r.operation) + " " + printable(r.target)));
  append_field(out, "subject", printable(r.subject) + (r.owner.empty() ? "" : ", owner " + printable(r.owner)));
  if (!r.client.empty()) append_field(out, "client", printable(r.client) + " (its own word)");
  append_field(out, "task", printable(r.task));
  append_field(out, "reason", printable(r.reason));
  append_field(out, "policies", printable(joined(r.policies)));
  append_field(out, "digest", printable(r.digest));
  out += "  arguments\n";
  if (const auto* o = r.arguments.if_object()) {
    if (o->empty()) out += "    (none)\n";
    for (const auto& pair : *o) {
      out += "    " + printable({pair.key().data(), pair.key().size()}, full ? kAllBytes : kShownBytes) + " = ";
      append_value(out, pair.value(), full);
    }
  } else {
    out += "    ";
    append_value(out, r.arguments, full);
  }
  if (approval.decided_ms != 0) {
    std::string end = std::string(state_name(approval.state)) + " at " + rfc3339(approval.decided_ms);
    if (!approval.approver.empty()) end += " by " + printable(approval.approver);
    if (!approval.decision_reason.empty()) end += ": " + printable(approval.decision_reason);
    append_field(out, "decision", end);
  }
  return out;
}

std::string summary(const Approval& approval, UnixMs now_ms) {
  static constexpr std::size_t kColumn = 120;
  const ApprovalRequest& r = approval.request;
  std::string left =
      approval.state == ApprovalState::kPending ? "expires in " + time_left(r.expires_ms, now_ms) : std::string(state_name(approval.state));
  return printable(approval.id) + "  " + printable(r.action, kColumn) + "  " + printable(r.resource, kColumn) + "  by " +
         printable(r.subject, kColumn) + "  " + left;
}

}  // namespace interlock::approval
