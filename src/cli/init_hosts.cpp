#include "cli/init_hosts.hpp"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "approval/display.hpp"
#include "base/time.hpp"
#include "cli/init_hosts_backups.hpp"
#include "cli/verbs.hpp"
#include "hosts/edit.hpp"
#include "hosts/hook_points.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;
using approval::printable;

std::set<std::string> flags_of_hosts() { return {"--agents", "--project", "--undo", "--yes", "--dry-run"}; }

std::string variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? "" : value;
}

std::vector<std::string_view> host_names() {
  std::vector<std::string_view> out;
  for (const auto& host : hosts::all_hosts()) out.push_back(host.name);
  return out;
}

// What happens to one file.
struct Step {
  const hosts::Host* host = nullptr;
  PlannedFile file;
  std::string_view action;  // create, change, remove, restore, take out
  bool changes() const { return file.before.text != file.after; }
};

struct Plan {
  std::vector<const hosts::Host*> hosts;
  std::vector<Step> steps;
  std::vector<std::pair<const hosts::Host*, std::string>> notes;
  std::vector<PlannedFile> files() const {
    std::vector<PlannedFile> out;
    for (const auto& step : steps)
      if (step.changes()) out.push_back(step.file);
    return out;
  }
};

// The folder of the program that was called; `interlock` stands beside this one.
Result<std::string> own_program() {
  char buffer[PATH_MAX];
  const auto bytes = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  if (bytes <= 0) return fail(system_error("cannot find this program", errno));
  const auto program = fs::path(std::string(buffer, static_cast<std::size_t>(bytes))).parent_path() / "interlock";
  if (::access(program.c_str(), X_OK) != 0)
    return fail(ErrorCode::kNotFound, "there is no program " + program.string(), "install interlock and interlock-gate in one folder");
  return program.string();
}

// What hooks say after their host, so that they find the gate that was meant here: nothing where it is the human's own.
Result<std::string> hook_arguments(const Places& places) {
  std::error_code ignored;
  if (!places.config.empty()) return "--config " + hosts::shell_word(fs::absolute(places.config, ignored).lexically_normal().string());
  const auto state = state_folder_of(places);
  if (!state) return fail(state.error());
  if (*state == default_state_folder()) return std::string();
  return "--state " + hosts::shell_word(state->string());
}

bool is_here(const hosts::Host& host, const hosts::Folders& folders) {
  std::error_code ignored;
  const auto path = variable("PATH");
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    const fs::path folder = path.substr(begin, end - begin);
    for (const auto program : host.programs)
      if (folder.is_absolute() && ::access((folder / program).c_str(), X_OK) == 0 && fs::is_regular_file(folder / program, ignored))
        return true;
    begin = end + 1;
  }
  return fs::is_directory(hosts::path_of(host, host.state.front(), folders), ignored);
}

class Initiation {
 public:
  Initiation(const Arguments& arguments, hosts::Place place, Backups backups)
      : undo_(arguments.has("--undo")), place_(std::move(place)), backups_(std::move(backups)) {}

  // Every file of `wanted` as it shall be. All errors at once: nothing is written where there is one.
  Plan plan(const std::vector<const hosts::Host*>& wanted, std::vector<Error>& errors) {
    Plan out{.hosts = wanted, .steps = {}, .notes = {}};
    for (const auto* host : wanted) {
      if (auto done = undo_ ? undo(*host, out) : install(*host, out); !done) errors.push_back(std::move(done.error()));
      if (undo_) continue;
      for (auto& note : hosts::notes(*host, place_, reader())) out.notes.emplace_back(host, std::move(note));
    }
    return out;
  }

  Result<fs::path> write(const Plan& plan) {
    std::vector<std::string> names;
    for (const auto* host : plan.hosts) names.emplace_back(host->name);
    if (names.size() > 3) names = {"agents"};
    auto folder = backups_.write(names, plan.files(), rfc3339(SystemClock().now_ms()), undo_);
    if (folder && undo_) remove_made_folders(plan);
    return folder;
  }

