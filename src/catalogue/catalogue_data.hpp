// What a Catalogue holds, for the files that read it. Private to the catalogue.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/catalogue.hpp"
#include "catalogue/command_data.hpp"
#include "catalogue/entry.hpp"

namespace interlock::catalogue {

struct BoundServer {
  const Entry* entry = nullptr;
  std::string cwd;
  std::string home;
};

struct BoundHost {
  const HostPattern* pattern = nullptr;
  const Entry* entry = nullptr;
};

struct CatalogueData {
  std::map<std::string, Entry, std::less<>> entries;
  std::map<std::string, BoundServer, std::less<>> servers;
  // Patterns of hosts, those that say most first; the ones that are a name are found by it.
  std::map<std::string, BoundHost, std::less<>> named_hosts;
  std::vector<BoundHost> host_patterns;
  CommandBook commands;
  std::string revision;
};

// All that an unknown act might do. `read` is left out on purpose: a rule that permits reading must not reach it.
model::Classification cautious(std::string action, model::EntityName whole);

// What an entry says of one tool, prompt or operation, and what is acted on where no argument names it.
struct Listed {
  const BoundServer* server;  // null: of an HTTP API
  const ToolEntry* tool;
  std::string action;
  model::EntityName whole;
  std::vector<model::EntityName> around = {};  // what holds all of it: hosts
};
model::Classification classify_listed(const Listed& listed, const json::value& args, const Facts& facts, const json::object* definition);
// The facts of the first case that holds, or the tool's own.
const Facts& facts_of(const ToolEntry& tool, const json::value& args);

// Fills `named_hosts` and `host_patterns`. kConflict: two entries speak for the same host.
Status bind_hosts(CatalogueData& data);
model::Classification classify_http(const CatalogueData& data, const model::ActionRequest& request);

}  // namespace interlock::catalogue
