// What the gRPC tests share: a server on a Unix socket, a client's calls with an end that can be waited for, and raw HTTP/2 frames.
#pragma once

#include <nghttp2/nghttp2.h>

#include <sys/stat.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "net/grpc.hpp"
#include "parts.hpp"

namespace interlock::net::testing {

class RunningGrpcServer {
 public:
  explicit RunningGrpcServer(GrpcHandler handler, GrpcOptions options = {}) {
    thread_.on([&] {
      server_ = std::make_unique<GrpcServer>(thread_.loop(), options, std::move(handler));
      listening_ = server_->listen_unix(path(), 0600).has_value();
    });
  }
  ~RunningGrpcServer() { end(); }
  void end() {
    thread_.on([&] { server_.reset(); });
  }
  bool listening() const { return listening_; }
  std::string path() const { return folder_.path() + "/grpc.sock"; }
  std::string endpoint() const { return "unix://" + path(); }
  LoopThread& thread() { return thread_; }

 private:
  TemporaryFolder folder_;
  LoopThread thread_;
  std::unique_ptr<GrpcServer> server_;
  bool listening_ = false;
};

// What one call brought, for another thread to wait on.
class Outcome {
 public:
  GrpcCallHandlers handlers() {
    return {.on_message =
                [this](std::string_view message) {
                  const std::lock_guard lock(mutex_);
                  messages_.emplace_back(message);
                  changed_.notify_all();
                },
            .on_end =
                [this](GrpcStatus status) {
                  const std::lock_guard lock(mutex_);
                  ++ends_;
                  status_ = std::move(status);
                  changed_.notify_all();
                }};
  }
  GrpcStatus end() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(kPatience_s), [&] { return status_.has_value(); }))
      return {GrpcCode::kUnknown, "the call does not end"};
    return *status_;
  }
  bool has_messages(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(kPatience_s), [&] { return messages_.size() >= count; });
  }
  std::vector<std::string> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  int ends() {
    const std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
  std::optional<GrpcStatus> status_;
  int ends_ = 0;
};

class RunningGrpcClient {
 public:
  explicit RunningGrpcClient(const std::string& endpoint, GrpcOptions options = {}) {
    thread_.on([&] {
      auto made = GrpcClient::create(thread_.loop(), endpoint, options);
      if (made) client_ = std::move(*made);
    });
  }
  ~RunningGrpcClient() { end(); }
  void end() {
    thread_.on([&] { client_.reset(); });
  }
  std::shared_ptr<GrpcClientCall> start(const std::string& path, const std::string& message, Outcome& outcome, Headers metadata = {}) {
    return thread_.on([&] { return client_->start(path, std::move(metadata), message, outcome.handlers()); });
  }
  GrpcStatus ask(const std::string& path, const std::string& message, Outcome& outcome, Headers metadata = {}) {
    start(path, message, outcome, std::move(metadata));
    return outcome.end();
  }
  LoopThread& thread() { return thread_; }

 private:
  LoopThread thread_;
  std::unique_ptr<GrpcClient> client_;
};

// --- raw frames (RFC 9113 §4.1) ---

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (int shift = 16; shift >= 0; shift -= 8) out.push_back(static_cast<char>(payload.size() >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(stream >> shift));
  return out.append(payload);
}
inline std::string settings_frame() { return frame(4, 0, 0, ""); }

