#include "catalogue/command_line.hpp"

#include <algorithm>

#include "catalogue/command_parser.hpp"

namespace interlock::catalogue {

using shell::Value;

namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Value known_value(std::string_view text) { return {.text = std::string(text), .written = std::string(text), .prefix = {}}; }

void add_does(Does& to, const Does& more) {
  // What only reads does so no longer once it does more.
  const Does before = to;
  to.effects.clear();
  for (const auto* one : {&before, &more}) {
    for (const model::Effect effect : one->effects) {
      if (effect != model::Effect::kRead && std::find(to.effects.begin(), to.effects.end(), effect) == to.effects.end())
        to.effects.push_back(effect);
    }
  }
  if (to.effects.empty()) to.effects.push_back(model::Effect::kRead);
  to.band = std::max(to.band, more.band);
}

bool is_path(Role role) {
  return role == Role::kRead || role == Role::kWrite || role == Role::kDelete || role == Role::kList || role == Role::kRun;
}

bool changes(Role role) { return role == Role::kWrite || role == Role::kDelete; }

const Program* group_of(const Program& program) {
  const Program* one = &program;
  while (one->parent_flags && one->parent != nullptr) one = one->parent;
  return one;
}

class LineReader {
 public:
  LineReader(const NamedProgram& program, std::span<const Value> words) : words_(words) {
    out_.program = program.what.get();
    out_.names.push_back(program.name);
  }

  CommandLine read() {
    while (at_ < words_.size()) read_word(words_[at_++]);
    decide();
    return std::move(out_);
  }

 private:
  struct Seen {
    std::string name;
    std::optional<Value> value;
    const Program* group = nullptr;  // the topmost of those that share their flags with the verb it was read for
  };

  const Program& program() const { return *out_.program; }
  std::string own_name() const { return joined(out_.names, ' '); }
  bool reading_flags() const { return program().takes_flags && !dashes_ && !(program().flags_end && !operands_.empty()); }
  void doubt(std::string reason, bool may_run) {
    out_.known = false;
    out_.may_run = out_.may_run || may_run;
    if (std::find(out_.unknowable.begin(), out_.unknowable.end(), reason) == out_.unknowable.end())
      out_.unknowable.push_back(std::move(reason));
  }

  void read_word(const Value& word) {
    if (reading_flags() && !word.text) doubt_flags(word);
    // A name that a pattern matches may begin with a dash: whoever can make files can make flags.
    if (reading_flags() && word.glob && word.text && !word.text->empty() &&
        std::string_view("*?[").find(word.text->front()) != std::string_view::npos && can_run()) {
      doubt("names that match `" + *word.text + "` may be flags", true);
    }
    if (!word.text) return add_operand(word);
    const std::string& text = *word.text;
    if (reading_flags()) {
      if (text == "--") {
        dashes_ = true;
        return;
      }
      if (text.size() > 1 && text.front() == '-') return read_flag(text, word);
      if (const std::size_t equals = text.find('='); equals != std::string::npos) {
        const Flag* named = find_flag(program(), std::string_view(text).substr(0, equals));
        if (named != nullptr && named->name.front() != '-')
          return add_flag(*named, Value{text.substr(equals + 1), text, word.glob, false, {}});
      }
      if (program().first_word_flags && operands_.empty() && flags_.empty() && at_ == 1) return read_old_flags(text);
    }
    if (operands_.empty() && program().plus_words && text.size() > 1 && text.front() == '+') return out_.flags.push_back(text);
    if (operands_.empty() && !program().verbs.empty() && !dashes_) {
      if (const auto verb = program().verbs.find(text); verb != program().verbs.end()) {
        out_.program = verb->second.what.get();
        out_.names.push_back(verb->second.name);
        return;
      }
      if (!program().more_verbs) doubt("`" + text + "` is no verb of " + own_name() + " that the catalogue knows", true);
    }
    add_operand(word);
  }

