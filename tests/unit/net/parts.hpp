// What the tests of net share: a server on a loop of its own thread, and a raw client that sends what no library would.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "net/http_server.hpp"
#include "net/loop.hpp"

namespace interlock::net::testing {

inline constexpr int kPatience_s = 10;  // a test that waits longer has failed

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char pattern[] = "/tmp/interlock-net-XXXXXX";
    path_ = ::mkdtemp(pattern);
  }
  ~TemporaryFolder() { (void)!std::system(("rm -rf " + path_).c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A loop that runs on its own thread; on() does work there and waits for it.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    loop_.stop();
    thread_.join();
  }
  Loop& loop() { return loop_; }
  template <typename Work>
  auto on(Work work) {
    std::promise<decltype(work())> done;
    auto result = done.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        done.set_value();
      } else {
        done.set_value(work());
      }
    });
    return result.get();
  }

 private:
  Loop loop_;
  std::thread thread_;
};

class RunningServer {
 public:
  explicit RunningServer(HttpHandler handler, HttpServerOptions options = {}) {
    thread_.on([&] {
      server_ = std::make_unique<HttpServer>(thread_.loop(), options, std::move(handler));
      auto bound = server_->listen_tcp("127.0.0.1", 0);
      port_ = bound ? *bound : std::uint16_t{0};
    });
  }
  ~RunningServer() {
    thread_.on([&] { server_.reset(); });
  }
  std::uint16_t port() const { return port_; }
  HttpServer& server() { return *server_; }
  void end_server() { server_.reset(); }  // on its loop, while that and some answers live on
  LoopThread& thread() { return thread_; }
  Loop& loop() { return thread_.loop(); }
  std::size_t connections() {
    return thread_.on([&] { return server_->open_connections(); });
  }
  // Waits until it has that many; false when it takes too long.
  bool comes_to(std::size_t wanted) {
    for (int turn = 0; turn < kPatience_s * 1000; ++turn) {
      if (connections() == wanted) return true;
      ::usleep(1000);
    }
    return false;
  }

 private:
  LoopThread thread_;
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    set_patience();
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
  }
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    set_patience();
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
  }
  // Over `fd`, a connected socket that it owns from now on.
  struct Descriptor {
    int fd;
  };
  explicit RawClient(Descriptor socket) : fd_(socket.fd) { set_patience(); }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void end_writing() { ::shutdown(fd_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Reads until `mark` has been seen (and returns all up to and with it), or the end, or patience is over.
  std::string read_until(std::string_view mark) {
    for (;;) {
      if (const auto at = got_.find(mark); at != std::string::npos) {
        auto out = got_.substr(0, at + mark.size());
        got_.erase(0, at + mark.size());
        return out;
      }
      if (!read_more()) return std::exchange(got_, {});
    }
  }
  std::string read_exactly(std::size_t size) {
    while (got_.size() < size && read_more()) {
    }
    auto out = got_.substr(0, size);
    got_.erase(0, size);
    got_.shrink_to_fit();
    return out;
  }
  std::string read_all() {
    while (read_more()) {
    }
    return std::exchange(got_, {});
  }
  // One response with a Content-Length, or a chunked one.
  std::string read_response() {
    auto out = read_until("\r\n\r\n");
    if (const auto at = out.find("Content-Length: "); at != std::string::npos) {
      out += read_exactly(static_cast<std::size_t>(std::atoll(out.c_str() + at + 16)));
    } else if (out.find("chunked") != std::string::npos) {
      out += read_until("0\r\n\r\n");
    }
    return out;
  }
  std::string ask(std::string_view bytes) {
    send(bytes);
    return read_response();
  }
  // Whether the other side has closed: true at an orderly end or a reset, false when patience is over.
  bool sees_end() {
    char byte;
    for (;;) {
      const auto got = ::recv(fd_, &byte, 1, 0);
      if (got == 0) return true;
      if (got < 0) return errno == ECONNRESET;
    }
  }

 private:
  int fd_;
  std::string got_;
  void set_patience() {
    const timeval patience{kPatience_s, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  bool read_more() {
    char block[16 * 1024];
    const auto got = ::recv(fd_, block, sizeof block, 0);
    if (got > 0) got_.append(block, static_cast<std::size_t>(got));
    return got > 0;
  }
};

inline int status_of(std::string_view response) {
  return response.starts_with("HTTP/1.1 ") && response.size() > 12 ? std::atoi(std::string(response.substr(9, 3)).c_str()) : 0;
}
inline std::string body_of(std::string_view response) {
  const auto at = response.find("\r\n\r\n");
  return at == std::string_view::npos ? std::string() : std::string(response.substr(at + 4));
}

}  // namespace interlock::net::testing
