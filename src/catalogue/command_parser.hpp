// One file of programs being read into the book: the first complaint ends it, with its place. Private to the catalogue.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/command_data.hpp"
#include "yaml/document.hpp"

namespace interlock::catalogue {

class CommandParser {
 public:
  CommandParser(const CatalogueSource& source, CommandBook& book) : source_(source), reader_(source.name), book_(book) {}
  Status parse(const yaml::Node& root);

 private:
  void read_programs(const yaml::Node& node, const std::vector<std::string>& replaced);
  std::shared_ptr<Program> read_program(const yaml::Node& node, const std::string& what, std::string name, const Program* parent);
  std::vector<std::pair<std::string, std::string>> read_names(const yaml::Node& key);
  void read_verbs(const yaml::Node& node, const std::string& what, Program& program);
  void read_settings(const yaml::Node& node, const std::string& program);
  void read_languages(const yaml::Node& node);
  void read_environment(const yaml::Node& node);
  // command_words.cpp: the small notations.
  Does read_does(const yaml::Node& node, std::string_view text, const std::string& what);
  std::optional<Role> read_role(const yaml::Node& node, std::string_view word);
  Operands read_operands(const yaml::Node& node, std::string_view text);
  void read_flags(const yaml::Node& node, const std::string& what, Program& program);
  void read_flag(const yaml::Node& node, std::string_view text, Program& program);
  void read_when(const yaml::Node& node, const std::string& what, Program& program);
  void read_outcome(const yaml::Node& node, const std::string& what, const Program& program, When& when);
  Condition read_condition(const yaml::Node& node, std::string_view text, const Program& program);

  const CatalogueSource& source_;
  yaml::Reader reader_;
  CommandBook& book_;
};

// The words between blanks.
std::vector<std::string_view> words_of(std::string_view text);
// The flag of that name in the program, or in what it is a verb of; nullptr: none.
const Flag* find_flag(const Program& program, std::string_view name);

}  // namespace interlock::catalogue
