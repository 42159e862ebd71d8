// `interlock egress`: what an agent's environment needs so that its clients take the HTTP road out, and whom they are to trust there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/egress_wiring.hpp"

namespace interlock::cli {

// The variables that send clients to the proxy at `proxy`, an address with what it takes to be known there, and make them trust it.
std::vector<std::pair<std::string, std::string>> proxy_variables(const std::string& proxy, const TrustFiles& files);

int run_egress(const Places& places, const Words& words);

}  // namespace interlock::cli
