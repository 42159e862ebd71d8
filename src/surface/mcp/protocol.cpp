#include "surface/mcp/protocol.hpp"

#include <array>

#include "base/text.hpp"

namespace interlock::mcp {
namespace {

constexpr std::array<std::string_view, 5> kRevisionNames = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"};
constexpr std::array<std::string_view, 8> kLogLevels = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
constexpr std::size_t kClientNameBytes = 128;  // it stands in every receipt

}  // namespace

std::string_view revision_name(Revision revision) { return kRevisionNames[static_cast<std::size_t>(revision)]; }

std::optional<Revision> revision_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kRevisionNames.size(); ++i) {
    if (kRevisionNames[i] == name) return static_cast<Revision>(i);
  }
  return std::nullopt;
}

json::array all_revision_names() {
  json::array names;
  for (auto it = kRevisionNames.rbegin(); it != kRevisionNames.rend(); ++it) names.emplace_back(*it);
  return names;
}

bool is_modern_error(std::int64_t code) {
  return code == kHeaderMismatch || code == kMissingClientCapability || code == kUnsupportedVersion;
}

std::optional<int> log_level_rank(std::string_view level) {
  for (std::size_t i = 0; i < kLogLevels.size(); ++i) {
    if (kLogLevels[i] == level) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::optional<std::string_view> target_member(std::string_view method) {
  if (method == "tools/call" || method == "prompts/get") return "name";
  if (method == "resources/read" || method == "resources/subscribe" || method == "resources/unsubscribe") return "uri";
  return std::nullopt;
}

std::string client_name(const json::object& client_info) {
  return std::string(utf8_prefix(json::string_at(client_info, "name").value_or(""), kClientNameBytes));
}

const json::value* meta_of(const json::object& params, std::string_view key) {
  const auto* meta = json::object_at(params, "_meta");
  return meta == nullptr ? nullptr : json::find(*meta, key);
}

json::object& meta_object(json::object& params) {
  auto& meta = params["_meta"];
  if (!meta.is_object()) meta = json::object();
  return meta.get_object();
}

}  // namespace interlock::mcp
