// The configuration: what holds by default, what each wrong line is told, and that no value of the environment is ever shown.
#include "cli/config.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace interlock::cli {
namespace {

constexpr const char* kFile = "/etc/gate/interlock.yaml";
constexpr const char* kHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

ConfigSurroundings surroundings(std::map<std::string, std::string> variables = {{"HOME", "/home/u"}}) {
  ConfigSurroundings out;
  out.environment = [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  out.check_files = false;
  return out;
}

Result<Config> parse(std::string_view text, const ConfigSurroundings& around = surroundings()) { return parse_config(text, kFile, around); }

TEST(Config, AFileWithItsVersionAloneHoldsEveryDefault) {
  const auto config = parse("version: 1\n");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->listen_text(), "127.0.0.1:7410");
  EXPECT_TRUE(config->listens_on_loopback());
  EXPECT_EQ(config->state_dir, "/home/u/.local/state/interlock");
  EXPECT_EQ(config->preset, Preset::kBalanced);
  EXPECT_EQ(config->workspace, std::vector<std::string>{"/etc/gate"});
  EXPECT_FALSE(config->workspace_given);
  EXPECT_TRUE(config->policies.empty());
  EXPECT_EQ(config->denial, Denial::kError);
  EXPECT_FALSE(config->auth.anonymous);
  EXPECT_EQ(config->approvals.expires_ms, 600'000);
  EXPECT_TRUE(config->approvals.elicit);
  EXPECT_FALSE(config->approvals.elicitation_counts);
  EXPECT_EQ(config->first_use, FirstUse::kTrust);
  EXPECT_EQ(config->limits, LimitConfig{});
  EXPECT_EQ(config->task, TaskConfig{});
  EXPECT_EQ(config->ledger, LedgerConfig{});
  EXPECT_EQ(config->log, LogConfig{});
  EXPECT_EQ(config->text_sha256.size(), 64U);
}

TEST(Config, EveryKeyIsTaken) {
  const auto config = parse(R"(
version: 1
listen: "[::1]:0"
state_dir: state/../other/
preset: strict
policies: [ ./p, /abs.cedar ]
catalogue: [ ~/c.yaml ]
workspace: [ ., ../work/, / ]
denial: result
servers:
  files: { command: [ npx, -y, pkg ], env: { KEY: v, EMPTY: }, cwd: sub, sharing: all, catalogue: filesystem, call_timeout: 2m }
  copied: { command: npx, args: [ -y, pkg ] }
  web: { url: "https://x.example/mcp", headers: { Authorization: Bearer x }, protocol: 2026-07-28, sharing: subject }
auth:
  anonymous: true
  tokens: [ { token_sha256: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", subject: a, owner: o, expires: "2027-01-31T00:00:00Z" } ]
allowed_origins: [ "https://app.example" ]
allowed_hosts: [ gate.example ]
approvals: { expires: 30s, elicit: false, elicitation_counts: true, pending: 5, passphrase: "scrypt:14:a:b" }
pins: { first_use: trust }
limits: { message_bytes: 4096, depth: 16, header_bytes: 2048, connections: 9, sessions: 8, calls_in_flight: 7, call_timeout: 1m, header_timeout: 500ms, session_idle: 2h, server_start_timeout: 5s }
task: { lifetime: 1d, band_ceiling: 2, max_lifetime: 2d, implicit: false, keep_ended: 1h }
ledger: { arguments: hash, group_commit: 5ms }
log: { level: debug, format: json }
)");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->listen_host, "::1");
  EXPECT_EQ(config->listen_text(), "[::1]:0");
  EXPECT_EQ(config->state_dir, "/etc/gate/other");
  EXPECT_EQ(config->policies, (std::vector<std::filesystem::path>{"/etc/gate/p", "/abs.cedar"}));
  EXPECT_EQ(config->catalogue, (std::vector<std::filesystem::path>{"/home/u/c.yaml"}));
  EXPECT_EQ(config->workspace, (std::vector<std::string>{"/etc/gate", "/etc/work", "/"}));
  EXPECT_TRUE(config->workspace_given);
  ASSERT_EQ(config->servers.size(), 3U);
  const auto* files = config->server("files");
  ASSERT_NE(files, nullptr);
  EXPECT_EQ(files->command, (std::vector<std::string>{"npx", "-y", "pkg"}));
  EXPECT_EQ(files->env, (NameValues{{"KEY", "v"}, {"EMPTY", ""}}));
  EXPECT_EQ(files->cwd, "/etc/gate/sub");
  EXPECT_EQ(files->call_timeout_ms, 120'000);
  EXPECT_EQ(config->server("copied")->command, files->command);
  EXPECT_EQ(config->server("copied")->call_timeout_ms, 60'000);
  EXPECT_EQ(config->server("web")->protocol, ServerProtocol::k2026_07_28);
  EXPECT_EQ(config->server("nobody"), nullptr);
  ASSERT_EQ(config->auth.tokens.size(), 1U);
  EXPECT_EQ(config->auth.tokens[0].token_sha256, kHash);
  EXPECT_TRUE(config->auth.tokens[0].expires_ms.has_value());
  EXPECT_EQ(config->limits.message_bytes, 4096);
  EXPECT_EQ(config->limits.header_timeout_ms, 500);
  EXPECT_EQ(config->task.band_ceiling, 2);
  EXPECT_EQ(config->task.max_lifetime_ms, 172'800'000);
  EXPECT_FALSE(config->task.implicit);
  EXPECT_EQ(config->task.keep_ended_ms, 3'600'000);
  EXPECT_EQ(config->ledger.arguments, ArgumentStorage::kHash);
  EXPECT_TRUE(config->log.json);
}

struct Wrong {
  const char* text;   // after "version: 1\n", so its first line is line 2
  const char* place;  // "2:9"
  const char* message;
  const char* hint;
};

TEST(Config, WhatIsWrongIsNamedWithItsPlaceAndWhatToDo) {
  const std::array wrong{
      Wrong{"presett: strict\n", "2:1", "unknown key `presett`", "did you mean `preset`?"},
      Wrong{"zzzzzz: 1\n", "2:1", "unknown key `zzzzzz`", "known here: version, listen"},
      Wrong{"preset: balancd\n", "2:9", "can't be `balancd`", "did you mean `balanced`?"},
      Wrong{"preset: [a]\n", "2:9", "must be a text", ""},
      Wrong{"listen: 7410\n", "2:9", "no address and port", "ADDRESS:PORT"},
      Wrong{"listen: 127.0.0.1:70000\n", "2:9", "no address and port", ""},
      Wrong{"listen: \"127.0.0.1:80x\"\n", "2:9", "no address and port", ""},
      Wrong{"listen: \"::1:80\"\n", "2:9", "no address and port", "[::1]"},
      Wrong{"listen: 0.0.0.0:80\nauth: { anonymous: true }\n", "3:20", "is for loopback", "token"},
      Wrong{"state_dir: \"\"\n", "2:12", "must be a path", ""},
      Wrong{"policies: ./p\n", "2:11", "must be a list of paths", "[ ./one"},
      Wrong{"workspace: { a: b }\n", "2:12", "must be a list of paths", ""},
      Wrong{"servers: [ a ]\n", "2:10", "must be a map", "NAME"},
      Wrong{"servers:\n  a__b: { url: \"http://x/\" }\n", "3:3", "cannot be the name", "__"},
      Wrong{"servers:\n  a/b: { url: \"http://x/\" }\n", "3:3", "cannot be the name", "letters"},
      Wrong{"servers:\n  _a: { url: \"http://x/\" }\n", "3:3", "cannot be the name", "begin"},
      Wrong{"servers:\n  a: {}\n", "3:3", "neither `command` nor `url`", "write command"},
      Wrong{"servers:\n  a: { command: [ x ], url: \"http://x/\" }\n", "3:3", "both `command` and `url`", "keep the one"},
      Wrong{"servers:\n  a: { command: [] }\n", "3:17", "names no program", ""},
      Wrong{"servers:\n  a: { args: [ x ] }\n", "3:14", "without `command`", ""},
      Wrong{"servers:\n  a: { url: ftp://x/ }\n", "3:13", "no http or https", ""},
      Wrong{"servers:\n  a: { url: \"https:///x\" }\n", "3:13", "no http or https", ""},
      Wrong{"servers:\n  a: { url: \"https://u:p@x/\" }\n", "3:13", "user name or password", "header"},
      Wrong{"servers:\n  a: { url: \"https://x/\", env: { A: b } }\n", "3:3", "mean nothing there", ""},
      Wrong{"servers:\n  a: { command: [ x ], headers: { A: b } }\n", "3:3", "mean nothing there", ""},
      Wrong{"servers:\n  a: { command: [ x ], env: [ b ] }\n", "3:29", "names and texts", "NAME: value"},
      Wrong{"servers:\n  a: { command: [ x ], env: { \"A=B\": c } }\n", "3:31", "name that cannot be one", ""},
      Wrong{"servers:\n  a: { url: \"https://x/\", headers: { \"A B\": c } }\n", "3:38", "name that cannot be one", ""},
      Wrong{"servers:\n  a: { url: \"https://x/\", headers: { A: \"b\\r\\nC: d\" } }\n", "3:41", "cannot be sent", ""},
      Wrong{"servers:\n  a: { command: [ x ], commnd: [ y ] }\n", "3:24", "unknown key `servers.a.commnd`", "did you mean `command`?"},
      Wrong{"servers:\n  a: { command: [ x ], call_timeout: 10 }\n", "3:38", "must be a duration", "250ms"},
      Wrong{"credentials: { c: { broker: static, secret: s } }\nservers:\n  a: { command: [ x ], sharing: all, credentials: [ { "
            "credential: c, env: "
            "T, value: \"{token}\" } ] }\n",
            "4:3", "is shared by several sessions", "leave `sharing` out"},
      Wrong{"auth: { tokens: [ { subject: a } ] }\n", "2:19", "`auth.tokens.token_sha256` is missing", ""},
      Wrong{"auth: { tokens: [ { token: hunter2, subject: a } ] }\n", "2:28", "never stands in the file", "sha256sum"},
      Wrong{"auth: { tokens: [ { token_sha256: abc, subject: a } ] }\n", "2:35", "64 hexadecimal digits", "sha256sum"},
      Wrong{"auth: { tokens: [ { token_sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, subject: a } ] }\n",
            "2:35", "hash of no token", ""},
      Wrong{
          "auth:\n  tokens:\n    - { token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, subject: local/me }\n",
          "4:98", "cannot stand for this subject", ""},
      Wrong{"auth: { tokens: x }\n", "2:17", "must be a list", ""},
      Wrong{"approvals: { expires: 0s }\n", "2:23", "must be from 1000ms", ""},
      Wrong{"approvals: { elicit: \"true\" }\n", "2:22", "true or false", "without quotes"},
      Wrong{"approvals: { pending: 0 }\n", "2:23", "from 1 to 100000", ""},
      Wrong{"approvals: { passphrase: plain }\n", "2:26", "must be the hash", "interlock approvals passphrase"},
      Wrong{"limits: { depth: 100000 }\n", "2:18", "from 8 to 512", ""},
      Wrong{"limits: { message_bytes: 16MB }\n", "2:26", "whole number", ""},
      Wrong{"limits: { message_bytes: 1e6 }\n", "2:26", "whole number", ""},
      Wrong{"task: { band_ceiling: 4 }\n", "2:23", "from 0 to 3", ""},
      Wrong{"task: { lifetime: 2h, max_lifetime: 1h }\n", "2:37", "shorter than `task.lifetime`", "as long"},
      Wrong{"log: { level: loud }\n", "2:15", "can't be `loud`", ""},
      Wrong{"ledger: { arguments: non }\n", "2:22", "it is one of redact, hash, full", ""},
      Wrong{"pins: { first_use: maybe }\n", "2:20", "it is one of trust, quarantine", ""},
      Wrong{"preset: strict\npreset: none\n", "3:1", "twice", ""},
      Wrong{"state_dir: ${NOT_SET}/x\n", "2:12", "NOT_SET is not set", "${NOT_SET:-default}"},
      Wrong{"state_dir: ${HOME\n", "2:12", "has no }", ""},
      Wrong{"state_dir: ${9A}\n", "2:12", "names no environment variable", ""},
  };
  for (const auto& one : wrong) {
    const auto config = parse(std::string("version: 1\n") + one.text);
    ASSERT_FALSE(config) << one.text;
    const auto& error = config.error();
    EXPECT_TRUE(error.message.starts_with(std::string(kFile) + ":" + one.place + ": ")) << one.text << error.message;
    EXPECT_NE(error.message.find(one.message), std::string::npos) << one.text << error.message;
    EXPECT_NE(error.hint.find(one.hint), std::string::npos) << one.text << error.hint;
  }
}

TEST(Config, AFileWithoutItsVersionIsRefused) {
  for (const char* text : {"", "# nothing\n", "preset: none\n", "version: 2\n", "version:\n", "[]\n", "just a text\n"}) {
    const auto config = parse(text);
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with(std::string(kFile) + ":")) << config.error().message;
  }
}

TEST(Config, TheEnvironmentIsExpandedEverywhereAndADollarCanBeWritten) {
  const auto around = surroundings({{"HOME", "/home/u"}, {"PORT", "81"}, {"LEVEL", "warn"}, {"KEY", "se$ret"}, {"EMPTY", ""}});
  const auto config = parse(R"(
version: 1
listen: 127.0.0.1:${PORT}
log: { level: "${LEVEL}" }
limits: { depth: "${NONE:-32}" }
task:
  band_ceiling: ${NONE:-1}
servers:
  a:
    command: [ x, "${KEY}", "$${KEY}", "$KEY", "${EMPTY:-full}", "${NONE:-}" ]
    env: { K: "a${KEY}b${PORT}" }
)",
                            around);
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->listen_port, 81);
  EXPECT_EQ(config->log.level, LogLevel::kWarn);
  EXPECT_EQ(config->limits.depth, 32);
  EXPECT_EQ(config->task.band_ceiling, 1);
  EXPECT_EQ(config->servers[0].command, (std::vector<std::string>{"x", "se$ret", "${KEY}", "$KEY", "full", ""}));
  EXPECT_EQ(config->servers[0].env[0].second, "ase$retb81");
}

TEST(Config, NoErrorWarningOrDescriptionShowsASecret) {
  const auto around = surroundings({{"HOME", "/home/u"}, {"SECRET", "hunter2-value"}});
  const std::array texts{
      "preset: ${SECRET}\n",
      "limits:\n  depth: ${SECRET}\n",
      "listen: ${SECRET}\n",
      "log: { level: \"${SECRET}\" }\n",
      "limits: { depth: \"${SECRET}\" }\n",
      "approvals: { expires: \"${SECRET}\" }\n",
      "approvals: { elicit: \"${SECRET}\" }\n",
      "approvals: { passphrase: \"${SECRET}\" }\n",
      "servers: { a: { url: \"${SECRET}\" } }\n",
      "servers: { a: { url: \"https://${SECRET}@x/\" } }\n",
      "servers: { a: { url: \"https://x/\", headers: { A: \"${SECRET}\\n\" } } }\n",
      "auth: { tokens: [ { token_sha256: \"${SECRET}\", subject: a } ] }\n",
      "auth: { tokens: [ { token: hunter2-value, subject: a } ] }\n",
      "policies: [ \"${SECRET}\" ]\n",
  };
  auto strict = around;
  strict.check_files = true;
  for (const char* text : texts) {
    const auto config = parse(std::string("version: 1\n") + text, strict);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().text().find("hunter2"), std::string::npos) << config.error().text();
  }
  const auto config = parse(
      "version: 1\nservers:\n  a: { command: [ x, \"${SECRET}\" ], env: { K: \"${SECRET}\" } }\n  b: { url: "
      "\"http://x.example/?k=${SECRET}\", headers: { A: \"${SECRET}\" } }\n",
      around);
  ASSERT_TRUE(config) << config.error().text();
  const auto shown = json::write(describe(*config));
  EXPECT_EQ(shown.find("hunter2"), std::string::npos) << shown;
  EXPECT_NE(shown.find("<hidden>"), std::string::npos) << shown;
  ASSERT_FALSE(config->warnings.empty());
  EXPECT_NE(config->warnings[0].find("clear text"), std::string::npos);
  for (const auto& warning : config->warnings) EXPECT_EQ(warning.find("hunter2"), std::string::npos) << warning;
}

TEST(Config, ATokenCannotStandForTwoSubjects) {
  const std::string token = std::string("    - { token_sha256: ") + kHash + ", subject: ";
  const auto config = parse("version: 1\nauth:\n  tokens:\n" + token + "a }\n" + token + "b }\n");
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.starts_with(std::string(kFile) + ":5:")) << config.error().message;
}

TEST(Config, WhatIsTooLargeIsRefused) {
  EXPECT_EQ(parse("version: 1\n#" + std::string(kMaxConfigBytes, 'x')).error().code, ErrorCode::kTooLarge);
  std::string many = "version: 1\nservers:\n";
  for (std::size_t i = 0; i <= kMaxConfigServers; ++i) many += "  s" + std::to_string(i) + ": { command: [ x ] }\n";
  EXPECT_EQ(parse(many).error().code, ErrorCode::kTooLarge);
  const auto around = surroundings({{"LONG", std::string(70'000, 'x')}});
  EXPECT_EQ(parse("version: 1\nstate_dir: ${LONG}\n", around).error().code, ErrorCode::kTooLarge);
}

TEST(Config, PathsThatAreNotThereAreRefusedAsTheyAreWritten) {
  auto around = surroundings();
  around.check_files = true;
  const auto config = parse("version: 1\ncatalogue: [ /, ./not-here ]\n", around);
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message.starts_with(std::string(kFile) + ":2:17: ")) << config.error().message;
  EXPECT_NE(config.error().message.find("./not-here"), std::string::npos);
}

TEST(Config, StrictQuarantinesWhatWasNeverSeenUnlessTold) {
  EXPECT_EQ(parse("version: 1\npreset: strict\n")->first_use, FirstUse::kQuarantine);
  EXPECT_EQ(parse("version: 1\npreset: strict\npins: { first_use: trust }\n")->first_use, FirstUse::kTrust);
}

TEST(Config, WarnsOfWhatIsLegalAndSurelyNotMeant) {
  EXPECT_TRUE(parse("version: 1\nservers: { a: { command: [ x ] } }\nauth: { anonymous: true }\n")->warnings.empty());
  EXPECT_NE(parse("version: 1\nservers: { a: { command: [ x ] } }\n")->warnings.at(0).find("lets nobody in"), std::string::npos);
  EXPECT_NE(parse("version: 1\npreset: none\n")->warnings.at(0).find("everything is denied"), std::string::npos);
}

TEST(Config, AWideFolderIsNoWorkspaceByItself) {
  const auto around = surroundings();
  for (const char* folder : {"/", "/home", "/home/u", "/home/u/"}) EXPECT_FALSE(may_be_workspace(folder, around)) << folder;
  for (const char* folder : {"/home/u/project", "/srv", "/home/user"}) EXPECT_TRUE(may_be_workspace(folder, around)) << folder;
  const auto at_home = parse_config("version: 1\n", "/home/u/interlock.yaml", around);
  ASSERT_TRUE(at_home);
  EXPECT_TRUE(at_home->workspace.empty());
  EXPECT_FALSE(at_home->warnings.empty());
  EXPECT_EQ(default_config("/srv/x", around)->workspace, std::vector<std::string>{"/srv/x"});
}

TEST(Config, StateIsKeptWhereTheSystemSays) {
  EXPECT_EQ(default_state_folder(surroundings({{"XDG_STATE_HOME", "/x"}, {"HOME", "/h"}})), "/x/interlock");
  EXPECT_EQ(default_state_folder(surroundings({{"XDG_STATE_HOME", "relative"}, {"HOME", "/h"}})), "/h/.local/state/interlock");
  EXPECT_EQ(default_state_folder(surroundings({})), "/var/lib/interlock");
  EXPECT_EQ(parse_config("version: 1\n", "/etc/interlock/interlock.yaml", surroundings())->state_dir, "/var/lib/interlock");
}

TEST(Config, KnowsWhichChangesARunningGateCannotTake) {
  const auto before = parse("version: 1\n");
  const auto same = parse("version: 1\npreset: strict\npins: { first_use: trust }\nworkspace: [ /x ]\nauth: { anonymous: true }\n");
  EXPECT_TRUE(keys_that_need_a_restart(*before, *same).empty());
  const auto other = parse("version: 1\nlisten: 127.0.0.1:1\nservers: { a: { command: [ x ] } }\nlimits: { depth: 9 }\n");
  EXPECT_EQ(keys_that_need_a_restart(*before, *other), (std::vector<std::string>{"listen", "servers", "limits"}));
}

}  // namespace
}  // namespace interlock::cli
