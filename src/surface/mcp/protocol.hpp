// The Model Context Protocol's words: revisions, reserved _meta keys, error codes, which method belongs to which era.
//
// Source: modelcontextprotocol.io specification, revisions 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28.
// "Legacy" revisions open with an initialize handshake, the "modern" one carries everything on each request
// (2026-07-28 basic/versioning, Terminology). Pure data; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace interlock::mcp {

enum class Revision : std::uint8_t { k2024_11_05, k2025_03_26, k2025_06_18, k2025_11_25, k2026_07_28 };

inline constexpr Revision kNewestLegacy = Revision::k2025_11_25;
inline constexpr Revision kModern = Revision::k2026_07_28;

std::string_view revision_name(Revision revision);
std::optional<Revision> revision_from_name(std::string_view name);
inline bool is_modern(Revision revision) { return revision == kModern; }
json::array all_revision_names();

// _meta keys reserved by 2026-07-28 basic/index#_meta.
inline constexpr std::string_view kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kMetaClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kMetaClientCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kMetaLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kMetaServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kMetaSubscription = "io.modelcontextprotocol/subscriptionId";
inline constexpr std::string_view kMetaProgressToken = "progressToken";
// Ours: the id of the act in the ledger, on every mediated result.
inline constexpr std::string_view kMetaTask = "interlock/task";  // of a request: the task it belongs to. No server sees it
inline constexpr std::string_view kMetaAct = "interlock/act";

// Error codes of 2026-07-28 basic/index#error-codes, and of earlier revisions.
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingClientCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;
inline constexpr int kResourceNotFoundLegacy = -32002;
// Ours, outside the range that JSON-RPC reserves.
inline constexpr int kDenied = -31001;
inline constexpr int kApprovalRefused = -31002;
inline constexpr int kQuarantined = -31003;
inline constexpr int kServerFailed = -31005;
inline constexpr int kOverloaded = -31006;

bool is_modern_error(std::int64_t code);  // one that only a modern server sends

// The syslog order of logging levels, or nullopt.
std::optional<int> log_level_rank(std::string_view level);

// The member that names the target of a mediated request: "name" for tools/call and prompts/get, "uri" for resources/*.
std::optional<std::string_view> target_member(std::string_view method);

// What a client calls itself, for receipts and people: bounded, never trusted.
std::string client_name(const json::object& client_info);

// Value of `params._meta.<key>`, or nullptr.
const json::value* meta_of(const json::object& params, std::string_view key);
json::object& meta_object(json::object& params);  // created where absent

}  // namespace interlock::mcp
