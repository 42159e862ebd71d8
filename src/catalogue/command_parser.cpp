// From a file of programs to the book. What could be misread later is refused here, with its place.
#include "catalogue/command_parser.hpp"

#include <algorithm>

namespace interlock::catalogue {

using yaml::Map;
using yaml::Node;

namespace {

constexpr std::size_t kMaxWords = 256;       // items of a list
constexpr std::size_t kMaxPrograms = 5'000;  // of a file; verbs of a program
constexpr std::size_t kMaxVerbDepth = 6;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '/'; });
}

}  // namespace

Status CommandParser::parse(const Node& root) {
  Map map(reader_, root, "");
  const Node& version = map.require("commands");
  if (!reader_.failed()) reader_.integer(version, "commands", 1, 1);
  const auto replaced = map.texts("replaces", kMaxWords);
  const auto folders = map.texts("folders", kMaxWords);
  for (const std::string& folder : folders) {
    if (!folder.starts_with('/')) reader_.complain(*map.find("folders"), "`" + folder + "` is not absolute", "write it from `/` on");
    book_.folders.push_back(folder.ends_with('/') ? folder : folder + "/");
  }
  if (const Node* programs = map.find("programs")) read_programs(*programs, replaced);
  if (const Node* languages = map.find("languages")) read_languages(*languages);
  if (const Node* environment = map.find("environment")) read_environment(*environment);
  map.close();
  if (reader_.failed()) return fail(*reader_.error());
  return {};
}

void CommandParser::read_programs(const Node& node, const std::vector<std::string>& replaced) {
  if (node.kind != Node::Kind::kMap || node.keys.size() > kMaxPrograms)
    return reader_.complain(node, "`programs` must be a map from a program's names to what it does");
  for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
    const auto names = read_names(node.keys[i]);
    if (reader_.failed()) return;
    const std::string first = names.front().first;
    const std::shared_ptr<const Program> program = read_program(node.items[i], "programs." + first, first, nullptr);
    for (const auto& [name, canonical] : names) {
      const bool replaces = std::find(replaced.begin(), replaced.end(), name) != replaced.end();
      if (const auto before = book_.sources.find(name); before != book_.sources.end() && !replaces) {
        return reader_.complain(node.keys[i], "`" + name + "` is in " + before->second + " already",
                                "say `replaces: [" + name + "]` to take its place", ErrorCode::kConflict);
      }
      book_.programs.insert_or_assign(name, NamedProgram{canonical, program});
      book_.sources.insert_or_assign(name, source_.name);
    }
  }
}

// "python (python3 pypy) ruby": names, those in parentheses other ones of the name before them. Each with what it is called.
std::vector<std::pair<std::string, std::string>> CommandParser::read_names(const Node& key) {
  std::vector<std::pair<std::string, std::string>> out;
  bool alias = false;
  for (std::string_view word : words_of(key.text)) {
    if (word.starts_with('(') && word.size() > 1 && !out.empty()) {
      alias = true;
      word.remove_prefix(1);
    }
    const bool last = alias && word.ends_with(')');
    if (last) word.remove_suffix(1);
    if (!is_name(word)) {
      reader_.complain(key, "`" + std::string(word) + "` is no name of a program or verb",
                       "write it without a folder, as in `python (python3 pypy)`");
      return out;
    }
    out.emplace_back(word, alias ? out.back().second : std::string(word));
    if (last) alias = false;
  }
  if (out.empty() || alias) reader_.complain(key, "a program or verb needs a name, and each ( its )", "write `python (python3 pypy)`");
  return out;
}

std::shared_ptr<Program> CommandParser::read_program(const Node& node, const std::string& what, std::string name, const Program* parent) {
  auto program = std::make_shared<Program>();
  program->name = std::move(name);
  program->parent = parent;
  // `ls: read 0`: what it does is all that there is to say.
  if (node.kind == Node::Kind::kScalar) {
    program->does = read_does(node, reader_.text(node, what), what);
    program->worst = program->does;
    return program;
  }
  Map map(reader_, node, what);
  const Node& does = map.require("does");
  if (!reader_.failed()) program->does = read_does(does, reader_.text(does, what + ".does"), what + ".does");
  program->worst = program->does;
  program->single_dash = map.flag("single_dash", parent != nullptr && parent->single_dash);
  program->first_word_flags = map.flag("first_word_flags", false);
  program->flags_end = map.flag("flags_end", false);
  program->parent_flags = map.flag("parent_flags", true);
  program->transparent = map.flag("transparent", false);
  program->applets = map.flag("applets", false);
  program->elsewhere = map.flag("elsewhere", false);
  program->reads_code = map.flag("reads_code", false);
  program->appends = map.flag("appends", false);
  program->plus_words = map.flag("plus_words", false);
  program->joins = map.flag("joins", false);
  program->more_verbs = map.flag("more_verbs", false);
  program->language = map.text("language", parent == nullptr ? "" : parent->language);
  if (const Node* flags = map.find("flags")) read_flags(*flags, what + ".flags", *program);
  if (const Node* operands = map.find("operands"))
    program->operands = read_operands(*operands, reader_.text(*operands, what + ".operands"));
  if (const Node* here = map.find("here")) program->here = read_role(*here, reader_.text(*here, what + ".here"));
  if (const Node* when = map.find("when")) read_when(*when, what + ".when", *program);
  if (const Node* settings = map.find("settings")) read_settings(*settings, program->name);
  if (const Node* verbs = map.find("verbs")) read_verbs(*verbs, what + ".verbs", *program);
  map.close();
  return program;
}

