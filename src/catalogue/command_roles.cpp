// What the words of a command are to its program: paths, hosts, settings, code, and other commands.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "catalogue/command_code.hpp"
#include "catalogue/command_reader.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {

using shell::Value;

namespace {

Value known_value(std::string text) { return {.text = text, .written = std::move(text), .prefix = {}}; }

// Keys of settings are the same in capitals, their values are not.
std::string folded_key(std::string_view setting) {
  const std::string_view key = setting.substr(0, setting.find('='));
  return ascii_lower(key) + std::string(setting.substr(key.size()));
}

}  // namespace

void CommandReader::read_roles(const CommandLine& line, Place& place, Touched& touched, std::vector<std::string>& reasons) {
  const auto enter = [](const Value& folder, Place& from) {
    const auto reached = reach_file(folder, Access::kList, false, from);
    from.cwd =
        reached && reached->known && from.elsewhere.empty() && !folder.glob ? std::optional(reached->resource.resource.id) : std::nullopt;
  };
  touched.in_containers = line.program->elsewhere;
  for (const RoledWord& word : line.words) {
    if (word.role == Role::kFolder) enter(word.value, place);
  }
  Place into = place;
  for (const RoledWord& word : line.words) {
    if (word.role == Role::kInto) enter(word.value, into);
  }
  if (line.here) {
    const Value here{!into.cwd && !into.elsewhere.empty() ? std::optional<std::string>(".") : into.cwd, ".", false, false, {}};
    const bool changes = !line.only_shown && (*line.here == Role::kWrite || *line.here == Role::kDelete);
    const bool before = std::exchange(touched.recursive, true);
    touched.add(here, !changes ? Access::kList : *line.here == Role::kWrite ? Access::kWrite : Access::kDelete, place);
    touched.recursive = before;
  }
  for (const RoledWord& word : line.words) {
    const Value& value = word.value;
    const Place& where = word.flag.empty() ? into : place;
    switch (word.role) {
      case Role::kText:
      case Role::kFolder:
      case Role::kInto:
      case Role::kCommand:
      case Role::kUntil:
      case Role::kModule: break;
      case Role::kRead:
      case Role::kRun: touched.add(value, Access::kRead, where); break;
      case Role::kList: touched.add(value, Access::kList, where); break;
      case Role::kWrite: touched.add(value, line.only_shown ? Access::kRead : Access::kWrite, where); break;
      case Role::kDelete: touched.add(value, line.only_shown ? Access::kRead : Access::kDelete, where); break;
      case Role::kHost: {
        const auto host = value.text ? host_of(*value.text) : std::nullopt;
        if (host) touched.hosts.push_back(*host);
        else touched.unknown_hosts.push_back(value.written);
        break;
      }
      case Role::kUrl: read_url(value, place, touched); break;
      case Role::kRemote: read_remote(value, false, where, touched); break;
      case Role::kTarget: read_remote(value, !line.only_shown, where, touched); break;
      case Role::kUpload:
        // @file, name=@file, name=<file, and for some programs the file itself.
        if (!value.text) {
          if (value.prefix.empty() || value.prefix.find('@') != std::string::npos) touched.add(value, Access::kRead, where);
        } else if (const std::size_t at = value.text->find_first_of("@<");
                   at != std::string::npos && (at == 0 || (*value.text)[at - 1] == '=')) {
          touched.add(known_value(value.text->substr(at + 1, value.text->find(';', at) - at - 1)), Access::kRead, place);
        }
        break;
      case Role::kScript:
        if (value.text) touched.scripts.emplace_back(*value.text, place);
        else reasons.push_back("the command in it is only known when it runs: " + value.written);
        break;
      case Role::kCode: {
        if (!value.text) reasons.push_back("its code is only known when it runs: " + value.written);
        else if (!read_code(line.program->language, *value.text, place, touched)) reasons.push_back("what its code does cannot be told");
        break;
      }
      case Role::kEnvironment: {
        const std::string& text = value.text ? *value.text : value.prefix;
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos) break;
        const Value setting = value.text
                                  ? known_value(text.substr(equals + 1))
                                  : Value{std::nullopt, value.written.substr(std::min(value.written.size(), equals + 1)), false, false, {}};
        if (auto reason = read_variable(std::string_view(text).substr(0, equals), setting, {}, place))
          reasons.push_back(std::move(*reason));
        break;
      }
      case Role::kSetting: read_setting(line.names.front(), value, place, touched, reasons); break;
    }
  }
}

