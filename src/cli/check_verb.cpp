// `interlock check`: reads what a gate would read, without starting one, and says what is wrong with it.
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "approval/display.hpp"
#include "approval/passphrase.hpp"
#include "catalogue/catalogue.hpp"
#include "cli/credential_wiring.hpp"
#include "cli/findings.hpp"
#include "cli/rules.hpp"
#include "cli/verbs.hpp"
#include "policy/policy_engine.hpp"
#include "surface/api/admin.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;
using approval::printable;

constexpr const char* kHelp =
    "usage: interlock check [--config FILE] [--json]      (also: interlock doctor)\n"
    "  Reads configuration, policies and catalogue as a gate would, looks at servers and the state folder, and starts nothing.\n"
    "  What is wrong is named with file, line and column. Exit code 1 where a gate would not start.\n";

constexpr int kHighestPid = 4'194'304;  // the longest name that an admin socket can get

// Would execvp(3) find it?
bool is_program(const std::string& name, const fs::path& folder, const char* path) {
  if (name.find('/') != std::string::npos) return ::access((folder / name).c_str(), X_OK) == 0;
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const fs::path one = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    if (::access((one / name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

void check_servers(const Config& config, const catalogue::Catalogue* catalogue, Findings& out) {
  for (const auto& server : config.servers) {
    if (server.is_stdio() && !is_program(server.command.front(), server.cwd, std::getenv("PATH"))) {
      out.warn("server " + server.name + ": there is no program " + server.command.front(), "install it, or write its whole path");
    }
    std::error_code error;
    if (server.is_stdio() && !fs::is_directory(server.cwd, error))
      out.warn("server " + server.name + ": its folder " + server.cwd.string() + " is not there", "make it, or name another with cwd");
    if (catalogue != nullptr && catalogue->entry_of(server.name).empty()) {
      out.note("server " + server.name + ": no catalogue entry speaks for it, so its tools count as sensitive",
               "describe them under `catalogue`: docs/catalogue.md");
    }
  }
}

void check_state_folder(const fs::path& folder, Findings& out) {
  if (api::admin_socket_path(folder.string(), kHighestPid).size() >= sizeof sockaddr_un::sun_path) {
    out.fail({ErrorCode::kTooLarge, "the path of the state folder is too long for a Unix socket: " + folder.string(),
              "choose a shorter state_dir"});
  }
  struct stat facts{};
  if (::stat(folder.c_str(), &facts) == 0) {
    if (!S_ISDIR(facts.st_mode))
      out.fail(
          {ErrorCode::kInvalid, "the state folder " + folder.string() + " is no folder", "move it away, or name another with state_dir"});
    else if (facts.st_uid != ::geteuid())
      out.fail({ErrorCode::kDenied, "the state folder " + folder.string() + " belongs to another user",
                "run as that user, or name another with state_dir"});
    else if (::access(folder.c_str(), W_OK | X_OK) != 0)
      out.fail({ErrorCode::kDenied, "the state folder " + folder.string() + " cannot be written", "give its owner the right to"});
    return;
  }
  fs::path above = folder.parent_path();
  while (above.has_relative_path() && ::access(above.c_str(), F_OK) != 0) above = above.parent_path();
  if (::access(above.c_str(), W_OK | X_OK) != 0)
    out.fail({ErrorCode::kDenied, "the state folder " + folder.string() + " cannot be made", "name another with state_dir"});
}

}  // namespace

Findings check_configuration(const Places& places) {
  Findings out;
  auto config = load_places(places);
  if (!config) {
    out.fail(config.error());
    return out;
  }
  out.source = config->source.string();
  for (const auto& warning : config->warnings) out.warn(warning, {});
  const auto loaded = load_rules(*config);
  if (!loaded) out.fail(loaded.error());
  if (!config->approvals.passphrase.empty()) {
    if (const auto parsed = approval::PassphraseVerifier::parse(config->approvals.passphrase); !parsed) out.fail(parsed.error());
  }
  for (const auto& error : check_credentials(*config)) out.fail(error);
  check_servers(*config, loaded ? loaded->rules.catalogue.get() : nullptr, out);
  check_state_folder(config->state_dir, out);
  out.facts = describe(*config);
  if (loaded) {
    out.facts["policies_loaded"] = loaded->rules.policy->policy_ids().size();
    out.facts["policy_revision"] = loaded->rules.policy->revision();
    out.facts["catalogue_entries"] = loaded->rules.catalogue->entry_names().size();
  }
  return out;
}

int run_check(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (!arguments.rest.empty()) return complain_of_usage("check takes no " + arguments.rest[0], kHelp);
  const auto findings = check_configuration(places);
  if (arguments.has("--json")) {
    json::array list;
    for (const auto& one : findings.list)
      list.emplace_back(json::object{{"level", one.level}, {"message", one.message}, {"hint", one.hint}});
    const json::value out = json::object{{"ok", findings.ok()}, {"findings", std::move(list)}, {"config", findings.facts}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return findings.ok() ? kDone : kRefused;
  }
  for (const auto& one : findings.list) {
    std::printf("%-9s%s\n", (one.level + ":").c_str(), printable(one.message).c_str());
    if (!one.hint.empty()) std::printf("         %s\n", printable(one.hint).c_str());
  }
  if (!findings.ok()) return kRefused;
  const auto count = [&](std::string_view key) { return static_cast<long long>(json::int_at(findings.facts, key).value_or(0)); };
  std::printf("ok: %s: preset %s, %lld policies, %lld catalogue entries, %zu servers\n",
              findings.source.empty() ? "the defaults" : printable(findings.source).c_str(),
              std::string(json::string_at(findings.facts, "preset").value_or("")).c_str(), count("policies_loaded"),
              count("catalogue_entries"), json::object_at(findings.facts, "servers")->size());
  return kDone;
}

}  // namespace interlock::cli
