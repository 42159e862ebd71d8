#include "credential/vault.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/hash.hpp"
#include "base/ids.hpp"

namespace interlock::credential {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kDayMs = 24 * kHourMs;

class VaultTest : public ::testing::Test {
 protected:
  VaultTest() : sealed_(*store_, std::move(*store::MasterKey::generate())), vault_(sealed_, clock_) {}

  std::string value_of(std::string_view name) {
    const auto value = vault_.get(name);
    return value ? std::string(value->view()) : "error: " + std::string(error_code_name(value.error().code));
  }
  std::vector<std::string> valid_of(std::string_view name) {
    std::vector<std::string> out;
    if (const auto all = vault_.valid(name)) {
      for (const auto& one : *all) out.emplace_back(one.view());
    }
    return out;
  }
  std::size_t values_kept() { return store_->scan("secrets", "value/", 1'000)->size(); }
  // Later than the vault's next look.
  Result<std::vector<SecretMeta>> look() {
    clock_.advance_ms(10'000);
    return vault_.tick();
  }

  ManualClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::SealedStore sealed_;
  Vault vault_;
};

TEST_F(VaultTest, KeepsASecretAndTellsWhatIsKnownOfItWithoutIt) {
  ASSERT_TRUE(vault_.set("pg/admin", Secret("hunter2-canary"), "of the shop", {}, "anna"));
  EXPECT_EQ(value_of("pg/admin"), "hunter2-canary");
  const auto meta = vault_.meta("pg/admin");
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->note, "of the shop");
  ASSERT_EQ(meta->versions.size(), 1U);
  EXPECT_EQ(meta->versions[0].number, 1U);
  EXPECT_EQ(meta->versions[0].made_by, "anna");
  EXPECT_EQ(meta->versions[0].bytes, 14U);
  EXPECT_EQ(json::write(to_json(*meta)).find("hunter2"), std::string::npos);
  const auto kept = store_->scan("secrets", "", 100);
  ASSERT_TRUE(kept);
  for (const auto& entry : *kept) EXPECT_EQ(entry.value.find("hunter2"), std::string::npos);
}

TEST_F(VaultTest, NeverOverwritesByItself) {
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {}, "anna"));
  const auto again = vault_.set("a", Secret("two"), "", {}, "anna");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_EQ(value_of("a"), "one");
  EXPECT_EQ(values_kept(), 1U) << "the value that was refused is not kept";
  EXPECT_EQ(vault_.rotate("b", Secret("x"), "anna").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(values_kept(), 1U);
}

TEST_F(VaultTest, ARotationOverlapsForAsLongAsTheRuleSays) {
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {.max_age_ms = 0, .overlap_ms = kHourMs}, "anna"));
  const auto meta = vault_.rotate("a", Secret("two"), "bob");
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->versions[0].number, 2U);
  EXPECT_EQ(meta->versions[1].ends_ms, clock_.now_ms() + kHourMs);
  EXPECT_EQ(value_of("a"), "two");
  EXPECT_EQ(valid_of("a"), (std::vector<std::string>{"two", "one"}));
  clock_.advance_ms(kHourMs);
  EXPECT_EQ(valid_of("a"), (std::vector<std::string>{"two"})) << "over, even before anybody looked";
  ASSERT_TRUE(look());
  EXPECT_EQ(values_kept(), 1U) << "the old value is gone from the store";
  EXPECT_EQ(vault_.meta("a")->versions.size(), 2U) << "that it was there is known";
}

TEST_F(VaultTest, WithoutAnOverlapTheOldValueIsGoneAtOnce) {
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {}, "anna"));
  ASSERT_TRUE(vault_.rotate("a", Secret("two"), "anna"));
  EXPECT_EQ(valid_of("a"), (std::vector<std::string>{"two"}));
  EXPECT_EQ(values_kept(), 1U);
}

TEST_F(VaultTest, RemembersSixteenVersionsAndNoMore) {
  ASSERT_TRUE(vault_.set("a", Secret("1"), "", {.max_age_ms = 0, .overlap_ms = kDayMs}, "anna"));
  for (int i = 2; i <= 20; ++i) ASSERT_TRUE(vault_.rotate("a", Secret(std::to_string(i)), "anna"));
  EXPECT_EQ(vault_.meta("a")->versions.size(), kSecretVersions);
  EXPECT_EQ(vault_.meta("a")->versions[0].number, 20U);
  EXPECT_EQ(values_kept(), kSecretVersions);
  EXPECT_EQ(value_of("a"), "20");
}

