#include "credential/postgres_connection.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include "net/descriptor_watch.hpp"
#include "net/resolver.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

struct Finished {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using OwnedConnection = std::unique_ptr<PGconn, Finished>;
struct Cleared {
  void operator()(PGresult* result) const { PQclear(result); }
};
using OwnedResult = std::unique_ptr<PGresult, Cleared>;

// What our sessions run with: nothing of the database's own (search path, encoding) may change what our statements mean.
std::string session_options() {
  return "-c search_path=pg_catalog -c client_min_messages=error -c standard_conforming_strings=on -c statement_timeout=" +
         std::to_string(kPostgresStatementMs) + " -c lock_timeout=" + std::to_string(kPostgresStatementMs / 2) +
         " -c idle_in_transaction_session_timeout=" + std::to_string(kPostgresBatchMs);
}

std::string first_line(std::string_view text) {
  const auto end = text.find('\n');
  return std::string(text.substr(0, std::min<std::size_t>(end, 400)));
}

// SQLSTATE's classes (PostgreSQL, Appendix A): whether asking again may help.
ErrorCode code_of(std::string_view state) {
  const auto of_class = [&](std::string_view prefix) { return state.starts_with(prefix); };
  if (state == "57014") return ErrorCode::kTimeout;  // statement_timeout
  if (of_class("08") || of_class("40") || of_class("53") || of_class("55") || of_class("57") || of_class("58") || of_class("XX"))
    return ErrorCode::kUnavailable;
  return ErrorCode::kDenied;
}

}  // namespace

std::string quoted_identifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

struct PostgresConnection::State : std::enable_shared_from_this<State> {
  State(net::Loop& on, PostgresTarget to, std::function<Result<std::vector<Secret>>()> with)
      : loop(on), target(std::move(to)), passwords(std::move(with)), resolver(on) {}

  struct Batch {
    std::vector<PostgresStatement> statements;
    std::function<void(PostgresAnswer)> done;
  };
  enum class Phase : std::uint8_t { kClosed, kConnecting, kIdle, kBusy };

  net::Loop& loop;
  PostgresTarget target;
  std::function<Result<std::vector<Secret>>()> passwords;
  net::Resolver resolver;
  std::deque<Batch> urgent;
  std::deque<Batch> usual;
  Phase phase = Phase::kClosed;
  bool gone = false;  // nobody waits for answers any more
  OwnedConnection connection;
  std::unique_ptr<net::DescriptorWatch> watch;
  net::TimerId deadline = 0;
  std::size_t refused_connects = 0;  // in a row: the next tries the next password

  // The batch under way.
  Batch batch;
  std::vector<PostgresRows> answers;
  std::optional<PostgresFailure> failure;

  std::string where() const {
    return "PostgreSQL at " + target.host + (target.host.starts_with('/') ? "" : ":" + std::to_string(target.port));
  }

  void limit(std::int64_t within_ms, const char* what) {
    loop.cancel(deadline);
    deadline = loop.after_ms(within_ms, [this, what] {
      deadline = 0;
      lose({ErrorCode::kTimeout, where() + " did not " + what + " in time", "see whether it is overloaded or a lock is held"});
    });
  }
  void unlimit() {
    loop.cancel(deadline);
    deadline = 0;
  }

  // --- connecting ---------------------------------------------------------------------------------------------------------

  void connect() {
    phase = Phase::kConnecting;
    limit(kPostgresConnectMs, "take a connection");
    if (target.host.starts_with('/')) return open("");
    resolver.resolve(target.host, [weak = weak_from_this()](Result<std::vector<net::Address>> addresses) {
      const auto self = weak.lock();
      if (self == nullptr || self->gone || self->phase != Phase::kConnecting) return;
      if (!addresses) return self->lose(std::move(addresses.error()));
      std::string texts;
      for (const auto& address : *addresses) texts += (texts.empty() ? "" : ",") + net::address_text(address);
      self->open(texts);
    });
  }