// A field as HPACK's literal without indexing (RFC 7541 §6.2.2); names and values under 127 bytes.
inline std::string field(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out.push_back(static_cast<char>(name.size()));
  out.append(name).push_back(static_cast<char>(value.size()));
  return out.append(value);
}
using Fields = std::vector<std::pair<std::string, std::string>>;
inline std::string block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += field(name, value);
  return out;
}
inline Fields call_fields() {
  return {{":method", "POST"},         {":scheme", "http"}, {":path", "/Test/Echo"},
          {":authority", "localhost"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
}
inline Fields with(Fields fields, const std::string& name, const std::string& value) {
  for (auto& one : fields) {
    if (one.first == name) {
      one.second = value;
      return fields;
    }
  }
  fields.emplace_back(name, value);
  return fields;
}
inline Fields without(Fields fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& one) { return one.first == name; });
  return fields;
}
inline std::string grpc_message(std::string_view message, char flag = 0) {
  std::string out(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(message.size() >> shift));
  return out.append(message);
}
inline constexpr int kEndStream = 1;
inline constexpr int kEndHeaders = 4;
inline std::string headers_frame(std::uint32_t stream, const Fields& fields, int flags = kEndHeaders) {
  return frame(1, flags, stream, block(fields));
}
inline std::string data_frame(std::uint32_t stream, std::string_view bytes, bool ends = true) {
  return frame(0, ends ? kEndStream : 0, stream, bytes);
}

// Reads what the other side says, until a stream or the connection ends.
class RawHttp2 {
 public:
  explicit RawHttp2(RawClient& client) : client_(client) { nghttp2_hd_inflate_new(&inflater_); }
  ~RawHttp2() { nghttp2_hd_inflate_del(inflater_); }
  RawHttp2(const RawHttp2&) = delete;
  RawHttp2& operator=(const RawHttp2&) = delete;

  struct Seen {
    std::map<std::string, std::string> fields;  // of all header blocks of the stream
    std::string data;
    bool ended = false;
    std::optional<std::uint32_t> reset;
    std::optional<std::uint32_t> goaway;  // of the connection
    bool closed = false;
  };
  // All until `stream` has ended or was reset, or the connection is over.
  Seen read_stream(std::uint32_t stream) {
    Seen seen;
    while (!seen.ended && !seen.reset && !seen.closed) read_frame(stream, seen);
    return seen;
  }
  Seen read_all() {
    Seen seen;
    while (!seen.closed) read_frame(0, seen);
    return seen;
  }

 private:
  RawClient& client_;
  nghttp2_hd_inflater* inflater_ = nullptr;

  static std::uint32_t number(std::string_view bytes) {
    std::uint32_t out = 0;
    for (const char byte : bytes) out = out << 8 | static_cast<std::uint8_t>(byte);
    return out;
  }
  void read_frame(std::uint32_t wanted, Seen& seen) {
    const auto head = client_.read_exactly(9);
    if (head.size() < 9) {
      seen.closed = true;
      return;
    }
    const auto payload = client_.read_exactly(number(std::string_view(head).substr(0, 3)));
    const auto type = static_cast<std::uint8_t>(head[3]);
    const auto flags = static_cast<std::uint8_t>(head[4]);
    const auto stream = number(std::string_view(head).substr(5));
    if (type == 7) seen.goaway = number(std::string_view(payload).substr(4, 4));
    if (type == 4 && (flags & 1) == 0) client_.send(frame(4, 1, 0, ""));
    if (type == 1) {
      const auto fields = inflate(payload);
      if (stream == wanted) seen.fields.insert(fields.begin(), fields.end());
    }
    if (stream != wanted || wanted == 0) return;
    if (type == 0) seen.data += payload;
    if ((type == 0 || type == 1) && (flags & kEndStream) != 0) seen.ended = true;
    if (type == 3) seen.reset = number(payload);
  }
  std::map<std::string, std::string> inflate(std::string_view bytes) {
    std::map<std::string, std::string> out;
    auto* in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    std::size_t left = bytes.size();
    for (;;) {
      nghttp2_nv one;
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_, &one, &flags, in, left, 1);
      if (used < 0) return out;
      in += used;
      left -= static_cast<std::size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT)
        out[{reinterpret_cast<char*>(one.name), one.namelen}] = {reinterpret_cast<char*>(one.value), one.valuelen};
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
      if (left == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return out;
  }
};

}  // namespace interlock::net::testing