TEST_F(VaultTest, AnOverdueSecretIsAlarmedOnceAndAgainAfterItsRotation) {
  vault_.set_rules(
      {{"github/*", {.max_age_ms = 90 * kDayMs, .overlap_ms = kHourMs}}, {"*", {.max_age_ms = 365 * kDayMs, .overlap_ms = 0}}});
  ASSERT_TRUE(vault_.set("github/app", Secret("one"), "", {}, "anna"));
  ASSERT_TRUE(vault_.set("other", Secret("one"), "", {}, "anna"));
  EXPECT_EQ(vault_.meta("github/app")->rule.max_age_ms, 90 * kDayMs) << "the first that fits";
  EXPECT_EQ(vault_.meta("other")->rule.max_age_ms, 365 * kDayMs);
  EXPECT_TRUE(look()->empty());
  clock_.advance_ms(90 * kDayMs);
  const auto overdue = look();
  ASSERT_EQ(overdue->size(), 1U);
  EXPECT_EQ(overdue->front().name, "github/app");
  EXPECT_GT(overdue->front().overdue_since_ms, 0);
  EXPECT_TRUE(look()->empty()) << "once";
  Vault another(sealed_, clock_);
  another.set_rules({{"github/*", {.max_age_ms = 90 * kDayMs, .overlap_ms = 0}}});
  EXPECT_TRUE(another.tick()->empty()) << "whichever gate sees it first";
  EXPECT_GT(another.meta("github/app")->overdue_since_ms, 0);

  ASSERT_TRUE(vault_.rotate("github/app", Secret("two"), "anna"));
  EXPECT_EQ(vault_.meta("github/app")->overdue_since_ms, 0);
  clock_.advance_ms(90 * kDayMs);
  EXPECT_EQ(look()->size(), 1U);
}

TEST_F(VaultTest, ARuleOfItsOwnComesBeforeThoseByName) {
  vault_.set_rules({{"a", {.max_age_ms = kDayMs, .overlap_ms = 0}}});
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {.max_age_ms = 2 * kDayMs, .overlap_ms = 0}, "anna"));
  EXPECT_EQ(vault_.meta("a")->rule.max_age_ms, 2 * kDayMs);
  ASSERT_TRUE(vault_.set_rule("a", {}));
  EXPECT_EQ(vault_.meta("a")->rule.max_age_ms, kDayMs);
}

TEST_F(VaultTest, WhatIsRemovedIsGoneWithAllItsValues) {
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {.max_age_ms = 0, .overlap_ms = kDayMs}, "anna"));
  ASSERT_TRUE(vault_.rotate("a", Secret("two"), "anna"));
  ASSERT_TRUE(vault_.set("a/b", Secret("its neighbour"), "", {}, "anna"));
  ASSERT_TRUE(vault_.remove("a"));
  EXPECT_EQ(value_of("a"), "error: not_found");
  EXPECT_EQ(vault_.remove("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(value_of("a/b"), "its neighbour");
  EXPECT_EQ(values_kept(), 1U);
  EXPECT_EQ(vault_.list()->size(), 1U);
}

TEST_F(VaultTest, NamesAndValuesOutOfBoundsAreRefused) {
  for (const std::string& name : {std::string(), std::string("/a"), std::string(".a"), std::string("a/"), std::string("a b"),
                                  std::string("a\n"), std::string("a\0b", 3), std::string(201, 'a'), std::string("ä")}) {
    EXPECT_EQ(vault_.set(name, Secret("x"), "", {}, "anna").error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(vault_.get(name).error().code, ErrorCode::kInvalid) << name;
  }
  EXPECT_EQ(vault_.set("a", Secret(), "", {}, "anna").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(vault_.set("a", Secret(std::string(kSecretBytes + 1, 'x')), "", {}, "anna").error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(vault_.set("a", Secret(std::string(kSecretBytes, 'x')), "", {}, "anna"));
  EXPECT_EQ(vault_.rotate("a", Secret(std::string(kSecretBytes + 1, 'x')), "anna").error().code, ErrorCode::kTooLarge);
}

TEST_F(VaultTest, AUseIsRemembered) {
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {}, "anna"));
  EXPECT_EQ(vault_.meta("a")->used_ms, 0);
  ASSERT_TRUE(vault_.get("a"));
  const auto used = clock_.now_ms();
  EXPECT_EQ(vault_.meta("a")->used_ms, used);
  ASSERT_TRUE(look());
  EXPECT_EQ(Vault(sealed_, clock_).meta("a")->used_ms, used) << "and written down";
}

TEST_F(VaultTest, ASealThatDoesNotOpenIsNoAbsence) {
  ASSERT_TRUE(vault_.set("a", Secret("one"), "", {}, "anna"));
  const auto entry = store_->scan("secrets", "value/", 1)->front();
  ASSERT_TRUE(store_->put("secrets", entry.key, "changed"));
  EXPECT_EQ(value_of("a"), "error: denied");
}

TEST_F(VaultTest, TwoGatesThatRotateAtOnceLoseNoVersion) {
  const auto folder = std::filesystem::temp_directory_path() / ("interlock-vault-" + to_hex(random_bytes(8)));
  std::filesystem::create_directory(folder);
  const auto one = std::move(*store::open_sqlite_store(folder / "store.db"));
  const auto two = std::move(*store::open_sqlite_store(folder / "store.db"));
  const auto master = std::move(*store::MasterKey::generate());
  store::SealedStore sealed_one(*one, master.copy());
  store::SealedStore sealed_two(*two, master.copy());
  Vault first(sealed_one, clock_);
  Vault second(sealed_two, clock_);
  ASSERT_TRUE(first.set("a", Secret("0"), "", {.max_age_ms = 0, .overlap_ms = kDayMs}, "anna"));
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(first.rotate("a", Secret("first " + std::to_string(i)), "anna"));
    ASSERT_TRUE(second.rotate("a", Secret("second " + std::to_string(i)), "bob"));
  }
  EXPECT_EQ(first.meta("a")->versions[0].number, 11U);
  EXPECT_EQ(first.valid("a")->size(), 11U);
  EXPECT_EQ(first.get("a")->view(), "second 5");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace interlock::credential
