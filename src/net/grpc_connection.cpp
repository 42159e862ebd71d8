#include "net/grpc_connection.hpp"

#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>

#include "net/deadlines.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr int kReadsAtOnce = 16;                            // then other connections get their turn
constexpr std::size_t kWriteBytes = std::size_t{64} << 10;  // frames are gathered into writes of about this size
constexpr std::size_t kFieldOverheadBytes = 32;             // RFC 9113 §6.5.2 counts a field so
constexpr std::size_t kSettingsOfOneFrame = 32;             // RFC 9113 defines six
constexpr std::size_t kUnansweredFrames = 1'000;  // acknowledgements that the other side makes us owe it: a flood of pings ends there
constexpr std::uint64_t kResetsBurst = 1'000;     // streams opened and reset at once (CVE-2023-44487): past it the connection ends,
constexpr std::uint64_t kResetsPerSecond = 33;    // and as many more a second
constexpr std::size_t kCompactBytes = std::size_t{64} << 10;  // sent bytes at the front of a buffer that are worth moving the rest for

std::array<char, kReadBytes>& read_buffer() {
  thread_local std::array<char, kReadBytes> buffer;
  return buffer;
}

std::vector<nghttp2_nv> fields_of(const GrpcFields& fields) {
  std::vector<nghttp2_nv> out;
  out.reserve(fields.size());
  for (const auto& [name, value] : fields) {
    out.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

}  // namespace

struct GrpcConnection::Socket {
  Socket(asio::io_context& context, int fd) : descriptor(context, fd) {}
  Descriptor descriptor;
};

// What libnghttp2 calls. After close() each says "failure", which makes the running call return.
struct GrpcConnection::Callbacks {
  static GrpcConnection& self(void* user) { return *static_cast<GrpcConnection*>(user); }
  static int go_on(const GrpcConnection& connection) { return connection.closed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& connection = self(user);
    if (connection.closed_) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (connection.side_ == Side::kServer && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      auto stream = connection.make_stream();
      stream->id = frame->hd.stream_id;
      connection.streams_[stream->id] = std::move(stream);
    }
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    auto* stream = self(user).find(frame->hd.stream_id);
    if (stream == nullptr || stream->deaf) return 0;
    stream->received_bytes += name_size + value_size + kFieldOverheadBytes;
    if (stream->received_bytes > self(user).options_.metadata_bytes) {
      stream->received_too_much = true;
    } else {
      stream->received.add({reinterpret_cast<const char*>(name), name_size}, {reinterpret_cast<const char*>(value), value_size});
    }
    return 0;
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) {
    auto& connection = self(user);
    if (connection.closed_) return NGHTTP2_ERR_CALLBACK_FAILURE;
    auto* stream = connection.find(id);
    if (stream == nullptr || stream->deaf) return 0;
    const auto held_before = stream->reader.held_bytes();
    auto status = stream->reader.feed({reinterpret_cast<const char*>(bytes), size}, [&](std::string_view message) {
      return connection.on_message(*stream, message) && !connection.closed_ && !stream->deaf;
    });
    connection.held_bytes_ += stream->reader.held_bytes() - held_before;
    if (connection.closed_) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (status.ok() && connection.held_bytes_ > connection.options_.queued_bytes) {
      status = {GrpcCode::kResourceExhausted, "the calls of this connection hold more unfinished messages than it may"};
    }
    if (!status.ok() && !stream->deaf) connection.on_bad_data(*stream, std::move(status));
    return go_on(connection);
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& connection = self(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      connection.on_goaway();
      return go_on(connection);
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    auto* stream = connection.find(frame->hd.stream_id);
    if (stream == nullptr || stream->deaf) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS) connection.on_headers(*stream, ends);
    if (ends && !connection.closed_ && !stream->deaf) connection.on_end(*stream);
    return go_on(connection);
  }

  // The answer is given before the request has ended: the client is told to stop (RFC 9113 §8.1).
  static int sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    const auto type = frame->hd.type;
    const bool ends = (type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends && self(user).side_ == Side::kServer && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user) {
    auto& connection = self(user);
    const auto at = connection.streams_.find(id);
    if (connection.closed_ || at == connection.streams_.end()) return 0;
    const auto stream = std::move(at->second);
    connection.streams_.erase(at);
    connection.queued_bytes_ -= stream->out.size() - stream->out_sent;
    connection.held_bytes_ -= stream->reader.held_bytes();
    connection.last_progress_ms_ = steady_ms();
    connection.on_stream_closed(*stream, error_code);
    return 0;
  }

  static ssize_t body(nghttp2_session* session, std::int32_t id, std::uint8_t* out, std::size_t size, std::uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    auto& connection = self(user);
    auto* stream = connection.find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const auto take = std::min(size, stream->out.size() - stream->out_sent);
    if (take == 0 && !stream->out_ends) return NGHTTP2_ERR_DEFERRED;
    std::copy_n(stream->out.data() + stream->out_sent, take, reinterpret_cast<char*>(out));
    stream->out_sent += take;
    connection.queued_bytes_ -= take;
    if (stream->out_sent == stream->out.size()) {
      std::string().swap(stream->out);
      stream->out_sent = 0;
      if (stream->out_ends) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!stream->trailers.empty()) {
          *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
          const auto fields = fields_of(stream->trailers);
          nghttp2_submit_trailer(session, id, fields.data(), fields.size());
        }
      }
    }
    return static_cast<ssize_t>(take);
  }

  static const nghttp2_session_callbacks* table() {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      nghttp2_session_callbacks_new(&made);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(made, header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, sent);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_closed);
      return made;
    }();
    return callbacks;
  }
};

