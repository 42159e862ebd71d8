#include "credential/postgres_grants.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace interlock::credential {
namespace {

struct VerbName {
  PostgresVerb verb;
  std::string_view name;
  std::string_view sql;
};
constexpr std::array<VerbName, 4> kVerbs{{{PostgresVerb::kSelect, "select", "SELECT"},
                                          {PostgresVerb::kInsert, "insert", "INSERT"},
                                          {PostgresVerb::kUpdate, "update", "UPDATE"},
                                          {PostgresVerb::kDelete, "delete", "DELETE"}}};
constexpr PostgresVerbs kAllVerbs = 15;
constexpr std::string_view kTableType = "Table";

constexpr PostgresVerbs bit(PostgresVerb verb) { return static_cast<PostgresVerbs>(verb); }

bool is_plain(std::string_view part) { return part.find_first_of("\".") == std::string_view::npos; }

// Takes one part of a dotted name off the front of `text`.
std::optional<std::string> take_part(std::string_view& text) {
  std::string part;
  if (!text.starts_with('"')) {
    const auto end = std::min(text.find('.'), text.size());
    part = text.substr(0, end);
    text.remove_prefix(end);
    return is_plain(part) ? std::optional(part) : std::nullopt;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"') {
      part += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '"') {
      part += '"';
      ++i;
    } else {
      text.remove_prefix(i + 1);
      return part;
    }
  }
  return std::nullopt;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kPostgresNameBytes && name.find('\0') == std::string_view::npos;
}

std::vector<std::string> sorted_unique(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  const auto rest = std::ranges::unique(texts);
  texts.erase(rest.begin(), rest.end());
  return texts;
}

PostgresVerbs read_verbs(BrokerSettings& settings, const json::object& entry) {
  PostgresVerbs verbs = 0;
  const auto* const names = json::array_at(entry, "verbs");
  if (names != nullptr) {
    for (const auto& name : *names) {
      const auto* const text = name.if_string();
      const auto* const known =
          text == nullptr ? kVerbs.end() : std::ranges::find(kVerbs, json::view(*text), [](const VerbName& verb) { return verb.name; });
      if (known == kVerbs.end()) {
        settings.complain("grants", "has a verb that is not known here", "verbs are select, insert, update and delete");
        return 0;
      }
      verbs |= bit(known->verb);
    }
  }
  if (verbs == 0) settings.complain("grants", "has an entry without verbs", "write verbs: [ select ]");
  return verbs;
}

// A list of texts in an entry of `grants`.
std::vector<std::string> read_names(BrokerSettings& settings, const json::object& entry, std::string_view key) {
  std::vector<std::string> out;
  const auto* const value = json::find(entry, key);
  if (value == nullptr) return out;
  const auto* const names = value->if_array();
  if (names == nullptr || names->empty() || names->size() > kSettingEntries) {
    settings.complain("grants", "has `" + std::string(key) + "` that are no list, or an empty one", "write [ one, two ]");
    return out;
  }
  for (const auto& name : *names) {
    if (!name.is_string()) {
      settings.complain("grants", "has a name that is no text", "write it in quotes");
      return {};
    }
    out.emplace_back(json::view(name.get_string()));
  }
  return out;
}

// What an act may have to do with a table, by what it does to the world. A query of any kind and administration can be anything.
PostgresVerbs verbs_for(const std::vector<model::Effect>& effects) {
  PostgresVerbs verbs = 0;
  for (const auto effect : effects) {
    switch (effect) {
      case model::Effect::kRead:
      case model::Effect::kSend: verbs |= bit(PostgresVerb::kSelect); break;
      case model::Effect::kWrite: verbs |= bit(PostgresVerb::kSelect) | bit(PostgresVerb::kInsert) | bit(PostgresVerb::kUpdate); break;
      case model::Effect::kDelete: verbs |= bit(PostgresVerb::kSelect) | bit(PostgresVerb::kDelete); break;
      case model::Effect::kExecute:
      case model::Effect::kAdmin: return kAllVerbs;
    }
  }
  return verbs;
}

// The tables that an act names; an error where one is named that cannot be read, for then it is not known what is left.
Result<std::set<PostgresTable>> tables_of(const model::Classification& act) {
  std::set<PostgresTable> tables;
  const auto add = [&](const model::EntityName& resource) -> Status {
    if (resource.type != kTableType) return {};
    const auto whole = resource.id.find('.') == std::string::npos ? "public." + resource.id : resource.id;
    auto table = parse_table(whole);
    if (!table) return fail(ErrorCode::kDenied, "the act names no table that can be read: " + table.error().message, table.error().hint);
    tables.insert(std::move(*table));
    return {};
  };
  if (auto added = add(act.resource); !added) return fail(std::move(added.error()));
  for (const auto& further : act.further_resources)
    if (auto added = add(further.resource); !added) return fail(std::move(added.error()));
  return tables;
}

}  // namespace

Result<PostgresTable> parse_table(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalid, "the table is not written as schema.table",
                "for example public.orders; parts with dots in double quotes; at most 63 bytes each");
  };
  auto rest = text;
  auto schema = take_part(rest);
  if (!schema || !rest.starts_with('.')) return bad();
  rest.remove_prefix(1);
  auto name = take_part(rest);
  if (!name || !rest.empty() || !is_name(*schema) || !is_name(*name)) return bad();
  return PostgresTable{std::move(*schema), std::move(*name)};
}

std::string text_of(const PostgresTable& table) {
  const auto part = [](const std::string& name) { return is_plain(name) ? name : quoted_identifier(name); };
  return part(table.schema) + "." + part(table.name);
}

std::string quoted_table(const PostgresTable& table) { return quoted_identifier(table.schema) + "." + quoted_identifier(table.name); }

