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
#include "catalogue/operation_tree.hpp"
#include "model/action.hpp"

namespace interlock::catalogue {

// Where in the arguments a value stands: member names, "*" for each element of an array.
using ArgumentPath = std::vector<std::string>;

// "{owner}/{repo}": texts and arguments in turn.
struct IdTemplate {
  struct Part {
    std::string text;  // used when `argument` is empty
    ArgumentPath argument;
    bool slashes = false;  // its value may hold slashes: the last part of a template only, so that no two names fall together
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
  std::vector<std::pair<ArgumentPath, std::vector<json::value>>> spends_hundredths;  // as ToolCase::when: then the amount is in hundredths
  std::string private_realm;
};

// An operation of an HTTP API.
struct Operation {
  std::string name;  // "issues/create"
  ToolEntry what;    // its arguments are those of HttpRoute::args, and "body" where it is read
  BodyUse body = BodyUse::kNone;
  ModelWire model = ModelWire::kNone;
  bool graphql = false;  // the body is GraphQL: cases see what it does as the argument "graphql" (catalogue/graphql.hpp)
};

// "api.github.com", "*.example.com", "{bucket*}.s3.amazonaws.com", "127.0.0.1:8080": labels, as segments of a path are. Without a port: the
// two default ones.
struct HostPattern {
  std::string text;
  std::vector<RequestTemplate::Segment> labels;
  std::optional<std::uint16_t> port;
  std::string under;  // operations see its paths below this one: "/{bucket}", with names of the labels
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
  // A connector: the hosts that it speaks for, and what their requests are.
  std::vector<HostPattern> hosts;
  std::vector<Operation> operations;
  OperationTree tree;                                               // to places in `operations`
  std::unordered_map<std::string, std::uint32_t> operation_places;  // by name
  std::vector<std::string> credential_headers;
  std::vector<std::string> credential_query;
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
std::optional<std::int64_t> read_amount(const json::value& args, const ToolEntry& tool);
bool holds(const std::vector<std::pair<ArgumentPath, std::vector<json::value>>>& when, const json::value& args);

}  // namespace interlock::catalogue
