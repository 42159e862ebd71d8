#include "net/stream_h2_callbacks.hpp"

#include <algorithm>
#include <array>

#include "net/deadlines.hpp"
#include "net/stream_h2_session.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kBombFactor = 4;               // a header block this many times over its bound ends the connection
constexpr std::size_t kBytesOfAWindowUpdate = 1024;  // sent for one that comes
constexpr std::size_t kWindowUpdatesOfAStream = 4;
constexpr std::size_t kFrameHeadBytes = 9;
constexpr std::int32_t kAnyStream = 0x7fffffff;  // GOAWAY's last stream, when an end is announced

// A rule, in words, from what libnghttp2 refused. Its own texts hold the values of fields, which may be secrets.
std::string_view rule_of(int library_error, std::string_view field) {
  switch (library_error) {
    case NGHTTP2_ERR_HTTP_HEADER: return field.empty() ? "a header field that HTTP/2 forbids" : field;
    case NGHTTP2_ERR_HTTP_MESSAGING: return "a message whose fields contradict its frames";
    case NGHTTP2_ERR_REFUSED_STREAM: return "too many streams at once";
    case NGHTTP2_ERR_FLOW_CONTROL: return "a window that overflows";
    case NGHTTP2_ERR_HEADER_COMP: return "a header block that cannot be decompressed";
    case NGHTTP2_ERR_FRAME_SIZE_ERROR: return "a frame of a wrong size";
    case NGHTTP2_ERR_STREAM_CLOSED: return "a frame for a stream that is closed";
    default: return "a frame that breaks the protocol";
  }
}

// Of a connection that libnghttp2 ends without a word about the frame.
std::string_view rule_of_goodbye(std::uint32_t http2_error) {
  switch (http2_error) {
    case NGHTTP2_FLOW_CONTROL_ERROR: return "more than a window holds";
    case NGHTTP2_STREAM_CLOSED: return "a frame for a stream that is closed";
    case NGHTTP2_FRAME_SIZE_ERROR: return "a frame of a wrong size";
    case NGHTTP2_COMPRESSION_ERROR: return "a header block that cannot be decompressed";
    default: return "a frame that breaks the protocol";
  }
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kKnownFields{{
    {":method", ":method twice, malformed or out of place"},
    {":scheme", ":scheme twice, malformed or out of place"},
    {":authority", ":authority twice, malformed or out of place"},
    {":path", ":path twice, malformed or out of place"},
    {":status", ":status in a request, twice or malformed"},
    {":protocol", "an extended CONNECT, which is not offered"},
    {"connection", "connection in HTTP/2"},
    {"keep-alive", "keep-alive in HTTP/2"},
    {"proxy-connection", "proxy-connection in HTTP/2"},
    {"transfer-encoding", "transfer-encoding in HTTP/2"},
    {"upgrade", "upgrade in HTTP/2"},
    {"te", "te other than trailers"},
    {"content-length", "content-length twice or malformed"},
    {"host", "host twice or malformed"},
}};

}  // namespace

