// What verify() finds: a table of ways to tamper with a ledger, each with the record that it has to name.
#include "ledger/verify.hpp"

#include "fixture.hpp"
#include "ledger/log_file.hpp"
#include "ledger/publisher.hpp"

namespace interlock::ledger {
namespace {

constexpr int kActs = 300;  // 600 records: two full tiles and a partial one

std::vector<std::string> lines_of(const std::string& log) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < log.size();) {
    const auto end = log.find('\n', at);
    lines.push_back(log.substr(at, end - at + 1));
    at = end + 1;
  }
  return lines;
}
std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line;
  return out;
}
// The line of a record that somebody made up, with a hash that fits.
std::string forged(std::string record) {
  std::string line;
  write_line(line, record);
  return line;
}
std::string changed(const std::string& line, const std::string& what, const std::string& by) {
  auto record = line.substr(kHashDigits + 1, line.size() - kHashDigits - 2);
  const auto at = record.find(what);
  EXPECT_NE(at, std::string::npos);
  record.replace(at, what.size(), by);
  return forged(record);
}

using Lines = std::vector<std::string>;
struct Tampering {
  const char* name;
  std::function<void(Lines&)> apply;
  std::optional<std::uint64_t> record;
  const char* says;
};

class Verify : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    original_ = new TemporaryFolder;
    write_acts(original_->path(), kActs);
  }
  static void TearDownTestSuite() { delete original_; }
  void SetUp() override { std::filesystem::copy(original_->path(), folder_.path(), std::filesystem::copy_options::recursive); }

  std::filesystem::path in_log(const std::string& name) const { return folder_.path() / "0001" / name; }
  Report report(const VerifyOptions& options = {}) const {
    auto out = verify(folder_.path(), options);
    EXPECT_TRUE(out) << out.error().text();
    return out ? *out : Report{};
  }

  static TemporaryFolder* original_;
  TemporaryFolder folder_;
};
TemporaryFolder* Verify::original_ = nullptr;

std::string text_of(const Report& report) {
  std::string out;
  for (const auto& finding : report.findings)
    out += finding.log + ":" + (finding.record ? std::to_string(*finding.record) : "-") + " " + finding.what + "\n";
  return out;
}

TEST_F(Verify, FindsNothingInALedgerThatNobodyTouched) {
  const auto out = report();
  EXPECT_TRUE(out.intact()) << text_of(out);
  ASSERT_EQ(out.logs.size(), 1u);
  EXPECT_EQ(out.logs[0].records, 600u);
  EXPECT_EQ(out.logs[0].signed_records, 600u);
  EXPECT_EQ(out.logs[0].attempts, 300u);
  EXPECT_EQ(out.logs[0].results, 300u);
  EXPECT_EQ(out.logs[0].indexed, 600u);
  EXPECT_FALSE(out.logs[0].in_use);
}

TEST_F(Verify, NamesTheRecordThatWasTamperedWith) {
  const std::vector<Tampering> table = {
      {"a flipped bit in the first record", [](Lines& l) { l[0][40] ^= 1; }, 0, "does not match its hash"},
      {"a flipped bit in the middle", [](Lines& l) { l[333][200] ^= 4; }, 333, "does not match its hash"},
      {"a flipped bit in the last record", [](Lines& l) { l[599][200] ^= 4; }, 599, "does not match its hash"},
      {"a flipped bit in a line's hash", [](Lines& l) { l[7][3] ^= 1; }, 7, "does not match its hash"},
      {"a record rewritten with a hash that fits", [](Lines& l) { l[256] = changed(l[256], "write_file", "fetch_file"); }, 256,
       "was changed after it was signed"},
      {"the last record rewritten with a hash that fits", [](Lines& l) { l[599] = changed(l[599], "\"ok\"", "\"no\""); }, 599,
       "was changed after it was signed"},
      {"the first record removed", [](Lines& l) { l.erase(l.begin()); }, 0, "is gone"},
      {"a record in the middle removed", [](Lines& l) { l.erase(l.begin() + 300); }, 300, "is gone"},
      {"the last record removed", [](Lines& l) { l.pop_back(); }, 599, "are missing"},
      {"half of it removed", [](Lines& l) { l.resize(300); }, 300, "are missing"},
      {"all of it removed", [](Lines& l) { l.clear(); }, 0, "are missing"},
      {"two neighbours exchanged", [](Lines& l) { std::swap(l[100], l[101]); }, 100, "was moved"},
      {"two distant ones exchanged", [](Lines& l) { std::swap(l[10], l[500]); }, 10, "was moved"},
      {"one put in", [](Lines& l) { l.insert(l.begin() + 50, forged(R"({"act":"x","kind":"attempt"})")); }, 50, "was put in"},
      {"one repeated", [](Lines& l) { l.insert(l.begin() + 50, l[49]); }, 50, "was moved"},
      {"one removed at the front and one put in at the end",
       [](Lines& l) {
         l.erase(l.begin());
         l.push_back(forged(R"({"act":"x","kind":"attempt"})"));
       },
       0, "is gone"},
      {"rubbish in the middle", [](Lines& l) { l.insert(l.begin() + 50, "rubbish\n"); }, 50, "does not match its hash"},
  };
  const auto whole = lines_of(bytes_of(in_log("log")));
  ASSERT_EQ(whole.size(), 600u);
  for (const auto& tampering : table) {
    auto lines = whole;
    tampering.apply(lines);
    put_bytes(in_log("log"), joined(lines));
    const auto out = report();
    EXPECT_FALSE(out.intact()) << tampering.name;
    bool named = false;
    for (const auto& finding : out.findings)
      named |= finding.record == tampering.record && finding.what.find(tampering.says) != std::string::npos;
    EXPECT_TRUE(named) << tampering.name << "\n" << text_of(out);
  }
}

