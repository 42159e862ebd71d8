// A shell script as it was parsed: POSIX sh and bash, as plain data. Everything that the text holds is in here: nothing is expanded,
// nothing is dropped, and what could not be understood is an Error of parse(), never a smaller script.
//
// Source: POSIX.1-2017 XCU 2 (Shell Command Language), the Bash Reference Manual 5.2 §3. Owned by value; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::shell {

enum class Dialect : std::uint8_t { kBash, kPosix };

// Bounds of one parse. Past any of them: kTooLarge.
struct Limits {
  std::size_t bytes = std::size_t{1} << 20;
  std::size_t depth = 256;        // of nested commands, substitutions and expansions; the parser never recurses deeper
  std::size_t commands = 65'536;  // simple commands, those in substitutions included
};

struct Script;

// A piece of a word. Quoting is gone from `text`, and remembered in `quoted`.
struct Piece {
  enum class Kind : std::uint8_t {
    kText,        // as it stands; `text`. Unquoted text may hold * ? [ and { , } and a leading ~
    kParameter,   // $name, ${name}, ${name op word}; `text` is the name
    kCommand,     // $(...) or `...`: `script`
    kArithmetic,  // $((...)), $[...]: `text`; what expands inside it is in `argument`
    kProcess,     // <(...) or >(...): `script`; `op` is "<" or ">"
  };
  Kind kind = Kind::kText;
  bool quoted = false;
  bool indirect = false;  // kParameter: ${!name}
  std::string text;
  std::string
      op;  // kParameter: "#length" for ${#name}, or what stands behind the name: ":-" "-" ":=" "=" ":?" "?" ":+" "+" "#" "##" "%" "%%"
           // "/" "//" "/#" "/%" "^" "^^" "," ",," ":" "@" "[" (an element; `argument` is the index). Empty: the plain value
  std::vector<Piece> argument;  // kParameter: the word behind the operator, as it would be expanded
  std::shared_ptr<const Script> script;
};

struct Word {
  std::vector<Piece> pieces;
  std::size_t offset = 0;  // of its first byte in the text
  // The one string that it is, where nothing in it expands (no parameter, substitution, glob, brace or tilde); else nullopt.
  std::optional<std::string> literal() const;
};

struct Redirection {
  enum class Kind : std::uint8_t {
    kRead,          // <
    kWrite,         // >, >|, &> and >& with a file (both outputs)
    kAppend,        // >>, &>>
    kReadWrite,     // <>
    kHereDocument,  // <<, <<-: `body`
    kHereString,    // <<<: `target`
    kDuplicate,     // <&, >& with a number or -: `target`
  };
  Kind kind = Kind::kRead;
  int descriptor = -1;   // the number before it; -1: the operator's own
  std::string variable;  // {name}>file
  Word target;
  std::shared_ptr<const Word> body;  // of a here-document; its pieces are all quoted where its delimiter was
};

// name=value, name+=value, name[index]=value, name=(elements)
struct Assignment {
  std::string name;
  bool append = false;
  bool array = false;
  std::optional<Word> index;
  Word value;
  std::vector<Word> elements;
};

struct Simple {
  std::vector<Assignment> assignments;
  std::vector<Word> words;
  std::vector<Redirection> redirections;
  std::size_t offset = 0;
};

// One command of the grammar. Children stand in `lists`, in the order of the text.
struct Command {
  enum class Kind : std::uint8_t {
    kSimple,
    kSubshell,    // ( list )
    kGroup,       // { list; }
    kIf,          // lists: condition, then, condition, then, ..., else (where there are an odd number)
    kWhile,       // condition, body; also until
    kFor,         // `name`, `words` (has_words false: "$@"), body; `text` is "for" or "select"
    kForArith,    // for ((;;)): `text`, body
    kCase,        // `words`[0] is matched; lists: one an arm; `patterns` one an arm
    kFunction,    // `name`, its body is lists[0]
    kArithmetic,  // (( )): `text`
    kTest,        // [[ ]]: `words` in their order, operators as text
    kCoproc,      // `name`, lists[0]
  };
  Kind kind = Kind::kSimple;
  Simple simple;
  std::string name;
  std::string text;
  std::vector<Word> words;
  bool has_words = false;
  std::vector<std::vector<Word>> patterns;
  std::vector<Script> lists;
  std::vector<Redirection> redirections;  // of a compound command
};

struct Pipeline {
  bool negated = false;
  bool timed = false;
  std::vector<Command> commands;
  std::vector<bool> both_outputs;  // a pipe that is |&, by its left command
};

// A list: pipelines with what joins each to the next.
struct Script {
  enum class Join : std::uint8_t { kThen, kAnd, kOr, kBackground };  // ; or newline, &&, ||, &
  struct Item {
    Pipeline pipeline;
    Join join = Join::kThen;
  };
  std::vector<Item> items;
};

// kInvalid with the place ("line 3, column 7: ..."), kTooLarge. A NUL or invalid UTF-8 outside quotes is kInvalid.
Result<Script> parse(std::string_view text, Dialect dialect = Dialect::kBash, Limits limits = {});

}  // namespace interlock::shell
