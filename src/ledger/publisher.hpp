// Writes what third parties read of a log: tiles, entry bundles and the signed checkpoint; and keeps the index. All of it follows
// from the log file and can be made again.
//
// One thread at a time. Order on disk: tiles, then the checkpoint that speaks of them, then the place to resume from.
#pragma once

#include <cstdint>
#include <string>

#include "ledger/files.hpp"
#include "ledger/index.hpp"
#include "ledger/log_file.hpp"
#include "tlog/note.hpp"
#include "tlog/tiles.hpp"

namespace interlock::ledger {

// A place in the log where a full bundle ends, with the tree up to there.
struct Boundary {
  tlog::TileBuilder tree;
  std::uint64_t bytes = 0;
};
// The last one that was left on disk, if its tiles are there and make its root; the beginning otherwise.
Boundary read_boundary(const LogPaths& paths);

// nullopt: none was written yet. Checked against `verifier`, and its origin against the verifier's name.
Result<std::optional<tlog::Checkpoint>> read_checkpoint(const LogPaths& paths, const tlog::Verifier& verifier);

class Publisher {
 public:
  // `signer` is named as the log's origin. `published` is the size that the present checkpoint speaks of.
  Publisher(LogPaths paths, tlog::Signer signer, Boundary from, std::uint64_t published);

  // Publishes the records before byte `end`, all of which are on disk. After a failure this publisher has lost its place: the
  // next one begins at read_boundary(). The index takes in about `index_at_most` records: queries take in the rest.
  Status publish(std::uint64_t end, std::uint64_t index_at_most);

 private:
  Status take(const Line& line);
  Status write_partial_tiles();
  Status write_checkpoint();
  Status write_resume();
  Status write_tile_file(const std::string& path, std::string_view bytes);

  LogPaths paths_;
  tlog::Signer signer_;
  tlog::TileBuilder tree_;
  std::uint64_t bytes_;
  std::uint64_t published_;
  std::string bundle_;
  std::uint64_t boundary_bytes_;
  std::uint64_t boundary_size_;
  Digest boundary_root_;
  bool boundary_moved_ = false;
  bool first_ = true;  // tiles of the present checkpoint are looked after once: a power cut may have taken them
  std::optional<Index> index_;
};

}  // namespace interlock::ledger
