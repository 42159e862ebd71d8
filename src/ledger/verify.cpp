#include "ledger/verify.hpp"

#include <unordered_map>
#include <unordered_set>

#include "base/json.hpp"
#include "ledger/index.hpp"
#include "ledger/log_file.hpp"
#include "ledger/publisher.hpp"
#include "tlog/merkle.hpp"

namespace interlock::ledger {
namespace {

constexpr std::size_t kBundleBytes = tlog::kTileWidth * (tlog::kEntryBytes + 2);

class LogCheck {
 public:
  LogCheck(LogPaths paths, const std::optional<tlog::Signer>& key, Report& report) : paths_(std::move(paths)), key_(key), report_(report) {
    log_.log = paths_.name();
  }

  Status run(const std::vector<std::string>& kept_checkpoints, std::vector<bool>& kept_seen) {
    // A gate that dies in between leaves the checkpoint behind the log, never before it: so it is read first.
    read_checkpoint();
    if (auto lock = try_lock(paths_.lock()); lock && !*lock) log_.in_use = true;
    if (auto reason = read_file(paths_.set_aside(), tlog::kNoteBytes); reason && *reason) log_.set_aside = **reason;
    while (log_.set_aside.ends_with('\n')) log_.set_aside.pop_back();
    if (auto status = read_log(); !status) return status;
    check_tree();
    for (std::size_t i = 0; i < kept_checkpoints.size(); ++i) {
      if (check_kept(kept_checkpoints[i])) kept_seen[i] = true;
    }
    check_index();
    if (left_out_ > 0) report_.findings.push_back({log_.log, std::nullopt, std::to_string(left_out_) + " more findings are left out"});
    report_.logs.push_back(std::move(log_));
    return {};
  }

 private:
  void found(std::optional<std::uint64_t> record, std::string what) {
    if (++findings_ > kFindingsOfALog) {
      ++left_out_;
    } else {
      report_.findings.push_back({log_.log, record, std::move(what)});
    }
  }

  void read_checkpoint() {
    std::error_code code;
    if (!key_) {
      if (std::filesystem::exists(paths_.checkpoint(), code))
        found(std::nullopt, "the ledger's key is missing: the signature of the checkpoint cannot be verified");
      return;
    }
    const auto own = key_->renamed(log_origin(key_->verifier().name, paths_.name()));
    if (!own) return found(std::nullopt, own.error().message);
    auto checkpoint = ledger::read_checkpoint(paths_, own->verifier());
    if (!checkpoint) return found(std::nullopt, checkpoint.error().message);
    checkpoint_ = std::move(*checkpoint);
    if (checkpoint_) log_.signed_records = checkpoint_->size;
    else if (std::filesystem::file_size(paths_.log(), code) > 0 && !code)
      found(std::nullopt, "the checkpoint is missing; a log has one before its first record");
  }

  Status read_log() {
    auto reader = LogReader::open(paths_.log());
    if (!reader) {
      if (reader.error().code != ErrorCode::kNotFound) return fail(std::move(reader.error()));
      if (checkpoint_) found(std::nullopt, "the log file is missing");
      return {};
    }
    for (;;) {
      auto line = reader->next();
      if (!line) return fail(std::move(line.error()));
      if (line->state == Line::State::kEnd) break;
      if (line->state == Line::State::kTorn) {
        log_.torn_bytes = line->length;
        break;
      }
      leaves_.push_back(line->hash);
      if (line->state == Line::State::kDamaged) {
        found(line->sequence, "its text does not match its hash, at byte " + std::to_string(line->offset) + " of the log");
      } else {
        check_receipt(line->sequence, line->record);
      }
    }
    log_.records = leaves_.size();
    return {};
  }

  void check_receipt(std::uint64_t sequence, std::string_view record) {
    auto document = json::parse(record);
    const auto* o = document ? document->if_object() : nullptr;
    if (o == nullptr || json::write_canonical(*document) != record) return found(sequence, "it is not canonical JSON");
    const auto kind = json::string_at(*o, "kind").value_or("");
    const auto act = std::string(json::string_at(*o, "act").value_or(""));
    if (kind == "attempt") {
      ++log_.attempts;
      attempted_.insert(act);
    } else if (kind == "result") {
      ++log_.results;
      if (!attempted_.contains(act)) found(sequence, "it is the result of act " + act + ", of which no attempt was recorded before");
    }
  }

  Digest root_at(std::uint64_t size) const { return tlog::tree_root(std::span(leaves_).first(size)); }

