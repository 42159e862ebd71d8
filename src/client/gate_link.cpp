// One gate over its agents' socket: frames, descriptors, deadlines.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/time.hpp"
#include "client/client.hpp"

namespace interlock::client {
namespace {

constexpr std::size_t kHeadBytes = 4;
constexpr std::size_t kFrameBytes = std::size_t{24} << 20;  // net::kAgentFrameBytes
constexpr std::size_t kDescriptors = 8;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::int64_t kMillisecondNs = 1'000'000;

constexpr const char* kNoGate = "start it with `interlock serve`, or `interlock status` to see what runs";

// Waits until `fd` is ready or the deadline has passed.
Status wait_for(int fd, short events, std::int64_t until_ns) {
  for (;;) {
    const auto left_ms = (until_ns - steady_ns()) / kMillisecondNs;
    if (left_ms <= 0) return fail(ErrorCode::kTimeout, "the gate does not answer", kNoGate);
    pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left_ms + 1, 1'000'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(system_error("waiting for the gate", errno));
  }
}

}  // namespace

Result<GateLink> GateLink::connect(const std::string& path, std::int64_t timeout_ms) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kInvalid, "the path of the gate's socket is too long: " + path, "choose a shorter state_dir");
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(system_error("socket", errno));
  GateLink link(fd);
  const auto until_ns = steady_ns() + timeout_ms * kMillisecondNs;
  while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    // EAGAIN: the gate's queue is full.
    if (errno == EAGAIN && steady_ns() < until_ns) {
      (void)::poll(nullptr, 0, 5);
      continue;
    }
    return fail(ErrorCode::kUnavailable, "no gate answers at " + path + ": " + std::strerror(errno), kNoGate);
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return fail(system_error("SO_PEERCRED", errno));
  // Inside a run the gate's user has no name here: the socket was mounted by the launcher, which has looked.
  uid_t unmapped = 65534;
  if (peer.uid != ::geteuid() && peer.uid != 0 && !(peer.uid == unmapped && ::getenv("INTERLOCK_RUN") != nullptr))
    return fail(ErrorCode::kDenied, "who listens at " + path + " is user " + std::to_string(peer.uid) + ", neither you nor root",
                "remove that socket, and start your own gate");
  return link;
}

GateLink::GateLink(int fd) : fd_(fd) {}
GateLink::GateLink(GateLink&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)), next_id_(other.next_id_) {}
GateLink::~GateLink() {
  if (fd_ >= 0) ::close(fd_);
}
int GateLink::descriptor() const { return fd_; }

Status GateLink::send(const json::object& message, std::int64_t timeout_ms, const std::vector<int>& descriptors) {
  const auto text = json::write(message);
  if (text.size() > kFrameBytes) return fail(ErrorCode::kTooLarge, "what the gate is asked is too long");
  std::string frame;
  frame.reserve(text.size() + kHeadBytes);
  for (std::size_t i = 0; i < kHeadBytes; ++i) frame += static_cast<char>((text.size() >> (8 * i)) & 0xff);
  frame += text;
  const auto until_ns = steady_ns() + timeout_ms * kMillisecondNs;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kDescriptors)];
  std::size_t sent = 0;
  while (sent < frame.size()) {
    iovec piece{frame.data() + sent, frame.size() - sent};
    msghdr head{};
    head.msg_iov = &piece;
    head.msg_iovlen = 1;
    if (sent == 0 && !descriptors.empty()) {
      const auto bytes = sizeof(int) * std::min(descriptors.size(), kDescriptors);
      head.msg_control = control;
      head.msg_controllen = CMSG_SPACE(bytes);
      auto* part = CMSG_FIRSTHDR(&head);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(bytes);
      std::memcpy(CMSG_DATA(part), descriptors.data(), bytes);
    }
    const auto wrote = ::sendmsg(fd_, &head, MSG_NOSIGNAL);
    if (wrote > 0) {
      sent += static_cast<std::size_t>(wrote);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait_for(fd_, POLLOUT, until_ns); !ready) return ready;
    } else if (errno != EINTR) {
      return fail(ErrorCode::kUnavailable, "the gate is gone: " + std::string(std::strerror(errno)), kNoGate);
    }
  }
  return {};
}

std::optional<Result<json::object>> GateLink::take_frame() {
  if (buffer_.size() < kHeadBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kHeadBytes; ++i) length |= static_cast<std::size_t>(static_cast<unsigned char>(buffer_[i])) << (8 * i);
  if (length > kFrameBytes) return fail(ErrorCode::kInvalid, "the gate's answer is too long to be one");
  if (buffer_.size() < kHeadBytes + length) return std::nullopt;
  auto message = json::parse(std::string_view(buffer_).substr(kHeadBytes, length), {.size_bytes = kFrameBytes});
  buffer_.erase(0, kHeadBytes + length);
  if (!message || !message->is_object()) return fail(ErrorCode::kInvalid, "the gate's answer cannot be read");
  return std::move(message->get_object());
}

Result<json::object> GateLink::receive(std::int64_t timeout_ms) {
  const auto until_ns = steady_ns() + timeout_ms * kMillisecondNs;
  char bytes[kReadBytes];
  for (;;) {
    if (auto frame = take_frame()) return std::move(*frame);
    const auto got = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0) {
      buffer_.append(bytes, static_cast<std::size_t>(got));
    } else if (got == 0) {
      return fail(ErrorCode::kUnavailable, "the gate has closed the connection", kNoGate);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait_for(fd_, POLLIN, until_ns); !ready) return fail(std::move(ready.error()));
    } else if (errno != EINTR) {
      return fail(ErrorCode::kUnavailable, "the gate is gone: " + std::string(std::strerror(errno)), kNoGate);
    }
  }
}

Result<json::object> GateLink::ask(json::object message, std::int64_t timeout_ms, const std::vector<int>& descriptors) {
  const auto id = next_id();
  message["id"] = id;
  if (auto sent = send(message, timeout_ms, descriptors); !sent) return fail(std::move(sent.error()));
  return answer_to(id, timeout_ms);
}

Result<json::object> GateLink::answer_to(std::int64_t id, std::int64_t timeout_ms) {
  const auto until_ns = steady_ns() + timeout_ms * kMillisecondNs;
  for (;;) {
    auto answer = receive((until_ns - steady_ns()) / kMillisecondNs);
    if (!answer) return answer;
    if (json::int_at(*answer, "id") != id || json::bool_at(*answer, "more")) continue;
    if (const auto* error = json::object_at(*answer, "error")) {
      return fail(ErrorCode::kDenied, std::string(json::string_at(*error, "message").value_or("the gate refuses, and does not say why")),
                  std::string(json::string_at(*error, "hint").value_or("")));
    }
    return answer;
  }
}

}  // namespace interlock::client
