#include "credential/postgres_broker.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "credential/broker_settings.hpp"
#include "credential/postgres_connection.hpp"
#include "credential/postgres_grants.hpp"
#include "credential/postgres_password.hpp"
#include "credential/postgres_role.hpp"
#include "oauth/fetch.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::int64_t kConnectionsUsual = 10;
constexpr std::int64_t kConnectionsMost = 1'000;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kSessionBytes = 12;  // random, of the name of our sessions
constexpr std::size_t kOtherDatabases = 16;
constexpr std::int64_t kFirstLookMs = 1;  // for sessions that were told to end
constexpr std::int64_t kLongestLookMs = 200;
constexpr int kLooks = 60;
constexpr std::string_view kNoSuchRole = "42704";
constexpr std::string_view kStillOwns = "2BP01";
constexpr std::string_view kExists = "42710";
constexpr std::string_view kNoPrivilege = "42501";

using Urgency = PostgresConnection::Urgency;
using StatusHandler = std::function<void(Status)>;

struct Settings {
  PostgresTarget target;
  std::string password_secret;
  std::vector<PostgresGrant> grants;
  std::int64_t connections = kConnectionsUsual;
  bool allow_public_grants = false;
};

std::string new_session() { return "interlock " + to_hex(random_bytes(kSessionBytes)); }

bool is_local(std::string_view host) { return host.starts_with('/') || oauth::is_loopback_host(host); }

Result<Settings> read(const std::string& credential, const json::object& written) {
  BrokerSettings in(credential, written);
  Settings out;
  out.target.host = in.needed_text("host", "write the server's name, or the folder of its Unix socket");
  out.target.port = static_cast<std::uint16_t>(in.number("port", 5432, 1, 65535));
  out.target.database = in.needed_text("database", "write the database that holds the granted tables");
  out.target.user = in.needed_text("user", "write the role that makes roles: CREATEROLE, and the granted rights WITH GRANT OPTION");
  out.password_secret = in.text("password_secret");
  if (out.password_secret.empty() && !out.target.host.starts_with('/'))
    in.complain("password_secret", "is missing", "write the name of the password in the vault: interlock secret set pg/admin");
  const auto local = is_local(out.target.host);
  const auto tls = in.text("tls", local ? "off" : "verify-full");
  if (tls != "verify-full" && tls != "off") in.complain("tls", "is not known here", "write verify-full or off");
  if (tls == "off" && !local)
    in.complain("tls", "is off for a host that is not this machine", "leave it out: the server's certificate is verified");
  out.target.tls = tls != "off";
  out.target.ca_file = in.text("ca_file", kSystemAuthorities);
  out.grants = read_grants(in);
  out.connections = in.number("connection_limit", kConnectionsUsual, 1, kConnectionsMost);
  out.allow_public_grants = in.flag("allow_public_grants", false);
  if (auto checked = in.finish(); !checked) return fail(std::move(checked.error()));
  out.target.session = new_session();
  return out;
}

std::vector<PostgresTable> tables_in(const PostgresRows& rows) {
  std::vector<PostgresTable> out;
  for (const auto& row : rows) out.push_back({row[0], row[1]});
  return out;
}

// As libpq and its kin read it (PostgreSQL §34.1.1.2).
Secret dsn_of(const PostgresTarget& target, std::string_view role, std::string_view password) {
  const auto socket = target.host.starts_with('/');
  std::string dsn = "postgresql://" + percent_encoded(role) + ":" + percent_encoded(password) + "@";
  if (!socket)
    dsn += (target.host.find(':') == std::string::npos ? target.host : "[" + target.host + "]") + ":" + std::to_string(target.port);
  dsn += "/" + percent_encoded(target.database);
  if (socket) dsn += "?host=" + percent_encoded(target.host) + "&port=" + std::to_string(target.port);
  if (target.tls) dsn += "?sslmode=verify-full";
  return Secret::take(std::move(dsn));
}

}  // namespace

class PostgresBroker final : public Broker, public std::enable_shared_from_this<PostgresBroker> {
 public:
  PostgresBroker(const BrokerParts& parts, Settings settings)
      : loop_(*parts.loop), vault_(*parts.vault), settings_(std::move(settings)), admin_(connection_to(settings_.target.database)) {}

  std::string_view kind() const override { return "postgres"; }
  std::string_view revocation_means() const override { return "its sessions are ended and the role is dropped"; }
  bool can_revoke() const override { return true; }

  Result<Plan> plan(const MintOrder& order) const override {
    auto grants = narrowed(settings_.grants, order.act);
    if (!grants) return fail(std::move(grants.error()));
    return Plan{.handle = {{"role", role_of(order.lease)}, {"database", settings_.target.database}, {"session", settings_.target.session}},
                .grant = text_of(*grants),
                .expires_ms = order.expires_ms};
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto grants = narrowed(settings_.grants, order.act);
    if (!grants) return later([done = std::move(done), error = std::move(grants.error())] { done(fail(error)); });
    const auto role = role_of(order.lease);
    minting_[role] = Mint::kWanted;
    auto finish = [self = shared_from_this(), role, done = std::move(done)](Result<Minted> minted) {
      self->minting_.erase(role);
      done(std::move(minted));
    };
    auto survey = survey_statements(*grants);
    admin_->run(std::move(survey), Urgency::kUsual,
                [self = shared_from_this(), role, grants = std::move(*grants), plan, finish = std::move(finish)](PostgresAnswer found) {
                  if (!found) return finish(fail(std::move(found.error().error)));
                  if (self->minting_[role] == Mint::kUndone)
                    return finish(fail(ErrorCode::kTimeout, "the lease was given up meanwhile", ""));
                  self->create(role, grants, plan, *found, finish);
                });
  }

