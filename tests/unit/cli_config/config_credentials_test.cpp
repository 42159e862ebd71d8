// `secrets`, `credentials` and where a server gets them.
#include <gtest/gtest.h>

#include "cli/config.hpp"

namespace interlock::cli {
namespace {

using Where = credential::Placement::Where;

Result<Config> read(const std::string& text) {
  const auto environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "HOST") return "db.example";
    return std::nullopt;
  };
  return parse_config("version: 1\n" + text + "\n", "interlock.yaml", {.environment = environment, .check_files = false});
}

const std::string kKnown = "credentials: { gh: { broker: static, secret: gh/token }, aws: { broker: aws } }\n";
std::string program(const std::string& placements) {
  return kKnown + "servers: { a: { command: [ x ], credentials: [ " + placements + " ] } }";
}
std::string remote(const std::string& placements, const std::string& more = "") {
  return kKnown + "servers: { a: { url: \"https://x.example/\", " + more + "credentials: [ " + placements + " ] } }";
}

TEST(ConfigCredentials, EverythingHasItsDefault) {
  const auto config = read("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->secrets.master_key, MasterKeySource::kFile);
  EXPECT_TRUE(config->secrets.master_key_file.empty());
  EXPECT_EQ(config->secrets.master_key_name, "interlock-master-key");
  EXPECT_TRUE(config->credentials.empty());
}

TEST(ConfigCredentials, SecretsSayWhereTheMasterKeyIsAndHowOldTheyMayGrow) {
  const auto config = read(R"(secrets:
  master_key: keyring
  master_key_name: gate-key
  rules:
    - { match: "github/*", max_age: 90d, overlap: 1h }
    - { match: pg/admin, max_age: 7d })");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->secrets.master_key, MasterKeySource::kKeyring);
  EXPECT_EQ(config->secrets.master_key_name, "gate-key");
  ASSERT_EQ(config->secrets.rules.size(), 2U);
  EXPECT_EQ(config->secrets.rules[0], (SecretRuleConfig{"github/*", 90LL * 86'400'000, 3'600'000}));
  EXPECT_EQ(config->secrets.rules[1].overlap_ms, 0);
}

TEST(ConfigCredentials, ACredentialKeepsWhatItsBrokerReadsAsItIsWritten) {
  const auto config = read(R"(credentials:
  shop:
    broker: postgres
    lifetime: 5m
    per_call: true
    host: ${HOST}
    port: 5432
    quoted: "5432"
    grants: [ { table: orders, verbs: [ select ] } ])");
  ASSERT_TRUE(config) << config.error().text();
  const auto* entry = config->credential("shop");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->broker, "postgres");
  EXPECT_EQ(entry->lifetime_ms, 300'000);
  EXPECT_TRUE(entry->per_call);
  EXPECT_EQ(json::write(entry->settings),
            R"({"host":"db.example","port":5432,"quoted":"5432","grants":[{"table":"orders","verbs":["select"]}]})");
  EXPECT_EQ(entry->where, "interlock.yaml:3:3");
  EXPECT_EQ(config->credential("none"), nullptr);
}

TEST(ConfigCredentials, PlacementsGoWhereTheirServerCanTakeThem) {
  const auto http =
      read(remote(R"({ credential: gh, header: Authorization, value: "Bearer {token}" }, { credential: gh, query: key, value: "{token}" },
      { credential: aws, sigv4: { service: s3, region: eu-central-1 }, only_by_policy: true })"));
  ASSERT_TRUE(http) << http.error().text();
  const auto& placed = http->servers[0].credentials;
  ASSERT_EQ(placed.size(), 3U);
  EXPECT_EQ(placed[0].where, Where::kHeader);
  EXPECT_EQ(placed[0].name, "Authorization");
  EXPECT_EQ(placed[0].text, "Bearer {token}");
  EXPECT_EQ(placed[1].where, Where::kQuery);
  EXPECT_EQ(placed[2].where, Where::kSigV4);
  EXPECT_EQ(placed[2].region, "eu-central-1");
  EXPECT_TRUE(placed[2].only_by_policy);

  const auto child = read(program(R"({ credential: gh, env: GH_TOKEN, value: "{token}" }, { credential: gh, fd: GH_FD, value: "{token}" },
      { credential: gh, file: token.txt, value: "{token}" })"));
  ASSERT_TRUE(child) << child.error().text();
  EXPECT_EQ(child->servers[0].credentials[0].where, Where::kEnvironment);
  EXPECT_EQ(child->servers[0].credentials[1].where, Where::kDescriptor);
  EXPECT_EQ(child->servers[0].credentials[2].where, Where::kFile);
}

TEST(ConfigCredentials, WhatCannotBeMeantIsRefusedWithItsPlaceAndAHint) {
  const std::string header = R"({ credential: gh, header: X-Key, value: "{token}" })";
  const std::pair<std::string, std::string> cases[] = {
      {"secrets: { master_key: tpm }", "master_key"},
      {"secrets: { master_key: keyring, master_key_file: k }", "master_key_file"},
      {"secrets: { master_key_name: k }", "master_key_name"},
      {"secrets: { master_key: systemd, master_key_name: ../etc/passwd }", "name of a key"},
      {"secrets: { master_key: passphrase, master_key_file: k, master_key_name: n }", "passphrase"},
      {"secrets: { rules: [ { max_age: 1d } ] }", "match"},
      {"secrets: { rules: { match: a } }", "list"},
      {"credentials: [ a ]", "map"},
      {"credentials: { a: { broker: ldap } }", "broker"},
      {"credentials: { a: { lifetime: 5m } }", "broker"},
      {"credentials: { a: { broker: static, lifetime: 10ms } }", "lifetime"},
      {"credentials: { \"a b\": { broker: static } }", "name of a credential"},
      {program("{ credential: none, env: A, value: v }"), "no credential"},
      {program("{ env: A, value: v }"), "credential"},
      {program("{ credential: gh, value: v }"), "does not say where"},
      {program("{ credential: gh, env: A }"), "value"},
      {program("{ credential: gh, env: A, fd: B, value: v }"), "says twice"},
      {program("{ credential: gh, env: 1A, value: v }"), "variable"},
      {program("{ credential: gh, env: A, value: \"{token\" }"), "brace"},
      {program("{ credential: gh, env: A, value: \"{token|rot13}\" }"), "encoding"},
      {program("{ credential: gh, file: ../x, value: v }"), "file"},
      {program(header), "not where"},
      {program("{ credential: gh, env: A, value: v }, { credential: gh, env: A, value: w }"), "same place"},
      {remote("{ credential: gh, env: A, value: v }"), "not where"},
      {remote("{ credential: gh, header: \"X Key\", value: v }"), "header"},
      {remote("{ credential: gh, header: Content-Length, value: v }"), "frames"},
      {remote("{ credential: gh, header: host, value: v }"), "frames"},
      {remote("{ credential: gh, header: A, value: \"x\\ny\" }"), "line breaks"},
      {remote("{ credential: gh, header: A, value: v }, { credential: gh, header: a, value: w }"), "same place"},
      {remote("{ credential: aws, sigv4: { service: s3 }, value: v }"), "sigv4"},
      {remote(header, "headers: { x-key: v }, "), "elsewhere"},
      {remote("{ credential: gh, header: Authorization, value: v }", "oauth: {}, "), "elsewhere"},
  };
  for (const auto& [text, part] : cases) {
    const auto config = read(text);
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with("interlock.yaml:")) << config.error().text();
    EXPECT_NE(config.error().text().find(part), std::string::npos) << text << "\n" << config.error().text();
  }
}

TEST(ConfigCredentials, TwoThatPolicyChoosesBetweenMayGoToOnePlace) {
  const auto config =
      read(remote(R"({ credential: gh, header: A, value: v }, { credential: aws, header: A, value: w, only_by_policy: true })"));
  EXPECT_TRUE(config) << config.error().text();
}

TEST(ConfigCredentials, TheDescriptionShowsNoSettings) {
  const auto config = read("credentials: { a: { broker: postgres, host: canary-host } }");
  ASSERT_TRUE(config);
  EXPECT_EQ(json::write(describe(*config)).find("canary"), std::string::npos);
}

TEST(ConfigCredentials, RulesAndCredentialsAreTakenOverAndTheMasterKeyIsNot) {
  const auto before = read("secrets: { rules: [ { match: a } ] }\n" + kKnown);
  const auto rules = read("secrets: { rules: [ { match: b } ] }");
  const auto key = read("secrets: { master_key: keyring }");
  EXPECT_TRUE(keys_that_need_a_restart(*before, *rules).empty());
  EXPECT_EQ(keys_that_need_a_restart(*before, *key), (std::vector<std::string>{"secrets"}));
}

}  // namespace
}  // namespace interlock::cli
