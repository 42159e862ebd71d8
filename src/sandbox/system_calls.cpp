#include "sandbox/system_calls.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace interlock::sandbox {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kX32Bit = 0x40000000;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the list of system calls is written for x86-64 and AArch64"
#endif

// Of the calls up to this one each was looked at (Linux 6.18: file_setattr). From 424 on numbers are the same on all architectures.
constexpr std::uint32_t kNewestCall = 469;

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

// Those that change the machine, the view or the namespaces, and those that reach into other processes.
constexpr std::uint32_t kForbidden[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    438 /* pidfd_getfd */,
    440 /* process_madvise */,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    428 /* open_tree */,
    429 /* move_mount */,
    430 /* fsopen */,
    431 /* fsconfig */,
    432 /* fsmount */,
    433 /* fspick */,
    442 /* mount_setattr */,
    467 /* open_tree_attr */,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    443 /* quotactl_fd */,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_lookup_dcookie,
    SYS_nfsservctl,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_create_module,
    SYS_get_kernel_syms,
    SYS_query_module,
    SYS__sysctl,
    SYS_ustat,
    SYS_sysfs,
#endif
};

// Those that programs try first and have another way for; clone3 hides its flags from a filter.
constexpr std::uint32_t kUnknown[] = {
    435 /* clone3 */,
    425 /* io_uring_setup */,
    426 /* io_uring_enter */,
    427 /* io_uring_register */,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_vmsplice,
    SYS_name_to_handle_at,
    457 /* statmount */,
    458 /* listmount */,
    459 /* lsm_get_self_attr */,
    460 /* lsm_set_self_attr */,
};

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t kNewTimeNamespace = 0x80;  // CLONE_NEWTIME; of clone(2) these bits are the signal at the end

// What TIOCSTI, TIOCLINUX and TIOCCONS put into a terminal its owner's shell reads; a line discipline is kernel code for a modem.
constexpr std::uint32_t kForbiddenTerminalRequests[] = {TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD};

// Debuggers and sanitizers turn the random layout of their own memory off; 0xffffffff asks.
constexpr std::uint32_t kPersonalities[] = {0, 0x0040000, 0xffffffff};

constexpr std::uint32_t kInternetProtocols[] = {0, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};

constexpr std::uint32_t refused_with(int error_number) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error_number); }

// Assembles a filter: each rule leaves the call's number in the accumulator for the next one.
class Assembler {
 public:
  void load_number() { load(offsetof(seccomp_data, nr)); }
  void load_architecture() { load(offsetof(seccomp_data, arch)); }
  // The lower half, which is what the kernel takes of an int.
  void load_argument(unsigned index) { load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * 8)); }
  void keep_bits(std::uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, bits); }
  void answer(std::uint32_t action) { add(BPF_RET | BPF_K, action); }

  void answer_if_equal(std::uint32_t value, std::uint32_t action) { answer_if(BPF_JEQ, value, action); }
  void answer_if_greater(std::uint32_t value, std::uint32_t action) { answer_if(BPF_JGT, value, action); }
  void answer_if_not_equal(std::uint32_t value, std::uint32_t action) {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    answer(action);
  }

  // `rules` where what is loaded is `value`; they must answer in the end, for they may have loaded something else.
  template <typename Rules>
  void where(std::uint32_t value, Rules rules) {
    const std::size_t jump = filter_.size();
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0);
    rules();
    filter_[jump].jf = static_cast<std::uint8_t>(filter_.size() - jump - 1);
  }

  sock_fprog program() { return {static_cast<unsigned short>(filter_.size()), filter_.data()}; }

 private:
  void add(std::uint16_t code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
    filter_.push_back({code, if_true, if_false, value});
  }
  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void answer_if(std::uint16_t condition, std::uint32_t value, std::uint32_t action) {
    add(static_cast<std::uint16_t>(BPF_JMP | condition | BPF_K), value, 0, 1);
    answer(action);
  }

  std::vector<sock_filter> filter_;
};

