#include "cli/policy_verb_parts.hpp"

#include <algorithm>
#include <set>

#include "approval/display.hpp"
#include "cli/config.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {

using approval::printable;

Result<std::vector<cedar::PolicySource>> read_policy_files(const Words& words) {
  const std::vector<std::filesystem::path> paths(words.begin(), words.end());
  auto read = policy::read_sources(paths);
  if (!read) return fail(std::move(read.error()));
  std::vector<cedar::PolicySource> out;
  for (auto& source : *read) out.push_back({std::move(source.name), std::move(source.text)});
  return out;
}

Result<cedar::Schema> read_schema_file(const std::string& file, std::vector<cedar::Diagnostic>* all) {
  auto text = read_text_file(file, kMaxToolFileBytes);
  if (!text) return fail(std::move(text.error()));
  const cedar::PolicySource source{file, std::move(*text)};
  return file.ends_with(".json") ? cedar::Schema::parse_json(source, all) : cedar::Schema::parse(source, all);
}

Result<cedar::PolicySet> load_policies(std::span<const cedar::PolicySource> sources, std::vector<cedar::Diagnostic>* all) {
  auto set = cedar::PolicySet::parse(sources, {}, all);
  if (!set) return set;
  std::set<std::string_view> ids;
  for (const cedar::Policy& policy : set->policies()) {
    const auto id = policy.annotation("id");
    if (!id || id->empty() || !ids.insert(*id).second) return set;
  }
  return cedar::PolicySet::parse(sources, {.id_from_annotation = true}, all);
}

std::string shown(const cedar::Diagnostic& diagnostic, std::string_view level) {
  std::string out = printable(diagnostic.source);
  if (diagnostic.line > 0) out += ':' + std::to_string(diagnostic.line) + ':' + std::to_string(diagnostic.column);
  out.append(": ").append(level).append(": ").append(printable(diagnostic.message)) += '\n';
  if (!diagnostic.source_line.empty() && diagnostic.column <= diagnostic.source_line.size() + 1) {
    // What stands before the fault is shown as it is printed, so that the caret stands under the fault.
    std::string line = diagnostic.source_line;
    std::ranges::replace(line, '\t', ' ');
    const auto before = printable(std::string_view(line).substr(0, diagnostic.column - 1));
    const auto width = std::ranges::count_if(before, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    out += "  " + before + printable(std::string_view(line).substr(diagnostic.column - 1)) + "\n  " +
           std::string(static_cast<std::size_t>(width), ' ') + "^\n";
  }
  if (!diagnostic.hint.empty()) out += "  hint: " + printable(diagnostic.hint) + '\n';
  return out;
}

json::object described(const cedar::Diagnostic& diagnostic, std::string_view level) {
  return {{"level", level},
          {"file", diagnostic.source},
          {"line", diagnostic.line},
          {"column", diagnostic.column},
          {"message", diagnostic.message},
          {"hint", diagnostic.hint}};
}

}  // namespace interlock::cli
