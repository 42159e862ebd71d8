#include "cli/secret_import.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "base/json.hpp"
#include "store/sealed.hpp"

namespace interlock::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

std::unexpected<Error> wrong_line(std::size_t number, std::string_view why) {
  return fail(ErrorCode::kInvalid, "line " + std::to_string(number) + " " + std::string(why), "write NAME=VALUE, or NAME=\"VALUE\"");
}

bool is_variable(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

// What stands in double quotes, with its escapes undone; nullopt: the quotes are not closed, or something follows them.
std::optional<std::string> unquoted(std::string_view text) {
  std::string out;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      const auto rest = trimmed(text.substr(at + 1));
      if (rest.empty() || rest.front() == '#') return out;
      break;
    }
    if (text[at] == '\\' && at + 1 < text.size()) {
      const char next = text[++at];
      out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
      continue;
    }
    out += text[at];
  }
  store::wipe(out);
  return std::nullopt;
}

Result<credential::Secret> value_of(std::string_view text, std::size_t number) {
  if (text.starts_with('"')) {
    auto value = unquoted(text);
    if (!value) return wrong_line(number, "has quotes that are not closed, or text behind them");
    return credential::Secret::take(std::move(*value));
  }
  if (text.starts_with('\'')) {
    const auto end = text.find('\'', 1);
    const auto rest = end == std::string_view::npos ? text : trimmed(text.substr(end + 1));
    if (!rest.empty() && rest.front() != '#') return wrong_line(number, "has quotes that are not closed, or text behind them");
    return credential::Secret(text.substr(1, end - 1));
  }
  // A comment behind a plain value begins with a blank; a # within it is a part of it.
  const auto comment = text.find(" #");
  return credential::Secret(trimmed(text.substr(0, comment)));
}

Status add(NamedSecrets& out, std::set<std::string>& seen, std::string name, credential::Secret value) {
  if (out.size() == kImportSecrets)
    return fail(ErrorCode::kTooLarge, "the file has more than " + std::to_string(kImportSecrets) + " secrets", "import it in parts");
  if (!seen.insert(name).second) return fail(ErrorCode::kConflict, name + " comes twice", "keep the one that is meant");
  if (value.empty()) return fail(ErrorCode::kInvalid, name + " is empty", "leave it out");
  out.emplace_back(std::move(name), std::move(value));
  return {};
}

Result<NamedSecrets> read_lines(std::string_view text) {
  NamedSecrets out;
  std::set<std::string> seen;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    const auto equals = line.find('=');
    const auto name = trimmed(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_variable(name)) return wrong_line(number, "is no assignment");
    auto value = value_of(trimmed(line.substr(equals + 1)), number);
    if (!value) return fail(std::move(value.error()));
    if (auto added = add(out, seen, std::string(name), std::move(*value)); !added) return fail(std::move(added.error()));
  }
  return out;
}

Status read_object(const json::object& object, const std::string& above, NamedSecrets& out, std::set<std::string>& seen) {
  for (const auto& member : object) {
    const auto name = above + std::string(member.key().data(), member.key().size());
    Status added;
    if (const auto* nested = member.value().if_object()) added = read_object(*nested, name + "/", out, seen);
    else if (const auto* text = member.value().if_string()) added = add(out, seen, name, credential::Secret(json::view(*text)));
    else added = fail(ErrorCode::kInvalid, name + " is no text", "write secrets as texts, in quotes");
    if (!added) return added;
  }
  return {};
}

}  // namespace

Result<NamedSecrets> read_import(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') return read_lines(text);
  const auto document = json::parse(text);
  // The parser's own words may quote what it found.
  if (!document) return fail(ErrorCode::kInvalid, "the file begins as JSON and is none");
  NamedSecrets out;
  std::set<std::string> seen;
  if (auto read = read_object(document->get_object(), "", out, seen); !read) return fail(std::move(read.error()));
  return out;
}

}  // namespace interlock::cli
