// What an agent's code could ask of the kernel to get out of its boundary: attack NAME [ARGUMENTS]. Prints ESCAPED and why where the kernel did
// as it was asked, else how it was refused. Harmless outside, too: every call has arguments that do no damage, so that the same program
// shows there that the attempt is a real one. Exit status: 0 escaped, 1 refused, 2 no such attack.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int escaped(const char* how) {
  printf("ESCAPED %s\n", how);
  fflush(stdout);
  return 0;
}
static int refused(const char* what) {
  printf("refused: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  return 1;
}
static int outcome(long result, const char* what) { return result >= 0 ? escaped(what) : refused(what); }

// Calls with arguments that are wrong: whoever is let in hears EINVAL, EFAULT or EBADF; a filter says EPERM, EACCES or ENOSYS before that.
static int reached(long result, const char* what) {
  if (result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS)) return refused(what);
  return escaped(what);
}

// ---- sockets --------------------------------------------------------------------------------------------------------------------

static int say(int fd, const char* token) {
  char text[256];
  const int length = snprintf(text, sizeof text, "%s\n", token);
  return send(fd, text, (size_t)length, MSG_NOSIGNAL) == length;
}

// tcp|udp ADDRESS PORT TOKEN
static int to_address(char** a, int type) {
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(a[1]))};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a[1]))};
  const int is_six = inet_pton(AF_INET6, a[0], &six.sin6_addr) == 1;
  if (!is_six && inet_pton(AF_INET, a[0], &four.sin_addr) != 1) return 2;
  const int fd = socket(is_six ? AF_INET6 : AF_INET, type, 0);
  if (fd < 0) return refused("socket");
  const struct timeval wait = {.tv_sec = 2};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  const struct sockaddr* to = is_six ? (const struct sockaddr*)&six : (const struct sockaddr*)&four;
  if (connect(fd, to, is_six ? sizeof six : sizeof four) != 0) return refused("connect");
  if (!say(fd, a[2])) return refused("send");
  usleep(50000);
  printf("sent\n");  // whether it came is for the server to say
  return 0;
}

// fastopen ADDRESS PORT TOKEN: connects by sending.
static int fastopen(char** a) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(a[1]))};
  inet_pton(AF_INET, a[0], &four.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (sendto(fd, a[2], strlen(a[2]), MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr*)&four, sizeof four) < 0) return refused("sendto");
  printf("sent\n");
  usleep(50000);
  return 0;
}

// unix PATH TOKEN; a leading @ is an abstract name.
static int to_unix(char** a) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  const size_t length = strlen(a[0]);
  memcpy(at.sun_path, a[0], length);
  if (a[0][0] == '@') at.sun_path[0] = 0;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return refused("socket");
  if (connect(fd, (struct sockaddr*)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (a[0][0] != '@'))) != 0)
    return refused("connect");
  if (!say(fd, a[1])) return refused("send");
  printf("sent\n");
  return 0;
}

static int route_change(void) {
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0) return refused("socket");
  struct {
    struct nlmsghdr head;
    struct ifinfomsg link;
  } ask = {.head = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
           .link = {.ifi_family = AF_UNSPEC, .ifi_index = 1, .ifi_change = IFF_UP, .ifi_flags = IFF_UP}};
  if (send(fd, &ask, sizeof ask, 0) < 0) return refused("send");
  char buffer[512];
  if (recv(fd, buffer, sizeof buffer, 0) < (ssize_t)(sizeof(struct nlmsghdr) + sizeof(int))) return refused("recv");
  const struct nlmsghdr* head = (const struct nlmsghdr*)buffer;
  const int error = *(const int*)NLMSG_DATA(head);
  errno = -error;
  return head->nlmsg_type == NLMSG_ERROR && error != 0 ? refused("RTM_NEWLINK") : escaped("changed a link");
}

// ---- processes ------------------------------------------------------------------------------------------------------------------

