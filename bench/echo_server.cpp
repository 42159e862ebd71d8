// echo_server --stdio | --http PORT: the fastest MCP server that the benchmarks could think of, so that what a gate or a proxy
// adds is not hidden by its upstream. One thread, blocking reads on stdio, level-triggered epoll on HTTP; port 0 picks one, and
// {"port":N} is printed. GET /auth answers 200 for nginx's auth_request.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "bench/http_message.hpp"
#include "bench/mcp_echo.hpp"

namespace interlock::bench {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

int serve_stdio() {
  std::string pending;
  std::string chunk(kReadBytes, '\0');
  for (;;) {
    const auto count = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (count <= 0) return 0;
    pending.append(chunk.data(), static_cast<std::size_t>(count));
    std::string out;
    std::size_t at = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', at)) {
      if (end > at) {
        if (auto answer = answer_of(std::string_view(pending).substr(at, end - at))) out += *answer + "\n";
      }
      at = end + 1;
    }
    pending.erase(0, at);
    if (!write_all(STDOUT_FILENO, out)) return 0;
  }
}

std::string http_answer(const HttpMessage& request) {
  if (request.first_line.starts_with("GET /auth")) return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  if (!request.first_line.starts_with("POST")) return "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n";
  const auto answer = answer_of(request.body);
  if (!answer) return "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(answer->size()) + "\r\n\r\n" + *answer;
}

// Answers are small and clients wait for them, so a blocking write to a socket with an empty send buffer does not block.
bool serve_readable(int fd, HttpReader& reader, std::string& chunk) {
  const auto count = ::read(fd, chunk.data(), chunk.size());
  if (count <= 0) return false;
  bool whole = reader.feed(std::string_view(chunk.data(), static_cast<std::size_t>(count)));
  while (whole) {
    if (!write_all(fd, http_answer(reader.message))) return false;
    whole = reader.next();
  }
  return true;
}

int listen_on(std::uint16_t port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener, 4096) != 0) {
    std::perror("echo_server");
    return -1;
  }
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("{\"port\":%d}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

int serve_http(std::uint16_t port) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const int listener = listen_on(port);
  if (listener < 0) return 1;
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::unordered_map<int, std::unique_ptr<HttpReader>> readers;
  std::string chunk(kReadBytes, '\0');
  epoll_event events[256];
  for (;;) {
    const int count = ::epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event added{.events = EPOLLIN, .data = {.fd = client}};
        ::epoll_ctl(poll, EPOLL_CTL_ADD, client, &added);
        readers[client] = std::make_unique<HttpReader>();
      } else if (!serve_readable(fd, *readers[fd], chunk)) {
        readers.erase(fd);
        ::close(fd);
      }
    }
  }
}

}  // namespace
}  // namespace interlock::bench

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--stdio") return interlock::bench::serve_stdio();
  if (mode == "--http" && argc == 3) return interlock::bench::serve_http(static_cast<std::uint16_t>(std::atoi(argv[2])));
  std::fputs("usage: echo_server --stdio | --http PORT\n", stderr);
  return 2;
}
