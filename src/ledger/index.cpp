#include "ledger/index.hpp"

#include "base/json.hpp"
#include "ledger/log_file.hpp"

namespace interlock::ledger {
namespace {

// The version is the table's layout: an index of another version is made anew.
constexpr std::int64_t kVersion = 1;
constexpr std::uint64_t kBatch = 4'096;  // records in one transaction
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), records INTEGER NOT NULL, bytes INTEGER NOT NULL);
  INSERT OR IGNORE INTO position VALUES (1, 0, 0);
  CREATE TABLE IF NOT EXISTS receipt (sequence INTEGER PRIMARY KEY, place INTEGER NOT NULL, length INTEGER NOT NULL, kind TEXT NOT NULL,
    act TEXT NOT NULL, at_ms INTEGER NOT NULL, subject TEXT NOT NULL, task TEXT NOT NULL, server TEXT NOT NULL, action TEXT NOT NULL,
    resource TEXT NOT NULL, verdict TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS receipt_act ON receipt (act);
  CREATE INDEX IF NOT EXISTS receipt_at ON receipt (at_ms);
)";
constexpr const char* kColumns =
    "SELECT sequence, place, length, kind, act, at_ms, subject, task, server, action, resource, verdict FROM receipt ";

Row row_of(const store::Statement& s) {
  Row row;
  row.sequence = static_cast<std::uint64_t>(s.number(0));
  row.offset = static_cast<std::uint64_t>(s.number(1));
  row.length = static_cast<std::size_t>(s.number(2));
  row.facts = {std::string(s.text(3)), std::string(s.text(4)),  s.number(5),
               std::string(s.text(6)), std::string(s.text(7)),  std::string(s.text(8)),
               std::string(s.text(9)), std::string(s.text(10)), std::string(s.text(11))};
  return row;
}

}  // namespace

Result<Facts> facts_of(std::string_view record) {
  auto document = json::parse(record);
  if (!document) return fail(std::move(document.error()));
  const auto* o = document->if_object();
  if (o == nullptr) return fail(ErrorCode::kInvalid, "a receipt is a JSON object");
  const auto text = [&](std::string_view key) { return std::string(json::string_at(*o, key).value_or("")); };
  Facts facts{text("kind"),     text("act"),    0, text("subject"), text("task"), text("server"), text("action"),
              text("resource"), text("verdict")};
  const auto at = parse_rfc3339(json::string_at(*o, "at").value_or(""));
  if (facts.kind.empty() || !at) return fail(ErrorCode::kInvalid, "a receipt has a kind and a time");
  facts.at_ms = *at;
  return facts;
}

Result<Index> Index::open(const LogPaths& paths) {
  auto database = store::Database::open(paths.index());
  if (!database && database.error().code == ErrorCode::kInvalid) {  // no database any more: nothing in it is needed
    std::error_code ignored;
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(paths.index().string() + suffix, ignored);
    database = store::Database::open(paths.index());
  }
  if (!database) return fail(std::move(database.error()));
  Index index(std::move(*database));
  // What a power cut takes from an index comes back from the log.
  if (auto status = index.database_.execute("PRAGMA synchronous=NORMAL"); !status) return fail(std::move(status.error()));
  std::int64_t version = 0;
  {
    auto statement = index.database_.prepare("PRAGMA user_version");
    if (!statement) return fail(std::move(statement.error()));
    if (auto row = statement->step(); !row) return fail(std::move(row.error()));
    version = statement->number(0);
  }
  if (version != kVersion) {
    auto transaction = store::Transaction::begin(index.database_);
    if (!transaction) return fail(std::move(transaction.error()));
    auto status = index.database_.execute("DROP TABLE IF EXISTS receipt; DROP TABLE IF EXISTS position; PRAGMA user_version=" +
                                          std::to_string(kVersion));
    if (status) status = index.database_.execute(kSchema);
    if (status) status = transaction->commit();
    if (!status) return fail(std::move(status.error()));
  }
  return index;
}

Result<Index> Index::open_read_only(const LogPaths& paths) {
  std::error_code code;
  if (!std::filesystem::exists(paths.index(), code)) return fail(ErrorCode::kNotFound, "log " + paths.name() + " has no index yet");
  auto database = store::Database::open(paths.index(), store::Database::Mode::kReadOnly);
  if (!database) return fail(std::move(database.error()));
  return Index(std::move(*database));
}

Result<std::pair<std::uint64_t, std::uint64_t>> Index::position() {
  auto statement = database_.prepare("SELECT records, bytes FROM position");
  if (!statement) return fail(std::move(statement.error()));
  auto row = statement->step();
  if (!row) return fail(std::move(row.error()));
  if (!*row) return fail(ErrorCode::kInvalid, "the index has lost its position", "run: interlock log reindex");
  return std::pair{static_cast<std::uint64_t>(statement->number(0)), static_cast<std::uint64_t>(statement->number(1))};
}

