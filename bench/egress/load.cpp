// The load of `dev bench egress`: HTTP/1.1 or HTTP/2 requests, plain, in TLS, or in TLS inside a CONNECT tunnel, from one thread. Each
// answer is held against what the upstream says; latency is a request's, CPU is that of the processes named, both between the end of the
// warm-up and the end of the run. Prints one line of JSON.
//
// egress_load --to HOST:PORT [--tunnel HOST:PORT] [--tls NAME] [--streams N] --target TARGET --authority HOST [--header 'Name: value']
//             --body FILE --connections N --warm-ms N --ms N [--pids A,B]
// --streams: HTTP/2 with as many requests at once on each connection. --header goes with CONNECT where there is a tunnel.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "egress_load: %s\n", why.c_str());
  std::exit(2);
}

struct Plan {
  sockaddr_in to{};
  std::string tunnel, tls_name, target, authority, header, body;
  int streams = 0, connections = 1, warm_ms = 500, run_ms = 2000;
  std::vector<std::string> pids;
} plan;

struct Tally {
  std::vector<std::uint32_t> latencies_us;
  std::uint64_t done = 0, wrong = 0, failed = 0;
  bool counting = false;
  std::string first_wrong;
} tally;

SSL_CTX* tls_context = nullptr;
int poll_fd = -1;

void note(Clock::time_point sent, bool right, std::string_view what) {
  if (!right) {
    ++tally.wrong;
    if (tally.first_wrong.empty()) tally.first_wrong = what.substr(0, 300);
  }
  if (!tally.counting) return;
  ++tally.done;
  tally.latencies_us.push_back(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent).count()));
}

// HTTP/1.1's answer in `text`, whole or not yet.
struct Answer {
  bool whole = false;
  std::size_t size = 0;
  int status = 0;
  std::string body;
};

Answer read_answer(std::string_view text) {
  Answer out;
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos || text.size() < 12) return out;
  out.status = std::atoi(std::string(text.substr(9, 3)).c_str());
  std::string head(text.substr(0, end + 2));
  for (auto& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  auto rest = text.substr(end + 4);
  if (const auto at = head.find("\r\ncontent-length: "); at != head.npos) {
    const auto length = static_cast<std::size_t>(std::atoll(head.c_str() + at + 18));
    if (rest.size() < length) return out;
    out.body = rest.substr(0, length);
    out.size = end + 4 + length;
    out.whole = true;
    return out;
  }
  if (head.find("transfer-encoding: chunked") == head.npos) {
    out.whole = true;
    out.size = end + 4;
    return out;
  }
  for (;;) {
    const auto line = rest.find("\r\n");
    if (line == rest.npos) return out;
    const auto length = std::strtoull(std::string(rest.substr(0, line)).c_str(), nullptr, 16);
    if (rest.size() < line + 2 + length + 2) return out;
    out.body += rest.substr(line + 2, length);
    rest.remove_prefix(line + 2 + length + 2);
    if (length == 0) break;
  }
  out.size = text.size() - rest.size();
  out.whole = true;
  return out;
}

