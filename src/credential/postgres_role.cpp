#include "credential/postgres_role.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace interlock::credential {
namespace {

// Two sessions that change rights on one table at once fail with "tuple concurrently updated": ours take turns, whatever gate they are of.
constexpr std::string_view kTurn = "SELECT pg_advisory_xact_lock(7525894321)";
constexpr std::int64_t kEndWaitMs = 5'000;  // for sessions that are told to end
constexpr std::size_t kDigestDigits = 40;

// Of rfc3339(): nothing in it needs quoting.
std::string until_text(UnixMs until_ms) { return "'" + rfc3339(until_ms) + "'"; }

}  // namespace

std::string role_of(std::string_view lease) {
  auto name = std::string(kPostgresRolePrefix) + std::string(lease);
  if (name.size() <= kPostgresNameBytes) return name;
  return std::string(kPostgresRolePrefix) + to_hex(sha256(lease)).substr(0, kDigestDigits);
}

bool is_our_role(std::string_view role) {
  return role.starts_with(kPostgresRolePrefix) && role.size() > kPostgresRolePrefix.size() && role.size() <= kPostgresNameBytes &&
         role.find('\0') == std::string_view::npos;
}

std::vector<PostgresStatement> survey_statements(const std::vector<PostgresGrant>& grants) {
  constexpr PostgresVerbs kAny = 15;
  return {{R"(SELECT n.nspname || '.' || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
WHERE a.grantee = 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
AND NOT EXISTS (SELECT FROM json_to_recordset($1::json) AS t(schema text, name text) WHERE t.schema = n.nspname AND t.name = c.relname)
LIMIT 1)",
           {tables_json(grants, kAny)}},
          {R"(SELECT sn.nspname, s.relname
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN json_to_recordset($1::json) AS t(schema text, name text) ON t.schema = n.nspname AND t.name = c.relname
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a')",
           {tables_json(grants, static_cast<PostgresVerbs>(PostgresVerb::kInsert))}},
          {R"(SELECT t.schema || '.' || t.name, v.verb, c.oid IS NOT NULL
FROM json_to_recordset($1::json) AS t(schema text, name text, verbs json) CROSS JOIN json_array_elements_text(t.verbs) AS v(verb)
LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace) ON n.nspname = t.schema AND c.relname = t.name
WHERE c.oid IS NULL OR NOT has_table_privilege(c.oid, v.verb || ' WITH GRANT OPTION') LIMIT 1)",
           {tables_json(grants, kAny)}}};
}

std::vector<PostgresStatement> create_statements(const PostgresRole& role, const std::vector<PostgresGrant>& grants,
                                                 const std::vector<PostgresTable>& sequences, std::string_view database) {
  const auto name = quoted_identifier(role.name);
  std::vector<PostgresStatement> out;
  out.push_back({std::string(kTurn)});
  out.push_back({"CREATE ROLE " + name +
                 " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS CONNECTION LIMIT " +
                 std::to_string(role.connections) + " VALID UNTIL " + until_text(role.until_ms) + " PASSWORD '" + role.verifier + "'"});
  out.push_back({"GRANT " + name + " TO CURRENT_USER"});
  std::ranges::move(grant_statements(grants, sequences, database, role.name), std::back_inserter(out));
  return out;
}

PostgresStatement end_sessions_named(std::string_view session) {
  return {"SELECT pg_terminate_backend(pid, " + std::to_string(kEndWaitMs) +
              ") FROM pg_stat_activity WHERE application_name = $1 AND usename = CURRENT_USER AND pid <> pg_backend_pid()",
          {std::string(session)}};
}

std::vector<PostgresStatement> disarm_statements(std::string_view role) {
  return {{"ALTER ROLE " + quoted_identifier(role) + " NOLOGIN"},
          {"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", {std::string(role)}},
          {"SELECT oid FROM pg_roles WHERE rolname = $1", {std::string(role)}},
          {R"(SELECT n.nspname, c.relname FROM pg_shdepend d JOIN pg_roles r ON d.refobjid = r.oid
JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE d.refclassid = 'pg_authid'::regclass AND d.classid = 'pg_class'::regclass AND d.deptype = 'a' AND r.rolname = $1)",
           {std::string(role)}}};
}

PostgresStatement end_sessions_of_oid(std::string_view oid) {
  return {"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usesysid = $1::oid", {std::string(oid)}};
}

std::vector<PostgresStatement> drop_statements(std::string_view role, const std::vector<PostgresTable>& sequences) {
  const auto name = quoted_identifier(role);
  std::vector<PostgresStatement> out;
  out.push_back({std::string(kTurn)});
  for (const auto& sequence : sequences) out.push_back({"REVOKE USAGE ON SEQUENCE " + quoted_table(sequence) + " FROM " + name});
  out.push_back({"DROP OWNED BY " + name});
  out.push_back({"DROP ROLE " + name});
  return out;
}

PostgresStatement databases_of_role(std::string_view role) {
  return {R"(SELECT DISTINCT b.datname FROM pg_shdepend d JOIN pg_roles r ON d.refobjid = r.oid JOIN pg_database b ON b.oid = d.dbid
WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname = $1 AND b.datallowconn AND b.datname <> current_database())",
          {std::string(role)}};
}

PostgresStatement extend_statement(std::string_view role, UnixMs until_ms) {
  return {"ALTER ROLE " + quoted_identifier(role) + " VALID UNTIL " + until_text(until_ms)};
}

}  // namespace interlock::credential
