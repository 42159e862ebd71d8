#include "tlog/merkle.hpp"

#include <bit>

namespace interlock::tlog {
namespace {

constexpr std::string_view kLeafPrefix("\x00", 1);
constexpr std::string_view kNodePrefix("\x01", 1);

// The largest power of two below n, for n > 1.
std::size_t split_point(std::size_t n) { return std::bit_floor(n - 1); }

void inclusion(std::size_t index, std::span<const Digest> leaves, Proof& out) {
  if (leaves.size() == 1) return;
  const auto k = split_point(leaves.size());
  if (index < k) {
    inclusion(index, leaves.first(k), out);
    out.push_back(tree_root(leaves.subspan(k)));
  } else {
    inclusion(index - k, leaves.subspan(k), out);
    out.push_back(tree_root(leaves.first(k)));
  }
}

// SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2.
void subproof(std::size_t m, std::span<const Digest> leaves, bool whole, Proof& out) {
  if (m == leaves.size()) {
    if (!whole) out.push_back(tree_root(leaves));
    return;
  }
  const auto k = split_point(leaves.size());
  if (m <= k) {
    subproof(m, leaves.first(k), whole, out);
    out.push_back(tree_root(leaves.subspan(k)));
  } else {
    subproof(m - k, leaves.subspan(k), false, out);
    out.push_back(tree_root(leaves.first(k)));
  }
}

std::unexpected<Error> no_proof(std::string_view what) {
  return fail(ErrorCode::kInvalid, "the " + std::string(what) + " proof does not hold");
}

}  // namespace

Digest leaf_hash(std::string_view entry) { return sha256({kLeafPrefix, entry}); }
Digest node_hash(const Digest& left, const Digest& right) { return sha256({kNodePrefix, as_bytes(left), as_bytes(right)}); }

Digest tree_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return sha256("");
  if (leaves.size() == 1) return leaves[0];
  const auto k = split_point(leaves.size());
  return node_hash(tree_root(leaves.first(k)), tree_root(leaves.subspan(k)));
}

Result<Proof> inclusion_proof(std::uint64_t index, std::span<const Digest> leaves) {
  if (index >= leaves.size()) return fail(ErrorCode::kInvalid, "no such leaf in the tree");
  Proof out;
  inclusion(index, leaves, out);
  return out;
}

Result<Proof> consistency_proof(std::uint64_t old_size, std::span<const Digest> leaves) {
  if (old_size == 0 || old_size > leaves.size()) return fail(ErrorCode::kInvalid, "no consistency proof from that size");
  Proof out;
  subproof(old_size, leaves, true, out);
  return out;
}

Status verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, const Proof& proof, const Digest& root) {
  if (index >= size) return no_proof("inclusion");
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Digest r = leaf;
  for (const auto& p : proof) {
    if (sn == 0) return no_proof("inclusion");
    if ((fn & 1) != 0 || fn == sn) {
      r = node_hash(p, r);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0 || r != root) return no_proof("inclusion");
  return {};
}

Status verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t new_size, const Digest& new_root,
                          const Proof& proof) {
  if (old_size == 0 || old_size > new_size) return no_proof("consistency");
  if (old_size == new_size) {
    if (!proof.empty() || old_root != new_root) return no_proof("consistency");
    return {};
  }
  auto at = proof.begin();
  Digest fr;
  if (std::has_single_bit(old_size)) {
    fr = old_root;  // the old tree is a subtree of the new one, and its root is not repeated in the proof
  } else {
    if (at == proof.end()) return no_proof("consistency");
    fr = *at++;
  }
  Digest sr = fr;
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = new_size - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  for (; at != proof.end(); ++at) {
    if (sn == 0) return no_proof("consistency");
    if ((fn & 1) != 0 || fn == sn) {
      fr = node_hash(*at, fr);
      sr = node_hash(*at, sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = node_hash(sr, *at);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0 || fr != old_root || sr != new_root) return no_proof("consistency");
  return {};
}

}  // namespace interlock::tlog
