// A server that says what a test tells it to, whatever HTTP thinks of it. Each connection is one step of the script, in order.
#pragma once

#include <functional>
#include <vector>

#include "parts.hpp"

namespace interlock::net::testing {

// One accepted connection, blocking.
class ScriptedConnection {
 public:
  explicit ScriptedConnection(int fd) : fd_(fd) {}
  ~ScriptedConnection() { close(); }
  ScriptedConnection(const ScriptedConnection&) = delete;
  ScriptedConnection& operator=(const ScriptedConnection&) = delete;
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void send(std::string_view bytes) { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // The head of a request and its body, as its Content-Length says.
  std::string read_request() {
    std::string got;
    char block[4096];
    for (;;) {
      if (const auto end = got.find("\r\n\r\n"); end != std::string::npos) {
        const auto length = got.find("Content-Length: ");
        const auto body = length == std::string::npos ? 0 : static_cast<std::size_t>(std::atoll(got.c_str() + length + 16));
        if (got.size() >= end + 4 + body) return got;
      }
      const auto count = ::recv(fd_, block, sizeof block, 0);
      if (count <= 0) return got;
      got.append(block, static_cast<std::size_t>(count));
    }
  }
  void wait_end() {
    char block[4096];
    while (::recv(fd_, block, sizeof block, 0) > 0) {
    }
  }

 private:
  int fd_;
};

class ScriptedServer {
 public:
  using Step = std::function<void(ScriptedConnection&)>;
  explicit ScriptedServer(std::vector<Step> steps, int family = AF_INET) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    if (family == AF_INET6) {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      v6->sin6_addr = in6addr_loopback;
      size = sizeof *v6;
    } else {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      size = sizeof *v4;
    }
    if (::bind(fd_, address, size) != 0 || ::listen(fd_, 16) != 0 || ::getsockname(fd_, address, &size) != 0) return;
    port_ = ntohs(family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                                     : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
    thread_ = std::thread([this, steps = std::move(steps)] {
      for (const auto& step : steps) {
        const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const timeval patience{kPatience_s, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ScriptedConnection connection(fd);
        step(connection);
      }
    });
  }
  ~ScriptedServer() {
    ::shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(fd_);
  }
  std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace interlock::net::testing
