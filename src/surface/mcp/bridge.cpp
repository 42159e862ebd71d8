#include "surface/mcp/bridge.hpp"

#include <algorithm>
#include <array>

namespace interlock::mcp {
namespace {

constexpr std::array<std::string_view, 6> kCacheable = {"server/discover", "tools/list",     "prompts/list",
                                                        "resources/list",  "resources/read", "resources/templates/list"};

// Legacy tools have object schemas and object structured content only (2025-11-25 server/tools).
void fit_tools_for_legacy(json::object& result) {
  auto* tools = result.if_contains("tools");
  if (tools == nullptr || !tools->is_array()) return;
  for (auto& tool : tools->get_array()) {
    auto* o = tool.if_object();
    if (o == nullptr) continue;
    if (const auto* schema = json::object_at(*o, "outputSchema"); schema != nullptr && json::string_at(*schema, "type") != "object")
      o->erase("outputSchema");
  }
}

}  // namespace

bool is_cacheable(std::string_view method) { return std::find(kCacheable.begin(), kCacheable.end(), method) != kCacheable.end(); }

json::object capabilities_for(const json::object& server, Revision server_revision, Revision client_revision) {
  json::object out = server;
  if (is_modern(client_revision) == is_modern(server_revision)) return out;
  if (is_modern(client_revision)) {
    out.erase("tasks");  // 2025-11-25's experiment; an extension since
    return out;
  }
  out.erase("extensions");
  return out;
}

void fit_result(std::string_view method, json::value& value, Revision server_revision, Revision client_revision,
                const json::object& server_info) {
  auto* result = value.if_object();
  if (result == nullptr) return;
  if (is_modern(client_revision)) {
    if (!result->contains("resultType")) (*result)["resultType"] = "complete";
    if (is_modern(server_revision)) return;
    if (is_cacheable(method)) {
      // A legacy server promises nothing: stale at once, and for this client alone.
      if (!result->contains("ttlMs")) (*result)["ttlMs"] = 0;
      if (!result->contains("cacheScope")) (*result)["cacheScope"] = "private";
    }
    if (!server_info.empty()) {
      auto& meta = meta_object(*result);
      if (!meta.contains({kMetaServerInfo.data(), kMetaServerInfo.size()}))
        meta[{kMetaServerInfo.data(), kMetaServerInfo.size()}] = server_info;
    }
    return;
  }
  if (!is_modern(server_revision)) return;
  result->erase("resultType");
  if (is_cacheable(method)) {
    result->erase("ttlMs");
    result->erase("cacheScope");
  }
  if (auto* meta = result->if_contains("_meta"); meta != nullptr && meta->is_object()) {
    meta->get_object().erase({kMetaServerInfo.data(), kMetaServerInfo.size()});
    if (meta->get_object().empty()) result->erase("_meta");
  }
  if (method == "tools/list") fit_tools_for_legacy(*result);
  if (method == "tools/call") {
    if (const auto* content = result->if_contains("structuredContent"); content != nullptr && !content->is_object())
      result->erase("structuredContent");
  }
}

void fit_error(std::string_view method, json::object& error, Revision server_revision, Revision client_revision) {
  if (method != "resources/read" || is_modern(server_revision) == is_modern(client_revision)) return;
  const auto code = json::int_at(error, "code").value_or(0);
  if (is_modern(client_revision) && code == kResourceNotFoundLegacy) error["code"] = -32602;
  // -32602 says more than that a resource is missing; where it says that, it names the resource (2026-07-28 server/resources).
  const auto* data = json::object_at(error, "data");
  if (!is_modern(client_revision) && code == -32602 && data != nullptr && json::string_at(*data, "uri"))
    error["code"] = kResourceNotFoundLegacy;
}

json::object capability_for(std::string_view method, const json::object& params) {
  if (method == "sampling/createMessage") return {{"sampling", json::object()}};
  if (method == "roots/list") return {{"roots", json::object()}};
  if (method != "elicitation/create") return {};
  const std::string_view mode = json::string_at(params, "mode") == "url" ? "url" : "form";
  return {{"elicitation", json::object{{mode, json::object()}}}};
}

bool can_ask(std::string_view method, const json::object& params, const json::object& client) {
  if (method == "sampling/createMessage") return client.contains("sampling");
  if (method == "roots/list") return client.contains("roots");
  if (method == "elicitation/create") {
    const auto* elicitation = json::object_at(client, "elicitation");
    if (elicitation == nullptr) return false;
    // An empty object means form mode alone (2025-11-25 client/elicitation#capabilities).
    if (json::string_at(params, "mode") == "url") return elicitation->contains("url");
    return elicitation->empty() || elicitation->contains("form") || !elicitation->contains("url");
  }
  return method == "ping";
}

void fit_ask(std::string_view method, json::object& params, Revision server_revision, Revision client_revision) {
  if (method != "elicitation/create" || is_modern(server_revision) == is_modern(client_revision)) return;
  // The identifier left with the completion notification (2026-07-28 changelog, minor 11).
  if (is_modern(client_revision)) params.erase("elicitationId");
}

}  // namespace interlock::mcp
