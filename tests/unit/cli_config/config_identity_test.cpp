// The parts of the configuration that say who asks: what holds by default, what each wrong line is told, and what needs what.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "cli/config.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kFile = "/etc/gate/interlock.yaml";

Result<Config> parse(const std::string& text, bool check_files = false) {
  return parse_config("version: 1\n" + text, kFile,
                      {.environment =
                           [](std::string_view name) {
                             return name == "SECRET" ? std::optional<std::string>("hunter2-value") : std::optional<std::string>("/home/u");
                           },
                       .check_files = check_files});
}

TEST(ConfigIdentity, NobodyIsBelievedUnlessTheFileSaysSo) {
  const auto config = parse("");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_FALSE(config->tls.is_on());
  EXPECT_FALSE(config->identity.spiffe);
  EXPECT_TRUE(config->identity.issuers.empty());
  EXPECT_FALSE(config->identity.token_exchange.enabled);
  EXPECT_FALSE(config->identity.dpop.nonces);
  EXPECT_TRUE(config->registry.agents.empty());
  EXPECT_FALSE(config->registry.only_registered);
}

TEST(ConfigIdentity, EveryKeyIsTaken) {
  const auto config = parse(R"(
public_url: https://gate.example/
tls: { certificate: c.pem, key: /k.pem }
identity:
  spiffe:
    trust_domain: example.org
    authority:
      socket: /run/w.sock
      svid_lifetime: 10m
      workloads: [ { id: "spiffe://example.org/ci", user: ci, executable: /usr/bin/node, cgroup: "/ci/*", sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ]
    bundles:
      - { trust_domain: other.org, file: other.jwks }
      - { trust_domain: far.org, url: "https://far.org/bundle", endpoint_id: "spiffe://far.org/b", first: far.jwks }
      - { trust_domain: web.org, url: "https://web.org/bundle", ca_file: ca.pem }
    audiences: [ gate ]
    accept_bearer: true
  issuers:
    - preset: github
      claims: { repository: octo/app, ref: [ refs/heads/main, "refs/tags/*" ] }
    - issuer: https://id.example
      jwks_uri: https://id.example/keys
      ca_file: ca.pem
      audiences: [ gate ]
      algorithms: [ ES256, EdDSA ]
      subject: "x/{sub}"
      actor: "y/{sub}"
      owner: "{email}"
      attributes: { team: groups.team }
      accept_bearer: true
      stands_for: human
      human_claims: [ email ]
      inherited: strip
      max_lifetime: 1h
      stale_for: 2h
  dpop: { window: 30s, nonces: required }
  token_exchange: { enabled: true, lifetime: 5m }
resource: { authorization_servers: [ "https://id.example" ], scopes: [ a, b ] }
agents: [ { id: "ci/*", owner: team, purpose: builds, bands: 1, shared: true } ]
owners: [ { name: team }, { name: gone, left: 2026-01-31 } ]
only_registered_agents: true
servers:
  web:
    url: https://x.example/mcp
    scopes: [ tools ]
    oauth: { grant: client_credentials, client_id: me, private_key: k.pem, algorithm: ES256, issuer: "https://as.example", scopes: [ s ], dpop: true }
  user: { url: "https://y.example/mcp", oauth: { client_metadata_url: "https://gate.example/client" } }
  workload: { url: "https://z.example/mcp", oauth: { grant: jwt_bearer, assertion: spiffe, issuer: "https://as.example" } }
  enterprise: { url: "https://e.example/mcp", oauth: { grant: token_exchange, issuer: "https://as.example", idp: { token_endpoint: "https://idp.example/token", client_id: me, subject_token: id.jwt } } }
)");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->public_url, "https://gate.example");
  EXPECT_EQ(config->tls.certificate, "/etc/gate/c.pem");
  EXPECT_EQ(config->tls.key, "/k.pem");
  const auto& spiffe = config->identity.spiffe;
  ASSERT_TRUE(spiffe && spiffe->authority);
  EXPECT_EQ(spiffe->authority->socket, "/run/w.sock");
  EXPECT_EQ(spiffe->authority->svid_lifetime_ms, 600'000);
  ASSERT_EQ(spiffe->authority->workloads.size(), 1U);
  EXPECT_EQ(spiffe->authority->workloads[0].cgroup, "/ci/*");
  ASSERT_EQ(spiffe->bundles.size(), 3U);
  EXPECT_EQ(spiffe->bundles[0].file, "/etc/gate/other.jwks");
  EXPECT_EQ(spiffe->bundles[1].endpoint_id, "spiffe://far.org/b");
  EXPECT_TRUE(spiffe->accept_bearer);
  ASSERT_EQ(config->identity.issuers.size(), 2U);
  EXPECT_EQ(config->identity.issuers[0].issuer, "https://token.actions.githubusercontent.com");
  EXPECT_EQ(config->identity.issuers[0].claims.at("repository"), std::vector<std::string>{"octo/app"});
  EXPECT_FALSE(config->identity.issuers[0].subject.empty()) << "the preset names agents";
  const auto& issuer = config->identity.issuers[1];
  EXPECT_EQ(issuer.algorithms, (std::vector<jose::Algorithm>{jose::Algorithm::kEs256, jose::Algorithm::kEdDsa}));
  EXPECT_EQ(issuer.ca_file, "/etc/gate/ca.pem");
  EXPECT_EQ(issuer.attributes.at("team"), "groups.team");
  EXPECT_EQ(issuer.stands_for, identity::StandsFor::kHuman);
  EXPECT_EQ(issuer.inherited, identity::Inherited::kStrip);
  EXPECT_EQ(issuer.longest_life_ms, 3'600'000);
  EXPECT_EQ(issuer.stale_for_ms, 7'200'000);
  EXPECT_TRUE(config->identity.dpop.nonces);
  EXPECT_EQ(config->identity.token_exchange.lifetime_ms, 300'000);
  ASSERT_EQ(config->registry.agents.size(), 1U);
  EXPECT_EQ(config->registry.agents[0].highest_band, model::Band::kRoutine);
  ASSERT_EQ(config->registry.owners.size(), 2U);
  EXPECT_EQ(rfc3339(*config->registry.owners[1].left_ms), "2026-01-31T00:00:00.000Z");
  EXPECT_TRUE(config->registry.only_registered);
  const auto& web = config->server("web")->oauth;
  ASSERT_TRUE(web);
  EXPECT_EQ(web->grant, oauth::Grant::kClientCredentials);
  EXPECT_EQ(web->algorithm, jose::Algorithm::kEs256);
  EXPECT_TRUE(config->server("workload")->oauth->assertion.spiffe);
  EXPECT_EQ(config->server("web")->scopes, std::vector<std::string>{"tools"});
}

struct Wrong {
  const char* text;   // after "version: 1\n", so its first line is line 2
  const char* place;  // "2:9"
  const char* message;
  const char* hint;
};

TEST(ConfigIdentity, WhatIsWrongIsNamedWithItsPlaceAndWhatToDo) {
  const std::array wrong{
      Wrong{"public_url: gate.example\n", "2:13", "no https address", "https://HOST"},
      Wrong{"public_url: \"http://gate.example\"\n", "2:13", "no https address", "loopback"},
      Wrong{"public_url: \"http://127.gate.example\"\n", "2:13", "no https address", "loopback"},
      Wrong{"public_url: \"https://gate.example/?a\"\n", "2:13", "has a query", "leave out"},
      Wrong{"tls: { certificate: c.pem }\n", "2:6", "needs both", "key: FILE"},
      Wrong{"tls: { key: k.pem }\n", "2:6", "needs both", ""},
      Wrong{"tls: {}\n", "2:6", "or `spiffe: true`", "exactly one"},
      Wrong{"tls: { certificate: c.pem, key: k.pem, spiffe: true }\n", "2:6", "or `spiffe: true`", "exactly one"},
      Wrong{"tls: { spiffe: true }\n", "2:6", "nobody gives it one", "workload_api"},
      Wrong{"tls: { spiffe: true }\nidentity: { spiffe: { trust_domain: a.org, bundles: [ { trust_domain: b.org, file: f } ] } }\n", "2:6",
            "nobody gives it one", ""},
      Wrong{"identity: { spifee: {} }\n", "2:13", "unknown key `identity.spifee`", "did you mean `spiffe`?"},
      Wrong{"identity: { spiffe: { authority: {} } }\n", "2:21", "trust_domain` is missing", ""},
      Wrong{"identity: { spiffe: { trust_domain: \"spiffe://a.org\", authority: {} } }\n", "2:37", "no trust domain", "example.org"},
      Wrong{"identity: { spiffe: { trust_domain: A.org, authority: {} } }\n", "2:37", "no trust domain", "lower-case"},
      Wrong{"identity: { spiffe: { trust_domain: a.org } }\n", "2:21", "where bundles come from", "workload_api"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, workload_api: /run/x.sock } }\n", "2:58", "no Unix socket", "unix:///"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, workload_api: \"tcp://1.2.3.4:1\" } }\n", "2:58", "no Unix socket", "unix:///"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, workload_api: \"unix:///x\", authority: {} } }\n", "2:82", "exclude each other",
            "SPIRE"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, authority: { workloads: [ { id: \"spiffe://b.org/x\", user: u } ] } } }\n", "2:76",
            "not of this authority's trust domain", "spiffe://a.org/"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, authority: { workloads: [ { id: \"spiffe://a.org/x\" } ] } } }\n", "2:70",
            "every local process", "name a user"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, authority: { workloads: [ { id: \"spiffe://a.org/x\", sha256: abc } ] } } }\n",
            "2:104", "64 hexadecimal", "sha256sum"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, bundles: [ { trust_domain: b.org } ] } }\n", "2:55",
            "from a `file` or from a `url`", "exactly one"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, bundles: [ { trust_domain: b.org, url: \"https://b\", endpoint_id: x } ] } }\n",
            "2:55", "https_spiffe", "first: FILE"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, authority: {}, bundles: [ { trust_domain: a.org, file: f } ] } }\n", "2:70",
            "own trust domain", "leave this"},
      Wrong{"identity: { spiffe: { trust_domain: a.org, bundles: [ { trust_domain: b.org, file: f }, { trust_domain: b.org, file: g } ] } "
            "}\n",
            "2:89", "has a bundle already", "keep one"},
      Wrong{"identity: { issuers: { issuer: x } }\n", "2:22", "must be a list", "write -"},
      Wrong{"identity: { issuers: [ { preset: githb } ] }\n", "2:34", "can't be `githb`", "did you mean `github`?"},
      Wrong{"identity: { issuers: [ { preset: okta } ] }\n", "2:24", "issuer` is missing", "`iss`"},
      Wrong{"identity: { issuers: [ { issuer: \"http://id.example\" } ] }\n", "2:34", "no https address", "loopback"},
      Wrong{"identity: { issuers: [ { issuer: \"https://i\", algorithms: [ none ] } ] }\n", "2:61", "can't be `none`", ""},
      Wrong{"identity: { issuers: [ { issuer: \"https://i\", algorithms: [ HS256 ] } ] }\n", "2:61", "can't be `HS256`", ""},
      Wrong{"identity: { issuers: [ { issuer: \"https://i\", claims: { a: [] } } ] }\n", "2:60", "allows no value", "leave the claim out"},
      Wrong{"identity: { issuers: [ { issuer: \"https://i\" }, { issuer: \"https://i\" } ] }\n", "2:49", "written twice", "keep one"},
      Wrong{"identity: { dpop: { nonces: on } }\n", "2:29", "one of off, required", ""},
      Wrong{"resource: { authorization_servers: [ \"ftp://x\" ] }\n", "2:38", "no https address", ""},
      Wrong{"agents: [ { id: a } ]\n", "2:11", "`agents.owner` is missing", ""},
      Wrong{"agents: [ { id: a, owner: \"\" } ]\n", "2:27", "is empty", "answers for"},
      Wrong{"agents: [ { id: a, owner: o, bands: 4 } ]\n", "2:37", "from 0 to 3", ""},
      Wrong{"agents: [ { id: a, owner: o }, { id: a, owner: o } ]\n", "2:38", "written twice", ""},
      Wrong{"owners: [ { name: o, left: soon } ]\n", "2:28", "must be a day", "2027-01-31"},
      Wrong{"servers: { a: { command: [ x ], oauth: {} } }\n", "2:12", "is a program", "env"},
      Wrong{"servers: { a: { url: \"https://x/\", headers: { AUTHORIZATION: b }, oauth: {} } }\n", "2:12", "both `oauth` and a header", ""},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { grant: client_credentials } } }\n", "2:43", "nothing to show", "client_secret"},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { grant: jwt_bearer } } }\n", "2:43", "has none", "assertion"},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { grant: token_exchange } } }\n", "2:43", "names none", "idp"},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { assertion: f } } }\n", "2:43", "for grant: jwt_bearer", "leave it out"},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { grant: token_exchange, idp: { client_id: a } } } }\n", "2:73",
            "needs `token_endpoint`", "all three"},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { client_id: a } } }\n", "2:43", "has no `issuer`", "authorization server"},
      Wrong{"identity: { issuers: [ { preset: github } ] }\n", "2:24", "", ""},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { client_secret: s } } }\n", "2:43", "of no client", "client_id"},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { client_id: a, client_secret: s, private_key: k } } }\n", "2:43", "has both", ""},
      Wrong{"servers: { a: { url: \"https://x/\", oauth: { grant: jwt_bearer, assertion: spiffe, issuer: \"https://a\" } } }\n", "2:15",
            "nobody gives it one", ""},
  };
  for (const auto& one : wrong) {
    const auto config = parse(one.text);
    ASSERT_FALSE(config) << one.text;
    const auto& error = config.error();
    EXPECT_TRUE(error.message.starts_with(std::string(kFile) + ":" + one.place + ": ")) << one.text << error.message;
    EXPECT_NE(error.message.find(one.message), std::string::npos) << one.text << error.message;
    EXPECT_NE(error.hint.find(one.hint), std::string::npos) << one.text << error.hint;
  }
}

