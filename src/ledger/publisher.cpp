#include "ledger/publisher.hpp"

#include "base/json.hpp"
#include "tlog/merkle.hpp"

namespace interlock::ledger {
namespace {

constexpr std::size_t kResumeBytes = 4096;
constexpr std::size_t kTileBytes = tlog::kTileWidth * sizeof(Digest);

Result<std::vector<Digest>> load_tile(const LogPaths& paths, unsigned level, std::uint64_t index, std::uint64_t width) {
  // Once a tile is full, its partial forms are gone.
  for (const auto w : {width, tlog::kTileWidth}) {
    auto bytes = read_file(paths.folder / tlog::tile_path(level, index, w), kTileBytes);
    if (!bytes) return fail(std::move(bytes.error()));
    if (*bytes) return tlog::parse_tile(**bytes);
  }
  return fail(ErrorCode::kNotFound, "a tile is missing");
}

// After a power cut, files that were renamed into place may be empty: all are to have their size.
bool tiles_are_whole(const LogPaths& paths, std::uint64_t size) {
  for (unsigned level = 0; level < tlog::level_count(size); ++level) {
    for (std::uint64_t i = 0; i < tlog::full_tiles(size, level); ++i) {
      std::error_code code;
      if (std::filesystem::file_size(paths.folder / tlog::tile_path(level, i), code) != kTileBytes || code) return false;
      if (level == 0 && (std::filesystem::file_size(paths.folder / tlog::bundle_path(i), code) == 0 || code)) return false;
    }
  }
  return true;
}

}  // namespace

Boundary read_boundary(const LogPaths& paths) {
  auto text = read_file(paths.resume(), kResumeBytes);
  if (!text || !*text) return {};
  auto document = json::parse(**text);
  const auto* o = document ? document->if_object() : nullptr;
  if (o == nullptr) return {};
  const auto size = json::int_at(*o, "size").value_or(0);
  const auto bytes = json::int_at(*o, "bytes").value_or(0);
  const auto root = json::string_at(*o, "root").value_or("");
  if (size <= 0 || bytes <= 0) return {};
  if (json::string_at(*o, "boot").value_or("") != boot_id() && !tiles_are_whole(paths, static_cast<std::uint64_t>(size))) return {};
  auto tree = tlog::TileBuilder::restore(static_cast<std::uint64_t>(size), [&](unsigned level, std::uint64_t index, std::uint64_t width) {
    return load_tile(paths, level, index, width);
  });
  if (!tree || base64_encode(as_bytes(tree->root())) != root) return {};
  return {std::move(*tree), static_cast<std::uint64_t>(bytes)};
}

Result<std::optional<tlog::Checkpoint>> read_checkpoint(const LogPaths& paths, const tlog::Verifier& verifier) {
  auto bytes = read_file(paths.checkpoint(), tlog::kNoteBytes);
  if (!bytes) return fail(std::move(bytes.error()));
  if (!*bytes) return std::nullopt;
  auto text = tlog::open_note(**bytes, verifier);
  if (!text) return fail(text.error().code, "the checkpoint of log " + paths.name() + ": " + text.error().message);
  auto checkpoint = tlog::parse_checkpoint(*text);
  if (!checkpoint) return fail(std::move(checkpoint.error()));
  if (checkpoint->origin != verifier.name)
    return fail(ErrorCode::kInvalid, "the checkpoint of log " + paths.name() + " is that of " + checkpoint->origin);
  return std::optional<tlog::Checkpoint>(std::move(*checkpoint));
}

Publisher::Publisher(LogPaths paths, tlog::Signer signer, Boundary from, std::uint64_t published)
    : paths_(std::move(paths)),
      signer_(std::move(signer)),
      tree_(std::move(from.tree)),
      bytes_(from.bytes),
      published_(published),
      boundary_bytes_(from.bytes),
      boundary_size_(tree_.size()),
      boundary_root_(tree_.root()) {}

Status Publisher::write_tile_file(const std::string& path, std::string_view bytes) {
  const auto full = paths_.folder / path;
  std::error_code code;
  if (std::filesystem::file_size(full, code) == bytes.size() && !code) return {};  // tiles never change
  if (auto status = make_folder(full.parent_path()); !status) return status;
  return replace_file(full, bytes, Sync::kNo, paths_.folder);
}

Status Publisher::take(const Line& line) {
  Status status;
  tlog::append_to_bundle(bundle_, line.record);
  const auto first = tree_.size() / tlog::kTileWidth;
  bool bundle_is_full = false;
  tree_.append(line.hash, [&](unsigned level, std::uint64_t index, std::span<const Digest> hashes) {
    bundle_is_full = true;
    if (status) status = write_tile_file(tlog::tile_path(level, index), tlog::tile_bytes(hashes));
    std::error_code ignored;  // a leftover partial tile does no harm
    std::filesystem::remove_all(paths_.folder / (tlog::tile_path(level, index) + ".p"), ignored);
  });
  bytes_ = line.offset + line.length;
  if (!bundle_is_full) return status;
  if (status) status = write_tile_file(tlog::bundle_path(first), bundle_);
  std::error_code ignored;
  std::filesystem::remove_all(paths_.folder / (tlog::bundle_path(first) + ".p"), ignored);
  bundle_.clear();
  boundary_bytes_ = bytes_;
  boundary_size_ = tree_.size();
  boundary_root_ = tree_.root();
  boundary_moved_ = true;
  return status;
}

Status Publisher::write_partial_tiles() {
  const auto size = tree_.size();
  for (unsigned level = 0; level < tlog::level_count(size); ++level) {
    const auto hashes = tree_.partial(level);
    if (hashes.empty()) continue;
    const auto path = tlog::tile_path(level, tlog::full_tiles(size, level), hashes.size());
    if (auto status = write_tile_file(path, tlog::tile_bytes(hashes)); !status) return status;
  }
  if (bundle_.empty()) return {};
  return write_tile_file(tlog::bundle_path(tlog::full_tiles(size, 0), tlog::partial_width(size, 0)), bundle_);
}

Status Publisher::write_checkpoint() {
  auto note = signer_.sign_note(tlog::checkpoint_text({signer_.verifier().name, tree_.size(), tree_.root()}));
  if (!note) return fail(std::move(note.error()));
  return replace_file(paths_.checkpoint(), *note, Sync::kYes, paths_.folder);
}

Status Publisher::write_resume() {
  const json::value resume = json::object{
      {"size", boundary_size_}, {"bytes", boundary_bytes_}, {"root", base64_encode(as_bytes(boundary_root_))}, {"boot", boot_id()}};
  return replace_file(paths_.resume(), json::write(resume) + "\n", Sync::kYes, paths_.folder);
}

Status Publisher::publish(std::uint64_t end, std::uint64_t index_at_most) {
  auto reader = LogReader::open(paths_.log(), bytes_, tree_.size());
  if (!reader) return fail(std::move(reader.error()));
  reader->set_end(end);
  for (;;) {
    auto line = reader->next();
    if (!line) return fail(std::move(line.error()));
    if (line->state == Line::State::kEnd) break;
    if (line->state != Line::State::kRecord)
      return fail(ErrorCode::kInvalid, "record " + std::to_string(line->sequence) + " of the log has changed on disk");
    if (auto status = take(*line); !status) return status;
  }
  // A checkpoint never speaks of fewer records than one before.
  if (tree_.size() >= published_ && (tree_.size() > published_ || first_)) {
    if (auto status = write_partial_tiles(); !status) return status;
  }
  first_ = false;
  if (tree_.size() > published_) {
    if (auto status = write_checkpoint(); !status) return status;
    published_ = tree_.size();
  }
  if (boundary_moved_) {
    if (auto status = write_resume(); !status) return status;
    boundary_moved_ = false;
  }
  // Queries bring the index up to date themselves, so trouble with it is no reason not to sign.
  if (!index_) {
    auto index = Index::open(paths_);
    if (!index) return {};
    index_ = std::move(*index);
  }
  if (auto status = index_->catch_up(paths_, end, index_at_most); !status) index_.reset();
  return {};
}

}  // namespace interlock::ledger
