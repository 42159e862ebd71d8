// mcp_load: measures tools/call on several MCP endpoints in one run, and prints one JSON document.
//
//   mcp_load [--clients N] [--calls N] [--rounds N] [--payload BYTES] [--modern] [--token T] TARGET...
//   mcp_load --sessions N --pid PID [--token T] TARGET
//
// The endpoints take turns, forth and back (A B C, C B A, ...), so that noise of the machine meets all of them. Each client has
// one call under way (a closed loop); an answer that is not the echo of its own call is an error. The first target is the
// baseline of `added_p50_us`: the median over rounds of the difference of medians. With --sessions the clients and their event
// streams stay open, each makes one call, and the resident memory of PID is read before and with them.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "bench/mcp_client.hpp"

namespace interlock::bench {
namespace {

constexpr int kStallTimeoutMs = 20'000;

struct Options {
  std::size_t clients = 1;
  std::size_t calls = 2'000;  // of one target in one round
  std::size_t rounds = 5;
  std::size_t payload = 32;
  std::size_t sessions = 0;
  int pid = 0;
  std::vector<Target> targets;
};

struct Lane {  // one target and what was measured on it
  Target target;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<double> latencies_us;
  std::vector<double> round_medians_us;
  double busy_seconds = 0;
  std::size_t calls = 0;
  std::size_t errors = 0;
};

double percentile(std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

// One slice: every client of the lane keeps one call under way until `calls` are begun, and all are answered.
class Slice {
 public:
  Slice(Lane& lane, std::size_t calls, std::size_t payload, std::uint64_t& number)
      : lane_(lane), left_(calls), padding_(payload, 'x'), number_(number), begun_(lane.clients.size()), texts_(lane.clients.size()) {}

  void run(std::vector<double>& latencies_us) {
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < lane_.clients.size(); ++i) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      ::epoll_ctl(poll, EPOLL_CTL_ADD, lane_.clients[i]->fd(), &event);
    }
    const auto started = now_ns();
    for (std::size_t i = 0; i < lane_.clients.size(); ++i) begin(i);
    epoll_event events[128];
    while (under_way_ > 0) {
      const int count = ::epoll_wait(poll, events, 128, kStallTimeoutMs);
      if (count <= 0) {
        lane_.errors += under_way_;
        std::fprintf(stderr, "mcp_load: %s: %zu calls got no answer\n", lane_.target.name.c_str(), under_way_);
        break;
      }
      for (int e = 0; e < count; ++e) {
        const auto i = events[e].data.u64;
        auto& client = *lane_.clients[i];
        if (!client.on_readable()) continue;
        --under_way_;
        ++lane_.calls;
        latencies_us.push_back(static_cast<double>(client.arrived_ns() - begun_[i]) / 1000.0);
        if (!client.good()) ++lane_.errors;
        if (client.failed()) {
          ::epoll_ctl(poll, EPOLL_CTL_DEL, client.fd(), nullptr);
        } else {
          begin(i);
        }
      }
    }
    lane_.busy_seconds += static_cast<double>(now_ns() - started) / 1e9;
    ::close(poll);
  }

 private:
  void begin(std::size_t i) {
    auto& client = *lane_.clients[i];
    if (left_ == 0 || client.failed()) return;
    --left_;
    ++under_way_;
    ++number_;
    texts_[i] = "echo-" + std::to_string(number_) + "-" + padding_;
    begun_[i] = now_ns();
    client.begin_call(number_, texts_[i]);
  }

  Lane& lane_;
  std::size_t left_;
  std::string padding_;
  std::uint64_t& number_;
  std::vector<std::int64_t> begun_;
  std::vector<std::string> texts_;
  std::size_t under_way_ = 0;
};

bool open_clients(Lane& lane, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto client = Client::open(lane.target);
    if (!client) return false;
    lane.clients.push_back(std::move(client));
  }
  return true;
}

json::object report_of(Lane& lane, Lane& baseline) {
  std::vector<double> differences;
  for (std::size_t r = 0; r < std::min(lane.round_medians_us.size(), baseline.round_medians_us.size()); ++r) {
    differences.push_back(lane.round_medians_us[r] - baseline.round_medians_us[r]);
  }
  json::object out;
  out["name"] = lane.target.name;
  out["calls"] = lane.calls;
  out["errors"] = lane.errors;
  out["p50_us"] = percentile(lane.latencies_us, 0.50);
  out["p90_us"] = percentile(lane.latencies_us, 0.90);
  out["p99_us"] = percentile(lane.latencies_us, 0.99);
  out["added_p50_us"] = percentile(differences, 0.5);
  out["added_p99_us"] = percentile(lane.latencies_us, 0.99) - percentile(baseline.latencies_us, 0.99);
  out["calls_per_second"] = lane.busy_seconds > 0 ? static_cast<double>(lane.calls) / lane.busy_seconds : 0.0;
  return out;
}

