// From a run's order and the gate's answer to the view of files that the agent gets (sandbox/plan.hpp). docs/run.md is the same for people.
//
// The view holds the system read-only, the workspace, the agent's own folders, and of the home nothing else: what is not named here does
// not exist inside. The hard cases (a workspace that holds the gate's state, a Git worktree, a repository's hooks) are decided here alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "client/run_order.hpp"
#include "hosts/hosts.hpp"
#include "sandbox/plan.hpp"

namespace interlock::client {

// What the gate told (surface/exec/exec.hpp): "environment", "files", "plan", "sockets".
struct RunGrant {
  std::string run;
  std::string task;
  std::string subject;
  std::map<std::string, std::string> environment;  // proxy, authorities, INTERLOCK_TASK
  std::vector<std::pair<std::string, std::string>>
      visible;  // files of the gate that the agent needs, its authority's certificate: likewise
  std::vector<std::pair<std::string, std::string>> sockets;  // host path, path inside
  std::vector<std::string> hide;
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<std::string> seal;  // the gate's policies and catalogues
  std::vector<std::string> keep_environment;
  std::vector<std::string> servers;  // of MCP, that the gate has
  sandbox::ResourceLimits limits;
  bool strict = false;
};
Result<RunGrant> read_grant(const json::object& answer);

struct PlanFacts {
  std::string home;       // absolute; empty: there is none
  std::string folder;     // where the run was called
  std::string workspace;  // absolute
  std::string state;      // the gate's, absolute
  std::string config;     // its file; empty: none
  std::string own_program;
  std::map<std::string, std::string> environment;  // of the caller
  const hosts::Host* host = nullptr;               // the agent, where it is one that is known
};

// The folder that may be changed: the Git repository that holds `folder`, else `folder`. kDenied for a root, a home, and what holds one.
Result<std::string> find_workspace(const std::string& folder, const std::string& home);

struct MadePlan {
  sandbox::Plan plan;
  std::vector<std::string> left_out;  // variables that look like secrets; servers that do not go through the gate: for people
};
// What of the system not everybody may read, and this caller can: it is hidden inside. A look through all of /etc, which is why it can be
// done while the gate thinks.
std::vector<sandbox::Mount> system_secrets();
Result<MadePlan> make_plan(const RunOrder& order, const RunGrant& grant, const PlanFacts& facts, std::vector<sandbox::Mount> secrets);

}  // namespace interlock::client
