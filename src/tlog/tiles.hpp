// Tiles of a transparency log: where they lie, what they hold, and a builder that grows them leaf by leaf (c2sp.org/tlog-tiles).
//
// A tile of level L holds up to 256 hashes; each is a leaf (level 0) or the root of a full tile below. Entry bundles hold the
// entries of a level-0 tile, each behind its length as a big-endian uint16. Values; no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/result.hpp"

namespace interlock::tlog {

inline constexpr std::uint64_t kTileWidth = 256;
inline constexpr std::size_t kEntryBytes = 65'535;  // what a bundle's length prefix can say

// "tile/0/x001/x234/067", with ".p/112" where width < kTileWidth.
std::string tile_path(unsigned level, std::uint64_t index, std::uint64_t width = kTileWidth);
std::string bundle_path(std::uint64_t index, std::uint64_t width = kTileWidth);

// The levels of a tree of `size` leaves that have any tile, full or partial.
unsigned level_count(std::uint64_t size);
// Full tiles at `level`, and the width of the partial one after them (0: none).
std::uint64_t full_tiles(std::uint64_t size, unsigned level);
std::uint64_t partial_width(std::uint64_t size, unsigned level);

std::string tile_bytes(std::span<const Digest> hashes);
Result<std::vector<Digest>> parse_tile(std::string_view bytes);  // 1 to 256 hashes

// entry.size() <= kEntryBytes.
void append_to_bundle(std::string& bundle, std::string_view entry);
Result<std::vector<std::string_view>> parse_bundle(std::string_view bytes);  // views into `bytes`; 1 to 256 entries

// Grows a tree and holds its rightmost, partial tiles.
class TileBuilder {
 public:
  // Told of each tile when it becomes full, lower levels first.
  using OnFull = std::function<void(unsigned level, std::uint64_t index, std::span<const Digest> hashes)>;

  void append(const Digest& leaf, const OnFull& on_full = {});
  std::uint64_t size() const { return size_; }
  Digest root() const;

  // The partial tile of a level: 0 to 255 hashes.
  std::span<const Digest> partial(unsigned level) const;

  // A tree of `size` leaves from its partial tiles, as read by `load(level, index, width)`.
  using Load = std::function<Result<std::vector<Digest>>(unsigned level, std::uint64_t index, std::uint64_t width)>;
  static Result<TileBuilder> restore(std::uint64_t size, const Load& load);

 private:
  std::uint64_t size_ = 0;
  std::vector<std::vector<Digest>> levels_;
};

}  // namespace interlock::tlog
