#include "store/store.hpp"

#include "store/sqlite.hpp"

namespace interlock::store {
namespace {

// The revision counter of a bucket outlives its entries, so that revisions are never used twice.
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS entry (bucket TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL,
                                    PRIMARY KEY (bucket, key)) WITHOUT ROWID;
)";

Status check_name(std::string_view bucket, std::string_view key) {
  if (bucket.empty() || key.empty()) return fail(ErrorCode::kInvalid, "the store takes no empty bucket or key");
  if (bucket.size() > kBucketBytes || key.size() > kKeyBytes) return fail(ErrorCode::kTooLarge, "a key of the store is too long");
  return {};
}

std::unexpected<Error> conflict(std::string_view bucket, std::string_view key) {
  return fail(ErrorCode::kConflict, std::string(bucket) + "/" + std::string(key) + " was changed by someone else", "read it again");
}

// The first string after all those that begin with `prefix`; empty: there is none.
std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

class SqliteStore final : public Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& path, Durability durability) {
    auto database = Database::open(path);
    if (!database) return fail(std::move(database.error()));
    std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(*database)));
    if (durability == Durability::kProcess) {
      // A WAL that is not synced at each commit stays consistent; the page cache outlives the process.
      if (auto status = store->database_.execute("PRAGMA synchronous=NORMAL"); !status) return fail(std::move(status.error()));
    }
    if (auto status = store->database_.execute(kSchema); !status) return fail(std::move(status.error()));
    struct Prepared {
      Statement* statement;
      const char* sql;
    };
    const Prepared all[] = {
        {&store->get_, "SELECT value, revision FROM entry WHERE bucket=?1 AND key=?2"},
        {&store->revision_, "SELECT revision FROM entry WHERE bucket=?1 AND key=?2"},
        {&store->next_, "INSERT INTO bucket VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET revision=revision+1 RETURNING revision"},
        {&store->put_, "INSERT INTO entry VALUES (?1, ?2, ?3, ?4) ON CONFLICT (bucket, key) DO UPDATE SET value=?3, revision=?4"},
        {&store->remove_, "DELETE FROM entry WHERE bucket=?1 AND key=?2"},
        {&store->scan_,
         "SELECT key, value, revision FROM entry WHERE bucket=?1 AND key>=?2 AND key>?3 AND (?4='' OR key<?4) "
         "ORDER BY key LIMIT ?5"},
        {&store->latest_, "SELECT revision FROM bucket WHERE name=?1"},
        {&store->buckets_, "SELECT name FROM bucket ORDER BY name"},
    };
    for (const auto& prepared : all) {
      auto statement = store->database_.prepare(prepared.sql);
      if (!statement) return fail(std::move(statement.error()));
      *prepared.statement = std::move(*statement);
    }
    return std::unique_ptr<Store>(std::move(store));
  }

  Result<std::optional<Entry>> get(std::string_view bucket, std::string_view key) override {
    get_.bind(1, bucket);
    get_.bind(2, key);
    auto row = get_.step();
    if (!row) return fail(std::move(row.error()));
    std::optional<Entry> entry;
    if (*row) entry = Entry{std::string(get_.text(0)), static_cast<Revision>(get_.number(1))};
    get_.reset();
    return entry;
  }

  Result<Revision> put(std::string_view bucket, std::string_view key, std::string_view value) override {
    return write(bucket, key, value, std::nullopt);
  }

  Result<Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected) override {
    return write(bucket, key, value, expected);
  }

  Status remove(std::string_view bucket, std::string_view key) override { return erase(bucket, key, std::nullopt); }
  Status compare_and_remove(std::string_view bucket, std::string_view key, Revision expected) override {
    return erase(bucket, key, expected);
  }

  Result<std::vector<KeyedEntry>> scan(std::string_view bucket, std::string_view prefix, std::size_t limit,
                                       std::string_view after) override {
    scan_.bind(1, bucket);
    scan_.bind(2, prefix);
    scan_.bind(3, after);
    scan_.bind(4, prefix_end(prefix));
    scan_.bind(5, static_cast<std::int64_t>(limit));
    std::vector<KeyedEntry> entries;
    for (;;) {
      auto row = scan_.step();
      if (!row) return fail(std::move(row.error()));
      if (!*row) break;
      entries.push_back({std::string(scan_.text(0)), std::string(scan_.text(1)), static_cast<Revision>(scan_.number(2))});
    }
    scan_.reset();
    return entries;
  }

  Result<Revision> latest(std::string_view bucket) override { return number_of(latest_, bucket); }

  Result<std::vector<std::string>> buckets() override {
    std::vector<std::string> out;
    for (;;) {
      auto row = buckets_.step();
      if (!row) return fail(std::move(row.error()));
      if (!*row) break;
      out.emplace_back(buckets_.text(0));
    }
    buckets_.reset();
    return out;
  }

 private:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}

  static Result<Revision> number_of(Statement& statement, std::string_view bucket, std::string_view key = {}) {
    statement.bind(1, bucket);
    if (!key.empty()) statement.bind(2, key);
    auto row = statement.step();
    if (!row) return fail(std::move(row.error()));
    const Revision revision = *row ? static_cast<Revision>(statement.number(0)) : kAbsent;
    statement.reset();
    return revision;
  }

  Status check_revision(std::string_view bucket, std::string_view key, std::optional<Revision> expected) {
    if (!expected) return {};
    auto present = number_of(revision_, bucket, key);
    if (!present) return fail(std::move(present.error()));
    if (*present != *expected) return conflict(bucket, key);
    return {};
  }

  Result<Revision> write(std::string_view bucket, std::string_view key, std::string_view value, std::optional<Revision> expected) {
    if (auto status = check_name(bucket, key); !status) return fail(std::move(status.error()));
    if (value.size() > kValueBytes) return fail(ErrorCode::kTooLarge, "a value of the store is too long");
    auto transaction = Transaction::begin(database_);
    if (!transaction) return fail(std::move(transaction.error()));
    if (auto status = check_revision(bucket, key, expected); !status) return fail(std::move(status.error()));
    auto revision = number_of(next_, bucket);
    if (!revision) return revision;
    put_.bind(1, bucket);
    put_.bind(2, key);
    put_.bind(3, value);
    put_.bind(4, static_cast<std::int64_t>(*revision));
    if (auto status = put_.run(); !status) return fail(std::move(status.error()));
    if (auto status = transaction->commit(); !status) return fail(std::move(status.error()));
    return revision;
  }

  Status erase(std::string_view bucket, std::string_view key, std::optional<Revision> expected) {
    if (auto status = check_name(bucket, key); !status) return status;
    auto transaction = Transaction::begin(database_);
    if (!transaction) return fail(std::move(transaction.error()));
    if (auto status = check_revision(bucket, key, expected); !status) return status;
    remove_.bind(1, bucket);
    remove_.bind(2, key);
    if (auto status = remove_.run(); !status) return status;
    if (database_.changed_rows() == 0) return {};
    if (auto revision = number_of(next_, bucket); !revision) return fail(std::move(revision.error()));
    return transaction->commit();
  }

  Database database_;
  Statement get_, revision_, next_, put_, remove_, scan_, latest_, buckets_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& path, Durability durability) {
  return SqliteStore::open(path, durability);
}

}  // namespace interlock::store
