// The parser of shell scripts: one pass over the text, by recursive descent with a counted depth. Private to the room.
//
// After the first complaint the place jumps to the end, so that every loop ends; what was built till then is thrown away by parse().
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shell/syntax.hpp"

namespace interlock::shell {

// What nested parsers (of backquotes, of arithmetic) share with the one around them.
struct Budget {
  Limits limits;
  std::size_t depth = 0;
  std::size_t commands = 0;
};

// Where a word is read: it ends, and quotes mean, different things.
enum class WordPlace : std::uint8_t { kPlain, kAssignment, kTest, kPattern };

class Parser {
 public:
  Parser(std::string_view text, Dialect dialect, Budget& budget) : text_(text), dialect_(dialect), budget_(budget) {}

  Script parse_all();
  // A here-document's body, the inside of "..." or of an arithmetic expansion: pieces that are quoted.
  std::vector<Piece> parse_quoted_text(bool double_quotes_end);
  const std::optional<Error>& error() const { return error_; }

 private:
  class Deeper {
   public:
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser.budget_.depth > parser.budget_.limits.depth)
        parser.complain(ErrorCode::kTooLarge, "commands are nested deeper than " + std::to_string(parser.budget_.limits.depth));
    }
    ~Deeper() { --parser_.budget_.depth; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Parser& parser_;
  };
  struct PendingHere {
    std::string delimiter;
    bool strip_tabs = false;
    bool quoted = false;
    std::shared_ptr<Word> body;
  };

  // ---- characters (parser.cpp)
  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts(std::string_view what) const { return at_ < text_.size() && text_.substr(at_).starts_with(what); }
  bool take(std::string_view what);
  bool is_bash() const { return dialect_ == Dialect::kBash; }
  bool failed() const { return error_.has_value(); }
  void complain(ErrorCode code, std::string what);
  void complain(std::string what) { complain(ErrorCode::kInvalid, std::move(what)); }
  bool skip_continuation();                // a backslash and a newline
  void skip_blanks();                      // spaces, tabs, continuations, a comment
  bool skip_newline();                     // one, with the here-documents that wait for it
  void skip_newlines();                    // blanks and newlines
  std::string_view reserved_here() const;  // the unquoted word that stands here, where it may be a reserved one

  // ---- words (words.cpp)
  Word parse_word(WordPlace place);
  bool ends_word(WordPlace place, std::size_t parens) const;
  void parse_single_quotes(std::vector<Piece>& out);
  void parse_ansi_quotes(std::vector<Piece>& out);
  void parse_double_quotes(std::vector<Piece>& out);
  void parse_extended_glob(std::vector<Piece>& out);
  // At a dollar sign or backquote: an expansion, or the character itself.
  void parse_expansion(std::vector<Piece>& out, bool quoted);

  // ---- expansions (expansions.cpp)
  void parse_braced_parameter(std::vector<Piece>& out, bool quoted);
  std::vector<Piece> parse_until(char closer, bool quoted);
  bool parse_arithmetic(std::vector<Piece>& out, bool quoted);
  std::optional<std::string> scan_arithmetic();
  std::vector<Piece> pieces_of(const std::string& text);
  std::shared_ptr<const Script> parse_substitution();
  std::shared_ptr<const Script> parse_backquotes(bool quoted);

  // ---- commands (grammar.cpp)
  Script parse_list(std::initializer_list<std::string_view> stops, std::string_view closer);
  Pipeline parse_pipeline();
  Command parse_command();
  Command parse_simple();
  bool parse_assignment(std::vector<Assignment>& out);
  void parse_array(Assignment& out);
  bool parse_redirection(std::vector<Redirection>& out);
  void parse_redirections(std::vector<Redirection>& out);
  void read_here_documents();

  // ---- compounds (compounds.cpp)
  std::optional<Command> parse_compound(std::string_view word);
  Command parse_if();
  Command parse_loop(Command::Kind kind);
  Command parse_for();
  Command parse_case();
  Command parse_group();
  Command parse_subshell();
  Command parse_test();
  Command parse_arithmetic_command(const std::string& text);
  Command parse_function(std::string name);
  Command parse_coproc();
  void parse_body(Command& out);
  bool expect_word(std::string_view word);

  std::string_view text_;
  Dialect dialect_;
  Budget& budget_;
  std::size_t at_ = 0;
  std::vector<PendingHere> pending_;
  std::optional<Error> error_;
};

bool is_blank(char c);
bool is_meta(char c);  // ends a word where it is not quoted
bool is_name_start(char c);
bool is_name_part(char c);
void append_text(std::vector<Piece>& out, std::string_view text, bool quoted);

}  // namespace interlock::shell
