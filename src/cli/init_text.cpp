#include "cli/init_text.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/environment.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kServers = 100;
constexpr std::size_t kWords = 200;
constexpr std::size_t kTextBytes = 4'000;

constexpr std::string_view kExample =
    R"(// Your own rules, beside those of the preset. The language is Cedar (https://docs.cedarpolicy.com).
//
// forbid wins over permit, and what nothing permits is denied. A forbid with `unless { context.approved }` asks a human.
// `interlock check` looks at this file; a running gate takes a change over by itself, or refuses it and says why.

// Files named .env hold secrets:
//
// @id("no-secrets")
// @reason("Files named .env hold secrets, and agents do not read them.")
// forbid (principal, action, resource)
// when { context.args has path && context.args.path like "*.env" };

// A human looks at what goes into release/:
//
// @id("release-needs-a-human")
// @reason("Whatever is written into release/ goes to customers.")
// forbid (principal, action in Action::"write", resource)
// when { context.args has path && context.args.path like "*/release/*" }
// unless { context.approved };

// One tool more than the preset allows:
//
// @id("allow-fetch")
// permit (principal, action == Action::"fetch/fetch", resource);
)";

bool is_plain(std::string_view text) {
  const auto good = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_./-+=@").contains(c); };
  if (text.empty() || text.front() == '@' || text.front() == '=' || text == "-" || text.starts_with("--") ||
      !std::ranges::all_of(text, good))
    return false;
  const bool numeric = std::isdigit(static_cast<unsigned char>(text.front())) != 0 || text.front() == '.' || text.front() == '+';
  static constexpr std::string_view kWordsOfYaml[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !numeric && std::ranges::find(kWordsOfYaml, lower) == std::end(kWordsOfYaml);
}

// As YAML: quoted where it must be. What looks like ${...} and is none of ours is kept from being expanded.
std::string yaml_text(std::string_view text) {
  const std::string kept = escape_for_expansion(text);
  if (is_plain(kept)) return kept;
  std::string out;
  json::write_string_to(out, kept);
  return out;
}

std::string list_text(const std::vector<std::string>& words) {
  std::string out = "[ ";
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : ", ") + yaml_text(words[i]);
  return out + " ]";
}

// NAME: "${NAME:-}" for each: the value comes from the environment of the gate.
std::string variables_text(const std::vector<std::string>& names) {
  std::string out = "{ ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string variable;
    for (const char c : names[i])
      variable += std::isalnum(static_cast<unsigned char>(c)) != 0 ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
    if (std::isdigit(static_cast<unsigned char>(variable.front())) != 0) variable.insert(0, "_");
    out += (i == 0 ? "" : ", ") + yaml_text(names[i]) + ": \"${" + variable + ":-}\"";
  }
  return out + " }";
}

std::vector<std::string> names_in(const json::object* map, bool headers) {
  std::vector<std::string> out;
  if (map == nullptr) return out;
  for (const auto& member : *map) {
    const std::string_view name(member.key().data(), member.key().size());
    const bool good = !name.empty() && name.size() <= kTextBytes && std::ranges::all_of(name, [&](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (headers && c == '-');
    });
    if (good && out.size() < kWords) out.emplace_back(name);
  }
  return out;
}

// A name that the configuration takes, made from another client's.
std::string plain_name(std::string_view name, const std::set<std::string>& taken) {
  std::string out;
  for (const char c : name.substr(0, 40)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') out += c;
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && out.front() == '-') out.erase(0, 1);
  if (out.empty()) out = "server";
  for (int number = 2; taken.contains(out); ++number) out = out.substr(0, out.find_last_of('~')) + "-" + std::to_string(number);
  return out;
}

}  // namespace