  void revoke(const Revocation& what, StatusHandler done) override {
    const auto role = std::string(json::string_at(what.handle, "role").value_or(""));
    if (!is_our_role(role)) {
      return later([done = std::move(done)] {
        done(
            fail(ErrorCode::kInvalid, "the lease's record names no role of ours", "look at `interlock lease list`; drop the role by hand"));
      });
    }
    if (what.minted) return disarm(role, std::move(done));
    // A mint that nobody saw end may still run at the server, though its gate is dead: its session is ended before anybody looks whether
    // the role is there. One that waits here is given up, or else comes first.
    const auto here = minting_.find(role);
    if (here != minting_.end()) here->second = Mint::kUndone;
    admin_->run({end_sessions_named(json::string_at(what.handle, "session").value_or(""))},
                here != minting_.end() ? Urgency::kUsual : Urgency::kUrgent,
                [self = shared_from_this(), role, done = std::move(done)](PostgresAnswer ended) mutable {
                  if (!ended) return done(fail(std::move(ended.error().error)));
                  if (!std::ranges::all_of(ended->front(), [](const auto& row) { return row.front() == "t"; }))
                    return done(fail(ErrorCode::kUnavailable, "the session that minted it does not end", "it is tried again"));
                  self->disarm(role, std::move(done));
                });
  }

  void renew(const Revocation& what, UnixMs until_ms, std::function<void(Result<UnixMs>)> done) override {
    const auto role = std::string(json::string_at(what.handle, "role").value_or(""));
    if (!is_our_role(role))
      return later([done = std::move(done)] { done(fail(ErrorCode::kInvalid, "the lease's record names no role of ours", "")); });
    admin_->run({extend_statement(role, until_ms)}, Urgency::kUsual, [until_ms, done = std::move(done)](PostgresAnswer extended) {
      if (!extended) return done(fail(std::move(extended.error().error)));
      done(until_ms);
    });
  }

 private:
  // `work` on the loop, not inside the present call.
  void later(std::function<void()> work) { loop_.post(std::move(work)); }

  std::unique_ptr<PostgresConnection> connection_to(const std::string& database) {
    auto target = settings_.target;
    target.database = database;
    return std::make_unique<PostgresConnection>(loop_, std::move(target), [this]() -> Result<std::vector<Secret>> {
      if (settings_.password_secret.empty()) return std::vector<Secret>{};
      return vault_.valid(settings_.password_secret);
    });
  }

  void create(const std::string& name, const std::vector<PostgresGrant>& grants, const Plan& plan, const std::vector<PostgresRows>& found,
              std::function<void(Result<Minted>)> done) {
    if (auto possible = check(found); !possible) return done(fail(std::move(possible.error())));
    auto password = Secret::take(new_token());
    auto verifier = scram_verifier(password.view(), random_bytes(kSaltBytes));
    if (!verifier) return done(fail(std::move(verifier.error())));
    const PostgresRole role{
        .name = name, .verifier = std::move(*verifier), .until_ms = plan.expires_ms, .connections = settings_.connections};
    admin_->run(create_statements(role, grants, tables_in(found[1]), settings_.target.database), Urgency::kUsual,
                [self = shared_from_this(), name, plan, password = std::make_shared<Secret>(std::move(password)),
                 done = std::move(done)](PostgresAnswer made) {
                  if (!made) return done(fail(self->explained(std::move(made.error()))));
                  done(self->minted(name, plan, std::move(*password)));
                });
  }

  // What the survey found that stands against the mint.
  Status check(const std::vector<PostgresRows>& found) const {
    if (!found[0].empty() && !settings_.allow_public_grants)
      return fail(ErrorCode::kDenied, "every role can use the table " + found[0][0][0] + ", so this one could, without a grant",
                  "REVOKE ALL ON it FROM PUBLIC, name it in the credential's grants, or write allow_public_grants: true");
    if (found[2].empty()) return {};
    const auto& row = found[2][0];
    if (row[2] != "t")
      return fail(ErrorCode::kDenied, "the table " + row[0] + " is not in the database " + settings_.target.database,
                  "correct the credential's grants");
    return fail(ErrorCode::kDenied, "the user " + settings_.target.user + " cannot grant " + row[1] + " on " + row[0],
                "GRANT " + row[1] + " ON " + row[0] + " TO " + settings_.target.user + " WITH GRANT OPTION");
  }

