// Tile paths and widths against the examples of c2sp.org/tlog-tiles, and a tree grown tile by tile against one computed at once.
#include "tlog/tiles.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tlog/merkle.hpp"

namespace interlock::tlog {
namespace {

TEST(Tiles, LieWhereTheSpecificationSays) {
  EXPECT_EQ(tile_path(0, 1234067), "tile/0/x001/x234/067");
  EXPECT_EQ(tile_path(0, 0), "tile/0/000");
  EXPECT_EQ(tile_path(0, 999), "tile/0/999");
  EXPECT_EQ(tile_path(0, 1000), "tile/0/x001/000");
  EXPECT_EQ(tile_path(2, 5, 17), "tile/2/005.p/17");
  EXPECT_EQ(bundle_path(1234067), "tile/entries/x001/x234/067");
  EXPECT_EQ(bundle_path(273, 112), "tile/entries/273.p/112");
}

TEST(Tiles, AreAsManyAndAsWideAsTheSpecificationSays) {
  // "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112, one full level 1
  // tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1."
  EXPECT_EQ(level_count(70'000), 3u);
  EXPECT_EQ(full_tiles(70'000, 0), 273u);
  EXPECT_EQ(partial_width(70'000, 0), 112u);
  EXPECT_EQ(full_tiles(70'000, 1), 1u);
  EXPECT_EQ(partial_width(70'000, 1), 17u);
  EXPECT_EQ(full_tiles(70'000, 2), 0u);
  EXPECT_EQ(partial_width(70'000, 2), 1u);
  // "a tree of size 256 will be represented by a full level 0 tile and a partial level 1 tile of width 1."
  EXPECT_EQ(full_tiles(256, 0), 1u);
  EXPECT_EQ(partial_width(256, 0), 0u);
  EXPECT_EQ(partial_width(256, 1), 1u);
  EXPECT_EQ(level_count(0), 0u);
  EXPECT_EQ(level_count(UINT64_MAX), 8u);
  EXPECT_EQ(full_tiles(UINT64_MAX, 7), 0u);
}

TEST(Tiles, GrownLeafByLeafMakeTheTreeAtEverySize) {
  std::vector<Digest> leaves;
  TileBuilder builder;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Digest>> full;
  constexpr std::size_t kSize = 70'000;
  for (std::size_t i = 0; i < kSize; ++i) {
    leaves.push_back(leaf_hash(std::to_string(i)));
    builder.append(leaves.back(), [&](unsigned level, std::uint64_t index, std::span<const Digest> hashes) {
      full[{level, index}].assign(hashes.begin(), hashes.end());
    });
    const auto size = leaves.size();
    if (size < 1030 || size % 9973 == 0 || size == kSize || (size > 65'530 && size < 65'540)) {
      ASSERT_EQ(builder.size(), size);
      ASSERT_EQ(builder.root(), tree_root(leaves)) << size;
    }
  }
  EXPECT_EQ(full.size(), 274u);
  EXPECT_EQ(full.at({0, 272}).front(), leaves[272 * 256]);
  EXPECT_EQ(full.at({1, 0})[3], tree_root(std::span(leaves).subspan(3 * 256, 256)));
  EXPECT_EQ(builder.partial(0).size(), 112u);
  EXPECT_EQ(builder.partial(1).size(), 17u);
  EXPECT_EQ(builder.partial(2).size(), 1u);
  EXPECT_TRUE(builder.partial(3).empty());

  auto restored = TileBuilder::restore(kSize, [&](unsigned level, std::uint64_t, std::uint64_t) -> Result<std::vector<Digest>> {
    return std::vector<Digest>(builder.partial(level).begin(), builder.partial(level).end());
  });
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->root(), builder.root());
  for (int i = 0; i < 300; ++i) {
    leaves.push_back(leaf_hash("more" + std::to_string(i)));
    restored->append(leaves.back());
  }
  EXPECT_EQ(restored->root(), tree_root(leaves));
}

TEST(Tiles, OfNoLeavesHaveTheEmptyRoot) {
  EXPECT_EQ(to_hex(TileBuilder().root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Tiles, AreReadBackAndRefusedWhereMalformed) {
  const std::vector<Digest> hashes = {leaf_hash("a"), leaf_hash("b")};
  EXPECT_EQ(*parse_tile(tile_bytes(hashes)), hashes);
  EXPECT_FALSE(parse_tile(""));
  EXPECT_FALSE(parse_tile(std::string(31, 'x')));
  EXPECT_TRUE(parse_tile(std::string(8192, 'x')));
  EXPECT_FALSE(parse_tile(std::string(8192 + 32, 'x')));
}

TEST(Bundles, HoldEntriesBehindTheirBigEndianLengths) {
  std::string bundle;
  const std::string longest(kEntryBytes, 'z');
  append_to_bundle(bundle, "ab");
  EXPECT_EQ(bundle, std::string("\x00\x02"
                                "ab",
                                4));
  append_to_bundle(bundle, "");
  append_to_bundle(bundle, longest);
  EXPECT_EQ(*parse_bundle(bundle), (std::vector<std::string_view>{"ab", "", longest}));
  for (const std::size_t cut : {std::size_t{1}, std::size_t{3}, std::size_t{5}, std::size_t{7}, bundle.size() - 1}) {
    EXPECT_FALSE(parse_bundle(std::string_view(bundle).substr(0, cut))) << cut;
  }
  EXPECT_FALSE(parse_bundle(""));
  EXPECT_TRUE(parse_bundle(std::string(512, '\0')));
  EXPECT_FALSE(parse_bundle(std::string(514, '\0')));
}

}  // namespace
}  // namespace interlock::tlog
