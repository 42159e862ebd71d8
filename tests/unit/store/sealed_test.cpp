#include "store/sealed.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "base/hash.hpp"
#include "base/ids.hpp"

namespace interlock::store {
namespace {

namespace fs = std::filesystem;

class SealedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("interlock-sealed-" + to_hex(random_bytes(8)));
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path key_file() const { return folder_ / "master.key"; }
  MasterKey key() { return std::move(*MasterKey::open_file(key_file())); }
  MasterKey another_key() { return std::move(*MasterKey::open_file(folder_ / "another.key")); }
  static void write(const fs::path& path, std::string_view bytes, fs::perms mode) {
    std::ofstream(path, std::ios::binary) << bytes;
    fs::permissions(path, mode);
  }

  fs::path folder_;
  std::unique_ptr<Store> store_ = open_memory_store();
};

constexpr auto kOwner = fs::perms::owner_read | fs::perms::owner_write;

TEST_F(SealedTest, AValueComesBackAsItWasPutAndIsNotReadableInTheStore) {
  SealedStore sealed(*store_, key());
  for (const std::string& value :
       {std::string("the secret of the vault"), std::string(), std::string(100'000, 'x'), std::string("\0\1\2", 3)}) {
    ASSERT_TRUE(sealed.put("vault", "a", value));
    const auto entry = sealed.get("vault", "a");
    ASSERT_TRUE(entry && *entry);
    EXPECT_EQ((*entry)->value, value);
    if (value.size() < 8) continue;
    EXPECT_EQ((*store_->get("vault", "a"))->value.find(value.substr(0, 8)), std::string::npos);
  }
  EXPECT_FALSE(*sealed.get("vault", "b"));
  ASSERT_TRUE(sealed.remove("vault", "a"));
  EXPECT_FALSE(*sealed.get("vault", "a"));
}

TEST_F(SealedTest, TheSameValueIsSealedDifferentlyEachTime) {
  SealedStore sealed(*store_, key());
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(sealed.put("vault", "a", "the same"));
    seen.insert((*store_->get("vault", "a"))->value.substr(1, 12));
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST_F(SealedTest, EachChangedByteAndEachCutIsNoticed) {
  SealedStore sealed(*store_, key());
  ASSERT_TRUE(sealed.put("vault", "a", "secret"));
  const auto whole = (*store_->get("vault", "a"))->value;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    ASSERT_TRUE(store_->put("vault", "a", changed));
    const auto entry = sealed.get("vault", "a");
    ASSERT_FALSE(entry) << "byte " << at;
    EXPECT_EQ(entry.error().code, ErrorCode::kDenied);
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_TRUE(store_->put("vault", "a", whole.substr(0, size)));
    EXPECT_EQ(sealed.get("vault", "a").error().code, ErrorCode::kDenied) << size;
  }
  ASSERT_TRUE(store_->put("vault", "a", whole + "x"));
  EXPECT_FALSE(sealed.get("vault", "a"));
  ASSERT_TRUE(store_->put("vault", "a", whole));
  EXPECT_TRUE(sealed.get("vault", "a"));
}

TEST_F(SealedTest, AValueDoesNotOpenInAnotherPlace) {
  SealedStore sealed(*store_, key());
  ASSERT_TRUE(sealed.put("vault", "a", "of a"));
  ASSERT_TRUE(sealed.put("vault", "b", "of b"));
  const auto a = (*store_->get("vault", "a"))->value;
  const auto b = (*store_->get("vault", "b"))->value;
  ASSERT_TRUE(store_->put("vault", "a", b));
  ASSERT_TRUE(store_->put("vault", "b", a));
  ASSERT_TRUE(store_->put("vaul", "ta", a));
  ASSERT_TRUE(store_->put("other", "a", a));
  EXPECT_EQ(sealed.get("vault", "a").error().code, ErrorCode::kDenied);
  EXPECT_EQ(sealed.get("vault", "b").error().code, ErrorCode::kDenied);
  EXPECT_EQ(sealed.get("vaul", "ta").error().code, ErrorCode::kDenied);
  EXPECT_EQ(sealed.get("other", "a").error().code, ErrorCode::kDenied);
  // A NUL in the bucket's name would let two places read the same.
  EXPECT_EQ(sealed.put(std::string("a\0b", 3), "c", "x").error().code, ErrorCode::kInvalid);
}

TEST_F(SealedTest, AnotherMasterKeyOpensNothingAndSaysSo) {
  SealedStore first(*store_, key());
  ASSERT_TRUE(first.put("vault", "a", "secret"));
  SealedStore second(*store_, another_key());
  const auto entry = second.get("vault", "a");
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, ErrorCode::kDenied);
  EXPECT_EQ(entry.error().text().find("secret"), std::string::npos);
}

TEST_F(SealedTest, CompareAndSetAndKeysAreThoseOfTheStore) {
  SealedStore sealed(*store_, key());
  const auto first = sealed.compare_and_set("vault", "k1", "one", kAbsent);
  ASSERT_TRUE(first);
  EXPECT_EQ(sealed.compare_and_set("vault", "k1", "two", kAbsent).error().code, ErrorCode::kConflict);
  ASSERT_TRUE(sealed.compare_and_set("vault", "k1", "two", *first));
  EXPECT_EQ((*sealed.get("vault", "k1"))->value, "two");
  ASSERT_TRUE(sealed.put("vault", "k2", "x"));
  ASSERT_TRUE(sealed.put("vault", "other", "x"));
  EXPECT_EQ(*sealed.keys("vault", "k", 10), (std::vector<std::string>{"k1", "k2"}));
  EXPECT_EQ(sealed.put("vault", "big", std::string(kValueBytes, 'x')).error().code, ErrorCode::kTooLarge);
}

TEST_F(SealedTest, TheMasterKeyIsMadeOnceForItsOwnerAlone) {
  std::string bytes;
  {
    const auto made = key();
    bytes = made.bytes();
    EXPECT_EQ(bytes.size(), 32U);
  }
  EXPECT_EQ(fs::status(key_file()).permissions(), kOwner);
  EXPECT_EQ(key().bytes(), bytes);
  EXPECT_NE(another_key().bytes(), bytes);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2) << "passing files are left";
}

TEST_F(SealedTest, AMasterKeyThatOthersCanReachIsRefused) {
  const std::string bytes(32, 'k');
  for (const auto mode :
       {fs::perms::group_read, fs::perms::group_write, fs::perms::others_read, fs::perms::others_write, fs::perms::others_exec}) {
    write(key_file(), bytes, kOwner | mode);
    const auto opened = MasterKey::open_file(key_file());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
    fs::permissions(key_file(), kOwner);
  }
  fs::permissions(key_file(), fs::perms::owner_read);
  EXPECT_TRUE(MasterKey::open_file(key_file()));
}

TEST_F(SealedTest, AMasterKeyOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "SKIPPED: only root can give a file to another user";
  write(key_file(), std::string(32, 'k'), kOwner);
  ASSERT_EQ(::chown(key_file().c_str(), 12'345, 12'345), 0);
  const auto opened = MasterKey::open_file(key_file());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
}

TEST_F(SealedTest, AMasterKeyOfAnotherLengthOrKindIsRefusedAndNeverReplaced) {
  for (const std::size_t size : {0, 1, 31, 33, 64}) {
    write(key_file(), std::string(size, 'k'), kOwner);
    const auto opened = MasterKey::open_file(key_file());
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(fs::file_size(key_file()), size);
  }
  fs::remove(key_file());
  fs::create_directory(key_file());
  EXPECT_FALSE(MasterKey::open_file(key_file()));
  fs::remove(key_file());
  ASSERT_EQ(::mkfifo(key_file().c_str(), 0600), 0);
  EXPECT_EQ(MasterKey::open_file(key_file()).error().code, ErrorCode::kInvalid);
  fs::remove(key_file());
  fs::create_symlink(folder_ / "nowhere", key_file());
  EXPECT_FALSE(MasterKey::open_file(key_file()));
  EXPECT_FALSE(MasterKey::open_file(folder_ / "no folder" / "master.key"));
}

// Runs `work` in a child process; its exit status is the answer.
pid_t in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  return child;
}