Result<std::uint64_t> Index::size() {
  auto at = position();
  if (!at) return fail(std::move(at.error()));
  return at->first;
}

Status Index::catch_up(const LogPaths& paths, std::uint64_t end, std::uint64_t at_most) {
  for (std::uint64_t batches = 0; batches * kBatch < at_most; ++batches) {
    auto transaction = store::Transaction::begin(database_);
    if (!transaction) return fail(std::move(transaction.error()));
    auto at = position();
    if (!at) return fail(std::move(at.error()));
    if (at->second >= end) return {};
    auto reader = LogReader::open(paths.log(), at->second, at->first);
    if (!reader) return fail(std::move(reader.error()));
    reader->set_end(end);
    auto insert = database_.prepare("INSERT OR REPLACE INTO receipt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    if (!insert) return fail(std::move(insert.error()));
    std::uint64_t taken = 0;
    for (; taken < kBatch; ++taken) {
      auto line = reader->next();
      if (!line) return fail(std::move(line.error()));
      if (line->state == Line::State::kDamaged) {
        return fail(ErrorCode::kInvalid, "record " + std::to_string(line->sequence) + " of log " + paths.name() + " is damaged",
                    "run: interlock log verify");
      }
      if (line->state != Line::State::kRecord) break;
      auto facts = facts_of(line->record);
      if (!facts) return fail(std::move(facts.error()));
      insert->bind(1, static_cast<std::int64_t>(line->sequence));
      insert->bind(2, static_cast<std::int64_t>(line->offset));
      insert->bind(3, static_cast<std::int64_t>(line->length));
      int column = 4;
      for (const auto* text : {&facts->kind, &facts->act}) insert->bind(column++, *text);
      insert->bind(column++, facts->at_ms);
      for (const auto* text : {&facts->subject, &facts->task, &facts->server, &facts->action, &facts->resource, &facts->verdict})
        insert->bind(column++, *text);
      if (auto status = insert->run(); !status) return status;
    }
    if (taken == 0) return {};
    auto moved = database_.prepare("UPDATE position SET records=?1, bytes=?2");
    if (!moved) return fail(std::move(moved.error()));
    moved->bind(1, static_cast<std::int64_t>(at->first + taken));
    moved->bind(2, static_cast<std::int64_t>(reader->offset()));
    if (auto status = moved->run(); !status) return status;
    if (auto status = transaction->commit(); !status) return status;
    if (taken < kBatch) return {};
  }
  return {};
}

Status Index::clear() { return database_.execute("BEGIN IMMEDIATE; DELETE FROM receipt; UPDATE position SET records=0, bytes=0; COMMIT;"); }

Result<std::vector<Row>> Index::find(const Query& query) {
  std::string sql = kColumns;
  std::vector<std::string> texts;
  sql += "WHERE 1";
  int parameter = 0;
  const auto equals = [&](const char* column, const std::string& value) {
    if (value.empty()) return;
    const bool prefix = value.ends_with('*');
    const auto number = std::to_string(++parameter);
    sql += prefix ? " AND substr(" + std::string(column) + ", 1, length(?" + number + ")) = ?" + number
                  : " AND " + std::string(column) + " = ?" + number;
    texts.push_back(prefix ? value.substr(0, value.size() - 1) : value);
  };
  equals("act", query.act);
  equals("kind", query.kind);
  equals("subject", query.subject);
  equals("task", query.task);
  equals("server", query.server);
  equals("action", query.action);
  equals("verdict", query.verdict);
  if (query.since_ms) sql += " AND at_ms >= " + std::to_string(*query.since_ms);
  if (query.until_ms) sql += " AND at_ms < " + std::to_string(*query.until_ms);
  sql += " ORDER BY at_ms DESC, sequence DESC LIMIT " + std::to_string(query.limit);
  auto statement = database_.prepare(sql);
  if (!statement) return fail(std::move(statement.error()));
  for (std::size_t i = 0; i < texts.size(); ++i) statement->bind(static_cast<int>(i + 1), texts[i]);
  std::vector<Row> rows;
  for (;;) {
    auto row = statement->step();
    if (!row) return fail(std::move(row.error()));
    if (!*row) return rows;
    rows.push_back(row_of(*statement));
  }
}

Status Index::each(const std::function<bool(const Row&)>& visit) {
  auto statement = database_.prepare(std::string(kColumns) + "ORDER BY sequence");
  if (!statement) return fail(std::move(statement.error()));
  for (;;) {
    auto row = statement->step();
    if (!row) return fail(std::move(row.error()));
    if (!*row || !visit(row_of(*statement))) return {};
  }
}

}  // namespace interlock::ledger
