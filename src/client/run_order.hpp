// The command line of `interlock run`, read. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "client/client.hpp"

namespace interlock::client {

struct RunOrder {
  Places places;
  std::vector<std::string> argv;
  std::string purpose;
  std::optional<json::object> scope;  // the short form of task/order.hpp
  std::string lifetime;
  std::string workspace;  // absolute; empty: found by where it is called
  bool strict = false;
  bool quiet = false;
  bool verbose = false;
  bool ci = false;
  std::string approval_timeout;  // --ci: "15m"; empty: nobody is waited for
  std::string identity_token;    // the token itself; wiped by whoever sends it
  std::string summary_file;
  std::string sarif_file;
  bool fail_on_denied = false;
  bool help = false;
};

extern const char* const kRunHelp;

// kInvalid: what cannot be understood, with what to write.
Result<RunOrder> read_run_order(const Places& places, const std::vector<std::string>& words);

}  // namespace interlock::client
