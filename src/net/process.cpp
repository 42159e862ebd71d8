// Line streams over descriptors and child processes. Reads are driven by readiness; writes go straight to the pipe while it takes
// them and are queued when it does not.
#include "net/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "net/lent_files.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kReadsAtOnce = 16;  // then others get their turn
constexpr std::int64_t kTermAfterMs = 2000;
constexpr std::int64_t kKillAfterMs = 4000;

// One buffer for all streams of a thread: lines are handed out before the next read.
std::vector<char>& read_buffer() {
  thread_local std::vector<char> buffer(kReadBytes);
  return buffer;
}

void set_nonblocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace

struct LineStream::State : std::enable_shared_from_this<LineStream::State> {
  State(Loop& l, int read_fd, int write_fd, LineLimits lim, Handlers h)
      : loop(l), reader(l.context()), writer(l.context()), limits(lim), handlers(std::move(h)) {
    set_nonblocking(read_fd);
    reader.assign(read_fd);
    if (write_fd >= 0) {
      if (write_fd == read_fd) write_fd = fcntl(read_fd, F_DUPFD_CLOEXEC, 3);
      set_nonblocking(write_fd);
      writer.assign(write_fd);
    }
  }

  Loop& loop;
  Descriptor reader;
  Descriptor writer;
  LineLimits limits;
  Handlers handlers;
  std::string partial;
  bool skipping = false;
  bool paused = false;
  bool waiting = false;
  bool ended = false;
  bool closed = false;  // our owner is gone
  std::string queue;
  std::size_t queue_sent = 0;
  bool writing = false;
  bool close_when_drained = false;

  void wait_readable() {
    if (closed || ended || paused || waiting) return;
    waiting = true;
    reader.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
      self->waiting = false;
      if (error || self->closed) return;
      self->read_some();
    });
  }

  void read_some() {
    for (int turn = 0; turn < kReadsAtOnce; ++turn) {
      auto& buffer = read_buffer();
      const auto got = ::read(reader.native_handle(), buffer.data(), buffer.size());
      if (got > 0) {
        if (!take({buffer.data(), static_cast<std::size_t>(got)})) return;
        if (static_cast<std::size_t>(got) < buffer.size()) break;
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      return end(got == 0 ? Status{} : fail(system_error("read", errno)));
    }
    wait_readable();
  }

  // False once nobody is there to take lines.
  bool take(std::string_view bytes) {
    // Handlers may start another read of this thread's buffer only after we return: lines are copied where they span reads.
    std::string own;
    while (!bytes.empty()) {
      const auto end_of_line = bytes.find('\n');
      const auto part = bytes.substr(0, end_of_line);
      if (!skipping && partial.size() + part.size() > limits.line_bytes) {
        skipping = true;
        std::string().swap(partial);
        if (handlers.on_bad_line) {
          handlers.on_bad_line(Error{ErrorCode::kTooLarge, "a message of over " + std::to_string(limits.line_bytes) + " bytes",
                                     "raise limits.message_bytes if it is wanted"});
        }
        if (closed) return false;
      }
      if (end_of_line == std::string_view::npos) {
        if (!skipping) partial.append(part);
        return true;
      }
      bytes.remove_prefix(end_of_line + 1);
      if (skipping) {
        skipping = false;
        continue;
      }
      std::string_view line = part;
      if (!partial.empty()) {
        partial.append(part);
        own = std::move(partial);
        partial.clear();
        line = own;
      }
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty()) continue;
      if (handlers.on_line) handlers.on_line(line);
      if (closed) return false;
    }
    return true;
  }

  void end(Status status) {
    if (ended) return;
    ended = true;
    auto self = shared_from_this();
    // A last line without newline is a message cut short: it is not handed out.
    if (handlers.on_end) handlers.on_end(std::move(status));
  }

  Status write(std::string_view line) {
    if (closed || !writer.is_open() || close_when_drained) return fail(ErrorCode::kIo, "the pipe is closed");
    if (queue.size() - queue_sent + line.size() + 1 > limits.queued_bytes) {
      return fail(ErrorCode::kTooLarge, "the peer does not read: " + std::to_string(queue.size() - queue_sent) + " bytes wait for it");
    }
    if (!writing) {
      const iovec parts[2] = {{const_cast<char*>(line.data()), line.size()}, {const_cast<char*>("\n"), 1}};
      ssize_t sent = 0;
      do sent = ::writev(writer.native_handle(), parts, 2);
      while (sent < 0 && errno == EINTR);
      if (sent < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
          auto error = system_error("write", errno);
          close_writer();
          return fail(std::move(error));
        }
        sent = 0;
      }
      const auto done = static_cast<std::size_t>(sent);
      if (done == line.size() + 1) return {};
      if (done < line.size()) queue.append(line.substr(done));
      queue += '\n';
      wait_writable();
      return {};
    }
    queue.append(line);
    queue += '\n';
    return {};
  }

  void wait_writable() {
    writing = true;
    writer.async_wait(Descriptor::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
      if (error || !self->writer.is_open()) return;
      self->flush();
    });
  }

  void flush() {
    while (queue_sent < queue.size()) {
      const auto sent = ::write(writer.native_handle(), queue.data() + queue_sent, queue.size() - queue_sent);
      if (sent >= 0) {
        queue_sent += static_cast<std::size_t>(sent);
        continue;
      }
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return wait_writable();
      return close_writer();
    }
    writing = false;
    queue_sent = 0;
    if (queue.capacity() > kReadBytes) std::string().swap(queue);
    else queue.clear();
    if (close_when_drained) close_writer();
  }

  void close_writer() {
    boost::system::error_code ignored;
    writer.close(ignored);
    std::string().swap(queue);
    queue_sent = 0;
    writing = false;
  }

  void close() {
    closed = true;
    boost::system::error_code ignored;
    reader.close(ignored);
    // What is queued is still delivered: an answer may be on its way out.
    if (writing) close_when_drained = true;
    else close_writer();
  }
};

