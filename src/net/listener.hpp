// The listening sockets of one server, TCP and Unix: binds, accepts, says who has come. What becomes of a connection is the server's.
// Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"

namespace interlock::net {

struct Peer {
  std::string text;  // as in HttpRequest::peer
  int pid = -1;      // of a Unix socket
  int uid = -1;
  bool is_tls = false;
  std::shared_ptr<const PeerCertificates> certificates;  // known once the handshake is over
};

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class Listeners {
 public:
  // A connected non-blocking socket of `address_family`.
  using OnClient = std::function<void(OwnedFd fd, int address_family, Peer peer)>;

  explicit Listeners(Loop& loop);
  ~Listeners();  // closes them
  // Port 0 picks one; returns the port bound. `host` is a literal address or "localhost" (both families, where the machine has both).
  Result<std::uint16_t> listen_tcp(const std::string& host, std::uint16_t port, OnClient on_client);
  // Mode 0600; a dead socket file in its place is replaced, a live one is an error.
  Status listen_unix(const std::string& path, OnClient on_client);
  // A listening socket that somebody else opened, in another network namespace, say. It is closed when the handle dies, or by close().
  std::shared_ptr<void> adopt(OwnedFd listening, OnClient on_client);
  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
