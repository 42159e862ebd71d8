// Laying out text in lines of bounded width: a document says where lines may break, the printer chooses. Private to the library.
//
// Parts are grouped; a group stands on one line where it fits, else all of its own breaks are taken (Wadler's "prettier
// printer"). Comments are part of the document and always end a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::cedar {

using PartId = std::uint32_t;

class Layout {
 public:
  PartId text(std::string_view view);            // a view: it must live as long as the layout
  PartId comment_before(std::string_view view);  // on a line of its own
  PartId comment_behind(std::string_view view);  // at the end of the line
  PartId line();                                 // a blank, or a new line
  PartId soft_line();                            // nothing, or a new line
  PartId hard_line();                            // a new line
  PartId sequence(std::vector<PartId> parts);
  PartId nest(PartId part);  // two columns to the right
  PartId group(PartId part);

  std::string print(PartId whole, std::size_t width) const;

 private:
  enum class Kind : std::uint8_t { kText, kBefore, kBehind, kLine, kSoftLine, kHardLine, kSequence, kNest, kGroup };
  struct Part {
    Kind kind = Kind::kText;
    // A break inside, at which the part can't stand on one line. A comment at its begin or end is not inside.
    bool breaks = false;
    bool begins_with_comment = false;
    bool ends_with_comment = false;
    std::string_view text;
    std::vector<PartId> children;
  };
  struct Place {
    PartId part;
    std::size_t indent;
    bool flat;
  };
  class Printer;

  PartId add(Part part);

  std::vector<Part> parts_;
};

}  // namespace interlock::cedar