LineStream::LineStream(Loop& loop, int read_fd, int write_fd, LineLimits limits, Handlers handlers)
    : state_(std::make_shared<State>(loop, read_fd, write_fd, limits, std::move(handlers))) {
  state_->wait_readable();
}
LineStream::~LineStream() { state_->close(); }
Status LineStream::write(std::string_view line) { return state_->write(line); }
void LineStream::close_write() {
  if (state_->writing) state_->close_when_drained = true;
  else state_->close_writer();
}
void LineStream::pause_reading(bool paused) {
  state_->paused = paused;
  state_->wait_readable();
}

// ---- child processes --------------------------------------------------------------------------------------------------------

namespace {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  ~Pipe() {
    if (read_end >= 0) ::close(read_end);
    if (write_end >= 0) ::close(write_end);
  }
  Status open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
    read_end = ends[0];
    write_end = ends[1];
    return {};
  }
  int take_read() { return std::exchange(read_end, -1); }
  int take_write() { return std::exchange(write_end, -1); }
};

// PATH is searched in the child's environment, as a shell would.
std::string find_program(const std::string& name, const std::map<std::string, std::string>& environment) {
  if (name.find('/') != std::string::npos) return name;
  const auto it = environment.find("PATH");
  std::string_view path = it == environment.end() ? std::string_view("/usr/local/bin:/usr/bin:/bin") : std::string_view(it->second);
  while (!path.empty()) {
    const auto colon = path.find(':');
    const auto folder = path.substr(0, colon);
    if (!folder.empty()) {
      const auto candidate = std::string(folder) + "/" + name;
      if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    if (colon == std::string_view::npos) break;
    path.remove_prefix(colon + 1);
  }
  return {};
}

class Child final : public ChildProcess, public std::enable_shared_from_this<Child> {
 public:
  struct Shared : std::enable_shared_from_this<Shared> {
    explicit Shared(Loop& l) : loop(l), watcher(l.context()) {}
    Loop& loop;
    Descriptor watcher;  // the pidfd: readable when the child has ended
    Handlers handlers;
    std::unique_ptr<LineStream> out;
    std::unique_ptr<LineStream> err;
    int pid = -1;
    bool exited = false;
    bool out_ended = false;
    bool released = false;  // the owner is gone
    bool reported = false;
    int status = 0;
    std::string private_folder;  // the mount point of a private tmpfs, which ends with the child; empty: it has none

    ~Shared() {
      if (!private_folder.empty()) ::rmdir(private_folder.c_str());
    }

    void watch() {
      watcher.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        if (error) return;
        int wait_status = 0;
        if (::waitpid(self->pid, &wait_status, WNOHANG) != self->pid) return self->watch();
        self->exited = true;
        self->status = wait_status;
        boost::system::error_code ignored;
        self->watcher.close(ignored);
        // What the child wrote before it ended comes first; a grandchild that keeps the pipe open is not waited for.
        if (self->out_ended || self->released) return self->report();
        self->loop.after_ms(100, [self] { self->report(); });
      });
    }

    void report() {
      if (!exited || reported) return;
      reported = true;
      ::kill(-pid, SIGKILL);  // the rest of its group
      if (released) return;
      auto on_exit = handlers.on_exit;
      if (on_exit) on_exit(status);
    }
  };

  Child(Loop& loop) : shared_(std::make_shared<Shared>(loop)) {}

  ~Child() override {
    auto shared = shared_;
    shared->released = true;
    shared->handlers = {};
    shared->out.reset();
    shared->err.reset();
    if (shared->exited) return;
    const int pid = shared->pid;
    shared->loop.after_ms(kTermAfterMs, [shared, pid] {
      if (!shared->exited) ::kill(-pid, SIGTERM);
    });
    shared->loop.after_ms(kKillAfterMs, [shared, pid] {
      if (!shared->exited) ::kill(-pid, SIGKILL);
    });
  }

  Status start(ProcessOptions options, Handlers handlers) {
    if (options.argv.empty()) return fail(ErrorCode::kInvalid, "no program is named");
    const auto program = find_program(options.argv[0], options.environment);
    if (program.empty()) {
      return fail(ErrorCode::kNotFound, "the program \"" + options.argv[0] + "\" is not found",
                  "install it, or give its full path; PATH is the child's");
    }
    Pipe in, out, err, report;
    for (auto* pipe : {&in, &out, &err, &report}) {
      if (auto opened = pipe->open(); !opened) return opened;
    }
    LentFiles lent;
    if (auto prepared = lent.prepare(options.lent, options.environment); !prepared) return prepared;
    std::vector<char*> argv;
    for (auto& argument : options.argv) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<std::string> assignments;
    for (const auto& [name, value] : options.environment) assignments.push_back(name + "=" + value);
    std::vector<char*> envp;
    for (auto& assignment : assignments) envp.push_back(assignment.data());
    envp.push_back(nullptr);
    const auto wipe_environment = [&] {
      if (options.lent.empty()) return;
      for (auto& [name, value] : options.environment) explicit_bzero(value.data(), value.size());
      for (auto& assignment : assignments) explicit_bzero(assignment.data(), assignment.size());
    };

    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
      const int error = errno;
      wipe_environment();
      return fail(system_error("fork", error));
    }
    if (pid == 0) {
      // Only async-signal-safe calls from here on: the gate has threads.
      ::setpgid(0, 0);
      auto failure = lent.mount_files();
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // after it: a change of credentials takes it off
      if (::getppid() != parent) ::_exit(127);
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
      bool ready =
          ::dup2(in.read_end, 0) >= 0 && ::dup2(out.write_end, 1) >= 0 && (options.forward_stderr || ::dup2(err.write_end, 2) >= 0);
      if (ready && !options.folder.empty()) ready = ::chdir(options.folder.c_str()) == 0;
      // Not every descriptor of ours may be close-on-exec: none is passed on but the report, which is.
      int last = report.write_end;
      if (ready && failure.step == LentFiles::Step::kDone) {
        last = ::fcntl(report.write_end, F_DUPFD_CLOEXEC, kFirstLentDescriptor + static_cast<int>(lent.descriptors()));
        ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
        failure = lent.place_descriptors();
        if (failure.step == LentFiles::Step::kDone) ::execve(program.c_str(), argv.data(), envp.data());
      }
      if (failure.step == LentFiles::Step::kDone) failure.error = errno;
      [[maybe_unused]] auto n = ::write(last, &failure, sizeof failure);
      ::_exit(127);
    }
    ::setpgid(pid, pid);
    wipe_environment();
    ::close(report.take_write());
    LentFiles::Failure failure;
    ssize_t got = 0;
    do got = ::read(report.read_end, &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    if (got == static_cast<ssize_t>(sizeof failure)) {
      ::waitpid(pid, nullptr, 0);
      if (failure.step != LentFiles::Step::kDone) return fail(lent_error(failure));
      auto error =
          system_error("cannot start \"" + options.argv[0] + "\"" + (options.folder.empty() ? "" : " in " + options.folder), failure.error);
      error.hint = "check the command and its working folder";
      return fail(std::move(error));
    }
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) {
      auto error = system_error("pidfd_open", errno);
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return fail(std::move(error));
    }
    auto& shared = *shared_;
    shared.pid = pid;
    shared.private_folder = lent.take_folder();
    shared.handlers = std::move(handlers);
    std::weak_ptr<Shared> weak = shared_;
    LineStream::Handlers lines;
    lines.on_line = [weak](std::string_view line) {
      if (auto self = weak.lock(); self && !self->released) {
        auto on_line = self->handlers.on_line;
        if (on_line) on_line(line);
      }
    };
    lines.on_bad_line = [weak](Error error) {
      if (auto self = weak.lock(); self && self->handlers.on_bad_line) self->handlers.on_bad_line(std::move(error));
    };
    lines.on_end = [weak](Status) {
      if (auto self = weak.lock()) {
        self->out_ended = true;
        self->report();
      }
    };
    shared.out = std::make_unique<LineStream>(shared.loop, out.take_read(), in.take_write(), options.limits, std::move(lines));
    if (!options.forward_stderr) {
      LineStream::Handlers errors;
      errors.on_line = [weak](std::string_view line) {
        if (auto self = weak.lock(); self && self->handlers.on_stderr) self->handlers.on_stderr(line);
      };
      shared.err = std::make_unique<LineStream>(shared.loop, err.take_read(), -1, options.limits, std::move(errors));
    }
    shared.watcher.assign(pidfd);
    shared.watch();
    return {};
  }

  Status write(std::string_view line) override {
    if (!shared_->out) return fail(ErrorCode::kIo, "the process has ended");
    return shared_->out->write(line);
  }
  int pid() const override { return shared_->pid; }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(Loop& loop, ProcessOptions options, Handlers handlers) {
  auto child = std::make_unique<Child>(loop);
  if (auto started = child->start(std::move(options), std::move(handlers)); !started) return fail(std::move(started.error()));
  return child;
}

std::map<std::string, std::string> safe_environment() {
  std::map<std::string, std::string> out;
  for (const char* name : {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "LC_ALL", "LC_CTYPE",
                           "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "LC_COLLATE"}) {
    if (const char* value = std::getenv(name)) out[name] = value;
  }
  return out;
}

}  // namespace interlock::net
