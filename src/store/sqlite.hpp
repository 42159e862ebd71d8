// SQLite, thinly: a connection and prepared statements that close themselves, and errors as values.
//
// Connections are opened for several processes that share one file: WAL, a busy timeout, and synchronous=FULL, so that a commit
// that returned is on disk. A Database and its Statements belong to one thread at a time; Statements die before their Database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace interlock::store {

class Statement {
 public:
  Statement() = default;

  // Parameters count from 1. Texts may hold NUL bytes and are copied.
  void bind(int index, std::string_view text);
  void bind(int index, std::int64_t number);

  // True: a row is there. False: done. Reset by the next reset(), which also clears the parameters.
  Result<bool> step();
  // step() until done, then reset.
  Status run();
  void reset();

  // Of the present row; columns count from 0. The view holds until the next step() or reset().
  std::string_view text(int column) const;
  std::int64_t number(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  bool bind_failed_ = false;
};

class Database {
 public:
  enum class Mode : std::uint8_t { kReadWrite, kReadOnly };
  static constexpr int kBusyTimeoutMs = 5'000;

  // Creates the file, readable by its owner only, unless kReadOnly. ":memory:" is a database of its own.
  static Result<Database> open(const std::filesystem::path& path, Mode mode = Mode::kReadWrite);

  Result<Statement> prepare(std::string_view sql);
  Status execute(const std::string& sql);  // one or more statements without results
  std::int64_t changed_rows() const;       // by the last statement

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

// A write transaction: begun at once with the right to write, rolled back unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) { other.database_ = nullptr; }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace interlock::store
