#include "cli/config.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "base/hash.hpp"
#include "cli/config_reading.hpp"
#include "net/http.hpp"
#include "yaml/document.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kKibi = 1'024;
constexpr std::int64_t kMebi = 1'024 * kKibi;
constexpr std::size_t kPaths = 1'000;  // of policies, catalogue files, workspace folders
constexpr std::size_t kWords = 1'000;  // of a command, or of a list of origins
constexpr std::size_t kTokenRules = 10'000;
constexpr std::size_t kScopes = 100;
constexpr std::size_t kNameBytes = 64;

const std::initializer_list<std::pair<std::string_view, Preset>> kPresets = {
    {"observe", Preset::kObserve}, {"balanced", Preset::kBalanced}, {"strict", Preset::kStrict}, {"none", Preset::kNone}};

bool is_blank_or_control(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }

void read_listen(ConfigReader& in, yaml::Map& map, Config& out) {
  const auto* node = map.find("listen");
  if (node == nullptr) return;
  const std::string text = in.reader.text(*node, "listen");
  if (in.reader.failed()) return;
  constexpr const char* kHint = "write ADDRESS:PORT, as in 127.0.0.1:7410 or [::1]:7410; port 0 takes a free one";
  const auto colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string::npos) host.clear();
  int port = -1;
  if (colon != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto [stop, bad] = std::from_chars(text.data() + colon + 1, end, port);
    if (bad != std::errc() || stop != end) port = -1;
  }
  if (host.empty() || port < 0 || port > 65'535 || std::ranges::any_of(host, is_blank_or_control)) {
    return in.reader.complain(*node, "`listen` is no address and port", kHint);
  }
  out.listen_host = std::move(host);
  out.listen_port = static_cast<std::uint16_t>(port);
}

NameValues read_name_values(ConfigReader& in, yaml::Map& map, std::string_view key, bool headers) {
  NameValues out;
  const auto* node = map.find(key);
  if (node == nullptr) return out;
  const std::string what = map.what_of(key);
  if (node->kind != yaml::Node::Kind::kMap) {
    in.reader.complain(*node, "`" + what + "` must be a map of names and texts", "write NAME: value");
    return out;
  }
  for (std::size_t i = 0; i < node->keys.size(); ++i) {
    const auto& name = node->keys[i];
    const bool odd = name.text.empty() || std::ranges::any_of(name.text, [&](char c) {
                       return is_blank_or_control(c) || (headers ? std::string_view("()<>@,;:\\\"/[]?={}").contains(c) : c == '=');
                     });
    if (odd)
      in.reader.complain(name, "`" + what + "` has a name that cannot be one",
                         headers ? "header names are letters, digits and -" : "a variable's name holds no = and no blank");
    // An empty value is a value here: it sets the variable, or the header, to nothing.
    std::string value =
        node->items[i].kind == yaml::Node::Kind::kNull ? std::string() : in.reader.text(node->items[i], what + "." + name.text);
    const bool breaks = std::ranges::any_of(value, [&](char c) { return c == '\0' || (headers && (c == '\r' || c == '\n')); });
    if (breaks)
      in.reader.complain(node->items[i], "`" + what + "." + name.text + "` holds a character that cannot be sent",
                         "leave line breaks and NUL out");
    out.emplace_back(name.text, std::move(value));
  }
  return out;
}

// `command: [npx, -y, pkg]`, or as in mcp.json, `command: npx` with `args: [-y, pkg]`.
std::vector<std::string> read_command(ConfigReader& in, yaml::Map& map) {
  std::vector<std::string> out;
  const auto* node = map.find("command");
  const auto* more = map.find("args");
  if (node == nullptr) {
    if (more != nullptr)
      in.reader.complain(*more, "`" + map.what_of("args") + "` stands without `command`", "write command: [PROGRAM, ARGUMENT, ...]");
    return out;
  }
  if (node->kind == yaml::Node::Kind::kSequence) out = in.reader.texts(*node, map.what_of("command"), kWords);
  else out.push_back(in.reader.text(*node, map.what_of("command")));
  if (more != nullptr) {
    for (auto& word : in.reader.texts(*more, map.what_of("args"), kWords)) out.push_back(std::move(word));
  }
  if (!in.reader.failed() && (out.empty() || out.front().empty()))
    in.reader.complain(*node, "`" + map.what_of("command") + "` names no program", "write [PROGRAM, ARGUMENT, ...]");
  for (const auto& word : out) {
    if (word.find('\0') != std::string::npos) in.reader.complain(*node, "`" + map.what_of("command") + "` holds a NUL character");
  }
  return out;
}