class Connection {
 public:
  void begin() {
    end();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&plan.to), sizeof plan.to) != 0) die("cannot connect");
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = this;
    ::epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd_, &event);
    in_.clear();
    out_.clear();
    state_ = plan.tunnel.empty() ? State::kTls : State::kTunnel;
    if (state_ == State::kTunnel) {
      out_ = "CONNECT " + plan.tunnel + " HTTP/1.1\r\nHost: " + plan.tunnel + "\r\n" + (plan.header.empty() ? "" : plan.header + "\r\n") +
             "\r\n";
      return;
    }
    begin_tls();
  }

  void work() {
    for (int turn = 0; turn < 64; ++turn) {
      if (state_ == State::kTls && !shake_hands()) return;
      const bool wrote = write_some();
      const bool got = read_some();
      if (fd_ < 0) return begin();
      if (!wrote && !got && (out_.empty() || blocked_)) return;
    }
    again_ = true;
  }
  bool take_again() { return std::exchange(again_, false); }

  void end() {
    if (ssl_ != nullptr) SSL_free(std::exchange(ssl_, nullptr));
    if (session_ != nullptr) nghttp2_session_del(std::exchange(session_, nullptr));
    streams_.clear();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  enum class State { kTunnel, kTls, kReady };
  struct Stream {
    Clock::time_point sent;
    std::string body;
    std::string status;
  };

  void fail() {
    ++tally.failed;
    if (tally.failed > 1000) die("too many connections fail");
    ::close(std::exchange(fd_, -1));
  }

  void begin_tls() {
    if (plan.tls_name.empty()) return ready();
    state_ = State::kTls;
    ssl_ = SSL_new(tls_context);
    SSL_set_fd(ssl_, fd_);
    SSL_set_tlsext_host_name(ssl_, plan.tls_name.c_str());
    static constexpr unsigned char kH2[] = "\x02h2";
    static constexpr unsigned char kH1[] = "\x08http/1.1";
    if (plan.streams > 0) SSL_set_alpn_protos(ssl_, kH2, 3);
    else SSL_set_alpn_protos(ssl_, kH1, 9);
    SSL_set_connect_state(ssl_);
  }
  bool shake_hands() {
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) {
      ready();
      return true;
    }
    const int why = SSL_get_error(ssl_, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      fail();
      begin();
    }
    return false;
  }

  void ready() {
    state_ = State::kReady;
    if (plan.streams == 0) return ask();
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    for (int i = 0; i < plan.streams; ++i) ask();
    pull();
  }

  void ask() {
    if (plan.streams == 0) {
      sent_ = Clock::now();
      out_ += "GET " + plan.target + " HTTP/1.1\r\nHost: " + plan.authority + "\r\n" +
              (plan.tunnel.empty() && !plan.header.empty() ? plan.header + "\r\n" : "") + "Accept: */*\r\nUser-Agent: egress_load\r\n\r\n";
      return;
    }
    const auto field = [](std::string_view name, std::string_view value) {
      return nghttp2_nv{reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
    };
    const nghttp2_nv fields[] = {field(":method", "GET"),
                                 field(":scheme", plan.tls_name.empty() ? "http" : "https"),
                                 field(":authority", plan.authority),
                                 field(":path", plan.target),
                                 field("accept", "*/*"),
                                 field("user-agent", "egress_load")};
    const auto id = nghttp2_submit_request(session_, nullptr, fields, std::size(fields), nullptr, nullptr);
    if (id > 0) streams_[id].sent = Clock::now();
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    if (std::string_view(reinterpret_cast<const char*>(name), name_size) == ":status")
      static_cast<Connection*>(user)->streams_[frame->hd.stream_id].status.assign(reinterpret_cast<const char*>(value), value_size);
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) {
    static_cast<Connection*>(user)->streams_[id].body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    auto& self = *static_cast<Connection*>(user);
    const auto at = self.streams_.find(id);
    if (at == self.streams_.end()) return 0;
    note(at->second.sent, code == 0 && at->second.status == "200" && at->second.body == plan.body,
         "status " + at->second.status + " reset " + std::to_string(code) + " " + at->second.body);
    self.streams_.erase(at);
    self.ask();
    return 0;
  }
  void pull() {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t made; (made = nghttp2_session_mem_send(session_, &bytes)) > 0;)
      out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(made));
  }

  bool write_some() {
    blocked_ = false;
    if (out_.empty() || state_ == State::kTls) return false;
    const auto size = static_cast<int>(out_.size());
    const auto sent = ssl_ != nullptr ? SSL_write(ssl_, out_.data(), size) : ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      blocked_ = true;
      return false;
    }
    out_.erase(0, static_cast<std::size_t>(sent));
    return true;
  }

  bool read_some() {
    static char block[64 * 1024];
    if (state_ == State::kTls) return true;
    const auto got = ssl_ != nullptr ? SSL_read(ssl_, block, sizeof block) : ::recv(fd_, block, sizeof block, 0);
    if (got <= 0) {
      const bool waits = ssl_ != nullptr ? SSL_get_error(ssl_, static_cast<int>(got)) == SSL_ERROR_WANT_READ : got < 0 && errno == EAGAIN;
      if (!waits) fail();
      return false;
    }
    const std::string_view bytes(block, static_cast<std::size_t>(got));
    if (session_ != nullptr) {
      if (nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()) < 0) fail();
      else pull();
      return true;
    }
    in_ += bytes;
    if (state_ == State::kTunnel) {
      const auto end = in_.find("\r\n\r\n");
      if (end == in_.npos) return true;
      if (in_.substr(9, 3) != "200") die("CONNECT was answered " + in_.substr(0, 300));
      in_.clear();
      begin_tls();
      return true;
    }
    const auto answer = read_answer(in_);
    if (!answer.whole) return true;
    note(sent_, answer.status == 200 && answer.body == plan.body, in_);
    in_.erase(0, answer.size);
    ask();
    return true;
  }

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  nghttp2_session* session_ = nullptr;
  State state_ = State::kTls;
  std::string in_, out_;
  Clock::time_point sent_;
  std::unordered_map<std::int32_t, Stream> streams_;
  bool blocked_ = false;
  bool again_ = false;
};

