#include "cedar/format_layout.hpp"

#include <utility>

namespace interlock::cedar {
namespace {

constexpr std::size_t kIndent = 2;

// Columns, as far as code points are columns.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

}  // namespace

PartId Layout::add(Part part) {
  parts_.push_back(std::move(part));
  return static_cast<PartId>(parts_.size() - 1);
}

PartId Layout::text(std::string_view view) { return add({.kind = Kind::kText, .text = view, .children = {}}); }
PartId Layout::comment_before(std::string_view view) {
  return add({.kind = Kind::kBefore, .begins_with_comment = true, .text = view, .children = {}});
}
PartId Layout::comment_behind(std::string_view view) {
  return add({.kind = Kind::kBehind, .ends_with_comment = true, .text = view, .children = {}});
}
PartId Layout::line() { return add({.kind = Kind::kLine, .text = " ", .children = {}}); }
PartId Layout::soft_line() { return add({.kind = Kind::kSoftLine, .text = {}, .children = {}}); }
PartId Layout::hard_line() { return add({.kind = Kind::kHardLine, .breaks = true, .text = {}, .children = {}}); }

PartId Layout::sequence(std::vector<PartId> parts) {
  Part whole{.kind = Kind::kSequence, .text = {}, .children = std::move(parts)};
  for (std::size_t i = 0; i < whole.children.size(); ++i) {
    const Part& part = parts_[whole.children[i]];
    const bool is_first = i == 0;
    const bool is_last = i + 1 == whole.children.size();
    whole.breaks = whole.breaks || part.breaks ||
                   (!is_first && part.begins_with_comment && parts_[whole.children[i - 1]].kind != Kind::kBefore) ||
                   (!is_last && part.ends_with_comment);
    if (is_first) whole.begins_with_comment = part.begins_with_comment;
    if (is_last) whole.ends_with_comment = part.ends_with_comment;
  }
  return add(std::move(whole));
}

PartId Layout::nest(PartId part) {
  const Part& inner = parts_[part];
  return add({.kind = Kind::kNest,
              .breaks = inner.breaks,
              .begins_with_comment = inner.begins_with_comment,
              .ends_with_comment = inner.ends_with_comment,
              .text = {},
              .children = {part}});
}

PartId Layout::group(PartId part) {
  const Part& inner = parts_[part];
  return add({.kind = Kind::kGroup,
              .breaks = inner.breaks,
              .begins_with_comment = inner.begins_with_comment,
              .ends_with_comment = inner.ends_with_comment,
              .text = {},
              .children = {part}});
}

class Layout::Printer {
 public:
  Printer(const Layout& layout, std::size_t width) : layout_(layout), width_(width) {}

  std::string print(PartId whole) {
    todo_.push_back({whole, 0, false});
    while (!todo_.empty()) {
      const Place place = todo_.back();
      todo_.pop_back();
      step(place);
    }
    return std::move(out_);
  }

 private:
  void step(const Place& place) {
    const Part& part = layout_.parts_[place.part];
    switch (part.kind) {
      case Kind::kText:
        if (line_is_over_) new_line(place.indent);
        write(part.text);
        break;
      case Kind::kBefore:
        if (line_is_over_ || !at_line_start_) new_line(place.indent);
        write(part.text);
        line_is_over_ = true;
        break;
      case Kind::kBehind:
        write(" ");
        write(part.text);
        line_is_over_ = true;
        break;
      case Kind::kLine:
      case Kind::kSoftLine:
        if (line_is_over_ || !place.flat) new_line(place.indent);
        else write(part.text);
        break;
      case Kind::kHardLine: new_line(place.indent); break;
      case Kind::kSequence: push(part, place.indent, place.flat); break;
      case Kind::kNest: push(part, place.indent + kIndent, place.flat); break;
      case Kind::kGroup: push(part, place.indent, place.flat || (!part.breaks && fits(place))); break;
    }
  }

  void push(const Part& part, std::size_t indent, bool flat) {
    for (auto child = part.children.rbegin(); child != part.children.rend(); ++child) todo_.push_back({*child, indent, flat});
  }

  // Whether the group, and what follows it up to the next break, ends before the margin.
  bool fits(const Place& group) const {
    std::size_t column = line_is_over_ ? group.indent : column_;
    std::vector<Place> ahead{{group.part, group.indent, true}};
    std::size_t rest = todo_.size();
    while (column <= width_) {
      if (ahead.empty()) {
        if (rest == 0) return true;
        ahead.push_back(todo_[--rest]);
      }
      const Place place = ahead.back();
      ahead.pop_back();
      const Part& part = layout_.parts_[place.part];
      switch (part.kind) {
        case Kind::kText: column += width_of(part.text); break;
        case Kind::kLine:
        case Kind::kSoftLine:
          if (!place.flat) return true;
          column += part.text.size();
          break;
        case Kind::kBehind:
        case Kind::kHardLine: return true;
        case Kind::kBefore:
          if (rest < todo_.size()) return true;  // it begins a line behind the group
          break;                                 // it stands before the group, which begins on the next line
        case Kind::kSequence:
        case Kind::kNest:
        case Kind::kGroup:
          for (auto child = part.children.rbegin(); child != part.children.rend(); ++child)
            ahead.push_back({*child, place.indent, place.flat});
          break;
      }
    }
    return false;
  }

  void new_line(std::size_t indent) {
    if (!at_line_start_ || line_is_over_) out_ += '\n';
    indent_ = indent;
    column_ = indent;
    at_line_start_ = true;
    line_is_over_ = false;
  }

  void write(std::string_view text) {
    if (text.empty()) return;
    if (at_line_start_) out_.append(indent_, ' ');
    at_line_start_ = false;
    out_ += text;
    column_ += width_of(text);
  }

  const Layout& layout_;
  const std::size_t width_;
  std::vector<Place> todo_;
  std::string out_;
  std::size_t column_ = 0;
  std::size_t indent_ = 0;
  bool at_line_start_ = true;
  bool line_is_over_ = false;  // a comment was written: nothing may follow it on its line
};

std::string Layout::print(PartId whole, std::size_t width) const { return Printer(*this, width).print(whole); }

}  // namespace interlock::cedar
