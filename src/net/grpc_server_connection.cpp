#include "net/grpc_server_connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace interlock::net {
namespace {

constexpr std::int64_t kRequestMs = 30'000;  // from a call's headers to the end of its message
constexpr std::string_view kContentType = "application/grpc";

class Connection;

class Reply final : public GrpcReply, public std::enable_shared_from_this<Reply> {
 public:
  Reply(std::shared_ptr<Connection> connection, std::int32_t id) : connection_(std::move(connection)), id_(id) {}
  ~Reply() override;
  bool send(std::string_view message) override;
  void finish(GrpcStatus status) override;
  void on_gone(std::function<void()> work) override;
  bool gone() const override { return gone_; }
  bool peer_lives() const override;

  void become_gone();

 private:
  void tell_gone();

  std::shared_ptr<Connection> connection_;
  std::int32_t id_;
  std::function<void()> gone_work_;
  bool gone_ = false;
  bool finished_ = false;
};

struct ServerStream final : GrpcStream {
  explicit ServerStream(const GrpcServerContext& context) : GrpcStream(context.options.message_bytes), loop(context.loop) {}
  ~ServerStream() override { loop.cancel(timer); }
  Loop& loop;
  std::optional<std::string> message;
  std::optional<std::int64_t> timeout_ms;
  TimerId timer = 0;
  Reply* reply = nullptr;  // the call that runs
  bool answering = false;  // the headers of the answer are on their way
};

// The process that connected, held so that its number cannot become another's unnoticed (pidfd_open(2), unix(7) SO_PEERPIDFD).
class PeerProcess {
 public:
  PeerProcess(int socket, pid_t pid) : fd_(of_socket(socket)) {
    if (fd_ < 0 && pid > 0) fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  }
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;
  ~PeerProcess() {
    if (fd_ >= 0) ::close(fd_);
  }
  // Readable: it has ended.
  bool lives() const {
    pollfd look{fd_, POLLIN, 0};
    return fd_ >= 0 && ::poll(&look, 1, 0) == 0;
  }

