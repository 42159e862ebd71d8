// The parser, docs/configuration.md and docs/interlock.schema.json know the same keys.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/json.hpp"
#include "cli/config.hpp"

namespace interlock::cli {
namespace {

using Keys = std::set<std::string>;

std::string read_source(const std::string& name) {
  std::ifstream file(std::string(INTERLOCK_SOURCE_DIR) + "/" + name);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

// Rows "| `key` | ..." of the table of keys.
Keys keys_of_guide() {
  Keys out;
  std::istringstream text(read_source("docs/configuration.md"));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| `")) continue;
    const auto key = line.substr(3, line.find('`', 3) - 3);
    // With the maps that it stands in; NAME is one that the user chose.
    for (auto end = key.size(); end != std::string::npos && end > 0; end = key.rfind('.', end - 1)) {
      if (const auto part = key.substr(0, end); !part.ends_with(".NAME")) out.insert(part);
    }
  }
  return out;
}

// Properties, down through maps of servers (NAME) and lists of tokens.
void add_schema_keys(const json::object& schema, const std::string& above, Keys& out) {
  if (const auto* properties = json::object_at(schema, "properties")) {
    for (const auto& property : *properties) {
      const std::string key = above + std::string(property.key().data(), property.key().size());
      out.insert(key);
      add_schema_keys(property.value().as_object(), key + ".", out);
    }
  }
  if (const auto* items = json::object_at(schema, "items")) add_schema_keys(*items, above, out);
  if (const auto* values = json::object_at(schema, "additionalProperties"); values != nullptr && values->contains("properties"))
    add_schema_keys(*values, above + "NAME.", out);
}

Keys keys_of_schema() {
  Keys out;
  const auto schema = json::parse(read_source("docs/interlock.schema.json"));
  if (schema) add_schema_keys(schema->as_object(), "", out);
  return out;
}

// A key that nobody would mean makes the parser say what it knows at that place: "known here: a, b".
void add_parser_keys(const std::string& text, const std::string& above, Keys& out) {
  const auto config = parse_config(text, "interlock.yaml",
                                   {.environment = [](std::string_view) { return std::optional<std::string>(); }, .check_files = false});
  ASSERT_FALSE(config) << text;
  static constexpr std::string_view kBegin = "known here: ";
  ASSERT_TRUE(config.error().hint.starts_with(kBegin)) << text << config.error().text();
  std::istringstream list(config.error().hint.substr(kBegin.size()));
  for (std::string key; list >> key;) {
    if (key.ends_with(',')) key.pop_back();
    out.insert(above + key);
  }
}

void add_identity_keys(Keys& out) {
  const std::string odd = "QQQQQQQQQQQQQQQQ: 1";
  const auto add = [&](const std::string& before, const std::string& after, const std::string& above) {
    add_parser_keys("version: 1\n" + before + odd + after + "\n", above, out);
  };
  for (const std::string map : {"tls", "identity", "resource"}) add(map + ": { ", " }", map + ".");
  for (const std::string map : {"dpop", "token_exchange"}) add("identity: { " + map + ": { ", " } }", "identity." + map + ".");
  const std::string spiffe = "identity: { spiffe: { trust_domain: a.example, ";
  add(spiffe + "authority: {}, ", " } }", "identity.spiffe.");
  add(spiffe + "authority: { ", " } } }", "identity.spiffe.authority.");
  add(spiffe + "authority: { workloads: [ { id: \"spiffe://a.example/x\", user: u, ", " } ] } } }", "identity.spiffe.authority.workloads.");
  add(spiffe + "bundles: [ { trust_domain: b.example, file: f, ", " } ] } }", "identity.spiffe.bundles.");
  add("identity: { issuers: [ { issuer: \"https://i.example\", ", " } ] }", "identity.issuers.");
  add("agents: [ { id: a, owner: o, ", " } ]", "agents.");
  add("owners: [ { name: o, ", " } ]", "owners.");
  add("servers: { a: { url: \"https://x.example/\", oauth: { ", " } } }", "servers.NAME.oauth.");
  add("servers: { a: { url: \"https://x.example/\", oauth: { idp: { ", " } } } }", "servers.NAME.oauth.idp.");
}

void add_credential_keys(Keys& out) {
  const std::string odd = "QQQQQQQQQQQQQQQQ: 1";
  const auto add = [&](const std::string& text, const std::string& above) { add_parser_keys("version: 1\n" + text + "\n", above, out); };
  add("secrets: { " + odd + " }", "secrets.");
  add("secrets: { rules: [ { match: a, " + odd + " } ] }", "secrets.rules.");
  // The rest of a credential is its broker's.
  for (const std::string key : {"broker", "lifetime", "per_call"}) out.insert("credentials.NAME." + key);
  const std::string known = "credentials: { c: { broker: static } }\n";
  add(known + "servers: { a: { command: [ x ], credentials: [ { credential: c, env: V, value: v, " + odd + " } ] } }",
      "servers.NAME.credentials.");
  const std::string remote = "servers: { a: { url: \"https://x.example/\", credentials: [ { credential: c, ";
  add(known + remote + "header: H, value: v, " + odd + " } ] } }", "servers.NAME.credentials.");
  add(known + remote + "sigv4: { " + odd + " } } ] } }", "servers.NAME.credentials.sigv4.");
}

void add_egress_keys(Keys& out) {
  const std::string odd = "QQQQQQQQQQQQQQQQ: 1";
  const auto add = [&](const std::string& before, const std::string& after, const std::string& above) {
    add_parser_keys(
        "version: 1\ncredentials: { c: { broker: static } }\negress: { listen: \"127.0.0.1:0\", " + before + odd + after + " }\n", above,
        out);
  };
  add("", "", "egress.");
  add("open: { ", " }", "egress.open.");
  add("hosts: [ { host: a.example, ", " } ]", "egress.hosts.");
  add("hosts: [ { host: a.example, credentials: [ { credential: c, header: H, value: v, ", " } ] } ]", "egress.hosts.credentials.");
  add("hosts: [ { host: a.example, credentials: [ { credential: c, sigv4: { ", " } } ] } ]", "egress.hosts.credentials.sigv4.");
  add("routes: [ { path: /a, upstream: \"https://a.example\", ", " } ]", "egress.routes.");
}

Keys keys_of_parser() {
  Keys out;
  add_parser_keys("version: 1\nQQQQQQQQQQQQQQQQ: 1\n", "", out);
  for (const std::string map : {"approvals", "pins", "limits", "task", "ledger", "log", "auth"}) {
    add_parser_keys("version: 1\n" + map + ": { QQQQQQQQQQQQQQQQ: 1 }\n", map + ".", out);
  }
  add_parser_keys("version: 1\nservers: { a: { command: [ x ], QQQQQQQQQQQQQQQQ: 1 } }\n", "servers.NAME.", out);
  add_parser_keys(
      "version: 1\nauth: { tokens: [ { token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, subject: a, "
      "QQQQQQQQQQQQQQQQ: 1 } ] }\n",
      "auth.tokens.", out);
  add_identity_keys(out);
  add_credential_keys(out);
  add_egress_keys(out);
  add_parser_keys("version: 1\nrun: { QQQQQQQQQQQQQQQQ: 1 }\n", "run.", out);
  add_parser_keys("version: 1\nrun: { limits: { QQQQQQQQQQQQQQQQ: 1 } }\n", "run.limits.", out);
  return out;
}

TEST(DocumentedKeys, TheGuideNamesWhatTheParserKnows) {
  EXPECT_GT(keys_of_parser().size(), 40U);
  EXPECT_EQ(keys_of_guide(), keys_of_parser());
}

TEST(DocumentedKeys, TheSchemaNamesWhatTheParserKnows) { EXPECT_EQ(keys_of_schema(), keys_of_parser()); }

}  // namespace
}  // namespace interlock::cli
