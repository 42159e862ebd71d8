// Who may speak for a human: what the kernel's table of processes says, on made-up tables and on the real one.
#include "approval/processes.hpp"

#include <sys/wait.h>

#include "parts.hpp"

namespace interlock::approval {
namespace {

constexpr const char* kSession = "/user.slice/session-1.scope";

// A desktop: init, a terminal program, a shell in each of two windows, the agent in one, the human in the other.
struct Desktop {
  FakeProcessTable table;
  ProcessMark client{200, 70};
  ProcessMark gate{static_cast<int>(::getpid()), 50};
  std::vector<ProcessMark> barred = {gate};
  Desktop() {
    table.add(1, 0, "systemd", 1, "/init.scope");
    table.add(50, 1, "systemd", 2, "/user.slice/user@1000.service/init.scope");
    table.add(100, 50, "terminal", 60, kSession);
    table.add(110, 100, "bash", 61, kSession);
    table.add(120, 100, "bash", 62, kSession);
    table.add(200, 110, "agent", 70, kSession);
    table.add(210, 200, "bash", 80, kSession);
    table.add(220, 210, "interlock", 81, kSession);
    table.add(300, 120, "interlock", 90, kSession);
  }
  bool may(int pid) const { return may_speak_for_human(table, pid, client, barred).has_value(); }
};

TEST(Approvers, AreAllButTheAgentTheGateAndTheirDescendants) {
  Desktop desktop;
  EXPECT_TRUE(desktop.may(300));   // the human's other window
  EXPECT_TRUE(desktop.may(110));   // the shell that started the agent
  EXPECT_FALSE(desktop.may(200));  // the agent
  EXPECT_FALSE(desktop.may(210));
  EXPECT_FALSE(desktop.may(220));
  EXPECT_FALSE(desktop.may(desktop.gate.pid));
  desktop.barred.push_back({120, 62});
  EXPECT_FALSE(desktop.may(300));
  desktop.barred.back().start_ticks = 61;  // another process had that number
  EXPECT_TRUE(desktop.may(300));
  desktop.barred.push_back({});  // an unknown mark bars nobody
  EXPECT_TRUE(desktop.may(300));
}

TEST(Approvers, MayShareAParentWithTheGate) {
  // One program starts the gate, is its client over HTTP, and runs `interlock approve`.
  Desktop desktop;
  desktop.table.add(desktop.gate.pid, 120, "interlock", 50);
  desktop.table.add(310, 120, "interlock", 95);
  desktop.client = {};
  EXPECT_TRUE(desktop.may(310));
  // Known as the client, it may not; nor may what it starts.
  desktop.client = {120, 62};
  EXPECT_FALSE(desktop.may(310));
  EXPECT_FALSE(desktop.may(120));
}

TEST(Approvers, AreRefusedWhereTheyCannotBeTraced) {
  Desktop desktop;
  EXPECT_FALSE(desktop.may(0));
  EXPECT_FALSE(desktop.may(-1));
  EXPECT_FALSE(desktop.may(4242));  // ended
  desktop.table.add(310, 4242);     // its parent ended while it was read
  EXPECT_FALSE(desktop.may(310));
  desktop.table.add(320, 330, "a", 100);
  desktop.table.add(330, 320, "b", 100);  // a circle
  EXPECT_FALSE(desktop.may(320));
  desktop.table.add(340, 350, "child", 100);
  desktop.table.add(350, 100, "parent", 101);  // younger than its child: not its parent
  EXPECT_FALSE(desktop.may(340));
  int parent = 120;
  for (int pid = 1000; pid < 1200; ++pid) desktop.table.add(pid, std::exchange(parent, pid), "deep", 200);
  EXPECT_FALSE(desktop.may(1199));
  EXPECT_TRUE(desktop.may(1050));
}

TEST(Approvers, AreRefusedWhereTheyLookCutOffFromTheAgent) {
  struct Row {
    const char* name;
    int parent;
    std::uint64_t start;
    const char* cgroup;
    bool may;
  };
  const Row rows[] = {
      {"an orphan of the agent's session, adopted by init", 1, 80, kSession, false},
      {"the same, adopted by the user's own service manager", 50, 80, kSession, false},
      {"older than the agent", 1, 69, kSession, true},
      {"in another session", 1, 80, "/user.slice/session-2.scope", true},
      {"not an orphan", 100, 80, kSession, true},
      {"entered from outside of the container", 0, 80, kSession, true},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    Desktop desktop;
    desktop.table.add(400, row.parent, "sh", row.start, row.cgroup);
    desktop.table.add(410, 400, "interlock", 95, kSession);
    EXPECT_EQ(desktop.may(400), row.may);
    EXPECT_EQ(desktop.may(410), row.may);
    desktop.client = {};  // nobody knows who asked: nothing to compare with
    EXPECT_TRUE(desktop.may(410));
  }
}

TEST(Approvers, InContainersAreJudgedByTheirInit) {
  for (const auto& [init, cgroup, may] : {std::tuple("tini", "/", false),
                                          {"docker-init", "/app", false},
                                          {"node", "/", true},
                                          {"systemd", "/", true},
                                          {"init", "/app", false}}) {
    SCOPED_TRACE(init);
    FakeProcessTable table;
    table.add(1, 0, init, 1, cgroup);
    table.add(200, 1, "agent", 70, cgroup);
    table.add(400, 1, "sh", 80, cgroup);
    EXPECT_EQ(may_speak_for_human(table, 400, {200, 70}, {}).has_value(), may);
  }
}

TEST(KernelTable, TellsOfThisProcessAndItsParents) {
  const KernelProcessTable table;
  const auto self = table.find(static_cast<int>(::getpid()));
  ASSERT_TRUE(self);
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->uid, static_cast<int>(::geteuid()));
  EXPECT_TRUE(self->mark.known());
  EXPECT_TRUE(is_alive(table, self->mark));
  EXPECT_FALSE(is_alive(table, {self->mark.pid, self->mark.start_ticks + 1}));
  EXPECT_FALSE(is_alive(table, {}));
  const auto chain = ancestry(table, self->mark.pid);
  ASSERT_GE(chain.size(), 2U);
  EXPECT_EQ(chain[0].mark, self->mark);
  EXPECT_EQ(chain[1].mark.pid, ::getppid());
  EXPECT_FALSE(table.find(0));
  EXPECT_FALSE(table.find(-5));
  EXPECT_NE(table.place().find("/pid:["), std::string::npos);
  EXPECT_EQ(table.place(), table.place());
}

TEST(KernelTable, SeesAChildAsADescendantWhateverItCallsItself) {
  int gate[2];
  ASSERT_EQ(::pipe(gate), 0);
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // proc(5): comm may hold what looks like the fields behind it.
    if (FILE* comm = std::fopen("/proc/self/comm", "w")) {
      std::fputs("x) R 1 1 1", comm);
      std::fclose(comm);
    }
    char byte = 'r';
    if (::write(gate[1], &byte, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  ASSERT_EQ(::read(gate[0], &byte, 1), 1);
  const KernelProcessTable table;
  const auto facts = table.find(child);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->name, "x) R 1 1 1");
  EXPECT_EQ(facts->parent, ::getpid());
  const auto self = mark_of(table, static_cast<int>(::getpid()));
  EXPECT_EQ(may_speak_for_human(table, child, {}, {self}).error().code, ErrorCode::kDenied);
  EXPECT_EQ(may_speak_for_human(table, child, self, {}).error().code, ErrorCode::kDenied);
  EXPECT_TRUE(may_speak_for_human(table, ::getppid(), self, {self}));
  const auto mark = facts->mark;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(is_alive(table, mark));
  ::close(gate[0]);
  ::close(gate[1]);
}

}  // namespace
}  // namespace interlock::approval
