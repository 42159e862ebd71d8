// Listening on a Unix socket: a dead socket file in the way is replaced, a live one is an error, and only our own is removed.
// Any thread.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"

namespace interlock::net {

struct UnixListener {
  int fd = -1;  // non-blocking, listening; the caller's to close
  std::string path;
  ino_t inode = 0;
};

// `mode`: of the file, whatever the umask says.
Result<UnixListener> listen_unix_socket(const std::string& path, mode_t mode);

// Removes the file, unless another process has put its own in the place.
void remove_unix_socket(const UnixListener& listener);

}  // namespace interlock::net
