// Runs before a real gate: the launcher is this test, and so are the processes. What a launcher that lies, or an agent that got hold of the
// socket, could send is here.
#include <gtest/gtest.h>

#include "surface/exec/exec.hpp"
#include "unit/gate/world.hpp"

namespace interlock::exec {
namespace {

constexpr int kLauncher = 100;
constexpr int kInit = 200;      // of the run, below the launcher
constexpr int kProgram = 201;   // in the run
constexpr int kStranger = 300;  // below nobody that matters

constexpr const char* kRules = R"(
@id("all") permit (principal, action, resource);
@id("no-push") @reason("Nothing is pushed.") @next("leave it") forbid (principal, action == Action::"git/push", resource);
@id("ask-truncate") @reason("A human looks.") forbid (principal, action, resource == Command::"truncate") unless { context.approved };
@id("outside") @reason("not outside") forbid (principal, action, resource) when { !context.sandboxed };
)";
constexpr const char* kBlanking = R"(
@id("blank") @redact("/argv") permit (principal, action, resource);
)";

class Connection final : public net::AgentConnection {
 public:
  explicit Connection(int pid) { peer_.pid = pid; }
  const net::Peer& peer() const override { return peer_; }
  void answer(const json::object& message) override {
    if (!gone_) answers.push_back(message);
  }
  void close() override { gone_ = true; }
  bool gone() const override { return gone_; }
  std::vector<json::object> answers;

 private:
  net::Peer peer_;
  bool gone_ = false;
};

class ExecTest : public testing::Test {
 protected:
  void SetUp() override { begin({.policy = kRules}); }
  void begin(gate::WorldOptions options, bool strict = false) {
    surface.reset();
    world = std::make_unique<gate::World>(std::move(options));
    ExecParts parts;
    parts.gate = world->gate.get();
    parts.clock = &world->clock;
    parts.strict = strict;
    parts.identify = [this](const net::Peer&, const json::object&, std::function<void(Result<model::Subject>)> done) {
      if (identifies) done(gate::World::caller_of("agent").subject);
      else pending.push_back(std::move(done));
    };
    parts.ancestry = [](int pid) -> std::vector<int> {
      if (pid == kProgram) return {kProgram, kInit, kLauncher, 1};
      if (pid == kInit) return {kInit, kLauncher, 1};
      return {pid, 1};
    };
    parts.prepare = [](const RunView&, const json::object&) -> Result<json::object> {
      return json::object{{"environment", json::object{{"LD_PRELOAD", "/run/gate.so"}}}};
    };
    parts.adopt = [](const RunView&, std::vector<net::OwnedFd>) -> Status { return {}; };
    parts.release = [this](const RunView&) { ++released; };
    surface = std::make_unique<ExecSurface>(std::move(parts));
  }

  json::object send(const std::shared_ptr<Connection>& to, json::object message) {
    std::vector<net::OwnedFd> none;
    const auto before = to->answers.size();
    EXPECT_TRUE(surface->handle(to, message, none));
    return to->answers.size() > before ? to->answers.back() : json::object();
  }
  std::shared_ptr<Connection> run(json::object order = {}) {
    auto launcher = std::make_shared<Connection>(kLauncher);
    order["op"] = "run";
    order["id"] = 1;
    const auto opened = send(launcher, order);
    EXPECT_NE(json::string_at(opened, "task"), std::nullopt) << json::write(opened);
    const auto started = send(launcher, {{"op", "started"}, {"id", 2}, {"pid", kInit}, {"missing", json::array()}});
    EXPECT_FALSE(started.contains("error")) << json::write(started);
    return launcher;
  }
  static json::object exec(std::int64_t id, json::array argv, std::string_view executable) {
    return {{"op", "exec"},  {"id", id}, {"pid", kProgram}, {"path", executable}, {"executable", executable}, {"argv", std::move(argv)},
            {"cwd", "/work"}};
  }
  // The answer that ends a question.
  json::object verdict(const std::shared_ptr<Connection>& from, json::object question) {
    const auto id = *json::int_at(question, "id");
    send(from, std::move(question));
    const json::object* last = nullptr;
    EXPECT_TRUE(world->work.run_until([&] {
      for (const auto& one : from->answers)
        if (json::int_at(one, "id") == id && one.contains("allow")) last = &one;
      return last != nullptr;
    }));
    return last == nullptr ? json::object() : *last;
  }
  static std::string why(const json::object& answer) {
    if (const auto* error = json::object_at(answer, "error")) return std::string(json::string_at(*error, "message").value_or(""));
    return std::string(json::string_at(answer, "reason").value_or(""));
  }

  std::unique_ptr<gate::World> world;
  std::unique_ptr<ExecSurface> surface;
  std::vector<std::function<void(Result<model::Subject>)>> pending;
  bool identifies = true;
  int released = 0;
};

