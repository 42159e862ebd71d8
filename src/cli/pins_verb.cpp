#include "cli/pins_verb.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "approval/display.hpp"
#include "approval/pins.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "cli/admin_client.hpp"
#include "identity/identity.hpp"
#include "store/store.hpp"

namespace interlock::cli {
namespace {

using approval::Pin;
using approval::PinStatus;
using approval::printable;

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr std::size_t kShownBytes = 1000;  // of one side of a difference
constexpr const char* kHelp =
    "usage: interlock pins COMMAND [--json]\n"
    "  list [--server S]                       what is pinned, and what waits for trust, with what changed\n"
    "  trust --server S [--tool T] [--hash H]  take the definition last seen for good; without a tool: all that wait\n"
    "  reset --server S [--tool T] | --all     forget, so that the next definition is a first use\n";

struct Options {
  std::string command;
  std::map<std::string, std::string> values;
  bool json = false;
  bool all = false;
  std::string value(const char* name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  }
};

// Which options a command takes, beside --json.
std::optional<std::set<std::string>> options_of(std::string_view command) {
  if (command == "list") return std::set<std::string>{"--server"};
  if (command == "trust") return std::set<std::string>{"--server", "--tool", "--hash"};
  if (command == "reset") return std::set<std::string>{"--server", "--tool", "--all"};
  return std::nullopt;
}

Result<Options> parse(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return fail(ErrorCode::kInvalid, "say what to do");
  Options options;
  options.command = arguments[0];
  const auto takes = options_of(options.command);
  if (!takes) return fail(ErrorCode::kInvalid, "unknown command " + options.command);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    if (arguments[i] == "--json") options.json = true;
    else if (arguments[i] == "--all" && takes->contains(name)) options.all = true;
    else if (!takes->contains(name) || name == "--all") return fail(ErrorCode::kInvalid, "unknown option " + arguments[i]);
    else if (equals != std::string::npos) options.values[name] = arguments[i].substr(equals + 1);
    else if (++i == arguments.size()) return fail(ErrorCode::kInvalid, name + " needs a value");
    else options.values[name] = arguments[i];
  }
  const bool has_server = !options.value("--server").empty();
  if (options.command == "trust" && !has_server) return fail(ErrorCode::kInvalid, "say which server: --server NAME");
  if (options.command == "trust" && !options.value("--hash").empty() && options.value("--tool").empty())
    return fail(ErrorCode::kInvalid, "--hash is of one tool: --tool NAME");
  if (options.command == "reset" && has_server == options.all)
    return fail(ErrorCode::kInvalid, "say what to forget: --server NAME, or --all");
  return options;
}

int refuse(const Error& error, bool as_json) {
  if (as_json) {
    json::object inner{{"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}};
    std::printf("%s\n", approval::terminal_json(json::object{{"error", std::move(inner)}}).c_str());
  } else {
    std::fprintf(stderr, "interlock: %s\n", printable(error.message).c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", printable(error.hint).c_str());
  }
  return kRefused;
}

// The store of a state folder with a book on it.
struct Pins {
  SystemClock clock;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<approval::PinBook> book;
};

// Looking makes no store: where there is none, nothing is pinned, and `book` is empty.
Status open(Pins& pins, const std::string& state_folder) {
  const auto path = std::filesystem::path(state_folder) / "store.db";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  auto opened = store::open_sqlite_store(path);
  if (!opened) return fail(std::move(opened.error()));
  pins.store = std::move(*opened);
  pins.book = std::make_unique<approval::PinBook>(*pins.store, pins.clock);
  return {};
}

Result<std::vector<Pin>> read_pins(const Pins& pins, const std::string& server) {
  if (!pins.book) return std::vector<Pin>();
  auto all = pins.book->list();
  if (!all) return all;
  if (!server.empty()) std::erase_if(*all, [&](const Pin& pin) { return pin.server != server; });
  return all;
}

void show_side(const char* mark, const std::string& text) {
  if (!text.empty()) std::printf("      %s %s\n", mark, printable(text, kShownBytes).c_str());
}

void show(const Pin& pin) {
  const auto status = pin.status();
  std::printf("%s/%s  ", printable(pin.server).c_str(), printable(pin.tool, kShownBytes).c_str());
  if (status == PinStatus::kTrusted) {
    std::printf("trusted since %s (%s)\n", rfc3339(pin.pinned_ms).c_str(), printable(pin.pinned_by).c_str());
    return;
  }
  std::printf("quarantined: %s, seen %s\n", status == PinStatus::kNew ? "never trusted" : "changed since it was trusted",
              rfc3339(pin.seen_ms).c_str());
  if (status == PinStatus::kNew) {
    show_side("+", pin.seen_text);
  } else {
    for (const auto& difference : approval::differences(pin.pinned_text, pin.seen_text)) {
      std::printf("    %s\n", printable(difference.path, kShownBytes).c_str());
      show_side("-", difference.before);
      show_side("+", difference.after);
    }
  }
  std::printf("    hash %s\n", printable(pin.seen_hash).c_str());
}

int list(const Pins& pins, const Options& options) {
  const auto all = read_pins(pins, options.value("--server"));
  if (!all) return refuse(all.error(), options.json);
  if (options.json) {
    json::array out;
    for (const auto& pin : *all) out.push_back(to_json(pin));
    std::printf("%s\n", approval::terminal_json(json::object{{"pins", std::move(out)}}).c_str());
    return kDone;
  }
  bool waiting = false;
  for (const auto& pin : *all) {
    show(pin);
    waiting = waiting || pin.status() != PinStatus::kTrusted;
  }
  if (all->empty()) std::printf("Nothing is pinned.\n");
  if (waiting) std::printf("\nTrust one with `interlock pins trust --server SERVER --tool TOOL --hash HASH`.\n");
  return kDone;
}

// The live gates of the folder, each of which lets this process change pins.
Result<std::vector<GateAddress>> willing_gates(const std::string& state_folder) {
  std::vector<GateAddress> live;
  for (const auto& gate : list_gates(state_folder)) {
    const auto reply = ask_gate(gate, "GET", "/v1/caller");
    if (!reply && reply.error().code == ErrorCode::kUnavailable) continue;  // gone
    if (!reply) return fail(reply.error());
    if (!reply->ok()) return fail(reply->error());
    live.push_back(gate);
  }
  return live;
}

std::string who() {
  const int uid = static_cast<int>(::getuid());
  return identity::user_name(uid) + " (uid " + std::to_string(uid) + ", interlock pins)";
}

Result<std::size_t> change_in_store(const Pins& pins, bool trusts, const std::string& server, const std::string& tool,
                                    const std::string& hash) {
  return trusts ? pins.book->trust(server, tool, hash, who()) : pins.book->reset(server, tool);
}

// A live gate makes the change, so that it holds there at once and leaves a receipt; without one it is made in the store.
Result<std::size_t> change(const Pins& pins, const std::vector<GateAddress>& live, bool trusts, const std::string& server,
                           const std::string& tool, const std::string& hash) {
  if (live.empty()) return change_in_store(pins, trusts, server, tool, hash);
  json::object order{{"operation", trusts ? "trust" : "reset"}};
  if (!server.empty()) order["server"] = server;
  if (!tool.empty()) order["tool"] = tool;
  if (!hash.empty()) order["hash"] = hash;
  const json::value body = std::move(order);
  const auto reply = ask_gate(live.front(), "POST", "/v1/pins", &body);
  if (!reply) return fail(reply.error());
  if (!reply->ok()) return fail(reply->error());
  const auto* o = reply->body.if_object();
  const auto changed = o != nullptr ? json::int_at(*o, "changed") : std::nullopt;
  if (!changed || *changed < 0) return fail(ErrorCode::kInvalid, "the gate's answer says nothing of what it changed");
  return static_cast<std::size_t>(*changed);
}

int report(std::size_t changed, const char* what, bool as_json) {
  if (as_json) std::printf("%s\n", approval::terminal_json(json::object{{"changed", changed}}).c_str());
  else std::printf("%s %zu pin%s\n", what, changed, changed == 1 ? "" : "s");
  return kDone;
}

// Each definition is trusted by the hash of what is shown here, so that one that changes meanwhile is not trusted unseen.
int trust(const Pins& pins, const std::vector<GateAddress>& live, const Options& options) {
  const auto server = options.value("--server");
  const auto tool = options.value("--tool");
  const auto hash = options.value("--hash");
  const auto all = read_pins(pins, server);
  if (!all) return refuse(all.error(), options.json);
  const std::string what = tool.empty() ? "server " + server : "tool " + tool + " of server " + server;
  bool known = false;
  std::size_t changed = 0;
  for (const auto& pin : *all) {
    if (!tool.empty() && pin.tool != tool) continue;
    known = true;
    if (pin.status() == PinStatus::kTrusted) continue;
    if (!options.json) show(pin);
    const auto done = change(pins, live, true, server, pin.tool, hash.empty() ? pin.seen_hash : hash);
    if (!done) return refuse(done.error(), options.json);
    changed += *done;
  }
  if (!known) return refuse({ErrorCode::kNotFound, "nothing is pinned of " + what, "see `interlock pins list`"}, options.json);
  if (changed == 0)
    return refuse({ErrorCode::kConflict, "nothing of " + what + " waits for trust", "see `interlock pins list`"}, options.json);
  return report(changed, "Trusted", options.json);
}

int reset(const Pins& pins, const std::vector<GateAddress>& live, const Options& options) {
  const auto changed = change(pins, live, false, options.value("--server"), options.value("--tool"), {});
  if (!changed) return refuse(changed.error(), options.json);
  return report(*changed, "Forgot", options.json);
}

}  // namespace

int run_pins(const std::string& state_folder, const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  const auto options = parse(arguments);
  if (!options) {
    std::fprintf(stderr, "interlock pins: %s\n%s", printable(options.error().message).c_str(), kHelp);
    return kUsage;
  }
  Pins pins;
  if (auto opened = open(pins, state_folder); !opened) return refuse(opened.error(), options->json);
  if (options->command == "list") return list(pins, *options);
  if (!pins.book) {
    return refuse({ErrorCode::kNotFound, "nothing is pinned in " + state_folder, "is it the folder that the gate uses?"}, options->json);
  }
  const auto live = willing_gates(state_folder);
  if (!live) return refuse(live.error(), options->json);
  return options->command == "trust" ? trust(pins, *live, *options) : reset(pins, *live, *options);
}

}  // namespace interlock::cli
