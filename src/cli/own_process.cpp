#include "cli/own_process.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace interlock::cli {

void guard_own_process() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their runtimes look at their own process with ptrace(2)
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void live_by_signals(net::Loop& loop, Log& log, std::function<void()> stop, std::function<void()> reload) {
  ::signal(SIGPIPE, SIG_IGN);
  loop.on_signals({SIGTERM, SIGINT, SIGHUP}, [&log, told = false, stop = std::move(stop), reload = std::move(reload)](int number) mutable {
    if (number == SIGHUP) return reload();
    if (std::exchange(told, true)) {
      log.warn("stopped at once: a second signal came");
      ::_exit(128 + number);
    }
    stop();
  });
}

}  // namespace interlock::cli
