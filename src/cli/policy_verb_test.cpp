// `interlock policy test`: cases against policies, for people, for CI and as JUnit.
#include <cstdio>
#include <fstream>

#include "approval/display.hpp"
#include "cli/policy_cases.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kHelp =
    "usage: interlock policy test FILE|DIR... [--junit FILE] [--quiet] [--json]\n"
    "  Runs files of requests with the verdicts they should get (docs/policy-tools.md tells the format):\n\n"
    "    preset: balanced\n"
    "    servers: {files: filesystem}\n"
    "    workspace: [/work]\n"
    "    cases:\n"
    "      - {name: a file is written, server: files, tool: write_file, args: {path: /work/a}, expect: allow, by: "
    "[balanced/routine-writes]}\n\n"
    "    --junit FILE  also write the results as JUnit XML\n"
    "    --quiet       name only the cases that fail\n"
    "  The last line is \"N passed, N failed\". Exit codes: 0 all passed, 1 some failed or there was none, 2 usage.\n";

struct CaseOutcome {
  std::string file;
  std::string name;
  std::string place;
  std::vector<std::string> differences;
};

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;  // XML 1.0 has no other controls
    }
  }
  return out;
}

Status write_junit(const std::string& path, const std::vector<CaseOutcome>& outcomes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  std::size_t failures = 0;
  for (const auto& one : outcomes) failures += one.differences.empty() ? 0 : 1;
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"interlock policy test\" tests=\"" << outcomes.size()
      << "\" failures=\"" << failures << "\">\n";
  for (const auto& one : outcomes) {
    out << "  <testcase classname=\"" << xml_text(one.file) << "\" name=\"" << xml_text(one.name) << '"';
    if (one.differences.empty()) {
      out << "/>\n";
      continue;
    }
    out << ">\n    <failure message=\"" << xml_text(one.differences.front()) << "\">" << xml_text(one.place);
    for (const auto& line : one.differences) out << '\n' << xml_text(line);
    out << "</failure>\n  </testcase>\n";
  }
  out << "</testsuite>\n</testsuites>\n";
  out.close();
  if (!out) return fail(ErrorCode::kIo, path + " can't be written");
  return {};
}

}  // namespace

int run_policy_test(const Words& words) {
  const auto arguments = parse_arguments(words, {"--quiet"}, {"--junit"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (arguments.rest.empty()) return complain_of_usage("test needs files of cases", kHelp);
  const bool as_json = arguments.has("--json");
  const auto files = policy_case_files(arguments.rest);
  if (!files) return complain(files.error(), as_json);
  std::vector<CaseOutcome> outcomes;
  for (const auto& path : *files) {
    const auto file = read_policy_cases(path);
    if (!file) return complain(file.error(), as_json);
    if (!as_json) std::printf("%s\n", printable(file->name).c_str());
    for (const PolicyCase& one : file->cases) {
      const auto got = decide(*file, one);
      CaseOutcome outcome{file->name, one.name, one.place, got ? differences(one, *got) : std::vector<std::string>{got.error().text()}};
      const bool good = outcome.differences.empty();
      if (!as_json && good && !arguments.has("--quiet")) std::printf("  ok    %s\n", printable(one.name).c_str());
      if (!as_json && !good) {
        std::printf("  FAIL  %s  (%s)\n", printable(one.name).c_str(), printable(one.place).c_str());
        for (const auto& line : outcome.differences) std::printf("          %s\n", printable(line).c_str());
      }
      outcomes.push_back(std::move(outcome));
    }
  }
  std::size_t failed = 0;
  for (const auto& one : outcomes) failed += one.differences.empty() ? 0 : 1;
  const std::size_t passed = outcomes.size() - failed;
  if (as_json) {
    json::array list;
    for (const auto& one : outcomes) {
      json::array differ;
      for (const auto& line : one.differences) differ.emplace_back(line);
      list.emplace_back(json::object{{"file", one.file},
                                     {"name", one.name},
                                     {"place", one.place},
                                     {"ok", one.differences.empty()},
                                     {"differences", std::move(differ)}});
    }
    std::printf("%s\n", approval::terminal_json(json::object{{"passed", passed}, {"failed", failed}, {"cases", std::move(list)}}).c_str());
  }
  if (const std::string junit = arguments.value("--junit"); !junit.empty()) {
    if (const auto written = write_junit(junit, outcomes); !written) return complain(written.error(), as_json);
  }
  if (!as_json) {
    if (outcomes.empty()) std::printf("no case ran, which is a failure\n");
    std::printf("%zu passed, %zu failed\n", passed, failed);
  }
  return failed == 0 && passed > 0 ? kDone : kRefused;
}

}  // namespace interlock::cli