TEST_F(ExecTest, AProgramStartsOrDoesNotAndBothAreOnRecord) {
  const auto launcher = run();
  EXPECT_TRUE(json::bool_at(verdict(launcher, exec(5, {"ls"}, "/usr/bin/ls")), "allow"));
  const auto denied = verdict(launcher, exec(6, {"git", "push"}, "/usr/bin/git"));
  EXPECT_FALSE(json::bool_at(denied, "allow"));
  EXPECT_NE(why(denied).find("policy: "), std::string::npos);
  EXPECT_NE(why(denied).find("Nothing is pushed."), std::string::npos);
  EXPECT_EQ(json::string_at(denied, "next"), "leave it");
  const auto ended = send(launcher, {{"op", "end"}, {"id", 7}, {"status", 0}});
  const auto* acts = json::object_at(*json::object_at(ended, "summary"), "acts");
  EXPECT_EQ(json::int_at(*acts, "allowed"), 1);
  EXPECT_EQ(json::int_at(*acts, "denied"), 1);
  EXPECT_EQ(released, 1);
}

TEST_F(ExecTest, QuestionsThatSayNothingAreDenied) {
  const auto launcher = run();
  const json::object good = exec(5, {"ls"}, "/usr/bin/ls");
  for (const auto* name : {"argv", "executable"}) {
    auto question = good;
    question.erase(name);
    EXPECT_FALSE(json::bool_at(send(launcher, question), "allow")) << name;
    for (const char* other : {"7", "null", "{}"}) {
      question[name] = *json::parse(other);
      EXPECT_FALSE(json::bool_at(send(launcher, question), "allow")) << name << other;
    }
  }
}

TEST_F(ExecTest, NothingStartsBeforeTheRunHasStartedOrWithoutOne) {
  const auto launcher = std::make_shared<Connection>(kLauncher);
  EXPECT_FALSE(json::bool_at(send(launcher, exec(1, {"ls"}, "/usr/bin/ls")), "allow"));
  send(launcher, {{"op", "run"}, {"id", 2}});
  const auto early = send(launcher, exec(3, {"ls"}, "/usr/bin/ls"));
  EXPECT_FALSE(json::bool_at(early, "allow"));
  EXPECT_NE(why(early).find("no run"), std::string::npos);
  EXPECT_TRUE(send(launcher, {{"op", "listeners"}, {"id", 4}}).contains("error"));
}

TEST_F(ExecTest, ALauncherNamesNoProcessOfSomebodyElse) {
  for (const std::int64_t pid : {std::int64_t{kStranger}, std::int64_t{1}, std::int64_t{0}, std::int64_t{-5}, std::int64_t{1} << 40}) {
    const auto launcher = std::make_shared<Connection>(kLauncher);
    send(launcher, {{"op", "run"}, {"id", 1}});
    EXPECT_TRUE(send(launcher, {{"op", "started"}, {"id", 2}, {"pid", pid}, {"missing", json::array()}}).contains("error")) << pid;
    EXPECT_EQ(surface->run_of(kStranger), std::nullopt);
    surface->gone(launcher);
  }
}

TEST_F(ExecTest, WhoIsInARunOpensNoOther) {
  const auto launcher = run();
  ASSERT_TRUE(surface->run_of(kProgram));
  const auto inside = std::make_shared<Connection>(kProgram);
  const auto refused = send(inside, {{"op", "run"}, {"id", 1}});
  EXPECT_NE(why(refused).find("inside a run"), std::string::npos);
  EXPECT_FALSE(json::bool_at(send(inside, exec(2, {"ls"}, "/usr/bin/ls")), "allow"));
  EXPECT_TRUE(send(inside, {{"op", "end"}, {"id", 3}, {"status", 0}}).contains("error"));
  EXPECT_TRUE(send(inside, {{"op", "started"}, {"id", 4}, {"pid", kProgram}}).contains("error"));
  EXPECT_TRUE(json::bool_at(verdict(launcher, exec(9, {"ls"}, "/usr/bin/ls")), "allow"));
}

TEST_F(ExecTest, AConnectionHasOneRunHoweverFastItAsks) {
  identifies = false;
  const auto launcher = std::make_shared<Connection>(kLauncher);
  send(launcher, {{"op", "run"}, {"id", 1}});
  send(launcher, {{"op", "run"}, {"id", 2}});
  ASSERT_EQ(pending.size(), 2U);
  for (auto& done : pending) done(gate::World::caller_of("agent").subject);
  ASSERT_EQ(launcher->answers.size(), 2U);
  EXPECT_TRUE(launcher->answers[0].contains("task"));
  EXPECT_NE(why(launcher->answers[1]).find("has a run already"), std::string::npos);
  EXPECT_EQ(surface->describe().size(), 1U);
  surface->gone(launcher);
  EXPECT_EQ(surface->describe().size(), 0U);
  EXPECT_EQ(released, 1);
}

