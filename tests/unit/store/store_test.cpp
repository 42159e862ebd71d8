// The rules of the store, which both kinds keep, and what several processes see of one SQLite store.
#include "store/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "store/sqlite.hpp"

namespace interlock::store {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "interlock-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path file() const { return path_ / "store.db"; }

 private:
  std::filesystem::path path_;
};

void for_each_kind(const std::function<void(Store&)>& test) {
  {
    SCOPED_TRACE("memory");
    test(*open_memory_store());
  }
  SCOPED_TRACE("sqlite");
  const TemporaryFolder folder;
  auto store = open_sqlite_store(folder.file());
  ASSERT_TRUE(store) << store.error().text();
  test(**store);
}

TEST(Store, KeepsValuesWithGrowingRevisions) {
  for_each_kind([](Store& store) {
    EXPECT_FALSE(store.get("b", "k")->has_value());
    const auto first = *store.put("b", "k", "one");
    const auto second = *store.put("b", "k", std::string_view("t\0wo", 4));
    EXPECT_GT(second, first);
    const auto entry = **store.get("b", "k");
    EXPECT_EQ(entry.value, std::string("t\0wo", 4));
    EXPECT_EQ(entry.revision, second);
    EXPECT_EQ((*store.put("b", "empty", "")), second + 1);
    EXPECT_EQ((**store.get("b", "empty")).value, "");
  });
}

TEST(Store, SetsOnlyWhatNobodyElseHasChanged) {
  for_each_kind([](Store& store) {
    EXPECT_EQ(store.compare_and_set("b", "k", "x", 5).error().code, ErrorCode::kConflict);
    const auto first = store.compare_and_set("b", "k", "one", kAbsent);
    ASSERT_TRUE(first);
    EXPECT_EQ(store.compare_and_set("b", "k", "two", kAbsent).error().code, ErrorCode::kConflict);
    const auto second = store.compare_and_set("b", "k", "two", *first);
    ASSERT_TRUE(second);
    EXPECT_EQ(store.compare_and_set("b", "k", "three", *first).error().code, ErrorCode::kConflict);
    EXPECT_EQ((**store.get("b", "k")).value, "two");
  });
}

TEST(Store, NeverUsesARevisionTwice) {
  for_each_kind([](Store& store) {
    const auto first = *store.put("b", "k", "one");
    ASSERT_TRUE(store.remove("b", "k"));
    ASSERT_TRUE(store.remove("b", "k"));
    EXPECT_FALSE(store.get("b", "k")->has_value());
    const auto second = *store.compare_and_set("b", "k", "two", kAbsent);
    EXPECT_GT(second, first);
    EXPECT_EQ(store.compare_and_remove("b", "k", first).error().code, ErrorCode::kConflict);
    EXPECT_TRUE(store.compare_and_remove("b", "k", second));
    EXPECT_EQ(store.compare_and_remove("b", "k", second).error().code, ErrorCode::kConflict);
  });
}

TEST(Store, TellsWhetherABucketHasChanged) {
  for_each_kind([](Store& store) {
    EXPECT_EQ(*store.latest("b"), kAbsent);
    (void)store.put("b", "k", "one");
    const auto one = *store.latest("b");
    (void)store.put("other", "k", "one");
    EXPECT_EQ(*store.latest("b"), one);
    (void)store.remove("b", "k");
    EXPECT_GT(*store.latest("b"), one);
    const auto two = *store.latest("b");
    (void)store.remove("b", "k");
    EXPECT_EQ(*store.latest("b"), two);
  });
}

TEST(Store, ScansByPrefixInTheOrderOfBytes) {
  for_each_kind([](Store& store) {
    for (const char* key : {"a", "a/1", "a/2", "a/\xff", "b", "\xff", "\xff\xff"}) (void)store.put("b", key, key);
    (void)store.put("c", "a/3", "elsewhere");
    const auto keys = [&](std::string_view prefix, std::size_t limit, std::string_view after = {}) {
      std::vector<std::string> out;
      const auto entries = store.scan("b", prefix, limit, after);
      for (const auto& entry : *entries) out.push_back(entry.key);
      return out;
    };
    using Keys = std::vector<std::string>;
    EXPECT_EQ(keys("a/", 10), (Keys{"a/1", "a/2", "a/\xff"}));
    EXPECT_EQ(keys("a/", 2), (Keys{"a/1", "a/2"}));
    EXPECT_EQ(keys("a/", 2, "a/2"), (Keys{"a/\xff"}));
    EXPECT_EQ(keys("\xff", 10), (Keys{"\xff", "\xff\xff"}));
    EXPECT_EQ(keys("", 10).size(), 7u);
    EXPECT_EQ(keys("x", 10), Keys{});
  });
}

