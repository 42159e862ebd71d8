// What `interlock check` found: errors, with which no gate would start, warnings, and notes.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/arguments.hpp"

namespace interlock::cli {

struct Finding {
  std::string level;  // "error", "warning", "note"
  std::string message;
  std::string hint;
};

struct Findings {
  std::vector<Finding> list;
  std::string source;  // the file; empty: the defaults
  json::object facts;  // the configuration in effect, without secrets

  void fail(const Error& error) { list.push_back({"error", error.message, error.hint}); }
  void warn(std::string message, std::string hint) { list.push_back({"warning", std::move(message), std::move(hint)}); }
  void note(std::string message, std::string hint) { list.push_back({"note", std::move(message), std::move(hint)}); }
  bool ok() const {
    return std::ranges::none_of(list, [](const Finding& one) { return one.level == "error"; });
  }
};

// Reads files, starts and writes nothing.
Findings check_configuration(const Places& places);

}  // namespace interlock::cli