std::string read_url(ConfigReader& in, yaml::Map& map, const NameValues& headers, Config& config) {
  const auto* node = map.find("url");
  if (node == nullptr) return {};
  std::string url = in.reader.text(*node, map.what_of("url"));
  if (in.reader.failed()) return url;
  const bool tls = url.starts_with("https://");
  const auto host_at = tls ? 8U : 7U;
  if ((!tls && !url.starts_with("http://")) || url.size() <= host_at || url[host_at] == '/' ||
      std::ranges::any_of(url, is_blank_or_control)) {
    in.reader.complain(*node, "`" + map.what_of("url") + "` is no http or https address", "write https://HOST/PATH");
    return url;
  }
  auto host = url.substr(host_at, url.find('/', host_at) - host_at);
  if (host.find('@') != std::string::npos) {
    in.reader.complain(*node, "`" + map.what_of("url") + "` holds a user name or password",
                       "send it as a header: headers: { Authorization: ... }");
    return url;
  }
  const bool bracketed = host.starts_with('[');
  host = bracketed ? host.substr(1, host.find(']') - 1) : host.substr(0, host.find(':'));
  if (!tls && !headers.empty() && !is_loopback(host)) {
    config.warnings.push_back(in.reader.place(*node) + ": `" + map.what_of("headers") + "` go to " + map.what_of("url") +
                              " in clear text; use https");
  }
  return url;
}

ServerConfig read_server(ConfigReader& in, const yaml::Node& key, const yaml::Node& node, Config& config) {
  ServerConfig out;
  out.name = key.text;
  if (const auto problem = problem_with_server_name(out.name); !problem.empty())
    in.reader.complain(key, "`" + out.name + "` cannot be the name of a server", problem);
  yaml::Map map(in.reader, node, "servers." + out.name);
  out.command = read_command(in, map);
  out.env = read_name_values(in, map, "env", false);
  const auto* cwd = map.find("cwd");
  out.cwd = cwd == nullptr ? in.folder : in.path(*cwd, map.what_of("cwd"));
  out.headers = read_name_values(in, map, "headers", true);
  out.url = read_url(in, map, out.headers, config);
  out.protocol = map.choice<ServerProtocol>(
      "protocol", ServerProtocol::kAuto,
      {{"auto", ServerProtocol::kAuto}, {"2025-11-25", ServerProtocol::k2025_11_25}, {"2026-07-28", ServerProtocol::k2026_07_28}});
  out.sharing = map.choice<Sharing>("sharing", Sharing::kSession,
                                    {{"session", Sharing::kSession}, {"subject", Sharing::kSubject}, {"all", Sharing::kAll}});
  out.catalogue = map.text("catalogue");
  out.call_timeout_ms = map.duration_ms("call_timeout", config.limits.call_timeout_ms, kSecondMs, kDayMs);
  out.scopes = map.texts("scopes", kScopes);
  out.oauth = read_oauth(in, map);
  out.credentials = read_placements(in, map, out.is_stdio() ? Carrier::kProgram : Carrier::kHttp, config);
  map.close();
  if (in.reader.failed()) return out;
  const std::string name = "`servers." + out.name + "`";
  if (out.command.empty() && out.url.empty())
    in.reader.complain(key, name + " has neither `command` nor `url`", "write command: [PROGRAM, ...] or url: https://...");
  if (!out.command.empty() && !out.url.empty())
    in.reader.complain(key, name + " has both `command` and `url`", "keep the one that the server is reached by");
  if (!out.url.empty() && (!out.env.empty() || cwd != nullptr))
    in.reader.complain(key, name + " is reached by `url`: `env` and `cwd` mean nothing there", "leave them out");
  if (out.url.empty() && !out.headers.empty())
    in.reader.complain(key, name + " is a program: `headers` mean nothing there", "use env for what it needs");
  if (out.url.empty() && out.oauth)
    in.reader.complain(key, name + " is a program: `oauth` means nothing there", "use env for what it needs");
  const auto is_authorization = [](const auto& header) { return net::equal_ignoring_case(header.first, "authorization"); };
  if (out.oauth && std::ranges::any_of(out.headers, is_authorization))
    in.reader.complain(key, name + " has both `oauth` and a header Authorization", "keep one of them");
  if (!out.credentials.empty() && out.sharing != Sharing::kSession)
    in.reader.complain(key, name + " has credentials, which are a task's, and is shared by several sessions",
                       "leave `sharing` out: every session gets its own");
  for (const auto& placed : out.credentials) {
    if (placed.where != credential::Placement::Where::kHeader) continue;
    const auto is_same = [&](const auto& header) { return net::equal_ignoring_case(header.first, placed.name); };
    if (std::ranges::any_of(out.headers, is_same) || (out.oauth && net::equal_ignoring_case(placed.name, "authorization")))
      in.reader.complain(key, name + " gets the header " + placed.name + " from a credential and from elsewhere, too", "keep one of them");
  }
  return out;
}

