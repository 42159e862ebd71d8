#include "cli/init_hosts_backups.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "cli/config.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kManifestBytes = std::size_t{1} << 20;
constexpr std::size_t kKept = 1'000;  // of the newest that are looked at
constexpr const char* kManifest = "manifest.json";

json::value hash_of(const std::optional<std::string>& text) { return text ? json::value(to_hex(sha256(*text))) : json::value(nullptr); }

bool has_hash(const json::object& entry, std::string_view member, const std::optional<std::string>& text) {
  const auto* hash = json::find(entry, member);
  return hash != nullptr && *hash == hash_of(text);
}

// Folders above `path` that are not there yet: what a write will make.
json::array missing_folders(const std::vector<PlannedFile>& files) {
  std::vector<std::string> all;
  std::error_code ignored;
  for (const auto& file : files) {
    for (auto folder = fs::path(file.before.target).parent_path(); !folder.empty() && !fs::exists(folder, ignored);
         folder = folder.parent_path())
      if (std::ranges::find(all, folder.string()) == all.end()) all.push_back(folder.string());
  }
  std::ranges::sort(all, {}, &std::string::size);
  json::array out;
  for (auto& folder : all) out.emplace_back(std::move(folder));
  return out;
}

Result<json::object> read_manifest(const fs::path& folder) {
  const auto text = read_text_file(folder / kManifest, kManifestBytes);
  if (!text) return fail(text.error());
  auto document = json::parse(*text);
  if (!document) return fail(std::move(document.error()));
  if (!document->is_object()) return fail(ErrorCode::kInvalid, (folder / kManifest).string() + " is no manifest");
  return std::move(document->get_object());
}

}  // namespace

Result<Backups> Backups::open(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(ErrorCode::kIo, "cannot make " + folder.string() + ": " + error.message());
  if (::chmod(folder.c_str(), 0700) != 0) return fail(system_error("cannot close " + folder.string() + " to others", errno));
  const auto path = folder / ".lock";
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return fail(system_error("cannot open " + path.string(), errno));
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return fail(ErrorCode::kUnavailable, "another `interlock init` is at work", "wait for its end, then run this again");
  }
  return Backups(folder, lock);
}

Backups::Backups(Backups&& other) noexcept : folder_(std::move(other.folder_)), lock_(std::exchange(other.lock_, -1)) {}

Backups::~Backups() {
  if (lock_ >= 0) ::close(lock_);
}

Result<fs::path> Backups::write(const std::vector<std::string>& hosts, const std::vector<PlannedFile>& files, std::string_view time,
                                bool undo) const {
  std::string name(time);
  std::erase(name, ':');
  for (const auto& host : hosts) name += "-" + host;
  fs::path folder = folder_ / name;
  for (int number = 2; ::mkdir(folder.c_str(), 0700) != 0; ++number) {
    if (errno != EEXIST || number > 1000) return fail(system_error("cannot make " + folder.string(), errno));
    folder = folder_ / (name + "~" + std::to_string(number));
  }
  json::array entries;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    json::object entry{
        {"path", file.before.path}, {"target", file.before.target}, {"before", hash_of(file.before.text)}, {"after", hash_of(file.after)}};
    if (file.before.text) {
      entry["kept"] = std::to_string(i);
      entry["mode"] = file.before.mode;
      if (auto kept = write_private_file((folder / std::to_string(i)).string(), *file.before.text); !kept)
        return fail(std::move(kept.error()));
    }
    entries.push_back(std::move(entry));
  }
  json::array names;
  for (const auto& host : hosts) names.emplace_back(host);
  const json::value manifest = {{"version", 1},
                                {"time", time},
                                {"hosts", std::move(names)},
                                {"undo", undo},
                                {"files", std::move(entries)},
                                {"folders", missing_folders(files)}};
  if (auto kept = write_private_file((folder / kManifest).string(), json::write(manifest) + "\n"); !kept)
    return fail(std::move(kept.error()));
  std::vector<std::string> made;
  for (const auto& file : files) {
    if (auto done = write_host_file(file.before, file.after, file.mode_of_new, made); !done) return fail(std::move(done.error()));
  }
  return folder;
}

std::vector<fs::path> Backups::newest_first() const {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error))
    if (entry.is_directory(error)) out.push_back(entry.path());
  std::ranges::sort(out, std::greater{});
  if (out.size() > kKept) out.resize(kKept);
  return out;
}

Result<Backups::Earlier> Backups::earlier(const std::string& path, std::optional<std::string> text) const {
  Earlier out{.restored = false, .text = std::move(text), .made = false};
  for (const auto& folder : newest_first()) {
    const auto manifest = read_manifest(folder);
    if (!manifest || json::bool_at(*manifest, "undo")) continue;
    const auto* files = json::array_at(*manifest, "files");
    if (files == nullptr) continue;
    for (const auto& value : *files) {
      const auto* entry = value.if_object();
      if (entry == nullptr || json::string_at(*entry, "path") != path) continue;
      out.made = has_hash(*entry, "before", std::nullopt);
      if (!has_hash(*entry, "after", out.text) || has_hash(*entry, "before", out.text)) continue;
      if (out.made) {
        out.text = std::nullopt;
      } else {
        const auto kept = json::string_at(*entry, "kept");
        auto before = kept ? read_text_file(folder / fs::path(*kept).filename(), kHostFileBytes) : Result<std::string>("");
        if (!before || !has_hash(*entry, "before", *before)) continue;  // a backup that somebody changed is none
        out.text = std::move(*before);
      }
      out.restored = true;
    }
  }
  return out;
}

std::vector<std::string> Backups::made_folders() const {
  std::vector<std::string> out;
  for (const auto& folder : newest_first()) {
    const auto manifest = read_manifest(folder);
    const auto* folders = manifest ? json::array_at(*manifest, "folders") : nullptr;
    if (folders == nullptr) continue;
    for (const auto& one : *folders)
      if (one.is_string()) out.emplace_back(json::view(one.get_string()));
  }
  std::ranges::sort(out, std::greater{}, &std::string::size);
  return out;
}

}  // namespace interlock::cli