void check_socket(Assembler& to) {
  to.load_argument(0);
  to.answer_if_equal(AF_UNIX, SECCOMP_RET_ALLOW);
  to.where(AF_NETLINK, [&] {  // interfaces and routes, of this namespace
    to.load_argument(2);
    to.answer_if_equal(0 /* NETLINK_ROUTE */, SECCOMP_RET_ALLOW);
    to.answer(refused_with(EPROTONOSUPPORT));
  });
  for (const std::uint32_t family : {AF_INET, AF_INET6})
    to.where(family, [&] {
      to.load_argument(1);
      to.keep_bits(0xf);  // without SOCK_CLOEXEC and SOCK_NONBLOCK
      to.answer_if_equal(SOCK_RAW, refused_with(EPERM));
      to.answer_if_greater(SOCK_DGRAM, refused_with(EPERM));
      to.load_argument(2);
      for (const std::uint32_t protocol : kInternetProtocols) to.answer_if_equal(protocol, SECCOMP_RET_ALLOW);
      to.answer(refused_with(EPROTONOSUPPORT));
    });
  to.answer(refused_with(EAFNOSUPPORT));
}

Assembler assemble(bool watch_exec) {
  Assembler to;
  to.load_architecture();
  to.answer_if_not_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
  to.load_number();
#if defined(__x86_64__)
  to.answer_if_greater(kX32Bit - 1, SECCOMP_RET_KILL_PROCESS);
#endif
  to.answer_if_greater(kNewestCall, refused_with(ENOSYS));
  if (watch_exec)
    for (const std::uint32_t call : {SYS_execve, SYS_execveat}) to.answer_if_equal(call, SECCOMP_RET_USER_NOTIF);
  for (const std::uint32_t call : kForbidden) to.answer_if_equal(call, refused_with(EPERM));
  for (const std::uint32_t call : kUnknown) to.answer_if_equal(call, refused_with(ENOSYS));
  to.where(SYS_clone, [&] {
    to.load_argument(0);
    to.keep_bits(kNewNamespaces);
    to.answer_if_not_equal(0, refused_with(EPERM));
    to.answer(SECCOMP_RET_ALLOW);
  });
  to.where(SYS_unshare, [&] {
    to.load_argument(0);
    to.keep_bits(kNewNamespaces | kNewTimeNamespace);
    to.answer_if_not_equal(0, refused_with(EPERM));
    to.answer(SECCOMP_RET_ALLOW);
  });
  to.where(SYS_ioctl, [&] {
    to.load_argument(1);
    for (const std::uint32_t request : kForbiddenTerminalRequests) to.answer_if_equal(request, refused_with(EPERM));
    to.answer(SECCOMP_RET_ALLOW);
  });
  to.where(SYS_personality, [&] {
    to.load_argument(0);
    for (const std::uint32_t persona : kPersonalities) to.answer_if_equal(persona, SECCOMP_RET_ALLOW);
    to.answer(refused_with(EPERM));
  });
  to.where(SYS_socket, [&] { check_socket(to); });
  to.answer(SECCOMP_RET_ALLOW);
  return to;
}

bool is_available(std::uint32_t action) { return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0; }

}  // namespace

bool can_filter_system_calls() { return is_available(SECCOMP_RET_KILL_PROCESS) && is_available(SECCOMP_RET_ERRNO); }

// Notifications came with Linux 5.0; that one may be answered with "go on" (5.5), and that its descriptor can be waited for, are taken
// together with the mount interface that a view needs (5.12).
bool can_watch_exec() { return is_available(SECCOMP_RET_USER_NOTIF); }

Result<Descriptor> filter_system_calls(bool watch_exec) {
  Assembler assembled = assemble(watch_exec);
  sock_fprog program = assembled.program();
  if (!watch_exec) {
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return fail(system_error("seccomp", errno));
    return Descriptor();
  }
  // Signals do not cut an ask short that the supervisor has taken (Linux 5.19); without that it is asked again.
  for (const unsigned long flags :
       {SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, SECCOMP_FILTER_FLAG_NEW_LISTENER}) {
    const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener >= 0) return Descriptor(static_cast<int>(listener));
    if (errno != EINVAL) break;
  }
  return fail(system_error("seccomp", errno));
}

}  // namespace interlock::sandbox
