// Envelopes: what older versions sealed, other masters, re-keying step by step and under kill -9, and gates that share a store.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "store/key_ring.hpp"
#include "store/seal.hpp"
#include "store/sealed.hpp"

namespace interlock::store {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kHourMs = 3'600'000;

// As interlock 0.1 sealed a value before there were data keys: byte 1, nonce, ciphertext, tag, under the master key itself.
std::string sealed_the_old_way(const MasterKey& master, std::string_view bucket, std::string_view key, std::string_view value) {
  std::string place(bucket);
  place.push_back('\0');
  place += key;
  return "\x01" + *seal(master.bytes(), place, {}, value);
}

class RekeyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("interlock-rekey-" + to_hex(random_bytes(8)));
    fs::create_directory(folder_);
    store_ = std::move(*open_sqlite_store(folder_ / "store.db"));
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path key_file() const { return folder_ / "master.key"; }
  MasterKey key() { return std::move(*MasterKey::open_file(key_file())); }
  std::unique_ptr<SealedStore> open(Store& store) {
    return std::make_unique<SealedStore>(store, key(), [this] { return MasterKey::open_file(key_file()); });
  }
  std::string value_of(SealedStore& sealed, std::string_view bucket, std::string_view name) {
    const auto entry = sealed.get(bucket, name);
    if (!entry) return "error: " + entry.error().text();
    return *entry ? (*entry)->value : "absent";
  }
  static MasterKey fresh() { return std::move(*MasterKey::generate()); }

  fs::path folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(RekeyTest, WhatWasSealedBeforeThereWereDataKeysOpensBeforeAndAfterTheUpgrade) {
  const auto master = key();
  ASSERT_TRUE(store_->put("oauth", "a", sealed_the_old_way(master, "oauth", "a", "an old token")));
  ASSERT_TRUE(store_->put("oauth", "empty", sealed_the_old_way(master, "oauth", "empty", "")));
  const auto sealed = open(*store_);
  EXPECT_EQ(value_of(*sealed, "oauth", "a"), "an old token");
  EXPECT_EQ(*store_->latest(kKeyBucket), kAbsent) << "reading makes no keys";
  ASSERT_TRUE(sealed->put("oauth", "b", "a new token"));
  EXPECT_EQ((*store_->get("oauth", "b"))->value.front(), 2);
  EXPECT_EQ(value_of(*sealed, "oauth", "a"), "an old token");
  EXPECT_EQ(value_of(*sealed, "oauth", "empty"), "");
  EXPECT_EQ(value_of(*open(*store_), "oauth", "a"), "an old token");
}

TEST_F(RekeyTest, AnotherMasterKeyNeverGetsHoldOfAStoreThatOldValuesStandIn) {
  const auto right = key();
  ASSERT_TRUE(store_->put("oauth", "a", sealed_the_old_way(right, "oauth", "a", "an old token")));
  SealedStore wrong(*store_, fresh());
  const auto put = wrong.put("oauth", "b", "x");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kDenied);
  // The right one, put back, finds all as it was.
  const auto sealed = open(*store_);
  ASSERT_TRUE(sealed->put("oauth", "b", "x"));
  EXPECT_EQ(value_of(*sealed, "oauth", "a"), "an old token");
}

TEST_F(RekeyTest, EachStepOfARekeyingLeavesAStoreThatOpensWithTheKeyThatIsInItsPlace) {
  const auto old_key = key();
  const auto next = fresh();
  ASSERT_TRUE(store_->put("oauth", "old", sealed_the_old_way(old_key, "oauth", "old", "of old")));
  const auto sealed = open(*store_);
  ASSERT_TRUE(sealed->put("vault", "a", "secret"));
  const auto opens_with = [&](const MasterKey& master) {
    SealedStore other(*store_, master.copy());
    return value_of(other, "vault", "a") == "secret" && value_of(other, "oauth", "old") == "of old";
  };
  EXPECT_TRUE(opens_with(old_key));
  EXPECT_FALSE(opens_with(next));

  ASSERT_TRUE(sealed->begin_rekey(next));
  EXPECT_TRUE(sealed->is_rekeying());
  EXPECT_TRUE(opens_with(old_key)) << "killed before the new key is in its place";
  EXPECT_EQ(value_of(*sealed, "vault", "a"), "secret");
  ASSERT_TRUE(sealed->put("vault", "b", "put in between"));

  ASSERT_TRUE(next.replace_file(key_file()));
  EXPECT_EQ(key().id(), next.id());
  EXPECT_TRUE(opens_with(next)) << "killed before the old one was taken out";
  EXPECT_FALSE(opens_with(old_key)) << "who is started with the new key finishes the re-keying";

  ASSERT_TRUE(sealed->finish_rekey());
  EXPECT_FALSE(sealed->is_rekeying());
  EXPECT_EQ(sealed->master_id(), next.id());
  EXPECT_TRUE(opens_with(next));
  EXPECT_FALSE(opens_with(old_key));
  EXPECT_EQ(value_of(*sealed, "vault", "b"), "put in between");
}

