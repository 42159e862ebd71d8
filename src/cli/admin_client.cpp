#include "cli/admin_client.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/time.hpp"
#include "net/http.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kAnswerBytes = std::size_t{64} << 20;
constexpr std::size_t kHeadBytes = 32 * 1024;
constexpr std::size_t kGates = 10'000;
constexpr std::int64_t kNanosecondsPerMs = 1'000'000;

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Waits until the socket is ready; false at the deadline.
bool wait_for(int fd, short events, std::int64_t deadline_ns) {
  for (;;) {
    const auto left_ms = (deadline_ns - steady_ns()) / kNanosecondsPerMs;
    if (left_ms <= 0) return false;
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Error gone(const GateAddress& gate) {
  return {ErrorCode::kUnavailable, "the gate (pid " + std::to_string(gate.pid) + ") does not listen any more", "see `interlock approvals`"};
}

// As a gate that ends does to whoever is connected.
Error cut_off() {
  return {ErrorCode::kUnavailable, "the gate closed its admin socket before its answer was complete", "see `interlock approvals`"};
}

Status connect_to(const Socket& socket, const GateAddress& gate, std::int64_t deadline_ns) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (gate.socket.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kTooLarge, "the path of the admin socket is too long: " + gate.socket);
  std::memcpy(address.sun_path, gate.socket.c_str(), gate.socket.size() + 1);
  for (;;) {
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) break;
    if (errno == EINTR) continue;
    if (errno == ECONNREFUSED || errno == ENOENT) return fail(gone(gate));
    if (errno == EAGAIN) {  // the listener's queue is full
      if (steady_ns() > deadline_ns)
        return fail(ErrorCode::kTimeout, "the gate (pid " + std::to_string(gate.pid) + ") takes no connection");
      ::poll(nullptr, 0, 10);
      continue;
    }
    return fail(system_error("the admin socket " + gate.socket + " cannot be reached", errno));
  }
  // Whoever owns the folder could put a socket of their own there: the listener must be the process that the name says, and of
  // the user that owns the socket.
  ucred peer{};
  socklen_t size = sizeof peer;
  struct stat facts;
  if (::getsockopt(socket.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || ::lstat(gate.socket.c_str(), &facts) != 0) {
    if (errno == ENOENT) return fail(gone(gate));  // it ended just now, and took its socket along
    return fail(system_error("the admin socket " + gate.socket + " cannot be checked", errno));
  }
  if (peer.pid != gate.pid || peer.uid != facts.st_uid) {
    return fail(ErrorCode::kDenied,
                "the admin socket " + gate.socket + " is served by another process (pid " + std::to_string(peer.pid) + ")", "remove it");
  }
  return {};
}

Status send_all(int fd, std::string_view bytes, std::int64_t deadline_ns) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return fail(cut_off());
    if (errno != EAGAIN) return fail(system_error("the gate closed its admin socket", errno));
    if (!wait_for(fd, POLLOUT, deadline_ns)) return fail(ErrorCode::kTimeout, "the gate does not read its admin socket");
  }
  return {};
}

struct Head {
  int status = 0;
  std::optional<std::size_t> length;
  std::size_t size = 0;  // of the head with its blank line
};

Result<std::optional<Head>> parse_head(std::string_view bytes) {
  const auto bad = [] { return fail(ErrorCode::kInvalid, "the gate's answer is not HTTP/1.1"); };
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > kHeadBytes) return bad();
    return std::nullopt;
  }
  Head head;
  head.size = end + 4;
  std::string_view rest = bytes.substr(0, end);
  if (!rest.starts_with("HTTP/1.1 ") || rest.size() < 12) return bad();
  if (std::from_chars(rest.data() + 9, rest.data() + 12, head.status).ec != std::errc() || head.status < 200) return bad();
  for (auto line_end = rest.find("\r\n"); line_end != std::string_view::npos; line_end = rest.find("\r\n")) {
    rest.remove_prefix(line_end + 2);
    const auto line = rest.substr(0, rest.find("\r\n"));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bad();
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
    if (net::equal_ignoring_case(name, "transfer-encoding")) return bad();
    if (!net::equal_ignoring_case(name, "content-length")) continue;
    std::size_t length = 0;
    const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error != std::errc() || stop != value.data() + value.size() || length > kAnswerBytes || head.length) return bad();
    head.length = length;
  }
  if (!head.length) return bad();
  return head;
}