  Error explained(PostgresFailure failure) const {
    auto error = std::move(failure.error);
    if (failure.state == kExists) error.code = ErrorCode::kUnavailable;  // of an earlier try of this mint: it is to be undone
    if (failure.state == kNoPrivilege)
      error.hint = "the user " + settings_.target.user + " needs CREATEROLE, and what it grants WITH GRANT OPTION; see docs/credentials.md";
    return error;
  }

  Minted minted(const std::string& role, const Plan& plan, Secret password) const {
    const auto& target = settings_.target;
    Minted out;
    out.handle = plan.handle;
    out.expires_ms = plan.expires_ms;
    out.fields.emplace("username", Secret(role));
    out.fields.emplace("host", Secret(target.host));
    out.fields.emplace("port", Secret(std::to_string(target.port)));
    out.fields.emplace("database", Secret(target.database));
    out.fields.emplace("dsn", dsn_of(target, role, password.view()));
    out.fields.emplace("password", std::move(password));
    return out;
  }

  struct Doomed {
    std::string name;
    std::string oid;
    std::vector<PostgresTable> sequences;
  };

  // --- revocation: no login any more and no session, then no role, and at last a look for sessions that slipped in
  // -------------------------------

  void disarm(const std::string& role, StatusHandler done) {
    admin_->run(disarm_statements(role), Urgency::kUrgent,
                [self = shared_from_this(), role, done = std::move(done)](PostgresAnswer disarmed) mutable {
                  if (disarmed) return self->drop({role, disarmed->at(2).at(0).at(0), tables_in(disarmed->at(3))}, true, std::move(done));
                  if (disarmed.error().state == kNoSuchRole) return done({});  // never alive, or dead already
                  done(fail(self->explained(std::move(disarmed.error()))));
                });
  }

  void drop(const Doomed& role, bool look_elsewhere, StatusHandler done) {
    admin_->run(drop_statements(role.name, role.sequences), Urgency::kUrgent,
                [self = shared_from_this(), role, look_elsewhere, done = std::move(done)](PostgresAnswer dropped) mutable {
                  if (dropped || dropped.error().state == kNoSuchRole)
                    return self->await_end(role.oid, kFirstLookMs, kLooks, std::move(done));
                  if (dropped.error().state == kStillOwns && look_elsewhere) return self->find_elsewhere(role, std::move(done));
                  done(fail(self->explained(std::move(dropped.error()))));
                });
  }

  // Whatever it made in databases that anybody may connect to (large objects, say) goes too.
  void find_elsewhere(const Doomed& role, StatusHandler done) {
    admin_->run({databases_of_role(role.name)}, Urgency::kUrgent,
                [self = shared_from_this(), role, done = std::move(done)](PostgresAnswer found) mutable {
                  if (!found) return done(fail(std::move(found.error().error)));
                  std::vector<std::string> databases;
                  for (const auto& row : found->front())
                    if (databases.size() < kOtherDatabases) databases.push_back(row.front());
                  self->drop_elsewhere(role, std::move(databases), std::move(done));
                });
  }

  void drop_elsewhere(const Doomed& role, std::vector<std::string> databases, StatusHandler done) {
    if (databases.empty()) return drop(role, false, std::move(done));
    const std::shared_ptr<PostgresConnection> elsewhere = connection_to(databases.back());
    databases.pop_back();
    auto* const raw = elsewhere.get();
    raw->run({{"DROP OWNED BY " + quoted_identifier(role.name)}}, Urgency::kUrgent,
             [self = shared_from_this(), elsewhere, role, databases = std::move(databases),
              done = std::move(done)](PostgresAnswer dropped) mutable {
               if (!dropped) return done(fail(self->explained(std::move(dropped.error()))));
               self->drop_elsewhere(role, std::move(databases), std::move(done));
             });
  }

  // A session that was let in a moment before the role lost its login is ended here; success is when none is left.
  void await_end(const std::string& oid, std::int64_t wait_ms, int looks, StatusHandler done) {
    admin_->run(
        {end_sessions_of_oid(oid)}, Urgency::kUrgent,
        [self = shared_from_this(), oid, wait_ms, looks, done = std::move(done)](PostgresAnswer left) mutable {
          if (!left) return done(fail(std::move(left.error().error)));
          if (left->front().front().front() == "0") return done({});
          if (looks == 0)
            return done(fail(ErrorCode::kUnavailable, "the role is dropped, and a session of it does not end", "see the server's log"));
          self->loop_.after_ms(wait_ms, [self, oid, wait_ms, looks, done = std::move(done)]() mutable {
            self->await_end(oid, std::min(wait_ms * 2, kLongestLookMs), looks - 1, std::move(done));
          });
        });
  }

  enum class Mint : std::uint8_t { kWanted, kUndone };

  net::Loop& loop_;
  Vault& vault_;
  Settings settings_;
  std::map<std::string, Mint, std::less<>> minting_;  // by role
  std::unique_ptr<PostgresConnection> admin_;
};

Result<std::shared_ptr<Broker>> make_postgres_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  auto read_settings = read(credential, settings);
  if (!read_settings) return fail(std::move(read_settings.error()));
  return std::make_shared<PostgresBroker>(parts, std::move(*read_settings));
}

}  // namespace interlock::credential
