// One HTTP/2 connection (RFC 9113) without a side: libnghttp2's session over a wire, the bodies of its streams both ways, and the bounds
// on what the other side may make us do. The server's and the client's connections derive from it.
//
// Flow: DATA counts against the windows until the reader took it; a stream that is held keeps its own window closed and no other's, since
// the connection's window is that of all streams together. That product is the bound on memory for what comes; `queued_bytes` a stream is
// the bound on what goes.
// Bounds in excess of which the connection ends with GOAWAY ENHANCE_YOUR_CALM: resets by the other side (CVE-2023-44487) and resets that it
// makes us send (CVE-2025-8671) together, frames that carry nothing, header blocks that expand, CONTINUATION without end, answers to
// PING and SETTINGS that it does not read.
// Loop thread only. Hooks of streams run inside libnghttp2 or from the loop; they may call anything here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/stream_connection.hpp"
#include "net/stream_h2_head.hpp"
#include "net/stream_wire.hpp"

namespace interlock::net {

inline constexpr std::size_t kH2WireBytes = std::size_t{128} << 10;  // frames are made while the socket's queue is shorter

struct H2Limits {
  std::size_t header_bytes = 0;
  std::size_t streams = 0;        // at once, and so the connection's window is streams * stream_window
  std::size_t stream_window = 0;  // bytes of one body that come before its reader takes them
  std::size_t queued_bytes = 0;   // of one body that goes, before write() says no
  std::size_t resets_per_second = 0;
  std::size_t control_frames_per_second = 0;
};

// What comes of a stream, and the end of it, are its hooks.
class H2Stream {
 public:
  virtual ~H2Stream() = default;
  virtual void on_body(std::string_view chunk) = 0;
  virtual void on_body_end(Headers trailers) = 0;
  virtual void on_writable() = 0;
  // The last word, always: with how the stream was closed, or with how the connection was lost. The stream is destroyed after it.
  virtual void on_closed(std::uint32_t http2_error, const Error* lost) = 0;

  std::int32_t id = 0;
  std::int64_t moved_ms = 0;     // when a byte of a body last moved, or began to wait
  std::uint64_t came_bytes = 0;  // of the body
  bool remote_ended = false;
  bool owes_bytes() const { return out_.size() > out_sent_; }
  bool wants_bytes() const { return flowing_ && !held_ && !remote_ended && !deaf_; }

 private:
  friend class H2Session;
  H2Block block_;
  Headers trailers_;
  std::string in_;  // came, and was not taken
  std::string out_;
  std::size_t out_sent_ = 0;
  Headers out_trailers_;
  bool out_ends_ = false;
  bool wants_writable_ = false;
  bool flowing_ = false;
  bool held_ = false;
  bool end_told_ = false;
  bool deaf_ = false;  // it was reset by us: what still comes is dropped
  bool refusal_told_ = false;
  bool closed_ = false;  // as libnghttp2 sees it; what came is still being taken
  bool has_head_ = false;
};

// Tokens that grow with time, up to a second's worth and `burst` more.
class RateBucket {
 public:
  RateBucket(std::size_t per_second, std::size_t burst) : per_second_(per_second), most_(per_second + burst), tokens_(most_) {}
  bool take(std::int64_t now_ms);

 private:
  std::size_t per_second_;
  std::size_t most_;
  std::size_t tokens_;
  std::int64_t filled_ms_ = 0;
};

class H2Session : public WireUser, public std::enable_shared_from_this<H2Session> {
 public:
  enum class Side : std::uint8_t { kServer, kClient };
  H2Session(Loop& loop, const H2Limits& limits, Side side, std::shared_ptr<Wire> wire);
  ~H2Session() override;
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  void begin(std::string_view first);  // `first` comes before what the wire reads, now

  // --- for streams ---
  void flow(H2Stream& stream);  // its body begins to be read
  void hold(H2Stream& stream, bool held);
  bool write(H2Stream& stream, std::string_view chunk);  // false: on_writable() comes
  void end(H2Stream& stream, Headers trailers);
  void reset(H2Stream& stream, std::uint32_t http2_error);
  Loop& loop() { return loop_; }

