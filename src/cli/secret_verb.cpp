#include "cli/secret_verb.hpp"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>

#include "approval/display.hpp"
#include "base/hash.hpp"
#include "base/time.hpp"
#include "cli/config.hpp"
#include "cli/secret_import.hpp"
#include "cli/state_client.hpp"
#include "cli/verbs.hpp"
#include "credential/vault.hpp"
#include "store/sealed.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kHelp =
    "usage: interlock secret set NAME [--file FILE] [--note TEXT] [--max-age 90d] [--overlap 1h]\n"
    "       interlock secret rotate NAME [--file FILE]\n"
    "       interlock secret rule NAME [--max-age 90d] [--overlap 1h]\n"
    "       interlock secret list | show-meta NAME | rm NAME\n"
    "       interlock secret import FILE [--prefix P/] [--rotate] [--dry-run]\n"
    "       interlock secret rekey [--new-key-file FILE] [--keep-data-key]\n"
    "  The vault of this state folder. A value is read from standard input, or from FILE; it never stands on the command line and is\n"
    "  never shown. The line's end of a value of one line is left out. `rotate` keeps the version before for the overlap.\n"
    "  `import` reads NAME=VALUE lines (.env) or a JSON object of texts; it says what it will do, changes nothing with --dry-run, and\n"
    "  gives a secret that is there a new value only with --rotate. `rekey` moves everything to another master key. All take --json.\n";
constexpr const char* kTarget = "/v1/secrets";

std::string text_of(const json::object& o, std::string_view key) { return printable(json::string_at(o, key).value_or("")); }

int print(const Result<json::object>& answer, bool as_json, const std::function<std::string(const json::object&)>& text) {
  if (!answer) return complain(answer.error(), as_json);
  if (as_json) std::printf("%s\n", approval::terminal_json(*answer).c_str());
  else std::printf("%s", text(*answer).c_str());
  return kDone;
}

bool is_secret_name(std::string_view name) {
  return !name.empty() && name.size() <= credential::kSecretNameBytes &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-") == std::string_view::npos;
}

// Without echo where it is typed.
Result<std::string> read_standard_input() {
  termios before{};
  const bool typed = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (typed) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    std::fputs("Value (it is not shown): ", stderr);
  }
  std::string out;
  char part[4096];
  ssize_t got = 0;
  while (out.size() <= credential::kSecretBytes && (got = ::read(STDIN_FILENO, part, sizeof part)) > 0) {
    out.append(part, static_cast<std::size_t>(got));
    if (typed && out.ends_with('\n')) break;
  }
  explicit_bzero(part, sizeof part);
  if (typed) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::fputc('\n', stderr);
  }
  if (got < 0) return fail(system_error("cannot read standard input", errno));
  return out;
}

Result<credential::Secret> read_value(const Arguments& arguments) {
  const auto file = arguments.value("--file");
  auto text = file.empty() ? read_standard_input() : read_text_file(file, credential::kSecretBytes + 1);
  if (!text) return fail(std::move(text.error()));
  if (!text->empty() && text->find('\n') == text->size() - 1) text->pop_back();
  if (text->ends_with('\r') && text->find('\n') == std::string::npos) text->pop_back();
  if (text->empty())
    return fail(ErrorCode::kInvalid, "the value is empty", "pipe it in, or name a file: interlock secret set NAME --file FILE");
  if (text->size() > credential::kSecretBytes) return fail(ErrorCode::kTooLarge, "a secret has at most 262144 bytes");
  return credential::Secret::take(std::move(*text));
}

json::object order_of(std::string_view operation, std::string_view name, const credential::Secret& value = {}) {
  json::object out{{"operation", operation}, {"name", name}};
  if (value.empty()) return out;
  auto encoded = base64_encode(value.view());
  out["value"] = encoded;
  store::wipe(encoded);
  return out;
}

Result<json::object> send(const Places& places, json::object order) {
  const json::value body = std::move(order);
  return ask_keeper(places, "POST", kTarget, &body, Needs::kVault);
}

void add_rule(const Arguments& arguments, json::object& order) {
  if (const auto age = arguments.value("--max-age"); !age.empty()) order["max_age"] = age;
  if (const auto overlap = arguments.value("--overlap"); !overlap.empty()) order["overlap"] = overlap;
}