struct H2Session::Callbacks {
  static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }
  // After a hook closed the connection, the running call returns.
  static int go_on(const H2Session& session) { return session.phase_ == Phase::kClosed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    auto& session = self(user);
    switch (head->type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA: break;
      case NGHTTP2_RST_STREAM:
        if (session.side_ == Side::kServer && !session.resets_.take(session.now_ms())) session.calm("a flood of streams that are reset");
        break;
      case NGHTTP2_PUSH_PROMISE:  // was declined before the first request
        nghttp2_session_terminate_session(session.session_, NGHTTP2_PROTOCOL_ERROR);
        break;
      case NGHTTP2_WINDOW_UPDATE:
        if (session.window_updates_ > 0) --session.window_updates_;
        else session.count_control_frame();
        break;
      default: session.count_control_frame();
    }
    return go_on(session);
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& session = self(user);
    if (session.side_ == Side::kServer && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      auto stream = session.make_stream();
      stream->id = frame->hd.stream_id;
      stream->moved_ms = session.now_ms();
      session.streams_[stream->id] = std::move(stream);
    }
    session.block_stream_ = session.find(frame->hd.stream_id);
    session.block_since_ms_ = session.now_ms();
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    auto& session = self(user);
    auto* stream = session.block_stream_;
    if (stream == nullptr || stream->id != frame->hd.stream_id) return 0;
    stream->block_.add({reinterpret_cast<const char*>(name), name_size}, {reinterpret_cast<const char*>(value), value_size},
                       session.limits_.header_bytes);
    if (stream->block_.bytes() > kBombFactor * session.limits_.header_bytes) session.calm("a header block that expands without end");
    return go_on(session);
  }

  // A field that only some readers take makes the message malformed, it is not skipped.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                            std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int complain(nghttp2_session*, int library_error, const char* text, std::size_t size, void* user) {
    if (library_error != NGHTTP2_ERR_HTTP_HEADER) return 0;
    const std::string_view message(text, size);
    constexpr std::string_view kMark = "name: [";
    auto& problem = self(user).problem_;
    problem = {};
    const auto at = message.find(kMark);
    if (at == std::string_view::npos) return 0;
    const auto rest = message.substr(at + kMark.size());
    for (const auto& [name, rule] : kKnownFields) {
      if (rest.starts_with(name) && rest.substr(name.size()).starts_with(']')) problem = rule;
    }
    return 0;
  }

  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int library_error, void* user) {
    auto& session = self(user);
    session.block_since_ms_ = kNever;
    if (auto* stream = session.find(frame->hd.stream_id)) stream->refusal_told_ = true;
    session.told_ = true;
    session.on_refused(rule_of(library_error, std::exchange(session.problem_, {})));
    if (!session.resets_.take(session.now_ms())) session.calm("a flood of streams that had to be reset");
    return go_on(session);
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) {
    auto& session = self(user);
    if (auto* stream = session.find(id)) session.take_body(*stream, {reinterpret_cast<const char*>(bytes), size});
    else nghttp2_session_consume(session.session_, id, size);
    return go_on(session);
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& session = self(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        session.block_since_ms_ = kNever;
        auto* stream = std::exchange(session.block_stream_, nullptr);
        if (stream == nullptr) break;
        block(session, *stream, ends);
        break;
      }
      case NGHTTP2_DATA: {
        if (frame->hd.length == frame->data.padlen && !ends) session.count_control_frame();
        auto* stream = ends ? session.find(frame->hd.stream_id) : nullptr;
        if (stream == nullptr) break;
        stream->remote_ended = true;
        session.deliver(*stream);
        break;
      }
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
        session.has_settings_ = true;
        session.on_settings();
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) session.on_ping_answered();
        break;
      case NGHTTP2_GOAWAY: session.on_goaway(); break;
      default: break;
    }
    return go_on(session);
  }

  static void block(H2Session& session, H2Stream& stream, bool ends) {
    if (ends) stream.remote_ended = true;
    if (stream.deaf_) return;
    if (stream.block_.is_too_large()) {
      stream.block_ = {};
      return session.on_large_block(stream);
    }
    if (stream.has_head_) {
      stream.trailers_ = stream.block_.take_trailers();
    } else {
      const auto status = stream.block_.status();
      stream.has_head_ = status == 0 || status >= 200;
      session.on_block(stream, stream.block_, ends);
    }
    if (ends && session.phase_ == Phase::kOpen) session.deliver(stream);
  }

  static int sent(nghttp2_session* library, const nghttp2_frame* frame, void* user) {
    auto& session = self(user);
    const auto type = frame->hd.type;
    if (session.side_ == Side::kServer && type == NGHTTP2_RST_STREAM)
      reset_sent(session, frame->hd.stream_id, frame->rst_stream.error_code);
    // Behind the goodbye, so that its answer says that the goodbye was read.
    if (type == NGHTTP2_GOAWAY && frame->goaway.last_stream_id == kAnyStream) nghttp2_submit_ping(library, NGHTTP2_FLAG_NONE, nullptr);
    if (type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR && !std::exchange(session.told_, true))
      session.on_refused(rule_of_goodbye(frame->goaway.error_code));
    // The answer is complete before the request is: the client is told to stop (RFC 9113 §8.1).
    const bool ends = (type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends && session.side_ == Side::kServer && nghttp2_session_get_stream_remote_close(library, frame->hd.stream_id) == 0)
      nghttp2_submit_rst_stream(library, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
  }

  // What the other side made us reset counts like its own resets. Our own cuts have other codes.
  static void reset_sent(H2Session& session, std::int32_t id, std::uint32_t http2_error) {
    std::string_view rule;
    switch (http2_error) {
      case NGHTTP2_PROTOCOL_ERROR: rule = "a body whose length is not content-length, or a message without its fields"; break;
      case NGHTTP2_FLOW_CONTROL_ERROR:
      case NGHTTP2_STREAM_CLOSED:
      case NGHTTP2_FRAME_SIZE_ERROR: rule = rule_of_goodbye(http2_error); break;
      default: return;
    }
    if (auto* stream = session.find(id); stream != nullptr && !std::exchange(stream->refusal_told_, true)) session.on_refused(rule);
    if (!session.resets_.take(session.now_ms())) session.calm("a flood of streams that had to be reset");
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t http2_error, void* user) {
    auto& session = self(user);
    auto* stream = session.find(id);
    if (stream == nullptr || session.phase_ != Phase::kOpen) return 0;
    session.window_updates_ += kWindowUpdatesOfAStream;
    stream->closed_ = true;
    // A body that came whole is still taken by who asked for it, at its pace.
    const bool is_awaited =
        session.side_ == Side::kClient && http2_error == NGHTTP2_NO_ERROR && stream->remote_ended && !stream->end_told_ && !stream->deaf_;
    if (!is_awaited) session.forget(id, http2_error);
    return go_on(session);
  }

  static ssize_t body(nghttp2_session* library, std::int32_t id, std::uint8_t*, std::size_t size, std::uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    auto* stream = self(user).find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto left = stream->out_.size() - stream->out_sent_;
    const auto take = std::min(size, left);
    if (take == 0 && !stream->out_ends_) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (take == left && stream->out_ends_) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      H2Fields trailers;
      trailers.add(stream->out_trailers_);
      if (trailers.size() > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(library, id, trailers.data(), trailers.size());
      }
    }
    return static_cast<ssize_t>(take);
  }

  // The frame that body() promised, straight into the socket's queue.
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size, nghttp2_data_source*,
                       void* user) {
    auto& session = self(user);
    auto* stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (session.wire_->unsent() >= kH2WireBytes) return NGHTTP2_ERR_WOULDBLOCK;
    auto& queue = session.wire_->queue();
    queue.append(reinterpret_cast<const char*>(head), kFrameHeadBytes);
    queue.append(stream->out_, stream->out_sent_, size);
    stream->out_sent_ += size;
    stream->moved_ms = session.now_ms();
    session.window_updates_ += size / kBytesOfAWindowUpdate;
    const auto left = stream->out_.size() - stream->out_sent_;
    if (left == 0) {
      std::string().swap(stream->out_);
      stream->out_sent_ = 0;
    }
    if (stream->wants_writable_ && left <= session.limits_.queued_bytes / 2) session.writable_.push_back(stream->id);
    return 0;
  }

  static const nghttp2_session_callbacks* table() {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(made, invalid_header);
      nghttp2_session_callbacks_set_error_callback2(made, complain);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, sent);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_closed);
      nghttp2_session_callbacks_set_send_data_callback(made, send_data);
      return made;
    }();
    return callbacks;
  }
};

const nghttp2_session_callbacks* h2_callbacks() { return H2Session::Callbacks::table(); }

nghttp2_data_provider h2_body() { return {{}, H2Session::Callbacks::body}; }

}  // namespace interlock::net
