// An entry of the catalogue as parsed from YAML: plain data, docs/catalogue.md is its format.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "catalogue/catalogue.hpp"
#include "model/action.hpp"

namespace interlock::catalogue {

// Where in the arguments a value stands: member names, "*" for each element of an array.
using ArgumentPath = std::vector<std::string>;

// "{owner}/{repo}": texts and arguments in turn.
struct IdTemplate {
  struct Part {
    std::string text;  // used when `argument` is empty
    ArgumentPath argument;
  };
  std::vector<Part> parts;
};

struct NamedTemplate {
  std::string type;
  IdTemplate id;
};

// How one resource (or, through "*", several) is named from the arguments.
struct ResourceRule {
  enum class Kind { kFile, kFolder, kUrl, kNamed };
  Kind kind = Kind::kNamed;
  ArgumentPath argument;              // kFile, kFolder, kUrl
  NamedTemplate name;                 // kNamed
  std::vector<NamedTemplate> within;  // kNamed: containers, nearest first
  bool fold_case = false;             // kNamed: ids in lower case, where the server does not tell cases apart
  bool optional = false;              // absent: this rule names nothing, the others stand
};

struct Facts {
  std::vector<model::Effect> effects;
  model::Band band = model::Band::kSensitive;
};

// A case holds when every argument that it names is there, with one of the values listed (any value where none is listed).
struct ToolCase {
  std::vector<std::pair<ArgumentPath, std::vector<json::value>>> when;
  Facts facts;
};

struct ToolEntry {
  Facts facts;
  std::vector<ResourceRule> resources;
  std::vector<ToolCase> cases;  // the first that holds replaces `facts`
  bool result_trusted = false;
  std::vector<std::string> sensitive;  // JSON pointers
  ArgumentPath spends;                 // the argument that is an amount of money; empty: it spends nothing
  std::string private_realm;
};

struct Entry {
  std::string name;
  std::string source;  // file it came from
  bool replaces = false;
  bool relative_from_cwd = false;  // relative paths start at the server's cwd; otherwise where they start is unknown
  std::vector<std::string> packages;
  std::vector<std::string> programs;
  std::vector<std::string> urls;  // prefixes
  std::unordered_map<std::string, ToolEntry> tools;
  std::unordered_map<std::string, ToolEntry> prompts;  // those that do more than return a text
  model::Band resource_band = model::Band::kRoutine;   // resources/read, prompts/get
  bool resource_trusted = false;
  std::string private_realm;
};

Result<Entry> parse_entry(const CatalogueSource& source);

// Whether the command or URL of a configured server is one that the entry names.
bool entry_matches(const Entry& entry, const ServerBinding& server);

// What is known of a server when its arguments are read.
struct ArgumentPlace {
  std::string_view cwd;   // empty: unknown
  std::string_view home;  // empty: unknown
};

enum class Reading {
  kRead,        // `out` holds what the rule names
  kAbsent,      // the argument is not there
  kUnreadable,  // it is there, and not what the rule expects
};
Reading read_resources(const ResourceRule& rule, const json::value& args, const ArgumentPlace& place,
                       std::vector<model::NamedResource>& out);
// The amount of money that stands at `path`, a number or its text; nullopt: none that can be read.
std::optional<std::int64_t> read_amount(const json::value& args, const ArgumentPath& path);
bool case_holds(const ToolCase& one, const json::value& args);

}  // namespace interlock::catalogue