std::int64_t newest(const json::object& meta) {
  const auto* versions = json::array_at(meta, "versions");
  if (versions == nullptr || versions->empty() || !versions->front().is_object()) return 0;
  return json::int_at(versions->front().get_object(), "version").value_or(0);
}

std::string short_text(const json::object& meta) {
  std::string out = text_of(meta, "name") + "  version " + std::to_string(newest(meta));
  const auto* versions = json::array_at(meta, "versions");
  if (versions != nullptr && !versions->empty() && versions->front().is_object())
    out += " of " + text_of(versions->front().get_object(), "made");
  if (const auto overdue = text_of(meta, "overdue_since"); !overdue.empty()) out += "  OVERDUE since " + overdue;
  return out + "\n";
}

std::string full_text(const json::object& meta) {
  std::string out = short_text(meta);
  const auto line = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) out += "  " + name + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') + value + "\n";
  };
  const auto days = [&](std::string_view key) {
    const auto ms = json::int_at(meta, key).value_or(0);
    return ms == 0 ? std::string() : std::to_string(ms / 1'000) + " s";
  };
  line("note", text_of(meta, "note"));
  line("max age", days("max_age_ms"));
  line("overlap", days("overlap_ms"));
  line("used", text_of(meta, "used"));
  if (const auto* versions = json::array_at(meta, "versions")) {
    for (const auto& item : *versions) {
      const auto& version = item.get_object();
      const auto ends = text_of(version, "ends");
      line("version", std::to_string(json::int_at(version, "version").value_or(0)) + ", " + text_of(version, "made") + " by " +
                          text_of(version, "by") + ", " + std::to_string(json::int_at(version, "bytes").value_or(0)) + " bytes" +
                          (ends.empty() ? "" : ", valid until " + ends));
    }
  }
  return out;
}

std::string list_text(const json::object& answer) {
  const auto* secrets = json::array_at(answer, "secrets");
  if (secrets == nullptr || secrets->empty()) return "The vault is empty: `interlock secret set NAME` puts something in.\n";
  std::string out;
  for (const auto& meta : *secrets) out += meta.is_object() ? short_text(meta.get_object()) : "";
  return out;
}

int set(const Places& places, const Arguments& arguments, const std::string& name, bool rotate) {
  const bool as_json = arguments.has("--json");
  const auto value = read_value(arguments);
  if (!value) return complain(value.error(), as_json);
  auto order = order_of(rotate ? "rotate" : "set", name, *value);
  if (!rotate) {
    add_rule(arguments, order);
    if (const auto note = arguments.value("--note"); !note.empty()) order["note"] = note;
  }
  return print(send(places, std::move(order)), as_json,
               [&](const json::object& meta) { return (rotate ? "Rotated " : "Set ") + short_text(meta); });
}

// ---- import ----------------------------------------------------------------------------------------------------------------------

enum class Step : std::uint8_t { kSet, kRotate, kKeep };
const char* step_name(Step step) { return step == Step::kSet ? "set" : step == Step::kRotate ? "rotate" : "keep"; }

Result<std::vector<Step>> plan_import(const Places& places, const NamedSecrets& secrets, bool rotates) {
  const auto listed = ask_keeper(places, "GET", kTarget, nullptr, Needs::kVault);
  if (!listed) return fail(listed.error());
  std::set<std::string, std::less<>> there;
  if (const auto* list = json::array_at(*listed, "secrets")) {
    for (const auto& meta : *list) there.emplace(json::string_at(meta.get_object(), "name").value_or(""));
  }
  std::vector<Step> out;
  for (const auto& [name, value] : secrets) out.push_back(!there.contains(name) ? Step::kSet : rotates ? Step::kRotate : Step::kKeep);
  return out;
}