void read_servers(ConfigReader& in, yaml::Map& map, Config& out) {
  const auto* node = map.find("servers");
  if (node == nullptr) return;
  if (node->kind != yaml::Node::Kind::kMap)
    return in.reader.complain(*node, "`servers` must be a map of names and servers", "write servers: { NAME: { command: [...] } }");
  if (node->keys.size() > kMaxConfigServers)
    return in.reader.complain(*node, "`servers` has more than " + std::to_string(kMaxConfigServers) + " entries", {}, ErrorCode::kTooLarge);
  for (std::size_t i = 0; i < node->keys.size() && !in.reader.failed(); ++i)
    out.servers.push_back(read_server(in, node->keys[i], node->items[i], out));
}

TokenConfig read_token(ConfigReader& in, const yaml::Node& node, std::set<std::string>& seen) {
  TokenConfig out;
  yaml::Map map(in.reader, node, "auth.tokens");
  if (const auto* plain = map.node().find("token"))
    in.reader.complain(*plain, "a token itself never stands in the file", "write token_sha256: printf %s TOKEN | sha256sum prints it");
  const auto& digest = map.require("token_sha256");
  if (!in.reader.failed()) out.token_sha256 = in.reader.text(digest, map.what_of("token_sha256"));
  if (out.token_sha256.starts_with("sha256:")) out.token_sha256.erase(0, 7);
  if (!in.reader.failed() && !is_sha256_text(out.token_sha256))
    in.reader.complain(digest, "`auth.tokens.token_sha256` must be 64 hexadecimal digits in lower case",
                       "printf %s TOKEN | sha256sum prints it");
  if (!in.reader.failed() && out.token_sha256 == to_hex(sha256(std::string_view())))
    in.reader.complain(digest, "`auth.tokens.token_sha256` is the hash of no token at all",
                       "was the variable empty? Hash the token itself");
  if (!in.reader.failed() && !seen.insert(out.token_sha256).second)
    in.reader.complain(digest, "this token stands for another subject already", "give each subject its own");
  const auto& subject = map.require("subject");
  if (!in.reader.failed()) out.subject = in.reader.text(subject, map.what_of("subject"));
  if (!in.reader.failed() && (out.subject.empty() || out.subject == "anonymous" || out.subject.starts_with("local/"))) {
    in.reader.complain(subject, "a token cannot stand for this subject",
                       "\"anonymous\" and \"local/...\" are other kinds of identity: choose another name");
  }
  out.owner = map.text("owner");
  if (const auto* expires = map.find("expires")) {
    out.expires_ms = parse_rfc3339(in.reader.text(*expires, map.what_of("expires")));
    if (!out.expires_ms) in.reader.complain(*expires, "`auth.tokens.expires` must be a time", "write 2027-01-31T00:00:00Z");
  }
  map.close();
  return out;
}

