// The words of one command as its program would read them: verb, flags, operands, and what each of them is. Private to the catalogue.
//
// Nothing is guessed: a flag that is not listed, a verb that is not there, a word that is only known when it runs each leave a reason in
// `unknowable`. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalogue/command_data.hpp"
#include "shell/commands.hpp"

namespace interlock::catalogue {

struct RoledWord {
  Role role = Role::kText;
  shell::Value value;
  std::string flag;  // whose value it is; empty: an operand
};

struct CommandLine {
  const Program* program = nullptr;   // of the verb
  std::vector<std::string> names;     // {"git", "stash", "drop"}
  std::vector<std::string> flags;     // by their names in the catalogue; as written where it has none
  std::vector<std::string> operands;  // as written where they are only known when it runs
  std::vector<RoledWord> words;       // those that are more than text
  std::vector<shell::Value> command;  // COMMAND, or MODULE with its words
  bool module = false;
  std::string placeholder;                       // what stands for words that come from the input (xargs -I)
  std::vector<std::vector<shell::Value>> until;  // UNTIL, one each
  std::optional<Role> here;                      // no operand is a path: this is done to the folder that it works in
  Does does;
  bool known = true;        // false: it may do more than `does` says, within what the program can do
  bool may_run = false;     // ... and may run anything
  bool only_shown = false;  // a dry run, or help
  std::vector<std::string> unknowable;
};

// `words` are those after the program's name.
CommandLine read_command_line(const NamedProgram& program, std::span<const shell::Value> words);

// "git stash drop" of the first three names; "git/stash/drop" with '/'.
std::string joined(std::span<const std::string> names, char between);

// What people read for a word: its text, or as it is written.
inline const std::string& shown(const shell::Value& value) { return value.text ? *value.text : value.written; }

}  // namespace interlock::catalogue
