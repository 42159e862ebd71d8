// Which variables of the caller's environment an agent gets: those that say how to show things and where programs are, those that its host
// needs, those that the configuration names. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hosts/hosts.hpp"

namespace interlock::client {

struct KeptEnvironment {
  std::map<std::string, std::string> kept;
  std::vector<std::string> secrets;  // names that were left out and look like secrets
};
KeptEnvironment keep_environment(const std::map<std::string, std::string>& all, const hosts::Host* host,
                                 const std::vector<std::string>& configured);

}  // namespace interlock::client
