// YAML as JSON: plain scalars as YAML 1.2's core schema has them (§10.3); what is quoted is text. Pure.
#pragma once

#include "base/json.hpp"
#include "yaml/document.hpp"

namespace interlock::cli {

json::value json_of(const yaml::Node& node);

}  // namespace interlock::cli
