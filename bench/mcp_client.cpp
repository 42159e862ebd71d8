#include "bench/mcp_client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/json.hpp"
#include "bench/http_message.hpp"

namespace interlock::bench {
namespace {

constexpr int kHandshakeTimeoutMs = 30'000;
constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},)"
    R"("clientInfo":{"name":"mcp_load","version":"1"}}})";
constexpr std::string_view kInitialized = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
constexpr std::string_view kModernMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},)"
    R"("io.modelcontextprotocol/clientInfo":{"name":"mcp_load","version":"1"}},)";

std::string call_text(const Target& target, std::uint64_t number, std::string_view text) {
  std::string out = R"({"jsonrpc":"2.0","id":)" + std::to_string(number) + R"(,"method":"tools/call","params":{)";
  if (target.modern) out += kModernMeta;
  out += R"("name":")" + target.tool + R"(","arguments":{"text":")";
  return out.append(text) + R"("}}})";
}

bool is_echo(std::string_view body, std::string_view text) {
  return body.find(text) != std::string_view::npos && body.find("\"result\"") != std::string_view::npos &&
         body.find("\"isError\":true") == std::string_view::npos;
}

bool wait_readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, kHandshakeTimeoutMs) == 1;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

class HttpClient final : public Client {
 public:
  explicit HttpClient(Target target) : target_(std::move(target)), chunk_(64 * 1024, '\0') {}
  ~HttpClient() override {
    if (fd_ >= 0) ::close(fd_);
    if (stream_fd_ >= 0) ::close(stream_fd_);
  }

  bool handshake() {
    fd_ = connect();
    if (fd_ < 0) return complain("cannot connect");
    if (target_.modern) return true;
    if (!post(kInitialize) || reader_.message.status() != 200) return complain("initialize was refused: " + reader_.message.body);
    session_ = reader_.message.header("mcp-session-id");
    if (!post(kInitialized) || reader_.message.status() / 100 != 2) return complain("notifications/initialized was refused");
    return true;
  }

  int fd() const override { return fd_; }
  bool failed() const override { return failed_; }
  bool good() const override { return good_; }
  std::int64_t arrived_ns() const override { return arrived_ns_; }

  void begin_call(std::uint64_t number, std::string_view text) override {
    text_ = text;
    arrived_ns_ = 0;
    good_ = false;
    if (!send(call_text(target_, number, text))) failed_ = true;
  }

  bool on_readable() override {
    const auto count = ::read(fd_, chunk_.data(), chunk_.size());
    if (count <= 0) {
      failed_ = true;
      return true;
    }
    const bool whole = reader_.feed({chunk_.data(), static_cast<std::size_t>(count)});
    const auto& body = reader_.message.body;
    if (arrived_ns_ == 0 && (whole || (body.ends_with("\n\n") && is_echo(body, text_)))) arrived_ns_ = now_ns();
    if (!whole) return false;
    good_ = reader_.message.status() == 200 && is_echo(body, text_);
    return true;
  }

  bool open_stream() override {
    stream_fd_ = connect();
    if (stream_fd_ < 0) return false;
    const std::string head = "GET " + target_.path + " HTTP/1.1\r\nAccept: text/event-stream\r\n" + common_headers() + "\r\n";
    if (!write_all(stream_fd_, head) || !wait_readable(stream_fd_)) return false;
    HttpReader reader;
    while (!reader.head_is_complete()) {
      const auto count = ::read(stream_fd_, chunk_.data(), chunk_.size());
      if (count <= 0) return false;
      reader.feed({chunk_.data(), static_cast<std::size_t>(count)});
    }
    return reader.message.status() == 200;
  }

 private:
  bool complain(const std::string& what) {
    std::fprintf(stderr, "mcp_load: %s: %s\n", target_.name.c_str(), what.substr(0, 400).c_str());
    return false;
  }

  int connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(target_.port);
    ::inet_pton(AF_INET, target_.host.c_str(), &address.sin_addr);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd);
      return -1;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }

  std::string common_headers() const {
    std::string out = "Host: " + target_.host + ":" + std::to_string(target_.port) + "\r\n";
    out += target_.modern ? "MCP-Protocol-Version: 2026-07-28\r\n" : "MCP-Protocol-Version: 2025-11-25\r\n";
    if (!session_.empty()) out += "Mcp-Session-Id: " + session_ + "\r\n";
    if (!target_.token.empty()) out += "Authorization: Bearer " + target_.token + "\r\n";
    return out;
  }

  bool send(std::string_view body) {
    std::string out = "POST " + target_.path + " HTTP/1.1\r\n" + common_headers();
    if (target_.modern) out += "Mcp-Method: tools/call\r\nMcp-Name: " + target_.tool + "\r\n";
    out += "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ";
    out += std::to_string(body.size()) + "\r\n\r\n";
    out += body;
    reader_.next();
    return write_all(fd_, out);
  }

  bool post(std::string_view body) {
    if (!send(body)) return false;
    for (;;) {
      if (!wait_readable(fd_)) return false;
      const auto count = ::read(fd_, chunk_.data(), chunk_.size());
      if (count <= 0) return false;
      if (reader_.feed({chunk_.data(), static_cast<std::size_t>(count)})) return true;
    }
  }

  Target target_;
  std::string chunk_;
  int fd_ = -1;
  int stream_fd_ = -1;
  HttpReader reader_;
  std::string session_;
  std::string text_;
  std::int64_t arrived_ns_ = 0;
  bool good_ = false;
  bool failed_ = false;
};