TEST_F(ExecTest, AHeldStartWaitsForItsHuman) {
  const auto launcher = run();
  send(launcher, exec(5, {"truncate", "-s", "0", "x"}, "/usr/bin/truncate"));
  ASSERT_TRUE(world->work.run_until([&] { return json::bool_at(launcher->answers.back(), "more"); }));
  const auto held = *json::object_at(launcher->answers.back(), "held");
  EXPECT_EQ(surface->under_way(), 1U);
  EXPECT_FALSE(json::bool_at(send(launcher, exec(5, {"ls"}, "/usr/bin/ls")), "allow"));  // the number is taken
  launcher->answers.clear();
  gate::World::Seen seen;
  seen.held.emplace();
  seen.held->approval_id = std::string(*json::string_at(held, "approval"));
  ASSERT_TRUE(world->human(seen, true));
  ASSERT_TRUE(world->work.run_until([&] { return !launcher->answers.empty(); }));
  EXPECT_TRUE(json::bool_at(launcher->answers.back(), "allow"));
  EXPECT_EQ(surface->under_way(), 0U);
}

TEST_F(ExecTest, WithoutAHumanTheAnswerIsNoAtOnce) {
  const auto launcher = run({{"ci", true}});
  const auto denied = verdict(launcher, exec(5, {"truncate", "-s", "0", "x"}, "/usr/bin/truncate"));
  EXPECT_FALSE(json::bool_at(denied, "allow"));
  EXPECT_NE(why(denied).find("approval: "), std::string::npos);
  EXPECT_TRUE(world->approvals->pending().empty());
}

TEST_F(ExecTest, TheEndOfTheLauncherEndsTheRunAndWhatWaits) {
  const auto launcher = run();
  const auto task = surface->run_of(kProgram)->task;
  send(launcher, exec(5, {"truncate", "-s", "0", "x"}, "/usr/bin/truncate"));
  ASSERT_TRUE(world->work.run_until([&] { return !world->approvals->pending().empty(); }));
  surface->gone(launcher);
  EXPECT_TRUE(world->work.run_until([&] { return world->approvals->pending().empty(); }));
  EXPECT_FALSE(world->gate->is_open(task));
  EXPECT_EQ(surface->run_of(kProgram), std::nullopt);
  EXPECT_EQ(released, 1);
  EXPECT_FALSE(json::bool_at(send(launcher, exec(6, {"ls"}, "/usr/bin/ls")), "allow"));
}

TEST_F(ExecTest, TheEndOfTheTaskCutsTheRun) {
  const auto launcher = run();
  const auto task = surface->run_of(kProgram)->task;
  ASSERT_TRUE(world->gate->end_task(task, "ann", "enough"));
  EXPECT_EQ(json::string_at(launcher->answers.back(), "op"), "cut");
  EXPECT_FALSE(json::bool_at(verdict(launcher, exec(6, {"ls"}, "/usr/bin/ls")), "allow"));
}

// What a program is started with cannot be changed there: what would have to be changed is not started.
TEST_F(ExecTest, AStartIsNeverChanged) {
  begin({.policy = kBlanking});
  const auto launcher = run();
  EXPECT_FALSE(json::bool_at(verdict(launcher, exec(5, {"ls", "secret"}, "/usr/bin/ls")), "allow"));
}

TEST_F(ExecTest, TheGatesOwnVariablesAreNobodysTrick) {
  const auto launcher = run();
  auto own = exec(5, {"ls"}, "/usr/bin/ls");
  own["loader"] = json::array{"LD_PRELOAD=/run/gate.so"};
  verdict(launcher, own);
  auto others = exec(6, {"ls"}, "/usr/bin/ls");
  others["loader"] = json::array{"LD_PRELOAD=/tmp/evil.so"};
  verdict(launcher, others);
  std::vector<std::string> actions;
  for (const auto& receipt : world->receipts("attempt")) actions.emplace_back(json::string_at(receipt, "action").value_or(""));
  ASSERT_GE(actions.size(), 2U);
  EXPECT_NE(std::ranges::find(actions, "ls"), actions.end());
  EXPECT_NE(std::ranges::find(actions, "exec/unknown"), actions.end());
}

TEST_F(ExecTest, StrictWantsAWholeBoundary) {
  begin({.policy = kRules}, true);
  for (const char* missing : {"null", R"(["landlock"])", "7"}) {
    const auto launcher = std::make_shared<Connection>(kLauncher);
    send(launcher, {{"op", "run"}, {"id", 1}});
    const auto refused = send(launcher, {{"op", "started"}, {"id", 2}, {"pid", kInit}, {"missing", *json::parse(missing)}});
    EXPECT_NE(why(refused).find("not whole"), std::string::npos) << missing;
    surface->gone(launcher);
  }
  run();
}

}  // namespace
}  // namespace interlock::exec
