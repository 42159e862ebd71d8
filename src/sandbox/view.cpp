#include "sandbox/view.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "sandbox/mounts.hpp"

namespace interlock::sandbox {
namespace {

constexpr std::uint64_t kSafe = kNoSetuidMount | kNoDevicesMount;

Error laying(const std::string& path, const Error& error, std::string hint = {}) {
  return Error{error.code, path + " cannot be laid into the view: " + error.message, std::move(hint)};
}

std::string without_end_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

dev_t device_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_dev : 0;
}

bool is_folder(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<View> View::begin(ReportPlaceholder placeholders) {
  View view;
  view.report_ = std::move(placeholders);
  if (auto done = make_mounts_private(); !done)
    return fail(Error{
        done.error().code, "the boundary's mounts cannot be made: " + done.error().message,
        "Linux 5.12 or later is needed, and user namespaces that may mount (AppArmor: kernel.apparmor_restrict_unprivileged_userns=0)"});
  // Both hang over the host's root, which is the new root's old one and goes with them.
  const Descriptor host(::open("/", O_PATH | O_CLOEXEC));
  for (Descriptor* made : {&view.scratch_, &view.root_}) {
    auto memory = new_filesystem("tmpfs", {{"mode", "0755"}}, kSafe);
    if (!memory) return fail(laying("/", memory.error()));
    if (auto done = attach_tree(memory->get(), host.get()); !done) return fail(laying("/", done.error()));
    *made = std::move(*memory);
  }
  view.root_device_ = device_of(view.root_.get());
  view.scratch_device_ = device_of(view.scratch_.get());
  return view;
}

Status View::attach(int tree, const Place& place) {
  auto target = walk(place.path, {.folder = place.folder});
  if (!target) return fail(laying(place.path, target.error()));
  if (!*target) {
    if (place.optional) return {};
    return fail(ErrorCode::kNotFound, place.path + " cannot be laid into the view: it does not exist in what is laid there read-only",
                "lay it first, or make it on the host");
  }
  if (auto done = attach_tree(tree, target->get()); !done) return fail(laying(place.path, done.error()));
  return {};
}

Status View::lay_tree(const Mount& mount, std::uint64_t attributes) {
  const std::string& source = mount.source.empty() ? mount.at : mount.source;
  auto tree = clone_tree(AT_FDCWD, source);
  if (!tree) {
    if (mount.optional && tree.error().code == ErrorCode::kNotFound) return {};
    return fail(laying(source, tree.error()));
  }
  if (auto done = restrict_tree(tree->get(), attributes); !done) return fail(laying(source, done.error()));
  return attach(tree->get(), {without_end_slash(mount.at), is_folder(tree->get()), mount.optional});
}

Result<std::string> View::make_in_memory(const Mount& mount) {
  const std::string name = std::to_string(parts_++);
  const bool folder = mount.kind == Mount::Kind::kEmpty;
  const mode_t mode = mount.mode != 0 ? mount.mode : folder ? 0700 : 0644;
  if (folder) {
    if (::mkdirat(scratch_.get(), name.c_str(), 0700) != 0) return fail(system_error("mkdir", errno));
  } else {
    const Descriptor file(::openat(scratch_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return fail(system_error("open", errno));
    if (::write(file.get(), mount.text.data(), mount.text.size()) != static_cast<ssize_t>(mount.text.size()))
      return fail(system_error("write", errno));
  }
  if (::fchmodat(scratch_.get(), name.c_str(), mode, 0) != 0) return fail(system_error("chmod", errno));
  return name;
}

Status View::lay_in_memory(const Mount& mount) {
  auto part = make_in_memory(mount);
  if (!part) return fail(laying(mount.at, part.error()));
  auto made = clone_tree(scratch_.get(), *part);
  if (!made) return fail(laying(mount.at, made.error()));
  if (mount.kind == Mount::Kind::kFixedText)
    if (auto done = restrict_tree(made->get(), kReadOnlyMount); !done) return fail(laying(mount.at, done.error()));
  return attach(made->get(), {without_end_slash(mount.at), mount.kind == Mount::Kind::kEmpty, mount.optional});
}

Status View::lay_link(const Mount& mount) {
  const std::string at = without_end_slash(mount.at);
  const std::size_t cut = at.rfind('/');
  auto parent = walk(at.substr(0, cut), {.folder = true});
  if (!parent) return fail(laying(mount.at, parent.error()));
  if (!*parent) return fail(ErrorCode::kNotFound, mount.at + " cannot be laid into the view: its folder is read-only and not there");
  if (device_of(parent->get()) != root_device_ && device_of(parent->get()) != scratch_device_)
    return fail(ErrorCode::kInvalid, mount.at + " cannot be laid into the view: a link would be made on the host");
  if (::symlinkat(mount.source.c_str(), parent->get(), at.c_str() + cut + 1) == 0) return {};
  const Error error = system_error("symlink", errno);
  if (mount.optional && errno == EEXIST) return {};
  return fail(laying(mount.at, error));
}

Status View::lay(const Mount& mount) {
  if (mount.at.find_first_not_of('/') == mount.at.npos) return fail(ErrorCode::kInvalid, "nothing can be laid over the root of the view");
  if (!mount.at.starts_with('/')) return fail(ErrorCode::kInvalid, "the view's \"" + mount.at + "\" is no absolute path");
  switch (mount.kind) {
    case Mount::Kind::kReadOnly: return lay_tree(mount, kSafe | kReadOnlyMount);
    case Mount::Kind::kReadWrite: return lay_tree(mount, kSafe);
    case Mount::Kind::kEmpty:
    case Mount::Kind::kText:
    case Mount::Kind::kFixedText: return lay_in_memory(mount);
    case Mount::Kind::kLink: return lay_link(mount);
    case Mount::Kind::kSealed: return seal(mount);
  }
  return {};
}

Status View::enter() {
  if (auto done = restrict_mount(root_.get(), kReadOnlyMount); !done) return fail(laying("/", done.error()));
  const Descriptor host(::open("/", O_PATH | O_CLOEXEC));
  if (!host || ::fchdir(root_.get()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::fchdir(host.get()) != 0)
    return fail(system_error("the new root cannot be entered", errno));
  // The host's root now lies over the new one, with the scratch mount over it; the last of them to go is the one that `host` names.
  while (::umount2(".", MNT_DETACH) == 0) {
  }
  if (::chdir("/") != 0) return fail(system_error("the new root cannot be entered", errno));
  const Descriptor above(::open("/..", O_PATH | O_CLOEXEC));
  if (device_of(above.get()) != root_device_) return fail(ErrorCode::kInternal, "the host's root cannot be left behind");
  scratch_.reset();
  return {};
}

}  // namespace interlock::sandbox
