// The words that a policy can use: types, action groups, context attributes, annotations. One place, so that what a request
// is turned into, what a policy is checked against, and what docs/policy-cookbook.md says cannot drift apart unnoticed.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace interlock::policy {

inline constexpr std::string_view kAgentType = "Agent";
inline constexpr std::string_view kHumanType = "Human";
inline constexpr std::string_view kActionType = "Action";
inline constexpr std::string_view kToolType = "Tool";
inline constexpr std::string_view kServerType = "Server";
inline constexpr std::string_view kFileType = "File";
inline constexpr std::string_view kFolderType = "Folder";
inline constexpr std::string_view kUrlType = "Url";
inline constexpr std::string_view kHostType = "Host";
inline constexpr std::string_view kCommandType = "Command";
inline constexpr std::string_view kWorkspaceType = "Workspace";

// The one workspace of a configuration: what lies below its folders is in Workspace::"default".
inline constexpr std::string_view kWorkspaceId = "default";

inline constexpr std::array kBuiltInTypes{kAgentType,  kHumanType, kActionType, kToolType,    kServerType,   kFileType,
                                          kFolderType, kUrlType,   kHostType,   kCommandType, kWorkspaceType};
// Names of these types come from the gate alone. A catalogue that makes one up is not believed.
inline constexpr std::array kReservedTypes{kAgentType, kHumanType, kActionType, kToolType, kServerType, kWorkspaceType};
// The types of which a resource is, or is in, nothing but its own Tool and Server.
inline constexpr std::array kClosedTypes{kAgentType, kHumanType, kActionType, kToolType, kServerType};

inline constexpr std::array<std::string_view, 13> kActionGroups{"read", "write", "delete", "execute", "send", "admin", "mcp",
                                                                "http", "exec",  "hook",   "browser", "api",  "acp"};

inline constexpr std::array<std::string_view, 14> kContextAttributes{"args",      "task",   "rate",      "approved", "surface",
                                                                     "operation", "server", "tool",      "band",     "effects",
                                                                     "known",     "now",    "sandboxed", "workspace"};

inline constexpr std::array<std::string_view, 11> kPrincipalAttributes{"id",    "owner",      "assurance", "client", "attributes",  "chain",
                                                                       "depth", "credential", "inherited", "scopes", "on_behalf_of"};

inline constexpr std::array<std::string_view, 6> kAnnotations{"id", "reason", "next", "shadow", "credential", "redact"};
// Words of the design whose work no part of the gate does yet.
inline constexpr std::array<std::string_view, 1> kPlannedAnnotations{"notify"};

// Ids that begin so belong to the rules that hold beyond all policies.
inline constexpr std::string_view kBuiltInPrefix = "interlock/";
inline constexpr std::string_view kCriticalRule = "interlock/critical-needs-approval";

// The word that `word` is most likely a misspelling of; empty where none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> words);

}  // namespace interlock::policy
