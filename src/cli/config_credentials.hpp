// What interlock.yaml says of secrets, credentials and the HTTP road out. Plain data, as config.hpp: complete, checked and defaulted once
// it is loaded. No value of a secret stands here: secrets are in the vault, by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "credential/placement.hpp"
#include "surface/http/proxy.hpp"

namespace interlock::cli {

enum class MasterKeySource : std::uint8_t { kFile, kKeyring, kSystemd, kPassphrase };

// secrets: { master_key: file|keyring|systemd|passphrase, master_key_file: PATH, rules: [{ match: "github/*", max_age: 90d, overlap: 1h }]
// }
struct SecretRuleConfig {
  std::string match;  // '*' at the end: a prefix
  std::int64_t max_age_ms = 0;
  std::int64_t overlap_ms = 0;
  friend bool operator==(const SecretRuleConfig&, const SecretRuleConfig&) = default;
};
struct SecretsConfig {
  MasterKeySource master_key = MasterKeySource::kFile;
  std::filesystem::path master_key_file;  // kFile: default <state>/master.key. kPassphrase: a file (or credential) that holds it
  std::string master_key_name;            // kKeyring: description of the key; kSystemd: name of the credential. "interlock-master-key"
  std::vector<SecretRuleConfig> rules;
  bool same_key_as(const SecretsConfig& other) const {
    return master_key == other.master_key && master_key_file == other.master_key_file && master_key_name == other.master_key_name;
  }
  friend bool operator==(const SecretsConfig&, const SecretsConfig&) = default;
};

// credentials: { NAME: { broker: KIND, lifetime: 10m, per_call: false, ...what the broker takes } }
struct CredentialEntry {
  std::string name;
  std::string broker;  // "postgres" "ssh" "oauth" "github_app" "aws" "vault" "static" "svid"
  std::int64_t lifetime_ms = 600'000;
  bool per_call = false;
  json::object settings;  // the rest, as written with ${ENV} expanded: read and checked by the broker's own reader
  std::string where;      // "file:line:column" of the entry, for errors of that reader
  friend bool operator==(const CredentialEntry&, const CredentialEntry&) = default;
};

// servers.NAME.credentials: [{ credential: gh, header: Authorization, value: "Bearer {token}" } | { ..., env: NAME, value } |
//   { ..., fd: VARIABLE, value } | { ..., file: NAME, value }], each with only_by_policy?: true
using PlacementConfig = credential::Placement;

// egress: { listen: 127.0.0.1:7420, socket: PATH, open: {only_hosts: []}, hosts: [...], routes: [...], private_ranges: [...],
//   upstream_ca_file, models: hash, read_body: 1MiB, ... }
struct EgressConfig {
  std::string listen_host;  // empty: no TCP listener
  std::uint16_t listen_port = 0;
  std::filesystem::path socket;         // empty: none
  std::vector<std::string> only_hosts;  // name constraints of the authority
  http::ProxyOptions proxy;
  bool is_on() const { return !listen_host.empty() || !socket.empty(); }
};

}  // namespace interlock::cli
