// interlock.yaml as plain structs: read, expanded, checked and defaulted here, so that nobody checks a second time.
//
// A bad file is refused whole. The Error's message begins with "file:line:column:" and its hint says what to do; it quotes the
// file as it is written, never the value of a header or of an environment variable. The format is docs/configuration.md;
// docs/interlock.schema.json is the same for editors. Plain data: load once, share read-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/config_credentials.hpp"
#include "cli/config_identity.hpp"
#include "cli/config_run.hpp"

namespace interlock::cli {

enum class Preset : std::uint8_t { kObserve, kBalanced, kStrict, kNone };
std::string_view preset_name(Preset preset);
std::optional<Preset> preset_from_name(std::string_view name);

enum class Denial : std::uint8_t { kError, kResult };                          // how a denied tool call is shown
enum class Sharing : std::uint8_t { kSession, kSubject, kAll };                // who shares one upstream
enum class ServerProtocol : std::uint8_t { kAuto, k2025_11_25, k2026_07_28 };  // era spoken to a remote server
enum class FirstUse : std::uint8_t { kTrust, kQuarantine };                    // of a tool definition never seen before
enum class ArgumentStorage : std::uint8_t { kRedact, kHash, kFull };           // arguments in receipts
enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Name and value, in the file's order. Values may be secrets.
using NameValues = std::vector<std::pair<std::string, std::string>>;

// One MCP server. Exactly one of `command` and `url` is set.
struct ServerConfig {
  std::string name;
  std::vector<std::string> command;  // stdio: program and arguments
  NameValues env;                    // secrets
  std::filesystem::path cwd;         // absolute
  std::string url;                   // http or https
  NameValues headers;                // secrets
  ServerProtocol protocol = ServerProtocol::kAuto;
  Sharing sharing = Sharing::kSession;
  std::string catalogue;                     // explicit entry; empty: found by package or url
  std::int64_t call_timeout_ms = 0;          // always set after loading
  std::vector<std::string> scopes;           // OAuth scopes that a client's token must have
  std::optional<OAuthConfig> oauth;          // of a server with `url`
  std::vector<PlacementConfig> credentials;  // leased for its calls, or, of a program, for its process
  bool is_stdio() const { return !command.empty(); }
  friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
};

struct TokenConfig {
  std::string token_sha256;  // 64 lower-case hex digits
  std::string subject;
  std::string owner;  // empty: the subject itself
  std::optional<UnixMs> expires_ms;
};

struct AuthConfig {
  bool anonymous = false;  // loopback only, the loader refuses anything else
  std::vector<TokenConfig> tokens;
};

struct ApprovalConfig {
  std::int64_t expires_ms = 600'000;
  bool elicit = true;               // also ask through the client, where it can
  bool elicitation_counts = false;  // and take its answer for a human's
  std::int64_t pending = 1'000;     // held at once
  std::string passphrase;           // "scrypt:...": a yes needs it too; empty: none is asked
  friend bool operator==(const ApprovalConfig&, const ApprovalConfig&) = default;
};

struct LimitConfig {
  std::int64_t message_bytes = 16'777'216;
  std::int64_t depth = 64;
  std::int64_t header_bytes = 65'536;
  std::int64_t connections = 20'000;
  std::int64_t sessions = 10'000;
  std::int64_t calls_in_flight = 256;  // per session
  std::int64_t call_timeout_ms = 300'000;
  std::int64_t header_timeout_ms = 10'000;
  std::int64_t session_idle_ms = 3'600'000;
  std::int64_t server_start_timeout_ms = 60'000;  // npx may have to download the server first
  friend bool operator==(const LimitConfig&, const LimitConfig&) = default;
};

struct TaskConfig {
  std::int64_t lifetime_ms = 28'800'000;         // of implicit tasks, and of others that say nothing
  std::int64_t max_lifetime_ms = 2'592'000'000;  // of any task, extensions included
  int band_ceiling = 3;
  bool implicit = true;                      // false: agents act under tasks that were started, or not at all
  std::int64_t keep_ended_ms = 604'800'000;  // ended tasks stay listed this long
  friend bool operator==(const TaskConfig&, const TaskConfig&) = default;
};

struct LedgerConfig {
  ArgumentStorage arguments = ArgumentStorage::kRedact;
  std::int64_t group_commit_ms = 50;  // how long a band-0 receipt may wait for the disk
  friend bool operator==(const LedgerConfig&, const LedgerConfig&) = default;
};

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
  bool json = false;
  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

struct Config {
  std::filesystem::path source;  // the file it came from; empty for defaults
  std::string text_sha256;       // of the file's text, hex; empty for defaults
  std::string listen_host = "127.0.0.1";
  std::uint16_t listen_port = 7410;
  std::filesystem::path state_dir;  // absolute
  Preset preset = Preset::kBalanced;
  std::vector<std::filesystem::path> policies;   // absolute files or folders, they exist
  std::vector<std::filesystem::path> catalogue;  // absolute files or folders, they exist
  std::vector<std::string> workspace;            // absolute, `.` and `..` collapsed
  bool workspace_given = false;                  // false: the folder of the file, if that is no home
  Denial denial = Denial::kError;
  SecretsConfig secrets;
  std::vector<CredentialEntry> credentials;
  std::vector<ServerConfig> servers;
  EgressConfig egress;
  RunConfig run;
  std::string public_url;  // "https://gate.example", without a slash at the end; empty: scheme and address of `listen`
  TlsConfig tls;
  AuthConfig auth;
  IdentityConfig identity;
  ResourceConfig resource;
  identity::RegistryOptions registry;  // agents, owners, only_registered_agents
  std::vector<std::string> allowed_origins;
  std::vector<std::string> allowed_hosts;
  ApprovalConfig approvals;
  FirstUse first_use = FirstUse::kTrust;
  LimitConfig limits;
  TaskConfig task;
  LedgerConfig ledger;
  LogConfig log;
  std::vector<std::string> warnings;  // odd but legal; "file:line:column: ..."

