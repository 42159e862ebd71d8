// What a script runs: its simple commands, wherever they stand, with what is known of each word before anything is run.
//
// Walks lists, pipelines, compounds, functions, substitutions and the text that a shell would run as a script again (`eval`, `sh -c`, trap,
// here-documents and pipes into a shell). Variables that the script itself sets to a known value are known after it, while no branch,
// loop, subshell or substitution makes that uncertain. `cd` is followed the same way. What is not known is said to be so: a word without
// a value, `unknowable` with the reason. Nothing is ever left out in silence. Pure; any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "shell/syntax.hpp"

namespace interlock::shell {

// A word as the program will get it, as far as that can be told.
struct Value {
  std::optional<std::string> text;  // nullopt: it depends on what runs
  std::string written;              // as it stands in the script, for people
  bool glob = false;                // it may become any number of names: `text` is the pattern
  bool may_split = false;           // it may become several words, or none
  std::string prefix;               // of an unknown one: what it begins with for sure
};

struct Access {
  enum class Kind : std::uint8_t { kRead, kWrite, kAppend };
  Kind kind = Kind::kRead;
  Value path;
};

struct RunCommand {
  std::vector<Value> argv;                                 // empty: assignments or redirections alone
  std::vector<std::pair<std::string, Value>> environment;  // assignments before it
  std::vector<Access> redirections;                        // of it, and of the compounds around it; /dev/null and descriptors left out
  std::optional<std::string> cwd;                          // nullopt: not known any more
  std::optional<Value> input;                              // a here-document or here-string, as it would read it
  bool from_pipe = false;                                  // reads another command's output
  int pipe_from = -1;                                      // that command's place in the result
  bool background = false;
  bool conditional = false;  // it may not run (&&, ||, if, case, loops)
  std::string function;      // in the body of this function
  std::size_t offset = 0;
  std::vector<std::string> unknowable;  // reasons why more than this could run: "the program's name is a variable"
};

struct Surroundings {
  std::optional<std::string> cwd;
  std::map<std::string, std::string> variables;  // HOME, USER, PWD and what else is known for sure
};

struct Commands {
  std::vector<RunCommand> commands;
  std::vector<std::string> unknowable;  // of the script as a whole
};

// Functions that the script defines are not commands: their bodies are in the result, and a call of one is marked with its name.
Commands commands_of(const Script& script, const Surroundings& around = {}, Limits limits = {});

}  // namespace interlock::shell
