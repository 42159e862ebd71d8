// Programs as the catalogue knows them (catalogue/commands/*.yaml, docs/commands.md): plain data, and how a file becomes it. Private to the
// catalogue. Immutable once loaded; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "catalogue/catalogue.hpp"
#include "model/action.hpp"

namespace interlock::catalogue {

// Finds texts by views of them.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// What a word is to its program: an operand, or the value of a flag.
enum class Role : std::uint8_t {
  kText,         // TEXT: a pattern, a message, a name: nothing outside the program
  kRead,         // READ: a file that it reads
  kWrite,        // WRITE
  kDelete,       // DELETE
  kList,         // LIST: a folder that it looks through
  kRun,          // RUN: a file whose text it runs
  kFolder,       // CWD: the folder that it works in; its relative paths start there
  kInto,         // INTO: the same, for its operands alone (tar -C)
  kHost,         // HOST: host, user@host, host:port
  kUrl,          // URL: a URL, or a host without a scheme
  kRemote,       // REMOTE: a URL, host:path, or a path here that is read
  kTarget,       // TARGET: the same, written
  kUpload,       // UPLOAD: data that is sent; @file names a file that is read
  kCommand,      // COMMAND: a program and its words, to the end
  kUntil,        // UNTIL: a program and its words, to `;` or `+` (find -exec)
  kScript,       // SCRIPT: text for a shell
  kCode,         // CODE: text in the program's own language
  kModule,       // MODULE: a Python module, run with the words after it
  kEnvironment,  // ENV: NAME=VALUE
  kSetting,      // SETTING: KEY=VALUE, or KEY, of the program's own configuration
};

// Effects and band, as `does: write send 2` says them.
struct Does {
  std::vector<model::Effect> effects;
  model::Band band = model::Band::kObserve;
};

struct Flag {
  std::string name;                                                 // the first long one, by which policies know it
  enum class Takes : std::uint8_t { kNothing, kValue, kAttached };  // kAttached: only as --flag=value or -fvalue, and may be absent
  Takes takes = Takes::kNothing;
  Role role = Role::kText;
};

// Words of an operand list: each role in turn; the one at `repeated` as often as there are words.
struct Operands {
  std::vector<Role> roles;
  int repeated = -1;
};

// One alternative of `when`: all of its conditions hold.
struct Condition {
  enum class Kind : std::uint8_t { kFlag, kOperands, kOperand, kDashes };
  Kind kind = Kind::kFlag;
  bool negated = false;
  std::string flag;     // kFlag: its name
  std::string pattern;  // kFlag: of its value, where not empty; kOperand: of any operand
};

struct When {
  std::vector<std::vector<Condition>> any;
  bool only = false;  // `does` stands in place of all else: a dry run
  bool unknown = false;
  bool has_does = false;
  Does does;
  bool has_operands = false;
  Operands operands;
  std::vector<std::pair<std::string, Role>> values;  // what the values of these flags then are
  std::optional<Role> here;
};

struct Program;

// One program under one of the names that it is listed by: those that do the same may share a description.
struct NamedProgram {
  std::string name;  // its own; of an alias: what it is another name of
  std::shared_ptr<const Program> what;
};

// A program, or one of its verbs.
struct Program {
  std::string name;  // the first of its names, with those of what it is a verb of: "git push"
  const Program* parent = nullptr;
  Does does;
  bool other_flags = false;       // ANY: flags that are not listed are harmless
  bool number_flags = false;      // -NUM
  bool takes_flags = true;        // NONE: every word is an operand
  bool single_dash = false;       // -name is one flag, never a cluster
  bool first_word_flags = false;  // tar xzf
  bool flags_end = false;         // at the first operand
  bool parent_flags = true;       // flags of what it is a verb of hold here, too
  bool transparent = false;       // what it runs is all that it does
  bool applets = false;           // its first word, or the name that it is called by, is the program
  bool elsewhere = false;         // what it runs, runs on another machine or in a container
  bool reads_code = false;        // without operands it runs what stands on its input
  bool appends = false;           // words from its input are added to the command (xargs)
  bool joins = false;             // the words of its command become one line for a shell (ssh)
  bool plus_words = false;        // +toolchain stands before the verb (cargo)
  bool more_verbs = false;        // a word that is no verb is an operand
  std::string language;           // of CODE: "python", "sh", ...
  TextMap<std::uint16_t> flag_places;
  std::vector<Flag> flags;
  Operands operands;
  std::optional<Role> here;  // where no operand is a path: what it does to the folder that it works in
  std::vector<When> when;
  TextMap<NamedProgram> verbs;
  Does worst;            // of everything that any of its flags makes of it
  bool can_run = false;  // some flag of it runs a command
};

// `settings:` of a program: KEY patterns of its configuration. What is in neither list is not known.
struct Settings {
  std::vector<std::string> harmless;
  std::vector<std::string> scripts;
};

// A call in inline code, by its name: what its text arguments are.
struct CodeCall {
  Role role = Role::kText;
  bool recursive = false;
  bool every = false;  // each argument, and each text of a list among them, is one word of a command
};

// Variables of the environment that change what runs.
struct VariableRule {
  std::vector<std::string> names;                                  // `*` is any run of characters
  enum class Kind : std::uint8_t { kUnknown, kScript, kFolders };  // anything may run; its value is a command; folders of programs
  Kind kind = Kind::kUnknown;
  std::vector<std::string> of;        // programs that heed it; none: all
  std::vector<std::string> harmless;  // values, or words of them
};

struct CommandBook {
  TextMap<NamedProgram> programs;
  TextMap<Settings> settings;  // by program
  std::vector<VariableRule> environment;
  TextMap<TextMap<CodeCall>> languages;  // by language, then by the call's name
  std::vector<std::string> folders;      // where programs are what they are called
  TextMap<std::string> sources;          // program -> file
  // The program of that name, also with a version after it ("python3.11", "gcc-12"); nullptr: none.
  const NamedProgram* find(std::string_view name) const;
  bool is_system_folder(std::string_view path_of_file) const;
};

// Whether it holds programs: its first key is `commands:`, where an entry has `catalogue:`.
bool is_command_file(const CatalogueSource& source);
// Adds a file to the book. A program that is in the book already is refused, unless the file says `replaces: [its name]`.
Status add_command_file(const CatalogueSource& source, CommandBook& book);
std::vector<CatalogueSource> shipped_command_sources();

// `*` is any run of characters, `?` one character, all else is itself.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace interlock::catalogue