std::vector<FoundServer> servers_of_client(const json::value& document) {
  std::vector<FoundServer> out;
  const auto* root = document.if_object();
  if (root == nullptr) return out;
  const auto* servers = json::object_at(*root, "mcpServers");
  if (servers == nullptr) servers = json::object_at(*root, "servers");
  if (servers == nullptr) return out;
  std::set<std::string> taken;
  for (const auto& member : *servers) {
    const auto* one = member.value().if_object();
    if (one == nullptr || out.size() >= kServers) continue;
    FoundServer server;
    if (const auto command = json::string_at(*one, "command"); command && !command->empty() && command->size() <= kTextBytes) {
      const auto program = command->substr(command->find_last_of('/') + 1);
      if (program == "interlock") continue;
      server.command.emplace_back(*command);
      bool whole = true;
      if (const auto* arguments = json::array_at(*one, "args")) {
        for (const auto& word : *arguments) {
          whole = whole && word.is_string() && word.get_string().size() <= kTextBytes && server.command.size() < kWords;
          if (whole) server.command.emplace_back(json::view(word.get_string()));
        }
      }
      if (!whole) continue;
      server.variables = names_in(json::object_at(*one, "env"), false);
    } else if (const auto url = json::string_at(*one, "url");
               url && url->size() <= kTextBytes && (url->starts_with("http://") || url->starts_with("https://"))) {
      if (std::ranges::any_of(*url, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '@'; })) continue;
      server.url = *url;
      server.headers = names_in(json::object_at(*one, "headers"), true);
    } else {
      continue;
    }
    server.name = plain_name({member.key().data(), member.key().size()}, taken);
    taken.insert(server.name);
    out.push_back(std::move(server));
  }
  return out;
}

std::string configuration_text(const InitFacts& facts) {
  std::string out =
      "# Interlock's configuration. `interlock check` looks it over; a running gate follows changes. Keys: docs/configuration.md\n"
      "version: 1\n"
      "listen: 127.0.0.1:7410\n\n"
      "# What agents may do. observe: record, deny nothing; balanced: reads, and routine writes in the workspace, a human for what\n"
      "# deletes or sends; strict: only what your own policies permit; none: no preset at all.\n"
      "preset: ";
  out += preset_name(facts.preset);
  out += "\npolicies: [ ./policies ]      # your own *.cedar, beside the preset\n";
  if (facts.workspace) out += "workspace: [ . ]              # what counts as \"in scope\"\n";
  else out += "workspace: []                 # this folder is too wide to be one: name those that agents may work in\n";
  out += "\n# The servers behind the gate: each at /mcp/NAME, all together at /mcp.\n";
  if (facts.servers.empty()) {
    out +=
        "# servers:\n"
        "#   files:\n"
        "#     command: [ npx, -y, \"@modelcontextprotocol/server-filesystem\", . ]\n"
        "#   search:\n"
        "#     url: https://mcp.example.com/mcp\n"
        "#     headers: { Authorization: \"Bearer ${SEARCH_TOKEN}\" }\n";
  } else {
    out += "# Taken from " + facts.servers_from +
           ". What their `env` and `headers` hold is a secret more often than not, and was left there:\n"
           "# give it to the gate in its environment. Then let the clients connect here instead.\n"
           "servers:\n";
    for (const auto& server : facts.servers) {
      out += "  " + yaml_text(server.name) + ":\n";
      if (!server.command.empty()) out += "    command: " + list_text(server.command) + "\n";
      else out += "    url: " + yaml_text(server.url) + "\n";
      if (!server.variables.empty()) out += "    env: " + variables_text(server.variables) + "\n";
      if (!server.headers.empty()) out += "    headers: " + variables_text(server.headers) + "\n";
    }
  }
  out +=
      "\n# Who may ask over HTTP. Only the hash of a token stands here: printf %s TOKEN | sha256sum\n"
      "auth:\n"
      "  tokens:\n"
      "    - { token_sha256: " +
      facts.token_sha256 + ", subject: my-agent, owner: me }\n";
  return out;
}

std::string_view example_policies() { return kExample; }

}  // namespace interlock::cli
