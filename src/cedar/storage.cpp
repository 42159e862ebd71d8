// Hashing, field lookup and the bump arena.
#include "cedar/storage.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

// Blocks double up to this size, so a large load asks the heap rarely and a small one takes little.
constexpr std::size_t kFirstBlockBytes = 1024;
constexpr std::size_t kLargestBlockBytes = std::size_t{1} << 20;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t kA = 0xa0761d6478bd642f;
  constexpr std::uint64_t kB = 0xe7037ed1a0b428db;
  constexpr std::uint64_t kC = 0x8ebc6af09c88c6e3;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = seed ^ kA;
  while (left > 16) {
    state = mix(load64(p) ^ kB, load64(p + 8) ^ state);
    p += 16;
    left -= 16;
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = load64(p);
    high = load64(p + left - 8);
  } else if (left >= 4) {
    low = load32(p);
    high = load32(p + left - 4);
  } else if (left > 0) {
    auto byte = [p](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(p[i])); };
    low = byte(0) | byte(left / 2) << 8 | byte(left - 1) << 16;
  }
  return mix(kC ^ bytes.size(), mix(low ^ kB, high ^ state));
}

std::uint64_t hash_uid(std::uint64_t type_hash, std::string_view id) { return hash_bytes(id, type_hash); }

const Value* find_field_sorted(const RecordData& record, std::string_view name) {
  auto at = std::lower_bound(record.fields.begin(), record.fields.end(), name,
                             [](const RecordField& field, std::string_view n) { return field.name < n; });
  return at != record.fields.end() && at->name == name ? &at->value : nullptr;
}

void* Arena::allocate_slow(std::size_t size, std::size_t align) {
  std::size_t block = largest_block_ == 0 ? kFirstBlockBytes : std::min(largest_block_ * 2, kLargestBlockBytes);
  block = std::max(block, size + align);
  blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(block));
  largest_block_ = std::max(largest_block_, block);
  cursor_ = blocks_.back().get();
  end_ = cursor_ + block;
  auto at = (reinterpret_cast<std::uintptr_t>(cursor_) + (align - 1)) & ~(align - 1);
  cursor_ = reinterpret_cast<std::byte*>(at + size);
  return reinterpret_cast<void*>(at);
}

void Arena::clear() {
  if (blocks_.empty()) {
    cursor_ = first_.data();
    end_ = first_.data() + first_.size();
    return;
  }
  // The last block is the largest that regular growth made: keep it, so that a steady load stops asking the heap.
  std::unique_ptr<std::byte[]> keep = std::move(blocks_.back());
  blocks_.clear();
  blocks_.push_back(std::move(keep));
  cursor_ = blocks_.back().get();
}

}  // namespace interlock::cedar
