// A wire as a ByteStream: what is left of a connection once HTTP has handed it over.
#include <utility>

#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

// Called by the wire, which holds it weakly: the ByteStream that its holder drops takes it along.
class Pipe final : public WireUser, public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(Loop& loop, std::shared_ptr<Wire> wire, std::string first, std::size_t queued_bytes)
      : wire_(std::move(wire)), loop_(loop), first_(std::move(first)), queued_bytes_(queued_bytes) {}

  void open(ByteHandlers handlers) {
    if (opened_) return;
    opened_ = true;
    handlers_ = std::move(handlers);
    wire_->open(weak_from_this());
    loop_.post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->gone_) return;
      self->say_first();
      if (!self->gone_ && !self->paused_) self->wire_->pause(false);
    });
  }

  void pause(bool paused) {
    paused_ = paused;
    if (gone_ || !opened_) return;
    if (paused || first_.empty()) wire_->pause(paused);
    else
      loop_.post([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || self->gone_ || self->paused_) return;
        self->say_first();
        if (!self->gone_ && !self->paused_) self->wire_->pause(false);
      });
  }

  bool write(std::string_view bytes) {
    if (gone_) return true;
    wire_->append(bytes);
    if (wire_->closed() || wire_->unsent() <= queued_bytes_) return true;
    wire_->flush();
    congested_ = wire_->unsent() > queued_bytes_;
    return !congested_;
  }

  void end() {
    if (!gone_) wire_->end_writing();
  }

  void cut() {
    gone_ = true;
    wire_->close();
  }

  std::shared_ptr<Wire> take_wire() {
    if (opened_ || gone_ || !first_.empty() || wire_->unsent() > 0 || wire_->closed()) return nullptr;
    gone_ = true;
    return std::move(wire_);
  }
  bool has_wire() const { return wire_ != nullptr; }

  // --- WireUser ---
  void on_bytes(std::string_view bytes) override {
    if (handlers_.on_bytes && !gone_) handlers_.on_bytes(bytes);
  }
  void on_end() override {
    if (handlers_.on_end && !gone_) handlers_.on_end();
  }
  void on_lost(Error error) override {
    if (std::exchange(gone_, true)) return;
    const auto handlers = std::exchange(handlers_, {});  // what they hold may hold this stream
    if (handlers.on_lost) handlers.on_lost(std::move(error));
  }
  void on_sent() override {
    if (std::exchange(congested_, false) && handlers_.on_writable && !gone_) handlers_.on_writable();
  }

 private:
  void say_first() {
    if (first_.empty() || paused_) return;
    const auto bytes = std::exchange(first_, {});
    on_bytes(bytes);
  }

  std::shared_ptr<Wire> wire_;
  Loop& loop_;
  std::string first_;
  std::size_t queued_bytes_;
  ByteHandlers handlers_;
  bool opened_ = false;
  bool paused_ = false;
  bool congested_ = false;
  bool gone_ = false;
};

class PipeEnd final : public ByteStream {
 public:
  explicit PipeEnd(std::shared_ptr<Pipe> pipe) : pipe_(std::move(pipe)) {}
  ~PipeEnd() override {
    if (pipe_->has_wire()) pipe_->cut();
  }
  PipeEnd(const PipeEnd&) = delete;
  PipeEnd& operator=(const PipeEnd&) = delete;
  void open(ByteHandlers handlers) override { pipe_->open(std::move(handlers)); }
  void pause(bool paused) override { pipe_->pause(paused); }
  bool write(std::string_view bytes) override { return pipe_->write(bytes); }
  void end() override { pipe_->end(); }
  Pipe& pipe() { return *pipe_; }

 private:
  std::shared_ptr<Pipe> pipe_;
};

}  // namespace

std::unique_ptr<ByteStream> byte_stream(Loop& loop, std::shared_ptr<Wire> wire, std::string first, std::size_t queued_bytes) {
  wire->pause(true);  // until somebody reads
  return std::make_unique<PipeEnd>(std::make_shared<Pipe>(loop, std::move(wire), std::move(first), queued_bytes));
}

std::shared_ptr<Wire> take_wire(ByteStream& bytes) {
  auto* end = dynamic_cast<PipeEnd*>(&bytes);
  return end == nullptr ? nullptr : end->pipe().take_wire();
}

}  // namespace interlock::net
