#include "client/run_order.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/time.hpp"

namespace interlock::client {

const char* const kRunHelp =
    "usage: interlock run [OPTIONS] [--] COMMAND ARGS...\n"
    "  Runs a command, a coding agent say, as a task of its own: in a boundary that the kernel holds, with the gate as its only road out.\n"
    "  Each program that it starts is asked about; its MCP servers and its HTTP go through the gate. When it ends, its task ends.\n\n"
    "  --purpose TEXT          what it is for, as the record and the approvers read it\n"
    "  --scope JSON|@FILE      what the task may do, in the short form (docs/tasks.md)\n"
    "  --lifetime 2h           the task's end, at the latest\n"
    "  --workspace FOLDER      what it may change; default: the Git repository, or the folder, that this is called in\n"
    "  --strict                does not start where this kernel cannot enforce all of it\n"
    "  --quiet, --verbose      no notes on standard error; more of them\n"
    "  --ci                    in a pipeline: nobody is asked, what is denied makes it fail (docs/ci.md). With it:\n"
    "  --approval-timeout 15m  waits so long for the approvers at the gate\n"
    "  --identity-token FILE|env:NAME   the runner's OIDC token: who acts\n"
    "  --summary FILE, --sarif FILE     what was done, as Markdown; what was denied, as SARIF\n"
    "  --fail-on denied|never  the exit code where something was denied: 3, or the command's\n\n"
    "  Exit codes: the command's own; 125 the gate or the kernel does not let it start; 126 it cannot be run; 127 it is not there.\n";

namespace {

constexpr std::size_t kScopeBytes = 64 * 1024;
constexpr std::size_t kTokenBytes = 64 * 1024;

Result<std::string> file_text(const std::string& path, std::size_t limit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kNotFound, "cannot read " + path);
  std::string out(limit + 1, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  if (out.size() > limit) return fail(ErrorCode::kTooLarge, path + " is too large");
  return out;
}

Status read_scope(const std::string& text, RunOrder& out) {
  auto whole = text.starts_with('@') ? file_text(text.substr(1), kScopeBytes) : Result<std::string>(text);
  if (!whole) return fail(std::move(whole.error()));
  auto parsed = json::parse(*whole, {.size_bytes = kScopeBytes});
  if (!parsed || !parsed->is_object())
    return fail(ErrorCode::kInvalid, "--scope is no JSON object" + (parsed ? "" : ": " + parsed.error().message),
                "docs/tasks.md has the short form");
  out.scope = std::move(parsed->get_object());
  return {};
}

Status read_token(const std::string& from, RunOrder& out) {
  if (from.starts_with("env:")) {
    const char* value = std::getenv(from.c_str() + 4);
    if (value == nullptr || *value == '\0')
      return fail(ErrorCode::kNotFound, "--identity-token: the variable " + from.substr(4) + " is not set");
    out.identity_token = value;
  } else {
    auto text = file_text(from, kTokenBytes);
    if (!text) return fail(std::move(text.error()));
    out.identity_token = std::move(*text);
  }
  while (!out.identity_token.empty() && (out.identity_token.back() == '\n' || out.identity_token.back() == '\r'))
    out.identity_token.pop_back();
  if (out.identity_token.empty() || out.identity_token.size() > kTokenBytes)
    return fail(ErrorCode::kInvalid, "--identity-token holds no token");
  return {};
}

}  // namespace

Result<RunOrder> read_run_order(const Places& places, const std::vector<std::string>& words) {
  static constexpr std::array kWithValue = {"--purpose",        "--scope",   "--lifetime", "--workspace", "--approval-timeout",
                                            "--identity-token", "--summary", "--sarif",    "--fail-on"};
  RunOrder out;
  out.places = places;
  std::optional<std::string> fail_on;
  std::size_t at = 0;
  for (; at < words.size(); ++at) {
    const auto& word = words[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (!word.starts_with('-')) break;
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    if (name == "--help" || name == "-h") {
      out.help = true;
      return out;
    }
    if (word == "--strict") out.strict = true;
    else if (word == "--quiet") out.quiet = true;
    else if (word == "--verbose") out.verbose = true;
    else if (word == "--ci") out.ci = true;
    else if (std::ranges::find(kWithValue, name) != kWithValue.end()) {
      if (equals == std::string::npos && at + 1 == words.size()) return fail(ErrorCode::kInvalid, name + " needs a value");
      const auto value = equals == std::string::npos ? words[++at] : word.substr(equals + 1);
      Status read;
      if (name == "--purpose") out.purpose = value;
      else if (name == "--scope") read = read_scope(value, out);
      else if (name == "--lifetime") out.lifetime = value;
      else if (name == "--workspace") out.workspace = std::filesystem::absolute(value).lexically_normal().string();
      else if (name == "--approval-timeout") out.approval_timeout = value;
      else if (name == "--identity-token") read = read_token(value, out);
      else if (name == "--summary") out.summary_file = value;
      else if (name == "--sarif") out.sarif_file = value;
      else if (value == "denied" || value == "never") fail_on = value;
      else return fail(ErrorCode::kInvalid, "--fail-on takes denied or never, not " + value);
      if (!read) return fail(std::move(read.error()));
    } else {
      return fail(ErrorCode::kInvalid, "run knows no " + word, "options of the command stand behind it, or behind --");
    }
  }
  out.argv.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  if (out.argv.empty() || out.argv[0].empty()) return fail(ErrorCode::kInvalid, "run needs a command");
  if (!out.ci && !out.approval_timeout.empty()) return fail(ErrorCode::kInvalid, "--approval-timeout belongs to --ci");
  if (out.approval_timeout == "0") out.approval_timeout.clear();
  if (!out.approval_timeout.empty() && !parse_duration_ms(out.approval_timeout))
    return fail(ErrorCode::kInvalid, "--approval-timeout is no duration like 90s or 15m: " + out.approval_timeout, "0 waits for nobody");
  out.fail_on_denied = fail_on ? *fail_on == "denied" : out.ci;
  return out;
}

}  // namespace interlock::client
