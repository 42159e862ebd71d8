#include "store/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace interlock::store {
namespace {

Error sqlite_error(sqlite3* database, std::string_view what, int code) {
  const char* detail = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  const char* name = database != nullptr ? sqlite3_db_filename(database, "main") : nullptr;
  std::string message = std::string(what);
  if (name != nullptr && *name != '\0') message += std::string(" in ") + name;
  message += std::string(": ") + detail;
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {ErrorCode::kUnavailable, message, "another process holds the store's lock; try again"};
    case SQLITE_FULL: return {ErrorCode::kIo, message, "free some disk space"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {ErrorCode::kInvalid, message, "the file is damaged: move it away, or restore it from a backup"};
    case SQLITE_MISUSE: return {ErrorCode::kInternal, message, {}};
    default: return {ErrorCode::kIo, message, {}};
  }
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

void Statement::bind(int index, std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";  // a null pointer would bind NULL
  if (sqlite3_bind_text64(handle_.get(), index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK) bind_failed_ = true;
}

void Statement::bind(int index, std::int64_t number) {
  if (sqlite3_bind_int64(handle_.get(), index, number) != SQLITE_OK) bind_failed_ = true;
}

Result<bool> Statement::step() {
  if (handle_ == nullptr || bind_failed_) return fail(ErrorCode::kInternal, "a database statement was given a parameter it does not take");
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  auto error = sqlite_error(sqlite3_db_handle(handle_.get()), "a database statement failed", code);
  sqlite3_reset(handle_.get());
  return fail(std::move(error));
}

Status Statement::run() {
  for (;;) {
    auto row = step();
    if (!row) {
      reset();
      return fail(std::move(row.error()));
    }
    if (!*row) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
  bind_failed_ = false;
}

std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_.get(), column); }

Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
  const bool in_memory = path == ":memory:";
  if (mode == Mode::kReadWrite && !in_memory) {
    // SQLite gives its side files the mode of the main file, so the mode is set before SQLite sees it. A file that is there is not
    // opened here: closing it would let go of the locks that another connection of this process has on it (POSIX fcntl), and the
    // next process to leave would take the log away from under that connection.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) ::close(fd);
    struct stat facts{};
    if (fd < 0 && errno != EEXIST) return fail(system_error("cannot open " + path.string(), errno));
    if (::lstat(path.c_str(), &facts) != 0) return fail(system_error("cannot open " + path.string(), errno));
    if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::kInvalid, path.string() + " is not a file", "move it away");
  }
  const int flags = (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database;
  database.handle_.reset(raw);
  if (code != SQLITE_OK) return fail(sqlite_error(raw, "cannot open the database " + path.string(), code));
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  if (mode == Mode::kReadWrite) {
    // Two processes that turn a new file to WAL at once can see SQLITE_BUSY without the busy handler being asked.
    Status status;
    constexpr int kTries = 200;
    constexpr int kPauseMs = 10;
    for (int i = 0; i < kTries; ++i) {
      status = database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
      if (status || status.error().code != ErrorCode::kUnavailable) break;
      sqlite3_sleep(kPauseMs);
    }
    if (!status) return fail(std::move(status.error()));
  }
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement;
  statement.handle_.reset(raw);
  if (code != SQLITE_OK) return fail(sqlite_error(handle_.get(), "cannot prepare a database statement", code));
  return statement;
}

Status Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(handle_.get(), "a database statement failed", code));
  return {};
}

std::int64_t Database::changed_rows() const { return sqlite3_changes(handle_.get()); }

Result<Transaction> Transaction::begin(Database& database) {
  if (auto status = database.execute("BEGIN IMMEDIATE"); !status) return fail(std::move(status.error()));
  return Transaction(&database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) static_cast<void>(database_->execute("ROLLBACK"));
}

Status Transaction::commit() {
  auto status = database_->execute("COMMIT");
  if (status) database_ = nullptr;
  return status;
}

}  // namespace interlock::store
