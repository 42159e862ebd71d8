// kill_load: how fast and how surely the kill switch works. Many agents call through a gate at a fixed pace; one after the other is
// killed through the admin socket, and a canary server, which is this process's own, tells when it last heard of each.
//
//   kill_load --agents N --kills K --rate CALLS_PER_SECOND --token PREFIX
//
// Prints {"canary":PORT} and waits for a line "GATE_PORT ADMIN_SOCKET" on stdin. Agent I calls with the token PREFIXI. Then runs, and
// prints one JSON report. A call is an act of one agent: its text names it. Threads: the canary's, the load's, and main, which kills.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/json.hpp"
#include "bench/http_message.hpp"
#include "bench/mcp_client.hpp"
#include "bench/mcp_echo.hpp"

namespace interlock::bench {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::string_view kMark = "hit-";
constexpr std::int64_t kMillisecondNs = 1'000'000;
constexpr auto kBetweenKills = std::chrono::milliseconds(25);
constexpr auto kHurry = std::chrono::milliseconds(5);
constexpr int kHurryTries = 1'000;
constexpr std::size_t kNobody = SIZE_MAX;
constexpr auto kWarmUp = std::chrono::milliseconds(2'000);
constexpr auto kAfterwards = std::chrono::milliseconds(1'500);

struct Options {
  std::size_t agents = 1'200;
  std::size_t kills = 200;
  double rate = 5'000;
  std::string token;
};

// The clock of the kernel's stamps on received bytes.
std::int64_t wall_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// ---- the canary -------------------------------------------------------------------------------------------------------------

// Hears of acts. Written by its thread alone; read by main.
class Canary {
 public:
  explicit Canary(std::size_t agents) : last_ns_(agents), hits_(agents) {}
  ~Canary() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::int64_t last_ns(std::size_t agent) const { return last_ns_[agent]; }
  std::uint64_t hits(std::size_t agent) const { return hits_[agent]; }
  bool is_stamped() const { return stamped_; }

  std::uint16_t listen() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 4096) != 0) return 0;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    thread_ = std::thread([this] { serve(); });
    return ntohs(address.sin_port);
  }

 private:
  void serve() {
    // What it hears late would be told as late: it goes before the load, where that may be.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), -10);
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener_}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, listener_, &event);
    std::unordered_map<int, std::unique_ptr<HttpReader>> readers;
    std::string chunk(kReadBytes, '\0');
    epoll_event events[128];
    while (!stop_) {
      const int count = ::epoll_wait(poll, events, 128, 50);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) {
          const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
          if (client < 0) continue;
          const int on = 1;
          ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          ::setsockopt(client, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
          epoll_event added{.events = EPOLLIN, .data = {.fd = client}};
          ::epoll_ctl(poll, EPOLL_CTL_ADD, client, &added);
          readers[client] = std::make_unique<HttpReader>();
        } else if (!answer(fd, *readers[fd], chunk)) {
          readers.erase(fd);
          ::close(fd);
        }
      }
    }
    for (const auto& [fd, reader] : readers) ::close(fd);
    ::close(poll);
    ::close(listener_);
  }

  bool answer(int fd, HttpReader& reader, std::string& chunk) {
    iovec buffer{chunk.data(), chunk.size()};
    alignas(cmsghdr) char control[128];
    msghdr message{};
    message.msg_iov = &buffer;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const auto count = ::recvmsg(fd, &message, 0);
    if (count <= 0) return false;
    // When the bytes reached this socket, by the kernel's clock: how long this thread waited for a processor is no act.
    std::int64_t arrived_ns = wall_ns();
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec at{};
      std::memcpy(&at, CMSG_DATA(part), sizeof at);
      arrived_ns = at.tv_sec * 1'000'000'000LL + at.tv_nsec;
      stamped_ = true;
    }
    bool whole = reader.feed({chunk.data(), static_cast<std::size_t>(count)});
    while (whole) {
      note(reader.message.body, arrived_ns);
      const auto body = reader.message.first_line.starts_with("POST") ? answer_of(reader.message.body) : std::nullopt;
      const std::string head = body ? "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body->size())
                                    : std::string("HTTP/1.1 202 Accepted\r\nContent-Length: 0");
      if (!write_all(fd, head + "\r\n\r\n" + body.value_or(""))) return false;
      whole = reader.next();
    }
    return true;
  }

  void note(const std::string& body, std::int64_t arrived_ns) {
    const auto at = body.find(kMark);
    if (at == std::string::npos) return;
    const auto agent = static_cast<std::size_t>(std::strtoul(body.c_str() + at + kMark.size(), nullptr, 10));
    if (agent >= hits_.size()) return;
    last_ns_[agent] = arrived_ns;
    ++hits_[agent];
  }

  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::atomic<bool> stamped_{false};
  std::vector<std::atomic<std::int64_t>> last_ns_;
  std::vector<std::atomic<std::uint64_t>> hits_;
  std::thread thread_;
};

