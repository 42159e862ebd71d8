// Requests with the verdicts they should get, in YAML files beside the policies: `interlock policy test` and `explain` read them.
// docs/policy-tools.md tells the format.
//
// A case is either an act as a gate sees it (server, tool, args ...), classified by the catalogue and decided by a policy engine,
// or a plain Cedar request (principal, action, resource, context).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "catalogue/catalogue.hpp"
#include "cedar/cedar.hpp"
#include "cedar/schema.hpp"
#include "cli/arguments.hpp"
#include "model/action.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::cli {

struct PolicyCase {
  std::string name;
  std::string place;  // "file:line"
  bool is_plain = false;

  // an act
  model::Subject subject;
  model::ActionRequest request;
  model::Task task;
  bool approved = false;
  UnixMs now_ms = 0;

  // a plain request
  cedar::EntityUid principal;
  cedar::EntityUid action;
  cedar::EntityUid resource;
  json::value context;

  // what it should get
  std::string expect;                              // "allow", "deny", "step_up"
  std::optional<std::vector<std::string>> by;      // exactly these determining policies
  std::optional<std::vector<std::string>> errors;  // exactly these policies fail
  std::string reason;                              // a part of the reason
};

// What a case got.
struct CaseResult {
  std::string verdict;
  std::vector<std::string> by;
  std::vector<std::string> errors;  // "id: message"
  std::string reason;
  std::string next;
};

// One file: its cases, and what they are decided by.
struct PolicyCaseFile {
  std::string name;
  std::vector<PolicyCase> cases;
  std::vector<cedar::PolicySource> sources;
  std::vector<std::string> workspace;  // absolute folders

  // Loaded where some case needs it.
  std::shared_ptr<const policy::PolicyEngine> engine;
  std::shared_ptr<const catalogue::Catalogue> catalogue;
  cedar::PolicySet set;
  cedar::Entities entities;
  std::optional<cedar::Schema> schema;
};

// Relative paths start at the file's folder. A file without cases is refused.
Result<PolicyCaseFile> read_policy_cases(const std::filesystem::path& file);
// The files that the words name; of a folder its *.yaml and *.yml, sorted by name.
Result<std::vector<std::filesystem::path>> policy_case_files(const Words& words);

Result<CaseResult> decide(const PolicyCaseFile& file, const PolicyCase& one);
// The request of a plain case; its context is built in `arena`.
Result<cedar::Request> plain_request(const PolicyCaseFile& file, const PolicyCase& one, cedar::ValueArena& arena);
// What differs from what is expected, a line each; empty: nothing.
std::vector<std::string> differences(const PolicyCase& one, const CaseResult& got);

}  // namespace interlock::cli
