#include "net/resolver.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/time.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kThreads = 8;  // look-ups at once: a name server that does not answer holds one for seconds
constexpr std::size_t kWaitingHosts = 1'000;
constexpr std::size_t kRememberedHosts = 4'096;
constexpr std::size_t kHostBytes = 253;
constexpr std::int64_t kLookupTimeoutMs = 10'000;
constexpr std::int64_t kFailureRememberedMs = 1'000;
constexpr std::int64_t kMillisecondNs = 1'000'000;

using Answer = Result<std::vector<Address>>;

Answer look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) {
    const bool absent = code == EAI_NONAME || code == EAI_NODATA;
    return fail(absent ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                "the name " + host + " cannot be resolved: " + ::gai_strerror(code),
                absent ? "look at the spelling of the host" : "look at the name servers of the gate's machine");
  }
  std::vector<Address> out;
  for (const auto* at = list; at != nullptr && out.size() < kResolvedAddresses; at = at->ai_next) {
    Address address;
    if (at->ai_family == AF_INET) {
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr, 4);
    } else if (at->ai_family == AF_INET6) {
      address.v6 = true;
      std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(at->ai_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    if (std::ranges::find(out, address) == out.end()) out.push_back(address);
  }
  ::freeaddrinfo(list);
  if (out.empty()) return fail(ErrorCode::kNotFound, "the name " + host + " has no address", "look at the spelling of the host");
  return out;
}

// A name that getaddrinfo would read as an address in a form of its own ("0x7f.1", "2130706433"), or that is none at all.
bool may_be_name(std::string_view host) {
  if (host.empty() || host.size() > kHostBytes || host.front() == '.' || host.front() == '-') return false;
  const bool fit = std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  if (!fit || host.find("..") != std::string_view::npos) return false;
  auto last = host;
  if (last.ends_with('.')) last.remove_suffix(1);
  last = last.substr(last.rfind('.') + 1);
  const bool numeric = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
  const bool hexadecimal = last.size() >= 2 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X');
  return !last.empty() && !numeric && !hexadecimal;  // as the URL Standard has it: a host that ends in a number is an address or an error
}

}  // namespace

// Threads share it with the resolver, and outlive that: a look-up cannot be called off.
struct Resolver::State : std::enable_shared_from_this<Resolver::State> {
  Loop& loop;
  std::int64_t remember_ms;

  State(Loop& on, std::int64_t remember) : loop(on), remember_ms(remember) {}

  // Of the loop's thread.
  using Done = std::function<void(Answer)>;
  struct Waiting {
    std::vector<Done> done;
    TimerId timer = 0;
  };
  struct Remembered {
    Answer answer;
    std::int64_t until_ns = 0;
  };
  std::unordered_map<std::string, Waiting> waiting;
  std::unordered_map<std::string, Remembered> remembered;

  // Of all threads, under the mutex.
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::string> queue;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopped = false;

  void ask(const std::string& host) {
    const std::lock_guard lock(mutex);
    queue.push_back(host);
    if (idle < queue.size() && threads < kThreads) {
      ++threads;
      std::thread([self = shared_from_this()] { self->work(); }).detach();
    }
    wake.notify_one();
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      ++idle;
      wake.wait(lock, [&] { return stopped || !queue.empty(); });
      --idle;
      if (stopped) return;
      const auto host = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      auto answer = look_up(host);
      lock.lock();
      if (stopped) return;  // the loop may be gone
      loop.post([self = weak_from_this(), host, answer = std::move(answer)]() mutable {
        if (const auto state = self.lock()) state->answered(host, std::move(answer));
      });
    }
  }

  void answered(const std::string& host, Answer answer) {
    const auto it = waiting.find(host);
    if (it == waiting.end()) return;  // it came too late
    auto entry = std::move(it->second);
    waiting.erase(it);
    loop.cancel(entry.timer);
    remember(host, answer);
    for (auto& done : entry.done) done(answer);
  }

  void remember(const std::string& host, const Answer& answer) {
    const auto now = steady_ns();
    if (remembered.size() >= kRememberedHosts) std::erase_if(remembered, [&](const auto& one) { return one.second.until_ns <= now; });
    if (remembered.size() >= kRememberedHosts) remembered.clear();
    const auto lives_ms = answer ? remember_ms : std::min(remember_ms, kFailureRememberedMs);
    remembered[host] = {answer, now + lives_ms * kMillisecondNs};
  }
};

Resolver::Resolver(Loop& loop, std::int64_t remember_ms) : state_(std::make_shared<State>(loop, remember_ms)) {}

Resolver::~Resolver() {
  for (auto& [host, entry] : state_->waiting) state_->loop.cancel(entry.timer);
  state_->waiting.clear();
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    state_->queue.clear();
  }
  state_->wake.notify_all();
}

void Resolver::resolve(const std::string& host, std::function<void(Answer)> done) {
  auto& state = *state_;
  auto literal = std::string_view(host);
  if (literal.starts_with('[') && literal.ends_with(']')) literal = literal.substr(1, literal.size() - 2);
  if (const auto address = parse_address(literal)) return done(std::vector{*address});
  if (!may_be_name(host))
    return done(fail(ErrorCode::kInvalid, "this is no host name", "write a DNS name, or an address in its usual form"));
  if (const auto known = state.remembered.find(host); known != state.remembered.end() && known->second.until_ns > steady_ns())
    return done(known->second.answer);
  if (const auto it = state.waiting.find(host); it != state.waiting.end()) return it->second.done.push_back(std::move(done));
  if (state.waiting.size() >= kWaitingHosts)
    return done(fail(ErrorCode::kUnavailable, "too many names are being resolved", "try again in a moment"));
  auto& entry = state.waiting[host];
  entry.done.push_back(std::move(done));
  entry.timer = state.loop.after_ms(kLookupTimeoutMs, [&state, host] {
    state.answered(host, fail(ErrorCode::kTimeout, "the name " + host + " was not resolved in time",
                              "look at the name servers of the gate's machine"));
  });
  state.ask(host);
}

}  // namespace interlock::net
