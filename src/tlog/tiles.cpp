#include "tlog/tiles.hpp"

#include <array>
#include <cstdio>
#include <optional>

#include "tlog/merkle.hpp"

namespace interlock::tlog {
namespace {

constexpr unsigned kLevelBits = 8;
constexpr unsigned kLevels = 8;  // 256^8 is beyond any size

// Zero-padded elements of three digits; all but the last begin with 'x'.
std::string index_path(std::uint64_t index) {
  std::array<char, 8> element{};
  std::snprintf(element.data(), element.size(), "%03u", static_cast<unsigned>(index % 1000));
  std::string path = element.data();
  for (index /= 1000; index > 0; index /= 1000) {
    std::snprintf(element.data(), element.size(), "x%03u/", static_cast<unsigned>(index % 1000));
    path.insert(0, element.data());
  }
  return path;
}

std::string with_width(std::string path, std::uint64_t width) {
  if (width < kTileWidth) path += ".p/" + std::to_string(width);
  return path;
}

}  // namespace

std::string tile_path(unsigned level, std::uint64_t index, std::uint64_t width) {
  return with_width("tile/" + std::to_string(level) + "/" + index_path(index), width);
}

std::string bundle_path(std::uint64_t index, std::uint64_t width) { return with_width("tile/entries/" + index_path(index), width); }

unsigned level_count(std::uint64_t size) {
  unsigned levels = 0;
  for (; size > 0; size >>= kLevelBits) ++levels;
  return levels;
}

std::uint64_t full_tiles(std::uint64_t size, unsigned level) { return level + 1 >= kLevels ? 0 : size >> (kLevelBits * (level + 1)); }

std::uint64_t partial_width(std::uint64_t size, unsigned level) {
  return level >= kLevels ? 0 : (size >> (kLevelBits * level)) % kTileWidth;
}

std::string tile_bytes(std::span<const Digest> hashes) {
  std::string bytes;
  bytes.reserve(hashes.size() * sizeof(Digest));
  for (const auto& hash : hashes) bytes += as_bytes(hash);
  return bytes;
}

Result<std::vector<Digest>> parse_tile(std::string_view bytes) {
  if (bytes.empty() || bytes.size() % sizeof(Digest) != 0 || bytes.size() > kTileWidth * sizeof(Digest)) {
    return fail(ErrorCode::kInvalid, "a tile of " + std::to_string(bytes.size()) + " bytes is not one of 1 to 256 hashes");
  }
  std::vector<Digest> hashes(bytes.size() / sizeof(Digest));
  for (std::size_t i = 0; i < hashes.size(); ++i) bytes.copy(reinterpret_cast<char*>(hashes[i].data()), sizeof(Digest), i * sizeof(Digest));
  return hashes;
}

void append_to_bundle(std::string& bundle, std::string_view entry) {
  bundle += static_cast<char>(entry.size() >> 8);
  bundle += static_cast<char>(entry.size() & 0xFF);
  bundle += entry;
}

Result<std::vector<std::string_view>> parse_bundle(std::string_view bytes) {
  std::vector<std::string_view> entries;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (bytes.size() - at < 2 || entries.size() == kTileWidth) return fail(ErrorCode::kInvalid, "an entry bundle is malformed");
    const std::size_t size =
        static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 | static_cast<unsigned char>(bytes[at + 1]);
    at += 2;
    if (bytes.size() - at < size) return fail(ErrorCode::kInvalid, "an entry bundle is cut off");
    entries.push_back(bytes.substr(at, size));
    at += size;
  }
  if (entries.empty()) return fail(ErrorCode::kInvalid, "an entry bundle is empty");
  return entries;
}

void TileBuilder::append(const Digest& leaf, const OnFull& on_full) {
  Digest hash = leaf;
  for (unsigned level = 0;; ++level) {
    if (levels_.size() <= level) levels_.emplace_back().reserve(kTileWidth);
    auto& tile = levels_[level];
    tile.push_back(hash);
    if (tile.size() < kTileWidth) break;
    if (on_full) on_full(level, size_ >> (kLevelBits * (level + 1)), tile);
    hash = tree_root(tile);
    tile.clear();
  }
  ++size_;
}

Digest TileBuilder::root() const {
  // From the right: the subtrees that the bits of each partial tile's width tell, smallest first, each larger than what is
  // to its right.
  std::optional<Digest> right;
  for (const auto& tile : levels_) {
    std::span<const Digest> rest(tile);
    for (std::size_t bit = 1; bit < kTileWidth; bit <<= 1) {
      if ((tile.size() & bit) == 0) continue;
      const auto subtree = tree_root(rest.last(bit));
      rest = rest.first(rest.size() - bit);
      right = right ? node_hash(subtree, *right) : subtree;
    }
  }
  return right ? *right : tree_root({});
}

std::span<const Digest> TileBuilder::partial(unsigned level) const {
  if (level >= levels_.size()) return {};
  return levels_[level];
}

Result<TileBuilder> TileBuilder::restore(std::uint64_t size, const Load& load) {
  TileBuilder builder;
  builder.size_ = size;
  for (unsigned level = 0; level < level_count(size); ++level) {
    auto& tile = builder.levels_.emplace_back();
    const auto width = partial_width(size, level);
    if (width > 0) {
      auto hashes = load(level, full_tiles(size, level), width);
      if (!hashes) return fail(std::move(hashes.error()));
      if (hashes->size() < width) return fail(ErrorCode::kInvalid, "a tile is narrower than its tree demands");
      tile.assign(hashes->begin(), hashes->begin() + static_cast<std::ptrdiff_t>(width));
    }
    tile.reserve(kTileWidth);
  }
  return builder;
}

}  // namespace interlock::tlog
