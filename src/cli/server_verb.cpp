#include "cli/server_verb.hpp"

#include <poll.h>

#include <cstdio>

#include "approval/display.hpp"
#include "base/time.hpp"
#include "cli/admin_client.hpp"
#include "cli/config_reading.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kHelp =
    "usage: interlock server list [--json]\n"
    "       interlock server login NAME [--no-wait] [--json]\n"
    "       interlock server callback URL|QUERY [--json]\n"
    "       interlock server forget NAME [--json]\n"
    "  The servers of interlock.yaml that the gate reaches with OAuth. `login` prints the address that a human opens in a browser, and\n"
    "  waits until the gate has its token. `callback` hands over the address that the browser was sent back to, where it could not\n"
    "  reach the gate, as on another machine. `forget` drops the tokens of a server. A gate must be running.\n";
constexpr std::int64_t kLoginNs = 600'000'000'000;
constexpr int kPollMs = 300;
constexpr std::int64_t kDiscoveryMs = 60'000;

struct Found {
  GateAddress gate;
  json::object body;
};

// The first gate that answers with a success; else the most telling refusal.
Result<Found> ask_first(const std::filesystem::path& state_folder, std::string_view method, const std::string& path,
                        const json::value* body = nullptr) {
  Error why{ErrorCode::kNotFound, "no gate runs on this state folder (" + state_folder.string() + ")",
            "start it: its servers are logged in while it runs"};
  for (const auto& gate : list_gates(state_folder.string())) {
    auto reply = ask_gate(gate, method, path, body, kDiscoveryMs);
    if (reply && reply->ok() && reply->body.is_object()) return Found{gate, std::move(reply->body.get_object())};
    if (reply) why = reply->error();
    else if (reply.error().code != ErrorCode::kUnavailable) why = reply.error();
  }
  return fail(std::move(why));
}

const json::object* server_in(const json::object& body, std::string_view name) {
  const auto* servers = json::array_at(body, "servers");
  for (std::size_t i = 0; servers != nullptr && i < servers->size(); ++i) {
    const auto* one = (*servers)[i].if_object();
    if (one != nullptr && json::string_at(*one, "server") == name) return one;
  }
  return nullptr;
}

int show(const Result<Found>& found, bool as_json, const std::string& text) {
  if (!found) return complain(found.error(), as_json);
  if (as_json) std::printf("%s\n", approval::terminal_json(found->body).c_str());
  else std::printf("%s\n", text.c_str());
  return kDone;
}

int list(const std::filesystem::path& state_folder, bool as_json) {
  const auto found = ask_first(state_folder, "GET", "/v1/servers");
  if (!found || as_json) return show(found, as_json, {});
  const auto* servers = json::array_at(found->body, "servers");
  if (servers == nullptr || servers->empty()) std::printf("No server is reached with OAuth.\n");
  for (std::size_t i = 0; servers != nullptr && i < servers->size(); ++i) {
    const auto* one = (*servers)[i].if_object();
    if (one == nullptr) continue;
    const auto text = [&](std::string_view key) { return printable(json::string_at(*one, key).value_or("")); };
    std::printf("%s  %s%s%s\n", text("server").c_str(), text("state").c_str(), text("issuer").empty() ? "" : ", by ",
                text("issuer").c_str());
    if (!text("expires").empty()) std::printf("  token      until %s\n", text("expires").c_str());
    if (!text("problem").empty()) std::printf("  problem    %s\n", text("problem").c_str());
  }
  return kDone;
}

// Until the gate has its token, or says why not.
int wait_for(const Found& login, const std::string& server) {
  const auto until_ns = steady_ns() + kLoginNs;
  while (steady_ns() < until_ns) {
    ::poll(nullptr, 0, kPollMs);
    const auto reply = ask_gate(login.gate, "GET", "/v1/servers");
    if (!reply) return complain(reply.error());
    const auto* one = reply->ok() && reply->body.is_object() ? server_in(reply->body.get_object(), server) : nullptr;
    const auto state = one == nullptr ? std::string_view() : json::string_at(*one, "state").value_or("");
    if (state == "authorized") {
      std::printf("Server %s is authorized.\n", printable(server).c_str());
      return kDone;
    }
    if (state == "failed")
      return complain({ErrorCode::kDenied, "the login failed: " + std::string(json::string_at(*one, "problem").value_or("")), {}});
  }
  return complain({ErrorCode::kTimeout, "nobody has logged in", "the address stays good for a while; see `interlock server list`"});
}

}  // namespace

int run_server(const std::filesystem::path& state_folder, const Words& words) {
  const auto arguments = parse_arguments(words, {"--no-wait"}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const bool as_json = arguments.has("--json");
  const std::string command = arguments.rest.empty() ? std::string() : arguments.rest[0];
  if (command == "list" && arguments.rest.size() == 1) return list(state_folder, as_json);
  if (arguments.rest.size() != 2 || arguments.rest[1].empty() || (command != "login" && command != "callback" && command != "forget"))
    return complain_of_usage("say what to do with which server" + did_you_mean(command, {"list", "login", "callback", "forget"}), kHelp);
  const auto& name = arguments.rest[1];
  if (command == "callback") {
    const auto query_at = name.find('?');
    const json::value body = json::object{{"query", query_at == std::string::npos ? name : name.substr(query_at + 1)}};
    return show(ask_first(state_folder, "POST", "/v1/servers/callback", &body), as_json, "The login is done.");
  }
  if (const auto problem = problem_with_server_name(name); !problem.empty())
    return complain_of_usage("\"" + name + "\" cannot be the name of a server: " + problem, kHelp);
  if (command == "forget")
    return show(ask_first(state_folder, "POST", "/v1/servers/" + name + "/forget"), as_json,
                "The tokens of " + printable(name) + " are gone.");
  const auto login = ask_first(state_folder, "POST", "/v1/servers/" + name + "/login");
  const auto url = login ? printable(json::string_at(login->body, "url").value_or("")) : std::string();
  if (const int shown = show(login, as_json, "Open this in a browser of your own:\n\n  " + url + "\n"); shown != kDone) return shown;
  if (as_json || arguments.has("--no-wait")) return kDone;
  std::fflush(stdout);
  return wait_for(*login, name);
}

}  // namespace interlock::cli
