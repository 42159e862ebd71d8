// Server-Sent Events, both ways (WHATWG HTML §9.2). Pure text handling, no I/O; one object a stream, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::net {

struct SseEvent {
  std::string event;  // empty means "message"
  std::string data;
  std::optional<std::string> id;
  std::optional<std::int64_t> retry_ms;
};

class SseParser {
 public:
  explicit SseParser(std::size_t event_bytes = std::size_t{16} << 20) : event_bytes_(event_bytes) {}
  // Feeds any piece of the stream; calls `on_event` for each whole event. kTooLarge once an event or line passes the bound:
  // the stream is then unusable.
  Status feed(std::string_view piece, const std::function<void(SseEvent)>& on_event);

 private:
  std::size_t event_bytes_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
  Status take_line(std::string_view line, const std::function<void(SseEvent)>& on_event);
};

// "event: ..\nid: ..\ndata: ..\n\n"; data that holds line breaks is split over data lines.
std::string sse_event(std::string_view data, std::string_view event = {}, std::string_view id = {});
std::string sse_comment(std::string_view text);

}  // namespace interlock::net