void read_auth(ConfigReader& in, yaml::Map& parent, Config& out) {
  const auto* node = parent.find("auth");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, "auth");
  out.auth.anonymous = map.flag("anonymous", false);
  if (out.auth.anonymous && !out.listens_on_loopback()) {
    in.reader.complain(*map.find("anonymous"), "`auth.anonymous` is for loopback, and `listen` is not one",
                       "give each client a token, or listen on 127.0.0.1");
  }
  if (const auto* tokens = map.find("tokens")) {
    if (tokens->kind != yaml::Node::Kind::kSequence)
      in.reader.complain(*tokens, "`auth.tokens` must be a list", "write - { token_sha256: ..., subject: ... }");
    else if (tokens->items.size() > kTokenRules)
      in.reader.complain(*tokens, "`auth.tokens` has more than " + std::to_string(kTokenRules) + " items", {}, ErrorCode::kTooLarge);
    std::set<std::string> seen;
    for (const auto& item : tokens->items) {
      if (in.reader.failed()) break;
      out.auth.tokens.push_back(read_token(in, item, seen));
    }
  }
  map.close();
}

void read_approvals(ConfigReader& in, yaml::Map& parent, ApprovalConfig& out) {
  const auto* node = parent.find("approvals");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, "approvals");
  out.expires_ms = map.duration_ms("expires", out.expires_ms, kSecondMs, 7 * kDayMs);
  out.elicit = map.flag("elicit", out.elicit);
  out.elicitation_counts = map.flag("elicitation_counts", out.elicitation_counts);
  out.pending = map.integer("pending", out.pending, 1, 100'000);
  if (const auto* passphrase = map.find("passphrase")) {
    out.passphrase = in.reader.text(*passphrase, map.what_of("passphrase"));
    if (!out.passphrase.starts_with("scrypt:"))
      in.reader.complain(*passphrase, "`approvals.passphrase` must be the hash of one", "`interlock approvals passphrase` prints it");
  }
  map.close();
}

