// What a PostgreSQL role of ours may do: tables, verbs, columns; read from settings, narrowed to one act, written as SQL. Pure functions;
// any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker_settings.hpp"
#include "credential/postgres_connection.hpp"
#include "model/action.hpp"

namespace interlock::credential {

inline constexpr std::size_t kPostgresNameBytes = 63;  // NAMEDATALEN - 1: a longer name would be cut, and could meet another
inline constexpr std::size_t kPostgresTables = 500;

struct PostgresTable {
  std::string schema;
  std::string name;
  friend auto operator<=>(const PostgresTable&, const PostgresTable&) = default;
};
// `schema.table`, each part as it is or in SQL's double quotes ("a.b"."c""d"). Case counts, as in quotes.
Result<PostgresTable> parse_table(std::string_view text);
std::string text_of(const PostgresTable& table);       // as parse_table() reads it
std::string quoted_table(const PostgresTable& table);  // SQL

enum class PostgresVerb : std::uint8_t { kSelect = 1, kInsert = 2, kUpdate = 4, kDelete = 8 };
using PostgresVerbs = std::uint8_t;  // a set of them

struct PostgresGrant {
  PostgresTable table;
  PostgresVerbs verbs = 0;
  std::vector<std::string> columns;  // sorted; empty: all
  friend auto operator<=>(const PostgresGrant&, const PostgresGrant&) = default;
};

// settings.grants: [{ tables: [schema.table, ...], verbs: [select, ...], columns?: [...] }]. What is wrong is told to `settings`.
std::vector<PostgresGrant> read_grants(BrokerSettings& settings);

// As much of it as the act needs: of its tables, where it names any (Table::"schema.table"), the verbs that its effects need. A write or
// delete includes select, which PostgreSQL asks for in WHERE. nullptr: all. kDenied: nothing is left, or a table is not covered.
Result<std::vector<PostgresGrant>> narrowed(const std::vector<PostgresGrant>& grants, const model::Classification* act);

std::string text_of(const std::vector<PostgresGrant>& grants);  // canonical: "public.orders: select; ..."

// The tables as JSON, for statements that take them as a parameter: [{"schema": ..., "name": ..., "verbs": [whole tables' ones]}, ...].
std::string tables_json(const std::vector<PostgresGrant>& grants, PostgresVerbs with_any_of);

// GRANT statements for an existing role.
std::vector<PostgresStatement> grant_statements(const std::vector<PostgresGrant>& grants, const std::vector<PostgresTable>& sequences,
                                                std::string_view database, std::string_view role);

}  // namespace interlock::credential
