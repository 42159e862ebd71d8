#include "cli/log_verb.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include "approval/display.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "cli/arguments.hpp"
#include "ledger/files.hpp"
#include "ledger/reading.hpp"
#include "ledger/verify.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kTailRecords = 20;
constexpr std::size_t kQueryRecords = 100;
constexpr std::size_t kActRecords = 1'000;
constexpr std::size_t kShownValue = 200;
constexpr std::chrono::milliseconds kFollowPause{200};
constexpr const char* kHelp =
    "usage: interlock log COMMAND [--json]\n"
    "  tail [-f] [-n N]            the newest receipts; -f: and what comes after\n"
    "  show ACT | LOG:SEQUENCE     every receipt of an act, or one record, in full\n"
    "  query [--subject S] [--action A] [--server S] [--task T] [--kind K] [--verdict V]\n"
    "        [--since TIME] [--until TIME] [--limit N]\n"
    "                              TIME is 2026-11-24T14:00:00Z, or 2h for two hours ago; A* is a prefix\n"
    "  verify [--checkpoint FILE]  recompute everything, and hold it against a checkpoint that was kept elsewhere\n"
    "  reindex                     make the index anew from the log\n"
    "  key                         the keys with which others verify checkpoints\n";

using approval::printable;

// What stands after the name of the command.
Arguments parse(const Words& args, const std::set<std::string>& flags, const std::set<std::string>& with_value) {
  return parse_arguments({args.begin() + 1, args.end()}, flags, with_value);
}

int usage(const std::string& what) {
  std::fprintf(stderr, "interlock log: %s\n%s", printable(what).c_str(), kHelp);
  return kUsage;
}

