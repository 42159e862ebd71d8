#include "shell/walk.hpp"

#include <algorithm>

#include "shell/parser.hpp"

namespace interlock::shell {
namespace {

constexpr int kDepth = 200;
constexpr std::size_t kUnrolled = 8;  // words of a `for` whose body is walked once for each

}  // namespace

Walk::Walk(const Surroundings& around, Limits limits) : limits_(limits) {
  state_.cwd = around.cwd;
  state_.variables["IFS"] = " \t\n";  // a shell does not take it from who starts it
  for (const auto& [name, value] : around.variables) state_.variables[name] = value;
}

Expander Walk::expander() {
  return Expander(state_, [this](const Script& script) { return known_output(script); });
}

bool Walk::is_full() {
  if (out_.commands.size() < limits_.commands) return false;
  say("there are more commands than are looked at");
  return true;
}

void Walk::say(std::string reason) {
  if (std::ranges::find(out_.unknowable, reason) == out_.unknowable.end() && out_.unknowable.size() < 64)
    out_.unknowable.push_back(std::move(reason));
}

void Walk::script(const Script& script) { list(script, {}); }

// `a && b || c; d`: what stands behind && or || may not run, and what it sets is not certain afterwards.
void Walk::list(const Script& script, const Place& place) {
  if (++depth_ > kDepth) {
    say("commands stand too deep in one another");
    --depth_;
    return;
  }
  for (std::size_t i = 0; i < script.items.size() && !is_full(); ++i) {
    const auto& item = script.items[i];
    if (item.join == Script::Join::kBackground) {
      Place background = place;
      background.background = true;
      const auto before = state_;
      pipeline(item.pipeline, background);
      state_ = before;
      continue;
    }
    folder_changed_ = false;
    const auto folder = state_.cwd;
    pipeline(item.pipeline, place);
    // The chain that begins here.
    bool left_folder = folder_changed_;
    auto succeeded = folder_changed_ ? folder_if_succeeded_ : state_.cwd;
    auto join = item.join;
    while ((join == Script::Join::kAnd || join == Script::Join::kOr) && i + 1 < script.items.size()) {
      const auto& next = script.items[++i];
      Place conditional = place;
      conditional.conditional = true;
      conditional.background = next.join == Script::Join::kBackground || place.background;
      const auto before = state_;
      state_.cwd = join == Script::Join::kAnd ? succeeded : (left_folder ? folder : state_.cwd);
      const bool other_way = join == Script::Join::kOr;
      folder_changed_ = false;
      pipeline(next.pipeline, conditional);
      const bool changed = folder_changed_;
      const auto after = changed ? folder_if_succeeded_ : state_.cwd;
      state_.join(before);
      state_.cwd = before.cwd;
      if (changed) left_folder = true;
      succeeded = other_way ? (changed || left_folder ? std::nullopt : succeeded) : after;
      // `cd x || exit`: behind it the folder is the new one.
      if (other_way && left_folder && !changed && leaves_) succeeded = folder_if_left_;
      join = next.join;
    }
    // Whether a cd succeeded is not known behind its chain, unless a failure ends the script.
    if (left_folder) state_.cwd = state_.stops_on_failure || leaves_ ? succeeded : (succeeded == folder ? folder : std::nullopt);
    leaves_ = false;
  }
  --depth_;
}

void Walk::pipeline(const Pipeline& pipeline, const Place& place) {
  if (pipeline.commands.size() == 1) return command(pipeline.commands[0], place);
  int from = -1;
  std::optional<std::string> said;
  for (std::size_t i = 0; i < pipeline.commands.size(); ++i) {
    Place one = place;
    one.from_pipe = i > 0 || place.from_pipe;
    one.pipe_from = i > 0 ? from : place.pipe_from;
    // Each runs in a shell of its own.
    const auto before = state_;
    const auto folder_changed = folder_changed_;
    const auto first = out_.commands.size();
    command(pipeline.commands[i], one);
    state_ = before;
    folder_changed_ = folder_changed;
    // What `echo text` writes is what the next one reads.
    if (said && out_.commands.size() > first) {
      auto& reader = out_.commands[first];
      if (!reader.input) reader.input = Value{.text = said, .written = "(what is piped into it)", .prefix = {}};
    }
    const auto& shape = pipeline.commands[i];
    const bool is_plain = shape.kind == Command::Kind::kSimple && out_.commands.size() == first + 1;
    said = is_plain && out_.commands[first].redirections.empty() ? output_of(out_.commands[first].argv) : std::nullopt;
    from = out_.commands.size() > first ? static_cast<int>(out_.commands.size()) - 1 : -1;
  }
}

void Walk::command(const Command& command, const Place& place) {
  if (command.kind == Command::Kind::kSimple) return simple(command.simple, place);
  compound(command, place);
}

void Walk::in_copy(const Script& script, const Place& place) {
  const auto before = state_;
  const auto folder_changed = folder_changed_;
  list(script, place);
  state_ = before;
  folder_changed_ = folder_changed;
}

void Walk::compound(const Command& command, const Place& outer) {
  Place place = outer;
  if (!command.redirections.empty()) {
    place.around.push_back(&command.redirections);
    // Its files are opened whether or not anything in it runs.
    RunCommand run;
    redirections(command.redirections, outer, run);
    if (!run.redirections.empty()) emit(std::move(run), {}, outer);
  }
  using Kind = Command::Kind;
  switch (command.kind) {
    case Kind::kSimple: break;
    case Kind::kSubshell: in_copy(command.lists[0], place); break;
    case Kind::kGroup: list(command.lists[0], place); break;
    case Kind::kIf:
    case Kind::kCase: branches(command, place); break;
    case Kind::kWhile:
    case Kind::kFor:
    case Kind::kForArith: loop(command, place); break;
    case Kind::kFunction: {
      const auto body = std::make_shared<const Command>(command);
      state_.functions[command.name] = body;
      if (!certain(place)) state_.perhaps_functions.insert(command.name);
      // It may be called by whoever the walk does not see: what it does is part of the script.
      Place inside = place;
      inside.conditional = true;
      inside.function = command.name;
      const auto before = state_;
      state_.positional.reset();
      forget_assigned(command.lists[0]);
      for (auto& [_, value] : state_.variables) value.reset();
      calling_.push_back(command.name);
      list(command.lists[0], inside);
      calling_.pop_back();
      state_ = before;
      break;
    }
    case Kind::kArithmetic:
    case Kind::kTest:
      for (const auto& word : command.words) {
        substitutions(word, place);
        (void)expander().single(word);
      }
      if (command.kind == Kind::kArithmetic) {
        Piece piece;
        piece.kind = Piece::Kind::kArithmetic;
        piece.text = command.text;
        (void)expander().single(std::vector{piece});
      }
      break;
    case Kind::kCoproc: {
      Place background = place;
      background.background = true;
      in_copy(command.lists[0], background);
      break;
    }
  }
}

// if: condition, then, condition, then, else. case: one arm or none.
void Walk::branches(const Command& command, const Place& place) {
  for (const auto& word : command.words) substitutions(word, place);
  for (const auto& patterns : command.patterns)
    for (const auto& word : patterns) substitutions(word, place);
  Place inside = place;
  inside.conditional = true;
  const bool is_if = command.kind == Command::Kind::kIf;
  std::optional<State> joined;
  const auto ends_here = [&](const State& state) {
    if (joined) joined->join(state);
    else joined = state;
  };
  for (std::size_t i = 0; i < command.lists.size(); ++i) {
    const bool is_condition = is_if && i % 2 == 0 && i + 1 < command.lists.size();
    if (is_condition) {
      // The first runs in any case; each further one when those before it failed.
      list(command.lists[i], i == 0 ? place : inside);
      continue;
    }
    const auto before = state_;
    list(command.lists[i], inside);
    ends_here(state_);
    state_ = before;
  }
  ends_here(state_);
  state_ = std::move(*joined);
  folder_changed_ = false;
}

void Walk::loop(const Command& command, const Place& place) {
  Place inside = place;
  inside.conditional = true;
  for (const auto& word : command.words) substitutions(word, place);
  if (command.kind == Command::Kind::kForArith) {
    Piece piece;
    piece.kind = Piece::Kind::kArithmetic;
    piece.text = command.text;
    (void)expander().single(std::vector{piece});
  }
  const auto before = state_;
  // A few known words: each turn for itself.
  if (command.kind == Command::Kind::kFor && command.has_words && command.text == "for") {
    std::vector<Value> words;
    for (const auto& word : command.words)
      for (auto& value : expander().fields(word)) words.push_back(std::move(value));
    const bool known = std::ranges::all_of(words, [](const Value& value) { return value.text && !value.glob && !value.may_split; });
    if (known && words.size() <= kUnrolled && depth_ < kDepth / 4) {
      for (const auto& word : words) {
        // A turn may be left early: what it sets is not certain in the next.
        const auto turn = state_;
        state_.set(command.name, word.text);
        list(command.lists.back(), inside);
        state_.join(turn);
      }
      state_.join(before);
      folder_changed_ = false;
      return;
    }
  }
  for (const auto& part : command.lists) forget_assigned(part);
  if (!command.name.empty()) state_.set(command.name, std::nullopt);
  for (const auto& part : command.lists) list(part, inside);
  state_.join(before);
  folder_changed_ = false;
}

// ---- what loops and functions may set ------------------------------------------------------------------------------------------------

void Walk::forget_assigned(const Script& script) {
  for (const auto& item : script.items)
    for (const auto& one : item.pipeline.commands) forget_assigned(one);
}

void Walk::forget_assigned(const Command& command) {
  for (const auto& one : command.simple.assignments) state_.set(one.name, std::nullopt);
  if (!command.simple.words.empty()) {
    const auto name = command.simple.words[0].literal();
    static constexpr std::string_view kSetters[] = {"read",    "mapfile", "readarray", "printf",   "getopts", "export",
                                                    "declare", "typeset", "local",     "readonly", "unset",   "let"};
    if (!name || std::ranges::find(kSetters, *name) != std::end(kSetters)) {
      for (std::size_t i = 1; i < command.simple.words.size(); ++i) {
        if (const auto word = command.simple.words[i].literal()) state_.set(word->substr(0, word->find('=')), std::nullopt);
        else if (name)
          for (auto& [_, value] : state_.variables) value.reset();
      }
    }
    if (!name || *name == "eval" || *name == "." || *name == "source" || state_.functions.contains(*name))
      for (auto& [_, value] : state_.variables) value.reset();
    if (!name || *name == "cd" || *name == "pushd" || *name == "popd" || *name == "eval" || *name == "." || *name == "source")
      state_.cwd.reset();
    if (!name || *name == "set" || *name == "shift") state_.positional.reset();
  }
  if (!command.name.empty()) state_.set(command.name, std::nullopt);
  if (!command.text.empty() && command.kind != Command::Kind::kFor) {
    Piece piece;
    piece.kind = Piece::Kind::kArithmetic;
    piece.text = command.text;
    (void)expander().single(std::vector{piece});
  }
  for (const auto& part : command.lists) forget_assigned(part);
}

// ---- substitutions --------------------------------------------------------------------------------------------------------------------

void Walk::substitutions(const Word& word, const Place& place) { substitutions(word.pieces, place); }

void Walk::substitutions(const std::vector<Piece>& pieces, const Place& place) {
  for (const auto& piece : pieces) {
    if (piece.script) {
      Place inside = place;
      inside.from_pipe = false;
      inside.pipe_from = -1;
      inside.around.clear();
      in_copy(*piece.script, inside);
    }
    if (!piece.argument.empty()) substitutions(piece.argument, place);
  }
}

// `$(echo rm)`: one command whose output its words tell.
std::optional<std::string> Walk::known_output(const Script& script) {
  if (script.items.size() != 1 || script.items[0].pipeline.commands.size() != 1) return std::nullopt;
  const auto& command = script.items[0].pipeline.commands[0];
  if (command.kind != Command::Kind::kSimple || !command.simple.redirections.empty() || !command.simple.assignments.empty())
    return std::nullopt;
  if (++depth_ > kDepth) {
    --depth_;
    return std::nullopt;
  }
  auto copy = state_;
  std::vector<Value> argv;
  Expander inside(copy, [this](const Script& nested) { return known_output(nested); });
  for (const auto& word : command.simple.words)
    for (auto& value : inside.fields(word)) argv.push_back(std::move(value));
  --depth_;
  auto out = output_of(argv);
  while (out && out->ends_with('\n')) out->pop_back();
  return out;
}

}  // namespace interlock::shell
