// One catalogue file being read into an Entry: the first complaint ends it, with its place. Private to the catalogue.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalogue/entry.hpp"
#include "yaml/document.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kMaxWords = 64;      // items of a small list
inline constexpr std::size_t kMaxCases = 32;      // of a tool
inline constexpr std::size_t kMaxPathParts = 16;  // of an argument path

// "path" is a member of the arguments; "/edits/*/path" is a JSON pointer in which * stands for each element.
std::optional<ArgumentPath> argument_path(std::string_view text);

// "issues/create": letters, digits, - _ . / :, and not the name of a method, which is what an unknown operation is called.
bool is_operation_name(std::string_view name);

class EntryParser {
 public:
  explicit EntryParser(const CatalogueSource& source) : reader_(source.name) { entry_.source = source.name; }
  Result<Entry> parse(const yaml::Node& root);

 private:
  using Conditions = std::vector<std::pair<ArgumentPath, std::vector<json::value>>>;
  // entry.cpp
  void read_match(const yaml::Node& node);
  void read_reads(const yaml::Node& node);
  void read_tools(const yaml::Node& node, const std::string& what, std::unordered_map<std::string, ToolEntry>& tools);
  ToolEntry read_what(yaml::Map& map, const std::string& what);
  void read_spends(const yaml::Node& node, const std::string& what, ToolEntry& tool);
  Facts read_facts(yaml::Map& map);
  void read_cases(const yaml::Node& node, const std::string& what, ToolEntry& tool);
  Conditions read_conditions(const yaml::Node& node, const std::string& what);
  std::vector<json::value> read_values(const yaml::Node& node);
  json::value read_value(const yaml::Node& node);
  // entry_resources.cpp
  std::vector<ResourceRule> read_resources(const yaml::Node& node, const std::string& what);
  ArgumentPath read_path(const yaml::Node& node, const std::string& what);
  ResourceRule read_resource(const yaml::Node& node, const std::string& what);
  void read_within(const yaml::Node& node, const std::string& what, ResourceRule& rule);
  std::string read_type(const yaml::Node& node, const std::string& what);
  IdTemplate read_template(const yaml::Node& node, const std::string& what);
  // entry_operations.cpp
  void read_connector(yaml::Map& map);
  void read_hosts(const yaml::Node& node);
  HostPattern read_host(const yaml::Node& node);
  void read_operation(const yaml::Node& name, const yaml::Node& node);
  std::vector<RequestTemplate> read_requests(const yaml::Node& node, const std::string& what);
  void settle_resources(const yaml::Node& node, const std::vector<RequestTemplate>& requests, ToolEntry& tool);

  yaml::Reader reader_;
  Entry entry_;
  std::vector<ResourceRule> usual_resources_;  // of operations that name none
  std::string usual_realm_;
};

}  // namespace interlock::catalogue
