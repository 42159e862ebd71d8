#include "bench/http_message.hpp"

#include <strings.h>

#include <charconv>

namespace interlock::bench {
namespace {

std::size_t number(std::string_view text, int base) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

}  // namespace

std::string_view HttpMessage::header(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    auto value = line.substr(name.size() + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    return value;
  }
  return {};
}

int HttpMessage::status() const {
  return first_line.size() < 12 ? 0 : static_cast<int>(number(std::string_view(first_line).substr(9, 3), 10));
}

void HttpReader::reset() {
  message = {};
  buffer_.clear();
  at_ = 0;
  state_ = State::kHead;
}

bool HttpReader::feed(std::string_view bytes) {
  buffer_.append(bytes);
  return advance();
}

bool HttpReader::next() {
  message = {};
  buffer_.erase(0, at_);
  at_ = 0;
  state_ = State::kHead;
  return !buffer_.empty() && advance();
}

bool HttpReader::read_head() {
  const auto end = buffer_.find("\r\n\r\n", at_);
  if (end == std::string::npos) return false;
  const auto line = buffer_.find("\r\n", at_);
  message.first_line = buffer_.substr(at_, line - at_);
  message.head = buffer_.substr(line + 2, end + 2 - (line + 2));
  at_ = end + 4;
  const bool has_none = message.first_line.starts_with("HTTP/") && (message.status() == 204 || message.status() == 304);
  if (message.header("transfer-encoding") == "chunked") {
    state_ = State::kChunkSize;
  } else {
    needed_ = has_none ? 0 : number(message.header("content-length"), 10);
    state_ = State::kLength;
  }
  return true;
}

bool HttpReader::advance() {
  for (;;) {
    switch (state_) {
      case State::kHead:
        if (!read_head()) return false;
        break;
      case State::kLength:
        if (buffer_.size() - at_ < needed_) return false;
        message.body = buffer_.substr(at_, needed_);
        at_ += needed_;
        state_ = State::kDone;
        break;
      case State::kChunkSize: {
        const auto end = buffer_.find("\r\n", at_);
        if (end == std::string::npos) return false;
        needed_ = number(std::string_view(buffer_).substr(at_, end - at_), 16);
        at_ = end + 2;
        state_ = needed_ == 0 ? State::kTrailer : State::kChunkData;
        break;
      }
      case State::kChunkData:
        if (buffer_.size() - at_ < needed_ + 2) return false;
        message.body.append(buffer_, at_, needed_);
        at_ += needed_ + 2;
        state_ = State::kChunkSize;
        break;
      case State::kTrailer: {
        const auto end = buffer_.find("\r\n", at_);
        if (end == std::string::npos) return false;
        const bool last = end == at_;
        at_ = end + 2;
        if (last) state_ = State::kDone;
        break;
      }
      case State::kDone: return true;
    }
  }
}

}  // namespace interlock::bench
