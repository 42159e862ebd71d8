// Appending, durability, opening again, and what happens to a torn end.
#include "ledger/ledger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "fixture.hpp"
#include "ledger/log_file.hpp"
#include "ledger/publisher.hpp"
#include "ledger/receipt_text.hpp"
#include "tlog/tiles.hpp"

namespace interlock::ledger {
namespace {

std::vector<std::string> records_of(const std::filesystem::path& log) {
  std::vector<std::string> records;
  auto reader = LogReader::open(log);
  if (!reader) return records;
  for (;;) {
    auto line = reader->next();
    if (!line || line->state != Line::State::kRecord) return records;
    records.emplace_back(line->record);
  }
}

TEST(Ledger, NumbersItsRecordsFromZeroAndGoesOnAfterItIsOpenedAgain) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  {
    auto ledger = open_ledger(folder.path(), work, clock);
    EXPECT_EQ(*ledger->append(attempt("act_a")), 0u);
    EXPECT_EQ(*ledger->append(result("act_a")), 1u);
  }
  auto ledger = open_ledger(folder.path(), work, clock);
  EXPECT_TRUE(ledger->notices().empty());
  EXPECT_EQ(*ledger->append(attempt("act_b")), 2u);
  const auto records = records_of(folder.path() / "0001/log");
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1], json::write_canonical(model::to_json(result("act_a"))));
}

TEST(Ledger, HasTheRecordInTheFileWhenAppendReturns) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder.path(), work, clock);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(ledger->append(attempt("act")));
    EXPECT_EQ(records_of(folder.path() / "0001/log").size(), static_cast<std::size_t>(i + 1));
  }
}

TEST(Ledger, AnswersWaitersInTheOrderOfTheirCalls) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder.path(), work, clock);
  std::vector<int> order;
  const auto wait = [&](Sequence sequence, int tag) {
    ledger->when_durable(sequence, [&order, tag](Status status) {
      EXPECT_TRUE(status);
      order.push_back(tag);
    });
  };
  const auto a = *ledger->append(attempt("a"));
  wait(a, 1);
  const auto b = *ledger->append(attempt("b"));
  wait(b, 2);
  wait(a, 3);
  ASSERT_TRUE(work.run_until([&] { return order.size() == 3; }));
  wait(b, 4);  // on disk already
  ASSERT_TRUE(work.run_until([&] { return order.size() == 4; }));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST(Ledger, RefusesToWaitForARecordThatWasNeverAppended) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder.path(), work, clock);
  std::optional<Status> answer;
  ledger->when_durable(7, [&](Status status) { answer = std::move(status); });
  ASSERT_TRUE(work.run_until([&] { return answer.has_value(); }));
  EXPECT_FALSE(answer->has_value());
}

TEST(Ledger, AnswersAllWaitersWhenItIsClosed) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  int answered = 0;
  {
    auto ledger = open_ledger(folder.path(), work, clock);
    for (int i = 0; i < 100; ++i) {
      ledger->when_durable(*ledger->append(attempt("a")), [&](Status status) { answered += status ? 1 : 0; });
    }
  }
  EXPECT_TRUE(work.run_until([&] { return answered == 100; }));
}

TEST(Ledger, SignsACheckpointOfAllRecordsWhenItIsClosed) {
  const TemporaryFolder folder;
  write_acts(folder.path(), 300);
  auto key = read_key(folder.path());
  ASSERT_TRUE(key && *key);
  const LogPaths paths{folder.path() / "0001"};
  const auto verifier = (*key)->renamed("test.example/ledger/0001")->verifier();
  auto checkpoint = read_checkpoint(paths, verifier);
  ASSERT_TRUE(checkpoint && *checkpoint) << checkpoint.error().text();
  EXPECT_EQ((*checkpoint)->size, 600u);
  for (const auto& path : {tlog::tile_path(0, 0), tlog::tile_path(0, 1), tlog::tile_path(0, 2, 88), tlog::tile_path(1, 0, 2),
                           tlog::bundle_path(1), tlog::bundle_path(2, 88)}) {
    EXPECT_TRUE(std::filesystem::exists(paths.folder / path)) << path;
  }
  EXPECT_EQ(read_boundary(paths).tree.size(), 512u);
}

TEST(Ledger, ContinuesTheSameTreeAfterEachOpening) {
  const TemporaryFolder folder;
  const TemporaryFolder whole;
  for (int i = 0; i < 8; ++i) write_acts(folder.path(), 50, i * 50);
  write_acts(whole.path(), 400);
  const auto root = [](const std::filesystem::path& checkpoint) {
    std::istringstream in(bytes_of(checkpoint));
    std::string origin;
    std::string size;
    std::string hash;
    in >> origin >> size >> hash;
    return size + " " + hash;
  };
  EXPECT_EQ(root(folder.path() / "0001/checkpoint"), root(whole.path() / "0001/checkpoint"));
  EXPECT_EQ(bytes_of(folder.path() / "0001/tile/entries/002"), bytes_of(whole.path() / "0001/tile/entries/002"));
}

TEST(Ledger, GivesEachOfSeveralAtOnceALogOfItsOwnAndUsesFreedOnesAgain) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  auto first = open_ledger(folder.path(), work, clock);
  auto second = open_ledger(folder.path(), work, clock);
  EXPECT_EQ(first->log_folder().filename(), "0001");
  EXPECT_EQ(second->log_folder().filename(), "0002");
  first.reset();
  auto third = open_ledger(folder.path(), work, clock);
  EXPECT_EQ(third->log_folder().filename(), "0001");
}