TEST(ConfigIdentity, AKeyThatEveryUserCanReadIsRefused) {
  const auto folder = std::filesystem::temp_directory_path() / ("interlock-key-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto certificate = (folder / "c.pem").string();
  const auto key = (folder / "k.pem").string();
  std::ofstream(certificate) << "x";
  std::ofstream(key) << "x";
  const std::string text = "tls: { certificate: " + certificate + ", key: " + key + " }\n";
  for (const auto& [mode, good] : {std::pair<mode_t, bool>{0600, true}, {0640, true}, {0644, false}, {0604, false}, {0660, false}}) {
    ASSERT_EQ(::chmod(key.c_str(), mode), 0);
    const auto config = parse(text, true);
    EXPECT_EQ(config.has_value(), good) << std::oct << mode;
    if (!config) {
      EXPECT_EQ(config.error().code, ErrorCode::kDenied);
      EXPECT_NE(config.error().hint.find("chmod 600"), std::string::npos) << config.error().text();
    }
  }
  std::filesystem::remove(key);
  EXPECT_EQ(parse(text, true).error().code, ErrorCode::kNotFound);
  std::filesystem::remove_all(folder);
}

TEST(ConfigIdentity, AnOpenPortWithoutTlsIsWarnedOf) {
  const std::string tokens =
      "auth: { tokens: [ { token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, subject: a } ] }\n";
  const auto open = parse("listen: 0.0.0.0:80\n" + tokens);
  ASSERT_TRUE(open);
  ASSERT_EQ(open->warnings.size(), 1U);
  EXPECT_NE(open->warnings[0].find(":2:9: `listen` is not loopback"), std::string::npos) << open->warnings[0];
  EXPECT_TRUE(parse("listen: 0.0.0.0:80\ntls: { certificate: c, key: k }\n" + tokens)->warnings.empty());
  EXPECT_TRUE(parse("listen: 127.0.0.1:80\n" + tokens)->warnings.empty());
}

TEST(ConfigIdentity, AGateThatTokensCannotNameIsWarnedOf) {
  const std::string issuers = "identity: { issuers: [ { issuer: \"https://i.example\" } ] }\n";
  const std::string tls = "listen: 0.0.0.0:443\ntls: { certificate: c, key: k }\n";
  const auto nameless = parse(tls + issuers);
  ASSERT_TRUE(nameless) << nameless.error().text();
  ASSERT_EQ(nameless->warnings.size(), 1U);
  EXPECT_NE(nameless->warnings[0].find("no `public_url`"), std::string::npos) << nameless->warnings[0];
  EXPECT_TRUE(parse(tls + issuers + "public_url: https://gate.example\n")->warnings.empty());
  EXPECT_TRUE(parse(issuers)->warnings.empty());
}

TEST(ConfigIdentity, ADescriptionShowsNoSecret) {
  const auto config =
      parse("servers: { a: { url: \"https://x/\", oauth: { client_id: me, client_secret: \"${SECRET}\", issuer: \"https://a\" } } }\n");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->server("a")->oauth->client_secret, "hunter2-value");
  const auto shown = json::write(describe(*config));
  EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  EXPECT_NE(shown.find("\"client_secret\":\"<hidden>\""), std::string::npos) << shown;
}

TEST(ConfigIdentity, KnowsWhichChangesARunningGateCannotTake) {
  const auto before = parse("");
  const auto live =
      parse("identity: { issuers: [ { issuer: \"https://i\" } ] }\nagents: [ { id: a, owner: o } ]\nowners: [ { name: o } ]\n");
  ASSERT_TRUE(live) << live.error().text();
  EXPECT_TRUE(keys_that_need_a_restart(*before, *live).empty());
  const auto other = parse(
      "public_url: \"https://g\"\ntls: { spiffe: true }\nresource: { scopes: [ a ] }\nservers: { a: { url: \"https://x/\", oauth: {} } }\n"
      "identity: { spiffe: { trust_domain: a.org, authority: {} }, dpop: { window: 1s }, token_exchange: { enabled: true } }\n");
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_EQ(keys_that_need_a_restart(*before, *other), (std::vector<std::string>{"public_url", "tls", "identity.spiffe", "identity.dpop",
                                                                                 "identity.token_exchange", "resource", "servers"}));
}

}  // namespace
}  // namespace interlock::cli