// true: it is harmless as a whole.
bool CommandReader::read_code(std::string_view language, std::string_view text, const Place& place, Touched& touched) {
  CodeReading reading = read_inline_code(book_, language, text);
  for (CodeFinding& finding : reading.findings) {
    if (finding.role == Role::kScript) {
      touched.scripts.emplace_back(std::move(finding.words.front()), place);
    } else if (finding.role == Role::kCommand) {
      std::vector<Value> argv;
      for (std::string& word : finding.words) argv.push_back(known_value(std::move(word)));
      touched.commands.emplace_back(std::move(argv), place);
    } else if (finding.role == Role::kUrl) {
      read_url(known_value(finding.words.front()), place, touched);
    } else {
      const bool before = touched.recursive;
      touched.recursive = finding.recursive;
      const Access access = finding.role == Role::kDelete  ? Access::kDelete
                            : finding.role == Role::kWrite ? Access::kWrite
                            : finding.role == Role::kList  ? Access::kList
                                                           : Access::kRead;
      touched.add(known_value(finding.words.front()), access, place);
      touched.recursive = before;
      if (finding.recursive && access == Access::kDelete)
        touched.of(access).band = std::max(touched.of(access).band, model::Band::kSensitive);
    }
  }
  return reading.harmless;
}

void CommandReader::read_url(const Value& value, const Place& place, Touched& touched) {
  const std::string& text = value.text ? *value.text : value.prefix;
  if (text.starts_with("file:"))
    return touched.add(
        known_value(text.substr(text.find_first_not_of('/', 5) == std::string::npos ? 5 : text.find_first_not_of('/', 5) - 1)),
        Access::kRead, place);
  // Of one that is not known, the host is, where the first slash after it stands there.
  const std::size_t scheme = text.find("://");
  const bool complete = value.text.has_value() || (scheme != std::string::npos && text.find('/', scheme + 3) != std::string::npos);
  const auto host = complete ? host_of(text) : std::nullopt;
  if (host && text.find_first_of("{[") == std::string::npos) touched.hosts.push_back(*host);
  else touched.unknown_hosts.push_back(value.written);
}

void CommandReader::read_remote(const Value& value, bool writes, const Place& place, Touched& touched) {
  if (!value.text && value.prefix.empty()) {
    touched.unknown_hosts.push_back(value.written);
    return touched.add(value, writes ? Access::kWrite : Access::kRead, place);
  }
  const std::string& text = value.text ? *value.text : value.prefix;
  if (text.find("://") != std::string::npos) return read_url(value, place, touched);
  // A setting of Git's remote helpers: `ext::sh -c ...` is a command.
  if (const std::size_t helper = text.find("::"); helper != std::string::npos && is_remote(text)) {
    if (text.starts_with("ext::")) touched.scripts.emplace_back(text.substr(5), place);
    touched.unknown_hosts.push_back(value.written);
    return;
  }
  if (is_remote(text)) {
    if (touched.in_containers) return;
    if (const auto host = host_of(text)) touched.hosts.push_back(*host);
    else touched.unknown_hosts.push_back(value.written);
    return;
  }
  touched.add(value, writes ? Access::kWrite : Access::kRead, place);
}

// "KEY=VALUE", or "KEY": a pattern is of a key, or of both.
bool CommandReader::is_harmless_setting(std::string_view program, std::string_view setting) const {
  const auto settings = book_.settings.find(program);
  if (settings == book_.settings.end()) return false;
  const std::string whole = folded_key(setting);
  const std::string key = whole.substr(0, whole.find('='));
  return std::ranges::any_of(settings->second.harmless,
                             [&](const std::string& pattern) { return matches(pattern, pattern.contains('=') ? whole : key); });
}

void CommandReader::read_setting(std::string_view program, const Value& value, const Place& place, Touched& touched,
                                 std::vector<std::string>& reasons) {
  const auto settings = book_.settings.find(program);
  if (settings == book_.settings.end()) return;
  const std::string text = folded_key(value.text ? *value.text : value.prefix);
  const std::size_t equals = text.find('=');
  // Of a value that is not known, the part before it can name the key, no more.
  if (value.text ? is_harmless_setting(program, text) : equals != std::string::npos && is_harmless_setting(program, text.substr(0, equals)))
    return;
  const std::string key = text.substr(0, equals);
  const bool is_script = std::ranges::any_of(settings->second.scripts, [&](const std::string& pattern) { return matches(pattern, key); });
  if (value.text && equals != std::string::npos && is_script) {
    std::string_view command = std::string_view(text).substr(equals + 1);
    if (command.starts_with('!')) command.remove_prefix(1);
    touched.scripts.emplace_back(std::string(command), place);
  }
  reasons.push_back("the setting `" + key + "` may change what runs");
}

