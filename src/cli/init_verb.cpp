// `interlock init`: writes interlock.yaml and policies/ into the current folder, and never over what is there. With hosts: init_hosts.hpp.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "approval/display.hpp"
#include "base/hash.hpp"
#include "base/ids.hpp"
#include "cli/init_hosts.hpp"
#include "cli/init_text.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    "usage: interlock init [--preset observe|balanced|strict|none] [--force] [--json]\n"
    "  Writes interlock.yaml and policies/own.cedar into the current folder, with the servers that a client's configuration here\n"
    "  (.mcp.json, .cursor/mcp.json, ...) names. --force writes interlock.yaml anew; your policies are never overwritten.\n";

constexpr std::size_t kClientFileBytes = std::size_t{1} << 20;
constexpr const char* kClientFiles[] = {
    ".mcp.json", "mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".gemini/settings.json", "claude_desktop_config.json"};

// The file is whole or not there: it is written beside and moved into place. Without `replace` an existing one is left.
Status write_file(const fs::path& path, std::string_view text, bool replace) {
  const auto beside = path.string() + "." + std::to_string(::getpid()) + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return fail(system_error("cannot write " + path.string(), errno));
  std::size_t done = 0;
  int why = 0;
  while (done < text.size()) {
    const auto wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno != EINTR) {
      why = errno;
      break;
    }
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  if (::close(fd) != 0 && why == 0) why = errno;
  if (why == 0 && replace && ::rename(beside.c_str(), path.c_str()) == 0) return {};
  if (why == 0 && !replace && ::link(beside.c_str(), path.c_str()) == 0) {
    ::unlink(beside.c_str());
    return {};
  }
  if (why == 0) why = errno;
  ::unlink(beside.c_str());
  if (why == EEXIST) return fail(ErrorCode::kConflict, path.string() + " is there already", "--force writes it anew");
  return fail(system_error("cannot write " + path.string(), why));
}

void look_for_servers(const fs::path& folder, InitFacts& facts) {
  for (const char* name : kClientFiles) {
    const auto text = read_text_file(folder / name, kClientFileBytes);
    if (!text) continue;
    const auto document = json::parse(*text);
    if (!document) continue;
    facts.servers = servers_of_client(*document);
    facts.servers_from = name;
    if (!facts.servers.empty()) return;
  }
}

}  // namespace

int run_init(const Places& places, const Words& words) {
  if (is_init_of_hosts(words)) return run_init_hosts(places, words);
  const auto arguments = parse_arguments(words, {"--force"}, {"--preset"});
  if (arguments.has("--help")) {
    std::printf("%s%s", kHelp, kInitHostsHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  InitFacts facts;
  if (const auto name = arguments.value("--preset"); !name.empty()) {
    const auto preset = preset_from_name(name);
    if (!preset)
      return complain_of_usage("there is no preset " + name + did_you_mean(name, {"observe", "balanced", "strict", "none"}), kHelp);
    facts.preset = *preset;
  }
  const bool as_json = arguments.has("--json");
  std::error_code error;
  const fs::path folder = fs::current_path(error);
  const fs::path file = places.config.empty() ? folder / "interlock.yaml" : fs::absolute(places.config, error).lexically_normal();
  const fs::path policies = file.parent_path() / "policies";
  facts.workspace = may_be_workspace(file.parent_path());
  look_for_servers(file.parent_path(), facts);
  const std::string token = new_token();
  facts.token_sha256 = to_hex(sha256(token));

  if (::mkdir(policies.c_str(), 0755) != 0 && errno != EEXIST)
    return complain(system_error("cannot make " + policies.string(), errno), as_json);
  if (auto written = write_file(file, configuration_text(facts), arguments.has("--force")); !written)
    return complain(written.error(), as_json);
  const fs::path own = policies / "own.cedar";
  const bool has_policies = fs::exists(own, error);
  if (!has_policies) {
    if (auto written = write_file(own, example_policies(), false); !written) return complain(written.error(), as_json);
  }
  if (as_json) {
    json::array names;
    for (const auto& server : facts.servers) names.emplace_back(server.name);
    const json::value out =
        json::object{{"config", file.string()}, {"policies", policies.string()}, {"servers", std::move(names)}, {"token", token}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
    return kDone;
  }
  std::printf("wrote %s%s\n", approval::printable(file.string()).c_str(),
              has_policies ? "; your policies were left as they are" : " and policies/own.cedar");
  for (const auto& server : facts.servers) std::printf("  server %s, from %s\n", server.name.c_str(), facts.servers_from.c_str());
  if (!facts.workspace) std::printf("  this folder is too wide to be a workspace: name folders under `workspace`\n");
  std::printf("The token for HTTP clients, shown this once: %s\n", token.c_str());
  std::printf("Next: look at interlock.yaml, then `interlock serve`\n");
  return kDone;
}

}  // namespace interlock::cli
