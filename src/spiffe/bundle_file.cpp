#include "spiffe/bundle_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace interlock::spiffe {
namespace {

class File {
 public:
  explicit File(int number) : number_(number) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

std::int64_t nanoseconds(const timespec& time) { return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec; }

std::unexpected<Error> no_system(std::string_view doing, const std::filesystem::path& path, int error_number) {
  return fail(system_error("cannot " + std::string(doing) + " the bundle " + path.string(), error_number));
}

Status check_owner(int file, const std::filesystem::path& path, bool is_ours) {
  struct stat found{};
  if (::fstat(file, &found) != 0) return no_system("look at", path, errno);
  if (!S_ISREG(found.st_mode)) return fail(ErrorCode::kInvalid, "the bundle " + path.string() + " is no regular file");
  const auto others = is_ours ? S_IWGRP | S_IWOTH : S_IWOTH;
  if ((found.st_mode & static_cast<mode_t>(others)) != 0) {
    return fail(ErrorCode::kDenied, "others can write the bundle " + path.string(), "chmod go-w it, and see that its content is yours");
  }
  if (is_ours && found.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, "the cached bundle " + path.string() + " belongs to another user", "remove it");
  }
  return {};
}

Result<std::string> read_text(const std::filesystem::path& path, bool is_ours) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return no_system("open", path, errno);
  if (auto status = check_owner(file.number(), path, is_ours); !status) return fail(std::move(status.error()));
  std::string text;
  char block[64 * 1024];
  while (text.size() <= kBundleBytes) {
    const auto count = ::read(file.number(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_system("read", path, errno);
    if (count == 0) break;
    text.append(block, static_cast<std::size_t>(count));
  }
  return text;  // one that is too long is refused by its parser
}

Status write_beside(const std::filesystem::path& beside, std::string_view text) {
  const File file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (file.number() < 0) return no_system("make", beside, errno);
  while (!text.empty()) {
    const auto count = ::write(file.number(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_system("write", beside, errno);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.number()) != 0) return no_system("sync", beside, errno);
  return {};
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::filesystem::path& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return FileIdentity{found.st_dev, found.st_ino, found.st_size, nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)};
}

Result<Bundle> read_bundle_file(std::string_view trust_domain, const std::filesystem::path& path) {
  auto text = read_text(path, false);
  if (!text) return fail(std::move(text.error()));
  const auto first = text->find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string::npos && (*text)[first] == '{';
  auto bundle = is_json ? parse_bundle(trust_domain, *text) : bundle_from_pem(trust_domain, *text);
  if (!bundle) return fail(bundle.error().code, path.string() + ": " + bundle.error().message, bundle.error().hint);
  return bundle;
}

Result<Bundle> read_cached_bundle(std::string_view trust_domain, const std::filesystem::path& path) {
  auto text = read_text(path, true);
  if (!text) return fail(std::move(text.error()));
  return parse_bundle(trust_domain, *text);
}

Status write_cached_bundle(const Bundle& bundle, const std::filesystem::path& path) {
  auto beside = path;
  beside += ".new-" + std::to_string(::getpid());  // several gates may share the folder
  if (auto status = write_beside(beside, bundle_text(bundle)); !status) return status;
  if (::rename(beside.c_str(), path.c_str()) != 0) return no_system("name", path, errno);
  return {};
}

}  // namespace interlock::spiffe