void read_limits(ConfigReader& in, yaml::Map& parent, LimitConfig& out) {
  const auto* node = parent.find("limits");
  if (node == nullptr) return;
  yaml::Map map(in.reader, *node, "limits");
  out.message_bytes = map.integer("message_bytes", out.message_bytes, kKibi, 256 * kMebi);
  out.depth = map.integer("depth", out.depth, 8, 512);
  out.header_bytes = map.integer("header_bytes", out.header_bytes, kKibi, kMebi);
  out.connections = map.integer("connections", out.connections, 1, 1'000'000);
  out.sessions = map.integer("sessions", out.sessions, 1, 1'000'000);
  out.calls_in_flight = map.integer("calls_in_flight", out.calls_in_flight, 1, 100'000);
  out.call_timeout_ms = map.duration_ms("call_timeout", out.call_timeout_ms, kSecondMs, kDayMs);
  out.header_timeout_ms = map.duration_ms("header_timeout", out.header_timeout_ms, 100, kHourMs);
  out.session_idle_ms = map.duration_ms("session_idle", out.session_idle_ms, kSecondMs, 30 * kDayMs);
  out.server_start_timeout_ms = map.duration_ms("server_start_timeout", out.server_start_timeout_ms, kSecondMs, kHourMs);
  map.close();
}

void read_small_parts(ConfigReader& in, yaml::Map& root, Config& out) {
  // Under `strict` nothing is trusted that nobody has looked at.
  out.first_use = out.preset == Preset::kStrict ? FirstUse::kQuarantine : FirstUse::kTrust;
  if (const auto* node = root.find("pins")) {
    yaml::Map map(in.reader, *node, "pins");
    out.first_use = map.choice<FirstUse>("first_use", out.first_use, {{"trust", FirstUse::kTrust}, {"quarantine", FirstUse::kQuarantine}});
    map.close();
  }
  if (const auto* node = root.find("task")) {
    yaml::Map map(in.reader, *node, "task");
    out.task.lifetime_ms = map.duration_ms("lifetime", out.task.lifetime_ms, kSecondMs, 365 * kDayMs);
    out.task.max_lifetime_ms =
        map.duration_ms("max_lifetime", std::max(out.task.max_lifetime_ms, out.task.lifetime_ms), kSecondMs, 365 * kDayMs);
    if (out.task.max_lifetime_ms < out.task.lifetime_ms)
      in.reader.complain(*map.find("max_lifetime"), "`task.max_lifetime` is shorter than `task.lifetime`", "make it as long, or longer");
    out.task.band_ceiling = static_cast<int>(map.integer("band_ceiling", out.task.band_ceiling, 0, 3));
    out.task.implicit = map.flag("implicit", out.task.implicit);
    out.task.keep_ended_ms = map.duration_ms("keep_ended", out.task.keep_ended_ms, 0, 365 * kDayMs);
    map.close();
  }
  if (const auto* node = root.find("ledger")) {
    yaml::Map map(in.reader, *node, "ledger");
    out.ledger.arguments = map.choice<ArgumentStorage>(
        "arguments", out.ledger.arguments,
        {{"redact", ArgumentStorage::kRedact}, {"hash", ArgumentStorage::kHash}, {"full", ArgumentStorage::kFull}});
    out.ledger.group_commit_ms = map.duration_ms("group_commit", out.ledger.group_commit_ms, 1, 10 * kSecondMs);
    map.close();
  }
  if (const auto* node = root.find("log")) {
    yaml::Map map(in.reader, *node, "log");
    out.log.level = map.choice<LogLevel>("level", out.log.level,
                                         {{"trace", LogLevel::kTrace},
                                          {"debug", LogLevel::kDebug},
                                          {"info", LogLevel::kInfo},
                                          {"warn", LogLevel::kWarn},
                                          {"error", LogLevel::kError},
                                          {"off", LogLevel::kOff}});
    out.log.json = map.choice<bool>("format", out.log.json, {{"text", false}, {"json", true}});
    map.close();
  }
}

void read_workspace(ConfigReader& in, yaml::Map& root, Config& out) {
  if (const auto* node = root.find("workspace")) {
    out.workspace_given = true;
    for (const auto& path : in.paths(*node, "workspace", kPaths, false)) out.workspace.push_back(path.string());
  } else {
    set_default_workspace(out, in.folder, in.surroundings);
  }
}

void add_warnings(ConfigReader& in, const yaml::Node& root, Config& out) {
  if (out.preset == Preset::kNone && out.policies.empty()) {
    out.warnings.push_back(in.reader.place(root) + ": preset none and no `policies`: everything is denied");
  }
  const bool knows_somebody = out.auth.anonymous || !out.auth.tokens.empty() || !out.identity.issuers.empty() || out.identity.spiffe;
  if (!knows_somebody && !out.servers.empty()) {
    out.warnings.push_back(in.reader.place(root) +
                           ": no `auth.tokens`, no `identity` and not `auth.anonymous`: `interlock serve` lets nobody in");
  }
}

}  // namespace

// A name that fits in /mcp/NAME, in NAME__tool and in Server::"NAME".
std::string problem_with_server_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
  if (!plain || name.empty() || name.front() == '_' || name.front() == '-')
    return "use letters, digits, - and _, and begin with a letter or digit";
  if (name.size() > kNameBytes) return "use at most " + std::to_string(kNameBytes) + " characters";
  if (name.find("__") != std::string_view::npos || name.ends_with('_'))
    return "__ stands between a server and its tool: leave it out of names";
  return {};
}

void set_default_workspace(Config& out, const fs::path& folder, const ConfigSurroundings& surroundings) {
  out.workspace.clear();
  if (may_be_workspace(folder, surroundings)) out.workspace.push_back(folder.string());
  else
    out.warnings.push_back("the workspace is empty: " + folder.string() +
                           " is too wide to be one by itself; name folders under `workspace`");
}

