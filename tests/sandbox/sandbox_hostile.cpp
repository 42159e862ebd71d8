// sandbox_hostile VERB ...: what a hostile program inside a boundary tries; tests/unit/sandbox runs it there. Never run it elsewhere.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace {

// Of a file that is mapped and that others write to as well: the strings of an exec.
constexpr std::size_t kPath = 0, kArgument = 1024, kVariable = 2048, kPointers = 3072, kSize = 4096;

char* map(const char* file) {
  const int fd = ::open(file, O_RDWR);
  void* at = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || at == MAP_FAILED) std::exit(99);
  ::close(fd);
  return static_cast<char*>(at);
}

int exec_from(char* shared) {
  char name[] = "program";
  char* const arguments[] = {name, shared + kArgument, nullptr};
  char* const variables[] = {shared + kVariable, nullptr};
  ::execve(shared + kPath, arguments, variables);
  return errno;
}

int exec_shared(char** words) { return exec_from(map(words[0])); }

int exec_thread(char** words) {
  char* shared = map(words[0]);
  std::thread([&] { ::_exit(exec_from(shared)); }).join();
  return 98;
}

int exec_vfork(char** words) {
  char* shared = map(words[0]);
  const pid_t child = ::vfork();
  if (child == 0) ::_exit(exec_from(shared));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Argument pointers that others write to, in memory that a process of its own shares (CLONE_VM, and not a thread).
int exec_pointers(char** words) {
  char* shared = map(words[0]);
  auto** pointers = reinterpret_cast<char**>(shared + kPointers);
  pointers[0] = shared + kArgument;
  pointers[1] = shared + kVariable;  // where the test puts the other word
  pointers[2] = nullptr;
  ::execve(shared + kPath, pointers, nullptr);
  return errno;
}

// A relative path, while the folder it is relative to is another one: a thread that shares it waits at one pipe, and tells at the other.
int exec_moving(char** words) {
  std::thread([=] {
    char byte = 0;
    const int go = ::open(words[1], O_RDONLY), done = ::open(words[2], O_WRONLY);
    if (::read(go, &byte, 1) == 1 && ::chdir(words[3]) == 0) std::ignore = ::write(done, &byte, 1);
  }).detach();
  ::execl(words[0], words[0], words[4], nullptr);
  return errno;
}

int exec_descriptor(char** words) {
  const int fd = ::open(words[0], O_PATH | O_CLOEXEC);
  char* const none[] = {nullptr};
  ::syscall(SYS_execveat, fd, "", words, none, AT_EMPTY_PATH);
  return errno;
}

int exec_memory(char** words) {
  const int from = ::open(words[0], O_RDONLY), to = static_cast<int>(::syscall(SYS_memfd_create, "hidden", MFD_CLOEXEC));
  char part[65536];
  for (ssize_t size = 0; (size = ::read(from, part, sizeof part)) > 0;) std::ignore = ::write(to, part, static_cast<std::size_t>(size));
  char* const none[] = {nullptr};
  ::syscall(SYS_execveat, to, "", words, none, AT_EMPTY_PATH);
  return errno;
}

bool start_and_wait(char** words) {
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execv(words[0], words);
    ::_exit(97);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

int exec_many(char** words) {
  const int count = std::atoi(words[0]);
  for (int i = 0; i < count; ++i)
    if (!start_and_wait(words + 1)) return 1;
  return 0;
}

int install(std::initializer_list<sock_filter> instructions, unsigned long flags) {
  sock_fprog program{static_cast<unsigned short>(instructions.size()), const_cast<sock_filter*>(instructions.begin())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0 ? errno : 0;
}

// A listener of one's own for execve, to answer it oneself.
int second_listener(char**) { return install({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}, SECCOMP_FILTER_FLAG_NEW_LISTENER); }

// A filter that allows everything, then the exec of the rest of the words.
int own_filter(char** words) {
  if (const int error = install({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}, 0); error != 0) return error;
  ::execv(words[0], words);
  return errno;
}

// A filter that refuses exec with an errno: it is denied, without being asked about.
int own_refusal(char** words) {
  const int error =
      install({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EUCLEAN), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)},
              0);
  if (error != 0) return error;
  ::execv(words[0], words);
  return errno;
}

#if defined(__x86_64__)
int x32_call(char**) { return ::syscall(0x40000000 | SYS_getpid) > 0 ? 0 : errno; }
int foreign_call(char**) {
  long result = 20;  // getpid of the 32-bit architecture
  asm volatile("int $0x80" : "+a"(result) : : "memory");
  return result > 0 ? 0 : static_cast<int>(-result);
}
#endif

// The kernel takes the lower half of the request; a filter that compared all of it would not.
int push_input(char**) {
  char byte = 'x';
  return ::syscall(SYS_ioctl, 0, 0x100000000UL | TIOCSTI, &byte) == 0 ? 0 : errno;
}

int exchange(char** words) {
  return ::syscall(SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, words[1], 2 /* RENAME_EXCHANGE */) == 0 ? 0 : errno;
}

int connect_abstract(char** words) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path + 1, words[0]);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(words[0]));
  return ::connect(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno;
}

int signal_group(char**) {
  std::signal(SIGTERM, SIG_IGN);
  return ::kill(0, SIGTERM) == 0 ? 0 : errno;
}

int signal_first(char**) {
  for (const int number : {SIGKILL, SIGSTOP, SIGTERM, SIGHUP, SIGSEGV}) ::kill(1, number);
  return 0;
}

// Leaves a process behind in a session of its own, which ignores what it can and holds no descriptor.
int leave_daemon(char** words) {
  if (::fork() != 0) return 0;
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  for (int number = 1; number < 32; ++number) std::signal(number, SIG_IGN);
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  const int alive = ::open(words[0], O_CREAT | O_WRONLY, 0600);
  ::close(alive);
  for (;;) ::pause();
}

int fork_all(char**) {
  int made = 0;
  while (made < 10'000 && ::fork() >= 0) ++made;
  return errno;
}

const std::map<std::string, std::function<int(char**)>> kVerbs = {
    {"exec-shared", exec_shared},
    {"exec-thread", exec_thread},
    {"exec-vfork", exec_vfork},
    {"exec-pointers", exec_pointers},
    {"exec-moving", exec_moving},
    {"exec-descriptor", exec_descriptor},
    {"exec-memory", exec_memory},
    {"exec-many", exec_many},
    {"second-listener", second_listener},
    {"own-filter", own_filter},
    {"own-refusal", own_refusal},
    {"push-input", push_input},
    {"exchange", exchange},
    {"connect-abstract", connect_abstract},
    {"signal-group", signal_group},
    {"signal-first", signal_first},
    {"leave-daemon", leave_daemon},
    {"fork-all", fork_all},
#if defined(__x86_64__)
    {"x32-call", x32_call},
    {"foreign-call", foreign_call},
#endif
};

}  // namespace

// The exit code is 0 where it worked, or an errno.
int main(int count, char** words) {
  const auto verb = count > 1 ? kVerbs.find(words[1]) : kVerbs.end();
  if (verb == kVerbs.end()) return 2;
  return verb->second(words + 2);
}