int trouble(const Error& error, bool as_json) {
  if (as_json) {
    const json::value out =
        json::object{{"error", json::object{{"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}}}};
    std::printf("%s\n", approval::terminal_json(out).c_str());
  } else {
    std::fprintf(stderr, "interlock: %s\n", printable(error.message).c_str());
    if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", printable(error.hint).c_str());
  }
  return kRefused;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// "2026-11-24T14:00:00Z", or how long ago.
std::optional<UnixMs> moment(const std::string& text) {
  if (const auto at = parse_rfc3339(text)) return at;
  if (const auto ago = parse_duration_ms(text)) return SystemClock().now_ms() - *ago;
  return std::nullopt;
}

const char* colour_of(std::string_view verdict) {
  if (::isatty(STDOUT_FILENO) == 0 || std::getenv("NO_COLOR") != nullptr) return nullptr;
  if (verdict == "allow" || verdict == "ok" || verdict == "approved" || verdict == "consumed" || verdict == "pinned") return "\033[32m";
  if (verdict == "step_up" || verdict == "pending" || verdict == "cancelled" || verdict == "input_required") return "\033[33m";
  if (verdict.empty()) return nullptr;
  return "\033[31m";
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

void print_json(const ledger::Record& record) {
  auto receipt = json::parse(record.text);
  const json::value out =
      json::object{{"log", record.log}, {"sequence", record.sequence}, {"receipt", receipt ? *receipt : json::value(record.text)}};
  std::printf("%s\n", approval::terminal_json(out).c_str());
}

// "2026-11-24T14:13:05.123Z attempt deny    unix:1000 filesystem/write_file File::"/etc/passwd" - why (act_01J...)"
void print_line(const ledger::Record& record) {
  const auto document = json::parse(record.text);
  const auto* o = document ? document->if_object() : nullptr;
  if (o == nullptr) {
    std::printf("%s:%llu %s\n", record.log.c_str(), static_cast<unsigned long long>(record.sequence),
                printable(record.text, kShownValue).c_str());
    return;
  }
  const auto text = [&](std::string_view key) { return printable(json::string_at(*o, key).value_or(""), kShownValue); };
  const auto verdict = text("verdict");
  const char* colour = colour_of(verdict);
  std::string line = text("at") + " " + padded(text("kind"), 9) + (colour != nullptr ? colour : "") + padded(verdict, 8) +
                     (colour != nullptr ? "\033[0m" : "");
  for (std::string_view key : {"subject", "action", "resource"}) {
    if (const auto value = text(key); !value.empty()) line += " " + value;
  }
  if (const auto* detail = json::object_at(*o, "detail")) {
    for (std::string_view key : {"reason", "note", "summary", "event"}) {
      const auto value = printable(json::string_at(*detail, key).value_or(""), kShownValue);
      if (value.empty()) continue;
      line += " - " + value;
      break;
    }
  }
  if (const auto act = text("act"); !act.empty()) line += " (" + act + ")";
  std::printf("%s\n", line.c_str());
}

void print_member(const std::string& name, const json::value& value, int depth) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  if (const auto* o = value.if_object(); o != nullptr && !o->empty() && depth < 4) {
    std::printf("%s%s:\n", indent.c_str(), printable(name, kShownValue).c_str());
    for (const auto& member : *o) print_member(std::string(member.key().data(), member.key().size()), member.value(), depth + 1);
    return;
  }
  const auto text = value.is_string() ? std::string(json::view(value.get_string())) : json::write(value);
  std::printf("%s%s %s\n", indent.c_str(), padded(printable(name, kShownValue) + ":", 12).c_str(), printable(text).c_str());
}

void print_in_full(const ledger::Record& record) {
  std::printf("record %s:%llu\n", record.log.c_str(), static_cast<unsigned long long>(record.sequence));
  const auto document = json::parse(record.text);
  const auto* o = document ? document->if_object() : nullptr;
  if (o == nullptr) {
    std::printf("  %s\n", printable(record.text).c_str());
    return;
  }
  for (std::string_view key :
       {"at", "kind", "verdict", "act", "subject", "task", "surface", "server", "action", "resource", "band", "layer", "detail"}) {
    if (const auto* value = json::find(*o, key)) print_member(std::string(key), *value, 1);
  }
}

void print_all(const std::vector<ledger::Record>& records, bool as_json) {
  for (const auto& record : records) as_json ? print_json(record) : print_line(record);
}

void print_warnings(const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) std::fprintf(stderr, "interlock: %s\n", printable(warning).c_str());
}

int tail(const std::filesystem::path& folder, const std::vector<std::string>& args) {
  const auto options = parse(args, {"-f", "--follow"}, {"-n"});
  const bool as_json = options.has("--json");
  ledger::Query query;
  query.limit = kTailRecords;
  if (const auto text = options.value("-n"); !text.empty()) {
    const auto count = number(text);
    if (!count) return usage("-n takes a number");
    query.limit = *count;
  }
  if (!options.wrong.empty()) return usage(options.wrong);
  if (!options.rest.empty()) return usage("tail takes no " + options.rest[0]);
  const bool follow = options.has("-f") || options.has("--follow");
  // Made first, so that nothing falls between what is there and what comes.
  std::optional<ledger::Follower> follower;
  if (follow) {
    auto opened = ledger::Follower::open(folder);
    if (!opened) return trouble(opened.error(), as_json);
    follower = std::move(*opened);
  }
  auto found = ledger::find_receipts(folder, query);
  if (!found) return trouble(found.error(), as_json);
  print_warnings(found->warnings);
  print_all(found->records, as_json);
  std::set<std::pair<std::string, std::uint64_t>> shown;
  for (const auto& record : found->records) shown.emplace(record.log, record.sequence);
  while (follower && std::ferror(stdout) == 0) {
    std::fflush(stdout);
    auto records = follower->next();
    if (!records) return trouble(records.error(), as_json);
    std::erase_if(*records, [&](const ledger::Record& record) { return shown.contains({record.log, record.sequence}); });
    if (!records->empty()) shown.clear();
    print_all(*records, as_json);
    std::fflush(stdout);
    std::this_thread::sleep_for(kFollowPause);
  }
  return kDone;
}

int show(const std::filesystem::path& folder, const std::vector<std::string>& args) {
  const auto options = parse(args, {}, {});
  const bool as_json = options.has("--json");
  if (!options.wrong.empty()) return usage(options.wrong);
  if (options.rest.size() != 1) return usage("show takes the id of an act, or LOG:SEQUENCE");
  std::string what = options.rest[0];
  if (number(what)) what = ledger::log_name(1) + ":" + what;
  std::vector<ledger::Record> records;
  const auto colon = what.find(':');
  const auto sequence = colon == std::string::npos ? std::nullopt : number(what.substr(colon + 1));
  if (sequence) {
    auto record = ledger::read_receipt(folder, what.substr(0, colon), *sequence);
    if (!record) return trouble(record.error(), as_json);
    records.push_back(std::move(*record));
  } else {
    ledger::Query query;
    query.act = what;
    query.limit = kActRecords;
    auto found = ledger::find_receipts(folder, query);
    if (!found) return trouble(found.error(), as_json);
    print_warnings(found->warnings);
    records = std::move(found->records);
    if (records.empty())
      return trouble({ErrorCode::kNotFound, "the ledger has no receipt of " + what, "see what it has: interlock log tail"}, as_json);
  }
  for (const auto& record : records) as_json ? print_json(record) : print_in_full(record);
  return kDone;
}

int query(const std::filesystem::path& folder, const std::vector<std::string>& args) {
  const auto options =
      parse(args, {}, {"--act", "--subject", "--action", "--server", "--task", "--kind", "--verdict", "--since", "--until", "--limit"});
  const bool as_json = options.has("--json");
  if (!options.wrong.empty()) return usage(options.wrong);
  if (!options.rest.empty()) return usage("query takes no " + options.rest[0]);
  ledger::Query wanted;
  wanted.act = options.value("--act");
  wanted.kind = options.value("--kind");
  wanted.subject = options.value("--subject");
  wanted.task = options.value("--task");
  wanted.server = options.value("--server");
  wanted.action = options.value("--action");
  wanted.verdict = options.value("--verdict");
  wanted.limit = kQueryRecords;
  for (const auto& [name, target] : {std::pair{"--since", &wanted.since_ms}, std::pair{"--until", &wanted.until_ms}}) {
    if (const auto text = options.value(name); !text.empty()) {
      *target = moment(text);
      if (!*target) return usage(std::string(name) + " takes a time like 2026-11-24T14:00:00Z, or 2h for two hours ago");
    }
  }
  if (const auto text = options.value("--limit"); !text.empty()) {
    const auto limit = number(text);
    if (!limit) return usage("--limit takes a number");
    wanted.limit = *limit;
  }
  auto found = ledger::find_receipts(folder, wanted);
  if (!found) return trouble(found.error(), as_json);
  print_warnings(found->warnings);
  print_all(found->records, as_json);
  return kDone;
}

json::value to_json(const ledger::Report& report) {
  json::array logs;
  for (const auto& log : report.logs) {
    json::object o{{"log", log.log},         {"records", log.records}, {"signed", log.signed_records}, {"attempts", log.attempts},
                   {"results", log.results}, {"indexed", log.indexed}, {"torn_bytes", log.torn_bytes}, {"in_use", log.in_use}};
    if (!log.set_aside.empty()) o["set_aside"] = log.set_aside;
    logs.emplace_back(std::move(o));
  }
  json::array findings;
  for (const auto& finding : report.findings) {
    json::object o{{"log", finding.log}, {"what", finding.what}};
    if (finding.record) o["record"] = *finding.record;
    findings.emplace_back(std::move(o));
  }
  return json::object{{"intact", report.intact()}, {"logs", std::move(logs)}, {"findings", std::move(findings)}};
}

int verify(const std::filesystem::path& folder, const std::vector<std::string>& args) {
  const auto options = parse(args, {}, {"--checkpoint"});
  const bool as_json = options.has("--json");
  if (!options.wrong.empty()) return usage(options.wrong);
  if (!options.rest.empty()) return usage("verify takes no " + options.rest[0]);
  ledger::VerifyOptions wanted;
  for (auto [at, end] = options.values.equal_range("--checkpoint"); at != end; ++at) {
    auto note = ledger::read_file(at->second, tlog::kNoteBytes);
    if (!note) return trouble(note.error(), as_json);
    if (!*note) return trouble({ErrorCode::kNotFound, "there is no file " + at->second, {}}, as_json);
    wanted.kept_checkpoints.push_back(std::move(**note));
  }
  auto report = ledger::verify(folder, wanted);
  if (!report) return trouble(report.error(), as_json);
  if (as_json) {
    std::printf("%s\n", approval::terminal_json(to_json(*report)).c_str());
    return report->intact() ? kDone : kRefused;
  }
  std::uint64_t records = 0;
  for (const auto& log : report->logs) {
    records += log.records;
    std::printf("log %s: %llu records, %llu under a signed checkpoint; %llu attempts, %llu results%s\n", log.log.c_str(),
                static_cast<unsigned long long>(log.records), static_cast<unsigned long long>(log.signed_records),
                static_cast<unsigned long long>(log.attempts), static_cast<unsigned long long>(log.results), log.in_use ? "; in use" : "");
    if (log.torn_bytes > 0 && !log.in_use)
      std::printf("  a torn end of %llu bytes is cut off at the next start\n", static_cast<unsigned long long>(log.torn_bytes));
    if (!log.set_aside.empty()) std::printf("  set aside: %s\n", printable(log.set_aside).c_str());
  }
  for (const auto& finding : report->findings) {
    if (finding.record)
      std::printf("BROKEN record %s:%llu: %s\n", finding.log.c_str(), static_cast<unsigned long long>(*finding.record),
                  printable(finding.what).c_str());
    else std::printf("BROKEN %s%s: %s\n", finding.log.empty() ? "ledger" : "log ", finding.log.c_str(), printable(finding.what).c_str());
  }
  if (report->intact())
    std::printf("intact: %llu records, nothing was changed, moved or removed\n", static_cast<unsigned long long>(records));
  else std::printf("NOT INTACT: %zu findings\n", report->findings.size());
  return report->intact() ? kDone : kRefused;
}

int reindex(const std::filesystem::path& folder, const std::vector<std::string>& args) {
  const auto options = parse(args, {}, {});
  const bool as_json = options.has("--json");
  if (!options.wrong.empty() || !options.rest.empty()) return usage("reindex takes nothing but --json");
  auto records = ledger::reindex(folder);
  if (!records) return trouble(records.error(), as_json);
  if (as_json) std::printf("%s\n", json::write(json::object{{"records", *records}}).c_str());
  else std::printf("%llu records are in the index\n", static_cast<unsigned long long>(*records));
  return kDone;
}

int key(const std::filesystem::path& folder, const std::vector<std::string>& args) {
  const auto options = parse(args, {}, {});
  const bool as_json = options.has("--json");
  if (!options.wrong.empty() || !options.rest.empty()) return usage("key takes nothing but --json");
  auto signer = ledger::read_key(folder);
  if (!signer) return trouble(signer.error(), as_json);
  if (!*signer)
    return trouble(
        {ErrorCode::kNotFound, "there is no ledger in " + folder.string(), "it is made when a gate first starts with this state folder"},
        as_json);
  auto logs = ledger::list_logs(folder);
  if (!logs) return trouble(logs.error(), as_json);
  for (const auto& log : *logs) {
    auto own = (*signer)->renamed(ledger::log_origin((*signer)->verifier().name, log.name()));
    if (!own) return trouble(own.error(), as_json);
    const auto text = own->verifier().text();
    if (as_json)
      std::printf(
          "%s\n",
          approval::terminal_json(json::object{{"log", log.name()}, {"folder", log.folder.string()}, {"verifier_key", text}}).c_str());
    else std::printf("%s\n", text.c_str());
  }
  return kDone;
}

}  // namespace

int run_log(const std::filesystem::path& state_dir, std::vector<std::string> args) {
  const auto folder = state_dir / "ledger";
  if (args.empty()) return usage("which command?");
  const bool help = std::ranges::any_of(args, [](const std::string& word) { return word == "--help" || word == "-h"; });
  if (help || args[0] == "help") {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (args[0] == "tail") return tail(folder, args);
  if (args[0] == "show") return show(folder, args);
  if (args[0] == "query") return query(folder, args);
  if (args[0] == "verify") return verify(folder, args);
  if (args[0] == "reindex") return reindex(folder, args);
  if (args[0] == "key") return key(folder, args);
  return usage("unknown command " + args[0] + did_you_mean(args[0], {"tail", "show", "query", "verify", "reindex", "key"}));
}

}  // namespace interlock::cli