 private:
  static int of_socket(int socket) {
    constexpr int kPeerPidFd = 77;  // SO_PEERPIDFD, since Linux 6.5: names the process without a moment in between
    int fd = -1;
    socklen_t size = sizeof fd;
    return ::getsockopt(socket, SOL_SOCKET, kPeerPidFd, &fd, &size) == 0 ? fd : -1;
  }
  int fd_;
};

class Connection final : public GrpcConnection {
 public:
  Connection(std::shared_ptr<GrpcServerContext> context, int fd)
      : GrpcConnection(context->loop, context->options, Side::kServer, fd), context_(std::move(context)) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer_pid_ = credentials.pid;
      peer_uid_ = static_cast<int>(credentials.uid);
      peer_.emplace(fd, credentials.pid);
    }
  }

  Loop& loop() { return loop_; }
  bool peer_lives() const { return peer_ && peer_->lives(); }

  // --- for replies ---

  void answer(std::int32_t id, std::string_view message) {
    auto* stream = static_cast<ServerStream*>(find(id));
    if (stream == nullptr) return;
    if (!stream->answering) {
      stream->answering = true;
      submit_headers(*stream, {{":status", "200"}, {"content-type", std::string(kContentType)}}, false);
    }
    append(*stream, message);
  }

  void finish_call(std::int32_t id, const GrpcStatus& status) {
    auto* stream = static_cast<ServerStream*>(find(id));
    if (stream == nullptr) return;
    stream->reply = nullptr;
    end_call(*stream, status);
  }

 protected:
  std::unique_ptr<GrpcStream> make_stream() override { return std::make_unique<ServerStream>(*context_); }

  void on_headers(GrpcStream& base, bool) override {
    auto& stream = static_cast<ServerStream&>(base);
    if (stream.timer == 0) arm(stream, kRequestMs, "the request took too long to come");
    if (stream.received_too_much) {
      return refuse(stream, GrpcCode::kResourceExhausted,
                    "the metadata is larger than the " + std::to_string(options().metadata_bytes) + " bytes that are taken");
    }
    if (stream.received.get(":method") != "POST") return refuse_http(stream, "405");
    if (!is_grpc_content_type(stream.received.get("content-type").value_or(""))) return refuse_http(stream, "415");
    if (stream.received.get("te") != "trailers") {
      return refuse(stream, GrpcCode::kInternal, "\"te: trailers\" is missing: a proxy in between may drop trailers");
    }
    if (const auto encoding = stream.received.get("grpc-encoding"); encoding && *encoding != "identity") {
      return refuse(stream, GrpcCode::kUnimplemented, "compressed messages are not taken: send them with grpc-encoding: identity");
    }
    if (const auto timeout = stream.received.get("grpc-timeout")) {
      stream.timeout_ms = parse_grpc_timeout(*timeout);
      if (!stream.timeout_ms) return refuse(stream, GrpcCode::kInternal, "grpc-timeout is malformed");
    }
  }

  bool on_message(GrpcStream& base, std::string_view message) override {
    auto& stream = static_cast<ServerStream&>(base);
    if (stream.message) {
      refuse(stream, GrpcCode::kUnimplemented, "a call takes one message, and this one sent more");
      return false;
    }
    stream.message.emplace(message);
    return true;
  }

  void on_bad_data(GrpcStream& stream, GrpcStatus status) override { end_call(static_cast<ServerStream&>(stream), status); }

  void on_end(GrpcStream& base) override {
    auto& stream = static_cast<ServerStream&>(base);
    if (!stream.reader.between_messages()) return refuse(stream, GrpcCode::kInternal, "the request ended in the middle of a message");
    if (!stream.message) return refuse(stream, GrpcCode::kUnimplemented, "a call takes one message, and this one sent none");
    GrpcCall call;
    call.path = stream.received.get(":path").value_or("");
    for (const auto& [name, value] : stream.received.all()) {
      if (!name.starts_with(':')) call.metadata.add(name, value);
    }
    call.message = std::move(*stream.message);
    call.peer_pid = peer_lives() ? peer_pid_ : -1;
    call.peer_uid = peer_uid_;
    loop_.cancel(std::exchange(stream.timer, 0));
    if (stream.timeout_ms) arm(stream, *stream.timeout_ms, "the call's deadline has passed");
    auto reply = std::make_shared<Reply>(std::static_pointer_cast<Connection>(shared_from_this()), stream.id);
    stream.reply = reply.get();
    context_->handler(std::move(call), std::move(reply));
  }

  void on_stream_closed(GrpcStream& base, std::uint32_t) override { drop_reply(static_cast<ServerStream&>(base)); }
  void on_goaway() override {}  // the client opens no more; what runs ends as it would

  void on_close(std::string_view) override {
    for (const auto& [id, stream] : all_streams()) {
      auto& one = static_cast<ServerStream&>(*stream);
      loop_.cancel(std::exchange(one.timer, 0));
      drop_reply(one);
    }
    context_->on_closed(this);
  }

 private:
  void arm(ServerStream& stream, std::int64_t after_ms, std::string_view why) {
    stream.timer = loop_.after_ms(after_ms, [weak = weak_from_this(), id = stream.id, why] {
      const auto self = std::static_pointer_cast<Connection>(weak.lock());
      if (!self || self->closed()) return;
      auto* late = static_cast<ServerStream*>(self->find(id));
      if (late == nullptr) return;
      late->timer = 0;
      self->drop_reply(*late);
      self->end_call(*late, {GrpcCode::kDeadlineExceeded, std::string(why)});
    });
  }

  static void drop_reply(ServerStream& stream) {
    if (auto* reply = std::exchange(stream.reply, nullptr)) reply->become_gone();
  }

  void refuse(ServerStream& stream, GrpcCode code, std::string message) { end_call(stream, {code, std::move(message)}); }

  void refuse_http(ServerStream& stream, std::string_view status) {
    loop_.cancel(std::exchange(stream.timer, 0));
    stream.deaf = true;
    stream.out_ends = true;
    submit_headers(stream, {{":status", std::string(status)}}, true);
  }

  // Trailers behind what was sent, or alone where nothing was.
  void end_call(ServerStream& stream, const GrpcStatus& status) {
    loop_.cancel(std::exchange(stream.timer, 0));
    stream.deaf = true;
    GrpcFields trailers{{"grpc-status", std::to_string(static_cast<int>(status.code))}};
    if (!status.message.empty()) trailers.emplace_back("grpc-message", encode_grpc_text(status.message));
    if (stream.answering) return finish(stream, std::move(trailers));
    trailers.insert(trailers.begin(), {{":status", "200"}, {"content-type", std::string(kContentType)}});
    stream.answering = true;
    stream.out_ends = true;
    submit_headers(stream, trailers, true);
  }

  std::shared_ptr<GrpcServerContext> context_;
  int peer_pid_ = -1;
  int peer_uid_ = -1;
  std::optional<PeerProcess> peer_;
};

Reply::~Reply() {
  if (!finished_ && !gone_) connection_->finish_call(id_, {GrpcCode::kInternal, "the server dropped the call without an answer"});
}

bool Reply::send(std::string_view message) {
  if (finished_ || gone_) return false;
  connection_->answer(id_, message);
  return !gone_;
}

void Reply::finish(GrpcStatus status) {
  if (finished_ || gone_) return;
  finished_ = true;
  gone_work_ = nullptr;
  connection_->finish_call(id_, status);
}

bool Reply::peer_lives() const { return connection_->peer_lives(); }

void Reply::on_gone(std::function<void()> work) {
  gone_work_ = std::move(work);
  if (gone_) tell_gone();
}

void Reply::become_gone() {
  gone_ = true;
  tell_gone();
}

// Later, so that nobody is called back in the middle of a send.
void Reply::tell_gone() {
  if (!gone_work_) return;
  connection_->loop().post([weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && self->gone_work_) std::exchange(self->gone_work_, nullptr)();
  });
}

}  // namespace

std::shared_ptr<GrpcConnection> open_grpc_server_connection(std::shared_ptr<GrpcServerContext> context, int fd) {
  return std::make_shared<Connection>(std::move(context), fd);
}

}  // namespace interlock::net
