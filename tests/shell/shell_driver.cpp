// Reads scripts, each ended by a NUL, and prints what is made of each as one line of JSON: {"error"} or {"commands":[{"argv":[text or
// null],"written":[...],"conditional","function","unknowable":[...],"reads","writes"}],"unknowable":[...],"tree":[...]}. --tree adds the
// shape.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "base/json.hpp"
#include "shell/commands.hpp"
#include "shell/syntax.hpp"

namespace {

using namespace interlock;
using namespace interlock::shell;

json::array tree_of(const Script& script);

std::string_view kind_name(Command::Kind kind) {
  using Kind = Command::Kind;
  switch (kind) {
    case Kind::kSimple: return "simple";
    case Kind::kSubshell: return "subshell";
    case Kind::kGroup: return "group";
    case Kind::kIf: return "if";
    case Kind::kWhile: return "while";
    case Kind::kFor: return "for";
    case Kind::kForArith: return "for";
    case Kind::kCase: return "case";
    case Kind::kFunction: return "function";
    case Kind::kArithmetic: return "arithmetic";
    case Kind::kTest: return "test";
    case Kind::kCoproc: return "coproc";
  }
  return "";
}

json::object tree_of(const Command& command) {
  const auto& redirections = command.kind == Command::Kind::kSimple ? command.simple.redirections : command.redirections;
  json::object out{{"kind", kind_name(command.kind)}, {"redirections", redirections.size()}};
  if (command.kind == Command::Kind::kSimple) {
    out["words"] = command.simple.words.size();
    out["assignments"] = command.simple.assignments.size();
  }
  json::array lists;
  for (const auto& list : command.lists) lists.push_back(tree_of(list));
  if (!lists.empty()) out["lists"] = std::move(lists);
  return out;
}

json::array tree_of(const Script& script) {
  json::array out;
  for (const auto& item : script.items) {
    json::array commands;
    for (const auto& command : item.pipeline.commands) commands.push_back(tree_of(command));
    static constexpr std::string_view kJoins[] = {";", "&&", "||", "&"};
    out.push_back(
        json::object{{"join", kJoins[static_cast<int>(item.join)]}, {"negated", item.pipeline.negated}, {"pipeline", std::move(commands)}});
  }
  return out;
}

json::value text_of(const Value& value) {
  if (!value.text || value.glob || value.may_split) return nullptr;
  return json::value(*value.text);
}

json::object facts_of(const RunCommand& run) {
  json::array argv;
  json::array written;
  for (const auto& value : run.argv) {
    argv.push_back(text_of(value));
    written.emplace_back(value.written);
  }
  json::array reasons;
  for (const auto& reason : run.unknowable) reasons.emplace_back(reason);
  json::array reads;
  json::array writes;
  for (const auto& access : run.redirections) (access.kind == Access::Kind::kRead ? reads : writes).push_back(text_of(access.path));
  return {{"argv", std::move(argv)},
          {"written", std::move(written)},
          {"conditional", run.conditional},
          {"function", run.function},
          {"unknowable", std::move(reasons)},
          {"reads", std::move(reads)},
          {"writes", std::move(writes)},
          {"cwd", run.cwd ? json::value(*run.cwd) : nullptr},
          {"input", run.input ? text_of(*run.input) : nullptr}};
}

}  // namespace

int main(int argc, char** argv) {
  const bool with_tree = argc > 1 && std::string_view(argv[1]) == "--tree";
  std::string script;
  while (std::getline(std::cin, script, '\0')) {
    const auto parsed = parse(script);
    json::object out;
    if (!parsed) {
      out["error"] = parsed.error().message;
    } else {
      const auto found = commands_of(*parsed, {.cwd = "/work", .variables = {{"HOME", "/home/dev"}}});
      json::array commands;
      for (const auto& run : found.commands) commands.push_back(facts_of(run));
      json::array reasons;
      for (const auto& reason : found.unknowable) reasons.emplace_back(reason);
      out = {{"commands", std::move(commands)}, {"unknowable", std::move(reasons)}};
      if (with_tree) out["tree"] = tree_of(*parsed);
    }
    std::printf("%s\n", json::write(out).c_str());
  }
  return 0;
}