  // --- WireUser ---
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_lost(Error error) override;
  void on_sent() override;

  struct Callbacks;  // of libnghttp2

 protected:
  enum class Phase : std::uint8_t { kOpen, kEnding, kClosed };

  // --- hooks ---
  virtual std::unique_ptr<H2Stream> make_stream() { return nullptr; }      // server: a stream of the other side
  virtual void on_block(H2Stream& stream, H2Block& block, bool ends) = 0;  // a head; trailers come by on_body_end
  virtual void on_large_block(H2Stream& stream) = 0;
  virtual void on_refused(std::string_view rule) = 0;  // a stream or the connection, by the rules of HTTP/2
  virtual void on_stream_ended() {}                    // there is one less
  virtual void on_settings() {}
  virtual void on_goaway() {}
  virtual void on_ping_answered() {}
  virtual void include_deadline(std::int64_t deadline_ms) = 0;
  virtual void on_over() = 0;  // the wire is closed; no stream is left

  // --- for the sides ---
  void submit_response(H2Stream& stream, const H2Fields& fields, bool has_body);
  void submit_inform(H2Stream& stream, const H2Fields& fields);
  bool submit_request(std::unique_ptr<H2Stream> stream, const H2Fields& fields, bool has_body);
  void refuse(H2Stream& stream, std::string_view rule);  // told to on_refused(), and reset
  void ping();
  void announce_end();  // server: new streams are still taken for the time of one round trip (RFC 9113 §6.8)
  void refuse_new();    // GOAWAY with the last stream that is served; the connection ends with it
  void close_with(const Error& why);
  std::int64_t check_ending(std::int64_t now_ms);
  Phase phase() const { return phase_; }
  std::int64_t now_ms();
  std::unordered_map<std::int32_t, std::unique_ptr<H2Stream>>& streams() { return streams_; }
  nghttp2_session* session() { return session_; }
  bool has_settings() const { return has_settings_; }
  std::int64_t block_since_ms() const { return block_since_ms_; }  // of a head that is not whole; kNever: none
  std::int64_t heard_ms() const { return heard_ms_; }

 private:
  class Inside;
  H2Stream* find(std::int32_t id);
  void receive(std::string_view bytes);
  void take_body(H2Stream& stream, std::string_view chunk);
  void deliver(H2Stream& stream);
  void deliver_soon(const H2Stream& stream);
  void consume(const H2Stream& stream, std::size_t size);
  void forget(std::int32_t id, std::uint32_t http2_error);
  void count_control_frame();
  void calm(std::string_view rule);
  void pump_soon();
  void pump();
  void tell_writable();
  void end_if_done();

  Loop& loop_;
  H2Limits limits_;
  Side side_;
  std::shared_ptr<Wire> wire_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<H2Stream>> streams_;
  H2Stream* block_stream_ = nullptr;  // of the header block that comes
  std::vector<std::int32_t> writable_;
  RateBucket resets_;
  RateBucket control_frames_;
  std::size_t window_updates_ = 0;  // that the other side may send beyond control frames: earned by what it was sent
  std::string_view problem_;        // of the last field that libnghttp2 refused
  std::int64_t now_ms_ = 0;         // while bytes are taken
  std::int64_t heard_ms_ = 0;
  std::int64_t block_since_ms_ = kNever;
  std::int64_t linger_until_ms_ = kNever;
  Phase phase_ = Phase::kOpen;
  bool has_settings_ = false;
  bool calmed_ = false;
  bool told_ = false;  // on_refused() was, of the bytes that are taken
  bool pump_posted_ = false;
  bool inside_ = false;  // libnghttp2, or a hook, is running
};

// Of a stream that the other side, or a rule, ended: for people.
Error h2_stream_error(std::uint32_t http2_error);

}  // namespace interlock::net
