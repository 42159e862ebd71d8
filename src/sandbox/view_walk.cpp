// Ways through the view: how a path is found, made and held in place, and how it is sealed.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <vector>

#include "sandbox/mounts.hpp"
#include "sandbox/view.hpp"

namespace interlock::sandbox {
namespace {

constexpr int kLinksOnTheWay = 40;  // as the kernel's own walk

struct Part {
  bool folder = false;
  bool link = false;
  bool mounted = false;  // something is mounted here, so it stays here
  bool marked = false;   // as a placeholder is
  dev_t device = 0;
};

Result<Part> look_at(int fd) {
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MTIME, &status) != 0)
    return fail(system_error("statx", errno));
  return Part{.folder = S_ISDIR(status.stx_mode),
              .link = S_ISLNK(status.stx_mode),
              .mounted = (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0,
              .marked = is_placeholder_time(status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec),
              .device = makedev(status.stx_dev_major, status.stx_dev_minor)};
}

bool is_read_only(int fd) {
  struct statvfs status{};
  return ::fstatvfs(fd, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

void put_before(std::deque<std::string>& rest, std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  rest.insert(rest.begin(), parts.begin(), parts.end());
}

Descriptor open_name(int folder, const std::string& name) {
  return Descriptor(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

Result<std::string> target_of(int link) {
  std::array<char, 4096> target;
  const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
  if (size < 0) return fail(system_error("readlink", errno));
  return std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

Status View::make_part_of_view(int folder, const std::string& name, const Missing& missing) {
  const auto place = look_at(folder);
  if (!place) return fail(place.error());
  if (place->device == root_device_ || place->device == scratch_device_) {
    const int made = missing.folder ? ::mkdirat(folder, name.c_str(), 0755) : ::mknodat(folder, name.c_str(), S_IFREG | 0644, 0);
    return made == 0 ? Status{} : fail(system_error(name, errno));
  }
  const auto made = make_placeholder(folder, name, missing.folder, missing.text);
  return made ? report_(*made) : fail(made.error());
}

Result<Descriptor> View::open_part(int folder, const std::string& name, const Missing& missing) {
  Descriptor part = open_name(folder, name);
  if (part) {
    const auto seen = look_at(part.get());
    if (!seen) return fail(seen.error());
    if (!seen->marked || seen->mounted) return part;
    // Another run's, or left behind by one: it is this run's too. Where it is removed at this moment, it is made anew.
    if (const auto adopted = adopt_placeholder(folder, name)) {
      if (auto told = report_(*adopted); !told) return fail(told.error());
      return part;
    }
  } else if (errno != ENOENT) {
    return fail(kernel_error(name, errno));
  }
  if (is_read_only(folder)) return Descriptor();
  if (auto made = make_part_of_view(folder, name, missing); !made && made.error().code != ErrorCode::kConflict) {
    if (made.error().code == ErrorCode::kDenied) return Descriptor();  // nor can anybody inside
    return fail(made.error());
  }
  part = open_name(folder, name);
  if (!part) return fail(kernel_error(name, errno));
  return part;
}

Status View::pin(int folder, const std::string& name, Descriptor& part) {
  const auto seen = look_at(part.get());
  if (!seen) return fail(seen.error());
  if (seen->mounted || seen->device == root_device_ || is_read_only(part.get())) return {};
  auto itself = clone_tree(part.get(), {});
  if (!itself) return fail(itself.error());
  if (auto done = attach_tree(itself->get(), part.get()); !done) return done;
  part = open_name(folder, name);
  return part ? Status{} : fail(kernel_error(name, errno));
}

// The folder that a walk ended in is kept for the next one, since neighbours are laid one after another. It is what its path says: what is
// laid between two walks lies on what the first one found, which is in that folder and no link.
Result<Descriptor> View::walk(const std::string& path, const Missing& missing) {
  const std::size_t cut = path.rfind('/');
  const std::string folder = path.substr(0, cut);
  const std::string last = path.substr(cut + 1);
  bool straight = !last.empty() && last != "." && last != ".." && !folder.contains("/..");
  const bool kept = straight && last_folder_ && folder == last_folder_path_;
  std::deque<std::string> rest;
  put_before(rest, kept ? last : path);
  std::vector<Descriptor> way;  // the folders from the root, or the one that was kept, to here
  way.push_back(kept ? std::move(last_folder_) : open_name(root_.get(), "."));
  last_folder_.reset();
  for (int links = 0; !rest.empty();) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      if (way.size() > 1) way.pop_back();
      continue;
    }
    const int here = way.back().get();
    auto part = open_part(here, name, rest.empty() ? missing : Missing{.folder = true});
    if (!part || !*part) return part;
    const auto seen = look_at(part->get());
    if (!seen) return fail(seen.error());
    if (seen->link) {
      if (kept) return walk(path, missing);  // it may lead up
      if (++links > kLinksOnTheWay) return fail(ErrorCode::kInvalid, path + " goes round in links");
      if (auto done = pin(here, name, *part); !done) return fail(done.error());
      const auto target = target_of(part->get());
      if (!target) return fail(target.error());
      put_before(rest, *target);
      straight = false;
      if (target->starts_with('/')) way.resize(1);
      continue;
    }
    if (rest.empty()) {
      if (straight) {
        last_folder_ = std::move(way.back());
        last_folder_path_ = folder;
      }
      return part;
    }
    if (auto done = pin(here, name, *part); !done) return fail(done.error());
    if (!seen->folder) return part;  // nothing can be below it, and it stays a file
    way.push_back(std::move(*part));
  }
  return std::move(way.back());
}

Status View::seal(const Mount& mount) {
  const auto what = [&](const Error& error) {
    return fail(Error{error.code, mount.at + " cannot be sealed: " + error.message, "make it a plain file or folder"});
  };
  auto part = walk(mount.at, {.folder = mount.at.ends_with('/'), .text = mount.text});
  if (!part) return what(part.error());
  if (!*part || is_read_only(part->get())) return {};
  auto itself = clone_tree(part->get(), {});
  if (!itself) return what(itself.error());
  if (auto done = restrict_tree(itself->get(), kReadOnlyMount); !done) return what(done.error());
  if (auto done = attach_tree(itself->get(), part->get()); !done) return what(done.error());
  return {};
}

}  // namespace interlock::sandbox
