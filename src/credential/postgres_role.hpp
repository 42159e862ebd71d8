// The statements that make and unmake one lease's role, and the names that tie it to the lease. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "credential/postgres_connection.hpp"
#include "credential/postgres_grants.hpp"

namespace interlock::credential {

// Of the lease's role: a revocation never touches a role without this prefix, whatever the record says.
inline constexpr std::string_view kPostgresRolePrefix = "interlock_";
std::string role_of(std::string_view lease);
bool is_our_role(std::string_view role);

struct PostgresRole {
  std::string name;
  std::string verifier;  // scram_verifier()
  UnixMs until_ms = 0;
  std::int64_t connections = 0;
};

// Finds what a mint must know: (1) a table outside of extensions and system schemas that PUBLIC may use though `grants` do not name it,
// (2) the sequences that columns of tables with insert draw their defaults from, (3) a verb that the admin cannot grant, with its table
// and whether that is there: PostgreSQL itself would only warn.
std::vector<PostgresStatement> survey_statements(const std::vector<PostgresGrant>& grants);
// Makes the role: it may log in, and do what is granted and nothing else. The admin becomes a member, which lets one who is no
// superuser end its sessions and drop it.
std::vector<PostgresStatement> create_statements(const PostgresRole& role, const std::vector<PostgresGrant>& grants,
                                                 const std::vector<PostgresTable>& sequences, std::string_view database);
// Ends other sessions of that name: those in which a mint that nobody waits for may still run. One row each, "t" where it is ended.
PostgresStatement end_sessions_named(std::string_view session);
// (1) forbids the role to log in, (2) ends its sessions, (3) tells its oid, (4) the sequences that it was granted.
std::vector<PostgresStatement> disarm_statements(std::string_view role);
// Ends those that are left, and tells how many: an oid is enough, the role may be gone.
PostgresStatement end_sessions_of_oid(std::string_view oid);
// `sequences`: DROP OWNED, which takes them for tables, fails where the admin has no right but USAGE on them.
std::vector<PostgresStatement> drop_statements(std::string_view role, const std::vector<PostgresTable>& sequences);
// The other databases in which something still belongs to the role.
PostgresStatement databases_of_role(std::string_view role);
PostgresStatement extend_statement(std::string_view role, UnixMs until_ms);

}  // namespace interlock::credential
