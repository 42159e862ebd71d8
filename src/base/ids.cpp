#include "base/ids.hpp"

#include <pthread.h>
#include <sys/random.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "base/hash.hpp"

namespace interlock {
namespace {

// How often this process was forked off another: a child must not give out what its parent's buffers hold.
unsigned forks() {
  static std::atomic<unsigned> count = 0;
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); });
  if (registered != 0) std::abort();
  return count.load(std::memory_order_relaxed);
}

// Small requests are served from a buffer that each thread fills from the kernel: a system call an id would be felt.
struct RandomPool {
  unsigned char bytes[512];
  std::size_t used = sizeof bytes;
  unsigned forks = 0;
};

void fill(unsigned char* out, std::size_t count) {
  while (count > 0) {
    const auto got = ::getrandom(out, count, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // no randomness: nothing here may go on
    }
    out += got;
    count -= static_cast<std::size_t>(got);
  }
}

}  // namespace

std::string random_bytes(std::size_t count) {
  thread_local RandomPool pool;
  std::string out(count, '\0');
  auto* target = reinterpret_cast<unsigned char*>(out.data());
  if (count > sizeof pool.bytes) {
    fill(target, count);
    return out;
  }
  if (sizeof pool.bytes - pool.used < count || pool.forks != forks()) {
    pool.forks = forks();
    fill(pool.bytes, sizeof pool.bytes);
    pool.used = 0;
  }
  for (std::size_t i = 0; i < count; ++i) {
    target[i] = pool.bytes[pool.used];
    pool.bytes[pool.used++] = 0;
  }
  return out;
}

std::string new_id(std::string_view prefix, UnixMs now_ms) {
  static constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out;
  out.reserve(prefix.size() + 27);
  out += prefix;
  out += '_';
  const auto time = static_cast<std::uint64_t>(now_ms);
  for (int shift = 45; shift >= 0; shift -= 5) out += kCrockford[time >> shift & 31];
  for (unsigned char c : random_bytes(16)) out += kCrockford[c & 31];
  return out;
}

std::string new_token() { return base64url_encode(random_bytes(32)); }

}  // namespace interlock