  bool can_run() const {
    for (const Program* one = &program(); one != nullptr; one = one->parent) {
      if (one->can_run) return true;
    }
    return false;
  }
  bool flags_matter() const {
    const Program& one = program();
    return !one.other_flags || !one.when.empty() || one.can_run ||
           std::any_of(one.flags.begin(), one.flags.end(), [](const Flag& flag) { return flag.role != Role::kText; });
  }

  void doubt_flags(const Value& word) {
    const bool expects_verb = operands_.empty() && !program().verbs.empty() && !program().more_verbs;
    if (expects_verb) return doubt("which verb of " + own_name() + " it is: " + word.written, true);
    if (word.written.starts_with("<(") || word.written.starts_with(">(")) return;  // a path that the shell makes
    const bool may_be_flag = word.may_split || word.prefix.empty() || word.prefix.front() == '-';
    if (!may_be_flag || !flags_matter()) return;
    doubt("it may hold flags: " + word.written, can_run());
    worst_ = true;
  }

  void add_operand(const Value& word) {
    operands_.push_back(word);
    out_.operands.push_back(shown(word));
  }

  void add_flag(const Flag& flag, std::optional<Value> value) {
    flags_.push_back({flag.name, value, group_of(program())});
    out_.flags.push_back(flag.name);
    if ((flag.name == "--replace" || flag.name == "--replace-with") && program().appends)
      out_.placeholder = value && value->text && !value->text->empty() ? *value->text : "{}";
    if (!value) return;
    if (value->may_split && !value->text) doubt("it may be several words: " + value->written, can_run());
    if (flag.role != Role::kText) out_.words.push_back({flag.role, std::move(*value), flag.name});
  }

  // The value of a flag that stands in the next word.
  void take_value(const Flag& flag) {
    if (flag.role == Role::kUntil) {
      std::vector<Value> command;
      while (at_ < words_.size() && words_[at_].text != ";" && words_[at_].text != "+") command.push_back(words_[at_++]);
      ++at_;
      flags_.push_back({flag.name, std::nullopt, group_of(program())});
      out_.flags.push_back(flag.name);
      out_.until.push_back(std::move(command));
      return;
    }
    if (flag.role == Role::kModule || flag.role == Role::kCommand) {  // it ends the options: all that follows is for the module
      flags_.push_back({flag.name, std::nullopt, group_of(program())});
      out_.flags.push_back(flag.name);
      out_.module = flag.role == Role::kModule;
      while (at_ < words_.size()) out_.command.push_back(words_[at_++]);
      return;
    }
    if (at_ < words_.size()) return add_flag(flag, words_[at_++]);
    add_flag(flag, std::nullopt);
  }

  void unknown_flag(std::string_view name) {
    flags_.push_back({std::string(name), std::nullopt, group_of(program())});
    out_.flags.emplace_back(name);
    if (program().other_flags) return;
    doubt("`" + std::string(name) + "` is no flag of " + own_name() + " that the catalogue knows", true);
  }

  void read_flag(const std::string& text, const Value& word) {
    if (const Flag* whole = find_flag(program(), text)) {
      if (whole->takes == Flag::Takes::kValue) return take_value(*whole);
      return add_flag(*whole, std::nullopt);
    }
    if (program().number_flags && is_digits(std::string_view(text).substr(1))) return;
    if (text.starts_with("--") || program().single_dash) return read_long_flag(text, word);
    read_cluster(text, word);
  }