GrpcConnection::GrpcConnection(Loop& loop, const GrpcOptions& options, Side side, int fd)
    : loop_(loop), options_(options), side_(side), socket_(std::make_unique<Socket>(loop.context(), fd)), last_progress_ms_(steady_ms()) {
  nghttp2_option* limits = nullptr;
  nghttp2_option_new(&limits);
  nghttp2_option_set_no_closed_streams(limits, 1);
  nghttp2_option_set_max_settings(limits, kSettingsOfOneFrame);
  nghttp2_option_set_max_outbound_ack(limits, kUnansweredFrames);
  // Until the other side has said how many streams it takes: one, and none is refused.
  nghttp2_option_set_peer_max_concurrent_streams(limits, 1);
  nghttp2_option_set_stream_reset_rate_limit(limits, kResetsBurst, kResetsPerSecond);
  if (side == Side::kServer) {
    nghttp2_session_server_new2(&session_, Callbacks::table(), this, limits);
  } else {
    nghttp2_session_client_new2(&session_, Callbacks::table(), this, limits);
  }
  nghttp2_option_del(limits);
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.metadata_bytes)},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.streams_per_connection},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), side == Side::kClient ? settings.size() : settings.size() - 1);
}

GrpcConnection::~GrpcConnection() { nghttp2_session_del(session_); }

void GrpcConnection::begin() {
  flush();
  wait_readable();
}

void GrpcConnection::close(std::string_view reason) {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();  // on_close() may let go of the last other hold
  boost::system::error_code ignored;
  socket_->descriptor.close(ignored);
  std::string().swap(pending_);
  on_close(reason);
}

void GrpcConnection::end() {
  if (closed_) return;
  const auto self = shared_from_this();
  if (!inside_) {
    nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
    flush();
  }
  close("the connection was ended");
}

std::int64_t GrpcConnection::stalled_since_ms() const {
  const bool owes_bytes = queued_bytes_ > 0 || pending_sent_ < pending_.size();
  return !closed_ && (streams_.empty() || owes_bytes) ? last_progress_ms_ : kNever;
}

// --- for the sides -----------------------------------------------------------------------------------------------------------

GrpcStream* GrpcConnection::find(std::int32_t id) {
  const auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second.get();
}

bool GrpcConnection::submit_request(std::unique_ptr<GrpcStream> stream, const GrpcFields& fields) {
  const auto wire = fields_of(fields);
  nghttp2_data_provider body{{}, Callbacks::body};
  const auto id = nghttp2_submit_request(session_, nullptr, wire.data(), wire.size(), &body, nullptr);
  if (id < 0) return false;  // the connection has used all its stream numbers, or is ending
  stream->id = id;
  queued_bytes_ += stream->out.size();
  streams_[id] = std::move(stream);
  flush_soon();
  return true;
}

