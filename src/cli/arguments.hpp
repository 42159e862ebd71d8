// The words of a command line, taken apart: flags, options with a value, and the rest. Every verb reads its own with this.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::cli {

// Exit codes of all verbs.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;  // failed, refused, not found, not so
inline constexpr int kUsage = 2;

using Words = std::vector<std::string>;

struct Arguments {
  std::set<std::string> flags;
  std::multimap<std::string, std::string> values;  // repeated options are kept in order
  Words rest;                                      // what is no option, and all that stands after a lone "--"
  bool after_dashes = false;                       // a lone "--" was there
  std::string wrong;                               // not empty: what cannot be understood

  bool has(const std::string& flag) const { return flags.contains(flag); }
  // The first value, or nothing where the option is absent.
  std::string value(const std::string& name) const;
};

// `--json`, `--help` and `-h` (as --help) are known to every verb. Values stand in the next word or after '='.
Arguments parse_arguments(const Words& words, const std::set<std::string>& flags, const std::set<std::string>& with_value);

// Where the configuration and the state are, for all verbs alike: taken out of `words`, wherever they stand before a "--".
struct Places {
  std::string config;  // --config FILE
  std::string state;   // --state FOLDER
  std::string wrong;
};
Places take_places(Words& words);

// The one of `known` that was probably meant, as " (did you mean X?)"; empty where none is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace interlock::cli
