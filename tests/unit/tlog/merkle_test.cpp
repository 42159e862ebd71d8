// Trees and proofs against the vectors of the Certificate Transparency reference code, and proofs of every small tree.
#include "tlog/merkle.hpp"

#include <gtest/gtest.h>

#include <array>

namespace interlock::tlog {
namespace {

constexpr std::array<const char*, 8> kEntries = {
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
constexpr std::array<const char*, 9> kRoots = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<Digest> reference_leaves() {
  std::vector<Digest> leaves;
  for (const auto* entry : kEntries) leaves.push_back(leaf_hash(*from_hex(entry)));
  return leaves;
}

Proof digests(std::initializer_list<const char*> texts) {
  Proof out;
  for (const auto* text : texts) {
    const auto bytes = *from_hex(text);
    Digest digest;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(digest.data()));
    out.push_back(digest);
  }
  return out;
}

TEST(Merkle, MakesTheReferenceRoots) {
  const auto leaves = reference_leaves();
  for (std::size_t size = 0; size <= leaves.size(); ++size)
    EXPECT_EQ(to_hex(tree_root(std::span(leaves).first(size))), kRoots[size]) << size;
}

TEST(Merkle, MakesTheReferenceConsistencyProofs) {
  const auto leaves = reference_leaves();
  EXPECT_EQ(*consistency_proof(2, std::span(leaves).first(5)),
            digests({"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
  EXPECT_EQ(*consistency_proof(6, std::span(leaves).first(7)),
            digests({"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                     "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
}

std::vector<Digest> numbered_leaves(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(leaf_hash(std::to_string(i)));
  return leaves;
}

TEST(Merkle, ProvesEveryLeafOfEverySmallTreeAndNothingElse) {
  const auto leaves = numbered_leaves(33);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const auto tree = std::span(leaves).first(size);
    const auto root = tree_root(tree);
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = *inclusion_proof(index, tree);
      ASSERT_TRUE(verify_inclusion(leaves[index], index, size, proof, root)) << index << " of " << size;
      ASSERT_FALSE(verify_inclusion(leaf_hash("other"), index, size, proof, root));
      for (std::uint64_t other = 0; other < size; ++other) {
        ASSERT_EQ(verify_inclusion(leaves[index], other, size, proof, root).has_value(), other == index)
            << index << " as " << other << " of " << size;
      }
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto broken = proof;
        broken[i][0] ^= 1;
        ASSERT_FALSE(verify_inclusion(leaves[index], index, size, broken, root));
        broken = proof;
        broken.erase(broken.begin() + static_cast<std::ptrdiff_t>(i));
        ASSERT_FALSE(verify_inclusion(leaves[index], index, size, broken, root));
      }
      auto longer = proof;
      longer.push_back(root);
      ASSERT_FALSE(verify_inclusion(leaves[index], index, size, longer, root));
    }
  }
  EXPECT_FALSE(inclusion_proof(33, leaves));
}

TEST(Merkle, ProvesEveryPrefixOfEverySmallTreeAndNothingElse) {
  const auto leaves = numbered_leaves(33);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const auto tree = std::span(leaves).first(size);
    const auto root = tree_root(tree);
    for (std::uint64_t old_size = 1; old_size <= size; ++old_size) {
      const auto old_root = tree_root(tree.first(old_size));
      const auto proof = *consistency_proof(old_size, tree);
      ASSERT_TRUE(verify_consistency(old_size, old_root, size, root, proof)) << old_size << " to " << size;
      ASSERT_FALSE(verify_consistency(old_size, leaf_hash("other"), size, root, proof)) << old_size << " to " << size;
      ASSERT_FALSE(verify_consistency(old_size, old_root, size, leaf_hash("other"), proof)) << old_size << " to " << size;
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto broken = proof;
        broken[i][31] ^= 1;
        ASSERT_FALSE(verify_consistency(old_size, old_root, size, root, broken)) << old_size << " to " << size;
        broken = proof;
        broken.erase(broken.begin() + static_cast<std::ptrdiff_t>(i));
        ASSERT_FALSE(verify_consistency(old_size, old_root, size, root, broken)) << old_size << " to " << size;
      }
    }
  }
  EXPECT_FALSE(consistency_proof(0, leaves));
  EXPECT_FALSE(consistency_proof(34, leaves));
}

}  // namespace
}  // namespace interlock::tlog
