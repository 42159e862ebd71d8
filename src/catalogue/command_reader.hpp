// One act being taken apart: commands become parts, and what they run in turn becomes parts, too. Private to the catalogue; one act, one
// reader. What stands in an act is an agent's: depth and number are bounded, and past a bound the rest is one part that is not known.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalogue/command_data.hpp"
#include "catalogue/command_line.hpp"
#include "catalogue/command_places.hpp"
#include "model/action.hpp"
#include "shell/commands.hpp"
#include "shell/syntax.hpp"

namespace interlock::catalogue {

// What one command reads, writes, reaches and runs, before it is parts.
struct Touched {
  struct Group {
    std::vector<Reached> known;
    std::vector<std::string> unknown;  // as written
    model::Band band = model::Band::kObserve;
  };
  std::array<Group, 4> by_access;  // in the order of Access
  std::vector<std::string> hosts;
  std::vector<std::string> unknown_hosts;
  std::vector<std::pair<std::string, Place>> scripts;
  std::vector<std::pair<std::vector<shell::Value>, Place>> commands;
  bool recursive = false;
  bool in_containers = false;  // "name:path" is a path in a container, not on a host

  Group& of(Access access) { return by_access[static_cast<std::size_t>(access)]; }
  void add(const shell::Value& path, Access access, const Place& place);
};

inline constexpr std::size_t kMaxCommandParts = 2'048;  // of an act
inline constexpr int kMaxCommandNesting = 24;           // sudo env timeout sh -c ...

class CommandReader {
 public:
  explicit CommandReader(const CommandBook& book, std::map<std::string, std::string> variables = {})
      : book_(book), variables_(std::move(variables)) {}

  // What a command finds around it.
  struct Around {
    const shell::RunCommand* run = nullptr;               // null: it is started without a shell
    const std::vector<shell::RunCommand>* all = nullptr;  // the script's, for what is piped into it
    std::vector<std::string> reasons = {};                // why it may be more than it seems
  };

  void read_script(std::string_view text, const Place& place);
  // `program`: what its name stands for; null: it is looked up.
  void read_argv(std::span<const shell::Value> argv, const Place& place, Around around, const NamedProgram* program = nullptr);
  // Something that cannot be told, on `resource`.
  void add_unknown(model::NamedResource resource, json::object args, std::vector<std::string> reasons,
                   model::Band band = model::Band::kSensitive);
  // Why a variable of the environment may change what `program` runs; a command in it becomes parts. Empty `program`: whatever runs.
  // Why they change which code runs; `program` empty: whichever runs.
  std::vector<std::string> read_variables(std::span<const std::pair<std::string, shell::Value>> variables, std::string_view program,
                                          const Place& place);
  std::optional<std::string> read_variable(std::string_view name, const shell::Value& value, std::string_view program, const Place& place);
  std::vector<model::ActPart> take() { return std::move(parts_); }

 private:
  void read_command(const shell::RunCommand& run, const std::vector<shell::RunCommand>& all, const Place& place);
  void read_roles(const CommandLine& line, Place& place, Touched& touched, std::vector<std::string>& reasons);
  void read_remote(const shell::Value& value, bool writes, const Place& place, Touched& touched);
  void read_url(const shell::Value& value, const Place& place, Touched& touched);
  bool is_harmless_setting(std::string_view program, std::string_view setting) const;
  void read_setting(std::string_view program, const shell::Value& value, const Place& place, Touched& touched,
                    std::vector<std::string>& reasons);
  bool read_code(std::string_view language, std::string_view text, const Place& place, Touched& touched);
  std::optional<std::string> read_module(const CommandLine& line) const;
  void read_nested(const CommandLine& line, const Place& place, const Around& around);
  std::vector<shell::Value> found_names(const CommandLine& line, const Place& place) const;
  std::vector<shell::Value> piped_names(const Around& around) const;
  void add_command(const CommandLine& line, const Program& root, const json::object& args, std::vector<std::string> reasons);
  void add_files(const Touched& touched, const Does& does, const json::object& args);
  void add_part(model::ActPart part);
  bool is_full() const { return parts_.size() >= kMaxCommandParts; }

  const CommandBook& book_;
  std::map<std::string, std::string> variables_;
  std::vector<model::ActPart> parts_;
  std::set<std::string> seen_;
  int depth_ = 0;
};

}  // namespace interlock::catalogue
