// Characters, blanks, complaints, and the whole of a text.
#include "shell/parser.hpp"

#include <algorithm>

namespace interlock::shell {
namespace {

constexpr std::size_t kReservedBytes = 8;

// Well-formed UTF-8 (RFC 3629) without NUL. The offset of the first byte that is not; npos: all is.
std::size_t first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return i;
    if (byte < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (byte < 0xc2 || byte > 0xf4 || i + length > text.size()) return i;
    std::uint32_t code = byte & (0xff >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return i;
      code = code << 6 | (next & 0x3f);
    }
    static constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::string place_of(std::string_view text, std::size_t at) {
  const auto before = text.substr(0, at);
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto start = before.rfind('\n');
  return "line " + std::to_string(line) + ", column " + std::to_string(at - (start == std::string_view::npos ? 0 : start + 1) + 1);
}

}  // namespace

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_meta(char c) { return std::string_view(" \t\n;&|<>()").contains(c); }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

void append_text(std::vector<Piece>& out, std::string_view text, bool quoted) {
  if (!out.empty() && out.back().kind == Piece::Kind::kText && out.back().quoted == quoted) {
    out.back().text += text;
    return;
  }
  Piece piece;
  piece.quoted = quoted;
  piece.text = text;
  out.push_back(std::move(piece));
}

std::optional<std::string> Word::literal() const {
  std::string out;
  for (const auto& piece : pieces) {
    if (piece.kind != Piece::Kind::kText) return std::nullopt;
    if (!piece.quoted) {
      if (piece.text.find_first_of("*?[{") != std::string::npos) return std::nullopt;
      if (&piece == &pieces.front() && piece.text.starts_with('~')) return std::nullopt;
    }
    out += piece.text;
  }
  return out;
}

bool Parser::take(std::string_view what) {
  if (!starts(what)) return false;
  at_ += what.size();
  return true;
}

void Parser::complain(ErrorCode code, std::string what) {
  if (!error_) error_ = Error{code, place_of(text_, std::min(at_, text_.size())) + ": " + std::move(what), {}};
  at_ = text_.size();
}

bool Parser::skip_continuation() { return take("\\\n"); }

void Parser::skip_blanks() {
  for (;;) {
    while (is_blank(peek()) || (peek() == '\r' && peek(1) == '\n')) ++at_;
    if (skip_continuation()) continue;
    if (peek() == '#') {
      while (!at_end() && peek() != '\n') ++at_;
    }
    return;
  }
}

bool Parser::skip_newline() {
  if (peek() != '\n') return false;
  ++at_;
  if (!pending_.empty()) read_here_documents();
  return true;
}

void Parser::skip_newlines() {
  do skip_blanks();
  while (skip_newline());
}

std::string_view Parser::reserved_here() const {
  auto end = at_;
  while (end < text_.size() && end - at_ <= kReservedBytes && !is_meta(text_[end])) {
    if (std::string_view("\\'\"$`").contains(text_[end])) return {};
    ++end;
  }
  const auto word = text_.substr(at_, end - at_);
  static constexpr std::string_view kWords[] = {"if",   "then", "else",   "elif",     "fi",  "do",     "done",
                                                "case", "esac", "while",  "until",    "for", "in",     "{",
                                                "}",    "!",    "select", "function", "[[",  "coproc", "time"};
  return std::ranges::find(kWords, word) == std::end(kWords) ? std::string_view() : word;
}

Script Parser::parse_all() {
  auto out = parse_list({}, {});
  if (!failed() && !pending_.empty()) read_here_documents();  // by the end of the text, as bash does with a warning
  return out;
}

Result<Script> parse(std::string_view text, Dialect dialect, Limits limits) {
  if (text.size() > limits.bytes) return fail(ErrorCode::kTooLarge, "the script is longer than " + std::to_string(limits.bytes) + " bytes");
  if (const auto bad = first_bad_byte(text); bad != std::string_view::npos) {
    return fail(ErrorCode::kInvalid, place_of(text, bad) + (text[bad] == '\0' ? ": a NUL byte" : ": a byte that is no UTF-8"),
                "no shell takes it as it looks");
  }
  Budget budget{.limits = limits};
  Parser parser(text, dialect, budget);
  auto out = parser.parse_all();
  if (parser.error()) return fail(*parser.error());
  return out;
}

}  // namespace interlock::shell