  void check_tree() {
    if (!checkpoint_) return;
    const auto size = checkpoint_->size;
    const bool log_holds = leaves_.size() >= size && root_at(size) == checkpoint_->root;
    if (leaves_.size() < size) {
      found(leaves_.size(), "it and all after it are missing: the checkpoint was signed for " + std::to_string(size) + " records, and " +
                                std::to_string(leaves_.size()) + " are there");
    }
    if (log_holds) return check_tiles();
    if (!find_broken_record())
      found(std::nullopt, "the first " + std::to_string(size) + " records are not those that the checkpoint was signed for");
  }

  // The leaf hashes as they were published. A tile that cannot be read leaves a gap of zero hashes.
  std::vector<Digest> published_leaves() const {
    std::vector<Digest> published;
    for (std::uint64_t base = 0; base < checkpoint_->size; base += tlog::kTileWidth) {
      const auto width = std::min(tlog::kTileWidth, checkpoint_->size - base);
      auto tile = read_tile(0, base / tlog::kTileWidth, width);
      for (std::uint64_t i = 0; i < width; ++i) published.push_back(tile ? (*tile)[i] : Digest{});
    }
    return published;
  }

  Result<std::vector<Digest>> read_tile(unsigned level, std::uint64_t index, std::uint64_t width) const {
    // A partial tile goes when the tile is full, which then begins with the same hashes.
    for (const auto w : {width, tlog::kTileWidth}) {
      auto bytes = read_file(paths_.folder / tlog::tile_path(level, index, w), tlog::kTileWidth * sizeof(Digest));
      if (!bytes) return fail(std::move(bytes.error()));
      if (!*bytes) continue;
      auto hashes = tlog::parse_tile(**bytes);
      if (hashes && hashes->size() != w)
        return fail(ErrorCode::kInvalid, "it holds " + std::to_string(hashes->size()) + " hashes instead of " + std::to_string(w));
      return hashes;
    }
    return fail(ErrorCode::kNotFound, "it is missing");
  }

  // Where the log and its published leaves part. True: a finding names the record.
  bool find_broken_record() {
    const auto published = published_leaves();
    if (tlog::tree_root(published) != checkpoint_->root) {
      found(std::nullopt, "the published tiles are not those that the checkpoint was signed for either");
    }
    std::unordered_map<std::string_view, std::uint64_t> logged;  // hash -> where it stands now
    std::unordered_map<std::string_view, std::uint64_t> signed_at;
    for (std::uint64_t i = 0; i < leaves_.size(); ++i) logged.emplace(as_bytes(leaves_[i]), i);
    for (std::uint64_t i = 0; i < published.size(); ++i) signed_at.emplace(as_bytes(published[i]), i);
    const auto common = std::min(published.size(), leaves_.size());
    for (std::uint64_t i = 0; i < common; ++i) {
      if (published[i] == leaves_[i] || published[i] == Digest{}) continue;
      const auto now = logged.find(as_bytes(published[i]));
      const auto then = signed_at.find(as_bytes(leaves_[i]));
      if (now != logged.end() && then != signed_at.end()) {
        found(i, "it was moved: it was signed as record " + std::to_string(then->second) + ", and what was signed as record " +
                     std::to_string(i) + " stands at " + std::to_string(now->second));
      } else if (now != logged.end()) {
        found(i, "it was put in: what was signed as record " + std::to_string(i) + " stands at " + std::to_string(now->second));
      } else if (then != signed_at.end()) {
        found(i, "the record that was signed here is gone; what follows it has moved up");
      } else {
        found(i, "it was changed after it was signed; what was signed is in " + tlog::bundle_path(i / tlog::kTileWidth));
      }
      return true;
    }
    return published.size() > leaves_.size();  // said already
  }

  void check_tiles() {
    const auto size = checkpoint_->size;
    tlog::TileBuilder builder;
    const auto compare = [&](unsigned level, std::uint64_t index, std::span<const Digest> expected) {
      const auto path = tlog::tile_path(level, index, expected.size());
      auto tile = read_tile(level, index, expected.size());
      if (!tile) return found(std::nullopt, path + ": " + tile.error().message);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        if ((*tile)[i] != expected[i])
          return found(std::nullopt, path + ": hash " + std::to_string(i) + " is not that of the log, which the checkpoint was signed for");
      }
      if (level == 0) check_bundle(index, expected);
    };
    for (std::uint64_t i = 0; i < size; ++i) builder.append(leaves_[i], compare);
    for (unsigned level = 0; level < tlog::level_count(size); ++level) {
      if (const auto hashes = builder.partial(level); !hashes.empty()) compare(level, tlog::full_tiles(size, level), hashes);
    }
  }

