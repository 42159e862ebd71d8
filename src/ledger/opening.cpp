#include "ledger/opening.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tlog/merkle.hpp"

namespace interlock::ledger {
namespace {

// What stands in the way of appending to a log; kInvalid means damage, anything else a failure to read.
std::unexpected<Error> damage(std::string what) { return fail(ErrorCode::kInvalid, std::move(what)); }

// Walks from the boundary to the end of the file. The tree must be the one that the checkpoint speaks of.
Status read_end(HeldLog& held, const tlog::Signer& signer, std::vector<std::string>& notices) {
  auto checkpoint = read_checkpoint(held.paths, signer.verifier());
  if (!checkpoint) return fail(std::move(checkpoint.error()));
  if (!*checkpoint) {
    // A log has a checkpoint before it has its first record, so that one that lacks it has lost it.
    std::error_code code;
    if (std::filesystem::file_size(held.paths.log(), code) != 0 || code) return damage("its checkpoint is missing");
    checkpoint = tlog::Checkpoint{signer.verifier().name, 0, tlog::tree_root({})};
    auto note = signer.sign_note(tlog::checkpoint_text(**checkpoint));
    if (!note) return fail(std::move(note.error()));
    if (auto status = replace_file(held.paths.checkpoint(), *note, Sync::kYes, held.paths.folder); !status) return status;
  }
  held.published = (*checkpoint)->size;
  held.boundary = read_boundary(held.paths);
  if (held.boundary.tree.size() > held.published) held.boundary = {};

  auto tree = held.boundary.tree;
  auto reader = LogReader::open(held.paths.log(), held.boundary.bytes, tree.size());
  if (!reader) return fail(std::move(reader.error()));
  std::uint64_t whole_bytes = held.boundary.bytes;
  std::uint64_t file_bytes = whole_bytes;
  std::optional<std::uint64_t> first_bad;
  for (;;) {
    auto line = reader->next();
    if (!line) return fail(std::move(line.error()));
    file_bytes = line->offset + line->length;
    if (line->state == Line::State::kEnd) break;
    if (line->state == Line::State::kTorn) {
      if (!first_bad) first_bad = line->sequence;
      break;
    }
    if (line->state == Line::State::kDamaged) {
      if (!first_bad) first_bad = line->sequence;
      continue;
    }
    if (first_bad) return damage("record " + std::to_string(*first_bad) + " is damaged, and whole ones follow it");
    tree.append(line->hash);
    whole_bytes = file_bytes;
    if (tree.size() == held.published && tree.root() != (*checkpoint)->root)
      return damage("its records are not those that its checkpoint was signed for");
  }
  if (tree.size() < held.published) {
    return damage("its checkpoint speaks of " + std::to_string(held.published) + " records, and " + std::to_string(tree.size()) +
                  " whole ones are there");
  }
  if (file_bytes > whole_bytes) {
    if (::ftruncate(held.log.fd(), static_cast<off_t>(whole_bytes)) != 0 || ::fdatasync(held.log.fd()) != 0) {
      return fail(system_error("cannot cut the torn end off " + held.paths.log().string(), errno));
    }
    notices.push_back("log " + held.paths.name() + ": cut off a torn end of " + std::to_string(file_bytes - whole_bytes) +
                      " bytes after record " + std::to_string(tree.size()));
  }
  held.records = tree.size();
  held.bytes = whole_bytes;
  return {};
}

Status open_files(HeldLog& held) {
  struct stat before{};
  const bool is_new = ::stat(held.paths.log().c_str(), &before) != 0;
  auto log = File::open(held.paths.log(), O_WRONLY | O_APPEND | O_CREAT);
  if (!log) return fail(std::move(log.error()));
  held.log = std::move(*log);
  return is_new ? sync_folder(held.paths.folder) : Status();
}

}  // namespace

Result<HeldLog> take_log(const std::filesystem::path& folder, const tlog::Signer& signer, const std::string& now,
                         std::vector<std::string>& notices) {
  for (int number = 1; number <= kLogs; ++number) {
    HeldLog held;
    held.paths.folder = folder / log_name(number);
    if (auto status = make_folder(held.paths.folder); !status) return fail(std::move(status.error()));
    if (std::filesystem::exists(held.paths.set_aside())) continue;
    auto lock = try_lock(held.paths.lock());
    if (!lock) return fail(std::move(lock.error()));
    if (!*lock) continue;
    held.lock = std::move(**lock);
    clear_scratch(held.paths.folder);
    auto own = signer.renamed(log_origin(signer.verifier().name, held.paths.name()));
    if (!own) return fail(std::move(own.error()));
    auto status = open_files(held);
    if (status) status = read_end(held, *own, notices);
    if (status) return held;
    const auto code = status.error().code;
    if (code != ErrorCode::kInvalid && code != ErrorCode::kDenied) return fail(std::move(status.error()));
    // Evidence is kept as it is; nothing is appended to it, and acts go on in another log.
    notices.push_back("log " + held.paths.name() + " is set aside: " + status.error().message + "; look at it with: interlock log verify");
    if (auto marked = replace_file(held.paths.set_aside(), now + " " + status.error().message + "\n", Sync::kYes, held.paths.folder);
        !marked) {
      return fail(std::move(marked.error()));
    }
  }
  return fail(ErrorCode::kUnavailable,
              "all " + std::to_string(kLogs) + " logs of the ledger in " + folder.string() + " are in use or set aside");
}

}  // namespace interlock::ledger
