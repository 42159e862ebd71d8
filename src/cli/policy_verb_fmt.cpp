// `interlock policy fmt`: policy files in their canonical layout.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "approval/display.hpp"
#include "cedar/format.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kHelp =
    "usage: interlock policy fmt [--check|--write] [--width N] FILE|DIR|-\n"
    "  Prints a policy file in its canonical layout. Comments stay where they are, and only blanks change.\n"
    "    --write    rewrite the files instead (any number of them, folders too)\n"
    "    --check    name the files that are not in this layout, and change nothing; exit code 1 where there is one\n"
    "    --width N  columns, 40 to 400 (default 120)\n"
    "    -          from standard input\n"
    "  Exit codes: 0 done, 1 does not parse or (--check) is not in this layout, 2 usage.\n";

constexpr std::size_t kLeastWidth = 40;
constexpr std::size_t kMostWidth = 400;

// Whole or not at all: a reader sees the old text or the new one.
Status replace_file(const std::string& file, const std::string& text) {
  struct stat facts{};
  if (::stat(file.c_str(), &facts) != 0) return fail(system_error(file, errno));
  std::string temporary = file + ".XXXXXX";
  const int out = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (out < 0) return fail(system_error(temporary, errno));
  auto give_up = [&]() -> Status {
    const int error = errno;
    ::close(out);
    ::unlink(temporary.c_str());
    return fail(system_error(file, error));
  };
  if (::fchmod(out, facts.st_mode & 07777) != 0) return give_up();
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(out, text.data() + at, text.size() - at);
    if (written < 0 && errno != EINTR) return give_up();
    if (written > 0) at += static_cast<std::size_t>(written);
  }
  if (::fsync(out) != 0 || ::rename(temporary.c_str(), file.c_str()) != 0) return give_up();
  ::close(out);
  return {};
}

Result<std::vector<cedar::PolicySource>> read(const Words& words) {
  if (words != Words{"-"}) return read_policy_files(words);
  cedar::PolicySource source{"standard input", {}};
  for (auto at = std::istreambuf_iterator<char>(std::cin); at != std::istreambuf_iterator<char>(); ++at) {
    if (source.text.size() == kMaxToolFileBytes)
      return fail(ErrorCode::kTooLarge, "standard input: more than " + std::to_string(kMaxToolFileBytes) + " bytes");
    source.text += *at;
  }
  return std::vector<cedar::PolicySource>{std::move(source)};
}

}  // namespace

int run_policy_fmt(const Words& words) {
  const auto arguments = parse_arguments(words, {"--check", "--write"}, {"--width"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const bool checks = arguments.has("--check");
  const bool writes = arguments.has("--write");
  if (arguments.rest.empty()) return complain_of_usage("fmt needs files", kHelp);
  if (checks && writes) return complain_of_usage("--check and --write exclude each other", kHelp);
  if (writes && arguments.rest == Words{"-"}) return complain_of_usage("--write needs files", kHelp);
  cedar::FormatOptions options;
  if (const std::string width = arguments.value("--width"); !width.empty()) {
    options.width = width.size() <= 4 && width.find_first_not_of("0123456789") == std::string::npos ? std::stoul(width) : 0;
    if (options.width < kLeastWidth || options.width > kMostWidth) return complain_of_usage("--width takes a number from 40 to 400", kHelp);
  }
  const bool as_json = arguments.has("--json");
  const auto sources = read(arguments.rest);
  if (!sources) return complain(sources.error(), as_json);
  if (!checks && !writes && sources->size() > 1) return complain_of_usage("several files need --check or --write", kHelp);

  int code = kDone;
  json::array changed;
  for (const auto& source : *sources) {
    std::vector<cedar::Diagnostic> all;
    const auto text = cedar::format_policies(source, options, &all);
    if (!text) {
      code = kRefused;
      for (const auto& one : all) std::fprintf(stderr, "%s", shown(one, "error").c_str());
      if (all.empty()) complain(text.error());
      continue;
    }
    if (!checks && !writes) {
      std::fwrite(text->data(), 1, text->size(), stdout);
      continue;
    }
    if (*text == source.text) continue;
    changed.emplace_back(source.name);
    if (!as_json) std::printf("%s\n", printable(source.name).c_str());
    if (checks) code = kRefused;
    if (!writes) continue;
    if (const auto done = replace_file(source.name, *text); !done) code = complain(done.error());
  }
  if (as_json)
    std::printf("%s\n", approval::terminal_json(json::object{{"files", sources->size()}, {"changed", std::move(changed)}}).c_str());
  return code;
}

}  // namespace interlock::cli