TEST_F(SealedTest, ProcessesThatMakeTheKeyAtOnceGoOnWithTheSameOne) {
  constexpr int kProcesses = 8;
  for (int round = 0; round < 10; ++round) {
    const auto path = folder_ / ("key-" + std::to_string(round));
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; ++i) {
      children.push_back(in_child([&] {
        const auto opened = MasterKey::open_file(path);
        if (!opened) return 1;
        write(path.string() + ".seen-" + std::to_string(i), to_hex(opened->bytes()), kOwner);
        return 0;
      }));
    }
    for (const auto child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    const auto expected = to_hex(MasterKey::open_file(path)->bytes());
    for (int i = 0; i < kProcesses; ++i) {
      std::string seen;
      std::ifstream(path.string() + ".seen-" + std::to_string(i)) >> seen;
      EXPECT_EQ(seen, expected);
    }
  }
}

TEST_F(SealedTest, AProcessKilledWhileItMakesTheKeyLeavesNoneOrAWholeOne) {
  int made = 0;
  int unmade = 0;
  for (int round = 0; round < 200; ++round) {
    const auto path = folder_ / ("key-" + std::to_string(round));
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const auto child = in_child([&] {
      (void)!::write(ready[1], "x", 1);
      (void)MasterKey::open_file(path);
      ::pause();
      return 0;
    });
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::usleep(static_cast<useconds_t>(round * 2));  // no wait for anything: it spreads the kills over the steps
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(ready[0]);
    ::close(ready[1]);
    if (fs::exists(path)) {
      EXPECT_EQ(fs::file_size(path), 32U);
      EXPECT_EQ(fs::status(path).permissions(), kOwner);
      ++made;
    } else {
      ++unmade;
    }
    const auto after = MasterKey::open_file(path);
    ASSERT_TRUE(after) << after.error().text();
  }
  RecordProperty("killed_before", unmade);
  RecordProperty("killed_after", made);
}

}  // namespace
}  // namespace interlock::store
