// The small notations of a file of programs: `write send 2`, `-f --force, -o=WRITE`, `TEXT READ...`, `--force&!--dry-run`.
#include <algorithm>
#include <array>

#include "catalogue/command_parser.hpp"

namespace interlock::catalogue {

using yaml::Node;

namespace {

constexpr std::size_t kMaxFlags = 1'000;  // of a program or verb
constexpr std::size_t kMaxWhen = 200;

constexpr std::array<std::pair<std::string_view, Role>, 21> kRoles{
    {{"TEXT", Role::kText},     {"READ", Role::kRead},       {"WRITE", Role::kWrite},     {"DELETE", Role::kDelete},
     {"LIST", Role::kList},     {"RUN", Role::kRun},         {"CWD", Role::kFolder},      {"INTO", Role::kInto},
     {"HOST", Role::kHost},     {"URL", Role::kUrl},         {"REMOTE", Role::kRemote},   {"TARGET", Role::kTarget},
     {"UPLOAD", Role::kUpload}, {"COMMAND", Role::kCommand}, {"UNTIL", Role::kUntil},     {"SCRIPT", Role::kScript},
     {"CODE", Role::kCode},     {"MODULE", Role::kModule},   {"ENV", Role::kEnvironment}, {"SETTING", Role::kSetting},
     {"N", Role::kText}}};

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t'; }

template <typename Visit>
void split(std::string_view text, char separator, const Visit& visit) {
  while (true) {
    const std::size_t end = text.find(separator);
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

bool is_flag_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '=' && c != '&' && c != '!' && c != ','; });
}

bool runs_commands(Role role) {
  return role == Role::kCommand || role == Role::kUntil || role == Role::kScript || role == Role::kCode || role == Role::kModule ||
         role == Role::kRun || role == Role::kEnvironment || role == Role::kSetting;
}

void add(Does& to, const Does& more) {
  for (const model::Effect effect : more.effects) {
    if (std::find(to.effects.begin(), to.effects.end(), effect) == to.effects.end()) to.effects.push_back(effect);
  }
  to.band = std::max(to.band, more.band);
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && is_blank(text[at])) ++at;
    const std::size_t start = at;
    while (at < text.size() && !is_blank(text[at])) ++at;
    if (at > start) out.push_back(text.substr(start, at - start));
  }
  return out;
}

const Flag* find_flag(const Program& program, std::string_view name) {
  for (const Program* one = &program; one != nullptr; one = one->parent_flags ? one->parent : nullptr) {
    if (const auto found = one->flag_places.find(name); found != one->flag_places.end()) return &one->flags[found->second];
  }
  return nullptr;
}

Does CommandParser::read_does(const Node& node, std::string_view text, const std::string& what) {
  Does does;
  const auto words = words_of(text);
  const bool has_band = !words.empty() && words.back().size() == 1 && words.back()[0] >= '0' && words.back()[0] <= '3';
  if (has_band) does.band = static_cast<model::Band>(words.back()[0] - '0');
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto effect = model::effect_from_name(words[i]);
    if (!effect) {
      reader_.complain(node, "`" + std::string(words[i]) + "` is no effect; effects are read, write, delete, execute, send, admin");
      return does;
    }
    does.effects.push_back(*effect);
  }
  if (!has_band || does.effects.empty())
    reader_.complain(node, "`" + what + "` must be effects and a band", "for example `does: write send 2`");
  else if (does.effects.size() > 1 && std::find(does.effects.begin(), does.effects.end(), model::Effect::kRead) != does.effects.end())
    reader_.complain(node, "`read` stands alone: it says that the act does nothing else", "remove `read`");
  return does;
}

