#include "base/ids.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "base/hash.hpp"

namespace interlock {
namespace {

// Small requests are served from a buffer that each thread fills from the kernel: a system call an id would be felt.
struct RandomPool {
  unsigned char bytes[512];
  std::size_t used = sizeof bytes;
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
  if (sizeof pool.bytes - pool.used < count) {
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