  // `addresses`: comma-separated, in the order they are tried; libpq takes a host name for each.
  void open(const std::string& addresses) {
    auto held = passwords();
    if (!held) return lose(std::move(held.error()));
    const auto count = static_cast<std::size_t>(std::ranges::count(addresses, ',')) + 1;
    std::string hosts = target.host;
    for (std::size_t i = 1; i < count; ++i) hosts += "," + target.host;
    const auto port = std::to_string(target.port);
    const auto options = session_options();
    const auto timeout = std::to_string(kPostgresConnectMs);
    std::string password;
    if (!held->empty()) password = (*held)[refused_connects % held->size()].view();
    // Named one by one, so that neither the environment nor a file of the user fills in what is not said here.
    const std::array<std::pair<const char*, std::string_view>, 17> settings{{{"host", hosts},
                                                                             {"hostaddr", addresses},
                                                                             {"port", port},
                                                                             {"dbname", target.database},
                                                                             {"user", target.user},
                                                                             {"password", password},
                                                                             {"passfile", "/dev/null"},
                                                                             {"application_name", target.session},
                                                                             {"client_encoding", "UTF8"},
                                                                             {"options", options},
                                                                             {"sslmode", target.tls ? "verify-full" : "disable"},
                                                                             {"sslrootcert", target.ca_file},
                                                                             {"sslcert", "/dev/null/none"},
                                                                             {"gssencmode", "disable"},
                                                                             {"target_session_attrs", "any"},
                                                                             {"keepalives_idle", "30"},
                                                                             {"tcp_user_timeout", timeout}}};
    std::array<const char*, settings.size() + 1> keys{};
    std::array<const char*, settings.size() + 1> values{};
    std::vector<std::string> texts;
    texts.reserve(settings.size());
    for (std::size_t i = 0; i < settings.size(); ++i) {
      keys[i] = settings[i].first;
      values[i] = texts.emplace_back(settings[i].second).c_str();
    }
    connection.reset(PQconnectStartParams(keys.data(), values.data(), 0));
    for (auto& text : texts) store::wipe(text);
    store::wipe(password);
    if (connection == nullptr) return lose({ErrorCode::kInternal, "out of memory for a connection", ""});
    PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
    await_connect(PGRES_POLLING_WRITING);
  }

  // libpq may close its socket and open another between two polls, so each poll has a watch of its own.
  void await_connect(PostgresPollingStatusType next) {
    if (next == PGRES_POLLING_OK) return connected();
    if (next == PGRES_POLLING_FAILED || PQstatus(connection.get()) == CONNECTION_BAD) {
      ++refused_connects;
      return lose({ErrorCode::kUnavailable, where() + " takes no connection: " + first_line(PQerrorMessage(connection.get())),
                   "check that it runs, and the credential's host, database, user, password and tls"});
    }
    if (!open_watch()) return;
    auto ready = [this] {
      watch.reset();
      await_connect(PQconnectPoll(connection.get()));
    };
    if (next == PGRES_POLLING_READING) {
      watch->once_readable(std::move(ready));
    } else {
      watch->once_writable(std::move(ready));
    }
  }

  bool open_watch() {
    auto opened = net::DescriptorWatch::open(loop, PQsocket(connection.get()));
    if (!opened) {
      lose(std::move(opened.error()));
      return false;
    }
    watch = std::move(*opened);
    return true;
  }

  void connected() {
    unlimit();
    refused_connects = 0;
    if (PQserverVersion(connection.get()) < 140000)
      return lose({ErrorCode::kUnsupported, where() + " is older than PostgreSQL 14", "upgrade it"});
    PQsetnonblocking(connection.get(), 1);
    PQenterPipelineMode(connection.get());
    phase = Phase::kIdle;
    if (open_watch()) {
      await_input();
      pump();
    }
  }

  // --- batches ------------------------------------------------------------------------------------------------------------

  void pump() {
    if (phase != Phase::kIdle && phase != Phase::kClosed) return;
    if (urgent.empty() && usual.empty()) return;
    if (phase == Phase::kClosed) return connect();
    auto& queue = urgent.empty() ? usual : urgent;
    batch = std::move(queue.front());
    queue.pop_front();
    send();
  }

  void send() {
    phase = Phase::kBusy;
    answers.clear();
    failure.reset();
    limit(kPostgresBatchMs, "answer");
    for (const auto& statement : batch.statements) {
      std::vector<const char*> values;
      for (const auto& parameter : statement.parameters) values.push_back(parameter.c_str());
      if (PQsendQueryParams(connection.get(), statement.sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                            nullptr, 0) == 0)
        return lose_connection();
    }
    if (PQpipelineSync(connection.get()) == 0) return lose_connection();
    flush();
  }

  void flush() {
    const auto left = PQflush(connection.get());
    if (left < 0) return lose_connection();
    if (left > 0) {
      watch->once_writable([this] {
        if (phase == Phase::kBusy) flush();
      });
    }
  }

