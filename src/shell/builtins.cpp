// What the shell's own commands do to what is known: folders, variables, functions, text that is run as a script.
#include <algorithm>

#include "shell/parser.hpp"
#include "shell/walk.hpp"

namespace interlock::shell {
namespace {

// Setting one of these changes what later commands are, or runs something.
constexpr std::string_view kChangesWhatRuns[] = {"PATH",     "BASH_ENV",       "ENV",        "LD_PRELOAD", "LD_LIBRARY_PATH",
                                                 "LD_AUDIT", "PROMPT_COMMAND", "PS4",        "IFS",        "SHELLOPTS",
                                                 "BASHOPTS", "EXECIGNORE",     "GLOBIGNORE", "BASH_FUNC"};

std::string joined(const std::string& folder, std::string_view path) {
  std::string whole = path.starts_with('/') ? std::string(path) : folder + "/" + std::string(path);
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= whole.size();) {
    const auto end = std::min(whole.find('/', at), whole.size());
    const auto part = std::string_view(whole).substr(at, end - at);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    at = end + 1;
  }
  std::string out;
  for (const auto part : parts) (out += '/') += part;
  return out.empty() ? "/" : out;
}

bool is_known(const Value& value) { return value.text && !value.glob && !value.may_split; }

}  // namespace

void Walk::watch_variable(const std::string& name, std::vector<std::string>& reasons) {
  if (std::ranges::find(kChangesWhatRuns, name) != std::end(kChangesWhatRuns) && name != "IFS")
    reasons.push_back(name + " is set, which changes what runs");
}

void Walk::assign(const Assignment& one, const Place&) {
  std::vector<std::string> reasons;
  watch_variable(one.name, reasons);
  for (auto& reason : reasons) say(std::move(reason));
  if (one.array || one.index) {
    for (const auto& element : one.elements) (void)expander().fields(element);
    state_.set(one.name, std::nullopt);
    return;
  }
  auto value = expander().single(one.value).text;
  if (one.append) {
    const auto before = state_.value_of(one.name);
    value = before && value ? std::optional(*before + *value) : std::nullopt;
  }
  state_.set(one.name, std::move(value));
}

void Walk::change_folder(const std::vector<Value>& argv) {
  std::size_t at = 1;
  while (at < argv.size() && argv[at].text &&
         (*argv[at].text == "-P" || *argv[at].text == "-L" || *argv[at].text == "-e" || *argv[at].text == "--"))
    ++at;
  std::optional<std::string> target;
  if (at == argv.size()) target = state_.value_of("HOME");
  else if (is_known(argv[at]) && at + 1 == argv.size() && *argv[at].text != "-") target = *argv[at].text;
  std::optional<std::string> folder;
  // CDPATH finds relative ones elsewhere.
  if (target && target->starts_with('/')) folder = joined("", *target);
  else if (target && state_.cwd && !target->empty() && !state_.variables.contains("CDPATH")) folder = joined(*state_.cwd, *target);
  folder_changed_ = true;
  folder_if_succeeded_ = folder;
  folder_if_left_ = folder;
  state_.variables["PWD"] = std::nullopt;
  state_.variables["OLDPWD"] = std::nullopt;
}

void Walk::text(const std::string& text, const Place& place, std::vector<std::string>& reasons) {
  if (++depth_ > 40 || calling_.size() > 20) {
    reasons.push_back("texts are run as scripts too deep in one another");
    --depth_;
    return;
  }
  Limits inside = limits_;
  const auto parsed = parse(text, Dialect::kBash, inside);
  if (!parsed) reasons.push_back("it runs a text that cannot be read: " + parsed.error().message);
  else list(*parsed, place);
  --depth_;
}

void Walk::evaluate(const std::vector<Value>& argv, std::size_t from, const Place& place, std::vector<std::string>& reasons) {
  std::string whole;
  for (auto i = from; i < argv.size(); ++i) {
    if (!is_known(argv[i])) {
      reasons.push_back("it runs a text that is not known before: " + argv[i].written);
      state_.forget_all();
      return;
    }
    whole += (i > from ? " " : "") + *argv[i].text;
  }
  text(whole, place, reasons);
}

