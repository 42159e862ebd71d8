// A source text and the places in it: from byte offset to line and column, and to a Diagnostic. Private to the library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

class SourceText {
 public:
  SourceText(std::string name, std::string text);

  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  Place place(std::uint32_t offset) const;
  Diagnostic diagnose(std::uint32_t offset, std::string message, std::string hint = {}) const;

 private:
  std::string name_;
  std::string text_;
  std::vector<std::uint32_t> line_starts_;
};

// What parsing a source found wrong. Keeps the first `limit` and counts the rest.
class Diagnostics {
 public:
  explicit Diagnostics(std::size_t limit) : limit_(limit) {}
  void add(Diagnostic diagnostic);
  bool empty() const { return found_ == 0; }
  bool full() const { return kept_.size() >= limit_; }
  const std::vector<Diagnostic>& kept() const { return kept_; }
  Error error() const;  // the first, and how many more

 private:
  std::size_t limit_;
  std::size_t found_ = 0;
  std::vector<Diagnostic> kept_;
};

}  // namespace interlock::cedar
