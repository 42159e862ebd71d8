#include "net/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace interlock::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn

int stream_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

Status clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat facts;
  if (::lstat(path.c_str(), &facts) != 0) return errno == ENOENT ? Status{} : fail(system_error(path, errno));
  if (!S_ISSOCK(facts.st_mode)) return fail(ErrorCode::kConflict, path + " exists and is no socket", "remove it, or choose another path");
  const int probe = stream_socket();
  if (probe < 0) return fail(system_error("socket", errno));
  const bool dead = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (!dead) return fail(ErrorCode::kConflict, path + " is in use by another process", "stop it, or choose another path");
  if (::unlink(path.c_str()) != 0) return fail(system_error(path, errno));
  return {};
}

}  // namespace

Result<UnixListener> listen_unix_socket(const std::string& path, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kTooLarge, "the path of the socket is empty or too long: " + path,
                "choose a path of at most " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (auto cleared = clear_path(path, address); !cleared) return fail(std::move(cleared.error()));
  const int fd = stream_socket();
  if (fd < 0) return fail(system_error("socket", errno));
  UnixListener listener{fd, path, 0};
  // Linux gives the file the mode of the descriptor, so it is never open to more than it should be; the umask may have taken some of
  // it away, which the second step mends.
  const bool bound = ::fchmod(fd, mode) == 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  struct stat facts;
  if (!bound || ::lstat(path.c_str(), &facts) != 0) {
    auto error = system_error("cannot listen on " + path, errno);
    ::close(fd);
    return fail(std::move(error));
  }
  listener.inode = facts.st_ino;
  if (::chmod(path.c_str(), mode) != 0 || ::listen(fd, kBacklog) != 0) {
    auto error = system_error("cannot listen on " + path, errno);
    remove_unix_socket(listener);
    ::close(fd);
    return fail(std::move(error));
  }
  return listener;
}

void remove_unix_socket(const UnixListener& listener) {
  struct stat facts;
  if (::lstat(listener.path.c_str(), &facts) == 0 && facts.st_ino == listener.inode) ::unlink(listener.path.c_str());
}

}  // namespace interlock::net