std::vector<PostgresGrant> read_grants(BrokerSettings& settings) {
  std::vector<PostgresGrant> grants;
  const auto* const entries = settings.list("grants");
  if (entries == nullptr) {
    settings.complain("grants", "is missing", "write grants: [{ tables: [ public.orders ], verbs: [ select ] }]");
    return grants;
  }
  for (const auto& written : *entries) {
    const auto* const entry = written.if_object();
    if (entry == nullptr) {
      settings.complain("grants", "has an entry that is no mapping", "write { tables: [...], verbs: [...] }");
      return grants;
    }
    for (const auto& member : *entry) {
      const std::string_view key(member.key().data(), member.key().size());
      if (key != "tables" && key != "verbs" && key != "columns")
        settings.complain("grants", "has the key `" + std::string(key) + "`, which is not known here", "keys are tables, verbs, columns");
    }
    const auto verbs = read_verbs(settings, *entry);
    const auto columns = sorted_unique(read_names(settings, *entry, "columns"));
    if (!std::ranges::all_of(columns, is_name)) settings.complain("grants", "has a column with no possible name", "1 to 63 bytes");
    if (!columns.empty() && (verbs & bit(PostgresVerb::kDelete)) != 0)
      settings.complain("grants", "grants delete on columns", "rows are deleted whole: grant delete in an entry without columns");
    const auto tables = read_names(settings, *entry, "tables");
    if (tables.empty()) settings.complain("grants", "has an entry without tables", "write tables: [ public.orders ]");
    for (const auto& text : tables) {
      auto table = parse_table(text);
      if (!table) {
        settings.complain("grants", "names no table: " + table.error().message, table.error().hint);
        return grants;
      }
      grants.push_back({std::move(*table), verbs, columns});
    }
  }
  if (grants.size() > kPostgresTables) settings.complain("grants", "has too many tables", "at most " + std::to_string(kPostgresTables));
  std::ranges::sort(grants);
  return grants;
}

Result<std::vector<PostgresGrant>> narrowed(const std::vector<PostgresGrant>& grants, const model::Classification* act) {
  if (act == nullptr) return grants;
  const auto tables = tables_of(*act);
  if (!tables) return fail(std::move(tables.error()));
  for (const auto& table : *tables) {
    if (!std::ranges::any_of(grants, [&](const PostgresGrant& grant) { return grant.table == table; }))
      return fail(ErrorCode::kDenied, "the credential has no grant for the table " + text_of(table),
                  "add it to the credential's grants, if acts on it are meant to be done");
  }
  const auto verbs = verbs_for(act->effects);
  std::vector<PostgresGrant> left;
  for (const auto& grant : grants) {
    if (!tables->empty() && !tables->contains(grant.table)) continue;
    const auto some = static_cast<PostgresVerbs>(grant.verbs & verbs);
    if (some != 0) left.push_back({grant.table, some, grant.columns});
  }
  if (left.empty())
    return fail(ErrorCode::kDenied, "the credential grants no verb that this act needs",
                "add the verb to the credential's grants, or correct the act's effects in the catalogue");
  return left;
}

std::string text_of(const std::vector<PostgresGrant>& grants) {
  std::string out;
  for (const auto& grant : grants) {
    out += (out.empty() ? "" : "; ") + text_of(grant.table);
    for (std::size_t i = 0; i < grant.columns.size(); ++i) out += (i == 0 ? "(" : ", ") + quoted_identifier(grant.columns[i]);
    out += grant.columns.empty() ? ":" : "):";
    for (const auto& verb : kVerbs)
      if ((grant.verbs & bit(verb.verb)) != 0) out += " " + std::string(verb.name);
  }
  return out;
}

std::string tables_json(const std::vector<PostgresGrant>& grants, PostgresVerbs with_any_of) {
  json::array tables;
  for (const auto& grant : grants) {
    if ((grant.verbs & with_any_of) == 0) continue;
    json::array verbs;
    for (const auto& verb : kVerbs)
      if (grant.columns.empty() && (grant.verbs & bit(verb.verb)) != 0) verbs.push_back(json::value(json::string(verb.sql)));
    tables.push_back(json::object{{"schema", grant.table.schema}, {"name", grant.table.name}, {"verbs", std::move(verbs)}});
  }
  return json::write(tables);
}

std::vector<PostgresStatement> grant_statements(const std::vector<PostgresGrant>& grants, const std::vector<PostgresTable>& sequences,
                                                std::string_view database, std::string_view role) {
  const auto to_role = " TO " + quoted_identifier(role);
  std::vector<PostgresStatement> out;
  out.push_back({"GRANT CONNECT ON DATABASE " + quoted_identifier(database) + to_role});
  std::set<std::string> schemas;
  for (const auto& grant : grants) schemas.insert(grant.table.schema);
  for (const auto& schema : schemas) out.push_back({"GRANT USAGE ON SCHEMA " + quoted_identifier(schema) + to_role});
  for (const auto& grant : grants) {
    std::string columns;
    for (const auto& column : grant.columns) columns += (columns.empty() ? " (" : ", ") + quoted_identifier(column);
    if (!columns.empty()) columns += ")";
    std::string verbs;
    for (const auto& verb : kVerbs)
      if ((grant.verbs & bit(verb.verb)) != 0) verbs += (verbs.empty() ? "" : ", ") + std::string(verb.sql) + columns;
    out.push_back({"GRANT " + verbs + " ON TABLE " + quoted_table(grant.table) + to_role});
  }
  for (const auto& sequence : sequences) out.push_back({"GRANT USAGE ON SEQUENCE " + quoted_table(sequence) + to_role});
  return out;
}

}  // namespace interlock::credential