int import(const Places& places, const Arguments& arguments, const std::string& file) {
  const bool as_json = arguments.has("--json");
  auto text = read_text_file(file, kImportBytes);
  if (!text) return complain(text.error(), as_json);
  auto secrets = read_import(*text);
  store::wipe(*text);
  if (!secrets) return complain({secrets.error().code, file + ": " + secrets.error().message, secrets.error().hint}, as_json);
  for (auto& [name, value] : *secrets) {
    name.insert(0, arguments.value("--prefix"));
    if (!is_secret_name(name)) return complain({ErrorCode::kInvalid, file + ": a name cannot be that of a secret", ""}, as_json);
  }
  const auto plan = plan_import(places, *secrets, arguments.has("--rotate"));
  if (!plan) return complain(plan.error(), as_json);
  json::array steps;
  for (std::size_t i = 0; i < plan->size(); ++i) {
    const auto& name = (*secrets)[i].first;
    const auto step = (*plan)[i];
    steps.emplace_back(json::object{{"name", name}, {"step", step_name(step)}});
    if (!as_json)
      std::printf("  %-7s%s%s\n", step_name(step), printable(name).c_str(),
                  step == Step::kKeep ? "  (it is there; --rotate gives it the new value)" : "");
    if (step == Step::kKeep || arguments.has("--dry-run")) continue;
    auto order = order_of(step_name(step), name, (*secrets)[i].second);
    order["imported"] = "true";
    if (auto done = send(places, std::move(order)); !done) return complain(done.error(), as_json);
  }
  if (as_json)
    std::printf("%s\n",
                approval::terminal_json(json::object{{"import", std::move(steps)}, {"dry_run", arguments.has("--dry-run")}}).c_str());
  else if (arguments.has("--dry-run")) std::printf("Nothing was changed. Remove %s once it is imported.\n", printable(file).c_str());
  return kDone;
}

int rekey(const Places& places, const Arguments& arguments) {
  json::object order;
  if (const auto file = arguments.value("--new-key-file"); !file.empty()) order["new_key_file"] = std::filesystem::absolute(file).string();
  if (arguments.has("--keep-data-key")) order["keep_data_key"] = "true";
  const json::value body = std::move(order);
  return print(ask_keeper(places, "POST", "/v1/secrets/rekey", &body, Needs::kVault), arguments.has("--json"), [](const json::object& o) {
    std::string out = "Everything is sealed under the master key " + text_of(o, "master_key") + "; " +
                      std::to_string(json::int_at(o, "sealed_anew").value_or(0)) + " values were sealed anew.\n";
    if (const auto next = text_of(o, "next"); !next.empty()) out += "What is left: " + next + ".\n";
    return out;
  });
}

// A word too many is most likely the value. It is not repeated: what prints it would show it.
int refuse_value() {
  return complain_of_usage(
      "a value never stands on the command line, where others can read it: pipe it in, or use --file (and change it now)", kHelp);
}

}  // namespace

int run_secret(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {"--rotate", "--dry-run", "--keep-data-key"},
                                         {"--file", "--note", "--max-age", "--overlap", "--prefix", "--new-key-file"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (arguments.rest.empty())
    return complain_of_usage(arguments.wrong.empty() ? "say what to do with which secret" : arguments.wrong, kHelp);
  const auto& command = arguments.rest[0];
  const bool as_json = arguments.has("--json");
  const bool takes_value = command == "set" || command == "rotate";
  const bool takes_name = takes_value || command == "rule" || command == "show-meta" || command == "rm" || command == "import";
  if (arguments.rest.size() > (takes_name ? 2U : 1U) || (takes_value && !arguments.wrong.empty())) {
    return takes_value ? refuse_value() : complain_of_usage(command + " takes no further words", kHelp);
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (takes_name && arguments.rest.size() < 2) return complain_of_usage("which one? `interlock secret list` shows their names", kHelp);
  if (command == "list") return print(ask_keeper(places, "GET", kTarget, nullptr, Needs::kVault), as_json, list_text);
  if (command == "rekey") return rekey(places, arguments);
  if (command == "import") return import(places, arguments, arguments.rest[1]);
  if (!takes_name)
    return complain_of_usage(
        "unknown command" + did_you_mean(command, {"set", "list", "show-meta", "rotate", "rule", "import", "rm", "rekey"}), kHelp);
  const auto& name = arguments.rest[1];
  if (!is_secret_name(name)) {
    if (takes_value && name.find('=') != std::string::npos) return refuse_value();
    return complain_of_usage("this cannot be the name of a secret: use letters, digits and . _ / -", kHelp);
  }
  if (takes_value) return set(places, arguments, name, command == "rotate");
  if (command == "show-meta")
    return print(ask_keeper(places, "GET", kTarget + ("?name=" + name), nullptr, Needs::kVault), as_json, full_text);
  auto order = order_of(command == "rm" ? "remove" : "rule", name);
  if (command == "rule") add_rule(arguments, order);
  return print(send(places, std::move(order)), as_json,
               [&](const json::object& meta) { return command == "rm" ? "Removed " + text_of(meta, "name") + "\n" : full_text(meta); });
}

}  // namespace interlock::cli