void Walk::builtin(const std::vector<Value>& argv, const Simple& simple, const Place& place, std::vector<std::string>& reasons) {
  std::size_t at = 0;
  // `command cd` and `builtin eval` are the same to the shell.
  while (at + 1 < argv.size() && argv[at].text && (*argv[at].text == "command" || *argv[at].text == "builtin") && is_known(argv[at + 1]) &&
         !argv[at + 1].text->starts_with('-'))
    ++at;
  const std::vector<Value> words(argv.begin() + static_cast<std::ptrdiff_t>(at), argv.end());
  const auto& name = *words[0].text;
  const auto word = [&](std::size_t i) { return i < words.size() && is_known(words[i]) ? *words[i].text : std::string(); };
  const auto forget_named = [&](std::size_t from) {
    for (auto i = from; i < words.size(); ++i) {
      if (!is_known(words[i])) {
        for (auto& [_, value] : state_.variables) value.reset();
        return;
      }
      const auto& text = *words[i].text;
      if (!text.starts_with('-')) state_.set(text.substr(0, text.find_first_of("=[+")), std::nullopt);
    }
  };
  if (name == "cd") return change_folder(words);
  if (name == "pushd" || name == "popd") {
    folder_changed_ = true;
    folder_if_succeeded_.reset();
    return;
  }
  if (name == "eval") return evaluate(words, 1, place, reasons);
  if (name == "." || name == "source") {
    reasons.push_back("it reads a file as a part of the script");
    state_.forget_all();
    return;
  }
  if (name == "trap") {
    std::size_t first = word(1) == "--" ? 2 : 1;
    if (first + 1 < words.size() && word(first) != "-" && word(first) != "-p" && word(first) != "-l") {
      Place later = place;
      later.conditional = true;
      const auto before = state_;
      if (is_known(words[first])) text(*words[first].text, later, reasons);
      else reasons.push_back("a trap runs a text that is not known before");
      state_ = before;
    }
    return;
  }
  if (name == "alias" && words.size() > 1) {
    reasons.push_back("an alias changes what later words mean");
    say("an alias changes what later words mean");
    return;
  }
  if ((name == "hash" || name == "enable" || name == "shopt" || name == "bind" || name == "complete") && words.size() > 1) {
    const bool harmless =
        name == "shopt" && (word(2) == "nullglob" || word(2) == "globstar" || word(2) == "dotglob" || word(2) == "nocaseglob");
    if (!harmless && !(name == "hash" && word(1) == "-r")) {
      reasons.push_back(name + " changes what later words mean");
      say(name + " changes what later words mean");
    }
    return;
  }
  if (name == "set") {
    bool positional = false;
    std::vector<std::string> values;
    bool known = true;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!positional && is_known(words[i]) && words[i].text->size() > 1 &&
          (words[i].text->starts_with('-') || words[i].text->starts_with('+')) && *words[i].text != "--") {
        if (words[i].text->starts_with('-') && words[i].text->find('e') != std::string::npos && !words[i].text->starts_with("-o") &&
            !place.conditional)
          state_.stops_on_failure = true;
        if (*words[i].text == "-o" || *words[i].text == "+o") {
          if (word(i + 1) == "errexit" && *words[i].text == "-o" && !place.conditional) state_.stops_on_failure = true;
          if (word(i + 1) == "keyword") say("set -k turns arguments into variables");
          ++i;  // the option's name, where there is one
          continue;
        }
        if (words[i].text->find('k') != std::string::npos && words[i].text->starts_with('-')) say("set -k turns arguments into variables");
        continue;
      }
      if (!positional && word(i) == "--") {
        positional = true;
        continue;
      }
      positional = true;
      known = known && is_known(words[i]);
      if (known) values.push_back(*words[i].text);
    }
    if (positional) state_.positional = known ? std::optional(std::move(values)) : std::nullopt;
    return;
  }
  if (name == "shift") {
    const auto count = words.size() == 1 ? std::string("1") : word(1);
    if (!state_.positional || count.empty() || count.size() > 4 || count.find_first_not_of("0123456789") != std::string::npos) {
      state_.positional.reset();
    } else {
      const auto many = std::min<std::size_t>(std::stoul(count), state_.positional->size());
      state_.positional->erase(state_.positional->begin(), state_.positional->begin() + static_cast<std::ptrdiff_t>(many));
    }
    return;
  }
  if (name == "printf" && word(1) == "-v" && words.size() > 3) {
    std::vector<Value> rest = {words[0]};
    rest.insert(rest.end(), words.begin() + 3, words.end());
    state_.set(word(2), output_of(rest));
    return;
  }
  if (name == "export" || name == "declare" || name == "typeset" || name == "local" || name == "readonly") {
    // Assignments among its words were carried out as such; a name that was built is another matter.
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!is_known(words[i])) {
        for (auto& [_, value] : state_.variables) value.reset();
        reasons.push_back(name + " sets a variable whose name is not known before");
        continue;
      }
      const auto& text = *words[i].text;
      if (text.starts_with('-')) {
        if (text.find('n') != std::string::npos && name != "export") say("a variable stands for another (" + name + " -n)");
        if (text.find('f') != std::string::npos && name == "export") reasons.push_back("functions are exported to programs");
        continue;
      }
      const auto equals = text.find('=');
      if (equals == std::string::npos) continue;
      std::vector<std::string> changed;
      watch_variable(text.substr(0, equals), changed);
      for (auto& reason : changed) say(std::move(reason));
      state_.set(text.substr(0, equals), text.substr(equals + 1));
    }
    return;
  }
  if (name == "unset") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!is_known(words[i])) {
        for (auto& [_, value] : state_.variables) value.reset();
        continue;
      }
      if (words[i].text->starts_with('-')) continue;
      if (state_.functions.contains(*words[i].text)) state_.perhaps_functions.insert(*words[i].text);
      state_.set(*words[i].text, *words[i].text == "IFS" ? std::optional(std::string(" \t\n")) : std::optional(std::string()));
    }
    return;
  }
  if (name == "read" || name == "mapfile" || name == "readarray" || name == "getopts" || name == "let") return forget_named(1);
  if (name == "exit" || name == "return" || name == "break" || name == "continue") leaves_ = place.conditional;
  if (name == "exec" && words.size() == 1 && !simple.redirections.empty()) return;
}

}  // namespace interlock::shell
