// The walk over a script that commands_of() is: which commands run, with what is known of the shell where each stands. Private to the room.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shell/commands.hpp"
#include "shell/values.hpp"
#include "shell/variables.hpp"

namespace interlock::shell {

class Walk {
 public:
  Walk(const Surroundings& around, Limits limits);
  void script(const Script& script);
  Commands take() { return std::move(out_); }

 private:
  // Where a command stands.
  struct Place {
    bool conditional = false;
    bool background = false;
    std::string function = {};
    std::vector<const std::vector<Redirection>*> around = {};  // of the compounds that it is in, the outermost first
    bool from_pipe = false;
    int pipe_from = -1;
  };

  void list(const Script& script, const Place& place);
  void pipeline(const Pipeline& pipeline, const Place& place);
  void command(const Command& command, const Place& place);
  void compound(const Command& command, const Place& place);
  void loop(const Command& command, const Place& place);
  void branches(const Command& command, const Place& place);
  void in_copy(const Script& script, const Place& place);  // what it sets is gone afterwards
  void simple(const Simple& simple, const Place& place);
  void call(const std::string& name, const std::vector<Value>& argv, const Place& place);
  void emit(RunCommand run, const Simple& simple, const Place& place);
  void redirections(const std::vector<Redirection>& list, const Place& place, RunCommand& run);
  // Substitutions run before the command that they are in.
  void substitutions(const Word& word, const Place& place);
  void substitutions(const std::vector<Piece>& pieces, const Place& place);
  void forget_assigned(const Script& script);
  void forget_assigned(const Command& command);
  std::optional<std::string> known_output(const Script& script);
  std::optional<std::string> output_of(const std::vector<Value>& argv) const;
  bool is_full();
  bool certain(const Place& place) const { return !place.conditional; }

  // ---- commands that change the shell itself (builtins.cpp)
  void assign(const Assignment& one, const Place& place);
  // Whether the shell itself does it all; reasons of what cannot be known are added to `reasons`.
  void builtin(const std::vector<Value>& argv, const Simple& simple, const Place& place, std::vector<std::string>& reasons);
  void change_folder(const std::vector<Value>& argv);
  void evaluate(const std::vector<Value>& argv, std::size_t from, const Place& place, std::vector<std::string>& reasons);
  void text(const std::string& text, const Place& place, std::vector<std::string>& reasons);
  void watch_variable(const std::string& name, std::vector<std::string>& reasons);
  void say(std::string reason);

  Expander expander();

  Limits limits_;
  State state_;
  std::optional<std::string> folder_if_succeeded_;  // of a cd: certain behind && alone
  bool folder_changed_ = false;
  std::optional<std::string> folder_if_left_;  // the same, for `cd x || exit`
  bool leaves_ = false;                        // the last command behind || leaves the script, the function or the loop
  int depth_ = 0;
  std::vector<std::string> calling_;  // functions that are being walked
  Commands out_;
};

}  // namespace interlock::shell