TEST_F(Verify, FindsAnyFlippedBitOfTheLog) {
  const auto whole = bytes_of(in_log("log"));
  for (std::size_t i = 0; i < whole.size(); i += 1499) {
    auto bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 1 << i % 8);
    put_bytes(in_log("log"), bytes);
    EXPECT_FALSE(report().intact()) << i;
  }
}

TEST_F(Verify, FindsATamperedTileBundleOrCheckpoint) {
  for (const char* name :
       {"tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000", "tile/entries/002.p/88", "checkpoint"}) {
    const auto whole = bytes_of(in_log(name));
    ASSERT_FALSE(whole.empty()) << name;
    auto bytes = whole;
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    put_bytes(in_log(name), bytes);
    EXPECT_FALSE(report().intact()) << name;
    put_bytes(in_log(name), bytes.substr(0, bytes.size() / 2));
    EXPECT_FALSE(report().intact()) << name << ", cut";
    std::filesystem::remove(in_log(name));
    const auto out = report();
    EXPECT_FALSE(out.intact()) << name << ", removed";
    put_bytes(in_log(name), whole);
    EXPECT_TRUE(report().intact()) << name;
  }
}

TEST_F(Verify, FindsALogThatWasRewrittenAsAWholeByTheSignature) {
  // Somebody without the key writes another log, with its tiles, and keeps the old checkpoint.
  const TemporaryFolder other;
  write_acts(other.path(), kActs, 1'000);
  std::filesystem::copy(other.path() / "0001/log", in_log("log"), std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy(other.path() / "0001/tile", in_log("tile"),
                        std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
  EXPECT_FALSE(report().intact());
  // With the checkpoint too: it is signed with another key.
  std::filesystem::copy(other.path() / "0001/checkpoint", in_log("checkpoint"), std::filesystem::copy_options::overwrite_existing);
  EXPECT_FALSE(report().intact());
}

TEST_F(Verify, FindsAResultWithoutItsAttempt) {
  {
    PostedWork work;
    const ManualClock clock;
    auto ledger = open_ledger(folder_.path(), work, clock);
    ASSERT_TRUE(ledger->append(result("act_never_attempted")));
  }
  const auto out = report();
  ASSERT_EQ(out.findings.size(), 1u) << text_of(out);
  EXPECT_EQ(out.findings[0].record, 600u);
}

TEST_F(Verify, FindsACutOffEndAgainstACheckpointThatWasKept) {
  const auto kept = bytes_of(in_log("checkpoint"));
  EXPECT_TRUE(report({{kept}}).intact());
  // Rolled back as a whole, to an earlier state with its own signed checkpoint.
  std::filesystem::remove_all(folder_.path() / "0001");
  write_acts(folder_.path(), 10);
  EXPECT_TRUE(report().intact());
  const auto out = report({{kept}});
  ASSERT_EQ(out.findings.size(), 1u) << text_of(out);
  EXPECT_EQ(out.findings[0].record, 20u);
  // Written on again, beyond the size of the one that was kept.
  write_acts(folder_.path(), 400, 7'000);
  EXPECT_TRUE(report().intact());
  EXPECT_FALSE(report({{kept}}).intact());
  EXPECT_FALSE(report({{"no note"}}).intact());
}

TEST_F(Verify, FindsAnIndexThatSaysSomethingElse) {
  auto database = store::Database::open(in_log("index.db"));
  ASSERT_TRUE(database && database->execute("UPDATE receipt SET subject='unix:0' WHERE sequence=17"));
  const auto out = report();
  ASSERT_EQ(out.findings.size(), 1u) << text_of(out);
  EXPECT_EQ(out.findings[0].record, 17u);
  ASSERT_TRUE(database->execute("UPDATE receipt SET subject='unix:1000' WHERE sequence=17; DELETE FROM receipt WHERE sequence=18"));
  EXPECT_FALSE(report().intact());
}

TEST_F(Verify, WorksBesideARunningLedger) {
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder_.path(), work, clock);
  for (int i = 0; i < 10; ++i) {
    for (int k = 0; k < 100; ++k) ASSERT_TRUE(ledger->append(attempt("act_more")));
    const auto out = report();
    EXPECT_TRUE(out.intact()) << text_of(out);
    EXPECT_TRUE(out.logs[0].in_use);
    EXPECT_EQ(out.logs[0].records, 700u + 100u * static_cast<unsigned>(i));
  }
}

TEST(VerifyNothing, IsAnError) {
  const TemporaryFolder folder;
  EXPECT_EQ(verify(folder.path()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(verify(folder.path() / "missing").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace interlock::ledger