TEST(Ledger, KeepsItsKeyToTheOwner) {
  const TemporaryFolder folder;
  write_acts(folder.path() / "made/here", 1);
  EXPECT_EQ(std::filesystem::status(folder.path() / "made/here/key").permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(std::filesystem::status(folder.path() / "made/here").permissions(), std::filesystem::perms(0700));
  EXPECT_EQ(std::filesystem::status(folder.path() / "made/here/0001/log").permissions(), std::filesystem::perms(0600));
}

TEST(Ledger, CutsATornEndOffAtEveryByteOfTheLastRecord) {
  const TemporaryFolder folder;
  write_acts(folder.path(), 0);
  const auto log = folder.path() / "0001/log";
  const auto checkpoint = bytes_of(folder.path() / "0001/checkpoint");
  ASSERT_FALSE(checkpoint.empty());
  write_acts(folder.path(), 2);
  const auto whole = bytes_of(log);
  const auto last = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t cut = last; cut < whole.size(); ++cut) {
    put_bytes(log, whole.substr(0, cut));
    // What is torn was never signed: a checkpoint that speaks of it would make its loss damage.
    put_bytes(folder.path() / "0001/checkpoint", checkpoint);
    PostedWork work;
    const ManualClock clock;
    auto ledger = open_ledger(folder.path(), work, clock);
    ASSERT_NE(ledger, nullptr);
    EXPECT_EQ(ledger->log_folder().filename(), "0001") << cut;
    EXPECT_EQ(ledger->notices().size(), cut == last ? 0u : 1u) << cut;
    ASSERT_EQ(*ledger->append(attempt("act_next")), 3u) << cut;
    EXPECT_EQ(records_of(log).size(), 4u) << cut;
  }
}

TEST(Ledger, CutsAnEndOfZeroBytesOff) {
  const TemporaryFolder folder;
  write_acts(folder.path(), 2);
  const auto log = folder.path() / "0001/log";
  put_bytes(log, bytes_of(log) + std::string(5000, '\0'));
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder.path(), work, clock);
  EXPECT_EQ(ledger->notices().size(), 1u);
  EXPECT_EQ(*ledger->append(attempt("act_next")), 4u);
}

struct Damage {
  const char* name;
  std::function<void(std::string&)> apply;
};

TEST(Ledger, SetsADamagedLogAsideAndUsesAnother) {
  const std::vector<Damage> damages = {
      {"a flipped bit in the middle", [](std::string& log) { log[log.size() / 2] ^= 1; }},
      {"the last record removed", [](std::string& log) { log.resize(log.rfind('\n', log.size() - 2) + 1); }},
      {"the first record removed", [](std::string& log) { log.erase(0, log.find('\n') + 1); }},
      {"emptied", [](std::string& log) { log.clear(); }},
      {"without its checkpoint", [](std::string&) {}},
  };
  for (const auto& damage : damages) {
    const TemporaryFolder folder;
    write_acts(folder.path(), 5);
    const auto log = folder.path() / "0001/log";
    auto bytes = bytes_of(log);
    damage.apply(bytes);
    put_bytes(log, bytes);
    if (damage.name == std::string_view("without its checkpoint")) std::filesystem::remove(folder.path() / "0001/checkpoint");
    PostedWork work;
    const ManualClock clock;
    auto ledger = open_ledger(folder.path(), work, clock);
    ASSERT_NE(ledger, nullptr) << damage.name;
    EXPECT_EQ(ledger->log_folder().filename(), "0002") << damage.name;
    EXPECT_EQ(ledger->notices().size(), 1u) << damage.name;
    EXPECT_EQ(bytes_of(log), bytes) << "evidence was touched: " << damage.name;
    ledger.reset();
    EXPECT_EQ(open_ledger(folder.path(), work, clock)->log_folder().filename(), "0002") << damage.name;
  }
}

TEST(Ledger, WritesReceiptsAsTheCanonicalJsonOfTheirModel) {
  std::vector<model::Receipt> receipts = {{}, attempt("act"), result("act \"quoted\"\n\x01 \xC3\xA9")};
  receipts[1].detail = {{"z", 1}, {"a", json::object{{"b", 1.5}, {"a", nullptr}}}, {"m", json::array{true, "x", -3}}, {"", "\t"}};
  receipts[2].detail = {{"\xF0\x9F\x98\x80", 1}, {"\xEF\xBF\xBD", 2}, {"a", "\xE2\x80\xA8"}};  // UTF-16 sorts these unlike UTF-8
  for (auto kind : {model::ReceiptKind::kApproval, model::ReceiptKind::kPin, model::ReceiptKind::kTask, model::ReceiptKind::kConfig,
                    model::ReceiptKind::kStart}) {
    receipts.push_back(receipt_of(kind, "id", 0));
    receipts.back().band = model::Band::kCritical;
  }
  for (const auto& receipt : receipts) EXPECT_EQ(*receipt_text(receipt), json::write_canonical(model::to_json(receipt)));
}

TEST(Ledger, LeavesTheLargestDetailsOutOfAReceiptThatIsTooLong) {
  auto receipt = attempt("act");
  receipt.detail["args"] = json::object{{"text", std::string(200'000, 'x')}};
  receipt.detail["reason"] = "short";
  auto text = receipt_text(receipt);
  ASSERT_TRUE(text);
  EXPECT_LE(text->size(), tlog::kEntryBytes);
  EXPECT_NE(text->find("\"left_out_bytes\":200011"), std::string::npos) << *text;
  EXPECT_NE(text->find("\"reason\":\"short\""), std::string::npos);

  receipt.resource = std::string(100'000, 'y');
  EXPECT_EQ(receipt_text(receipt).error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace interlock::ledger