std::optional<Role> CommandParser::read_role(const Node& node, std::string_view word) {
  for (const auto& [name, role] : kRoles) {
    if (name == word) return role;
  }
  std::array<std::string_view, kRoles.size()> names;
  std::transform(kRoles.begin(), kRoles.end(), names.begin(), [](const auto& one) { return one.first; });
  const std::string near = yaml::nearest(word, names);
  reader_.complain(
      node, "`" + std::string(word) + "` is not what a word can be",
      near.empty() ? "TEXT, READ, WRITE, DELETE, LIST, COMMAND, ...: docs/commands.md has them all" : "did you mean `" + near + "`?");
  return std::nullopt;
}

Operands CommandParser::read_operands(const Node& node, std::string_view text) {
  Operands out;
  for (std::string_view word : words_of(text)) {
    if (word == "NONE") continue;
    if (word.ends_with("...")) {
      if (out.repeated >= 0) reader_.complain(node, "only one operand can be repeated");
      out.repeated = static_cast<int>(out.roles.size());
      word.remove_suffix(3);
    }
    const auto role = read_role(node, word);
    if (!role) return out;
    out.roles.push_back(*role);
  }
  return out;
}

void CommandParser::read_flags(const Node& node, const std::string& what, Program& program) {
  const std::string text = reader_.text(node, what);
  if (reader_.failed()) return;
  split(text, ',', [&](std::string_view one) {
    const auto words = words_of(one);
    if (words.empty() || reader_.failed()) return;
    if (words.size() == 1 && words[0] == "ANY") program.other_flags = true;
    else if (words.size() == 1 && words[0] == "-NUM") program.number_flags = true;
    else if (words.size() == 1 && words[0] == "NONE") program.takes_flags = false;
    else read_flag(node, one, program);
  });
}

void CommandParser::read_flag(const Node& node, std::string_view text, Program& program) {
  Flag flag;
  auto words = words_of(text);
  std::string_view& last = words.back();
  if (const std::size_t optional = last.find("[="); optional != std::string_view::npos && last.ends_with(']')) {
    flag.takes = Flag::Takes::kAttached;
    if (const auto role = read_role(node, last.substr(optional + 2, last.size() - optional - 3))) flag.role = *role;
    last = last.substr(0, optional);
  } else if (const std::size_t equals = last.find('='); equals != std::string_view::npos) {
    flag.takes = Flag::Takes::kValue;
    if (const auto role = read_role(node, last.substr(equals + 1))) flag.role = *role;
    last = last.substr(0, equals);
  }
  std::vector<std::string> names;
  for (const std::string_view word : words) {
    if (word.starts_with("--[no-]")) {
      names.push_back("--" + std::string(word.substr(7)));
      // Its opposite has a name of its own, so that no case takes it for the flag.
      const auto place = static_cast<std::uint16_t>(program.flags.size());
      const std::string opposite = "--no-" + std::string(word.substr(7));
      if (program.flag_places.emplace(opposite, place).second) program.flags.push_back({opposite, Flag::Takes::kNothing, Role::kText});
    } else {
      names.emplace_back(word);
    }
  }
  if (program.flags.size() + 1 >= kMaxFlags) return reader_.complain(node, "there are too many flags", {}, ErrorCode::kTooLarge);
  const auto long_one = std::find_if(names.begin(), names.end(), [](const std::string& name) { return name.starts_with("--"); });
  flag.name = long_one == names.end() ? names.front() : *long_one;
  const auto place = static_cast<std::uint16_t>(program.flags.size());
  for (const std::string& name : names) {
    if (!is_flag_name(name)) reader_.complain(node, "`" + name + "` is no flag", "write `-f --force, -o --output=WRITE`");
    if (!program.flag_places.emplace(name, place).second)
      reader_.complain(node, "the flag `" + name + "` of `" + program.name + "` is there twice");
  }
  program.can_run = program.can_run || (flag.takes != Flag::Takes::kNothing && runs_commands(flag.role));
  program.flags.push_back(std::move(flag));
}