 private:
  hosts::ReadFile reader() const {
    return [](const std::string& path) -> Result<std::optional<std::string>> {
      auto file = read_host_file(path, "");
      if (!file) return fail(std::move(file.error()));
      return std::move(file->text);
    };
  }
  std::string within() const { return place_.for_project ? place_.project : std::string(); }

  Status install(const hosts::Host& host, Plan& out) {
    std::map<std::string, HostFile> files;
    auto changes = hosts::install(host, place_, [&](const std::string& path) -> Result<std::optional<std::string>> {
      auto file = read_host_file(path, within());
      if (!file) return fail(std::move(file.error()));
      return files.emplace(path, std::move(*file)).first->second.text;
    });
    if (!changes) return fail(std::move(changes.error()));
    for (auto& change : *changes) {
      const auto action = change.before ? "change" : "create";
      out.steps.push_back({&host, {std::move(files.at(change.path)), std::move(change.after), change.mode}, action});
      files.erase(change.path);
    }
    for (auto& [path, file] : files) {
      auto same = file.text;
      out.steps.push_back({&host, {std::move(file), std::move(same), 0}, "unchanged"});
    }
    return {};
  }

  // What init left comes out byte for byte; of what others have changed since, ours alone.
  Status undo(const hosts::Host& host, Plan& out) {
    for (const auto& path : hosts::hook_paths(host, place_)) {
      auto file = read_host_file(path, within());
      if (!file) return fail(std::move(file.error()));
      auto earlier = backups_.earlier(path, file->text);
      if (!earlier) return fail(std::move(earlier.error()));
      auto cleaned = hosts::remove(host, place_, [&](const std::string& one) -> Result<std::optional<std::string>> {
        return one == path ? earlier->text : std::nullopt;
      });
      if (!cleaned) return fail(std::move(cleaned.error()));
      auto after = cleaned->empty() ? earlier->text : std::move((*cleaned)[0].after);
      if (!cleaned->empty()) earlier->restored = false;
      if (earlier->made && after && is_hollow(*after)) after = std::nullopt;
      const std::string_view action = file->text == after ? "unchanged" : earlier->restored ? (after ? "restore" : "remove") : "take out";
      out.steps.push_back({&host, {std::move(*file), std::move(after), 0644}, action});
    }
    return {};
  }

  // What is left of a file that was made by us when ours is out.
  static bool is_hollow(const std::string& text) {
    const auto document = json::parse(text);
    const auto* root = document ? document->if_object() : nullptr;
    return root != nullptr && (root->empty() || (root->size() == 1 && root->contains("version")));
  }

  void remove_made_folders(const Plan& plan) {
    const auto made = backups_.made_folders();
    for (const auto& step : plan.steps) {
      if (step.file.after) continue;
      for (const auto& folder : made)
        if (step.file.before.target.starts_with(folder + "/")) (void)::rmdir(folder.c_str());  // one that is not empty stays
    }
  }

  bool undo_;
  hosts::Place place_;
  Backups backups_;
};

// A line of a file as it is, save for what would move the cursor or hide something.
std::string shown(std::string_view line) {
  const auto indent = std::min(line.find_first_not_of(" \t", 1), line.size());
  const auto rest = line.substr(indent);
  std::string safe = printable(rest);
  std::string doubled;
  for (const char c : rest) doubled.append(c == '\\' ? 2 : 1, c);
  return std::string(line.substr(0, indent)) + (safe == doubled ? std::string(rest) : safe);
}

void show(const Plan& plan) {
  for (const auto& step : plan.steps) {
    if (!step.changes()) continue;
    const auto& before = step.file.before;
    if (before.is_link())
      std::printf("%s leads to %s: that is edited, and the link stays\n", printable(before.path).c_str(), printable(before.target).c_str());
    const auto text = hosts::diff({.path = before.path, .before = before.text, .after = step.file.after});
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      std::printf("%s\n", shown(std::string_view(text).substr(begin, end - begin)).c_str());
      begin = end + 1;
    }
    std::printf("\n");
  }
}