int measure(const Options& options) {
  std::vector<Lane> lanes;
  for (const auto& target : options.targets) {
    lanes.push_back({});
    lanes.back().target = target;
    if (!open_clients(lanes.back(), options.clients)) return 1;
  }
  std::uint64_t number = 0;
  for (auto& lane : lanes) {  // warm-up, not counted
    std::vector<double> ignored;
    Slice(lane, std::max(options.calls / 4, options.clients * 4), options.payload, number).run(ignored);
    lane.busy_seconds = 0;
    lane.calls = 0;
  }
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      auto& lane = lanes[round % 2 == 0 ? i : lanes.size() - 1 - i];
      std::vector<double> latencies;
      Slice(lane, options.calls, options.payload, number).run(latencies);
      lane.latencies_us.insert(lane.latencies_us.end(), latencies.begin(), latencies.end());
      lane.round_medians_us.push_back(percentile(latencies, 0.5));
    }
  }
  json::object out;
  out["clients"] = options.clients;
  out["rounds"] = options.rounds;
  json::array reports;
  std::size_t errors = 0;
  for (auto& lane : lanes) {
    reports.push_back(report_of(lane, lanes.front()));
    errors += lane.errors;
  }
  out["targets"] = std::move(reports);
  std::puts(json::write(out).c_str());
  return errors == 0 ? 0 : 1;
}

long resident_kib(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  }
  return -1;
}

int hold_sessions(const Options& options) {
  Lane lane;
  lane.target = options.targets.front();
  const long before = resident_kib(options.pid);
  if (!open_clients(lane, options.sessions)) return 1;
  const long with_sessions = resident_kib(options.pid);
  std::size_t streams = 0;
  for (auto& client : lane.clients) streams += client->open_stream() ? 1 : 0;
  const long with_streams = resident_kib(options.pid);
  std::uint64_t number = 0;
  std::vector<double> latencies;
  Slice(lane, options.sessions, options.payload, number).run(latencies);
  json::object out;
  out["sessions"] = lane.clients.size();
  out["streams"] = streams;
  out["calls"] = lane.calls;
  out["errors"] = lane.errors;
  out["rss_before_kib"] = before;
  out["rss_sessions_kib"] = with_sessions;
  out["rss_streams_kib"] = with_streams;
  out["rss_after_calls_kib"] = resident_kib(options.pid);
  std::puts(json::write(out).c_str());
  return lane.errors == 0 ? 0 : 1;
}

bool read_options(int argc, char** argv, Options& options) {
  std::string token;
  bool modern = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::strtoul(argv[++i], nullptr, 10) : 0; };
    if (word == "--clients") options.clients = number();
    else if (word == "--calls") options.calls = number();
    else if (word == "--rounds") options.rounds = number();
    else if (word == "--payload") options.payload = number();
    else if (word == "--sessions") options.sessions = number();
    else if (word == "--pid") options.pid = static_cast<int>(number());
    else if (word == "--modern") modern = true;
    else if (word == "--token" && i + 1 < argc) token = argv[++i];
    else {
      Target target;
      if (!read_target(word, target)) return false;
      options.targets.push_back(std::move(target));
    }
  }
  for (auto& target : options.targets) {
    target.token = token;
    target.modern = modern;
  }
  return !options.targets.empty() && options.clients > 0;
}

}  // namespace
}  // namespace interlock::bench

int main(int argc, char** argv) {
  interlock::bench::Options options;
  if (!interlock::bench::read_options(argc, argv, options)) {
    std::fputs(
        "usage: mcp_load [--clients N] [--calls N] [--rounds N] [--payload BYTES] [--modern] [--token T] NAME=URL|NAME=stdio:COMMAND...\n"
        "       mcp_load --sessions N --pid PID [--token T] NAME=URL\n",
        stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  return options.sessions > 0 ? interlock::bench::hold_sessions(options) : interlock::bench::measure(options);
}
