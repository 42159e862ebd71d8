#include "net/sse.hpp"

#include <charconv>

namespace interlock::net {
namespace {

// The first CR or LF. Two searches for one byte each are several times faster than one for either.
std::size_t find_line_end(std::string_view text) {
  const auto lf = text.find('\n');
  const auto cr = text.substr(0, lf).find('\r');
  return cr != std::string_view::npos ? cr : lf;
}

}  // namespace

Status SseParser::feed(std::string_view piece, const std::function<void(SseEvent)>& on_event) {
  static constexpr std::string_view kMark = "\xef\xbb\xbf";
  while (!piece.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (piece.front() == '\n') {
        piece.remove_prefix(1);
        continue;
      }
    }
    const auto end = find_line_end(piece);
    const auto part = piece.substr(0, end);
    if (line_.size() + part.size() > event_bytes_)
      return fail(ErrorCode::kTooLarge, "an SSE line is over the bound of " + std::to_string(event_bytes_) + " bytes");
    if (end == std::string_view::npos) {
      line_.append(part);
      return {};
    }
    std::string_view line = part;
    if (!line_.empty()) {
      line_.append(part);
      line = line_;
    }
    after_cr_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    if (at_start_) {
      at_start_ = false;
      if (line.starts_with(kMark)) line.remove_prefix(kMark.size());
    }
    auto taken = take_line(line, on_event);
    line_.clear();
    if (!taken) return taken;
  }
  return {};
}

Status SseParser::take_line(std::string_view line, const std::function<void(SseEvent)>& on_event) {
  if (line.empty()) {
    // An event with neither data nor id says nothing; one with an id alone moves the last event id.
    if (has_data_ || event_.id || event_.retry_ms) {
      if (has_data_ && !event_.data.empty()) event_.data.pop_back();
      auto event = std::move(event_);
      event_ = {};
      has_data_ = false;
      on_event(std::move(event));
    }
    event_ = {};
    return {};
  }
  if (line.front() == ':') return {};
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (event_.data.size() + value.size() + 1 > event_bytes_)
      return fail(ErrorCode::kTooLarge, "an SSE event is over the bound of " + std::to_string(event_bytes_) + " bytes");
    event_.data.append(value);
    event_.data += '\n';
    has_data_ = true;
  } else if (field == "event") {
    event_.event = std::string(value);
  } else if (field == "id") {
    if (value.find('\0') == std::string_view::npos) event_.id = std::string(value);
  } else if (field == "retry") {
    std::int64_t ms = 0;
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error == std::errc() && rest == value.data() + value.size() && ms >= 0) event_.retry_ms = ms;
  }
  return {};
}

std::string sse_event(std::string_view data, std::string_view event, std::string_view id) {
  std::string out;
  out.reserve(data.size() + event.size() + id.size() + 32);
  if (!event.empty()) out.append("event: ").append(event) += '\n';
  if (!id.empty()) out.append("id: ").append(id) += '\n';
  while (true) {
    const auto end = find_line_end(data);
    out.append("data: ").append(data.substr(0, end)) += '\n';
    if (end == std::string_view::npos) break;
    const bool pair = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (pair ? 2 : 1));
  }
  out += '\n';
  return out;
}

std::string sse_comment(std::string_view text) { return ": " + std::string(text) + "\n\n"; }

}  // namespace interlock::net