  const ServerConfig* server(std::string_view name) const;
  const CredentialEntry* credential(std::string_view name) const;
  bool listens_on_loopback() const;
  std::string listen_text() const;  // "127.0.0.1:7410"
};

// What the loader takes from outside the file. The defaults read the process environment and the file system.
struct ConfigSurroundings {
  Environment environment;
  bool check_files = true;  // policies and catalogue paths must exist
};
ConfigSurroundings real_surroundings();

// Bounds of the file itself: untrusted bytes like any other.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxConfigServers = 1'000;

Result<Config> load_config(const std::filesystem::path& path, const ConfigSurroundings& surroundings = real_surroundings());
// `path` names the text in errors, and its folder is what relative paths start from.
Result<Config> parse_config(std::string_view text, const std::filesystem::path& path,
                            const ConfigSurroundings& surroundings = real_surroundings());
// What holds where no file is: everything at its default, relative to `folder`.
Result<Config> default_config(const std::filesystem::path& folder, const ConfigSurroundings& surroundings = real_surroundings());

// Where a file is looked for when none is named: ./interlock.yaml, $XDG_CONFIG_HOME/interlock/, /etc/interlock/. The first that exists.
std::optional<std::filesystem::path> find_config(const std::filesystem::path& folder,
                                                 const ConfigSurroundings& surroundings = real_surroundings());
// The state folder that a file names, whatever else is in it: verbs that only look need none of the rest, nor its secrets.
Result<std::filesystem::path> state_folder_of(const std::filesystem::path& config_file,
                                              const ConfigSurroundings& surroundings = real_surroundings());
// Where state is kept when no file says: $XDG_STATE_HOME/interlock, ~/.local/state/interlock, /var/lib/interlock.
std::filesystem::path default_state_folder(const ConfigSurroundings& surroundings = real_surroundings());
// A folder that may be the workspace without anybody having said so: not the root, not a home folder nor what holds one.
bool may_be_workspace(const std::filesystem::path& folder, const ConfigSurroundings& surroundings = real_surroundings());

// The text of a regular file of at most `limit_bytes`. kNotFound, kTooLarge, kIo; the message names the file.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit_bytes);

// The configuration in effect, with every secret replaced by "<hidden>".
json::object describe(const Config& config);
// The keys whose values differ and that a running gate cannot take over: "listen", "servers", ...
std::vector<std::string> keys_that_need_a_restart(const Config& before, const Config& after);

}  // namespace interlock::cli
