// Expands words as far as that can be told before a script runs: braces, tildes, parameters, arithmetic, field splitting (POSIX XCU 2.6).
// Private to the room.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shell/commands.hpp"
#include "shell/variables.hpp"

namespace interlock::shell {

// What a substitution prints, where that is known: asked for, since only whoever walks the script can tell. Trailing newlines are gone.
using KnownOutput = std::function<std::optional<std::string>(const Script& script)>;

class Expander {
 public:
  Expander(State& state, KnownOutput output) : state_(state), output_(std::move(output)) {}
  // A command's word: none, one or more values.
  std::vector<Value> fields(const Word& word);
  // Where nothing is split and no pattern counts: assignments, redirections, here-documents, case.
  Value single(const Word& word);
  Value single(const std::vector<Piece>& pieces);

 private:
  struct Part {  // of a word, after its parameters are known
    std::optional<std::string> text;
    bool quoted = false;
    bool splits = false;
  };
  std::vector<Part> parts_of(const std::vector<Piece>& pieces, bool tilde);
  std::optional<std::string> parameter(const Piece& piece);
  std::optional<std::string> arithmetic(const Piece& piece);
  std::optional<std::string> tilde(std::string_view text, std::size_t& taken) const;
  void fields_of(const std::vector<Piece>& pieces, std::string_view written, std::vector<Value>& out);

  State& state_;
  KnownOutput output_;
};

// Braces, as bash expands them before all else; one result where there are none. nullopt: more than a bound.
std::optional<std::vector<std::vector<Piece>>> expand_braces(const std::vector<Piece>& pieces);

// A word as it stands in the script, nearly: for people.
std::string written_of(const std::vector<Piece>& pieces);

}  // namespace interlock::shell
