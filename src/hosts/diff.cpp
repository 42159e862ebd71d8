// A unified diff for people: edit.hpp.
#include <algorithm>

#include "hosts/edit.hpp"

namespace interlock::hosts {
namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kCells = 4'000'000;  // of the table of common lines; a larger stretch is shown as gone and come as a whole
constexpr std::size_t kShownBytes = 300;   // of a line: whole files on one line are common

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto bytes = end == std::string_view::npos ? text.size() : end + 1;
    out.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return out;
}

struct Line {
  char sign = ' ';
  std::string_view text;
};

using Lines = std::vector<std::string_view>;

void put_all(std::vector<Line>& out, char sign, const Lines& lines, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) out.push_back({sign, lines[i]});
}

// The lines between what both begin and end with, by their longest common subsequence.
void put_middle(std::vector<Line>& out, const Lines& a, const Lines& b, std::size_t begin, std::size_t a_end, std::size_t b_end) {
  const auto rows = a_end - begin;
  const auto columns = b_end - begin;
  if ((rows + 1) * (columns + 1) > kCells) {
    put_all(out, '-', a, begin, a_end);
    put_all(out, '+', b, begin, b_end);
    return;
  }
  std::vector<std::uint32_t> common((rows + 1) * (columns + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (columns + 1) + j]; };
  for (std::size_t i = rows; i-- > 0;)
    for (std::size_t j = columns; j-- > 0;)
      at(i, j) = a[begin + i] == b[begin + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && a[begin + i] == b[begin + j]) {
      out.push_back({' ', a[begin + i]});
      ++i;
      ++j;
    } else if (j == columns || (i < rows && at(i + 1, j) >= at(i, j + 1))) {
      out.push_back({'-', a[begin + i++]});
    } else {
      out.push_back({'+', b[begin + j++]});
    }
  }
}

std::vector<Line> compared(const Lines& a, const Lines& b) {
  std::size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < a.size() - head && tail < b.size() - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  std::vector<Line> out;
  put_all(out, ' ', a, 0, head);
  put_middle(out, a, b, head, a.size() - tail, b.size() - tail);
  put_all(out, ' ', a, a.size() - tail, a.size());
  return out;
}

bool is_secret_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (const std::string_view part : {"key", "token", "secret", "password", "passwd", "authorization", "cookie", "credential"})
    if (lower.contains(part)) return true;
  return false;
}

// "API_KEY": "sk-..." becomes "API_KEY": "***".
std::string without_secrets(std::string_view line) {
  std::string out;
  bool secret = false;  // the text before named one
  std::size_t i = 0;
  while (i < line.size()) {
    if (line[i] != '"') {
      out += line[i++];
      continue;
    }
    auto end = i + 1;
    while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
    end = std::min(end, line.size());
    const auto text = line.substr(i + 1, end - i - 1);
    auto after = std::min(end + 1, line.size());
    while (after < line.size() && (line[after] == ' ' || line[after] == '\t')) ++after;
    const bool name = after < line.size() && (line[after] == ':' || line[after] == '=');
    if (secret && !name) out += "\"***\"";
    else out.append(line.substr(i, std::min(end + 1, line.size()) - i));
    if (name) secret = is_secret_name(text);
    i = std::min(end + 1, line.size());
  }
  return out;
}

void put_line(std::string& out, const Line& line) {
  auto text = without_secrets(line.text);
  const bool ended = text.ends_with('\n');
  if (ended) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "... (" + std::to_string(line.text.size()) + " bytes)";
  out += line.sign;
  out += text + "\n";
  if (!ended) out += "\\ No newline at end of file\n";
}

void put_range(std::string& out, char sign, std::size_t first, std::size_t count) {
  out += sign;
  out += std::to_string(count == 0 ? first : first + 1);
  if (count != 1) out += "," + std::to_string(count);
}

}  // namespace

std::string diff(const Change& change) {
  if (change.before == change.after) return {};
  const auto a = lines_of(change.before ? std::string_view(*change.before) : std::string_view());
  const auto b = lines_of(change.after ? std::string_view(*change.after) : std::string_view());
  const auto lines = compared(a, b);
  std::string out = "--- " + (change.before ? change.path : "/dev/null") + "\n+++ " + (change.after ? change.path : "/dev/null") + "\n";
  std::size_t in_a = 0;
  std::size_t in_b = 0;
  std::size_t i = 0;
  while (i < lines.size()) {
    if (lines[i].sign == ' ') {
      ++i, ++in_a, ++in_b;
      continue;
    }
    const auto begin = i - std::min(i, kContext);
    // Changes nearer to one another than twice the context are one hunk.
    auto end = i;
    for (auto k = i, quiet = std::size_t{0}; k < lines.size() && quiet <= 2 * kContext; ++k) {
      quiet = lines[k].sign == ' ' ? quiet + 1 : 0;
      if (quiet == 0) end = k + 1;
    }
    end = std::min(lines.size(), end + kContext);
    const auto count = [&](char sign) {
      return static_cast<std::size_t>(std::count_if(lines.begin() + static_cast<std::ptrdiff_t>(begin),
                                                    lines.begin() + static_cast<std::ptrdiff_t>(end),
                                                    [&](const Line& line) { return line.sign == ' ' || line.sign == sign; }));
    };
    out += "@@ ";
    put_range(out, '-', in_a - (i - begin), count('-'));
    out += " ";
    put_range(out, '+', in_b - (i - begin), count('+'));
    out += " @@\n";
    for (auto k = begin; k < end; ++k) {
      put_line(out, lines[k]);
      if (k < i) continue;
      if (lines[k].sign != '+') ++in_a;
      if (lines[k].sign != '-') ++in_b;
    }
    i = end;
  }
  return out;
}

}  // namespace interlock::hosts