class StdioClient final : public Client {
 public:
  explicit StdioClient(Target target) : target_(std::move(target)), chunk_(64 * 1024, '\0') {}
  ~StdioClient() override {
    if (write_fd_ >= 0) ::close(write_fd_);
    if (read_fd_ >= 0) ::close(read_fd_);
    if (pid_ > 0) end_child();
  }

  bool handshake() {
    if (!start()) return false;
    if (target_.modern) return true;
    expected_id_ = "\"id\":0";
    if (!write_all(write_fd_, std::string(kInitialize) + "\n")) return false;
    do {
      if (!wait_readable(read_fd_)) {
        std::fprintf(stderr, "mcp_load: %s: no answer to initialize\n", target_.name.c_str());
        return false;
      }
    } while (!on_readable());
    return !failed_ && write_all(write_fd_, std::string(kInitialized) + "\n");
  }

  int fd() const override { return read_fd_; }
  bool failed() const override { return failed_; }
  bool good() const override { return good_; }
  std::int64_t arrived_ns() const override { return arrived_ns_; }
  bool open_stream() override { return true; }

  void begin_call(std::uint64_t number, std::string_view text) override {
    text_ = text;
    good_ = false;
    expected_id_ = "\"id\":" + std::to_string(number);
    if (!write_all(write_fd_, call_text(target_, number, text) + "\n")) failed_ = true;
  }

  bool on_readable() override {
    const auto count = ::read(read_fd_, chunk_.data(), chunk_.size());
    if (count <= 0) {
      failed_ = true;
      return true;
    }
    pending_.append(chunk_.data(), static_cast<std::size_t>(count));
    bool over = false;
    std::size_t at = 0;
    for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', at)) {
      const auto line = std::string_view(pending_).substr(at, end - at);
      at = end + 1;
      if (!is_answer(line)) continue;
      over = true;
      arrived_ns_ = now_ns();
      good_ = is_echo(line, text_);
    }
    pending_.erase(0, at);
    return over;
  }

 private:
  bool is_answer(std::string_view line) const {  // the server may also notify
    const auto found = line.find(expected_id_);
    if (found == std::string_view::npos || line.find("\"method\"") != std::string_view::npos) return false;
    const auto behind = found + expected_id_.size();
    return behind < line.size() && (line[behind] == ',' || line[behind] == '}');
  }

  bool start() {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return false;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      const std::string line = "exec " + target_.command;
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    write_fd_ = in[1];
    read_fd_ = out[0];
    return pid_ > 0;
  }

  // stdin is closed: a server ends by itself, as MCP asks; one that does not is ended.
  void end_child() {
    for (int i = 0; i < 200; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return;
      ::usleep(10'000);
    }
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  Target target_;
  std::string chunk_;
  pid_t pid_ = -1;
  int read_fd_ = -1;
  int write_fd_ = -1;
  std::string pending_;
  std::string text_;
  std::string expected_id_;
  std::int64_t arrived_ns_ = 0;
  bool good_ = false;
  bool failed_ = false;
};

template <typename Kind>
std::unique_ptr<Client> opened(const Target& target) {
  auto client = std::make_unique<Kind>(target);
  if (!client->handshake()) return nullptr;
  return client;
}

}  // namespace

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

std::unique_ptr<Client> Client::open(const Target& target) {
  return target.over_stdio ? opened<StdioClient>(target) : opened<HttpClient>(target);
}

bool read_target(std::string_view text, Target& target) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  target.name = text.substr(0, equals);
  auto rest = text.substr(equals + 1);
  if (rest.starts_with("stdio:")) {
    target.over_stdio = true;
    target.command = rest.substr(6);
    return true;
  }
  if (!rest.starts_with("http://")) return false;
  rest.remove_prefix(7);
  const auto slash = rest.find('/');
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos || colon > slash) return false;
  target.host = rest.substr(0, colon);
  target.port = static_cast<std::uint16_t>(std::atoi(std::string(rest.substr(colon + 1)).c_str()));
  target.path = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  return target.port != 0;
}

}  // namespace interlock::bench