  void check_bundle(std::uint64_t index, std::span<const Digest> expected) {
    const auto path = tlog::bundle_path(index, expected.size());
    for (const auto width : {static_cast<std::uint64_t>(expected.size()), tlog::kTileWidth}) {
      auto bytes = read_file(paths_.folder / tlog::bundle_path(index, width), kBundleBytes);
      if (!bytes) return found(std::nullopt, bytes.error().message);
      if (!*bytes) continue;
      auto entries = tlog::parse_bundle(**bytes);
      if (!entries || entries->size() < expected.size()) return found(std::nullopt, path + ": it is malformed or too short");
      for (std::size_t i = 0; i < expected.size(); ++i) {
        if (tlog::leaf_hash((*entries)[i]) != expected[i])
          return found(std::nullopt, path + ": entry " + std::to_string(i) + " is not that of the log");
      }
      return;
    }
    found(std::nullopt, path + ": it is missing");
  }

  // True: the checkpoint is one of this log.
  bool check_kept(const std::string& kept) {
    if (!key_) return false;
    const auto own = key_->renamed(log_origin(key_->verifier().name, paths_.name()));
    if (!own) return false;
    const auto text = tlog::open_note(kept, own->verifier());
    if (!text) return false;
    const auto checkpoint = tlog::parse_checkpoint(*text);
    if (!checkpoint || checkpoint->origin != own->verifier().name) return false;
    if (checkpoint->size > leaves_.size()) {
      found(leaves_.size(), "it and all after it are missing: a checkpoint that was kept speaks of " + std::to_string(checkpoint->size) +
                                " records, and " + std::to_string(leaves_.size()) + " are there");
    } else if (root_at(checkpoint->size) != checkpoint->root) {
      found(std::nullopt, "the first " + std::to_string(checkpoint->size) + " records are not those of the checkpoint that was kept");
    }
    return true;
  }

  void check_index() {
    std::error_code code;
    if (!std::filesystem::exists(paths_.index(), code)) return;
    auto index = Index::open_read_only(paths_);
    auto reader = LogReader::open(paths_.log());
    if (!reader) return;  // said already
    // An index that is damaged is found; one that cannot be opened just now, or here, proves nothing.
    const auto unreadable = [&](const Error& error) {
      if (error.code == ErrorCode::kInvalid) found(std::nullopt, "the index is damaged: " + error.message + "; run: interlock log reindex");
    };
    if (!index) return unreadable(index.error());
    std::uint64_t rows = 0;
    auto walked = index->each([&](const Row& row) {
      auto line = reader->next();
      if (!line || line->state == Line::State::kTorn || line->state == Line::State::kEnd) {
        found(row.sequence, "the index knows it, and the log does not hold it");
        return false;
      }
      ++rows;
      if (line->state == Line::State::kDamaged) return true;  // said already
      const auto facts = facts_of(line->record);
      if (row.sequence != line->sequence || row.offset != line->offset || row.length != line->length || !facts || *facts != row.facts) {
        found(row.sequence, "the index says something else of it than the log; run: interlock log reindex");
        return false;
      }
      return true;
    });
    if (!walked) unreadable(walked.error());
    log_.indexed = rows;
  }

  LogPaths paths_;
  const std::optional<tlog::Signer>& key_;
  Report& report_;
  LogReport log_;
  std::optional<tlog::Checkpoint> checkpoint_;
  std::vector<Digest> leaves_;
  std::unordered_set<std::string> attempted_;
  std::size_t findings_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace

Result<Report> verify(const std::filesystem::path& ledger_folder, const VerifyOptions& options) {
  auto logs = list_logs(ledger_folder);
  if (!logs) return fail(std::move(logs.error()));
  if (logs->empty())
    return fail(ErrorCode::kNotFound, "there is no ledger in " + ledger_folder.string(),
                "it is made when a gate first starts with this state folder");
  auto key = read_key(ledger_folder);
  if (!key) return fail(std::move(key.error()));
  Report report;
  std::vector<bool> kept_seen(options.kept_checkpoints.size(), false);
  for (auto& paths : *logs) {
    if (auto status = LogCheck(std::move(paths), *key, report).run(options.kept_checkpoints, kept_seen); !status)
      return fail(std::move(status.error()));
  }
  for (const bool seen : kept_seen) {
    if (!seen) report.findings.push_back({"", std::nullopt, "a checkpoint that was kept is signed for no log of this ledger"});
  }
  return report;
}

}  // namespace interlock::ledger
