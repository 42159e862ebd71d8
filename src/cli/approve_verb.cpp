#include "cli/approve_verb.hpp"

#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "approval/display.hpp"
#include "approval/passphrase.hpp"
#include "approval/record.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "cli/admin_client.hpp"

namespace interlock::cli {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr std::size_t kReasonBytes = 2000;

struct Options {
  std::vector<std::string> words;
  std::set<std::string> flags;
  std::string reason;
  bool has(const char* flag) const { return flags.contains(flag); }
};

// nullopt after the complaint has been printed.
std::optional<Options> parse(const std::vector<std::string>& arguments, const std::set<std::string>& flags, bool takes_reason,
                             std::size_t words, const char* usage) {
  Options options;
  const auto complain = [&](const std::string& what) {
    std::fprintf(stderr, "%s\nusage: %s\n", what.c_str(), usage);
    return std::nullopt;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    if (takes_reason && a == "--reason") {
      if (++i == arguments.size()) return complain("--reason needs a text");
      options.reason = arguments[i];
    } else if (takes_reason && a.starts_with("--reason=")) {
      options.reason = a.substr(9);
    } else if (a.starts_with("-")) {
      if (!flags.contains(a)) return complain("unknown option " + approval::printable(a, 100));
      options.flags.insert(a);
    } else {
      options.words.push_back(a);
    }
  }
  if (options.words.size() > words) return complain("too many arguments");
  if (options.reason.size() > kReasonBytes) return complain("the reason is too long");
  return options;
}

void print_error(const Error& error, bool as_json) {
  if (as_json) {
    json::object inner{{"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}};
    std::printf("%s\n", approval::terminal_json(json::object{{"error", std::move(inner)}}).c_str());
    return;
  }
  std::fprintf(stderr, "interlock: %s\n", approval::printable(error.message).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", approval::printable(error.hint).c_str());
}

struct Found {
  GateAddress gate;
  approval::Approval approval;
};

Result<approval::Approval> read_approval(const Result<AdminReply>& reply) {
  if (!reply) return fail(reply.error());
  if (!reply->ok()) return fail(reply->error());
  return approval::approval_from_json(reply->body);
}

// The gate that holds `id` itself. A gate that only knows the record of another is asked for what became of it.
Result<Found> find_approval(const std::string& state_folder, std::string_view typed) {
  const std::string id = approval::normalize_id(typed);
  if (id.empty()) {
    return fail(ErrorCode::kInvalid, "\"" + approval::printable(typed, 100) + "\" is not the id of an approval",
                "ids have six letters and digits: see `interlock approvals`");
  }
  const auto gates = list_gates(state_folder);
  std::optional<Found> finished;
  std::optional<Error> trouble;
  bool any_live = false;
  for (const auto& gate : gates) {
    const auto reply = ask_gate(gate, "GET", "/v1/approvals/" + id);
    if (!reply) {
      if (reply.error().code != ErrorCode::kUnavailable) trouble = reply.error();
      continue;
    }
    any_live = true;
    auto approval = read_approval(reply);
    if (!approval) {
      if (approval.error().code != ErrorCode::kNotFound) trouble = approval.error();
      continue;
    }
    if (approval->id != id) continue;
    if (approval::is_open(approval->state)) {
      if (approval->holder.pid == gate.pid) return Found{gate, std::move(*approval)};
    } else {
      finished = Found{gate, std::move(*approval)};
    }
  }
  if (finished) return std::move(*finished);
  if (trouble) return fail(std::move(*trouble));
  if (!any_live)
    return fail(ErrorCode::kNotFound, "no gate is running on this state folder (" + state_folder + "), so nothing waits",
                "is it the folder that the gate uses?");
  return fail(ErrorCode::kNotFound, "no approval has the id " + id, "see `interlock approvals`");
}

// One line from the terminal without echo; nullopt where there is no terminal.
std::optional<std::string> ask_passphrase(const char* prompt) {
  if (::isatty(STDIN_FILENO) == 0) return std::nullopt;
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return std::nullopt;
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::fputs(prompt, stderr);
  std::string line;
  const bool read = static_cast<bool>(std::getline(std::cin, line));
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::fputc('\n', stderr);
  if (!read) return std::nullopt;
  return line;
}

bool confirmed(const approval::Approval& approval) {
  const auto& r = approval.request;
  std::printf("Approve %s on %s for %s, once? [y/N] ", approval::printable(r.action, 200).c_str(),
              approval::printable(r.resource, 300).c_str(), approval::printable(r.subject, 200).c_str());
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  return line == "y" || line == "Y" || line == "yes";
}

Result<AdminReply> send_decision(const Found& found, bool yes, const std::string& reason, const std::string& passphrase) {
  json::object order{{"decision", yes ? "approve" : "deny"}, {"digest", found.approval.request.digest}};
  if (!reason.empty()) order["reason"] = reason;
  if (!passphrase.empty()) order["passphrase"] = passphrase;
  const json::value body = std::move(order);
  return ask_gate(found.gate, "POST", "/v1/approvals/" + found.approval.id, &body);
}

int decide(const std::string& state_folder, const Options& options, bool yes) {
  const bool as_json = options.has("--json");
  auto found = find_approval(state_folder, options.words[0]);
  if (!found) {
    print_error(found.error(), as_json);
    return found.error().code == ErrorCode::kInvalid ? kUsage : kRefused;
  }
  const UnixMs now_ms = SystemClock().now_ms();
  if (!as_json) std::printf("%s", approval::describe(found->approval, now_ms, options.has("--full")).c_str());
  if (found->approval.state != approval::ApprovalState::kPending) {
    print_error(
        {ErrorCode::kConflict,
         "approval " + found->approval.id + " is " + std::string(state_name(found->approval.state)) + " already: nothing was changed",
         {}},
        as_json);
    return kRefused;
  }
  const bool may_ask = !as_json && ::isatty(STDIN_FILENO) != 0;
  if (yes && may_ask && !options.has("--yes") && !confirmed(found->approval)) {
    std::fprintf(stderr, "interlock: not approved; the act still waits. `interlock deny %s` ends it\n", found->approval.id.c_str());
    return kRefused;
  }
  auto reply = send_decision(*found, yes, options.reason, {});
  if (yes && may_ask && reply && !reply->ok() && reply->error().message == approval::kNeedsPassphrase) {
    if (auto passphrase = ask_passphrase("Approver's passphrase: ")) {
      reply = send_decision(*found, yes, options.reason, *passphrase);
      OPENSSL_cleanse(passphrase->data(), passphrase->size());
    }
  }
  const auto decided = read_approval(reply);
  if (!decided) {
    print_error(decided.error(), as_json);
    return kRefused;
  }
  if (as_json) std::printf("%s\n", approval::terminal_json(reply->body).c_str());
  else std::printf("%s %s\n", yes ? "Approved" : "Denied", decided->id.c_str());
  return kDone;
}

int make_passphrase() {
  std::string passphrase;
  if (::isatty(STDIN_FILENO) != 0) {
    auto first = ask_passphrase("New passphrase for approvers: ");
    auto second = ask_passphrase("Once more: ");
    if (!first || !second || *first != *second) {
      std::fprintf(stderr, "interlock: the two differ\n");
      return kRefused;
    }
    passphrase = std::move(*first);
    OPENSSL_cleanse(second->data(), second->size());
  } else if (!std::getline(std::cin, passphrase)) {
    passphrase.clear();
  }
  const auto hash = approval::hash_passphrase(passphrase);
  OPENSSL_cleanse(passphrase.data(), passphrase.size());
  if (!hash) {
    print_error(hash.error(), false);
    return kRefused;
  }
  std::printf("%s\n", hash->c_str());
  return kDone;
}

int show_one(const std::string& state_folder, const Options& options) {
  const auto found = find_approval(state_folder, options.words[0]);
  if (!found) {
    print_error(found.error(), options.has("--json"));
    return found.error().code == ErrorCode::kInvalid ? kUsage : kRefused;
  }
  if (options.has("--json")) std::printf("%s\n", approval::terminal_json(to_json(found->approval)).c_str());
  else std::printf("%s", approval::describe(found->approval, SystemClock().now_ms(), options.has("--full")).c_str());
  return kDone;
}

bool shows_help(const std::vector<std::string>& arguments, const char* usage) {
  bool wanted = false;
  for (const auto& word : arguments) wanted = wanted || word == "--help" || word == "-h";
  if (wanted) std::printf("usage: %s\n  Shows and decides the calls that wait for a human.\n", usage);
  return wanted;
}

}  // namespace

int run_approvals(const std::string& state_folder, const std::vector<std::string>& arguments) {
  static constexpr const char* kText = "interlock approvals [ID] [--json] [--full]\n       interlock approvals passphrase";
  if (shows_help(arguments, kText)) return kDone;
  const auto options = parse(arguments, {"--json", "--full"}, false, 1, kText);
  if (!options) return kUsage;
  if (!options->words.empty()) return options->words[0] == "passphrase" ? make_passphrase() : show_one(state_folder, *options);

  std::vector<approval::Approval> pending;
  std::vector<Error> troubles;
  for (const auto& gate : list_gates(state_folder)) {
    const auto reply = ask_gate(gate, "GET", "/v1/approvals");
    if (!reply || !reply->ok()) {
      const Error error = reply ? reply->error() : reply.error();
      if (error.code != ErrorCode::kUnavailable) troubles.push_back(error);
      continue;
    }
    const auto* body = reply->body.if_object();
    const auto* list = body != nullptr ? json::array_at(*body, "approvals") : nullptr;
    if (list == nullptr) {
      troubles.push_back({ErrorCode::kInvalid, "the gate (pid " + std::to_string(gate.pid) + ") gave no list of approvals", {}});
      continue;
    }
    for (const auto& item : *list) {
      auto approval = approval::approval_from_json(item);
      if (!approval) troubles.push_back(approval.error());
      else if (approval->state == approval::ApprovalState::kPending && approval->holder.pid == gate.pid)
        pending.push_back(std::move(*approval));
    }
  }
  if (options->has("--json")) {
    json::array list;
    for (const auto& approval : pending) list.push_back(to_json(approval));
    json::array errors;
    for (const auto& error : troubles) errors.push_back(json::value(error.text()));
    std::printf("%s\n", approval::terminal_json(json::object{{"approvals", std::move(list)}, {"errors", std::move(errors)}}).c_str());
    return troubles.empty() ? kDone : kRefused;
  }
  const UnixMs now_ms = SystemClock().now_ms();
  if (pending.empty() && troubles.empty()) std::printf("Nothing waits for a human.\n");
  for (const auto& approval : pending)
    std::printf("%s\n",
                options->has("--full") ? approval::describe(approval, now_ms, true).c_str() : approval::summary(approval, now_ms).c_str());
  if (!pending.empty())
    std::printf("\nSee one with `interlock approvals ID`, decide with `interlock approve ID` or `interlock deny ID`.\n");
  for (const auto& error : troubles) print_error(error, false);
  return troubles.empty() ? kDone : kRefused;
}

int run_approve(const std::string& state_folder, const std::vector<std::string>& arguments) {
  static constexpr const char* kText = "interlock approve ID [--yes] [--full] [--json]";
  if (shows_help(arguments, kText)) return kDone;
  const auto options = parse(arguments, {"--json", "--yes", "--full"}, false, 1, kText);
  if (!options) return kUsage;
  if (options->words.empty()) {
    std::fprintf(stderr, "which one? See `interlock approvals`\nusage: %s\n", kText);
    return kUsage;
  }
  return decide(state_folder, *options, true);
}

int run_deny(const std::string& state_folder, const std::vector<std::string>& arguments) {
  static constexpr const char* kText = "interlock deny ID [--reason TEXT] [--json]";
  if (shows_help(arguments, kText)) return kDone;
  const auto options = parse(arguments, {"--json", "--full"}, true, 1, kText);
  if (!options) return kUsage;
  if (options->words.empty()) {
    std::fprintf(stderr, "which one? See `interlock approvals`\nusage: %s\n", kText);
    return kUsage;
  }
  return decide(state_folder, *options, false);
}

}  // namespace interlock::cli
