// `interlock status` and `interlock reload`: ask every gate of the state folder over its admin socket.
#include <cstdio>
#include <functional>

#include "approval/display.hpp"
#include "cli/admin_client.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kStatusHelp =
    "usage: interlock status [--json]\n"
    "  What runs on this state folder. Exit code 1 where no gate does.\n";
constexpr const char* kReloadHelp =
    "usage: interlock reload [--json]\n"
    "  Lets every gate read its configuration, policies and catalogue again, now. What is wrong is refused and named; what was in\n"
    "  force stays. Gates follow their files by themselves: this is for scripts that want to know.\n";

struct Answer {
  GateAddress gate;
  Result<json::object> body;
};

// Of each gate that lives; sockets that nobody listens on are passed over.
std::vector<Answer> ask_all(const std::filesystem::path& state_folder, std::string_view method, std::string_view path) {
  std::vector<Answer> out;
  for (auto& [gate, reply] : ask_gates(list_gates(state_folder.string()), method, path)) {
    if (!reply) out.push_back({gate, fail(reply.error())});
    else if (!reply->ok()) out.push_back({gate, fail(reply->error())});
    else if (auto* object = reply->body.if_object()) out.push_back({gate, std::move(*object)});
    else out.push_back({gate, fail(ErrorCode::kInvalid, "the gate gave no object")});
  }
  return out;
}

int print_json(const std::vector<Answer>& answers) {
  json::array gates;
  json::array errors;
  for (const auto& answer : answers) {
    if (answer.body) {
      json::object gate = *answer.body;
      gate["pid"] = answer.gate.pid;
      gates.emplace_back(std::move(gate));
    } else {
      const auto& error = answer.body.error();
      errors.emplace_back(
          json::object{{"pid", answer.gate.pid}, {"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}});
    }
  }
  const bool good = errors.empty() && !gates.empty();
  std::printf("%s\n", approval::terminal_json(json::object{{"gates", std::move(gates)}, {"errors", std::move(errors)}}).c_str());
  return good ? kDone : kRefused;
}

int print(const std::vector<Answer>& answers, const std::function<void(int pid, const json::object&)>& line) {
  bool good = !answers.empty();
  if (answers.empty()) std::printf("No gate runs on this state folder.\n");
  for (const auto& answer : answers) {
    if (answer.body) {
      line(answer.gate.pid, *answer.body);
      continue;
    }
    good = false;
    std::fprintf(stderr, "gate %d: ", answer.gate.pid);
    complain(answer.body.error());
  }
  return good ? kDone : kRefused;
}

void print_credentials(const json::object& status) {
  const auto* o = json::object_at(status, "credentials");
  if (o == nullptr) return;
  std::printf("  lent       %lld credentials, %lld leases\n", static_cast<long long>(json::int_at(*o, "credentials").value_or(0)),
              static_cast<long long>(json::int_at(*o, "leases").value_or(0)));
  const auto alarm = [&](std::string_view key, const char* what) {
    const auto* list = json::array_at(*o, key);
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      if ((*list)[i].is_string()) std::printf("  ALARM      %s %s\n", what, printable(json::view((*list)[i].get_string())).c_str());
    }
  };
  alarm("overdue_secrets", "the rotation is overdue of the secret");
  alarm("unrevoked_leases", "cannot be revoked: the lease");
}

void print_status(int pid, const json::object& o) {
  const auto text = [&](std::string_view key) { return printable(json::string_at(o, key).value_or("")); };
  const auto number = [&](std::string_view key) { return static_cast<long long>(json::int_at(o, key).value_or(0)); };
  std::printf("gate %d: %s %s, since %s%s\n", pid, text("role").c_str(), text("version").c_str(), text("started").c_str(),
              json::bool_at(o, "stopping") ? ", stopping" : "");
  if (const auto address = text("listening"); !address.empty()) std::printf("  listening  %s\n", address.c_str());
  if (const auto* egress = json::object_at(o, "egress")) {
    const auto address = printable(json::string_at(*egress, "listening").value_or(""));
    const auto socket = printable(json::string_at(*egress, "socket").value_or(""));
    std::printf("  egress     %s%s%s\n", address.c_str(), address.empty() || socket.empty() ? "" : ", ", socket.c_str());
  }
  std::printf("  config     %s\n", text("config").empty() ? "the defaults" : text("config").c_str());
  std::printf("  policy     preset %s, %lld policies, revision %s\n", text("preset").c_str(), number("policies"),
              text("policy_revision").substr(0, 12).c_str());
  std::string servers;
  if (const auto* list = json::object_at(o, "servers")) {
    for (const auto& server : *list) {
      servers += (servers.empty() ? "" : ", ") + printable({server.key().data(), server.key().size()});
      const auto* entry = server.value().if_string();
      if (entry == nullptr || entry->empty()) servers += " (not in the catalogue)";
    }
  }
  std::printf("  servers    %s\n", servers.empty() ? "none" : servers.c_str());
  std::printf("  now        %lld sessions, %lld tasks, %lld acts held for a human\n", number("sessions"), number("tasks"), number("held"));
  print_credentials(o);
  std::printf("  ledger     %s\n", text("ledger").c_str());
  if (const auto refused = text("refused"); !refused.empty()) std::printf("  REFUSED    %s\n", refused.c_str());
  if (const auto trouble = text("trouble"); !trouble.empty()) std::printf("  TROUBLE    %s\n", trouble.c_str());
}

void print_reload(int pid, const json::object& o) {
  std::printf("gate %d: policy revision %s is in force\n", pid,
              printable(json::string_at(o, "revision").value_or("")).substr(0, 12).c_str());
  const auto* waiting = json::array_at(o, "needs_restart");
  if (waiting == nullptr || waiting->empty()) return;
  std::string names;
  for (const auto& key : *waiting) {
    if (key.is_string()) names += (names.empty() ? "" : ", ") + printable(json::view(key.get_string()));
  }
  std::printf("  in force after a restart only: %s\n", names.c_str());
}

}  // namespace

int run_status(const std::filesystem::path& state_folder, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kStatusHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kStatusHelp);
  if (!arguments.rest.empty()) return complain_of_usage("status takes no " + arguments.rest[0], kStatusHelp);
  const auto answers = ask_all(state_folder, "GET", "/v1/status");
  return arguments.has("--json") ? print_json(answers) : print(answers, print_status);
}

int run_reload(const std::filesystem::path& state_folder, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kReloadHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kReloadHelp);
  if (!arguments.rest.empty()) return complain_of_usage("reload takes no " + arguments.rest[0], kReloadHelp);
  const auto answers = ask_all(state_folder, "POST", "/v1/reload");
  return arguments.has("--json") ? print_json(answers) : print(answers, print_reload);
}

}  // namespace interlock::cli
