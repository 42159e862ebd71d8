// The Merkle tree of RFC 6962 §2.1: hashes, roots, proofs and their verification. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/result.hpp"

namespace interlock::tlog {

using Proof = std::vector<Digest>;

Digest leaf_hash(std::string_view entry);                   // SHA-256(0x00 || entry)
Digest node_hash(const Digest& left, const Digest& right);  // SHA-256(0x01 || left || right)
Digest tree_root(std::span<const Digest> leaves);           // MTH; of no leaves: SHA-256("")

// RFC 6962 §2.1.1: that leaf `index` is in the tree of all `leaves`. kInvalid where it is not.
Result<Proof> inclusion_proof(std::uint64_t index, std::span<const Digest> leaves);
// RFC 6962 §2.1.2: that the tree of the first `old_size` leaves is a prefix of the tree of all. 0 < old_size <= leaves.size().
Result<Proof> consistency_proof(std::uint64_t old_size, std::span<const Digest> leaves);

// RFC 9162 §2.1.3.2 and §2.1.4.2. kInvalid where the proof does not hold.
Status verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, const Proof& proof, const Digest& root);
Status verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t new_size, const Digest& new_root,
                          const Proof& proof);

}  // namespace interlock::tlog
