// Requests for the tests of the policy room: one struct that owns what an Input borrows.
#pragma once

#include <string>
#include <vector>

#include "policy/policy_engine.hpp"

namespace interlock::policy::test {

struct Case {
  model::Subject subject{.id = "agent-1",
                         .owner = "ana",
                         .assurance = model::Assurance::kBearer,
                         .client = "test 1.0",
                         .attributes = {{"uid", 1000}},
                         .chain = {},
                         .scopes = {},
                         .credential = "token",
                         .workload = {}};
  model::Task task{.id = "task_1",
                   .purpose = "tidy up",
                   .band_ceiling = model::Band::kCritical,
                   .started_ms = 1'700'000'000'000,
                   .expires_ms = 1'700'003'600'000,
                   .calls = 3,
                   .calls_last_minute = 2};
  model::ActionRequest request{
      .surface = "mcp", .server = "files", .operation = "tools/call", .target = "write_file", .args = json::object{}, .trace_parent = {}};
  model::Classification classification{.action = "filesystem/write_file",
                                       .effects = {model::Effect::kWrite},
                                       .band = model::Band::kRoutine,
                                       .resource = {"Tool", "files/write_file"},
                                       .containers = {},
                                       .known = true,
                                       .result_trusted = false,
                                       .sensitive_args = {},
                                       .further_resources = {},
                                       .private_realm = {},
                                       .parts = {}};
  bool approved = false;
  UnixMs now_ms = 1'700'000'060'000;

  Input input() const {
    return {
        .subject = subject, .task = &task, .request = request, .classification = classification, .approved = approved, .now_ms = now_ms};
  }

  Case& does(std::vector<model::Effect> effects, model::Band band = model::Band::kRoutine) {
    classification.effects = std::move(effects);
    classification.band = band;
    return *this;
  }
  // `name` is "<entry>/<tool>"; the server is called like the entry.
  Case& calls(const std::string& name, json::object args = {}) {
    const auto slash = name.find('/');
    request.server = name.substr(0, slash);
    request.target = name.substr(slash + 1);
    request.args = std::move(args);
    classification.action = name;
    classification.resource = {"Tool", name};
    classification.containers.clear();
    return *this;
  }
  Case& on(std::string type, std::string id, std::vector<model::EntityName> containers = {}) {
    classification.resource = {std::move(type), std::move(id)};
    classification.containers = std::move(containers);
    return *this;
  }
  Case& on_file(const std::string& path) { return on("File", path, folders_above(path)); }
  Case& yes() {
    approved = true;
    return *this;
  }

  static std::vector<model::EntityName> folders_above(std::string path) {
    std::vector<model::EntityName> out;
    while (path.size() > 1 && path.starts_with('/')) {
      path.resize(std::max<std::size_t>(path.rfind('/'), 1));
      out.push_back({"Folder", path});
    }
    return out;
  }
};

inline Case a_case() { return {}; }

// A file /work/a that is written.
inline Case write_of(const std::string& path) {
  Case out;
  out.request.args = json::object{{"path", path}, {"content", "x"}};
  return out.on_file(path);
}

inline Result<std::shared_ptr<const PolicyEngine>> load_text(const std::string& text, EngineOptions options = {}) {
  const std::vector<PolicySource> sources{{"policies/own.cedar", text}};
  return PolicyEngine::load(sources, std::move(options));
}

}  // namespace interlock::policy::test