TEST_F(RekeyTest, ARekeyingThatWasGivenUpCanBeBegunAgainWithAnotherKey) {
  const auto first = fresh();
  const auto second = fresh();
  ASSERT_TRUE(open(*store_)->put("vault", "a", "secret"));
  ASSERT_TRUE(open(*store_)->begin_rekey(first));
  const auto sealed = open(*store_);
  ASSERT_TRUE(sealed->begin_rekey(second));
  ASSERT_TRUE(sealed->finish_rekey());
  SealedStore given_up(*store_, first.copy());
  EXPECT_EQ(given_up.get("vault", "a").error().code, ErrorCode::kDenied);
  EXPECT_EQ(value_of(*sealed, "vault", "a"), "secret");
  EXPECT_EQ(sealed->begin_rekey(second).error().code, ErrorCode::kInvalid) << "it is the present one";
  EXPECT_EQ(open(*store_)->finish_rekey().error().code, ErrorCode::kInvalid) << "nothing was begun";
}

TEST_F(RekeyTest, AnotherGateOfTheFolderNoticesANewMasterAndNewDataKeys) {
  const auto second_store = std::move(*open_sqlite_store(folder_ / "store.db"));
  const auto first = open(*store_);
  const auto second = open(*second_store);
  ASSERT_TRUE(first->put("vault", "a", "one"));
  EXPECT_EQ(value_of(*second, "vault", "a"), "one");

  const auto next = fresh();
  ASSERT_TRUE(first->begin_rekey(next));
  ASSERT_TRUE(second->put("vault", "b", "by the second in between"));
  ASSERT_TRUE(next.replace_file(key_file()));
  ASSERT_TRUE(first->finish_rekey());
  ASSERT_TRUE(first->rotate_data_key(SystemClock().now_ms()));
  ASSERT_TRUE(first->put("vault", "a", "two"));

  EXPECT_EQ(value_of(*second, "vault", "a"), "two");
  EXPECT_EQ(value_of(*second, "vault", "b"), "by the second in between");
  EXPECT_EQ(second->master_id(), next.id());
  ASSERT_TRUE(second->put("vault", "c", "three"));
  EXPECT_EQ(value_of(*first, "vault", "c"), "three");
  EXPECT_EQ((*store_->get("vault", "c"))->value.substr(0, 5), (*store_->get("vault", "a"))->value.substr(0, 5))
      << "it seals with the new data key";
}

TEST_F(RekeyTest, RotationSealsEveryValueAnewAndDropsKeysThatNothingNeeds) {
  const auto master = key();
  ASSERT_TRUE(store_->put("oauth", "old", sealed_the_old_way(master, "oauth", "old", "of old")));
  const auto sealed = open(*store_);
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(sealed->put("vault", "k" + std::to_string(i), "value " + std::to_string(i)));
  ASSERT_TRUE(store_->put("tasks", "plain", "{\"not\":\"sealed\"}"));
  ASSERT_TRUE(store_->put("tasks", "looks like one", std::string("\x02\0\0\0\1", 5) + std::string(40, 'x')));
  const auto now = SystemClock().now_ms();

  const auto report = sealed->rotate_data_key(now);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->sealed_anew, 601U);
  EXPECT_EQ(report->left, 1U) << "what only looks sealed stays as it is";
  EXPECT_EQ(report->keys_dropped, 0U) << "a process may be about to write with one that was retired just now";
  EXPECT_EQ((*store_->get("tasks", "plain"))->value, "{\"not\":\"sealed\"}");
  EXPECT_EQ(value_of(*sealed, "oauth", "old"), "of old");
  EXPECT_EQ((*store_->get("oauth", "old"))->value.front(), 2);

  ASSERT_TRUE(store_->remove("tasks", "looks like one"));
  const auto later = sealed->rotate_data_key(now + 2 * kHourMs);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->sealed_anew, 601U);
  EXPECT_EQ(later->keys_dropped, 2U) << "the first master and the first data key; the one retired by this call stays";
  for (int i = 0; i < 600; ++i) ASSERT_EQ(value_of(*open(*store_), "vault", "k" + std::to_string(i)), "value " + std::to_string(i));
}