// ---- the load ---------------------------------------------------------------------------------------------------------------

// Every agent keeps calling, also after it was killed: that is when it matters.
class Load {
 public:
  Load(const Options& options, std::uint16_t gate_port) : options_(options), killed_(options.agents) {
    for (std::size_t i = 0; i < options.agents; ++i) {
      Target target;
      target.name = "agent-" + std::to_string(i);
      target.port = gate_port;
      target.path = "/mcp/canary";
      target.token = options.token + std::to_string(i);
      target.modern = true;
      clients_.push_back(Client::open(target));
    }
  }
  ~Load() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  bool is_complete() const {
    return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client != nullptr; });
  }
  void begin() {
    thread_ = std::thread([this] { run(); });
  }
  // One agent calls again as soon as it is answered, so that a kill finds it in the middle of things.
  void hurry(std::size_t agent) { hurried_ = agent; }
  void mark_killed(std::size_t agent) { killed_[agent] = true; }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t wrong() const { return wrong_; }
  std::uint64_t denied() const { return denied_; }

 private:
  void run() {
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      ::epoll_ctl(poll, EPOLL_CTL_ADD, clients_[i]->fd(), &event);
    }
    std::vector<bool> waiting(clients_.size());
    std::size_t next = 0;
    std::uint64_t begun = 0;
    std::uint64_t number = 0;
    const auto begin = [&](std::size_t agent) {
      if (waiting[agent] || clients_[agent]->failed()) return false;
      waiting[agent] = true;
      ++number;
      clients_[agent]->begin_call(number, std::string(kMark) + std::to_string(agent) + "-" + std::to_string(number));
      return true;
    };
    const auto started = now_ns();
    epoll_event events[256];
    while (!stop_) {
      const auto due = static_cast<std::uint64_t>(static_cast<double>(now_ns() - started) / 1e9 * options_.rate);
      // A gate that falls behind is not given the arrears in one go.
      if (due > begun + clients_.size()) begun = due - clients_.size();
      for (std::size_t tried = 0; begun < due && tried < clients_.size(); ++tried, next = (next + 1) % clients_.size()) {
        if (begin(next)) ++begun;
      }
      if (const std::size_t hurried = hurried_; hurried < clients_.size()) begin(hurried);
      const int count = ::epoll_wait(poll, events, 256, 1);
      for (int e = 0; e < count; ++e) {
        const auto i = events[e].data.u64;
        // Read before the answer: what was asked before the kill may be answered either way.
        const bool killed = killed_[i];
        if (!clients_[i]->on_readable()) continue;
        waiting[i] = false;
        ++answered_;
        if (clients_[i]->failed()) {
          ::epoll_ctl(poll, EPOLL_CTL_DEL, clients_[i]->fd(), nullptr);
          ++wrong_;
        } else if (!clients_[i]->good()) {
          (killed || killed_[i] ? denied_ : wrong_)++;
        }
      }
    }
    ::close(poll);
  }

  Options options_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::atomic<bool>> killed_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> hurried_{kNobody};
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> denied_{0};
  std::atomic<std::uint64_t> wrong_{0};
  std::thread thread_;
};

// ---- the command ------------------------------------------------------------------------------------------------------------

// One request on the admin socket, as the command line makes it: a connection each. The status, 0 where there was no answer.
int ask(const std::string& socket_path, const std::string& request) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  int status = 0;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && write_all(fd, request)) {
    HttpReader reader;
    std::string chunk(kReadBytes, '\0');
    for (;;) {
      const auto count = ::read(fd, chunk.data(), chunk.size());
      if (count <= 0) break;
      if (!reader.feed({chunk.data(), static_cast<std::size_t>(count)})) continue;
      status = reader.message.status();
      if (status != 200) std::fprintf(stderr, "kill_load: %s\n", reader.message.body.c_str());
      break;
    }
  }
  ::close(fd);
  return status;
}

std::string kill_request(std::size_t agent) {
  const std::string body = R"({"reach":"agent","target":"agent-)" + std::to_string(agent) + R"(","reason":"the suite"})";
  return "POST /v1/kills HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

double percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
}