  void await_input() {
    watch->once_readable([this] {
      const auto self = shared_from_this();  // an answer may be the last thing that anybody waited for
      if (PQconsumeInput(connection.get()) == 0) return lose_connection();
      if (phase == Phase::kBusy) {
        flush();
        if (phase == Phase::kBusy) take_results();
      }
      if (gone || watch == nullptr) return;
      if (phase == Phase::kIdle && PQstatus(connection.get()) == CONNECTION_BAD) return lose_connection();
      await_input();
    });
  }

  void take_results() {
    bool ended_one = false;  // two ends without a result between them: nothing more is there yet
    while (PQisBusy(connection.get()) == 0) {
      const OwnedResult result(PQgetResult(connection.get()));
      if (result == nullptr) {
        if (ended_one) return;
        ended_one = true;
        continue;
      }
      ended_one = false;
      switch (PQresultStatus(result.get())) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK: answers.push_back(rows_of(result.get())); break;
        case PGRES_PIPELINE_ABORTED: break;
        case PGRES_PIPELINE_SYNC: return finish();
        default:
          if (!failure) failure = failure_of(result.get());
          if (PQstatus(connection.get()) == CONNECTION_BAD) return lose_connection();
      }
    }
  }

  static PostgresRows rows_of(const PGresult* result) {
    PostgresRows rows;
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(PQntuples(result)), kPostgresRows);
    for (std::size_t row = 0; row < count; ++row) {
      auto& cells = rows.emplace_back();
      for (int column = 0; column < PQnfields(result); ++column)
        cells.emplace_back(PQgetvalue(result, static_cast<int>(row), column),
                           static_cast<std::size_t>(PQgetlength(result, static_cast<int>(row), column)));
    }
    return rows;
  }

  PostgresFailure failure_of(const PGresult* result) const {
    const auto field = [&](int code) {
      const auto* const text = PQresultErrorField(result, code);
      return std::string(text == nullptr ? "" : text);
    };
    auto state = field(PG_DIAG_SQLSTATE);
    auto message = field(PG_DIAG_MESSAGE_PRIMARY);
    return {{code_of(state), where() + " says: " + first_line(message), ""}, std::move(state)};
  }

  void finish() {
    unlimit();
    phase = Phase::kIdle;
    auto done = std::move(batch.done);
    batch = {};
    if (failure) {
      done(std::unexpected(std::move(*failure)));
    } else {
      done(std::move(answers));
    }
    if (!gone) pump();
  }

  // --- losing it ----------------------------------------------------------------------------------------------------------

  void lose_connection() {
    auto said = failure ? failure->error.message : where() + " closed the connection";
    lose({ErrorCode::kUnavailable, std::move(said), "see its log; it is tried again"});
  }

  // What was under way may have been done. What waits for a connection that could not be made fails with it.
  void lose(Error error) {
    const auto self = shared_from_this();
    unlimit();
    watch.reset();
    connection.reset();
    std::deque<Batch> failed;
    if (phase == Phase::kBusy) {
      failed.push_back(std::move(batch));
      batch = {};
    } else if (phase == Phase::kConnecting) {
      failed = std::exchange(urgent, {});
      for (auto& one : usual) failed.push_back(std::move(one));
      usual.clear();
    }
    phase = Phase::kClosed;
    for (auto& one : failed) {
      if (!gone) one.done(std::unexpected(PostgresFailure{error, ""}));
    }
    if (!gone) pump();
  }
};

PostgresConnection::PostgresConnection(net::Loop& loop, PostgresTarget target, std::function<Result<std::vector<Secret>>()> passwords)
    : state_(std::make_shared<State>(loop, std::move(target), std::move(passwords))) {}

PostgresConnection::~PostgresConnection() {
  state_->gone = true;
  state_->unlimit();
  state_->watch.reset();
}

void PostgresConnection::run(std::vector<PostgresStatement> batch, Urgency urgency, std::function<void(PostgresAnswer)> done) {
  auto& state = *state_;
  if (state.urgent.size() + state.usual.size() >= kPostgresBatches) {
    state.loop.post([weak = state_->weak_from_this(), done = std::move(done)] {
      const auto self = weak.lock();
      if (self == nullptr || self->gone) return;
      done(std::unexpected(
          PostgresFailure{{ErrorCode::kUnavailable, self->where() + " has too many orders waiting", "try again later"}, ""}));
    });
    return;
  }
  (urgency == Urgency::kUrgent ? state.urgent : state.usual).push_back({std::move(batch), std::move(done)});
  state.loop.post([weak = state_->weak_from_this()] {
    if (const auto self = weak.lock(); self != nullptr && !self->gone) self->pump();
  });
}

}  // namespace interlock::credential