Result<AdminReply> read_reply(int fd, std::int64_t deadline_ns) {
  std::string bytes;
  std::optional<Head> head;
  char block[16 * 1024];
  for (;;) {
    if (!head) {
      auto parsed = parse_head(bytes);
      if (!parsed) return fail(std::move(parsed.error()));
      head = *parsed;
    }
    if (head && bytes.size() >= head->size + *head->length) break;
    if (!wait_for(fd, POLLIN, deadline_ns)) return fail(ErrorCode::kTimeout, "the gate does not answer on its admin socket");
    const auto got = ::recv(fd, block, sizeof block, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return fail(cut_off());
    if (got < 0) return fail(system_error("the gate closed its admin socket", errno));
    bytes.append(block, static_cast<std::size_t>(got));
    if (bytes.size() > kAnswerBytes + kHeadBytes) return fail(ErrorCode::kTooLarge, "the gate's answer is too long");
  }
  AdminReply reply;
  reply.status = head->status;
  auto body = json::parse(std::string_view(bytes).substr(head->size, *head->length), {kAnswerBytes, 128});
  if (!body) return fail(ErrorCode::kInvalid, "the gate's answer is not JSON: " + body.error().message);
  reply.body = std::move(*body);
  return reply;
}

ErrorCode code_from_name(std::string_view name) {
  for (auto code : {ErrorCode::kInvalid, ErrorCode::kTooLarge, ErrorCode::kNotFound, ErrorCode::kConflict, ErrorCode::kDenied,
                    ErrorCode::kExpired, ErrorCode::kUnavailable, ErrorCode::kTimeout, ErrorCode::kUnsupported, ErrorCode::kIo}) {
    if (error_code_name(code) == name) return code;
  }
  return ErrorCode::kInternal;
}

}  // namespace

Error AdminReply::error() const {
  Error out{ErrorCode::kInternal, "the gate answered HTTP " + std::to_string(status), {}};
  const auto* o = body.if_object();
  const auto* inner = o != nullptr ? json::object_at(*o, "error") : nullptr;
  if (inner == nullptr) return out;
  out.code = code_from_name(json::string_at(*inner, "code").value_or(""));
  if (const auto message = json::string_at(*inner, "message")) out.message = *message;
  out.hint = json::string_at(*inner, "hint").value_or("");
  return out;
}

std::vector<GateAddress> list_gates(const std::string& state_folder) {
  static constexpr std::string_view kSuffix = ".sock";
  std::vector<GateAddress> out;
  const std::string folder = state_folder + "/run";
  DIR* list = ::opendir(folder.c_str());
  if (list == nullptr) return out;
  while (const dirent* entry = ::readdir(list)) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(kSuffix) || out.size() >= kGates) continue;
    GateAddress gate;
    const auto stem = name.substr(0, name.size() - kSuffix.size());
    const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), gate.pid);
    if (error != std::errc() || end != stem.data() + stem.size() || gate.pid <= 0) continue;
    gate.socket = folder + "/" + std::string(name);
    out.push_back(std::move(gate));
  }
  ::closedir(list);
  std::sort(out.begin(), out.end(), [](const GateAddress& a, const GateAddress& b) { return a.pid < b.pid; });
  return out;
}

namespace {

std::string request_text(std::string_view method, std::string_view path, const json::value* body) {
  std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  const std::string content = body != nullptr ? json::write(*body) : std::string();
  if (body != nullptr) text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(content.size()) + "\r\n";
  return text + "\r\n" + content;
}

Status put_question(const Socket& socket, const GateAddress& gate, std::string_view text, std::int64_t deadline_ns) {
  if (socket.fd() < 0) return fail(system_error("no socket can be had", errno));
  if (auto connected = connect_to(socket, gate, deadline_ns); !connected) return connected;
  return send_all(socket.fd(), text, deadline_ns);
}

}  // namespace

Result<AdminReply> ask_gate(const GateAddress& gate, std::string_view method, std::string_view path, const json::value* body,
                            std::int64_t timeout_ms) {
  const std::int64_t deadline_ns = steady_ns() + timeout_ms * kNanosecondsPerMs;
  const Socket socket;
  if (auto asked = put_question(socket, gate, request_text(method, path, body), deadline_ns); !asked) return fail(asked.error());
  return read_reply(socket.fd(), deadline_ns);
}

std::vector<GateAnswer> ask_gates(const std::vector<GateAddress>& gates, std::string_view method, std::string_view path,
                                  const json::value* body, std::int64_t timeout_ms) {
  const std::int64_t deadline_ns = steady_ns() + timeout_ms * kNanosecondsPerMs;
  const std::string text = request_text(method, path, body);
  std::vector<Socket> sockets(gates.size());
  std::vector<Status> asked;
  for (std::size_t i = 0; i < gates.size(); ++i) asked.push_back(put_question(sockets[i], gates[i], text, deadline_ns));
  std::vector<GateAnswer> out;
  for (std::size_t i = 0; i < gates.size(); ++i) {
    auto reply = asked[i] ? read_reply(sockets[i].fd(), deadline_ns) : Result<AdminReply>(fail(asked[i].error()));
    if (reply || reply.error().code != ErrorCode::kUnavailable) out.push_back({gates[i], std::move(reply)});
  }
  return out;
}

}  // namespace interlock::cli