// Looks through the memory of process `pid` for what the victim holds.
static int memory_by_proc(const char* pid, const char* canary) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/maps", pid);
  FILE* maps = fopen(path, "r");
  if (maps == NULL) return refused("maps");
  snprintf(path, sizeof path, "/proc/%s/mem", pid);
  const int mem = open(path, O_RDONLY);
  if (mem < 0) return refused("mem");
  char line[512];
  while (fgets(line, sizeof line, maps)) {
    unsigned long from = 0, to = 0;
    if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || to - from > (64ul << 20)) continue;
    char* copy = malloc(to - from);
    const ssize_t got = pread(mem, copy, to - from, (off_t)from);
    if (got > 0 && memmem(copy, (size_t)got, canary, strlen(canary))) return escaped("memory of another process");
    free(copy);
  }
  errno = ENOENT;
  return refused("nothing found");
}

static int each_process(int (*on)(int pid)) {
  DIR* proc = opendir("/proc");
  if (proc == NULL) return refused("/proc");
  const int own = getpid();
  for (struct dirent* one; (one = readdir(proc)) != NULL;) {
    const int pid = atoi(one->d_name);
    if (pid > 0 && pid != own && on(pid) == 0) return 0;
  }
  errno = ESRCH;
  return refused("no process");
}
static int attach_to(int pid) {
  if (pid == getppid()) return 1;  // ours
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) return 1;
  ptrace(PTRACE_DETACH, pid, 0, 0);
  return escaped("ptrace");
}

static int child_traced(void) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(1);
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, WUNTRACED);
  const int stopped = WIFSTOPPED(status);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  errno = EPERM;
  return stopped ? escaped("ptrace of a child: a tracer can change what was checked") : refused("PTRACE_TRACEME");
}

// ---- namespaces and mounts ------------------------------------------------------------------------------------------------------

static int in_child(int (*work)(void)) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
static int unshare_user(void) { return outcome(unshare(CLONE_NEWUSER), "a user namespace"); }
static int unshare_net(void) { return outcome(unshare(CLONE_NEWUSER | CLONE_NEWNET), "a network namespace"); }
static int unshare_mount(void) { return outcome(unshare(CLONE_NEWUSER | CLONE_NEWNS), "a mount namespace"); }
static int clone_user(void) {
  const long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return outcome(pid, "clone with a user namespace");
}
static int clone3_user(void) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) _exit(0);
  return outcome(pid, "clone3 with a user namespace");
}
static int mount_tmpfs(void) {
  // In a namespace of its own where it may have one, so that nothing changes outside.
  (void)unshare(CLONE_NEWNS);
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return refused("mount");
  return outcome(mount("none", "/mnt", "tmpfs", 0, NULL), "mount");
}
static int remount(void) {
  (void)unshare(CLONE_NEWNS);
  return outcome(mount("none", "/usr", NULL, MS_REMOUNT | MS_BIND, NULL) == 0 || mount("/usr", "/usr", NULL, MS_BIND, NULL) == 0 ? 0 : -1,
                 "remount of /usr");
}
static int unmount(void) {
  (void)unshare(CLONE_NEWNS);
  return outcome(umount2("/proc", MNT_DETACH), "umount");
}
static int chroot_out(void) { return outcome(chroot("."), "chroot"); }
static int enter_namespace(void) {
  const int fd = open("/proc/1/ns/mnt", O_RDONLY);
  if (fd < 0) return refused("open");
  return reached(syscall(SYS_setns, fd, CLONE_NEWNS), "setns");
}

// ---- exec and its check ---------------------------------------------------------------------------------------------------------

static char* swap_word;
static volatile int swap_stop;
static void* swapper(void* other) {
  char saved[256];
  strcpy(saved, swap_word);
  while (!swap_stop) {
    strcpy(swap_word, (const char*)other);
    for (volatile int i = 0; i < 200; i++) {}
    strcpy(swap_word, saved);
    for (volatile int i = 0; i < 200; i++) {}
  }
  return NULL;
}

