// The kill switch's memory, and the marks by which gates know of each other whether they live.
#include "task/kills.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "task/presence.hpp"

namespace interlock::task {
namespace {

model::Subject subject_named(std::string id, std::vector<model::Delegator> chain = {}) {
  model::Subject subject;
  subject.id = std::move(id);
  subject.chain = std::move(chain);
  return subject;
}

TEST(KillList, HoldsAnAgentWhoActsForItAndEverybody) {
  const auto store = store::open_memory_store();
  const auto list = *KillList::open(*store);
  const auto sub = subject_named("sub", {{.id = "human", .issuer = "", .human = true}, {.id = "agent", .issuer = "", .human = false}});
  EXPECT_EQ(list->holds(subject_named("agent")), nullptr);
  ASSERT_TRUE(list->add({"agent", "ann", "why", 1}));
  EXPECT_EQ(list->holds(subject_named("agent"))->reason, "why");
  EXPECT_NE(list->holds(sub), nullptr);
  EXPECT_EQ(list->holds(subject_named("agen")), nullptr);
  ASSERT_TRUE(list->add({std::string(kEverybody), "bob", "", 2}));
  EXPECT_EQ(list->holds(subject_named("x"))->by, "bob");
  ASSERT_TRUE(list->lift(kEverybody));
  EXPECT_EQ(list->holds(subject_named("x")), nullptr);
  EXPECT_NE(list->holds(subject_named("agent")), nullptr) << "lifting everybody's leaves single ones standing";
  EXPECT_EQ(list->lift("x").error().code, ErrorCode::kNotFound);
}

TEST(KillList, IsSharedAndLasts) {
  const auto store = store::open_memory_store();
  const auto one = *KillList::open(*store);
  const auto two = *KillList::open(*store);
  ASSERT_TRUE(one->add({"agent", "ann", "", 1}));
  ASSERT_TRUE(two->add({"agent", "bob", "", 2})) << "once more is no error";
  EXPECT_TRUE(two->holds(subject_named("agent")));
  EXPECT_EQ(two->refresh().size(), 0u);
  EXPECT_EQ(two->list()[0].by, "ann") << "the first one stands";
  ASSERT_TRUE(two->lift("agent"));
  EXPECT_NE(one->holds(subject_named("agent")), nullptr) << "not looked yet";
  (void)one->refresh();
  EXPECT_EQ(one->holds(subject_named("agent")), nullptr);
  ASSERT_TRUE(one->add({"other", "ann", "", 3}));
  const auto fresh = two->refresh();
  ASSERT_EQ(fresh.size(), 1u);
  EXPECT_EQ(fresh[0].agent, "other");
  EXPECT_NE((*KillList::open(*store))->holds(subject_named("other")), nullptr) << "after a restart";
}

TEST(KillList, TakesARecordItCannotReadForAKill) {
  const auto store = store::open_memory_store();
  ASSERT_TRUE(store->put("kills", "agent", "not json"));
  EXPECT_NE((*KillList::open(*store))->holds(subject_named("agent")), nullptr);
}

// A store whose writes or reads fail.
class BrokenStore final : public store::Store {
 public:
  bool broken = false;
  std::unique_ptr<store::Store> inner = store::open_memory_store();
  std::unexpected<Error> fault() const { return fail(ErrorCode::kIo, "the disk is gone"); }
  Result<std::optional<store::Entry>> get(std::string_view b, std::string_view k) override {
    if (broken) return fault();
    return inner->get(b, k);
  }
  Result<store::Revision> put(std::string_view b, std::string_view k, std::string_view v) override {
    if (broken) return fault();
    return inner->put(b, k, v);
  }
  Result<store::Revision> compare_and_set(std::string_view b, std::string_view k, std::string_view v, store::Revision e) override {
    if (broken) return fault();
    return inner->compare_and_set(b, k, v, e);
  }
  Status remove(std::string_view b, std::string_view k) override {
    if (broken) return fault();
    return inner->remove(b, k);
  }
  Status compare_and_remove(std::string_view b, std::string_view k, store::Revision e) override {
    if (broken) return fault();
    return inner->compare_and_remove(b, k, e);
  }
  Result<std::vector<store::KeyedEntry>> scan(std::string_view b, std::string_view p, std::size_t l, std::string_view a) override {
    if (broken) return fault();
    return inner->scan(b, p, l, a);
  }
  Result<store::Revision> latest(std::string_view b) override {
    if (broken) return fault();
    return inner->latest(b);
  }
};

TEST(KillList, HoldsEverybodyWhileTheStoreCannotBeRead) {
  BrokenStore store;
  const auto list = *KillList::open(store);
  store.broken = true;
  EXPECT_EQ(list->refresh().size(), 1u);
  EXPECT_NE(list->holds(subject_named("anybody")), nullptr);
  store.broken = false;
  (void)list->refresh();
  EXPECT_EQ(list->holds(subject_named("anybody")), nullptr);
}

TEST(KillList, HoldsAKillThatCouldNotBeStoredAndStoresItLater) {
  BrokenStore store;
  const auto list = *KillList::open(store);
  store.broken = true;
  EXPECT_FALSE(list->add({"agent", "ann", "", 1}));
  EXPECT_NE(list->holds(subject_named("agent")), nullptr);
  (void)list->refresh();
  store.broken = false;
  (void)list->refresh();
  EXPECT_NE(list->holds(subject_named("agent")), nullptr);
  EXPECT_TRUE(*store.get("kills", "agent"));
}

TEST(Presence, TellsTheLivingFromTheDeadHoweverTheyDied) {
  std::string pattern = (std::filesystem::temp_directory_path() / "interlock-presence-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const SystemClock clock;
  const auto mine = *open_presence(folder, clock);
  EXPECT_TRUE(mine->is_alive(mine->own()));
  EXPECT_FALSE(mine->is_alive("gate_never"));
  int ids[2];
  ASSERT_EQ(::pipe(ids), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto theirs = open_presence(folder, clock);
    if (!theirs || ::write(ids[1], (*theirs)->own().data(), (*theirs)->own().size()) < 0) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char text[128] = {};
  const auto count = ::read(ids[0], text, sizeof text);
  ASSERT_GT(count, 0);
  const std::string other(text, static_cast<std::size_t>(count));
  EXPECT_TRUE(mine->is_alive(other));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(mine->is_alive(other)) << "the kernel has let its lock go";
  std::string ended;
  {
    const auto third = *open_presence(folder, clock);
    ended = third->own();
    EXPECT_TRUE(mine->is_alive(ended));
  }
  EXPECT_FALSE(mine->is_alive(ended));
  ::close(ids[0]);
  ::close(ids[1]);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace interlock::task
