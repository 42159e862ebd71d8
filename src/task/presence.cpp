#include "task/presence.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/ids.hpp"

namespace interlock::task {
namespace {

constexpr std::string_view kSuffix = ".gate";
constexpr auto kUnlockedAtFirst = std::chrono::minutes(1);  // a gate that starts has a file before it has its lock

struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

class LockedFile final : public Presence {
 public:
  LockedFile(std::filesystem::path folder, std::string id, int fd) : folder_(std::move(folder)), id_(std::move(id)), fd_(fd) {}
  ~LockedFile() override {
    ::unlink(path_of(id_).c_str());
    ::close(fd_);
  }
  const std::string& own() const override { return id_; }

  bool is_alive(std::string_view gate) const override {
    if (gate == id_) return true;
    const int fd = ::open(path_of(gate).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno != ENOENT;  // its file goes when it ends in order
    // An open file description's lock, so that asking takes nothing and is taken for nobody.
    auto lock = whole_file(F_WRLCK);
    const bool asked = ::fcntl(fd, F_OFD_GETLK, &lock) == 0;
    ::close(fd);
    return !asked || lock.l_type != F_UNLCK;
  }

 private:
  std::filesystem::path path_of(std::string_view gate) const { return folder_ / (std::string(gate) + std::string(kSuffix)); }

  std::filesystem::path folder_;
  std::string id_;
  int fd_;
};

void remove_dead(const LockedFile& own, const std::filesystem::path& folder) {
  std::error_code error;
  const auto old = std::filesystem::file_time_type::clock::now() - kUnlockedAtFirst;
  for (auto at = std::filesystem::directory_iterator(folder, error); !error && at != std::filesystem::directory_iterator();
       at.increment(error)) {
    const auto written = at->last_write_time(error);
    if (error || at->path().extension() != kSuffix || written > old || own.is_alive(at->path().stem().string())) continue;
    ::unlink(at->path().c_str());
  }
}

}  // namespace

Result<std::unique_ptr<Presence>> open_presence(const std::filesystem::path& folder, const Clock& clock) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(system_error("cannot make the folder " + folder.string(), errno));
  auto id = new_id("gate", clock.now_ms());
  const auto path = folder / (id + std::string(kSuffix));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(system_error("cannot make " + path.string(), errno));
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) {
    auto error = system_error("cannot lock " + path.string(), errno);
    ::close(fd);
    return fail(std::move(error));
  }
  auto presence = std::make_unique<LockedFile>(folder, std::move(id), fd);
  remove_dead(*presence, folder);
  return std::unique_ptr<Presence>(std::move(presence));
}

}  // namespace interlock::task