// swap-path GOOD BAD ROUNDS ARG: another thread changes the path while exec is being decided on. Children, since a good exec ends us. The
// bad program is known by what it prints.
static int swap_path(char** a) {
  for (int round = 0; round < atoi(a[2]); round++) {
    const pid_t child = fork();
    if (child == 0) {
      char* path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
      strcpy(path, a[0]);
      swap_word = path;
      pthread_t thread;
      pthread_create(&thread, NULL, swapper, a[1]);
      char* argv[] = {"factor", a[3], NULL};
      usleep((useconds_t)(round % 7));
      execv(path, argv);
      _exit(1);
    }
    waitpid(child, NULL, 0);
  }
  return 0;
}

// swap-shared GOOD BAD ROUNDS ARG: the same by another process, through shared memory.
static int swap_shared(char** a) {
  char* path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  strcpy(path, a[0]);
  const pid_t other = fork();
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    swap_word = path;
    swapper(a[1]);
  }
  for (int round = 0; round < atoi(a[2]); round++) {
    const pid_t child = fork();
    if (child == 0) {
      char* argv[] = {"factor", a[3], NULL};
      execv(path, argv);
      _exit(1);
    }
    waitpid(child, NULL, 0);
  }
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  return 0;
}

// swap-link LINK GOOD BAD ROUNDS ARG: a link that points now here, now there.
static int swap_link(char** a) {
  const pid_t other = fork();
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char beside[512];
    snprintf(beside, sizeof beside, "%s.new", a[0]);
    for (int i = 0;; i++) {
      unlink(beside);
      if (symlink(i % 2 ? a[1] : a[2], beside) == 0) rename(beside, a[0]);
    }
  }
  for (int round = 0; round < atoi(a[3]); round++) {
    const pid_t child = fork();
    if (child == 0) {
      char* argv[] = {"factor", a[4], NULL};
      execv(a[0], argv);
      _exit(1);
    }
    waitpid(child, NULL, 0);
  }
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  return 0;
}

// swap-vfork GOOD BAD ROUNDS ARG: the child of a vfork shares its parent's memory, and another thread of the parent writes there.
static int swap_vfork(char** a) {
  char* path = malloc(256);
  strcpy(path, a[0]);
  swap_word = path;
  pthread_t thread;
  pthread_create(&thread, NULL, swapper, a[1]);
  for (int round = 0; round < atoi(a[2]); round++) {
    char* argv[] = {"factor", a[3], NULL};
    const pid_t child = vfork();
    if (child == 0) {
      execv(path, argv);
      _exit(1);
    }
    if (child > 0) waitpid(child, NULL, 0);
  }
  swap_stop = 1;
  pthread_join(thread, NULL);
  return 0;
}