std::string_view told(std::string_view action) {
  if (action == "create") return "made";
  if (action == "change") return "changed";
  if (action == "restore") return "restored, byte for byte:";
  if (action == "remove") return "removed, as it was not there before:";
  if (action == "take out") return "changed by others since; Interlock's hooks are taken out of";
  return "is as it should be:";
}

bool agreed() {
  std::fprintf(stderr, "Write this? [y/N] ");
  std::fflush(stderr);
  char answer[64];
  if (std::fgets(answer, sizeof answer, stdin) == nullptr) return false;
  const std::string_view text = answer;
  return text == "y\n" || text == "Y\n" || text == "yes\n";
}

json::value as_json(const Plan& plan, const std::optional<fs::path>& backup, bool written, bool with_diff) {
  json::array files;
  for (const auto& step : plan.steps) {
    json::object file{{"host", step.host->name}, {"path", step.file.before.path}, {"action", step.action}};
    if (step.file.before.is_link()) file["target"] = step.file.before.target;
    if (with_diff && step.changes())
      file["diff"] = hosts::diff({.path = step.file.before.path, .before = step.file.before.text, .after = step.file.after});
    files.push_back(std::move(file));
  }
  json::array notes;
  for (const auto& [host, text] : plan.notes) notes.push_back(json::object{{"host", host->name}, {"note", text}});
  json::object out{{"written", written}, {"files", std::move(files)}, {"notes", std::move(notes)}};
  if (backup) out["backup"] = backup->string();
  return out;
}

void tell(const Plan& plan, const std::optional<fs::path>& backup, bool undo) {
  for (const auto& step : plan.steps) {
    if (undo && !step.changes()) continue;
    std::printf("%s: %s %s\n", std::string(step.host->name).c_str(), std::string(told(step.action)).c_str(),
                printable(step.file.before.path).c_str());
  }
  if (undo && !backup) std::printf("Nothing of Interlock's is there\n");
  if (backup) std::printf("As it was before: %s\n", printable(backup->string()).c_str());
  for (const auto& [host, text] : plan.notes) std::printf("Note, %s: %s\n", std::string(host->name).c_str(), printable(text).c_str());
  if (backup && !undo)
    std::printf("Next: `interlock serve`, since without a gate every hook denies. `interlock init --undo` takes the hooks out again\n");
}

// Without names: those found on this machine; to undo, all.
std::vector<const hosts::Host*> wanted_hosts(const Arguments& arguments, const hosts::Folders& folders, std::string& wrong) {
  std::vector<const hosts::Host*> out;
  for (const auto& name : arguments.rest) {
    const auto* host = hosts::host_named(name);
    if (host == nullptr) wrong = "there is no host " + name + did_you_mean(name, host_names());
    else if (std::ranges::find(out, host) == out.end()) out.push_back(host);
  }
  const bool all = arguments.rest.empty() && arguments.has("--undo") && !arguments.has("--agents");
  for (const auto& host : hosts::all_hosts()) {
    const bool found = all || (arguments.has("--agents") && is_here(host, folders));
    if (found && std::ranges::find(out, &host) == out.end()) out.push_back(&host);
  }
  return out;
}

Result<hosts::Place> place_of(const Places& places, const Arguments& arguments) {
  std::error_code error;
  hosts::Place place{.home = variable("HOME"),
                     .project = fs::current_path(error).string(),
                     .for_project = arguments.has("--project"),
                     .program = {},
                     .arguments = {},
                     .environment = variable};
  if (!place.home.starts_with('/'))
    return fail(ErrorCode::kInvalid, "HOME is not set to a folder", "set HOME, so that the files of the hosts can be found");
  auto program = own_program();
  if (!program) return fail(std::move(program.error()));
  place.program = std::move(*program);
  auto words = hook_arguments(places);
  if (!words) return fail(std::move(words.error()));
  place.arguments = std::move(*words);
  return place;
}

