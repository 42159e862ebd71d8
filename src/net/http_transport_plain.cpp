// TCP, or a Unix socket, without anything on top.
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "net/http_transport.hpp"

namespace interlock::net {
namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(int fd) : fd_(fd) {}

  IoResult handshake() override { return {}; }

  IoResult read(char* out, std::size_t size) override {
    ssize_t got = 0;
    do got = ::recv(fd_, out, size, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got > 0) return {IoState::kDone, static_cast<std::size_t>(got), static_cast<std::size_t>(got) == size};
    return got == 0 ? IoResult{IoState::kEnd} : outcome(IoState::kWantRead);
  }

  IoResult write(std::string_view head, std::string_view body) override {
    std::array<iovec, 2> parts{{{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = body.empty() ? 1 : 2;
    ssize_t sent = 0;
    do sent = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return outcome(IoState::kWantWrite);
    return {IoState::kDone, static_cast<std::size_t>(sent), static_cast<std::size_t>(sent) == head.size() + body.size()};
  }

  void say_goodbye() override {}

  bool looks_usable() override {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  std::shared_ptr<const PeerCertificates> peer_certificates() const override { return nullptr; }
  bool is_plain() const override { return true; }
  Error problem() const override { return system_error("the connection failed", error_); }

 private:
  int fd_;
  int error_ = 0;

  IoResult outcome(IoState wanted) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {wanted};
    error_ = errno;
    return {IoState::kFailed};
  }
};

}  // namespace

Result<std::unique_ptr<Transport>> plain_transport(int fd) { return std::make_unique<PlainTransport>(fd); }

}  // namespace interlock::net