double ms(std::int64_t ns) { return static_cast<double>(ns) / static_cast<double>(kMillisecondNs); }

int run(const Options& options) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  Canary canary(options.agents);
  const auto port = canary.listen();
  if (port == 0) return 1;
  std::printf("{\"canary\":%d}\n", port);
  std::fflush(stdout);
  int gate_port = 0;
  std::string socket;
  if (!(std::cin >> gate_port >> socket)) return 1;

  Load load(options, static_cast<std::uint16_t>(gate_port));
  if (!load.is_complete()) return 1;
  load.begin();
  std::this_thread::sleep_for(kWarmUp);

  const auto began_ns = now_ns();
  const auto began_calls = load.answered();
  struct Killed {
    std::size_t agent;
    std::int64_t command_ns;
    std::int64_t returned_ns;
    std::uint64_t hits_before;
  };
  std::vector<Killed> kills;
  std::vector<double> bare_ms;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < options.kills; ++i) {
    const auto agent = i * (options.agents / options.kills);
    auto at = now_ns();
    if (ask(socket, "GET /v1/caller HTTP/1.1\r\nHost: gate\r\n\r\n") != 200) ++refused;
    bare_ms.push_back(ms(now_ns() - at));
    const auto request = kill_request(agent);
    load.hurry(agent);
    for (int wait = 0; wait < kHurryTries && canary.hits(agent) == 0; ++wait) std::this_thread::sleep_for(kHurry);
    std::this_thread::sleep_for(kHurry);
    const auto hits = canary.hits(agent);
    load.mark_killed(agent);
    at = wall_ns();
    if (ask(socket, request) != 200) ++refused;
    kills.push_back({agent, at, wall_ns(), hits});
    load.hurry(kNobody);  // it asks on at the pace of all
    std::this_thread::sleep_for(kBetweenKills);
  }
  const double seconds = static_cast<double>(now_ns() - began_ns) / 1e9;
  const double rate = static_cast<double>(load.answered() - began_calls) / seconds;
  std::this_thread::sleep_for(kAfterwards);

  std::vector<double> last_ms;
  std::vector<double> command_ms;
  std::size_t late = 0;
  std::size_t heard = 0;
  double latest_ms = 0;
  for (const auto& kill : kills) {
    const auto last = canary.last_ns(kill.agent);
    if (kill.hits_before > 0) ++heard;
    last_ms.push_back(std::max(0.0, ms(last - kill.command_ns)));
    command_ms.push_back(ms(kill.returned_ns - kill.command_ns));
    if (last > kill.returned_ns) {
      ++late;
      latest_ms = std::max(latest_ms, ms(last - kill.returned_ns));
    }
  }
  json::object report{{"agents", options.agents},
                      {"kills", kills.size()},
                      {"heard_before", heard},
                      {"refused", refused},
                      {"late", late},
                      {"latest_ms", latest_ms},
                      {"calls_per_second", rate},
                      {"denied", load.denied()},
                      {"kernel_stamps", canary.is_stamped()},
                      {"wrong", load.wrong()},
                      {"last_act_p50_ms", percentile(last_ms, 0.50)},
                      {"last_act_p99_ms", percentile(last_ms, 0.99)},
                      {"last_act_max_ms", percentile(last_ms, 1.0)},
                      {"command_p50_ms", percentile(command_ms, 0.50)},
                      {"command_p99_ms", percentile(command_ms, 0.99)},
                      {"command_max_ms", percentile(command_ms, 1.0)},
                      {"bare_p50_ms", percentile(bare_ms, 0.50)},
                      {"bare_p99_ms", percentile(bare_ms, 0.99)}};
  std::puts(json::write(report).c_str());
  return 0;
}

}  // namespace
}  // namespace interlock::bench

int main(int argc, char** argv) {
  interlock::bench::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--agents") options.agents = std::strtoul(argv[i + 1], nullptr, 10);
    else if (name == "--kills") options.kills = std::strtoul(argv[i + 1], nullptr, 10);
    else if (name == "--rate") options.rate = std::strtod(argv[i + 1], nullptr);
    else if (name == "--token") options.token = argv[i + 1];
  }
  if (options.kills == 0 || options.kills > options.agents) {
    std::fputs("usage: kill_load --agents N --kills K --rate R --token PREFIX\n", stderr);
    return 2;
  }
  return interlock::bench::run(options);
}