void GrpcConnection::submit_headers(GrpcStream& stream, const GrpcFields& fields, bool ends) {
  if (closed_) return;
  const auto wire = fields_of(fields);
  nghttp2_data_provider body{{}, Callbacks::body};
  nghttp2_submit_response(session_, stream.id, wire.data(), wire.size(), ends ? nullptr : &body);
  flush_soon();
}

void GrpcConnection::append(GrpcStream& stream, std::string_view message) {
  if (closed_ || stream.out_ends) return;
  if (stream.out_sent > kCompactBytes && stream.out_sent > stream.out.size() / 2) {
    stream.out.erase(0, stream.out_sent);
    stream.out_sent = 0;
  }
  append_grpc_message(stream.out, message);
  queued_bytes_ += message.size() + kGrpcPrefixBytes;
  nghttp2_session_resume_data(session_, stream.id);
  if (queued_bytes_ > options_.queued_bytes) flush();
  if (queued_bytes_ > options_.queued_bytes) return close("the other side reads too slowly");
  flush_soon();
}

void GrpcConnection::finish(GrpcStream& stream, GrpcFields trailers) {
  if (closed_ || stream.out_ends) return;
  stream.out_ends = true;
  stream.trailers = std::move(trailers);
  nghttp2_session_resume_data(session_, stream.id);
  flush_soon();
}

void GrpcConnection::reset(std::int32_t id, std::uint32_t http2_error) {
  if (closed_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, http2_error);
  flush_soon();
}

// --- the socket --------------------------------------------------------------------------------------------------------------

void GrpcConnection::wait_readable() {
  if (closed_) return;
  socket_->descriptor.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->closed_) self->read_some();
  });
}

void GrpcConnection::read_some() {
  auto& buffer = read_buffer();
  for (int turn = 0; turn < kReadsAtOnce; ++turn) {
    const auto got = ::recv(socket_->descriptor.native_handle(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got < 0) return close(system_error("the connection failed", errno).message);
    if (got == 0) return close("the other side has closed the connection");
    inside_ = true;
    const auto used =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(buffer.data()), static_cast<std::size_t>(got));
    inside_ = false;
    if (closed_) return;
    if (used < 0) {
      nghttp2_session_terminate_session(session_, used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
      flush();
      return close("the other side does not speak HTTP/2 as it should");
    }
    flush();
    if (closed_) return;
    if (static_cast<std::size_t>(got) < buffer.size()) break;
  }
  wait_readable();
}

// All that is submitted in one turn of the loop leaves together.
void GrpcConnection::flush_soon() {
  if (closed_ || flush_posted_ || inside_) return;  // inside a read, what is submitted leaves behind it
  flush_posted_ = true;
  loop_.post([self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void GrpcConnection::flush() {
  if (closed_ || inside_ || waiting_writable_) return;
  for (;;) {
    inside_ = true;
    ssize_t made = 0;
    while (pending_.size() < kWriteBytes) {
      const std::uint8_t* bytes = nullptr;
      made = nghttp2_session_mem_send(session_, &bytes);
      if (made <= 0) break;
      pending_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(made));
    }
    inside_ = false;
    if (closed_) return;
    if (made < 0) return close("the connection failed within");
    if (pending_.empty()) break;
    if (!write_pending()) return;
  }
  check_end();
}

// False: the socket takes no more, or is gone.
bool GrpcConnection::write_pending() {
  while (pending_sent_ < pending_.size()) {
    const auto sent =
        ::send(socket_->descriptor.native_handle(), pending_.data() + pending_sent_, pending_.size() - pending_sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      wait_writable();
      return false;
    }
    if (sent < 0) {
      close(system_error("the connection failed", errno).message);
      return false;
    }
    pending_sent_ += static_cast<std::size_t>(sent);
    last_progress_ms_ = steady_ms();
  }
  pending_.clear();
  pending_sent_ = 0;
  return true;
}

void GrpcConnection::wait_writable() {
  waiting_writable_ = true;
  socket_->descriptor.async_wait(Descriptor::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
    self->waiting_writable_ = false;
    if (!error && !self->closed_) self->flush();
  });
}

// After a GOAWAY, sent or received, and the last stream, libnghttp2 wants nothing more.
void GrpcConnection::check_end() {
  if (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0) close("the connection has ended");
}

}  // namespace interlock::net