TEST_F(RekeyTest, ADataKeyIsNotRotatedWhileItCouldNotBeGivenToTheMasterThatComes) {
  const auto first = open(*store_);
  ASSERT_TRUE(first->put("vault", "a", "secret"));
  ASSERT_TRUE(first->begin_rekey(fresh()));
  const auto second = open(*store_);  // knows the old master alone
  EXPECT_EQ(second->rotate_data_key(SystemClock().now_ms()).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(first->rotate_data_key(SystemClock().now_ms())) << "who began it has both";
  EXPECT_EQ(value_of(*second, "vault", "a"), "secret");
}

TEST_F(RekeyTest, AChangedRingIsRefusedAndNotMadeAnew) {
  const auto sealed = open(*store_);
  ASSERT_TRUE(sealed->put("vault", "a", "secret"));
  const auto ring = (*store_->get(kKeyBucket, "ring"))->value;
  for (const std::string& text : {std::string("{}"), std::string("no json"), ring.substr(0, ring.size() / 2), [&] {
                                    auto swapped = ring;  // the sealed bytes of one key, changed
                                    const auto at = swapped.find("\"1\":\"") + 5;
                                    swapped[at + 8] = swapped[at + 8] == 'A' ? 'B' : 'A';
                                    return swapped;
                                  }()}) {
    ASSERT_TRUE(store_->put(kKeyBucket, "ring", text));
    EXPECT_EQ(open(*store_)->get("vault", "a").error().code, ErrorCode::kDenied) << text;
    EXPECT_EQ(open(*store_)->put("vault", "b", "x").error().code, ErrorCode::kDenied) << text;
  }
  ASSERT_TRUE(store_->put(kKeyBucket, "ring", ring));
  EXPECT_EQ(value_of(*open(*store_), "vault", "a"), "secret");
}

// A child re-keys and rotates over and over and is killed somewhere; whatever key is in its place then opens everything.
TEST_F(RekeyTest, NoKillAtAnyMomentOfARekeyingLosesAValue) {
  constexpr int kRounds = 60;
  constexpr int kValues = 20;
  {
    const auto master = key();
    for (int i = 0; i < kValues; ++i) {
      const auto name = std::to_string(i);
      ASSERT_TRUE(store_->put("vault", name, sealed_the_old_way(master, "vault", name, "value " + name)));
    }
  }
  store_.reset();
  int moved = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto before = key().id();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const auto child = ::fork();
    if (child == 0) {
      const auto store = open_sqlite_store(folder_ / "store.db");
      if (!store) ::_exit(1);
      const auto sealed = open(**store);
      (void)!::write(ready[1], "x", 1);
      for (;;) {
        const auto next = fresh();
        if (!sealed->begin_rekey(next) || !next.replace_file(key_file()) || !sealed->finish_rekey() ||
            !sealed->rotate_data_key(SystemClock().now_ms() + round * kHourMs))
          ::_exit(2);
      }
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::usleep(static_cast<useconds_t>(round * 977 % 20'000));  // no wait for anything: it spreads the kills over the steps
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "a step failed: " << WEXITSTATUS(status);
    ::close(ready[0]);
    ::close(ready[1]);
    moved += key().id() != before ? 1 : 0;
    const auto store = std::move(*open_sqlite_store(folder_ / "store.db"));
    const auto sealed = open(*store);
    for (int i = 0; i < kValues; ++i)
      ASSERT_EQ(value_of(*sealed, "vault", std::to_string(i)), "value " + std::to_string(i)) << "round " << round;
  }
  EXPECT_GT(moved, 0) << "no child came as far as a new key";
}

// ---- where a master key comes from ------------------------------------------------------------------------------------------------

TEST_F(RekeyTest, AKeyIsReadFromBytesOrFromHexadecimalDigits) {
  const std::string digits = std::string(62, '0') + "ff";
  const auto key = MasterKey::of(digits + "\n", "it");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->bytes(), std::string(31, '\0') + "\xff");
  EXPECT_EQ(key->id().size(), 16U);
  EXPECT_NE(key->id(), fresh().id());
  EXPECT_EQ(key->id(), key->copy().id());
  for (const std::string& bad : {std::string(), std::string(31, 'k'), std::string(33, 'k'), std::string(64, 'g'), std::string(66, '0')})
    EXPECT_EQ(MasterKey::of(bad, "it").error().code, ErrorCode::kInvalid) << bad.size();
  EXPECT_EQ(MasterKey::read_file(folder_ / "none").error().code, ErrorCode::kNotFound);
}

TEST_F(RekeyTest, ASystemdCredentialIsReadFromItsFolder) {
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(MasterKey::from_systemd("master").error().code, ErrorCode::kNotFound);
  ::setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(MasterKey::from_systemd("master").error().code, ErrorCode::kNotFound);
  const auto made = fresh();
  ASSERT_TRUE(made.replace_file(folder_ / "master"));
  const auto read = MasterKey::from_systemd("master");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->bytes(), made.bytes());
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(RekeyTest, APassphraseGivesTheSameKeyWithTheSaltBesideItAndNoneWithoutIt) {
  const auto salt = folder_ / "master.salt";
  EXPECT_EQ(MasterKey::from_passphrase("too short", salt).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(fs::exists(salt));
  const auto first = MasterKey::from_passphrase("correct horse battery", salt);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(MasterKey::from_passphrase("correct horse battery", salt)->bytes(), first->bytes());
  EXPECT_NE(MasterKey::from_passphrase("correct horse batterz", salt)->bytes(), first->bytes());
  fs::remove(salt);
  EXPECT_NE(MasterKey::from_passphrase("correct horse battery", salt)->bytes(), first->bytes());
  for (const std::string_view bad :
       {"", "{}", R"({"algorithm":"argon2id13","passes":1,"memory_bytes":9999999999999,"salt":"AAAAAAAAAAAAAAAAAAAAAA=="})",
        R"({"algorithm":"none","passes":3,"memory_bytes":268435456,"salt":"AAAAAAAAAAAAAAAAAAAAAA=="})"}) {
    fs::remove(salt);
    const int file = ::open(salt.c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_EQ(::write(file, bad.data(), bad.size()), static_cast<ssize_t>(bad.size()));
    ::close(file);
    EXPECT_EQ(MasterKey::from_passphrase("correct horse battery", salt).error().code, ErrorCode::kInvalid) << bad;
  }
}

TEST_F(RekeyTest, AKeyOfTheKeyringIsReadAndReplaced) {
  const auto name = "interlock-test-" + to_hex(random_bytes(8));
  const auto absent = MasterKey::from_keyring(name);
  ASSERT_FALSE(absent);
  if (absent.error().code == ErrorCode::kUnsupported) GTEST_SKIP() << "SKIPPED: this container gives no keyring (keyctl(2) is refused)";
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  const std::string bytes(32, 'k');
  const long key = ::syscall(SYS_add_key, "user", name.c_str(), bytes.data(), bytes.size(), KEY_SPEC_SESSION_KEYRING);
  if (key < 0) GTEST_SKIP() << "SKIPPED: a key cannot be put into the keyring of this session";
  EXPECT_EQ(MasterKey::from_keyring(name)->bytes(), bytes);
  const auto next = fresh();
  EXPECT_TRUE(next.replace_in_keyring(name));
  EXPECT_EQ(MasterKey::from_keyring(name)->bytes(), next.bytes());
  ::syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_SESSION_KEYRING, 0, 0);
}

}  // namespace
}  // namespace interlock::store