static int file_in_memory(const char* program) {
  const int fd = (int)syscall(SYS_memfd_create, "tool", 0);
  const int from = open(program, O_RDONLY);
  if (fd < 0 || from < 0) return -1;
  char buffer[65536];
  for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;)
    if (write(fd, buffer, (size_t)got) != got) return -1;
  close(from);
  return fd;
}
// memfd PROGRAM ARG
static int run_from_memory(char** a) {
  const int fd = file_in_memory(a[0]);
  if (fd < 0) return refused("memfd");
  char* argv[] = {"factor", a[1], NULL};
  extern char** environ;
  syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
  return refused("execveat");
}
// memfd-proc PROGRAM ARG: the same by its name in /proc
static int run_from_memory_by_name(char** a) {
  const int fd = file_in_memory(a[0]);
  if (fd < 0) return refused("memfd");
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  char* argv[] = {"factor", a[1], NULL};
  execv(path, argv);
  return refused("execv");
}
// by-descriptor PROGRAM ARG
static int run_descriptor(char** a) {
  const int fd = open(a[0], O_RDONLY | O_CLOEXEC);
  if (fd < 0) return refused("open");
  char* argv[] = {"factor", a[1], NULL};
  extern char** environ;
  syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
  return refused("execveat");
}
// relative FOLDER NAME ARG: execveat below a descriptor of a folder
static int run_below(char** a) {
  const int fd = open(a[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char* argv[] = {"true", a[2], NULL};
  extern char** environ;
  syscall(SYS_execveat, fd, a[1], argv, environ, 0);
  return refused("execveat");
}
// no-arguments PROGRAM: argv is empty
static int run_without_arguments(char** a) {
  char* argv[] = {NULL};
  execv(a[0], argv);
  return refused("execv");
}

static int second_listener(void) {
  struct sock_filter {
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
  } allow[] = {{0x06, 0, 0, 0x7fff0000}};
  struct {
    unsigned short len;
    void* filter;
  } program = {1, allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program), "a supervisor of its own");
}

// ---- the rest -------------------------------------------------------------------------------------------------------------------

static int uring(void) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  return outcome(syscall(SYS_io_uring_setup, 4, &parameters), "io_uring");
}
static int bpf_map(void) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 4;
  attr.max_entries = 1;
  return outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), "bpf");
}
static int perf(void) {
  struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1};
  return outcome(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), "perf_event_open");
}
static int handle(const char* path) {
  struct {
    struct file_handle head;
    char bytes[128];
  } file = {.head = {.handle_bytes = 128}};
  int mount_id = 0;
  if (syscall(SYS_name_to_handle_at, AT_FDCWD, path, &file, &mount_id, 0) != 0) return refused("name_to_handle_at");
  const int root = open("/", O_RDONLY);
  return reached(syscall(SYS_open_by_handle_at, root, &file, O_RDONLY), "open_by_handle_at");
}
static int push_input(unsigned long request) {
  int fd = open("/dev/tty", O_RDWR | O_NOCTTY);
  if (fd < 0) fd = 0;
  char byte[2] = {3, 0};
  return reached(ioctl(fd, request, byte), "the terminal's input");
}
// The high half of the request is thrown away by the kernel, and must not hide the low one from a filter.
static int push_input_wide(void) {
  char byte = 'x';
  return reached(syscall(SYS_ioctl, 0, 0x100000000ul | TIOCSTI, &byte), "the terminal's input");
}
static int x32_call(void) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const long result = syscall(0x40000000 | SYS_getpid);
    _exit(result > 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = EPERM;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? escaped("x32") : refused("x32");
}
static int old_call(void) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    long result = -1;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");  // getpid of i386
    _exit(result > 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = EPERM;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? escaped("32-bit calls") : refused("int 0x80");
}
static int device(void) {
  char path[64];
  snprintf(path, sizeof path, "./disk-%d", getpid());
  if (mknod(path, S_IFBLK | 0600, (dev_t)0xfe00) != 0) return refused("mknod");
  const int fd = open(path, O_RDONLY);
  unlink(path);
  return fd >= 0 || errno == ENXIO ? escaped("a disk's device file") : refused("open");
}
static int raise_privileges(void) {
  // Whatever has a set-uid bit: does it give anything?
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) _exit(1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = EPERM;
  return WEXITSTATUS(status) == 0 ? escaped("set-uid programs count") : refused("no_new_privs");
}
static int capabilities(void) {
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  unsigned long long any = 0;
  while (status && fgets(line, sizeof line, status)) {
    unsigned long long set = 0;
    if (sscanf(line, "CapPrm: %llx", &set) == 1 || sscanf(line, "CapEff: %llx", &set) == 1 || sscanf(line, "CapAmb: %llx", &set) == 1)
      any |= set;
  }
  errno = EPERM;
  return any ? escaped("capabilities") : refused("capabilities");
}
// descriptors: any above 2 that stands open?
static int descriptors(const char* most) {
  for (int fd = 3; fd < atoi(most); fd++) {
    struct stat what;
    if (fstat(fd, &what) == 0) return escaped("a descriptor of the launcher");
  }
  errno = EBADF;
  return refused("descriptors");
}