// Of all threads that live, in nanoseconds (proc(5): schedstat).
std::uint64_t cpu_ns() {
  std::uint64_t sum = 0;
  for (const auto& pid : plan.pids) {
    std::error_code gone;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + pid + "/task", gone)) {
      std::uint64_t ran = 0;
      std::ifstream(task.path() / "schedstat") >> ran;
      sum += ran;
    }
  }
  return sum;
}

void read_arguments(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--to") {
      const auto colon = value.find(':');
      plan.to.sin_family = AF_INET;
      plan.to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(value.c_str() + colon + 1)));
      ::inet_pton(AF_INET, value.substr(0, colon).c_str(), &plan.to.sin_addr);
    } else if (name == "--tunnel") plan.tunnel = value;
    else if (name == "--tls") plan.tls_name = value;
    else if (name == "--target") plan.target = value;
    else if (name == "--authority") plan.authority = value;
    else if (name == "--header") plan.header = value;
    else if (name == "--streams") plan.streams = std::atoi(value.c_str());
    else if (name == "--connections") plan.connections = std::atoi(value.c_str());
    else if (name == "--warm-ms") plan.warm_ms = std::atoi(value.c_str());
    else if (name == "--ms") plan.run_ms = std::atoi(value.c_str());
    else if (name == "--body") {
      std::ifstream file(value);
      plan.body.assign(std::istreambuf_iterator<char>(file), {});
    } else if (name == "--pids") {
      std::size_t at = 0;
      while (at < value.size()) {
        const auto comma = std::min(value.find(',', at), value.size());
        plan.pids.push_back(value.substr(at, comma - at));
        at = comma + 1;
      }
    } else die("no argument " + name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  read_arguments(argc, argv);
  tls_context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  poll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections(static_cast<std::size_t>(plan.connections));
  for (auto& one : connections) one.begin();
  const auto began = Clock::now();
  const auto counts_from = began + std::chrono::milliseconds(plan.warm_ms);
  const auto until = counts_from + std::chrono::milliseconds(plan.run_ms);
  std::uint64_t cpu_before = 0;
  Clock::time_point counted_from;
  for (auto now = began; now < until; now = Clock::now()) {
    if (!tally.counting && now >= counts_from) {
      tally.counting = true;
      counted_from = now;
      cpu_before = cpu_ns();
    }
    epoll_event events[256];
    const int ready = ::epoll_wait(poll_fd, events, 256, 10);
    for (int i = 0; i < ready; ++i) {
      auto& one = *static_cast<Connection*>(events[i].data.ptr);
      do one.work();
      while (one.take_again());
    }
  }
  const auto cpu = cpu_ns() - cpu_before;
  const double seconds = std::chrono::duration<double>(Clock::now() - counted_from).count();
  auto& sorted = tally.latencies_us;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](double share) {
    return sorted.empty() ? 0U : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  const auto done = static_cast<double>(std::max<std::uint64_t>(tally.done, 1));
  if (!tally.first_wrong.empty()) std::fprintf(stderr, "wrong answer: %s\n", tally.first_wrong.c_str());
  std::printf("{\"requests\":%llu,\"per_second\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"cpu_us\":%.2f,\"wrong\":%llu,\"failed\":%llu}\n",
              static_cast<unsigned long long>(tally.done), static_cast<double>(tally.done) / seconds, at(0.5), at(0.99),
              static_cast<double>(cpu) / 1000.0 / done, static_cast<unsigned long long>(tally.wrong),
              static_cast<unsigned long long>(tally.failed));
  for (auto& one : connections) one.end();
  return tally.done > 0 && tally.wrong == 0 ? 0 : 1;
}
