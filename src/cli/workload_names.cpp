#include "cli/workload_names.hpp"

namespace interlock::cli {
namespace {

std::string_view attribute(const model::Subject& subject, std::string_view name) {
  return json::string_at(subject.attributes, name).value_or("");
}

// What is not configured asks for nothing; what is configured and not known of the process does not hold.
bool holds(std::string_view wanted, std::string_view found) { return wanted.empty() || wanted == found; }

bool holds_with_prefix(std::string_view wanted, std::string_view found) {
  return wanted.ends_with('*') ? !found.empty() && found.starts_with(wanted.substr(0, wanted.size() - 1)) : holds(wanted, found);
}

bool fits(const WorkloadConfig& workload, const model::Subject& local) {
  // A file that was replaced since the process started is not the one that runs.
  const bool is_replaced = json::bool_at(local.attributes, "executable_deleted");
  if (is_replaced && !workload.executable.empty() && workload.sha256.empty()) return false;
  return holds(workload.user, attribute(local, "user")) && holds(workload.executable.string(), attribute(local, "executable")) &&
         holds(workload.sha256, attribute(local, "executable_sha256")) && holds_with_prefix(workload.cgroup, attribute(local, "cgroup"));
}

// A SPIFFE ID's path has fewer characters than a local subject's id.
std::string path_segments(std::string_view id) {
  std::string out;
  for (const char c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    out += plain || c == '/' ? c : '_';
  }
  return out;
}

}  // namespace

Result<std::vector<spiffe::SpiffeId>> workload_names(const std::string& trust_domain, const std::vector<WorkloadConfig>& workloads,
                                                     const model::Subject& local) {
  std::vector<spiffe::SpiffeId> out;
  if (workloads.empty()) {
    auto id = spiffe::SpiffeId::parse("spiffe://" + trust_domain + "/" + path_segments(local.id));
    if (!id) return fail(std::move(id.error()));
    out.push_back(std::move(*id));
    return out;
  }
  for (const auto& workload : workloads) {
    if (!fits(workload, local)) continue;
    auto id = spiffe::SpiffeId::parse(workload.id);
    if (!id) return fail(std::move(id.error()));
    out.push_back(std::move(*id));
  }
  if (out.empty())
    return fail(ErrorCode::kDenied, "no workload of the configuration is " + local.id, "add it under identity.spiffe.authority.workloads");
  return out;
}

}  // namespace interlock::cli