  void read_long_flag(const std::string& text, const Value& word) {
    const std::size_t equals = text.find('=');
    const std::string_view name = std::string_view(text).substr(0, equals);
    const Flag* flag = find_flag(program(), name);
    if (flag == nullptr && (name == "--help" || name == "--version") && out_.known) {
      out_.only_shown = true;
      out_.flags.emplace_back(name);
      return;
    }
    if (flag == nullptr && name.starts_with("--")) flag = abbreviated(name);
    if (flag == nullptr && program().single_dash && text.size() > 2) {  // -Bfolder
      const Flag* letter = find_flag(program(), std::string_view(text).substr(0, 2));
      if (letter != nullptr && letter->takes == Flag::Takes::kValue)
        return add_flag(*letter, Value{text.substr(2), text, word.glob, false, {}});
    }
    if (flag == nullptr) return unknown_flag(name);
    if (equals == std::string::npos) {
      if (flag->takes == Flag::Takes::kValue) return take_value(*flag);
      return add_flag(*flag, std::nullopt);
    }
    if (flag->takes == Flag::Takes::kNothing && !program().other_flags)
      doubt("`" + std::string(name) + "` takes no value that the catalogue knows", true);
    Value value{text.substr(equals + 1), text, word.glob, false, {}};
    if (flag->role == Role::kUntil || flag->role == Role::kCommand || flag->role == Role::kModule) {
      out_.command.push_back(value);
      return add_flag(*flag, std::nullopt);
    }
    add_flag(*flag, std::move(value));
  }

  // getopt_long(3) takes the beginning of a long flag for it, where only one begins so.
  const Flag* abbreviated(std::string_view name) {
    if (name.size() < 3) return nullptr;
    const Flag* found = nullptr;
    for (const Program* one = &program(); one != nullptr; one = one->parent_flags ? one->parent : nullptr) {
      for (const auto& [key, place] : one->flag_places) {
        if (!key.starts_with(name)) continue;
        const Flag* flag = &one->flags[place];
        if (found != nullptr && found->name != flag->name) {
          doubt("`" + std::string(name) + "` may be `" + found->name + "` or `" + flag->name + "`", true);
          worst_ = true;
          add_flag(*flag, std::nullopt);
          continue;
        }
        found = flag;
      }
    }
    return found;
  }

  void read_cluster(const std::string& text, const Value& word) {
    for (std::size_t i = 1; i < text.size(); ++i) {
      const std::string name{'-', text[i]};
      const Flag* flag = find_flag(program(), name);
      if (flag == nullptr) {
        if (program().number_flags && is_digits(std::string_view(text).substr(i))) return;
        unknown_flag(program().other_flags ? std::string_view(name) : std::string_view(text));
        if (!program().other_flags) return;
        continue;
      }
      if (flag->takes == Flag::Takes::kNothing) {
        add_flag(*flag, std::nullopt);
        continue;
      }
      std::string_view rest = std::string_view(text).substr(i + 1);
      if (rest.empty()) return flag->takes == Flag::Takes::kValue ? take_value(*flag) : add_flag(*flag, std::nullopt);
      if (rest.starts_with('=')) rest.remove_prefix(1);
      Value value = known_value(rest);
      value.glob = word.glob;
      return add_flag(*flag, std::move(value));
    }
  }

  // "xzf": letters without a dash, whose values follow in their order.
  void read_old_flags(const std::string& text) {
    for (const char letter : text) {
      const std::string name{'-', letter};
      const Flag* flag = find_flag(program(), name);
      if (flag == nullptr) {
        unknown_flag(name);
      } else if (flag->takes == Flag::Takes::kValue) {
        take_value(*flag);
      } else {
        add_flag(*flag, std::nullopt);
      }
    }
  }

  bool holds(const Condition& condition, const Program* group) const {
    bool found = false;
    switch (condition.kind) {
      case Condition::Kind::kFlag:
        found = std::any_of(flags_.begin(), flags_.end(), [&](const Seen& seen) {
          if (seen.name != condition.flag || seen.group != group) return false;
          // A value that is not known may be the one that is meant.
          return condition.pattern.empty() || !seen.value || !seen.value->text || matches(condition.pattern, *seen.value->text);
        });
        break;
      case Condition::Kind::kOperands: found = !operands_.empty(); break;
      case Condition::Kind::kOperand:
        found = std::any_of(operands_.begin(), operands_.end(),
                            [&](const Value& one) { return !one.text ? !condition.negated : matches(condition.pattern, *one.text); });
        break;
      case Condition::Kind::kDashes: found = dashes_; break;
    }
    return found != condition.negated;
  }

