// What a run did, for those who were not there: a summary in Markdown (GitHub's step summary, GitLab's report) and the denied acts as SARIF
// 2.1.0 (OASIS; the part of it that GitHub's code scanning reads). Pure functions of the gate's own summary ("end" of surface/exec):
//   {"task","subject","agent"?,"purpose"?,"command"?:[...],"policy_revision"?,
//    "acts":{"allowed":N,"denied":N,"approved":N},
//    "denied":[{"action","resource","layer","reason","next"?,"policies":[...],"surface"?,"count":N}], "left_out"?:N}
// What an agent may have written (resources, reasons) is shown as text and never as markup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace interlock::client {

struct ReportFacts {
  std::string version;    // of interlock
  std::string workspace;  // paths below it are shown relative to it, as code scanning wants them
  std::string anchor;     // a file of the repository that findings without one are shown at: the configuration
  int status = 0;         // the command's exit code
};

std::string markdown_report(const json::object& summary, const ReportFacts& facts);
std::string sarif_report(const json::object& summary, const ReportFacts& facts);

// How many acts were denied.
std::int64_t denied_in(const json::object& summary);

}  // namespace interlock::client
