// What is in the view, and what is not.
#include "boundary.hpp"

namespace interlock::sandbox {
namespace {

using View = Sandbox;
using Kind = Mount::Kind;

TEST_F(View, what_is_not_named_does_not_exist) {
  Folder secrets;
  secrets.write("id_ed25519", "secret");
  EXPECT_EQ(output_of(work, "cat " + secrets / "id_ed25519" + "; ls " + secrets.path() +
                                " /root /home /var /run /boot 2>&1 | grep -vc 'No such file'"),
            "cat: " + secrets / "id_ed25519" + ": No such file or directory\n0\n");
}

TEST_F(View, the_root_has_what_was_laid_there_and_nobody_adds_to_it) {
  EXPECT_EQ(output_of(work, "ls / | tr '\\n' ' '; touch /new; mkdir /dev/new /etc/new 2>&1 | grep -c Read-only"),
            "bin dev etc hostile lib lib64 proc sys tmp usr touch: cannot touch '/new': Read-only file system\n2\n");
}

TEST_F(View, the_way_up_from_the_root_ends_there) {
  EXPECT_EQ(output_of(work, "[ /.. -ef / ] && [ /../../../.. -ef / ] && echo same; ls /../var"),
            "same\nls: cannot access '/../var': No such file or directory\n");
}

TEST_F(View, a_read_only_tree_cannot_be_written_and_a_read_write_one_can) {
  Folder given;
  given.write("file", "old");
  Plan plan = plan_in(work, "echo new > " + given / "file" + "; rm " + given / "file" + "; echo new > mine");
  plan.mounts.push_back({.kind = Kind::kReadOnly, .at = given.path()});
  run(plan);
  EXPECT_EQ(given.read("file"), "old");
  EXPECT_EQ(work.read("mine"), "new\n");
  EXPECT_NE(work.read("out").find("Read-only file system"), std::string::npos) << work.read("out");
}

TEST_F(View, a_later_mount_lies_over_an_earlier_one) {
  work.write("hidden/secret", "s");
  work.write("shown", "host");
  Plan plan = plan_in(work, "ls -A hidden; cat shown; cat fixed; echo x > fixed; echo mine >> own; cat own; cat link");
  plan.mounts.push_back({.kind = Kind::kEmpty, .at = work / "hidden"});
  plan.mounts.push_back({.kind = Kind::kFixedText, .at = work / "shown", .text = "inside\n"});
  plan.mounts.push_back({.kind = Kind::kFixedText, .at = "/tmp/a/fixed", .text = "fixed\n"});
  plan.mounts.push_back({.kind = Kind::kText, .at = "/tmp/a/own", .text = "given\n"});
  plan.mounts.push_back({.kind = Kind::kLink, .at = "/tmp/a/link", .source = "fixed"});
  plan.folder = "/tmp/a";
  plan.argv[2] = "exec >" + work / "out" + " 2>&1; ls -A " + work / "hidden" + "; cat " + work / "shown" +
                 "; cat fixed; echo x > fixed; echo mine >> own; cat own; cat link";
  run(plan);
  EXPECT_EQ(work.read("out"), "inside\nfixed\n/bin/sh: 1: cannot create fixed: Read-only file system\ngiven\nmine\nfixed\n");
  EXPECT_EQ(work.read("shown"), "host");
}

TEST_F(View, an_optional_mount_that_is_not_there_is_left_out_and_another_is_an_error) {
  Plan plan = plan_in(work, "true");
  plan.mounts.push_back({.kind = Kind::kReadOnly, .at = "/nowhere/at/all", .optional = true});
  EXPECT_EQ(run(plan), 0);
  plan.mounts.back().optional = false;
  const auto refused = Running::start(plan);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_NE(refused.error().message.find("/nowhere/at/all"), std::string::npos);
}

TEST_F(View, an_optional_mount_that_has_no_place_is_left_out) {
  Folder given;
  Plan plan = plan_in(work, "true");
  plan.mounts.push_back({.kind = Kind::kReadOnly, .at = given.path()});
  plan.mounts.push_back({.kind = Kind::kFixedText, .at = given / "missing", .optional = true});
  EXPECT_EQ(run(plan), 0);
  EXPECT_FALSE(given.has("missing"));
}

TEST_F(View, a_place_below_a_read_only_tree_that_is_not_there_is_an_error_that_says_so) {
  Folder given;
  Plan plan = plan_in(work, "true");
  plan.mounts.push_back({.kind = Kind::kReadOnly, .at = given.path()});
  plan.mounts.push_back({.kind = Kind::kEmpty, .at = given / "missing"});
  const auto refused = Running::start(plan);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("read-only"), std::string::npos) << refused.error().text();
  EXPECT_FALSE(given.has("missing"));
}

TEST_F(View, a_relative_mount_and_one_over_the_root_are_refused) {
  Plan plan = plan_in(work, "true");
  plan.mounts.push_back({.kind = Kind::kReadOnly, .at = "usr"});
  EXPECT_EQ(Running::start(plan).error().code, ErrorCode::kInvalid);
  plan.mounts.back().at = "//";
  EXPECT_EQ(Running::start(plan).error().code, ErrorCode::kInvalid);
}

TEST_F(View, devices_are_the_harmless_ones_and_cannot_be_changed) {
  EXPECT_EQ(
      output_of(
          work,
          "ls /dev | tr '\\n' ' '; echo gone > /dev/null && head -c4 /dev/zero | wc -c; chmod 0 /dev/null 2>/dev/null && echo CHANGED; "
          "mknod node c 1 3 2>/dev/null && echo MADE; mknod /tmp/node b 8 0 2>/dev/null && echo MADE; ls /dev/pts"),
      "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero 4\nptmx\n");
}

TEST_F(View, processes_outside_are_not_seen_and_the_first_one_tells_nothing) {
  EXPECT_EQ(
      output_of(work,
                "ls /proc | grep -c '^[0-9]*$' | { read n; [ $n -le 8 ] && echo few; }; cd /proc/1; cat environ mem fd/3; ls root/ cwd/"),
      "few\ncat: environ: Permission denied\ncat: mem: Permission denied\ncat: fd/3: Permission denied\n"
      "ls: cannot access 'root/': Permission denied\nls: cannot access 'cwd/': Permission denied\n");
}

TEST_F(View, the_kernels_parameters_and_secrets_cannot_be_reached) {
  const std::string out =
      output_of(work,
                "for f in sys/kernel/core_pattern sys/kernel/hostname sys/vm/drop_caches sysrq-trigger; do echo x > /proc/$f && "
                "echo WROTE $f; done 2>/dev/null; for f in kcore keys kallsyms timer_list kmsg slabinfo; do timeout 1 cat /proc/$f "
                "2>/dev/null; done; chmod 0 /proc/meminfo 2>/dev/null && echo CHANGED; [ -r /proc/meminfo ] && echo fine; ls "
                "/sys/devices/system /sys");
  EXPECT_EQ(out, "fine\n/sys:\ndevices\n\n/sys/devices/system:\ncpu\n");
}

TEST_F(View, nobody_writes_into_the_memory_of_a_process) {
  EXPECT_EQ(output_of(work,
                      "sleep 100 & for f in /proc/$!/mem /proc/self/mem /proc/self/oom_score_adj; do { true >> $f; } 2>/dev/null && echo "
                      "OPENED $f; done; "
                      "true >> /dev/stderr && echo fine"),
            "fine\n");
}

TEST_F(View, a_set_user_id_file_is_an_ordinary_one) {
  // As root this would give its owner's rights, were the mounts not nosuid and the process without new privileges.
  EXPECT_EQ(output_of(work, "grep -E '^(NoNewPrivs|CapPrm|CapEff|CapBnd|CapAmb|CapInh):' /proc/self/status | tr -d '\\t'"),
            "CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\nCapBnd:0000000000000000\nCapAmb:0000000000000000\n"
            "NoNewPrivs:1\n");
}

TEST_F(View, the_user_is_who_they_are_outside) {
  EXPECT_EQ(output_of(work, "echo $(id -u):$(id -g); touch made; stat -c %u made; hostname"),
            std::to_string(::geteuid()) + ':' + std::to_string(::getegid()) + '\n' + std::to_string(::geteuid()) + "\ninterlock\n");
  struct stat status{};
  ASSERT_EQ(::stat((work / "made").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, ::geteuid());
}

}  // namespace
}  // namespace interlock::sandbox
