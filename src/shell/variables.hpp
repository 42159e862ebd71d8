// What is known of a shell's state at one place of a script: variables, positional parameters, the folder, functions. Private to the room.
// Copied where a branch begins, joined where it ends: what two ways do not agree on is not known.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shell/syntax.hpp"

namespace interlock::shell {

struct State {
  // A name that is not here was set by whoever started the shell, or by nobody. nullopt: set to what is not known.
  std::map<std::string, std::optional<std::string>> variables;
  std::optional<std::vector<std::string>> positional;  // $1, ...; nullopt: not known
  std::optional<std::string> cwd;
  std::map<std::string, std::shared_ptr<const Command>> functions;
  std::set<std::string> perhaps_functions;  // defined on some ways only
  bool stops_on_failure = false;            // set -e: a cd that fails ends it

  // nullopt: not known.
  std::optional<std::string> value_of(std::string_view name) const {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : found->second;
  }
  void set(const std::string& name, std::optional<std::string> value) { variables[name] = std::move(value); }
  void forget_all() {
    for (auto& [_, value] : variables) value.reset();
    positional.reset();
    cwd.reset();
  }
  // After this way or the other.
  void join(const State& other) {
    for (auto& [name, value] : variables) {
      const auto found = other.variables.find(name);
      if (found == other.variables.end() || found->second != value) value.reset();
    }
    for (const auto& [name, value] : other.variables) {
      if (!variables.contains(name)) variables.emplace(name, std::nullopt);
    }
    if (positional != other.positional) positional.reset();
    if (cwd != other.cwd) cwd.reset();
    for (const auto& [name, body] : other.functions) {
      const auto found = functions.find(name);
      if (found == functions.end() || found->second != body) perhaps_functions.insert(name);
      functions.emplace(name, body);
    }
    for (const auto& [name, _] : functions)
      if (!other.functions.contains(name)) perhaps_functions.insert(name);
    stops_on_failure = stops_on_failure && other.stops_on_failure;
  }
};

}  // namespace interlock::shell
