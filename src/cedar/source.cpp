// Places in sources and how errors about them read.
#include "cedar/source.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

constexpr std::size_t kMaxShownLine = 200;  // bytes of a source line in a diagnostic

// What was read as JSON has no lines.
std::string place_text(const Diagnostic& diagnostic) {
  if (diagnostic.line == 0) return diagnostic.source + ": ";
  return diagnostic.source + ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) + ": ";
}

}  // namespace

SourceText::SourceText(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)), line_starts_{0} {
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    line_starts_.push_back(static_cast<std::uint32_t>(at + 1));
  }
}

Place SourceText::place(std::uint32_t offset) const {
  auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {static_cast<std::uint32_t>(after - line_starts_.begin()), offset - *(after - 1) + 1};
}

Diagnostic SourceText::diagnose(std::uint32_t offset, std::string message, std::string hint) const {
  Diagnostic diagnostic;
  diagnostic.source = name_;
  Place at = place(offset);
  diagnostic.line = at.line;
  diagnostic.column = at.column;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  std::string_view rest = std::string_view(text_).substr(offset - (at.column - 1));
  rest = rest.substr(0, rest.find_first_of("\r\n"));
  diagnostic.source_line = std::string(rest.substr(0, kMaxShownLine));
  return diagnostic;
}

void Diagnostics::add(Diagnostic diagnostic) {
  ++found_;
  if (!full()) kept_.push_back(std::move(diagnostic));
}

Error Diagnostics::error() const {
  if (kept_.empty()) return Error{ErrorCode::kInternal, "no diagnostic was kept", {}};
  const Diagnostic& first = kept_.front();
  std::string message = place_text(first) + first.message;
  if (found_ > 1) message += " (and " + std::to_string(found_ - 1) + " more)";
  return Error{ErrorCode::kInvalid, std::move(message), first.hint};
}

std::string Diagnostic::text() const {
  std::string out = place_text(*this) + message;
  if (!hint.empty()) out += " (" + hint + ")";
  if (!source_line.empty() && column <= source_line.size() + 1) {
    out += "\n  " + source_line + "\n  ";
    // Tabs stay tabs under tabs, so that the caret stands where the reader's terminal put the character.
    for (std::uint32_t i = 0; i + 1 < column; ++i) out += source_line[i] == '\t' ? '\t' : ' ';
    out += '^';
  }
  return out;
}

}  // namespace interlock::cedar
