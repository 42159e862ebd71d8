// Queries over several logs, with and without an index, and following.
#include "ledger/reading.hpp"

#include "fixture.hpp"

namespace interlock::ledger {
namespace {

constexpr UnixMs kStart = 1'700'000'000'000;

// Two logs used at once: even acts in the first, odd ones in the second, one a second.
void write_two_logs(const std::filesystem::path& folder) {
  PostedWork work;
  const ManualClock clock;
  auto first = open_ledger(folder, work, clock);
  auto second = open_ledger(folder, work, clock);
  for (int i = 0; i < 20; ++i) {
    auto receipt = receipt_of(model::ReceiptKind::kAttempt, "act_" + std::to_string(i), kStart + i * 1000);
    receipt.subject = i % 3 == 0 ? "unix:0" : "unix:1000";
    receipt.verdict = i % 5 == 0 ? "deny" : "allow";
    receipt.action = i < 10 ? "filesystem/write_file" : "git/push";
    ASSERT_TRUE((i % 2 == 0 ? first : second)->append(receipt));
  }
}

std::string acts_of(const Found& found) {
  std::string out;
  for (const auto& record : found.records)
    out += std::string(json::string_at(json::parse(record.text)->as_object(), "act").value()).substr(4) + " ";
  return out;
}

struct Row {
  Query query;
  const char* acts;
};

TEST(Reading, FindsWhatMatchesInAllLogsByTime) {
  const std::vector<Row> table = {
      {{.limit = 5}, "15 16 17 18 19 "},
      {{.act = "act_7"}, "7 "},
      {{.subject = "unix:0"}, "0 3 6 9 12 15 18 "},
      {{.subject = "unix:0", .limit = 2}, "15 18 "},
      {{.subject = "unix:0", .verdict = "deny"}, "0 15 "},
      {{.action = "git/*"}, "10 11 12 13 14 15 16 17 18 19 "},
      {{.action = "git"}, ""},
      {{.server = "files", .verdict = "deny"}, "0 5 10 15 "},
      {{.since_ms = kStart + 17'000}, "17 18 19 "},
      {{.since_ms = kStart + 3'000, .until_ms = kStart + 6'000}, "3 4 5 "},
      {{.kind = "result"}, ""},
      {{.task = "task_1", .since_ms = kStart + 19'000}, "19 "},
      {{.subject = "' OR 1=1 --"}, ""},
  };
  const TemporaryFolder folder;
  write_two_logs(folder.path());
  for (const auto& row : table) {
    auto found = find_receipts(folder.path(), row.query);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(acts_of(*found), row.acts);
  }
  // The same where no index can be had: a folder stands in its place.
  for (const char* log : {"0001", "0002"}) {
    const auto index = folder.path() / log / "index.db";
    std::filesystem::remove(index);
    std::filesystem::create_directory(index);
  }
  for (const auto& row : table) EXPECT_EQ(acts_of(*find_receipts(folder.path(), row.query)), row.acts);
}

TEST(Reading, FindsRecordsThatTheIndexHasNotSeenYet) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder.path(), work, clock);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ledger->append(attempt("act_" + std::to_string(i))));
    EXPECT_EQ(acts_of(*find_receipts(folder.path(), {.act = "act_" + std::to_string(i)})), std::to_string(i) + " ");
  }
}

TEST(Reading, GoesAroundADamagedRecordAndSaysSo) {
  const TemporaryFolder folder;
  write_acts(folder.path(), 5);
  auto bytes = bytes_of(folder.path() / "0001/log");
  bytes[30] ^= 1;
  put_bytes(folder.path() / "0001/log", bytes);
  std::filesystem::remove(folder.path() / "0001/index.db");
  auto found = find_receipts(folder.path(), {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->records.size(), 9u);
  EXPECT_EQ(found->warnings.size(), 1u);
}

TEST(Reading, MakesTheIndexAnewEvenWhereItIsNoDatabaseAnyMore) {
  const TemporaryFolder folder;
  write_acts(folder.path(), 30);
  for (const std::string& index : {std::string(), std::string(5000, 'x')}) {
    put_bytes(folder.path() / "0001/index.db", index);
    EXPECT_EQ(*reindex(folder.path()), 60u);
    EXPECT_EQ(find_receipts(folder.path(), {.act = "act_29"})->records.size(), 2u);
  }
}

TEST(Reading, ReadsOneRecordByItsPlace) {
  const TemporaryFolder folder;
  write_acts(folder.path(), 5);
  EXPECT_NE(read_receipt(folder.path(), "0001", 9)->text.find("act_4"), std::string::npos);
  EXPECT_EQ(read_receipt(folder.path(), "0001", 10).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_receipt(folder.path(), "0002", 0).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_receipt(folder.path() / "missing", "0001", 0).error().code, ErrorCode::kNotFound);
}

TEST(Reading, FollowsAllLogsAndNewOnes) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  auto first = open_ledger(folder.path(), work, clock);
  ASSERT_TRUE(first->append(attempt("before")));
  auto follower = Follower::open(folder.path());
  ASSERT_TRUE(follower);
  EXPECT_TRUE(follower->next()->empty());
  auto second = open_ledger(folder.path(), work, clock);
  ASSERT_TRUE(first->append(attempt("a")));
  ASSERT_TRUE(second->append(attempt("b")));
  EXPECT_EQ(follower->next()->size(), 2u);
  EXPECT_TRUE(follower->next()->empty());
}

}  // namespace
}  // namespace interlock::ledger
