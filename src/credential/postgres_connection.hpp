// One connection to a PostgreSQL server on the loop, kept, and made again when it is lost: batches of statements, each batch one
// transaction sent as one pipeline. Hides libpq. PostgreSQL 14 or newer.
//
// Batches run one at a time, urgent ones first. Every batch ends: the server bounds each statement, and we the whole. A batch whose
// connection is lost on the way is kUnavailable or kTimeout: it may have been carried out. Loop thread only; `done` comes once, never
// inside the call, and not any more once the connection is destroyed.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "credential/secret.hpp"
#include "net/loop.hpp"

namespace interlock::credential {

inline constexpr std::int64_t kPostgresConnectMs = 10'000;
inline constexpr std::int64_t kPostgresStatementMs = 10'000;  // the server's own bound on one statement of ours
inline constexpr std::int64_t kPostgresBatchMs = 30'000;
inline constexpr std::size_t kPostgresBatches = 10'000;  // that wait
inline constexpr std::size_t kPostgresRows = 10'000;     // of one statement

struct PostgresTarget {
  std::string host;  // a name, an address, or the folder of a Unix socket
  std::uint16_t port = 5432;
  std::string database;
  std::string user;
  bool tls = true;      // the certificate is verified for the host, always
  std::string ca_file;  // whom to believe
  std::string session;  // application_name: tells our sessions from others'
};

struct PostgresStatement {
  std::string sql;
  std::vector<std::string> parameters = {};  // $1, $2, ... as text
};
using PostgresRows = std::vector<std::vector<std::string>>;  // NULL is an empty text

struct PostgresFailure {
  Error error;        // kDenied: the server said no, nothing was done. kUnavailable, kTimeout: nobody knows
  std::string state;  // SQLSTATE; empty where the server said nothing
};
using PostgresAnswer = std::expected<std::vector<PostgresRows>, PostgresFailure>;  // of each statement

// A name as SQL's delimited identifier. Exact for valid UTF-8 without NUL, which JSON's and YAML's readers see to: sessions are UTF-8.
std::string quoted_identifier(std::string_view name);

class PostgresConnection {
 public:
  // `passwords`: those that may be right, best first; an empty list: none is needed. Asked at each connect.
  PostgresConnection(net::Loop& loop, PostgresTarget target, std::function<Result<std::vector<Secret>>()> passwords);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  enum class Urgency : std::uint8_t { kUsual, kUrgent };
  void run(std::vector<PostgresStatement> batch, Urgency urgency, std::function<void(PostgresAnswer)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::credential