int complain_all(const std::vector<Error>& errors, bool json) {
  for (const auto& error : errors) (void)complain(error, json);
  if (!json) std::fprintf(stderr, "interlock: nothing was written\n");
  return kRefused;
}

}  // namespace

const char* const kInitHostsHelp =
    "       interlock init HOST... | --agents [--project] [--dry-run | --yes] [--undo] [--json]\n"
    "  Puts Interlock's hooks into the configuration of agent hosts: claude codex gemini copilot cursor cline opencode windsurf vscode.\n"
    "  Shows the changes and asks; keeps what was there before. Hooks of others stay. A second run changes nothing.\n"
    "  --agents   all hosts that are found on this machine\n"
    "  --project  into the files of this folder, for everybody who works in it, instead of your own\n"
    "  --dry-run  only shows       --yes  does not ask\n"
    "  --undo     gives the bytes back; where others have changed a file since, takes out what is ours. Without HOST: of all hosts\n";

bool is_init_of_hosts(const Words& words) {
  auto flags = flags_of_hosts();
  flags.insert("--force");
  const auto arguments = parse_arguments(words, flags, {"--preset"});
  flags.erase("--force");
  return !arguments.rest.empty() || std::ranges::any_of(flags, [&](const std::string& flag) { return arguments.has(flag); });
}

int run_init_hosts(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, flags_of_hosts(), {});
  const bool json = arguments.has("--json");
  const bool undo = arguments.has("--undo");
  const std::string help = "usage:" + std::string(kInitHostsHelp).substr(6);
  if (arguments.has("--help")) {
    std::printf("%s", help.c_str());
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, help.c_str());
  const auto place = place_of(places, arguments);
  if (!place) return complain(place.error(), json);
  std::string wrong;
  const auto wanted = wanted_hosts(arguments, place->folders(), wrong);
  if (!wrong.empty()) return complain_of_usage(wrong, help.c_str());
  if (wanted.empty() && !arguments.has("--agents")) return complain_of_usage("name a host, or --agents", help.c_str());
  if (wanted.empty())
    return complain({ErrorCode::kNotFound, "no agent host is found on this machine", "name the one that you mean: interlock init claude"},
                    json);

  const auto state = state_folder_of(places);
  if (!state) return complain(state.error(), json);
  auto backups = Backups::open(*state / "backups");
  if (!backups) return complain(backups.error(), json);
  Initiation initiation(arguments, *place, std::move(*backups));
  std::vector<Error> errors;
  const auto plan = initiation.plan(wanted, errors);
  if (!errors.empty()) return complain_all(errors, json);

  const bool dry = arguments.has("--dry-run");
  const bool changes = !plan.files().empty();
  if (!json) show(plan);
  if (changes && !dry && !arguments.has("--yes")) {
    if (json || ::isatty(STDIN_FILENO) == 0)
      return complain(
          {ErrorCode::kDenied, "nothing was written: there is nobody to ask", "look at the changes with --dry-run, then give --yes"}, json);
    if (!agreed()) {
      std::fprintf(stderr, "interlock: nothing was written\n");
      return kRefused;
    }
  }
  std::optional<fs::path> backup;
  if (changes && !dry) {
    auto written = initiation.write(plan);
    if (!written) return complain(written.error(), json);
    backup = std::move(*written);
  }
  if (json) std::printf("%s\n", approval::terminal_json(as_json(plan, backup, backup.has_value(), dry)).c_str());
  else if (dry) std::printf("%s\n", changes ? "Nothing was written: --dry-run" : "Nothing to change");
  else tell(plan, backup, undo);
  return kDone;
}

}  // namespace interlock::cli
