#include "credential/secret.hpp"

#include <sodium.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

constexpr std::size_t kSlabBytes = 16 * 1024;
constexpr std::array<std::size_t, 4> kBlockBytes = {64, 256, 1024, 4096};

// Where secrets live. Memory is a property of the process, and so there is one; it lives as long as the process does, since secrets may
// die late. Slabs are kept: the process holds about as many secrets later as it once did.
class LockedMemory {
 public:
  static LockedMemory& of_process() {
    static auto* const memory = new LockedMemory();
    return *memory;
  }

  // Null where there is no memory at all.
  char* take(std::size_t bytes) {
    const auto which = class_of(bytes);
    if (which == kBlockBytes.size()) return allocate(bytes);
    const std::scoped_lock lock(mutex_);
    auto& free = free_[which];
    if (free.empty()) {
      char* const slab = allocate(kSlabBytes);
      if (slab == nullptr) return nullptr;
      for (std::size_t at = 0; at < kSlabBytes; at += kBlockBytes[which]) free.push_back(slab + at);
    }
    char* const block = free.back();
    free.pop_back();
    return block;
  }

  void give_back(char* block, std::size_t bytes) {
    const auto which = class_of(bytes);
    if (which == kBlockBytes.size()) return sodium_free(block);  // wipes
    sodium_memzero(block, kBlockBytes[which]);
    const std::scoped_lock lock(mutex_);
    free_[which].push_back(block);
  }

  bool is_locked() const { return locked_; }

 private:
  LockedMemory() {
    if (sodium_init() < 0) std::abort();  // no random source: nothing in this process could be trusted
  }

  static std::size_t class_of(std::size_t bytes) {
    std::size_t which = 0;
    while (which < kBlockBytes.size() && kBlockBytes[which] < bytes) ++which;
    return which;
  }

  char* allocate(std::size_t bytes) {
    auto* const memory = static_cast<char*>(sodium_malloc(bytes));
    // sodium_malloc() goes on where it cannot lock; locking once more tells whether it could.
    if (memory != nullptr && sodium_mlock(memory, bytes) != 0) locked_ = false;
    return memory;
  }

  std::mutex mutex_;
  std::array<std::vector<char*>, kBlockBytes.size()> free_;
  std::atomic<bool> locked_ = true;
};

}  // namespace

struct Secret::Locked {
  explicit Locked(std::string_view text) : size(text.size()), bytes(LockedMemory::of_process().take(size)) {
    if (bytes == nullptr) std::abort();  // as any allocation that fails
    std::memcpy(bytes, text.data(), size);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { LockedMemory::of_process().give_back(bytes, size); }

  std::size_t size;
  char* bytes;
};

Secret::Secret(std::string_view text) : locked_(text.empty() ? nullptr : std::make_shared<const Locked>(text)) {}

Secret Secret::take(std::string&& text) {
  Secret out{std::string_view(text)};
  store::wipe(text);
  return out;
}

std::string_view Secret::view() const { return locked_ ? std::string_view(locked_->bytes, locked_->size) : std::string_view(); }

bool secrets_are_locked() { return LockedMemory::of_process().is_locked(); }

}  // namespace interlock::credential