TEST(Store, RefusesWhatIsOutOfBounds) {
  for_each_kind([](Store& store) {
    EXPECT_EQ(store.put("", "k", "v").error().code, ErrorCode::kInvalid);
    EXPECT_EQ(store.put("b", "", "v").error().code, ErrorCode::kInvalid);
    EXPECT_EQ(store.put("b", std::string(kKeyBytes + 1, 'k'), "v").error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(store.put("b", "k", std::string(kValueBytes + 1, 'v')).error().code, ErrorCode::kTooLarge);
  });
}

TEST(SqliteStore, IsThereAgainAfterItWasClosedAndBelongsToItsOwner) {
  const TemporaryFolder folder;
  Revision revision = kAbsent;
  {
    auto store = open_sqlite_store(folder.file());
    revision = *(*store)->put("b", "k", "kept");
  }
  auto store = open_sqlite_store(folder.file());
  EXPECT_EQ((**(*store)->get("b", "k")).revision, revision);
  struct stat status{};
  ASSERT_EQ(::stat(folder.file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(SqliteStore, LosesNoIncrementOfSeveralProcesses) {
  const TemporaryFolder folder;
  constexpr int kProcesses = 4;
  constexpr int kIncrements = 50;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = open_sqlite_store(folder.file());
      if (!store) ::_exit(2);
      for (int i = 0; i < kIncrements;) {
        auto entry = (*store)->get("b", "count");
        if (!entry) ::_exit(3);
        const int now = *entry ? std::stoi((**entry).value) : 0;
        auto set = (*store)->compare_and_set("b", "count", std::to_string(now + 1), *entry ? (**entry).revision : kAbsent);
        if (set) ++i;
        else if (set.error().code != ErrorCode::kConflict) ::_exit(4);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  auto store = open_sqlite_store(folder.file());
  EXPECT_EQ((**(*store)->get("b", "count")).value, std::to_string(kProcesses * kIncrements));
}

// A process that opens the store, looks for a value, and closes it again, once it is told to. Forked before the parent has a store: what
// SQLite knows of its own locks must not be inherited.
class Visitor {
 public:
  Visitor(const std::filesystem::path& file, std::string value) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[1]);
      char told = 0;
      bool good = ::read(ends[0], &told, 1) == 1;
      {
        const auto store = open_sqlite_store(file);
        const auto entry = store ? (*store)->get("b", "k") : Result<std::optional<Entry>>();
        good = good && store && entry && *entry && (**entry).value == value;
      }
      ::_exit(good ? 0 : 1);
    }
    ::close(ends[0]);
    tell_ = ends[1];
  }
  bool finds_it() {
    const bool told = ::write(tell_, "x", 1) == 1;
    ::close(tell_);
    int status = -1;
    ::waitpid(child_, &status, 0);
    return told && status == 0;
  }

 private:
  pid_t child_ = -1;
  int tell_ = -1;
};

// A second opening in this process must not cost the first one its locks, or the next process that closes takes the log away from under it.
TEST(SqliteStore, KeepsItsLocksWhenItIsOpenedTwiceAndAnotherProcessLeaves) {
  const TemporaryFolder folder;
  Visitor before(folder.file(), "1");
  Visitor after(folder.file(), "2");
  auto first = open_sqlite_store(folder.file());
  ASSERT_TRUE((*first)->put("b", "k", "1"));
  auto second = open_sqlite_store(folder.file(), Durability::kProcess);
  ASSERT_TRUE(second);
  EXPECT_TRUE(before.finds_it());
  ASSERT_TRUE((*first)->put("b", "k", "2"));
  EXPECT_TRUE(after.finds_it()) << "what was written is lost";
}

TEST(SqliteStore, IsRefusedWhereTheFileIsNoDatabase) {
  const TemporaryFolder folder;
  std::ofstream(folder.file()) << std::string(4096, 'x');
  auto store = open_sqlite_store(folder.file());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(open_sqlite_store(folder.file().parent_path() / "missing" / "store.db"));
}

}  // namespace
}  // namespace interlock::store
