// Code that stands in a command (python -c, node -e, awk, sed): the calls in it that are plain enough to be told. Private to the catalogue.
//
// A text is never understood whole: what is found is added to what is not known. Two small languages can be told to be harmless: awk and
// sed programs without a way to files and commands. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalogue/command_data.hpp"

namespace interlock::catalogue {

struct CodeFinding {
  Role role = Role::kText;
  bool recursive = false;
  std::vector<std::string> words;  // one path or text; of a command all its words
};

struct CodeReading {
  bool harmless = false;
  std::vector<CodeFinding> findings;
};

CodeReading read_inline_code(const CommandBook& book, std::string_view language, std::string_view text);

}  // namespace interlock::catalogue