  void decide() {
    const Program& verb = program();
    out_.does = verb.does;
    const Operands* operands = &verb.operands;
    const When* only = nullptr;
    std::optional<Role> here = verb.here;
    for (const Program* one = &verb; one != nullptr; one = one->parent) {
      const Program* group = group_of(*one);
      for (const When& when : one->when) {
        const bool applies = std::any_of(when.any.begin(), when.any.end(), [&](const auto& all) {
          return std::all_of(all.begin(), all.end(), [&](const Condition& condition) {
            return (one == &verb || condition.kind == Condition::Kind::kFlag) && holds(condition, group);
          });
        });
        if (!applies) continue;
        if (when.unknown) doubt("what it does with these flags is not known", true);
        if (when.has_operands && one == &verb) operands = &when.operands;
        if (when.here) here = when.here;
        for (const auto& [flag, role] : when.values) {
          for (RoledWord& word : out_.words) {
            if (word.flag == flag) word.role = role;
          }
        }
        if (when.has_does && !when.only) add_does(out_.does, when.does);
        if (when.has_does && when.only && only == nullptr) only = &when;
      }
    }
    if (only != nullptr && out_.known) {
      out_.does = only->does;
      out_.only_shown = only->does.effects == std::vector{model::Effect::kRead};
    } else if (out_.only_shown) {  // --help
      out_.does = {{model::Effect::kRead}, model::Band::kObserve};
      out_.words.clear();
      out_.command.clear();
      out_.until.clear();
      return;
    }
    if (worst_) add_does(out_.does, verb.worst);
    assign(*operands);
    const bool names_path = std::any_of(out_.words.begin(), out_.words.end(), [&](const RoledWord& word) {
      return here && word.flag.empty() && (changes(*here) ? changes(word.role) : is_path(word.role));
    });
    if (!names_path) out_.here = here;
  }

  void assign(const Operands& spec) {
    const std::size_t count = operands_.size();
    const std::size_t size = spec.roles.size();
    if (size == 0) return;
    std::size_t word = 0;
    for (std::size_t role = 0; role < size && word < count; ++role) {
      std::size_t times = 1;
      if (static_cast<int>(role) == spec.repeated) {
        const std::size_t after = size - role - 1;
        times = count - word > after ? count - word - after : 0;
        if (spec.roles[role] == Role::kEnvironment) times = assignments_from(word);
      }
      if (spec.roles[role] == Role::kCommand || spec.roles[role] == Role::kModule) {
        out_.module = spec.roles[role] == Role::kModule;
        out_.command.assign(operands_.begin() + static_cast<std::ptrdiff_t>(word), operands_.end());
        return;
      }
      for (; times > 0 && word < count; --times, ++word) {
        if (spec.roles[role] != Role::kText) out_.words.push_back({spec.roles[role], operands_[word], {}});
      }
    }
    if (word < count) doubt("it has more operands than the catalogue knows of", can_run());
  }

  // How many words from here on are NAME=VALUE.
  std::size_t assignments_from(std::size_t word) const {
    std::size_t times = 0;
    for (; word + times < operands_.size(); ++times) {
      const Value& one = operands_[word + times];
      const std::string& text = one.text ? *one.text : one.prefix;
      const std::size_t equals = text.find('=');
      if (equals == std::string::npos || equals == 0) break;
    }
    return times;
  }

  std::span<const Value> words_;
  std::size_t at_ = 0;
  CommandLine out_;
  std::vector<Seen> flags_;
  std::vector<Value> operands_;
  bool dashes_ = false;
  bool worst_ = false;
};

}  // namespace

std::string joined(std::span<const std::string> names, char between) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += between;
    out += name;
  }
  return out;
}

CommandLine read_command_line(const NamedProgram& program, std::span<const Value> words) { return LineReader(program, words).read(); }

}  // namespace interlock::catalogue