std::string_view preset_name(Preset preset) {
  for (const auto& [name, value] : kPresets) {
    if (value == preset) return name;
  }
  return "none";
}

std::optional<Preset> preset_from_name(std::string_view name) {
  for (const auto& [word, value] : kPresets) {
    if (word == name) return value;
  }
  return std::nullopt;
}

const ServerConfig* Config::server(std::string_view name) const {
  const auto found = std::ranges::find(servers, name, &ServerConfig::name);
  return found == servers.end() ? nullptr : &*found;
}

const CredentialEntry* Config::credential(std::string_view name) const {
  const auto found = std::ranges::find(credentials, name, &CredentialEntry::name);
  return found == credentials.end() ? nullptr : &*found;
}

bool Config::listens_on_loopback() const { return is_loopback(listen_host); }

std::string Config::listen_text() const {
  const bool v6 = listen_host.find(':') != std::string::npos;
  return (v6 ? "[" + listen_host + "]" : listen_host) + ":" + std::to_string(listen_port);
}

Result<Config> parse_config(std::string_view text, const fs::path& path, const ConfigSurroundings& surroundings) {
  auto root = yaml::parse(text, path.string(), {.size_bytes = kMaxConfigBytes});
  if (!root) return fail(std::move(root.error()));
  ConfigReader in(path, surroundings);
  Config out;
  out.source = path;
  out.text_sha256 = to_hex(sha256(text));
  if (root->kind == yaml::Node::Kind::kNull)
    in.reader.complain(*root, "the file is empty", "begin with version: 1, or let `interlock init` write one");
  yaml::Map map(in.reader, *root, "");
  const auto* version = map.find("version");
  if (version == nullptr) in.reader.complain(*root, "`version` is missing", "begin the file with version: 1");
  else if (in.reader.text(*version, "version") != "1")
    in.reader.complain(*version, "this version of the file is not known here", "write version: 1, or use a newer interlock");
  read_listen(in, map, out);
  out.public_url = in.endpoint(map, "public_url", false);
  while (out.public_url.ends_with('/')) out.public_url.pop_back();
  const auto* state = map.find("state_dir");
  out.state_dir = state != nullptr ? in.path(*state, "state_dir") : default_state_folder_for(path, surroundings);
  out.preset = map.choice<Preset>("preset", out.preset, kPresets);
  if (const auto* node = map.find("policies")) out.policies = in.paths(*node, "policies", kPaths, true);
  if (const auto* node = map.find("catalogue")) out.catalogue = in.paths(*node, "catalogue", kPaths, true);
  read_workspace(in, map, out);
  out.denial = map.choice<Denial>("denial", out.denial, {{"error", Denial::kError}, {"result", Denial::kResult}});
  out.allowed_origins = map.texts("allowed_origins", kWords);
  out.allowed_hosts = map.texts("allowed_hosts", kWords);
  read_limits(in, map, out.limits);  // before the servers, whose time limits default to it
  read_credentials(in, map, out);    // before who uses them
  read_servers(in, map, out);
  read_auth(in, map, out);
  read_egress(in, map, out);
  read_run(in, map, out);
  read_tls(in, map, out);
  read_identity(in, map, out);
  read_registry(in, map, out);
  read_approvals(in, map, out.approvals);
  read_small_parts(in, map, out);
  map.close();
  if (!in.reader.failed()) check_identity(in, *root, out);
  if (in.reader.failed()) return fail(*in.reader.error());
  add_warnings(in, *root, out);
  return out;
}

Result<Config> load_config(const fs::path& path, const ConfigSurroundings& surroundings) {
  auto text = read_text_file(path, kMaxConfigBytes);
  if (!text) return fail(std::move(text.error()));
  return parse_config(*text, path, surroundings);
}

Result<Config> default_config(const fs::path& folder, const ConfigSurroundings& surroundings) {
  Config out;
  out.state_dir = default_state_folder(surroundings);
  set_default_workspace(out, folder, surroundings);
  return out;
}

}  // namespace interlock::cli