int main(int count, char** words) {
  if (count < 2) return 2;
  const char* name = words[1];
  char** a = words + 2;
  if (!strcmp(name, "tcp")) return to_address(a, SOCK_STREAM);
  if (!strcmp(name, "udp")) return to_address(a, SOCK_DGRAM);
  if (!strcmp(name, "fastopen")) return fastopen(a);
  if (!strcmp(name, "unix")) return to_unix(a);
  if (!strcmp(name, "raw")) return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "a raw socket");
  if (!strcmp(name, "packet")) return outcome(socket(AF_PACKET, SOCK_RAW, htons(3)), "a packet socket");
  if (!strcmp(name, "vsock")) return outcome(socket(AF_VSOCK, SOCK_STREAM, 0), "a vsock socket");
  if (!strcmp(name, "alg")) return outcome(socket(AF_ALG, SOCK_SEQPACKET, 0), "the kernel's crypto");
  if (!strcmp(name, "netlink-audit")) return outcome(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), "the audit socket");
  if (!strcmp(name, "netlink-netfilter")) return outcome(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), "netfilter");
  if (!strcmp(name, "route")) return route_change();
  if (!strcmp(name, "memory")) return memory_by_proc(a[0], a[1]);
  if (!strcmp(name, "ptrace-any")) return each_process(attach_to);
  if (!strcmp(name, "ptrace")) return ptrace(PTRACE_SEIZE, atoi(a[0]), 0, 0) == 0 ? escaped("ptrace") : refused("ptrace");
  if (!strcmp(name, "ptrace-child")) return child_traced();
  if (!strcmp(name, "vm-read")) {
    char byte = 0;
    const struct iovec here = {&byte, 1}, there = {(void*)0x1000, 1};
    return reached(process_vm_readv(atoi(a[0]), &here, 1, &there, 1, 0) < 0 && errno == ESRCH ? (errno = EPERM, -1) : -1, "process_vm_readv");
  }
  if (!strcmp(name, "vm-read-own")) {
    char byte = 0, other = 7;
    const struct iovec here = {&byte, 1}, there = {&other, 1};
    return outcome(process_vm_readv(getpid(), &here, 1, &there, 1, 0), "process_vm_readv");
  }
  if (!strcmp(name, "signal")) return outcome(kill(atoi(a[0]), 0), "a signal to a process outside");
  if (!strcmp(name, "pidfd")) return outcome(syscall(SYS_pidfd_open, atoi(a[0]), 0), "pidfd_open of a process outside");
  if (!strcmp(name, "shm")) {
    const int id = shmget((key_t)atoi(a[0]), 0, 0);
    return outcome(id, "shared memory of the host");
  }
  if (!strcmp(name, "msg")) return outcome(msgget((key_t)atoi(a[0]), 0), "a message queue of the host");
  if (!strcmp(name, "unshare-user")) return in_child(unshare_user);
  if (!strcmp(name, "unshare-net")) return in_child(unshare_net);
  if (!strcmp(name, "unshare-mount")) return in_child(unshare_mount);
  if (!strcmp(name, "clone-user")) return clone_user();
  if (!strcmp(name, "clone3-user")) return clone3_user();
  if (!strcmp(name, "mount")) return in_child(mount_tmpfs);
  if (!strcmp(name, "remount")) return in_child(remount);
  if (!strcmp(name, "umount")) return in_child(unmount);
  if (!strcmp(name, "fsopen")) return outcome(syscall(SYS_fsopen, "tmpfs", 0), "fsopen");
  if (!strcmp(name, "open-tree")) return outcome(syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */), "open_tree");
  if (!strcmp(name, "move-mount")) return reached(syscall(SYS_move_mount, -1, "", -1, "", 0), "move_mount");
  if (!strcmp(name, "mount-setattr")) return reached(syscall(SYS_mount_setattr, -1, "", 0, NULL, 0), "mount_setattr");
  if (!strcmp(name, "pivot-root")) return reached(syscall(SYS_pivot_root, "/no", "/no"), "pivot_root");
  if (!strcmp(name, "chroot")) return in_child(chroot_out);
  if (!strcmp(name, "setns")) return in_child(enter_namespace);
  if (!strcmp(name, "swap-path")) return swap_path(a);
  if (!strcmp(name, "swap-shared")) return swap_shared(a);
  if (!strcmp(name, "swap-link")) return swap_link(a);
  if (!strcmp(name, "swap-vfork")) return swap_vfork(a);
  if (!strcmp(name, "memfd")) return run_from_memory(a);
  if (!strcmp(name, "memfd-proc")) return run_from_memory_by_name(a);
  if (!strcmp(name, "by-descriptor")) return run_descriptor(a);
  if (!strcmp(name, "relative")) return run_below(a);
  if (!strcmp(name, "no-arguments")) return run_without_arguments(a);
  if (!strcmp(name, "listener")) return in_child(second_listener);
  if (!strcmp(name, "io-uring")) return uring();
  if (!strcmp(name, "bpf")) return bpf_map();
  if (!strcmp(name, "perf")) return perf();
  if (!strcmp(name, "userfaultfd")) return outcome(syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY), "userfaultfd");
  if (!strcmp(name, "keyctl")) return reached(syscall(SYS_keyctl, 0, -4, 0), "keyctl");
  if (!strcmp(name, "add-key")) return reached(syscall(SYS_add_key, "user", "escape", "x", 1, -1), "add_key");
  if (!strcmp(name, "request-key")) return reached(syscall(SYS_request_key, "user", "escape", NULL, -1), "request_key");
  if (!strcmp(name, "handle")) return handle(a[0]);
  if (!strcmp(name, "kexec")) return reached(syscall(SYS_kexec_load, 0, 99, NULL, 0xffff0000ul), "kexec_load");
  if (!strcmp(name, "init-module")) return reached(syscall(SYS_finit_module, -1, "", 0), "finit_module");
  if (!strcmp(name, "delete-module")) return reached(syscall(SYS_delete_module, "no-such-module", 0), "delete_module");
  if (!strcmp(name, "reboot")) return reached(syscall(SYS_reboot, 1, 2, 3, NULL), "reboot");
  if (!strcmp(name, "swapon")) return reached(syscall(SYS_swapon, "/no-such-file", 0), "swapon");
  if (!strcmp(name, "acct")) return reached(syscall(SYS_acct, "/no-such-file"), "acct");
  if (!strcmp(name, "quotactl")) return reached(syscall(SYS_quotactl, -1, "/no", 0, NULL), "quotactl");
  if (!strcmp(name, "syslog")) return outcome(syscall(SYS_syslog, 10, NULL, 0), "the kernel's log");
  if (!strcmp(name, "iopl")) return outcome(syscall(SYS_iopl, 3), "iopl");
  if (!strcmp(name, "settime")) return reached(syscall(SYS_clock_settime, 0, NULL), "clock_settime");
  if (!strcmp(name, "hostname")) return reached(syscall(SYS_sethostname, NULL, 70), "sethostname");
  if (!strcmp(name, "personality")) return outcome(personality(READ_IMPLIES_EXEC) == -1 ? -1 : 0, "personality");
  if (!strcmp(name, "kcmp")) return outcome(syscall(SYS_kcmp, getpid(), getppid(), 3 /* KCMP_FS */, 0, 0), "kcmp");
  if (!strcmp(name, "pidfd-getfd")) return reached(syscall(SYS_pidfd_getfd, -1, 0, 0), "pidfd_getfd");
  if (!strcmp(name, "fanotify")) return outcome(syscall(SYS_fanotify_init, 0, 0), "fanotify");
  if (!strcmp(name, "tiocsti")) return push_input(TIOCSTI);
  if (!strcmp(name, "tioclinux")) return push_input(TIOCLINUX);
  if (!strcmp(name, "tiocsti-wide")) return push_input_wide();
  if (!strcmp(name, "x32")) return x32_call();
  if (!strcmp(name, "int80")) return old_call();
  if (!strcmp(name, "mknod")) return device();
  if (!strcmp(name, "privileges")) return raise_privileges();
  if (!strcmp(name, "capabilities")) return capabilities();
  if (!strcmp(name, "descriptors")) return descriptors(a[0]);
  fprintf(stderr, "attack: there is no %s\n", name);
  return 2;
}