void CommandParser::read_verbs(const Node& node, const std::string& what, Program& program) {
  if (node.kind != Node::Kind::kMap || node.keys.size() > kMaxPrograms)
    return reader_.complain(node, "`" + what + "` must be a map from a verb to what it does");
  std::size_t depth = 1;
  for (const Program* one = program.parent; one != nullptr; one = one->parent) ++depth;
  if (depth >= kMaxVerbDepth) return reader_.complain(node, "verbs stand too deep in one another", {}, ErrorCode::kTooLarge);
  for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
    const auto names = read_names(node.keys[i]);
    if (reader_.failed()) return;
    const std::string first = names.front().first;
    const std::shared_ptr<const Program> verb = read_program(node.items[i], what + "." + first, program.name + " " + first, &program);
    for (const auto& [name, canonical] : names) {
      if (!program.verbs.emplace(name, NamedProgram{canonical, verb}).second)
        return reader_.complain(node.keys[i], "the verb `" + name + "` is there twice");
    }
  }
}

void CommandParser::read_settings(const Node& node, const std::string& program) {
  Map map(reader_, node, "settings");
  Settings settings;
  settings.harmless = map.texts("harmless", kMaxWords);
  settings.scripts = map.texts("scripts", kMaxWords);
  map.close();
  book_.settings.insert_or_assign(program, std::move(settings));
}

void CommandParser::read_languages(const Node& node) {
  if (node.kind != Node::Kind::kMap) return reader_.complain(node, "`languages` must be a map from a language to its calls");
  for (std::size_t i = 0; i < node.keys.size() && !reader_.failed(); ++i) {
    Map map(reader_, node.items[i], "languages." + node.keys[i].text);
    TextMap<CodeCall>& calls = book_.languages[node.keys[i].text];
    for (const Node& key : node.items[i].keys) {
      CodeCall call;
      for (std::string_view word : words_of(key.text)) {
        if (word == "RECURSIVE") {
          call.recursive = true;
          continue;
        }
        if (word.ends_with("...")) {
          call.every = true;
          word.remove_suffix(3);
        }
        const auto role = read_role(key, word);
        if (!role) return;
        call.role = *role;
      }
      for (std::string& name : map.texts(key.text, kMaxWords)) calls.insert_or_assign(std::move(name), call);
    }
    map.close();
  }
}

void CommandParser::read_environment(const Node& node) {
  if (node.kind != Node::Kind::kSequence) return reader_.complain(node, "`environment` must be a list of variables and what they do");
  for (const Node& item : node.items) {
    Map map(reader_, item, "environment");
    VariableRule rule;
    map.require("names");
    rule.names = map.texts("names", kMaxWords);
    map.require("does");
    rule.kind = map.choice<VariableRule::Kind>(
        "does", VariableRule::Kind::kUnknown,
        {{"unknown", VariableRule::Kind::kUnknown}, {"SCRIPT", VariableRule::Kind::kScript}, {"folders", VariableRule::Kind::kFolders}});
    rule.of = map.texts("of", kMaxWords);
    rule.harmless = map.texts("harmless", kMaxWords);
    map.close();
    book_.environment.push_back(std::move(rule));
  }
}

bool is_command_file(const CatalogueSource& source) {
  std::string_view text = source.text;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with("commands:")) return true;
    if (!line.empty() && line.front() != '#' && !line.starts_with("---") && line.find_first_not_of(" \t\r") != std::string_view::npos)
      return false;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return false;
}

Status add_command_file(const CatalogueSource& source, CommandBook& book) {
  auto root = yaml::parse(source.text, source.name, {.size_bytes = kMaxCatalogueBytes});
  if (!root) return fail(root.error());
  return CommandParser(source, book).parse(*root);
}

const NamedProgram* CommandBook::find(std::string_view name) const {
  auto found = programs.find(name);
  // "x86_64-linux-gnu-gcc-12": for which machine it builds is no part of the name.
  if (const std::size_t machine = name.find("-linux-gnu"); found == programs.end() && machine != std::string_view::npos) {
    const std::size_t dash = name.find('-', machine + 10);
    if (dash != std::string_view::npos) return find(name.substr(dash + 1));
  }
  // "python3.11", "gcc-12", "clang-format-19": the version is no part of the name.
  if (found == programs.end() && !name.empty()) {
    std::string_view bare = name;
    while (!bare.empty() && ((bare.back() >= '0' && bare.back() <= '9') || bare.back() == '.')) bare.remove_suffix(1);
    if (bare.ends_with('-')) bare.remove_suffix(1);
    if (bare.size() < name.size() && bare.size() > 1) found = programs.find(bare);
  }
  return found == programs.end() ? nullptr : &found->second;
}

bool CommandBook::is_system_folder(std::string_view path_of_file) const {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) { return path_of_file.starts_with(folder); });
}

}  // namespace interlock::catalogue
