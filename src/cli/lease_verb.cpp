// `interlock lease`: what is lent, and taking it back. Where no gate runs, this process makes the brokers itself for as long as it takes.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "approval/display.hpp"
#include "base/time.hpp"
#include "cli/credential_wiring.hpp"
#include "cli/identity_wiring.hpp"
#include "cli/secret_operations.hpp"
#include "cli/secret_verb.hpp"
#include "cli/state_client.hpp"
#include "cli/verbs.hpp"
#include "identity/identity.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kHelp =
    "usage: interlock lease list [--ended] [--json]\n"
    "       interlock lease revoke LEASE [--reason TEXT] [--json]\n"
    "  The credentials that are lent: by which broker, to which task, until when. No credential is ever shown. `revoke` returns when the\n"
    "  real system has taken it back, or says why it has not; then it is tried again until it is dead.\n";
constexpr std::int64_t kRevokeMs = 20'000;

std::string text_of(const json::object& o, std::string_view key) { return printable(json::string_at(o, key).value_or("")); }

std::string lease_line(const json::object& lease) {
  const auto time = [&](std::string_view key) {
    const auto at = json::int_at(lease, key);
    return at ? rfc3339(*at) : std::string("-");
  };
  const bool is_over = lease.contains("ended_ms");
  std::string out =
      text_of(lease, "id") + "  " + text_of(lease, "state") + "  " + text_of(lease, "credential") + " (" + text_of(lease, "broker") + ")\n";
  out += "  task      " + text_of(lease, "task") + ", " + text_of(lease, "subject") + "\n";
  out += "  time      from " + time("planned_ms") + (is_over ? " to " + time("ended_ms") : " until " + time("expires_ms")) + ", used " +
         std::to_string(json::int_at(lease, "uses").value_or(0)) + " times\n";
  if (const auto grant = text_of(lease, "grant"); !grant.empty()) out += "  grant     " + grant + "\n";
  if (const auto why = text_of(lease, "end_reason"); !why.empty()) out += "  ended     " + why + "\n";
  if (const auto trouble = text_of(lease, "trouble"); !trouble.empty()) out += "  TROUBLE   " + trouble + "\n";
  return out;
}

int list(const Places& places, const Arguments& arguments) {
  const auto answer = ask_keeper(places, "GET", arguments.has("--ended") ? "/v1/leases?ended=true" : "/v1/leases", nullptr, Needs::kVault);
  if (!answer) return complain(answer.error(), arguments.has("--json"));
  if (arguments.has("--json")) {
    std::printf("%s\n", approval::terminal_json(*answer).c_str());
    return kDone;
  }
  const auto* leases = json::array_at(*answer, "leases");
  if (leases == nullptr || leases->empty()) std::printf("Nothing is lent.\n");
  for (std::size_t i = 0; leases != nullptr && i < leases->size(); ++i) std::printf("%s", lease_line((*leases)[i].get_object()).c_str());
  return kDone;
}

// The gate that minted it is gone, and none has come in its place.
Result<json::object> revoke_alone(const Places& places, const std::string& id, const std::string& reason) {
  const auto config = load_places(places);
  if (!config) return fail(config.error());
  LogConfig quiet;
  quiet.level = LogLevel::kWarn;
  Log log(quiet);
  net::Loop loop;
  auto organs = open_organs(
      *config, "cli", {}, log, [&](std::function<void()> work) { loop.post(std::move(work)); },
      [&](std::int64_t delay_ms, std::function<void()> work) { loop.after_ms(delay_ms, std::move(work)); });
  if (!organs) return fail(std::move(organs.error()));
  auto identity = IdentityWiring::open(loop, log, **organs, *config, false);
  if (!identity) return fail(std::move(identity.error()));
  auto credentials = CredentialWiring::open(loop, log, **organs, **identity, *config);
  if (!credentials) return fail(std::move(credentials.error()));
  std::optional<Result<json::object>> answer;
  lease_operations(**organs).revoke({.pid = -1, .uid = static_cast<int>(::geteuid())}, id, reason, [&](Result<json::object> given) {
    answer = std::move(given);
    loop.stop();
  });
  loop.after_ms(kRevokeMs, [&] { loop.stop(); });
  if (!answer) loop.run();
  if (!answer)
    return fail(ErrorCode::kTimeout, "the real system has not answered in 20 s", "it is tried again by the next gate that starts");
  return std::move(*answer);
}

Result<json::object> revoke(const Places& places, const std::string& id, const std::string& reason) {
  const auto folder = state_folder_of(places);
  if (!folder) return fail(folder.error());
  const json::value body = json::object{{"reason", reason}};
  for (const auto& gate : list_gates(folder->string())) {
    const auto reply = ask_gate(gate, "POST", "/v1/leases/" + id + "/revoke", &body, kRevokeMs);
    if (!reply && reply.error().code == ErrorCode::kUnavailable) continue;
    if (!reply) return fail(reply.error());
    if (!reply->ok()) return fail(reply->error());
    if (const auto* object = reply->body.if_object()) return *object;
    return fail(ErrorCode::kInvalid, "the gate gave no object");
  }
  return revoke_alone(places, id, reason);
}

}  // namespace

int run_lease(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {"--ended"}, {"--reason"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const std::string command = arguments.rest.empty() ? "" : arguments.rest[0];
  if (command == "list" && arguments.rest.size() == 1) return list(places, arguments);
  if (command != "revoke") return complain_of_usage("say list or revoke" + did_you_mean(command, {"list", "revoke"}), kHelp);
  const bool named =
      arguments.rest.size() == 2 && !arguments.rest[1].empty() && arguments.rest[1].size() <= 200 &&
      arguments.rest[1].find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (!named) return complain_of_usage("which lease? `interlock lease list` shows their ids", kHelp);
  const auto answer = revoke(places, arguments.rest[1], arguments.value("--reason"));
  if (!answer) return complain(answer.error(), arguments.has("--json"));
  if (arguments.has("--json")) std::printf("%s\n", approval::terminal_json(*answer).c_str());
  else std::printf("%s", lease_line(*answer).c_str());
  return kDone;
}

}  // namespace interlock::cli