Condition CommandParser::read_condition(const Node& node, std::string_view text, const Program& program) {
  Condition out;
  if (text.starts_with('!')) {
    out.negated = true;
    text.remove_prefix(1);
  }
  if (text == "OPERANDS") {
    out.kind = Condition::Kind::kOperands;
  } else if (text == "DASHES") {
    out.kind = Condition::Kind::kDashes;
  } else if (text.starts_with("OPERAND=")) {
    out.kind = Condition::Kind::kOperand;
    out.pattern = text.substr(8);
  } else {
    const std::size_t equals = text.find('=', 1);
    const std::string_view name = text.substr(0, equals);
    if (equals != std::string_view::npos) out.pattern = text.substr(equals + 1);
    const Flag* flag = find_flag(program, name);
    if (flag == nullptr) {
      reader_.complain(node, "`" + program.name + "` has no flag `" + std::string(name) + "`", "list it under `flags:`");
      return out;
    }
    out.flag = flag->name;
  }
  return out;
}

void CommandParser::read_outcome(const Node& node, const std::string& what, const Program& program, When& when) {
  const auto read_text = [&](const Node& at, std::string text) {
    if (text == "unknown") {
      when.unknown = true;
      return;
    }
    if (text.starts_with("only ")) {
      when.only = true;
      text.erase(0, 5);
    }
    when.has_does = true;
    when.does = read_does(at, text, what);
  };
  if (node.kind != Node::Kind::kMap) return read_text(node, reader_.text(node, what));
  yaml::Map map(reader_, node, what);
  if (const Node* does = map.find("does")) read_text(*does, reader_.text(*does, what + ".does"));
  if (const Node* operands = map.find("operands")) {
    when.has_operands = true;
    when.operands = read_operands(*operands, reader_.text(*operands, what + ".operands"));
  }
  if (const Node* here = map.find("here")) when.here = read_role(*here, reader_.text(*here, what + ".here"));
  if (const Node* values = map.find("values")) {
    if (values->kind != Node::Kind::kMap) reader_.complain(*values, "`values` must be a map from a flag to what its value is");
    for (std::size_t i = 0; i < values->keys.size() && !reader_.failed(); ++i) {
      const auto role = read_role(values->items[i], reader_.text(values->items[i], what + ".values"));
      const Flag* flag = find_flag(program, values->keys[i].text);
      if (flag == nullptr) reader_.complain(values->keys[i], "`" + program.name + "` has no flag `" + values->keys[i].text + "`");
      else if (role) when.values.emplace_back(flag->name, *role);
    }
  }
  map.close();
}

void CommandParser::read_when(const Node& node, const std::string& what, Program& program) {
  if (node.kind != Node::Kind::kMap || node.keys.size() > kMaxWhen)
    return reader_.complain(node, "`" + what + "` must be a map from conditions to what then holds", "for example `--force: delete 2`");
  for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
    When when;
    for (const std::string_view alternative : words_of(node.keys[i].text)) {
      std::vector<Condition> all;
      split(alternative, '&', [&](std::string_view one) { all.push_back(read_condition(node.keys[i], one, program)); });
      when.any.push_back(std::move(all));
    }
    read_outcome(node.items[i], what + "." + node.keys[i].text, program, when);
    const bool by_flag = std::any_of(when.any.begin(), when.any.end(), [](const auto& all) {
      return std::any_of(all.begin(), all.end(), [](const Condition& one) { return one.kind == Condition::Kind::kFlag && !one.negated; });
    });
    if (when.has_does && !when.only && by_flag) add(program.worst, when.does);
    if (when.unknown) program.can_run = true;
    const auto& roles = when.operands.roles;
    program.can_run = program.can_run || std::any_of(roles.begin(), roles.end(), runs_commands);
    program.when.push_back(std::move(when));
  }
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      retry = i;
    } else if (at < pattern.size() && (pattern[at] == text[i] || pattern[at] == '?')) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++retry;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace interlock::catalogue