// The names that `find` hands to a command: somewhere in its folders.
std::vector<Value> CommandReader::found_names(const CommandLine& line, const Place& place) const {
  std::vector<Value> out;
  for (const RoledWord& word : line.words) {
    if (word.role != Role::kList && word.role != Role::kRead) continue;
    Value name = word.value;
    if (name.text) {
      *name.text += "/*";
      name.glob = true;
    }
    out.push_back(std::move(name));
  }
  if (out.empty() && place.cwd) out.push_back({*place.cwd + "/*", "./*", true, false, {}});
  if (out.empty()) out.push_back({std::nullopt, "{}", false, false, "./"});
  return out;
}

// What is piped into a command that takes words from there: names that another one lists.
std::vector<Value> CommandReader::piped_names(const Around& around) const {
  const Value anything{std::nullopt, "(words from its input)", false, true, {}};
  if (around.run == nullptr || around.all == nullptr || around.run->pipe_from < 0) return {anything};
  const auto from = static_cast<std::size_t>(around.run->pipe_from);
  if (from >= around.all->size()) return {anything};
  const shell::RunCommand& run = (*around.all)[from];
  if (run.argv.empty() || !run.argv.front().text || *run.argv.front().text != "find") return {anything};
  const NamedProgram* find = book_.find("find");
  if (find == nullptr) return {anything};
  const CommandLine line = read_command_line(*find, std::span(run.argv).subspan(1));
  if (!line.known || std::find(line.flags.begin(), line.flags.end(), "-printf") != line.flags.end()) return {anything};
  return found_names(line, Place{run.cwd, {}, {}});
}

// A module of the language is a program where the catalogue says so; any other is a file that may lie beside.
std::optional<std::string> CommandReader::read_module(const CommandLine& line) const {
  if (!line.module || line.command.empty()) return std::nullopt;
  const auto language = book_.languages.find(line.program->language);
  const auto& name = line.command.front().text;
  if (name && language != book_.languages.end()) {
    const auto known = language->second.find(*name);
    if (known != language->second.end() && known->second.role == Role::kModule) return std::nullopt;
  }
  return "the catalogue has no module `" + shown(line.command.front()) + "`";
}

void CommandReader::read_nested(const CommandLine& line, const Place& place, const Around& around) {
  Place inside = place;
  if (line.program->elsewhere) {
    inside.elsewhere = line.operands.empty() ? line.program->name : line.operands.front();
    inside.cwd.reset();
  }
  for (const auto& until : line.until) {
    const auto names = found_names(line, place);
    std::vector<Value> argv;
    bool placed = !line.program->appends;
    for (const Value& word : until) {
      placed = placed || !word.text || word.text->find("{}") != std::string::npos;
      if (word.text == "{}") {
        argv.insert(argv.end(), names.begin(), names.end());
      } else if (word.text && word.text->find("{}") != std::string::npos) {
        argv.push_back({std::nullopt, word.written, false, false, word.text->substr(0, word.text->find("{}"))});
      } else {
        argv.push_back(word);
      }
    }
    if (!placed) argv.insert(argv.end(), names.begin(), names.end());
    read_argv(argv, inside, {});
  }
  if (line.command.empty() || (line.module && read_module(line))) return;
  std::vector<Value> argv = line.command;
  if (line.program->appends) {
    const auto names = piped_names(around);
    const bool placed = !line.placeholder.empty();
    if (!placed) argv.insert(argv.end(), names.begin(), names.end());
    for (std::size_t i = 0; placed && i < argv.size(); ++i) {
      const std::size_t at = argv[i].text ? argv[i].text->find(line.placeholder) : std::string::npos;
      if (at == std::string::npos) continue;
      const bool whole = *argv[i].text == line.placeholder && names.size() == 1 && names.front().text;
      argv[i] = whole ? names.front() : Value{std::nullopt, argv[i].written, false, false, argv[i].text->substr(0, at)};
    }
  }
  // ssh and watch join their words to one line for a shell.
  if (line.program->joins) {
    std::string text;
    bool known = true;
    for (const Value& word : argv) {
      known = known && word.text.has_value();
      text += (text.empty() ? "" : " ") + shown(word);
    }
    if (known) return read_script(text, inside);
  }
  Around nested;
  nested.run = around.run;
  read_argv(argv, inside, nested);
}

}  // namespace interlock::catalogue
