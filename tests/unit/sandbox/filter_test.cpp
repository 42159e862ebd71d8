// The system call filter by itself, in a child that has all the privileges this test has: what is refused is refused by the filter, not for
// lack of a capability. Each call is made so that it would fail otherwise, and in another way.
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "sandbox/system_calls.hpp"

namespace interlock::sandbox {
namespace {

// The errno of a call behind the filter; 0: it worked.
int behind_the_filter(const std::function<long()>& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!filter_system_calls(false)) ::_exit(255);
    errno = 0;
    ::_exit(call() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

struct Call {
  const char* name;
  long number;
  long arguments[5];
  int expected;
};

class SystemCall : public ::testing::TestWithParam<Call> {};

TEST_P(SystemCall, is_refused) {
  const Call& call = GetParam();
  const int found = behind_the_filter([&] {
    const long* a = call.arguments;
    return ::syscall(call.number, a[0], a[1], a[2], a[3], a[4]);
  });
  EXPECT_EQ(found, call.expected) << call.name;
}

constexpr long kBad = 1;  // an address that nobody has
const Call kCalls[] = {Call{"ptrace", SYS_ptrace, {0x4200, 999999}, EPERM},
                       Call{"process_vm_readv", SYS_process_vm_readv, {999999, kBad, 1, kBad, 1}, EPERM},
                       Call{"process_vm_writev", SYS_process_vm_writev, {999999, kBad, 1, kBad, 1}, EPERM},
                       Call{"kcmp", SYS_kcmp, {999999, 999998, 0}, EPERM},
                       Call{"pidfd_getfd", 438, {-1, 0, 0}, EPERM},
                       Call{"process_madvise", 440, {-1, kBad, 1, 0}, EPERM},
                       Call{"mount", SYS_mount, {kBad, kBad, kBad}, EPERM},
                       Call{"umount2", SYS_umount2, {kBad, 0}, EPERM},
                       Call{"pivot_root", SYS_pivot_root, {kBad, kBad}, EPERM},
                       Call{"chroot", SYS_chroot, {kBad}, EPERM},
                       Call{"setns", SYS_setns, {-1, 0}, EPERM},
                       Call{"open_tree", 428, {-1, kBad, 0}, EPERM},
                       Call{"move_mount", 429, {-1, kBad, -1, kBad}, EPERM},
                       Call{"fsopen", 430, {kBad, 0}, EPERM},
                       Call{"fsconfig", 431, {-1, 0}, EPERM},
                       Call{"fsmount", 432, {-1, 0}, EPERM},
                       Call{"fspick", 433, {-1, kBad}, EPERM},
                       Call{"mount_setattr", 442, {-1, kBad}, EPERM},
                       Call{"open_tree_attr", 467, {-1, kBad}, EPERM},
                       Call{"open_by_handle_at", SYS_open_by_handle_at, {-1, kBad, 0}, EPERM},
                       Call{"name_to_handle_at", SYS_name_to_handle_at, {-1, kBad, kBad, kBad, 0}, ENOSYS},
                       Call{"fanotify_init", SYS_fanotify_init, {0xffff}, EPERM},
                       Call{"bpf", SYS_bpf, {9999, kBad, 1}, EPERM},
                       Call{"perf_event_open", SYS_perf_event_open, {kBad, 0, -1, -1, 0}, EPERM},
                       Call{"userfaultfd", SYS_userfaultfd, {0xffff}, EPERM},
                       Call{"io_uring_setup", 425, {1, kBad}, ENOSYS},
                       Call{"io_uring_enter", 426, {-1}, ENOSYS},
                       Call{"io_uring_register", 427, {-1}, ENOSYS},
                       Call{"add_key", SYS_add_key, {kBad, kBad}, ENOSYS},
                       Call{"request_key", SYS_request_key, {kBad, kBad}, ENOSYS},
                       Call{"keyctl", SYS_keyctl, {9999}, ENOSYS},
                       Call{"kexec_load", SYS_kexec_load, {0, 99, kBad, 0xff}, EPERM},
                       Call{"kexec_file_load", SYS_kexec_file_load, {-1, -1, 0, kBad, 0xff}, EPERM},
                       Call{"init_module", SYS_init_module, {kBad, 0, kBad}, EPERM},
                       Call{"finit_module", SYS_finit_module, {-1, kBad, 0xff}, EPERM},
                       Call{"delete_module", SYS_delete_module, {kBad, 0}, EPERM},
                       Call{"reboot", SYS_reboot, {0, 0, 0, 0}, EPERM},
                       Call{"swapon", SYS_swapon, {kBad, 0}, EPERM},
                       Call{"swapoff", SYS_swapoff, {kBad}, EPERM},
                       Call{"acct", SYS_acct, {kBad}, EPERM},
                       Call{"quotactl", SYS_quotactl, {-1, kBad}, EPERM},
                       Call{"quotactl_fd", 443, {-1, -1}, EPERM},
                       Call{"syslog", SYS_syslog, {9999}, EPERM},
                       Call{"settimeofday", SYS_settimeofday, {kBad, kBad}, EPERM},
                       Call{"clock_settime", SYS_clock_settime, {9999, kBad}, EPERM},
                       Call{"sethostname", SYS_sethostname, {kBad, -1}, EPERM},
                       Call{"setdomainname", SYS_setdomainname, {kBad, -1}, EPERM},
                       Call{"lookup_dcookie", SYS_lookup_dcookie, {0, kBad, 1}, EPERM},
                       Call{"vmsplice", SYS_vmsplice, {-1, kBad, 1}, ENOSYS},
                       Call{"statmount", 457, {kBad}, ENOSYS},
                       Call{"listmount", 458, {kBad}, ENOSYS},
                       Call{"unshare_user", SYS_unshare, {CLONE_NEWUSER}, EPERM},
                       Call{"unshare_mounts", SYS_unshare, {CLONE_NEWNS | CLONE_FS}, EPERM},
                       Call{"unshare_network", SYS_unshare, {CLONE_NEWNET}, EPERM},
                       Call{"unshare_processes", SYS_unshare, {CLONE_NEWPID}, EPERM},
                       Call{"unshare_ipc", SYS_unshare, {CLONE_NEWIPC}, EPERM},
                       Call{"unshare_names", SYS_unshare, {CLONE_NEWUTS}, EPERM},
                       Call{"unshare_groups", SYS_unshare, {CLONE_NEWCGROUP}, EPERM},
                       Call{"unshare_time", SYS_unshare, {0x80}, EPERM},
                       Call{"clone_user", SYS_clone, {CLONE_NEWUSER | CLONE_FS}, EPERM},
                       Call{"clone_network", SYS_clone, {CLONE_NEWNET | CLONE_THREAD}, EPERM},
                       Call{"clone3", SYS_clone3, {kBad, 88}, ENOSYS},
                       Call{"personality", SYS_personality, {0x0400000}, EPERM},
                       Call{"push_input", SYS_ioctl, {-1, TIOCSTI, kBad}, EPERM},
                       Call{"paste", SYS_ioctl, {-1, TIOCLINUX, kBad}, EPERM},
                       Call{"push_input_with_upper_bits", SYS_ioctl, {-1, 0x700000000L | TIOCSTI, kBad}, EPERM},
                       Call{"line_discipline", SYS_ioctl, {-1, TIOCSETD, kBad}, EPERM},
                       Call{"socket_packet", SYS_socket, {AF_PACKET, SOCK_DGRAM, 0}, EAFNOSUPPORT},
                       Call{"socket_vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}, EAFNOSUPPORT},
                       Call{"socket_alg", SYS_socket, {38, SOCK_SEQPACKET, 0}, EAFNOSUPPORT},
                       Call{"socket_bluetooth", SYS_socket, {31, SOCK_RAW, 0}, EAFNOSUPPORT},
                       Call{"socket_raw", SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_TCP}, EPERM},
                       Call{"socket_raw6", SYS_socket, {AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6}, EPERM},
                       Call{"socket_with_upper_bits", SYS_socket, {0x100000000L | AF_PACKET, SOCK_DGRAM, 0}, EAFNOSUPPORT},
                       Call{"socket_sctp", SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_SCTP}, EPROTONOSUPPORT},
                       Call{"netlink_audit", SYS_socket, {AF_NETLINK, SOCK_RAW, 9}, EPROTONOSUPPORT},
                       Call{"netlink_filter", SYS_socket, {AF_NETLINK, SOCK_RAW, 12}, EPROTONOSUPPORT},
                       Call{"newer_than_the_list", 500, {}, ENOSYS},
#if defined(__x86_64__)

                       Call{"iopl", SYS_iopl, {99}, EPERM},
                       Call{"ioperm", SYS_ioperm, {0x7fffffff, 1, 1}, EPERM},
                       Call{"modify_ldt", SYS_modify_ldt, {99}, EPERM},
                       Call{"x32", 0x40000000 | SYS_getpid, {}, 1000 + SIGSYS}
#endif
};

INSTANTIATE_TEST_SUITE_P(EachThatIsForbidden, SystemCall, ::testing::ValuesIn(kCalls), [](const auto& call) { return call.param.name; });

TEST(SystemCallFilter, lets_ordinary_programs_be) {
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }), 0);
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP); }), 0);
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_socket, AF_INET6, SOCK_DGRAM, 0); }), 0);
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0); }), 0);
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_personality, 0xffffffff); }), 0);
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_unshare, CLONE_FILES | CLONE_FS); }), 0);
  EXPECT_EQ(behind_the_filter([] { return ::syscall(SYS_memfd_create, "m", 0); }), 0);
  EXPECT_EQ(behind_the_filter([]() -> long {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(0);
              return ::waitpid(child, nullptr, 0);
            }),
            0);
  // A sandbox within this one: no new namespace, but a filter and Landlock of its own.
  EXPECT_EQ(behind_the_filter([] { return filter_system_calls(false) ? 0L : -1L; }), 0);
  EXPECT_EQ(behind_the_filter([] {
              return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) >= 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0L : -1L;
            }),
            0);
}

}  // namespace
}  // namespace interlock::sandbox
