// What the HTTP/2 tests of streams share, beside the raw frames of grpc_parts.hpp: a server of streams on a Unix socket, what it refused,
// and one frame at a time of what the other side says.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "grpc_parts.hpp"
#include "net/http_stream.hpp"

namespace interlock::net::testing {

// Texts that come from another thread, to be waited for.
class Notes {
 public:
  void add(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
    changed_.notify_all();
  }
  // The next one; "nothing" when patience is over.
  std::string next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(kPatience_s), [&] { return !notes_.empty(); })) return "nothing";
    auto note = std::move(notes_.front());
    notes_.pop_front();
    return note;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return notes_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> notes_;
};

class RunningH2Server {
 public:
  using Handler = std::function<void(std::shared_ptr<ServerStream>)>;
  explicit RunningH2Server(Handler handler, StreamLimits limits = {}) {
    thread_.on([&] {
      server_ = std::make_unique<StreamServer>(
          thread_.loop(), limits,
          StreamHandlers{std::move(handler), [this](const StreamPeer&, std::string_view rule) { refused.add(std::string(rule)); }});
      listening_ = server_->listen_unix(path()).has_value();
    });
  }
  ~RunningH2Server() {
    thread_.on([&] { server_.reset(); });
  }
  bool listening() const { return listening_; }
  std::string path() const { return folder_.path() + "/http.sock"; }
  StreamServer& server() { return *server_; }
  LoopThread& thread() { return thread_; }
  Notes refused;

 private:
  TemporaryFolder folder_;
  LoopThread thread_;
  std::unique_ptr<StreamServer> server_;
  bool listening_ = false;
};

// Answers with the request's line, its fields and its body.
inline void echo(const std::shared_ptr<ServerStream>& stream) {
  auto text = std::make_shared<std::string>(stream->head().method + " " + stream->head().authority + stream->head().target);
  for (const auto& [name, value] : stream->head().headers.all()) *text += "|" + name + "=" + value;
  *text += "|";
  stream->receive({.on_data = [text](std::string_view chunk) { text->append(chunk); },
                   .on_end =
                       [text, stream](const Headers& trailers) {
                         for (const auto& [name, value] : trailers.all()) *text += "|" + name + "=" + value;
                         stream->respond(200, {}, *text);
                       },
                   .on_lost = [stream](const Error&) { stream->cut(); }});
}

inline Fields get_fields(const std::string& path = "/") {
  return {{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "localhost"}};
}
inline Fields post_fields() { return with(get_fields(), ":method", "POST"); }
inline constexpr int kWhole = kEndStream | kEndHeaders;

inline std::string number_bytes(std::uint32_t number) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
  return out;
}
inline std::string window_frame(std::uint32_t stream, std::uint32_t increment) { return frame(8, 0, stream, number_bytes(increment)); }
inline std::string reset_frame(std::uint32_t stream, std::uint32_t code) { return frame(3, 0, stream, number_bytes(code)); }
inline std::string ping_frame() { return frame(6, 0, 0, "12345678"); }
// SETTINGS with one value.
inline std::string setting_frame(int id, std::uint32_t value) {
  return frame(4, 0, 0, std::string{static_cast<char>(id >> 8), static_cast<char>(id)} + number_bytes(value));
}

struct RawFrame {
  int type = -1;  // -1: the connection is over
  int flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};
inline std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t out = 0;
  for (const char byte : bytes) out = out << 8 | static_cast<std::uint8_t>(byte);
  return out;
}
inline RawFrame read_raw_frame(RawClient& client) {
  const auto head = client.read_exactly(9);
  if (head.size() < 9) return {};
  return {static_cast<std::uint8_t>(head[3]), static_cast<std::uint8_t>(head[4]), number_of(std::string_view(head).substr(5)),
          client.read_exactly(number_of(std::string_view(head).substr(0, 3)))};
}
// All frames up to and with the first of `type` (of `stream`, where that is not 0).
inline std::vector<RawFrame> read_raw_until(RawClient& client, int type, std::uint32_t stream = 0, int flags = 0) {
  std::vector<RawFrame> out;
  for (;;) {
    out.push_back(read_raw_frame(client));
    const auto& last = out.back();
    if (last.type == -1 || (last.type == type && (stream == 0 || last.stream == stream) && (last.flags & flags) == flags)) return out;
  }
}

}  // namespace interlock::net::testing
